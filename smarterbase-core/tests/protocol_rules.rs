//! The rules of the step machines, one scripted exchange each.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU8, Ordering},
    time::Duration,
};

use bytes::Bytes;
use smarterbase_core::{
    ErrorKind,
    document::{Timestamp, Version},
    format::{
        Envelope, FORMAT_VERSION, Key, Nonce, claim::Claim, entry::Tag, envelope::State,
        envelope::open, index_key::EncodedValue, intent::Intent, path::EncodedId,
    },
    port::{Attempt, Expect, Object, Rng, StoreError, StoreErrorKind, index::Hit},
    protocol::{
        ClaimMachine, ClaimOutcome, ClaimPlan, Machine, PutMachine, PutOutcome, ReleaseMachine,
        Reply, Request, SeeClaimMachine, Settler, Shipped, Step, TakenClaim,
        stale::{Staleness, judge},
    },
};

/// Counts, so that nonces differ and a test reads the same every time.
#[derive(Debug, Default)]
struct Counting(AtomicU8);

impl Rng for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(200 + self.0.fetch_add(1, Ordering::Relaxed));
    }
}

fn nonce(number: u8) -> Nonce {
    Nonce::from_random([number; 13])
}

fn version(number: u8) -> Version {
    Version::from_e_tag(number.to_string())
}

/// Revision `rev`, written by `write`, after `before`.
fn envelope(rev: u64, write: u8, before: Option<&Envelope>) -> Envelope {
    Envelope {
        put: nonce(write),
        format: FORMAT_VERSION,
        needs: Vec::new(),
        schema: 1,
        shape: Default::default(),
        state: State::Live,
        rev,
        write: nonce(write),
        rewrite: false,
        prev: before.map_or_else(Vec::new, Envelope::lineage),
        created: None,
        updated: None,
        catalog: 0,
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        intent: None,
    }
}

fn object(number: u8, envelope: &Envelope) -> Object {
    Object {
        version: version(number),
        bytes: envelope.seal(br#"{"name":"Ada"}"#),
    }
}

fn plain(number: u8, text: &'static str) -> Object {
    Object {
        version: version(number),
        bytes: Bytes::from_static(text.as_bytes()),
    }
}

fn error(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "no")
}

fn no_answer() -> Reply {
    Reply::Put(Attempt::Unknown(error(StoreErrorKind::Timeout)))
}

fn rejected() -> Reply {
    Reply::Put(Attempt::Rejected)
}

fn applied(number: u8) -> Reply {
    Reply::Put(Attempt::Applied(version(number)))
}

fn got(object: &Object) -> Reply {
    Reply::Got(Ok(Some(object.clone())))
}

fn absent() -> Reply {
    Reply::Got(Ok(None))
}

/// A machine and what it is told.
struct Talk<M> {
    machine: M,
    rng: Counting,
}

impl<M: Machine<Output: std::fmt::Debug>> Talk<M> {
    fn with(machine: M) -> Self {
        Self {
            machine,
            rng: Counting::default(),
        }
    }

    fn step(&mut self, reply: Reply) -> Step<M::Output> {
        self.machine.step(reply, &self.rng)
    }

    #[track_caller]
    fn wants(&mut self, reply: Reply) -> Request {
        match self.step(reply) {
            Step::Do(request) => request,
            Step::Done(output) => panic!("it is done: {output:?}"),
        }
    }

    #[track_caller]
    fn wants_put(&mut self, reply: Reply) -> (Key, Expect, Bytes) {
        match self.wants(reply) {
            Request::Put { key, expect, body } => (key, expect, body),
            other => panic!("not a put: {other:?}"),
        }
    }

    #[track_caller]
    fn wants_get(&mut self, reply: Reply) -> Key {
        match self.wants(reply) {
            Request::Get(key) => key,
            other => panic!("not a get: {other:?}"),
        }
    }

    #[track_caller]
    fn wants_pause(&mut self, reply: Reply) -> u32 {
        match self.wants(reply) {
            Request::Pause(attempt) => attempt,
            other => panic!("not a pause: {other:?}"),
        }
    }

