//! What changes the file, inside one transaction. Each message is checked before it changes anything, so that one which
//! is refused takes nothing along.

use bytes::Bytes;
use redb::{ReadableTable, Table, WriteTransaction};

use super::{
    INSTANCE, codec,
    manifest::{Entry, Manifest, Mark, Message},
    tables::{
        self, COLLECTIONS, ENTRIES, FACTS, Failure, MANIFESTS, PLACEMENTS, UNRESOLVED,
        collection_number, fact, lost, name_of, past, slot, under,
    },
};
use crate::{
    format::{Nonce, path::EncodedId},
    port::{
        IndexError,
        index::{
            Announcement, Commit, Hit, IndexEntry, IndexedCollection, Outcome, Placed, member,
            member_id,
        },
    },
};

/// The open tables of one transaction.
pub(super) struct Tables<'txn> {
    facts: Table<'txn, &'static str, &'static str>,
    collections: Table<'txn, &'static str, (u32, &'static str)>,
    placements: Table<'txn, (u32, u32, u64), u32>,
    entries: Table<'txn, &'static [u8], ()>,
    manifests: Table<'txn, &'static [u8], &'static [u8]>,
    unresolved: Table<'txn, &'static [u8], i64>,
    /// The time of the transaction, in milliseconds.
    now: i64,
}

/// The document of a message, and where its entries lie.
struct Document {
    /// In [`MANIFESTS`] and [`UNRESOLVED`].
    key: Vec<u8>,
    id: Bytes,
    /// Number of the index to its slot.
    slots: Vec<(u32, u32)>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn open(transaction: &'txn WriteTransaction, now: i64) -> Result<Self, Failure> {
        Ok(Self {
            facts: transaction.open_table(FACTS)?,
            collections: transaction.open_table(COLLECTIONS)?,
            placements: transaction.open_table(PLACEMENTS)?,
            entries: transaction.open_table(ENTRIES)?,
            manifests: transaction.open_table(MANIFESTS)?,
            unresolved: transaction.open_table(UNRESOLVED)?,
            now,
        })
    }

    pub(super) fn fact(&self, name: &str) -> Result<Option<String>, Failure> {
        Ok(self.facts.get(name)?.map(|value| value.value().to_owned()))
    }

    pub(super) fn set_fact(&mut self, name: &str, value: Option<&str>) -> Result<(), Failure> {
        match value {
            Some(value) => drop(self.facts.insert(name, value)?),
            None => drop(self.facts.remove(name)?),
        }
        Ok(())
    }

    /// Takes back that the file holds anything that may be trusted. What it holds goes when an instance begins.
    pub(super) fn forget_instances(&mut self) -> Result<(), Failure> {
        let names = self.collections.iter()?;
        let names: Vec<(String, u32)> = names
            .map(|row| row.map(|(name, row)| (name.value().to_owned(), row.value().0)))
            .collect::<Result<_, _>>()?;
        for (name, number) in names {
            // No instance has an empty nonce.
            self.collections.insert(&*name, (number, ""))?;
        }
        Ok(())
    }

