//! What is known of one document: the entries that it has, and those of writes whose outcome nobody told. The rules are
//! those of the Redis backend: late, duplicate and reordered messages take nothing away that is needed.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::{
    format::{Nonce, index_key::EncodedValue},
    port::index::{self, Outcome, Presence},
};

/// How many values of one document are compared with what a query asks for.
const MOST_VALUES: usize = 64;

/// The number of an index in 4 bytes, then a value: what [`member::entry`](crate::port::index::member::entry) makes.
pub(super) type Entry = Bytes;

/// The state of one document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The revision that was applied last.
    pub(super) rev: u64,
    pub(super) is_deleted: bool,
    /// What the document has at that revision.
    pub(super) entries: Vec<Entry>,
    pub(super) pending: Vec<Pending>,
}

/// Entries that may be needed besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    /// The write that announced them. `None`: they belong to what was applied before the truth turned out to be a lower
    /// revision (an earlier life of the document), and `base` is that revision.
    pub(super) write: Option<Nonce>,
    /// The revision that the write replaces.
    pub(super) base: u64,
    pub(super) entries: Vec<Entry>,
}

/// How a write ended, as far as a manifest wants to know.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) rev: u64,
    pub(super) write: Option<Nonce>,
    pub(super) outcome: Outcome,
    /// Every entry that the document has now.
    pub(super) entries: Vec<Entry>,
}

/// What a message changes in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Effects {
    pub(super) added: Vec<Entry>,
    pub(super) removed: Vec<Entry>,
    pub(super) mark: Mark,
}

/// What becomes of the document among those whose outcome nobody told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Nothing is open.
    Resolved,
    /// An announcement still is.
    Stays,
    /// Two truths were told: somebody must look again.
    Again,
}

/// What a message means beside what is known.
struct Verdict {
    is_newer: bool,
    is_older_truth: bool,
    applies: bool,
}

impl Manifest {
    /// Adds the entries that a write will need; a repetition adds what it has besides.
    pub(super) fn announce(&mut self, write: Nonce, base: u64, entries: &[Entry]) {
        let known = self.pending.iter_mut();
        let mut known = known.filter(|pending| pending.write == Some(write));
        match known.next() {
            Some(pending) => pending.join(entries),
            None => self.pending.push(Pending {
                write: Some(write),
                base,
                entries: entries.to_vec(),
            }),
        }
    }

    /// Applies an outcome.
    pub(super) fn commit(&mut self, message: Message) -> Effects {
        let verdict = self.judge(&message);
        let is_left_over = verdict.is_older_truth && !self.entries.is_empty();
        let (rev, own) = (message.rev, message.write);
        let mut leaving = BTreeSet::new();
        let added = if verdict.applies {
            self.apply(message, &verdict, &mut leaving)
        } else {
            Vec::new()
        };
        let leaves = |pending: &Pending| {
            let is_own = own.is_some() && pending.write == own;
            let is_of_earlier_life = pending.write.is_none() && pending.base == rev;
            is_own || (verdict.applies && (pending.base < rev || is_of_earlier_life))
        };
        self.settle_pending(leaves, &mut leaving);
        let is_open = self.pending.iter().any(|pending| pending.write.is_some());
        Effects {
            added,
            removed: self.not_needed(leaving),
            mark: match (is_left_over, is_open) {
                (true, _) => Mark::Again,
                (false, true) => Mark::Stays,
                (false, false) => Mark::Resolved,
            },
        }
    }

    /// Whether nothing is worth keeping.
    pub(super) fn is_empty(&self) -> bool {
        self.rev == 0 && self.entries.is_empty() && self.pending.is_empty()
    }

    /// Whether the document or a write under way has the entry.
    pub(super) fn needs(&self, entry: &[u8]) -> bool {
        self.needed().any(|needed| *needed == *entry)
    }

    /// How it stands to an entry that is there.
    pub(super) fn presence(&self, entry: &[u8]) -> Presence {
        if self.entries.iter().any(|kept| *kept == *entry) {
            Presence::Kept
        } else if self.needs(entry) {
            Presence::Announced
        } else {
            Presence::Loose
        }
    }

    /// What it says of the definitions with these numbers; `None`: more than is worth looking at.
    pub(super) fn of(&self, numbers: &[u32]) -> Option<index::Manifest> {
        let asked = |entry: &&Entry| numbers.contains(&number_of(entry));
        let silent = |number: &&u32| !self.entries.iter().any(|one| number_of(one) == **number);
        let values = self.needed().filter(asked).take(MOST_VALUES + 1);
        let values: Vec<_> = values.map(value_of).collect();
        (values.len() <= MOST_VALUES).then(|| index::Manifest {
            values,
            silent: numbers.iter().filter(silent).copied().collect(),
        })
    }