    #[track_caller]
    fn ends(&mut self, reply: Reply) -> M::Output {
        match self.step(reply) {
            Step::Done(output) => output,
            Step::Do(request) => panic!("it goes on: {request:?}"),
        }
    }
}

fn document() -> Key {
    Key::from_stored("users/ada.json")
}

/// Revision 2 over revision 1, which has version 1.
fn update() -> (Talk<PutMachine>, Envelope, Envelope) {
    let base = envelope(1, 1, None);
    let own = envelope(2, 2, Some(&base));
    let before = Some((version(1), base.clone()));
    let machine = PutMachine::new(document(), before, own.clone(), b"{}");
    (Talk::with(machine), base, own)
}

fn create() -> (Talk<PutMachine>, Envelope) {
    let own = envelope(1, 2, None);
    let machine = PutMachine::new(document(), None, own.clone(), b"{}");
    (Talk::with(machine), own)
}

/// `first`, overwritten so many times.
fn overwritten(first: &Envelope, times: u64) -> Envelope {
    (1..=times).fold(first.clone(), |before, more| {
        let write = 100 + u8::try_from(more).expect("few");
        envelope(first.rev + more, write, Some(&before))
    })
}

#[test]
fn an_undisturbed_put_is_one_request() {
    let (mut talk, _, _) = update();
    let (key, expect, _) = talk.wants_put(Reply::Start);
    assert_eq!(key, document());
    assert_eq!(expect, Expect::Exactly(version(1)));
    let PutOutcome::Applied(Some(put)) = talk.ends(applied(2)) else {
        panic!("not applied");
    };
    assert_eq!(put, version(2));
}

#[test]
fn s19_rejected_means_read_back_now() {
    let (mut talk, _, own) = update();
    talk.wants_put(Reply::Start);
    assert_eq!(talk.wants_get(rejected()), document());
    let mine = object(2, &own);
    assert!(matches!(
        talk.ends(got(&mine)),
        PutOutcome::Applied(Some(_))
    ));
}

#[test]
fn s19_a_resend_repeats_the_same_bytes_and_version() {
    let (mut talk, base, _) = update();
    let first = talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    assert_eq!(talk.wants_pause(got(&object(1, &base))), 1);
    assert_eq!(talk.wants_put(Reply::Rested), first);
}

#[test]
fn s20_a_write_in_the_lineage_was_applied() {
    for times in [1, 8] {
        let (mut talk, _, own) = update();
        talk.wants_put(Reply::Start);
        talk.wants_get(no_answer());
        let now = object(9, &overwritten(&own, times));
        assert!(matches!(talk.ends(got(&now)), PutOutcome::Applied(None)));
    }
}

#[test]
fn s20_a_base_that_another_write_followed_was_never_replaced_by_ours() {
    for times in [1, 8] {
        let (mut talk, base, _) = update();
        talk.wants_put(Reply::Start);
        talk.wants_get(no_answer());
        let now = object(9, &overwritten(&base, times));
        assert!(matches!(talk.ends(got(&now)), PutOutcome::Lost(Some(_))));
    }
}

#[test]
fn s20_beyond_the_lineage_the_outcome_of_an_unanswered_put_is_unknown() {
    let (mut talk, base, own) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    let now = object(9, &overwritten(&own, 9));
    assert!(matches!(talk.ends(got(&now)), PutOutcome::Unknown(_)));

    let (mut talk, _, _) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    let now = object(9, &overwritten(&base, 9));
    assert!(matches!(talk.ends(got(&now)), PutOutcome::Unknown(_)));
}

#[test]
fn s20_beyond_the_lineage_a_put_that_was_only_ever_rejected_is_lost() {
    let (mut talk, base, _) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(rejected());
    let now = object(9, &overwritten(&base, 9));
    assert!(matches!(talk.ends(got(&now)), PutOutcome::Lost(Some(_))));
}

