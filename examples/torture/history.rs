//! What the journal and the store say about one document: every answer must be true.

use std::collections::{BTreeMap, BTreeSet};

use smarterbase::prelude::*;

use crate::{
    journal::{Action, Journal, Operation},
    model::Player,
};

/// The revisions of one document, as far as anybody was told or saw them.
pub(crate) struct History<'a> {
    slot: &'a str,
    operations: BTreeMap<&'a str, &'a Operation>,
    /// Revision to the mark of the write that made it.
    commits: BTreeMap<u64, &'a str>,
    pub(crate) broken: Vec<String>,
}

impl<'a> History<'a> {
    /// Every acknowledged write, everything that a later writer had read, and the trail of what is stored now.
    pub(crate) fn new(
        slot: &'a str,
        journal: &'a Journal,
        stored: Option<&'a Stored<Player>>,
    ) -> Self {
        let of_slot = journal
            .operations
            .iter()
            .filter(|(_, operation)| operation.intent.slot == slot);
        let operations: BTreeMap<&str, &Operation> = of_slot
            .map(|(mark, operation)| (mark.as_str(), operation))
            .collect();
        let mut history = Self {
            slot,
            operations,
            commits: BTreeMap::new(),
            broken: Vec::new(),
        };
        for operation in history.operations.clone().into_values() {
            if let Some(revision) = operation.revision() {
                history.witness(revision, &operation.intent.mark, "was acknowledged");
            }
            if let Some((revision, mark)) = &operation.intent.base {
                history.witness(*revision, mark, "was read");
            }
        }
        if let Some(stored) = stored {
            history.read_trail(stored);
        }
        history.check_end(stored);
        history.check_gaps();
        history
    }

    /// Somebody learned that the write `mark` is `revision`.
    fn witness(&mut self, revision: u64, mark: &'a str, how: &str) {
        let slot = self.slot;
        match self.operations.get(mark) {
            None => self.broken.push(format!(
                "{slot}: revision {revision} {how} as {mark}, which nobody wrote"
            )),
            Some(operation)
                if operation
                    .revision()
                    .is_some_and(|acknowledged| acknowledged != revision) =>
            {
                self.broken.push(format!(
                    "{slot}: {mark} {how} as revision {revision}, but acknowledged as another"
                ));
            }
            Some(operation) if operation.revision().is_none() && !operation.is_unknown() => {
                let answer = &operation.outcome;
                self.broken.push(format!(
                    "{slot}: {mark} {how} as revision {revision}, but its answer was {answer:?}"
                ));
            }
            Some(_) => {}
        }
        match self.commits.insert(revision, mark) {
            Some(other) if other != mark => {
                self.broken.push(format!(
                    "{slot}: revision {revision} {how} as {mark}, and is {other} as well"
                ));
            }
            _ => {}
        }
    }

    /// The stored document lists every write since it was created.
    fn read_trail(&mut self, stored: &'a Stored<Player>) {
        let length = stored.trail.len() as u64;
        let Some(birth) = (stored.revision() + 1).checked_sub(length) else {
            return self
                .broken
                .push(format!("{}: more writes than revisions", self.slot));
        };
        for (revision, mark) in (birth..).zip(&stored.trail) {
            self.witness(revision, mark, "is stored");
            let begins = self
                .operations
                .get(mark.as_str())
                .map(|operation| operation.intent.action);
            if begins.is_some_and(|action| (action == Action::Create) != (revision == birth)) {
                self.broken.push(format!(
                    "{}: {mark} stands at the wrong place of the trail",
                    self.slot
                ));
            }
        }
    }

    /// Nothing that was acknowledged comes after what is stored.
    fn check_end(&mut self, stored: Option<&Stored<Player>>) {
        let Some((last, mark)) = self
            .commits
            .last_key_value()
            .map(|(last, mark)| (*last, *mark))
        else {
            return; // Nobody ever learned of a revision, and none is stored.
        };
        let was_removed = self
            .operations
            .get(mark)
            .is_some_and(|operation| operation.intent.action == Action::Remove);
        let is_right = match stored {
            Some(stored) => stored.revision() == last && !was_removed,
            None => was_removed || self.may_be_removed_after(last),
        };
        if !is_right {
            let stored = stored.map(Stored::revision);
            self.broken.push(format!(
                "{}: revision {last} ({mark}) is lost; stored is {stored:?}",
                self.slot
            ));
        }
    }

    /// Whether a removal without an answer may have followed `revision`.
    fn may_be_removed_after(&self, revision: u64) -> bool {
        self.operations.values().any(|operation| {
            let intent = &operation.intent;
            let base = intent.base.as_ref().map(|(base, _)| *base);
            operation.is_unknown() && intent.action == Action::Remove && base >= Some(revision)
        })
    }

    /// A revision that nobody learned of was made by a write that got no answer.
    fn check_gaps(&mut self) {
        let last = self.commits.last_key_value().map_or(0, |(last, _)| *last);
        let gaps = last - self.commits.len() as u64;
        let seen: BTreeSet<&str> = self.commits.values().copied().collect();
        let unseen = self
            .operations
            .iter()
            .filter(|(mark, operation)| operation.is_unknown() && !seen.contains(*mark));
        let unseen = unseen.count() as u64;
        if gaps > unseen {
            let slot = self.slot;
            self.broken.push(format!(
                "{slot}: {gaps} revisions were made by nobody ({unseen} writes got no answer)"
            ));
        }
    }

    /// How many revisions are accounted for.
    pub(crate) fn revisions(&self) -> usize {
        self.commits.len()
    }
}