    pub(super) fn begin(
        &mut self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<String, Failure> {
        let name = name_of(collection);
        let there = self.collections.get(&*name)?.map(|row| {
            let (number, nonce) = row.value();
            (number, nonce.to_owned())
        });
        let replaced = replacing.and_then(|instance| instance.strip_prefix(INSTANCE));
        let number = match there {
            // Somebody else began first, or this is a repetition: join.
            Some((number, nonce))
                if !nonce.is_empty() && (nonce == *fresh.as_str() || Some(&*nonce) != replaced) =>
            {
                self.make(number, placed)?;
                return Ok(format!("{INSTANCE}{nonce}"));
            }
            Some((number, _)) => number,
            None => self.next_number()?,
        };
        self.clear(number)?;
        self.collections.insert(&*name, (number, fresh.as_str()))?;
        self.make(number, placed)?;
        Ok(format!("{INSTANCE}{fresh}"))
    }

    pub(super) fn extend(
        &mut self,
        collection: &IndexedCollection,
        placed: &[Placed],
    ) -> Result<(), Failure> {
        let number = collection_number(&self.collections, collection)?;
        self.make(number, placed)
    }

    pub(super) fn announce(
        &mut self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), Failure> {
        let document = self.document(collection, &announcement.id, &announcement.placed)?;
        let entries = document.entries(&announcement.entries)?;
        let mut manifest = self.manifest(&document)?.unwrap_or_default();
        manifest.announce(announcement.write, announcement.base, &entries);
        self.keep(&document, &manifest)?;
        self.unresolved.insert(&document.key[..], self.now)?;
        self.add(&document, &entries)
    }

    pub(super) fn commit(
        &mut self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), Failure> {
        let document = self.document(collection, &commit.id, &commit.placed)?;
        let mut manifest = self.manifest(&document)?.unwrap_or_default();
        let effects = manifest.commit(Message {
            rev: commit.rev,
            write: commit.write,
            outcome: commit.outcome,
            entries: document.entries(entries_of(commit))?,
        });
        self.keep(&document, &manifest)?;
        self.add(&document, &effects.added)?;
        self.remove(&document, &effects.removed)?;
        match effects.mark {
            Mark::Resolved => drop(self.unresolved.remove(&document.key[..])?),
            Mark::Again => drop(self.unresolved.insert(&document.key[..], self.now)?),
            Mark::Stays => {}
        }
        Ok(())
    }

    pub(super) fn remove_stale(
        &mut self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), Failure> {
        let document = self.document(collection, &hit.id, std::slice::from_ref(placed))?;
        let entry = Entry::from(member::entry(placed.number, &hit.value));
        // Without a manifest nobody can tell that no announcement is on its way.
        match self.manifest(&document)? {
            Some(manifest) if !manifest.needs(&entry) => self.remove(&document, &[entry]),
            _ => Ok(()),
        }
    }

    /// Makes the placements that are not there yet; what an earlier generation of one held goes.
    fn make(&mut self, collection: u32, placed: &[Placed]) -> Result<(), Failure> {
        for placed in placed {
            let key = (collection, placed.number, placed.generation);
            if self.placements.get(key)?.is_some() {
                continue;
            }
            let earlier = (collection, placed.number, 0)..key;
            self.remove_slots(earlier)?;
            let slot = self.next_number()?;
            self.placements.insert(key, slot)?;
        }
        Ok(())
    }

    /// Removes everything of a collection.
    fn clear(&mut self, collection: u32) -> Result<(), Failure> {
        self.remove_slots((collection, 0, 0)..(collection + 1, 0, 0))?;
        let (lower, upper) = (under(collection, &[]), past(collection));
        let range = &lower[..]..&upper[..];
        self.manifests
            .retain_in::<&[u8], _>(range.clone(), |_, _| false)?;
        self.unresolved.retain_in::<&[u8], _>(range, |_, _| false)?;
        Ok(())
    }

    fn remove_slots(
        &mut self,
        placements: std::ops::Range<(u32, u32, u64)>,
    ) -> Result<(), Failure> {
        let slots = self.placements.range(placements.clone())?;
        let slots: Vec<u32> = slots
            .map(|row| row.map(|(_, slot)| slot.value()))
            .collect::<Result<_, _>>()?;
        for slot in slots {
            let (lower, upper) = (under(slot, &[]), past(slot));
            self.entries
                .retain_in::<&[u8], _>(&lower[..]..&upper[..], |_, ()| false)?;
        }
        self.placements.retain_in(placements, |_, _| false)?;
        Ok(())
    }

    /// A number for a collection or a slot that was never used.
    fn next_number(&mut self) -> Result<u32, Failure> {
        let next = self.fact(fact::NEXT)?;
        let number: u32 = match &next {
            None => 1,
            Some(text) => text.parse().map_err(|_| lost("the file is damaged"))?,
        };
        if number == u32::MAX {
            return Err(lost("the file has used up its numbers").into());
        }
        self.set_fact(fact::NEXT, Some(&(number + 1).to_string()))?;
        Ok(number)
    }

    fn document(
        &self,
        collection: &IndexedCollection,
        id: &EncodedId,
        placed: &[Placed],
    ) -> Result<Document, Failure> {
        let number = collection_number(&self.collections, collection)?;
        let id = member_id(collection.key_kind, id);
        let slots = placed
            .iter()
            .map(|placed| Ok((placed.number, slot(&self.placements, number, placed)?)));
        Ok(Document {
            key: under(number, &id),
            slots: slots.collect::<Result<_, Failure>>()?,
            id,
        })
    }

    fn manifest(&self, document: &Document) -> Result<Option<Manifest>, Failure> {
        tables::manifest(&self.manifests, &document.key)
    }

    fn keep(&mut self, document: &Document, manifest: &Manifest) -> Result<(), Failure> {
        if manifest.is_empty() {
            self.manifests.remove(&document.key[..])?;
        } else {
            let bytes = codec::encode(manifest);
            self.manifests.insert(&document.key[..], &bytes[..])?;
        }
        Ok(())
    }

    fn add(&mut self, document: &Document, entries: &[Entry]) -> Result<(), Failure> {
        for key in entries.iter().filter_map(|entry| document.member(entry)) {
            self.entries.insert(&key[..], ())?;
        }
        Ok(())
    }

    fn remove(&mut self, document: &Document, entries: &[Entry]) -> Result<(), Failure> {
        for key in entries.iter().filter_map(|entry| document.member(entry)) {
            self.entries.remove(&key[..])?;
        }
        Ok(())
    }
}

impl Document {
    /// The entries as manifests hold them.
    fn entries(&self, entries: &[IndexEntry]) -> Result<Vec<Entry>, IndexError> {
        let entries = entries.iter().map(|entry| {
            let number = entry.placed.number;
            match self.slots.iter().any(|(placed, _)| *placed == number) {
                true => Ok(Entry::from(member::entry(number, &entry.value))),
                false => Err(IndexError::Corrupt(format!(
                    "an entry of {}, which is not placed",
                    entry.placed.definition
                ))),
            }
        });
        entries.collect()
    }

    /// The key of an entry in [`ENTRIES`]; `None` when its index is no longer placed, which is gone as a whole.
    fn member(&self, entry: &Entry) -> Option<Vec<u8>> {
        let (number, value) = entry.split_first_chunk()?;
        let number = u32::from_be_bytes(*number);
        let (_, slot) = self.slots.iter().find(|(placed, _)| *placed == number)?;
        Some(under(*slot, &[value, &self.id].concat()))
    }
}

/// A deleted document has no entries, and an aborted write tells nothing about them.
fn entries_of(commit: &Commit) -> &[IndexEntry] {
    match commit.outcome {
        Outcome::Put | Outcome::Restore => &commit.entries,
        Outcome::Delete | Outcome::Abort => &[],
    }
}
