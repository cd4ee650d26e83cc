//! Whoever finishes a committed transaction for its owner (`maintenance/medic.rs`, `clear::finish_record`).

use std::collections::BTreeMap;

use smarterbase_core::{
    format::{
        intent::Attempt,
        path,
        record::{Decision, Record},
    },
    protocol::{ClearMachine, Reply, Rules, finish::ClearPlan},
};

use super::{
    client::Next,
    facts::Maker,
    job::{End, Job},
    library::Ask,
    transaction::finish_plans,
};

/// Finishes the first attempt of one transaction, if it is committed.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Medic {
    attempt: Attempt,
    /// The record goes too: only once its owner does not look at it any more, which takes an hour.
    removes_record: bool,
    /// The number of the record's path, and of its owner.
    record: u8,
    owner: u8,
    doing: Doing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Waiting,
    Reading,
    Clearing,
}

impl Medic {
    pub(crate) fn new(owner: u8, record: u8, removes_record: bool) -> Self {
        Self {
            attempt: Self::attempt(owner),
            removes_record,
            record,
            owner,
            doing: Doing::Waiting,
        }
    }

    /// The attempt that it looks at.
    pub(crate) fn attempt(owner: u8) -> Attempt {
        Attempt::new(Maker::transaction(owner), 0)
    }

    pub(crate) fn record(owner: u8) -> smarterbase_core::format::Key {
        path::record(&Self::attempt(owner))
    }

    pub(crate) fn next<R: Rules>(&mut self, end: End) -> Next<R> {
        match (self.doing, end) {
            (Doing::Waiting, End::Begun) if self.removes_record => {
                Next::Do(Job::Ask(Ask::EndOf(self.owner)))
            }
            (Doing::Waiting, _) => {
                self.doing = Doing::Reading;
                Next::Do(Job::Ask(Ask::Get(self.record)))
            }
            (Doing::Reading, End::Told(_, Reply::Got(Ok(Some(object))))) => {
                let record = Record::open(&object.bytes).expect("a record");
                self.found(record)
            }
            _ => Next::Over,
        }
    }

    fn found<R: Rules>(&mut self, record: Record) -> Next<R> {
        if record.decision == Decision::Aborted {
            return Next::Over;
        }
        self.doing = Doing::Clearing;
        let objects = finish_plans(
            &self.attempt,
            Decision::Committed,
            BTreeMap::new(),
            record.objects,
        );
        let plan = ClearPlan {
            transaction: self.attempt.clone(),
            decision: Decision::Committed,
            objects,
            staged: record.staged,
            removes_record: self.removes_record,
        };
        Next::Do(Job::Clear(Box::new(ClearMachine::new(plan))))
    }
}
