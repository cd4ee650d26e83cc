//! Commits that come to no decision.

use std::{collections::BTreeMap, time::Duration};

use super::{CommitMachine, CommitOutcome, CommitPlan, Write};
use crate::{
    ErrorKind,
    document::Version,
    format::{
        Key, Nonce,
        envelope::State,
        intent::{
            Attempt as Transaction, Author, Content, Home, Intent, Pending, Priority, Staged,
        },
        path,
    },
    port::{Attempt, SystemRng},
    protocol::{
        Reply, Request,
        conduct::{Conductor, Progress},
        settle::Settler,
    },
};

fn author() -> Author {
    Author {
        transaction: Transaction::new(Nonce::from_random([1; 13]), 0),
        home: Home::Own,
        members: 1,
        priority: Priority(0, "a".to_owned()),
    }
}

/// A body in an object of its own: the one put that decides cannot bring it in.
fn staged() -> Intent {
    let author = author();
    let key = path::staged(&author.transaction, 0);
    let pending = Pending {
        state: State::Live,
        rev: 1,
        write: Nonce::from_random([2; 13]),
        schema: 1,
        shape: Default::default(),
        created: None,
        updated: None,
        catalog: 0,
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        content: Content::Staged(Staged {
            key,
            sha256: "00".repeat(32),
        }),
    };
    Intent::write(&author, &pending)
}

fn plan(writes: Vec<Write>) -> CommitPlan {
    let author = author();
    CommitPlan {
        settler: Settler {
            attempt: Some(author.transaction.clone()),
            priority: Some(author.priority.clone()),
            grace: Duration::from_millis(250),
            lease: Duration::from_secs(5),
            longest: Duration::from_secs(10),
        },
        author,
        writes,
        locked: Vec::new(),
        reads: Vec::new(),
        ranges: 0,
        announces: false,
        staged: Vec::new(),
        in_order: false,
    }
}

fn written() -> CommitPlan {
    plan(vec![Write {
        key: Key::from_stored("users/ada.json"),
        base: None,
        intent: staged(),
    }])
}

/// The answer of a store and an engine where everything goes well.
fn good(request: &Request) -> Reply {
    match request {
        Request::Put { .. } => Reply::Put(Attempt::Applied(Version::from_e_tag("1"))),
        Request::Confirm => Reply::Yes,
        other => panic!("nobody asks for this: {other:?}"),
    }
}

/// Watches `swap` in `commit.rs`.
#[test]
fn a_decision_that_cannot_be_made_fails_the_commit() {
    let mut machine: CommitMachine = CommitMachine::new(written());
    let (mut lane, mut reply) = (0, Reply::Start);
    let end = loop {
        match machine.step(lane, reply, &SystemRng) {
            Progress::Done(end) => break end,
            Progress::Do(requests) => {
                let (next, request) = requests.first().expect("one request at a time");
                (lane, reply) = (*next, good(request));
            }
        }
    };
    let CommitOutcome::Failed(error) = end.outcome else {
        panic!("{:?}", end.outcome);
    };
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("no pending body"), "{error}");
    assert_eq!(end.placed.len(), 1, "what was placed is to be undone");
}

/// Watches `end` in `commit.rs`.
#[test]
fn without_a_decision_only_who_wrote_nothing_has_committed() {
    let mut reader: CommitMachine = CommitMachine::new(plan(Vec::new()));
    let outcome = reader.end().outcome;
    assert!(
        matches!(outcome, CommitOutcome::Committed(None)),
        "{outcome:?}"
    );
    let mut writer: CommitMachine = CommitMachine::new(written());
    let outcome = writer.end().outcome;
    assert!(matches!(outcome, CommitOutcome::Failed(_)), "{outcome:?}");
}