    fn needed(&self) -> impl Iterator<Item = &Entry> {
        let pending = self.pending.iter().flat_map(|pending| &pending.entries);
        self.entries.iter().chain(pending)
    }

    /// Whether this tells something newer than what is applied, or tells that the applied revision is of an earlier life
    /// of the document: a repair says so itself; a write says so by an announcement that came after the applied revision
    /// and whose put was carried out all the same. Without its announcement, what is not above the earlier life belongs
    /// to it.
    fn judge(&self, message: &Message) -> Verdict {
        let own = self
            .pending
            .iter()
            .rfind(|pending| pending.write.is_some() && pending.write == message.write);
        let earlier_life = self.pending.iter().rfind(|pending| pending.write.is_none());
        let earlier_life = earlier_life.map_or(0, |pending| pending.base);
        let is_repair = message.outcome == Outcome::Restore;
        let is_put = message.outcome != Outcome::Abort;
        let is_vouched = is_repair || own.is_some();
        let rev = message.rev;

        let is_newer = (rev > self.rev && (is_vouched || rev > earlier_life))
            || (rev == self.rev && is_vouched);
        let replaces_older = own.is_some_and(|own| own.base < self.rev);
        let is_older_truth = rev < self.rev && (is_repair || (is_put && replaces_older));
        Verdict {
            is_newer,
            is_older_truth,
            applies: is_put && (is_newer || is_older_truth),
        }
    }

    /// Takes the message over; gives the entries to add.
    fn apply(
        &mut self,
        message: Message,
        verdict: &Verdict,
        leaving: &mut BTreeSet<Entry>,
    ) -> Vec<Entry> {
        let entries = std::mem::replace(&mut self.entries, message.entries.clone());
        if verdict.is_newer {
            leaving.extend(entries);
        } else if message.rev > 0 || !entries.is_empty() {
            // It may be a late message after all: what is applied stays needed until a revision after both is committed.
            self.pending.push(Pending {
                write: None,
                base: self.rev,
                entries,
            });
        }
        self.rev = message.rev;
        self.is_deleted = message.outcome == Outcome::Delete;
        message.entries
    }

    /// An announcement leaves with its own outcome, or once a revision after its base is applied: its put can no longer
    /// win. Entries of an earlier life leave once their own revision, or a later one, is applied; until then there is one
    /// list of them.
    fn settle_pending(&mut self, leaves: impl Fn(&Pending) -> bool, leaving: &mut BTreeSet<Entry>) {
        let mut earlier: Option<usize> = None;
        let mut kept: Vec<Pending> = Vec::new();
        for pending in std::mem::take(&mut self.pending) {
            match (pending.write, earlier) {
                _ if leaves(&pending) => leaving.extend(pending.entries),
                (None, Some(first)) => {
                    kept[first].base = kept[first].base.max(pending.base);
                    kept[first].join(&pending.entries);
                }
                (write, _) => {
                    if write.is_none() {
                        earlier = Some(kept.len());
                    }
                    kept.push(pending);
                }
            }
        }
        self.pending = kept;
    }

    fn not_needed(&self, mut leaving: BTreeSet<Entry>) -> Vec<Entry> {
        for entry in self.needed() {
            leaving.remove(entry);
        }
        leaving.into_iter().collect()
    }
}

/// The number of the index of an entry.
fn number_of(entry: &Entry) -> u32 {
    let number = entry.first_chunk();
    number.map_or(0, |number| u32::from_be_bytes(*number))
}

fn value_of(entry: &Entry) -> (u32, EncodedValue) {
    let value = entry.slice(size_of::<u32>().min(entry.len())..);
    (number_of(entry), EncodedValue(value))
}

