//! The entries of one collection, and the manifests that order what writers tell. The rules are those of the scripts in
//! `smarterbase-redis/src/script`.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ops::Bound,
};

use bytes::Bytes;
use smarterbase_core::{
    document::KeyKind,
    format::{
        Nonce,
        index_key::{EncodedValue, ValueRange},
        path::EncodedId,
    },
    port::{
        IndexError,
        index::{
            self, Announcement, Commit, Hit, IndexEntry, Manifests, Outcome, Placed, Scan,
            ScanPage, member_id,
        },
    },
};

/// The number of an index and its generation.
type IndexKey = (u32, u64);
/// An entry of a document: the number of the index, and the value.
type Entry = (u32, EncodedValue);
/// The entries of one index by value and id.
type Entries = BTreeMap<(Bytes, Bytes), EncodedId>;

#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    /// The instance, and the run of the server that it was marked in.
    mark: Option<(Nonce, u64)>,
    /// `None`: made, and lost since.
    indexes: BTreeMap<IndexKey, Option<Entries>>,
    manifests: HashMap<EncodedId, Manifest>,
    /// What may still be gone on with, by number.
    left: HashMap<u32, u64>,
    /// What was gone on with.
    took: HashMap<IndexKey, IndexKey>,
}

#[derive(Clone, Debug, Default)]
struct Manifest {
    rev: u64,
    entries: Vec<Entry>,
    pending: Vec<Pending>,
    e_tag: Option<String>,
    covers: Vec<IndexKey>,
}

#[derive(Clone, Debug)]
struct Pending {
    /// `None`: what was applied before the truth turned out to be a lower revision.
    write: Option<Nonce>,
    base: u64,
    entries: Vec<Entry>,
}

fn key_of(placed: &Placed) -> IndexKey {
    (placed.number, placed.generation)
}

fn covered(placed: &[Placed]) -> Vec<IndexKey> {
    let mut keys: Vec<_> = placed.iter().map(key_of).collect();
    keys.sort_unstable();
    keys
}

fn entries_of(entries: &[IndexEntry]) -> Vec<Entry> {
    let entries = entries.iter();
    entries
        .map(|entry| (entry.placed.number, entry.value.clone()))
        .collect()
}

impl Shelf {
    pub(super) fn instance(&self, run: u64) -> Option<Nonce> {
        let (nonce, marked) = self.mark?;
        (marked == run).then_some(nonce)
    }

    /// Whether the instance that is there gives way; else the caller joins it.
    pub(super) fn is_to_replace(&self, run: u64, fresh: Nonce, replaced: Option<Nonce>) -> bool {
        self.instance(run)
            .is_none_or(|there| there != fresh && Some(there) == replaced)
    }

    pub(super) fn begin(&mut self, run: u64, fresh: Nonce) {
        *self = Self {
            mark: Some((fresh, run)),
            ..Self::default()
        };
    }

    /// Takes what is there for what there was at one moment; not where nobody ever began.
    pub(super) fn go_on(&mut self, run: u64, fresh: Nonce) -> bool {
        if self.mark.is_none() {
            return false;
        }
        let whole = self.indexes.iter().filter(|(_, entries)| entries.is_some());
        // In order: the latest generation of a number stays.
        self.left = whole
            .map(|((number, generation), _)| (*number, *generation))
            .collect();
        self.took.clear();
        self.mark = Some((fresh, run));
        true
    }

    pub(super) fn extend(&mut self, placed: &[Placed]) {
        for key in placed.iter().map(key_of) {
            if self.indexes.contains_key(&key) {
                continue;
            }
            let source = self
                .left
                .remove(&key.0)
                .map(|generation| (key.0, generation));
            let left = source.and_then(|source| self.indexes.remove(&source).flatten());
            if let (Some(source), Some(_)) = (source, &left) {
                self.took.insert(key, source);
            }
            self.indexes.insert(key, Some(left.unwrap_or_default()));
        }
    }

    pub(super) fn evict_indexes(&mut self) {
        self.indexes
            .values_mut()
            .for_each(|entries| *entries = None);
    }