#[test]
fn s20_a_create_is_lost_while_the_chain_reaches_back_to_its_first_version() {
    let other = envelope(1, 7, None);
    for (times, is_lost) in [(0, true), (8, true), (9, false)] {
        let (mut talk, _) = create();
        talk.wants_put(Reply::Start);
        talk.wants_get(no_answer());
        let now = object(9, &overwritten(&other, times));
        let outcome = talk.ends(got(&now));
        assert_eq!(
            matches!(outcome, PutOutcome::Lost(Some(_))),
            is_lost,
            "{times}"
        );
        assert_eq!(
            matches!(outcome, PutOutcome::Unknown(_)),
            !is_lost,
            "{times}"
        );
    }
}

#[test]
fn s20_a_create_that_was_only_ever_rejected_is_lost_however_long_the_chain() {
    let other = envelope(1, 7, None);
    let (mut talk, _) = create();
    talk.wants_put(Reply::Start);
    talk.wants_get(rejected());
    let now = object(9, &overwritten(&other, 30));
    assert!(matches!(talk.ends(got(&now)), PutOutcome::Lost(Some(_))));
}

#[test]
fn s18_a_base_that_was_touched_ends_the_put_instead_of_starting_a_new_one() {
    let (mut talk, mut base, _) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(rejected());
    base.put = nonce(77);
    assert!(matches!(
        talk.ends(got(&object(2, &base))),
        PutOutcome::Lost(Some(_))
    ));
}

#[test]
fn s20_the_same_version_with_another_nonce_is_not_the_base() {
    let (mut talk, base, _) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    let now = object(1, &overwritten(&base, 1));
    let (_, expect, body) = talk.wants_put(got(&now));
    assert_eq!(expect, Expect::Exactly(version(1)));
    let fence = open(&body).expect("a fence can be read").envelope;
    assert_eq!(
        (fence.rev, fence.write),
        (2, nonce(101)),
        "a fence, not a resend"
    );
    assert!(matches!(talk.ends(applied(3)), PutOutcome::Lost(Some(_))));
}

#[test]
fn a_put_that_is_refused_at_once_never_was_applied() {
    let (mut talk, _, _) = update();
    talk.wants_put(Reply::Start);
    let refused = Reply::Put(Attempt::Refused(error(StoreErrorKind::Full)));
    assert!(matches!(talk.ends(refused), PutOutcome::Refused(_)));
}

#[test]
fn a_put_that_is_refused_after_no_answer_is_read_back() {
    let (mut talk, base, own) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    talk.wants_pause(got(&object(1, &base)));
    talk.wants_put(Reply::Rested);
    let refused = Reply::Put(Attempt::Refused(error(StoreErrorKind::Denied)));
    talk.wants_get(refused);
    assert!(matches!(
        talk.ends(got(&object(2, &own))),
        PutOutcome::Applied(Some(_))
    ));
}

