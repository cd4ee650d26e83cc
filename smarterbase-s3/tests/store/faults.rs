//! What one put truly did under each fault, found out by the protocol's put machine.
//!
//! `object_store` with its own retries answers `AlreadyExists`, `Precondition` or `Generic` for writes that were applied.
//! Here each request meets its fault once, and the machine must end with the truth. Time is virtual, except behind a
//! proxy.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use smarterbase_core::{
    document::Version,
    format::{Envelope, Nonce, envelope::open},
    port::{CasStore, Clock, Rng, StoreErrorKind, SystemClock, SystemRng},
    protocol::{Deadline, PutMachine, PutOutcome, drive},
};
use smarterbase_s3::Credentials;
use smarterbase_testkit::{
    TestClock,
    server::{
        in_process::{Fault, InProcessS3, Request},
        proxy::{Mode, Proxy},
        s3::{ACCESS_KEY, BUCKET, S3Server, SECRET_KEY},
    },
};

use crate::place::{in_process, key};

const PATH: &str = "users/1.json";
/// How long a write may take: several timeouts of one request (10 s).
const DEADLINE: Duration = Duration::from_secs(60);

fn nonce() -> Nonce {
    let rng: &dyn Rng = &SystemRng;
    rng.nonce()
}

/// A write that replaces `base`, and the id by which its version is known.
fn write(base: Option<&(Version, Envelope)>) -> (PutMachine, Nonce) {
    let first = Envelope::first(nonce());
    let envelope = Envelope {
        write: nonce(),
        rev: base.map_or(1, |(_, envelope)| envelope.rev + 1),
        prev: base.map_or_else(Vec::new, |(_, envelope)| envelope.lineage()),
        ..first
    };
    let id = envelope.write;
    let machine = PutMachine::new(key(PATH), base.cloned(), envelope, b"{\"a\":1}");
    (machine, id)
}

async fn run(store: &dyn CasStore, clock: &dyn Clock, machine: PutMachine) -> PutOutcome {
    let at = clock.elapsed() + DEADLINE;
    drive(store, clock, &SystemRng, Deadline { at }, machine).await
}

/// The object at [`PATH`] as the server holds it.
fn stored(s3: &InProcessS3) -> Option<Envelope> {
    s3.memory()
        .object(BUCKET, &format!("app/{PATH}"))
        .map(envelope)
}

fn envelope(bytes: Bytes) -> Envelope {
    open(&bytes).unwrap().envelope
}

/// Puts the first version and returns it as the base of an update.
async fn seed(s3: &InProcessS3) -> (Version, Envelope) {
    let store = in_process(s3);
    let clock = TestClock::new();
    let (machine, _) = write(None);
    match run(&store, &clock, machine).await {
        PutOutcome::Applied(Some(version)) => (version, stored(s3).unwrap()),
        other => panic!("{other:?}"),
    }
}

/// Both kinds of put meet `fault` once. Both must end as applied, with this many requests, and be what is stored.
async fn is_applied_after(fault: Fault, requests: usize) {
    for is_update in [false, true] {
        let healthy = InProcessS3::new();
        let base = if is_update {
            Some(seed(&healthy).await)
        } else {
            None
        };
        let faulty = healthy.with_faults(move |request: &Request| match request.number {
            0 => fault,
            _ => Fault::Pass,
        });
        let clock = TestClock::new();
        let (machine, id) = write(base.as_ref());
        let outcome = run(&in_process(&faulty), &clock, machine).await;
        let row = format!("{fault:?}, update: {is_update}");
        assert!(
            matches!(outcome, PutOutcome::Applied(_)),
            "{row}: {outcome:?}"
        );
        let stored = stored(&healthy).unwrap();
        assert_eq!(stored.write, id, "{row}");
        assert_eq!(stored.rev, if is_update { 2 } else { 1 }, "{row}");
        assert_eq!(
            faulty.requests().count(),
            requests,
            "{row}: {:?}",
            faulty.requests().all()
        );
    }
}