    pub(super) fn known(&self, placed: &[Placed], ids: &[EncodedId]) -> Vec<Option<String>> {
        let now = covered(placed);
        let before = now.iter().map(|key| *self.took.get(key).unwrap_or(key));
        let before: Vec<_> = before.collect();
        let tag = |id| {
            let manifest: &Manifest = self.manifests.get(id)?;
            let covers = manifest.covers == now || manifest.covers == before;
            manifest.e_tag.clone().filter(|_| covers)
        };
        ids.iter().map(tag).collect()
    }

    pub(super) fn announce(
        &mut self,
        kind: KeyKind,
        announcement: &Announcement,
    ) -> Result<(), IndexError> {
        self.check(&announcement.placed)?;
        let entries = entries_of(&announcement.entries);
        let manifest = self.manifests.entry(announcement.id.clone()).or_default();
        let write = Some(announcement.write);
        let known = manifest
            .pending
            .iter_mut()
            .find(|pending| pending.write == write);
        match known {
            Some(known) => known.entries.extend(entries.clone()),
            None => manifest.pending.push(Pending {
                write,
                base: announcement.base,
                entries: entries.clone(),
            }),
        }
        self.add(kind, &announcement.placed, &announcement.id, &entries);
        Ok(())
    }

    pub(super) fn commit(&mut self, kind: KeyKind, commit: &Commit) -> Result<(), IndexError> {
        self.check(&commit.placed)?;
        let mut manifest = self.manifests.remove(&commit.id).unwrap_or_default();
        let entries = match commit.outcome {
            Outcome::Put | Outcome::Restore => entries_of(&commit.entries),
            Outcome::Delete | Outcome::Abort => Vec::new(),
        };
        let (applies, leaving) = manifest.learn(commit, entries.clone());
        if applies {
            self.add(kind, &commit.placed, &commit.id, &entries);
        }
        let needed = manifest.needed();
        for entry in leaving.into_iter().filter(|entry| !needed.contains(entry)) {
            self.remove(kind, &commit.placed, &commit.id, &entry);
        }
        if manifest.rev > 0 || !manifest.entries.is_empty() || !manifest.pending.is_empty() {
            self.manifests.insert(commit.id.clone(), manifest);
        }
        Ok(())
    }

    pub(super) fn scan(&self, kind: KeyKind, scan: &Scan) -> Result<ScanPage, IndexError> {
        let entries = self.entries(&scan.placed)?;
        let after = scan.after.as_ref();
        let after = after.map(|(value, id)| (value.0.clone(), member_id(kind, id)));
        let lower = (scan.range.lower.clone(), Bytes::new());
        let in_range = entries.range((Bound::Included(lower), Bound::Unbounded));
        let in_range = in_range.filter(|((value, _), _)| scan.range.contains(value));
        let is_after = |key: &(Bytes, Bytes)| match &after {
            None => true,
            Some(after) if scan.descending => key < after,
            Some(after) => key > after,
        };
        let mut found: Vec<Hit> = in_range
            .filter(|(key, _)| is_after(key))
            .map(|((value, _), id)| Hit {
                value: EncodedValue(value.clone()),
                id: id.clone(),
                tag: None,
                last_modified: None,
            })
            .collect();
        if scan.descending {
            found.reverse();
        }
        let has_more = found.len() > scan.limit;
        found.truncate(scan.limit);
        Ok(ScanPage {
            hits: found,
            has_more,
            requests: 1,
        })
    }

    pub(super) fn count(&self, placed: &Placed, range: &ValueRange) -> Result<u64, IndexError> {
        let values = self.entries(placed)?.keys();
        Ok(values.filter(|(value, _)| range.contains(value)).count() as u64)
    }

    pub(super) fn manifests(&self, placed: &[Placed], ids: &[EncodedId]) -> Manifests {
        let numbers: Vec<u32> = placed.iter().map(|placed| placed.number).collect();
        let known = |id| self.manifests.get(id).map(|known| known.of(&numbers));
        Manifests {
            of: ids.iter().map(known).collect(),
            requests: 1,
        }
    }

