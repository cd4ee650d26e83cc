//! What `object_store` says, with its own retries on, when a put meets a fault, beside what is true.
//!
//! This is why the engine switches those retries off and reads back: in half of the lines below the answer is not the
//! outcome. Each line runs twice, over a proxy on real sockets and in process under virtual time, and both agree, which
//! is what lets the in-process store stand for a real one.

use std::time::Duration;

use http::StatusCode;
use object_store::{
    ClientOptions, Error, ObjectStore, ObjectStoreExt, PutMode, PutResult, RetryConfig,
    UpdateVersion,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use smarterbase_testkit::server::{
    in_process::{Fault, InProcessS3, Request},
    proxy::{Mode, Proxy},
    s3::{BUCKET, MemoryS3, S3Server},
};

const KEY: &str = "a.json";
/// The client's own limit for one attempt.
const TIMEOUT: Duration = Duration::from_secs(2);
const ERROR: StatusCode = StatusCode::INTERNAL_SERVER_ERROR;
const BUSY: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
const CONFLICT: StatusCode = StatusCode::CONFLICT;

/// What the caller asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Put {
    Overwrite,
    Create,
    Update,
}

/// What the caller is told.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Done,
    AlreadyExists,
    Precondition,
    Generic,
}

/// What is true.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Stored {
    Nothing,
    Old,
    New,
}

/// One line: what the caller was told, what is true, and how many requests the server's side saw.
type Line = (Told, Stored, usize);

/// The two tests of each line: `told`, `stored` and `requests` for each kind of put.
macro_rules! table {
    ($($name:ident: $proxy:expr, $in_process:expr, $put:ident => $told:ident, $stored:ident, $requests:literal;)*) => {
        mod over_tcp {
            use super::{Mode, Put, Stored, Told};
            $(#[tokio::test]
            async fn $name() {
                let line = super::over_tcp_line($proxy, Put::$put).await;
                assert_eq!(line, (Told::$told, Stored::$stored, $requests));
            })*
        }

        mod under_virtual_time {
            use super::{Fault, Put, Stored, Told};
            $(#[tokio::test(start_paused = true)]
            async fn $name() {
                let line = super::in_process_line($in_process, Put::$put).await;
                assert_eq!(line, (Told::$told, Stored::$stored, $requests));
            })*
        }
    };
}

table! {
    late_overwrite: Mode::Latency(super::LATE), Fault::Delay(super::LATE), Overwrite => Done, New, 1;
    late_create: Mode::Latency(super::LATE), Fault::Delay(super::LATE), Create => Done, New, 1;
    late_update: Mode::Latency(super::LATE), Fault::Delay(super::LATE), Update => Done, New, 1;

    // Nothing was written, but it looks the same as a lost reply.
    reset_overwrite: Mode::Reset, Fault::Reset, Overwrite => Done, New, 2;
    reset_create: Mode::Reset, Fault::Reset, Create => Generic, Nothing, 1;
    reset_update: Mode::Reset, Fault::Reset, Update => Generic, Old, 1;

    // It was written, and the caller hears of a failure.
    lost_reply_overwrite: Mode::LoseReply, Fault::LoseReply, Overwrite => Done, New, 2;
    lost_reply_create: Mode::LoseReply, Fault::LoseReply, Create => Generic, New, 1;
    lost_reply_update: Mode::LoseReply, Fault::LoseReply, Update => Generic, New, 1;

    // It was written, and the repetition reports the caller's own write as somebody else's.
    closed_before_reply_overwrite: Mode::CloseBeforeReply, Fault::CloseBeforeReply, Overwrite => Done, New, 2;
    closed_before_reply_create: Mode::CloseBeforeReply, Fault::CloseBeforeReply, Create => AlreadyExists, New, 2;
    closed_before_reply_update: Mode::CloseBeforeReply, Fault::CloseBeforeReply, Update => Precondition, New, 2;
    error_after_overwrite: super::replaced(super::ERROR), Fault::StatusAfter(super::ERROR), Overwrite => Done, New, 2;
    error_after_create: super::replaced(super::ERROR), Fault::StatusAfter(super::ERROR), Create => AlreadyExists, New, 2;
    error_after_update: super::replaced(super::ERROR), Fault::StatusAfter(super::ERROR), Update => Precondition, New, 2;

    busy_overwrite: super::rejected(super::BUSY), Fault::Status(super::BUSY), Overwrite => Done, New, 2;
    busy_create: super::rejected(super::BUSY), Fault::Status(super::BUSY), Create => Done, New, 2;
    busy_update: super::rejected(super::BUSY), Fault::Status(super::BUSY), Update => Done, New, 2;

    // AWS answers 409 to say "try again"; only an update does, the others report an object that is not there.
    conflict_overwrite: super::rejected(super::CONFLICT), Fault::Status(super::CONFLICT), Overwrite => AlreadyExists, Old, 1;
    conflict_create: super::rejected(super::CONFLICT), Fault::Status(super::CONFLICT), Create => AlreadyExists, Nothing, 1;
    conflict_update: super::rejected(super::CONFLICT), Fault::Status(super::CONFLICT), Update => Done, New, 2;

    unanswered_overwrite: Mode::Blackhole, Fault::Hang, Overwrite => Done, New, 2;
    unanswered_create: Mode::Blackhole, Fault::Hang, Create => Generic, Nothing, 1;
    unanswered_update: Mode::Blackhole, Fault::Hang, Update => Generic, Old, 1;
}