/// A put and the reading back that finds it.
const PUT_AND_READ: usize = 2;
/// A put, the reading back that does not find it, and the put again.
const PUT_READ_PUT: usize = 3;

#[tokio::test(start_paused = true)]
async fn a_put_without_a_fault_is_one_request() {
    is_applied_after(Fault::Pass, 1).await;
    is_applied_after(Fault::Delay(Duration::from_secs(5)), 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_reply_lost_after_the_commit_is_applied() {
    is_applied_after(Fault::LoseReply, PUT_AND_READ).await;
    is_applied_after(Fault::CloseBeforeReply, PUT_AND_READ).await;
}

#[tokio::test(start_paused = true)]
async fn a_500_after_the_commit_is_applied() {
    is_applied_after(
        Fault::StatusAfter(StatusCode::INTERNAL_SERVER_ERROR),
        PUT_AND_READ,
    )
    .await;
    is_applied_after(Fault::StatusAfter(StatusCode::BAD_GATEWAY), PUT_AND_READ).await;
    is_applied_after(
        Fault::StatusAfter(StatusCode::SERVICE_UNAVAILABLE),
        PUT_AND_READ,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_500_before_the_commit_is_sent_again() {
    is_applied_after(
        Fault::Status(StatusCode::INTERNAL_SERVER_ERROR),
        PUT_READ_PUT,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_503_is_sent_again() {
    is_applied_after(Fault::Status(StatusCode::SERVICE_UNAVAILABLE), PUT_READ_PUT).await;
    is_applied_after(Fault::Status(StatusCode::TOO_MANY_REQUESTS), PUT_READ_PUT).await;
}

/// For a create too, where `object_store` says `AlreadyExists` although nothing exists.
#[tokio::test(start_paused = true)]
async fn a_409_is_sent_again() {
    is_applied_after(Fault::Status(StatusCode::CONFLICT), PUT_READ_PUT).await;
}

#[tokio::test(start_paused = true)]
async fn s19_a_rejection_that_is_the_echo_of_the_own_put_is_applied() {
    is_applied_after(
        Fault::StatusAfter(StatusCode::PRECONDITION_FAILED),
        PUT_AND_READ,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_or_refused_connection_is_sent_again() {
    is_applied_after(Fault::Reset, PUT_READ_PUT).await;
    is_applied_after(Fault::Refuse, PUT_READ_PUT).await;
}

#[tokio::test(start_paused = true)]
async fn a_blackhole_ends_with_the_timeout_and_the_truth() {
    is_applied_after(Fault::Hang, PUT_READ_PUT).await;
    is_applied_after(Fault::HangAfter, PUT_AND_READ).await;
}

/// The first put lands long after its client gave up: the put that was sent again has made it harmless.
#[tokio::test(start_paused = true)]
async fn a_put_that_lands_late_changes_nothing() {
    for is_update in [false, true] {
        let healthy = InProcessS3::new();
        let base = if is_update {
            Some(seed(&healthy).await)
        } else {
            None
        };
        let faulty = healthy.with_faults(|request: &Request| match request.number {
            0 => Fault::ApplyLater(Duration::from_secs(30)),
            _ => Fault::Pass,
        });
        let clock = TestClock::new();
        let (machine, id) = write(base.as_ref());
        let outcome = run(&in_process(&faulty), &clock, machine).await;
        assert!(matches!(outcome, PutOutcome::Applied(_)), "{outcome:?}");
        let before = stored(&healthy);
        assert_eq!(before.as_ref().map(|envelope| envelope.write), Some(id));
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(stored(&healthy), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_put_that_another_writer_beat_is_lost() {
    let s3 = InProcessS3::new();
    let base = seed(&s3).await;
    let clock = TestClock::new();
    let store = in_process(&s3);
    let ((winner, winners_id), (loser, _)) = (write(Some(&base)), write(Some(&base)));
    let won = run(&store, &clock, winner).await;
    assert!(matches!(won, PutOutcome::Applied(Some(_))), "{won:?}");
    match run(&store, &clock, loser).await {
        PutOutcome::Lost(Some(object)) => assert_eq!(envelope(object.bytes).write, winners_id),
        other => panic!("{other:?}"),
    }
    let (late_creator, _) = write(None);
    match run(&store, &clock, late_creator).await {
        PutOutcome::Lost(Some(object)) => assert_eq!(envelope(object.bytes).write, winners_id),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_leaves_the_outcome_unknown() {
    let s3 = InProcessS3::new();
    let faulty = s3.with_faults(|_: &Request| Fault::LoseReply);
    let clock = TestClock::new();
    let (machine, id) = write(None);
    match run(&in_process(&faulty), &clock, machine).await {
        PutOutcome::Unknown(error) => assert_eq!(error.kind, StoreErrorKind::Unavailable),
        other => panic!("{other:?}"),
    }
    // It was applied: to say that it failed would have been wrong.
    assert_eq!(stored(&s3).map(|envelope| envelope.write), Some(id));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_ends_at_once() {
    for (status, kind) in [
        (StatusCode::FORBIDDEN, StoreErrorKind::Denied),
        (StatusCode::PAYLOAD_TOO_LARGE, StoreErrorKind::Invalid),
        (StatusCode::INSUFFICIENT_STORAGE, StoreErrorKind::Full),
        (StatusCode::NOT_IMPLEMENTED, StoreErrorKind::Unsupported),
    ] {
        let s3 = InProcessS3::new().with_faults(move |_: &Request| Fault::Status(status));
        let clock = TestClock::new();
        let (machine, _) = write(None);
        match run(&in_process(&s3), &clock, machine).await {
            PutOutcome::Refused(error) => assert_eq!(error.kind, kind, "{status}"),
            other => panic!("{status}: {other:?}"),
        }
        assert_eq!(s3.requests().count(), 1, "{status}");
    }
}

/// The same over real connections, through a proxy that breaks the next request.
#[tokio::test]
async fn over_tcp_each_break_ends_with_the_truth() {
    let server = S3Server::start().await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let store = through(&proxy, &server, Duration::from_millis(700));
    let internal_error = Mode::http_status(StatusCode::INTERNAL_SERVER_ERROR);
    let slow_down = Mode::http_status(StatusCode::SERVICE_UNAVAILABLE);
    let mut base = None;
    for mode in [
        Mode::LoseReply,
        Mode::CloseBeforeReply,
        Mode::Replace(internal_error),
        Mode::Reject(slow_down),
        Mode::Reset,
        Mode::Blackhole,
    ] {
        let (machine, id) = write(base.as_ref());
        proxy.once(mode.clone());
        let outcome = run(&store, &SystemClock, machine).await;
        assert!(
            matches!(outcome, PutOutcome::Applied(_)),
            "{mode:?}: {outcome:?}"
        );
        let object = store.get(&key(PATH)).await.unwrap().unwrap();
        let stored = envelope(object.bytes);
        assert_eq!(stored.write, id, "{mode:?}");
        base = Some((object.version, stored));
    }
}

#[tokio::test]
async fn a_truncated_get_is_an_error_and_never_a_shorter_object() {
    let server = S3Server::start().await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let store = through(&proxy, &server, Duration::from_secs(5));
    let body = vec![b'x'; 300_000];
    server
        .memory()
        .put(BUCKET, "app/users/1.json", body.clone());
    proxy.once(Mode::Truncate(100_000));
    let error = store.get(&key(PATH)).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable, "{error}");
    let again = store.get(&key(PATH)).await.unwrap().unwrap();
    assert_eq!(again.bytes, body);
}

fn through(proxy: &Proxy, server: &S3Server, timeout: Duration) -> smarterbase_s3::ObjectStorage {
    let url = server.url("app");
    let (front, back) = (proxy.address().port(), server.address().port());
    let url = url.replace(&back.to_string(), &front.to_string());
    assert_ne!(url, server.url("app"));
    smarterbase_s3::ObjectStoreOptions::from_url(&url)
        .unwrap()
        .with_credentials(Credentials::access_key(ACCESS_KEY, SECRET_KEY))
        .with_request_timeout(timeout)
        .connect()
        .unwrap()
}