    pub(super) fn remove_stale(
        &mut self,
        kind: KeyKind,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError> {
        self.entries(placed)?;
        let entry = (placed.number, hit.value.clone());
        // Without a manifest nobody can tell that no announcement is on its way.
        let manifest = self.manifests.get(&hit.id);
        if manifest.is_some_and(|manifest| !manifest.needed().contains(&entry)) {
            self.remove(kind, std::slice::from_ref(placed), &hit.id, &entry);
        }
        Ok(())
    }

    fn entries(&self, placed: &Placed) -> Result<&Entries, IndexError> {
        let entries = self.indexes.get(&key_of(placed)).and_then(Option::as_ref);
        entries.ok_or_else(|| IndexError::Lost("an index is gone".to_owned()))
    }

    fn check(&self, placed: &[Placed]) -> Result<(), IndexError> {
        placed
            .iter()
            .try_for_each(|placed| self.entries(placed).map(drop))
    }

    fn index(&mut self, placed: &[Placed], number: u32) -> Option<&mut Entries> {
        let placed = placed.iter().find(|placed| placed.number == number)?;
        self.indexes.get_mut(&key_of(placed))?.as_mut()
    }

    fn add(&mut self, kind: KeyKind, placed: &[Placed], id: &EncodedId, entries: &[Entry]) {
        for (number, value) in entries {
            if let Some(index) = self.index(placed, *number) {
                index.insert((value.0.clone(), member_id(kind, id)), id.clone());
            }
        }
    }

    fn remove(&mut self, kind: KeyKind, placed: &[Placed], id: &EncodedId, entry: &Entry) {
        // An index that is no longer placed is gone as a whole.
        if let Some(index) = self.index(placed, entry.0) {
            index.remove(&(entry.1.0.clone(), member_id(kind, id)));
        }
    }
}

impl Manifest {
    /// What is told of it to those who ask for some definitions.
    fn of(&self, numbers: &[u32]) -> index::Manifest {
        let values = self.needed().into_iter();
        let is_committed = |number: &u32| self.entries.iter().any(|(of, _)| of == number);
        index::Manifest {
            values: values.filter(|(of, _)| numbers.contains(of)).collect(),
            silent: numbers
                .iter()
                .copied()
                .filter(|number| !is_committed(number))
                .collect(),
        }
    }

    fn needed(&self) -> HashSet<Entry> {
        let pending = self.pending.iter().flat_map(|pending| &pending.entries);
        self.entries.iter().chain(pending).cloned().collect()
    }

    /// Takes an outcome in, as `commit.lua` does. Gives whether it applies, and the entries that may leave.
    fn learn(&mut self, commit: &Commit, entries: Vec<Entry>) -> (bool, Vec<Entry>) {
        let (rev, before) = (commit.rev, self.rev);
        let is_repair = commit.outcome == Outcome::Restore;
        let is_abort = commit.outcome == Outcome::Abort;
        let own = commit.write.filter(|_| !is_repair);
        let own_base = self
            .pending
            .iter()
            .find(|pending| pending.write.is_some() && pending.write == own);
        let own_base = own_base.map(|pending| pending.base);
        let earlier_life = self
            .pending
            .iter()
            .filter(|pending| pending.write.is_none());
        let earlier_life = earlier_life.map(|pending| pending.base).max().unwrap_or(0);
        let is_own = own_base.is_some();
        let is_newer = (rev > before && (is_repair || is_own || rev > earlier_life))
            || (rev == before && (is_repair || is_own));
        let is_older_truth = rev < before
            && (is_repair || (!is_abort && own_base.is_some_and(|base| base < before)));
        let applies = !is_abort && (is_newer || is_older_truth);
        let mut leaving = Vec::new();
        if applies {
            if is_newer {
                leaving.append(&mut self.entries);
            } else if rev > 0 || !self.entries.is_empty() {
                self.pending.push(Pending {
                    write: None,
                    base: before,
                    entries: std::mem::take(&mut self.entries),
                });
            }
            self.rev = rev;
            self.entries = entries;
            self.e_tag.clone_from(&commit.e_tag);
            self.covers = covered(&commit.placed);
        }
        // An announcement leaves with its own outcome, or once a revision after its base is applied.
        let is_over = |pending: &Pending| {
            let is_own = pending.write.is_some() && pending.write == own;
            let is_passed = pending.base < rev || (pending.write.is_none() && pending.base == rev);
            is_own || (applies && is_passed)
        };
        let (over, kept) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(is_over);
        self.pending = kept;
        let over: Vec<Pending> = over;
        leaving.extend(over.into_iter().flat_map(|pending| pending.entries));
        (applies, leaving)
    }
}