const LATE: Duration = Duration::from_millis(20);

#[tokio::test(start_paused = true)]
async fn a_create_that_is_applied_and_never_answered_is_generic() {
    let line = in_process_line(Fault::HangAfter, Put::Create).await;
    assert_eq!(line, (Told::Generic, Stored::New, 1));
}

#[tokio::test(start_paused = true)]
async fn an_update_that_always_conflicts_already_exists_after_all_retries() {
    let s3 = InProcessS3::new();
    let version = prepare(s3.memory(), s3.client(), Put::Update).await;
    let harmed = s3.with_faults(|_: &Request| Fault::Status(CONFLICT));
    let told = told(put(&patient(harmed.client()), version).await);
    assert_eq!((told, harmed.requests().count()), (Told::AlreadyExists, 4));
    assert_eq!(stored(s3.memory()), Stored::Old);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_lands_late_lands_after_its_client_was_told_of_a_failure() {
    let s3 = InProcessS3::new();
    let harmed = s3.with_faults(|_: &Request| Fault::ApplyLater(Duration::from_secs(60)));
    let told = told(put(&patient(harmed.client()), PutMode::Create).await);
    assert_eq!(
        (told, stored(s3.memory())),
        (Told::Generic, Stored::Nothing)
    );
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(stored(s3.memory()), Stored::New);
}

#[tokio::test]
async fn a_get_cut_off_in_the_middle_is_resumed() {
    let body = vec![b'x'; 300_000];
    let server = S3Server::start().await.unwrap();
    server.memory().put(BUCKET, KEY, body.clone());
    let proxy = Proxy::start(server.address()).await.unwrap();
    proxy.once(Mode::Truncate(100_000));
    let read = patient(through(&server, &proxy))
        .get(&Path::from(KEY))
        .await
        .unwrap();
    assert_eq!(read.bytes().await.unwrap(), body);
    assert_eq!(proxy.requests(), 2);
}

/// One line of the table, through a proxy whose next request meets `mode`.
async fn over_tcp_line(mode: Mode, kind: Put) -> Line {
    let server = S3Server::start().await.unwrap();
    let version = prepare(server.memory(), server.client(), kind).await;
    let proxy = Proxy::start(server.address()).await.unwrap();
    proxy.once(mode);
    let told = told(put(&patient(through(&server, &proxy)), version).await);
    (told, stored(server.memory()), proxy.requests())
}

/// One line of the table, in process, where the first request meets `fault`.
async fn in_process_line(fault: Fault, kind: Put) -> Line {
    let s3 = InProcessS3::new();
    let version = prepare(s3.memory(), s3.client(), kind).await;
    let harmed = s3.with_faults(move |request: &Request| match request.number {
        0 => fault,
        _ => Fault::Pass,
    });
    let told = told(put(&patient(harmed.client()), version).await);
    (told, stored(s3.memory()), harmed.requests().count())
}

/// Stores what the put needs to find, and answers the mode of the put.
async fn prepare(memory: &MemoryS3, client: AmazonS3Builder, kind: Put) -> PutMode {
    if kind == Put::Create {
        return PutMode::Create;
    }
    memory.put(BUCKET, KEY, "old");
    let old = client
        .build()
        .unwrap()
        .head(&Path::from(KEY))
        .await
        .unwrap();
    match kind {
        Put::Update => PutMode::Update(UpdateVersion {
            e_tag: old.e_tag,
            version: None,
        }),
        _ => PutMode::Overwrite,
    }
}

async fn put(store: &AmazonS3, mode: PutMode) -> object_store::Result<PutResult> {
    store
        .put_opts(&Path::from(KEY), "new".into(), mode.into())
        .await
}

fn told(result: object_store::Result<PutResult>) -> Told {
    match result {
        Ok(_) => Told::Done,
        Err(Error::AlreadyExists { .. }) => Told::AlreadyExists,
        Err(Error::Precondition { .. }) => Told::Precondition,
        Err(Error::Generic { .. }) => Told::Generic,
        Err(other) => panic!("unexpected: {other}"),
    }
}

fn stored(memory: &MemoryS3) -> Stored {
    match memory.object(BUCKET, KEY).as_deref() {
        None => Stored::Nothing,
        Some(b"old") => Stored::Old,
        Some(b"new") => Stored::New,
        Some(other) => panic!("unexpected: {other:?}"),
    }
}

/// A client with `object_store`'s own retries, three of them, as the lines were first measured.
fn patient(client: AmazonS3Builder) -> AmazonS3 {
    let options = ClientOptions::new()
        .with_allow_http(true)
        .with_timeout(TIMEOUT);
    let mut retry = RetryConfig {
        max_retries: 3,
        ..RetryConfig::default()
    };
    retry.backoff.init_backoff = Duration::from_millis(10);
    client
        .with_client_options(options)
        .with_retry(retry)
        .build()
        .unwrap()
}

fn through(server: &S3Server, proxy: &Proxy) -> AmazonS3Builder {
    server
        .client()
        .with_endpoint(format!("http://{}", proxy.address()))
}

fn replaced(status: StatusCode) -> Mode {
    Mode::Replace(Mode::http_status(status))
}

fn rejected(status: StatusCode) -> Mode {
    Mode::Reject(Mode::http_status(status))
}