#[test]
fn when_the_time_is_up_a_fence_makes_the_answer_final() {
    let (mut talk, base, _) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    talk.wants_pause(got(&object(1, &base)));
    talk.wants_get(Reply::TimeIsUp);
    let (_, expect, body) = talk.wants_put(got(&object(1, &base)));
    let fence = open(&body).expect("a fence can be read");
    assert_eq!(expect, Expect::Exactly(version(1)));
    assert_eq!(&fence.body[..], br#"{"name":"Ada"}"#);
    assert_ne!(fence.envelope.put, base.put, "a new physical nonce");
    let unchanged = Envelope {
        put: base.put,
        ..fence.envelope
    };
    assert_eq!(unchanged, base);
    let PutOutcome::Lost(Some(now)) = talk.ends(applied(2)) else {
        panic!("not lost");
    };
    assert_eq!((now.version, now.bytes), (version(2), body));
}

#[test]
fn when_the_time_of_a_create_is_up_a_stub_keeps_it_out() {
    let (mut talk, _) = create();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    talk.wants_pause(absent());
    talk.wants_get(Reply::TimeIsUp);
    let (_, expect, body) = talk.wants_put(absent());
    assert_eq!(expect, Expect::Absent);
    let stub = open(&body).expect("a stub can be read").envelope;
    assert_eq!((stub.state, stub.rev), (State::Stub, 0));
    talk.wants_get(no_answer());
    let stub = Object {
        version: version(3),
        bytes: body,
    };
    assert!(matches!(talk.ends(got(&stub)), PutOutcome::Lost(Some(_))));
}

#[test]
fn no_stub_takes_the_place_of_the_databases_own_settings() {
    let key = Key::from_stored("_sys/format.json");
    let machine = PutMachine::new(key, None, envelope(1, 2, None), b"{}");
    let mut talk = Talk::with(machine);
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    talk.wants_pause(absent());
    talk.wants_get(Reply::TimeIsUp);
    assert!(matches!(talk.ends(absent()), PutOutcome::Unknown(_)));
}

#[test]
fn a_create_that_may_be_in_flight_touches_the_tombstone_it_finds() {
    let (mut talk, _) = create();
    let mut tombstone = envelope(8, 9, None);
    tombstone.state = State::Deleted;
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    let (_, expect, body) = talk.wants_put(got(&object(4, &tombstone)));
    assert_eq!(expect, Expect::Exactly(version(4)));
    let touched = open(&body).expect("it can be read").envelope;
    assert_eq!((touched.state, touched.rev), (State::Deleted, 8));
}

#[test]
fn a_fence_that_the_put_overtakes_tells_that_it_was_applied() {
    let (mut talk, base, own) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    talk.wants_pause(got(&object(1, &base)));
    talk.wants_get(Reply::TimeIsUp);
    talk.wants_put(got(&object(1, &base)));
    talk.wants_get(rejected());
    assert!(matches!(
        talk.ends(got(&object(2, &own))),
        PutOutcome::Applied(Some(_))
    ));
}

#[test]
fn a_store_that_never_answers_ends_in_unknown_after_a_bounded_number_of_steps() {
    for never in [Reply::Rested, Reply::TimeIsUp] {
        let is_up = matches!(never, Reply::TimeIsUp);
        let (mut talk, base, _) = update();
        let mut step = talk.step(Reply::Start);
        let mut steps = 0;
        let outcome = loop {
            steps += 1;
            assert!(steps < 300, "it goes on for ever");
            let reply = match step {
                Step::Done(outcome) => break outcome,
                Step::Do(Request::Pause(_)) if is_up => Reply::TimeIsUp,
                Step::Do(Request::Pause(_)) => Reply::Rested,
                Step::Do(Request::Put { .. }) => no_answer(),
                Step::Do(Request::Get(_)) => got(&object(1, &base)),
                Step::Do(other) => panic!("a put does not ask for {other:?}"),
            };
            step = talk.step(reply);
        };
        assert!(matches!(outcome, PutOutcome::Unknown(_)));
    }
}

#[test]
fn an_object_that_cannot_be_read_back_leaves_the_outcome_unknown() {
    let (mut talk, _, own) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    assert!(matches!(
        talk.ends(got(&plain(2, "{"))),
        PutOutcome::Unknown(_)
    ));

    let (mut talk, _, _) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    let denied = Reply::Got(Err(error(StoreErrorKind::Denied)));
    assert!(matches!(talk.ends(denied), PutOutcome::Unknown(_)));

    let newer = Envelope {
        needs: vec!["time-travel".to_owned()],
        ..own
    };
    let (mut talk, _, _) = update();
    talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    let with_own_nonce = got(&object(2, &newer));
    assert!(matches!(
        talk.ends(with_own_nonce),
        PutOutcome::Applied(Some(_))
    ));
}

#[test]
fn a_hand_made_object_is_replaced_like_any_other() {
    let hand_made = plain(1, r#"{"name":"Ada"}"#);
    let base = open(&hand_made.bytes).expect("JSON").envelope;
    let own = envelope(1, 2, Some(&base));
    let before = Some((version(1), base));
    let mut talk = Talk::with(PutMachine::new(document(), before, own.clone(), b"{}"));
    let first = talk.wants_put(Reply::Start);
    talk.wants_get(no_answer());
    talk.wants_pause(got(&hand_made));
    assert_eq!(talk.wants_put(Reply::Rested), first);
    talk.wants_get(no_answer());
    talk.wants_pause(got(&hand_made));
    talk.wants_get(Reply::TimeIsUp);
    let (_, _, body) = talk.wants_put(got(&hand_made));
    let fence = open(&body).expect("a fence can be read");
    assert!(fence.has_envelope);
    assert_eq!(
        (fence.envelope.rev, fence.envelope.write),
        (0, own.prev[0].write)
    );
}

#[test]
fn an_object_that_a_person_replaced_or_removed_is_lost_when_nothing_was_ambiguous() {
    let by_hand = plain(5, r#"{"name":"Eve"}"#);
    for (answer, is_lost) in [(rejected(), true), (no_answer(), false)] {
        let (mut talk, _, _) = update();
        talk.wants_put(Reply::Start);
        talk.wants_get(answer);
        let outcome = talk.ends(got(&by_hand));
        assert_eq!(matches!(outcome, PutOutcome::Lost(Some(_))), is_lost);
    }
    for (answer, is_lost) in [(rejected(), true), (no_answer(), false)] {
        let (mut talk, _, _) = update();
        talk.wants_put(Reply::Start);
        talk.wants_get(answer);
        let outcome = talk.ends(absent());
        assert_eq!(matches!(outcome, PutOutcome::Lost(None)), is_lost);
    }
}

const DEFINITION: &str = "email-77aa01c3";
const HASH: &str = "5f0c";

fn claim_key() -> Key {
    Key::from_stored("_unique/users/email-77aa01c3/5f0c.json")
}

fn claiming(create_first: bool) -> Talk<ClaimMachine> {
    Talk::with(ClaimMachine::new(ClaimPlan {
        claim: claim_key(),
        definition: DEFINITION.to_owned(),
        hash: HASH.to_owned(),
        owner: document(),
        write: nonce(2),
        create_first,
        settler: Settler {
            attempt: None,
            priority: None,
            grace: Duration::ZERO,
            lease: Duration::from_secs(5),
            longest: Duration::from_secs(10),
        },
    }))
}

fn claim_of(owner: Option<&str>) -> Object {
    let claim = Claim {
        envelope: envelope(4, 1, None),
        owner: owner.map(str::to_owned),
    };
    Object {
        version: version(1),
        bytes: claim.seal(),
    }
}

#[track_caller]
fn taken(outcome: ClaimOutcome) -> TakenClaim {
    match outcome {
        ClaimOutcome::Taken(taken) => taken,
        other => panic!("not taken: {other:?}"),
    }
}

#[test]
fn a_new_value_costs_one_put() {
    let mut talk = claiming(true);
    let (key, expect, body) = talk.wants_put(Reply::Start);
    assert_eq!((key, expect), (claim_key(), Expect::Absent));
    let claim = Claim::open(&body).expect("a claim");
    assert_eq!(claim.owner.as_deref(), Some("users/ada.json"));
    assert_eq!((claim.envelope.rev, claim.envelope.write), (1, nonce(2)));
    let taken = taken(talk.ends(applied(1)));
    assert_eq!((taken.version, taken.was_ours), (version(1), false));
    assert_eq!(taken.envelope, claim.envelope);
}

#[test]
fn a_released_claim_is_taken_at_the_version_that_was_read() {
    let mut talk = claiming(false);
    assert_eq!(talk.wants_get(Reply::Start), claim_key());
    let (_, expect, body) = talk.wants_put(got(&claim_of(None)));
    assert_eq!(expect, Expect::Exactly(version(1)));
    let next = Claim::open(&body).expect("a claim").envelope;
    assert_eq!((next.rev, next.prev[0].rev), (5, 4));
    assert!(!taken(talk.ends(applied(2))).was_ours);
}

#[test]
fn an_own_claim_is_put_again() {
    let mut talk = claiming(false);
    talk.wants_get(Reply::Start);
    let (_, expect, _) = talk.wants_put(got(&claim_of(Some("users/ada.json"))));
    assert_eq!(expect, Expect::Exactly(version(1)));
    assert!(taken(talk.ends(applied(2))).was_ours);
}

#[test]
fn s12_a_live_owner_that_stores_the_hash_holds_the_value() {
    let mut talk = claiming(false);
    talk.wants_get(Reply::Start);
    let owner = talk.wants_get(got(&claim_of(Some("users/eve.json"))));
    assert_eq!(owner, Key::from_stored("users/eve.json"));
    let mut holder = envelope(3, 9, None);
    holder.unique = BTreeMap::from([(DEFINITION.to_owned(), HASH.to_owned())]);
    let ClaimOutcome::Held(held) = talk.ends(got(&object(7, &holder))) else {
        panic!("not held");
    };
    assert_eq!(held, owner);
}

#[test]
fn s12_an_owner_that_cannot_be_decoded_holds_the_value() {
    let newer = Envelope {
        needs: vec!["time-travel".to_owned()],
        ..envelope(3, 9, None)
    };
    for owner in [plain(7, "{"), object(7, &newer)] {
        let mut talk = claiming(false);
        talk.wants_get(Reply::Start);
        talk.wants_get(got(&claim_of(Some("users/eve.json"))));
        assert!(matches!(talk.ends(got(&owner)), ClaimOutcome::Held(_)));
    }
}

#[test]
fn s12_an_owner_without_the_hash_is_fenced_before_the_claim_moves() {
    let deleted = Envelope {
        state: State::Deleted,
        ..envelope(3, 9, None)
    };
    let mut other_value = envelope(3, 9, None);
    other_value.unique = BTreeMap::from([(DEFINITION.to_owned(), "0000".to_owned())]);
    for owner in [deleted, other_value] {
        let mut talk = claiming(false);
        talk.wants_get(Reply::Start);
        talk.wants_get(got(&claim_of(Some("users/eve.json"))));
        let (key, expect, body) = talk.wants_put(got(&object(7, &owner)));
        assert_eq!(key, Key::from_stored("users/eve.json"));
        assert_eq!(expect, Expect::Exactly(version(7)));
        let fence = open(&body).expect("a fence can be read").envelope;
        assert_eq!((fence.rev, fence.write), (owner.rev, owner.write));
        assert_ne!(fence.put, owner.put);
        let (key, expect, _) = talk.wants_put(applied(8));
        assert_eq!((key, expect), (claim_key(), Expect::Exactly(version(1))));
        assert!(!taken(talk.ends(applied(2))).was_ours);
    }
}

#[test]
fn a_fence_that_is_lost_or_unclear_is_made_again_from_the_claim_on() {
    for answer in [rejected(), no_answer()] {
        let mut talk = claiming(false);
        talk.wants_get(Reply::Start);
        talk.wants_get(got(&claim_of(Some("users/eve.json"))));
        talk.wants_put(got(&object(7, &envelope(3, 9, None))));
        let key = match talk.wants(answer) {
            Request::Pause(_) => talk.wants_get(Reply::Rested),
            Request::Get(key) => key,
            other => panic!("the claim moves without a fence: {other:?}"),
        };
        assert_eq!(key, claim_key());
    }
}

#[test]
fn an_insert_in_flight_is_given_time_before_its_claim_moves() {
    let mut talk = claiming(false);
    talk.wants_get(Reply::Start);
    for _ in 0..ClaimMachine::<Shipped>::POLITE_PAUSES {
        talk.wants_get(got(&claim_of(Some("users/eve.json"))));
        talk.wants_pause(absent());
        talk.wants_get(Reply::Rested);
    }
    talk.wants_get(got(&claim_of(Some("users/eve.json"))));
    let (key, expect, body) = talk.wants_put(absent());
    assert_eq!((key.as_str(), expect), ("users/eve.json", Expect::Absent));
    let stub = open(&body).expect("a stub can be read").envelope;
    assert_eq!(stub.state, State::Stub);
    let (key, _, _) = talk.wants_put(applied(8));
    assert_eq!(key, claim_key());
}

#[test]
fn a_claim_that_fails_says_what_the_store_said() {
    let failures = [
        (StoreErrorKind::Denied, ErrorKind::Denied),
        (StoreErrorKind::Full, ErrorKind::Refused),
        (StoreErrorKind::NoSuchStore, ErrorKind::Misconfigured),
    ];
    for (kind, expected) in failures {
        let mut talk = claiming(true);
        talk.wants_put(Reply::Start);
        let outcome = talk.ends(Reply::Put(Attempt::Refused(error(kind))));
        let ClaimOutcome::Failed(failure) = outcome else {
            panic!("not failed");
        };
        assert_eq!(failure.kind(), expected);
    }
    let mut talk = claiming(false);
    talk.wants_get(Reply::Start);
    talk.wants_pause(Reply::Got(Err(error(StoreErrorKind::Timeout))));
    let ClaimOutcome::Failed(failure) = talk.ends(Reply::TimeIsUp) else {
        panic!("not failed");
    };
    assert_eq!(failure.kind(), ErrorKind::Unavailable);
}

#[test]
fn a_claim_that_always_moves_ends_in_contention() {
    let mut talk = claiming(false);
    let mut now = envelope(1, 100, None);
    let mut step = talk.step(Reply::Start);
    let mut puts = 0;
    let failure = loop {
        step = match step {
            Step::Done(ClaimOutcome::Failed(failure)) => break failure,
            Step::Done(other) => panic!("{other:?}"),
            Step::Do(Request::Get(_)) => {
                let claim = Claim {
                    envelope: now.clone(),
                    owner: None,
                };
                talk.step(got(&Object {
                    version: version(u8::try_from(now.rev).expect("few")),
                    bytes: claim.seal(),
                }))
            }
            Step::Do(Request::Put { .. }) => {
                puts += 1;
                now = overwritten(&now, 1);
                talk.step(rejected())
            }
            Step::Do(other) => panic!("nothing to wait for: {other:?}"),
        };
    };
    assert_eq!(failure.code(), "SB-CONTENTION");
    assert_eq!(puts, ClaimMachine::<Shipped>::MOST_TRIES + 1);
}

#[test]
fn a_claim_is_released_at_the_version_that_was_seen() {
    let mut looking = Talk::with(SeeClaimMachine::new(claim_key(), document()));
    looking.wants_get(Reply::Start);
    let seen = looking.ends(got(&claim_of(Some("users/ada.json"))));
    let seen = seen.expect("it is ours");
    let mut releasing = Talk::with(ReleaseMachine::new(seen, nonce(3)));
    let (key, expect, body) = releasing.wants_put(Reply::Start);
    assert_eq!((key, expect), (claim_key(), Expect::Exactly(version(1))));
    assert_eq!(Claim::open(&body).expect("a claim").owner, None);
    assert!(releasing.ends(applied(2)));
}

#[test]
fn a_claim_of_another_document_is_not_seen_as_ours() {
    for found in [
        claim_of(Some("users/eve.json")),
        claim_of(None),
        plain(1, "{"),
    ] {
        let mut looking = Talk::with(SeeClaimMachine::new(claim_key(), document()));
        looking.wants_get(Reply::Start);
        assert!(looking.ends(got(&found)).is_none());
    }
}

/// An entry on base revision `base`, made at 1000 s.
fn hit(base: u64) -> Hit {
    let value = EncodedValue(Bytes::from_static(b"a"));
    Hit {
        tag: Some(Tag::new(base, nonce(5), &value)),
        value,
        id: EncodedId::parse("ada").expect("an id"),
        last_modified: Timestamp::from_parts(1_000, 0).ok(),
    }
}

fn judged(hit: &Hit, document: Option<&Envelope>, now: i64) -> Staleness {
    let now = Timestamp::from_parts(now, 0).expect("in range");
    judge(hit, DEFINITION, document, now, Duration::from_secs(100))
}

#[test]
fn s13_an_entry_leaves_once_its_document_passed_the_base_without_it() {
    let document = envelope(3, 9, None);
    assert_eq!(judged(&hit(2), Some(&document), 0), Staleness::Remove);
    assert_eq!(
        judged(&hit(3), Some(&document), 0),
        Staleness::Keep,
        "in flight"
    );
    assert_eq!(judged(&hit(4), Some(&document), 0), Staleness::Keep);
}

#[test]
fn s13_an_entry_of_a_create_stays_over_a_tombstone_that_may_be_swept_under_it() {
    let mut tombstone = envelope(3, 9, None);
    tombstone.state = State::Deleted;
    assert_eq!(judged(&hit(0), Some(&tombstone), 1_100), Staleness::Keep);
    assert_eq!(judged(&hit(0), Some(&tombstone), 1_101), Staleness::Remove);
    assert_eq!(judged(&hit(2), Some(&tombstone), 0), Staleness::Remove);
}

#[test]
fn s13_an_entry_that_the_document_or_a_pending_write_lists_stays() {
    let tag = hit(2).tag.expect("a tag").to_string();
    let mut document = envelope(3, 9, None);
    document.index = BTreeMap::from([(DEFINITION.to_owned(), vec![tag.clone()])]);
    assert_eq!(judged(&hit(2), Some(&document), 0), Staleness::Keep);
    document.index = BTreeMap::from([("other-00000000".to_owned(), vec![tag.clone()])]);
    assert_eq!(judged(&hit(2), Some(&document), 0), Staleness::Remove);
    let write = nonce(6);
    let intent = format!(
        r#"{{"transaction":"t.0","home":"record","op":"put","rev":4,"write":"{write}","members":1,
            "priority":[1,"t"],"index":{{"{DEFINITION}":["{tag}"]}},"unique":{{}},"body":{{}}}}"#
    );
    let intent = serde_json::value::RawValue::from_string(intent).expect("JSON");
    document.intent = Some(Intent::read(&intent).expect("an intent"));
    assert_eq!(judged(&hit(2), Some(&document), 0), Staleness::Keep);
}

#[test]
fn s13_an_entry_of_an_absent_document_leaves_unless_it_may_be_a_young_insert() {
    assert_eq!(judged(&hit(1), None, 1_000), Staleness::Remove);
    assert_eq!(judged(&hit(0), None, 1_100), Staleness::Keep);
    assert_eq!(judged(&hit(0), None, 1_101), Staleness::Remove);
    let of_unknown_age = Hit {
        last_modified: None,
        ..hit(0)
    };
    assert_eq!(judged(&of_unknown_age, None, 9_999), Staleness::Keep);
}

#[test]
fn s13_an_entry_without_a_tag_is_not_judged_here() {
    let without_tag = Hit {
        tag: None,
        ..hit(0)
    };
    let document = envelope(3, 9, None);
    assert_eq!(
        judged(&without_tag, Some(&document), 9_999),
        Staleness::Keep
    );
    assert_eq!(judged(&without_tag, None, 9_999), Staleness::Keep);
}

/// Where puts fail and reads work, an object is left to the medic after a few tries, each after a pause.
#[test]
fn finishing_gives_up_after_a_few_pauses() {
    use smarterbase_core::{
        format::{
            intent::{Attempt as Name, Author, Home, Operation, Priority},
            record::Decision,
        },
        protocol::{FinishMachine, FinishPlan},
    };
    let author = Author {
        transaction: Name::new(nonce(7), 0),
        home: Home::Record,
        members: 1,
        priority: Priority::last(),
    };
    let mut locked = envelope(1, 1, None);
    locked.intent = Some(Intent::hold(&author, Operation::Lock, 1, nonce(8)));
    let object = Object {
        version: version(1),
        bytes: locked.seal(&Bytes::from_static(b"{}")),
    };
    let mut machine: FinishMachine = FinishMachine::new(FinishPlan {
        key: document(),
        transaction: author.transaction,
        decision: Decision::Aborted,
        placed: None,
        staged: None,
    });
    let (mut reply, mut puts, mut pauses) = (Reply::Start, 0, 0);
    let rng = Counting::default();
    while let Step::Do(request) = machine.step(reply, &rng) {
        reply = match request {
            Request::Put { .. } => {
                puts += 1;
                let busy = StoreError::new(StoreErrorKind::Throttled, "slow down");
                Reply::Put(Attempt::Unknown(busy))
            }
            Request::Pause(_) => {
                pauses += 1;
                Reply::Rested
            }
            _ => Reply::Got(Ok(Some(object.clone()))),
        };
        assert!(puts < 100, "it never ends");
    }
    assert_eq!(
        (puts, pauses),
        (
            FinishMachine::<Shipped>::MOST_PAUSES + 1,
            FinishMachine::<Shipped>::MOST_PAUSES
        )
    );
}