impl Pending {
    fn join(&mut self, entries: &[Entry]) {
        let known: BTreeSet<Entry> = self.entries.iter().cloned().collect();
        let new = entries.iter().filter(|entry| !known.contains(*entry));
        self.entries.extend(new.cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::{Effects, Entry, Manifest, Mark, Message, Outcome};
    use crate::format::Nonce;

    fn entries(values: &[&'static str]) -> Vec<Entry> {
        values
            .iter()
            .map(|value| Entry::from_static(value.as_bytes()))
            .collect()
    }

    fn write(number: u8) -> Nonce {
        Nonce::from_random([number; 13])
    }

    /// The document at `rev` by write `number`, with these values.
    fn tell(
        manifest: &mut Manifest,
        outcome: Outcome,
        rev: u64,
        number: u8,
        values: &[&'static str],
    ) -> Effects {
        manifest.commit(Message {
            rev,
            write: Some(write(number)),
            outcome,
            entries: entries(values),
        })
    }

    fn put(manifest: &mut Manifest, rev: u64, values: &[&'static str]) -> Effects {
        let number = u8::try_from(rev).unwrap();
        manifest.announce(write(number), rev - 1, &entries(values));
        tell(manifest, Outcome::Put, rev, number, values)
    }

    #[test]
    fn commit_takes_away_what_the_document_no_longer_has() {
        let mut manifest = Manifest::default();
        put(&mut manifest, 1, &["a", "b"]);
        let effects = put(&mut manifest, 2, &["b", "c"]);
        assert_eq!(effects.added, entries(&["b", "c"]));
        assert_eq!(effects.removed, entries(&["a"]));
        assert_eq!(effects.mark, Mark::Resolved);
    }

    #[test]
    fn announcement_keeps_its_entries_until_its_outcome_or_a_later_revision() {
        let mut manifest = Manifest::default();
        put(&mut manifest, 1, &["a"]);
        manifest.announce(write(7), 1, &entries(&["b"]));
        assert_eq!(
            tell(&mut manifest, Outcome::Restore, 1, 9, &["a"]).removed,
            entries(&[])
        );
        assert!(manifest.needs(b"b"));
        let effects = put(&mut manifest, 2, &["c"]);
        assert_eq!(effects.removed, entries(&["a", "b"]));
    }

    #[test]
    fn late_commit_changes_nothing() {
        let mut manifest = Manifest::default();
        manifest.announce(write(1), 0, &entries(&["a"]));
        manifest.announce(write(2), 1, &entries(&["b"]));
        tell(&mut manifest, Outcome::Put, 2, 2, &["b"]);
        let before = manifest.clone();
        let late = tell(&mut manifest, Outcome::Put, 1, 1, &["a"]);
        assert_eq!((late.added, late.removed), (entries(&[]), entries(&[])));
        assert_eq!(manifest, before);
    }

    #[test]
    fn abort_takes_only_what_is_its_own() {
        let mut manifest = Manifest::default();
        put(&mut manifest, 1, &["a"]);
        manifest.announce(write(7), 1, &entries(&["a", "b"]));
        let effects = tell(&mut manifest, Outcome::Abort, 1, 7, &[]);
        assert_eq!(effects.removed, entries(&["b"]));
        assert_eq!(manifest.rev, 1);
    }

    #[test]
    fn repeated_announcement_is_one() {
        let mut manifest = Manifest::default();
        manifest.announce(write(1), 0, &entries(&["a"]));
        manifest.announce(write(1), 0, &entries(&["a", "b"]));
        assert_eq!(manifest.pending.len(), 1);
        assert_eq!(manifest.pending[0].entries, entries(&["a", "b"]));
    }

    #[test]
    fn restoring_a_lower_revision_keeps_both_truths_until_one_is_told_again() {
        let mut manifest = Manifest::default();
        put(&mut manifest, 9, &["nine"]);
        let effects = tell(&mut manifest, Outcome::Restore, 5, 99, &["five"]);
        assert_eq!((effects.removed, effects.mark), (entries(&[]), Mark::Again));
        assert!(manifest.needs(b"nine") && manifest.needs(b"five"));
        let effects = tell(&mut manifest, Outcome::Restore, 9, 99, &["nine"]);
        assert_eq!(
            (effects.removed, effects.mark),
            (entries(&["five"]), Mark::Resolved)
        );
    }

    #[test]
    fn late_message_of_an_earlier_life_takes_nothing_from_the_new_one() {
        let mut manifest = Manifest::default();
        put(&mut manifest, 5, &["old"]);
        tell(&mut manifest, Outcome::Delete, 6, 6, &[]);
        manifest.announce(write(11), 0, &entries(&["new"]));
        let late = tell(&mut manifest, Outcome::Put, 5, 5, &["old"]);
        assert_eq!(late.removed, entries(&[]));
        let born = tell(&mut manifest, Outcome::Put, 1, 11, &["new"]);
        assert_eq!(born.added, entries(&["new"]));
        tell(&mut manifest, Outcome::Put, 5, 5, &["old"]);
        assert!(manifest.needs(b"new"));
    }

    #[test]
    fn several_earlier_lives_are_one_list() {
        let mut manifest = Manifest::default();
        put(&mut manifest, 9, &["nine"]);
        tell(&mut manifest, Outcome::Restore, 7, 99, &["seven"]);
        tell(&mut manifest, Outcome::Restore, 5, 99, &["five"]);
        assert_eq!(manifest.pending.len(), 1);
        assert_eq!(
            (manifest.pending[0].base, &manifest.pending[0].entries),
            (9, &entries(&["nine", "seven"]))
        );
    }

    #[test]
    fn nothing_is_left_of_a_document_that_the_store_does_not_have() {
        let mut manifest = Manifest::default();
        put(&mut manifest, 1, &["a"]);
        tell(&mut manifest, Outcome::Delete, 2, 2, &[]);
        let effects = tell(&mut manifest, Outcome::Restore, 0, 99, &[]);
        assert_eq!(effects.removed, entries(&[]));
        assert!(manifest.is_empty(), "{manifest:?}");
    }
}
