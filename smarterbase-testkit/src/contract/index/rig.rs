//! A collection with two indexes, and a writer that behaves as the engine does: announce, put, commit.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use smarterbase_core::{
    document::{KeyKind, KeyText},
    format::{
        Nonce,
        entry::Tag,
        index_key::{EncodedValue, ValueRange},
        path::EncodedId,
    },
    port::{
        IndexStore,
        index::{
            Announcement, Commit, Hit, IndexEntry, IndexedCollection, Outcome, Placed, Scan,
            ScanPage,
        },
    },
};

/// A collection on an index backend, with two indexes, `0` and `1`.
#[derive(Debug)]
pub struct Rig {
    /// The backend.
    pub index: Arc<dyn IndexStore>,
    /// The collection, at the instance that began.
    pub collection: IndexedCollection,
    /// Its indexes.
    pub placed: Vec<Placed>,
    nonces: AtomicU64,
    live: Mutex<HashMap<EncodedId, Live>>,
}

/// What the store holds of one document: the revision and the entries.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// 0 for no document.
    pub rev: u64,
    /// The entries, with their tags where the backend uses them.
    pub entries: Vec<IndexEntry>,
}

impl Live {
    /// No document.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// A document without entries.
    #[must_use]
    pub fn at(rev: u64) -> Self {
        Self {
            rev,
            entries: Vec::new(),
        }
    }
}

/// One write of one document.
#[derive(Clone, Debug)]
pub struct Write {
    /// The document.
    pub id: EncodedId,
    /// The revision that it replaces.
    pub base: u64,
    /// The write.
    pub write: Nonce,
    /// Every entry of the document after it.
    pub entries: Vec<IndexEntry>,
    /// The entries that were not there before.
    pub new: Vec<IndexEntry>,
    /// The entries that are no longer needed.
    pub dropped: Vec<IndexEntry>,
}

impl Write {
    /// The document after the write was put.
    #[must_use]
    pub fn after(&self) -> Live {
        Live {
            rev: self.base + 1,
            entries: self.entries.clone(),
        }
    }
}

impl Rig {
    /// A fresh collection.
    pub async fn begin(
        index: &Arc<dyn IndexStore>,
        name: &str,
        key_kind: KeyKind,
        shards: u8,
    ) -> Self {
        let collection = IndexedCollection {
            database: Nonce::from_random([7; 13]),
            name: name.to_owned(),
            shards,
            key_kind,
            instance: String::new(),
        };
        Self::begin_at(index, collection, 1).await
    }

    /// The same collection in the next generation.
    pub async fn begin_again(&self) -> Self {
        let generation = self.placed[0].generation + 1;
        Self::begin_at(&self.index, self.collection.clone(), generation).await
    }

    /// The same collection at another instance, with these indexes, which are there.
    #[must_use]
    pub fn at(
        index: &Arc<dyn IndexStore>,
        before: &Self,
        instance: String,
        placed: Vec<Placed>,
    ) -> Self {
        Self {
            index: index.clone(),
            collection: IndexedCollection {
                instance,
                ..before.collection.clone()
            },
            placed,
            nonces: AtomicU64::new(1_000_000 * (1 + before.nonces.load(Ordering::Relaxed))),
            live: Mutex::default(),
        }
    }

    async fn begin_at(
        index: &Arc<dyn IndexStore>,
        mut collection: IndexedCollection,
        generation: u64,
    ) -> Self {
        let placed: Vec<_> = ["email", "plan"]
            .iter()
            .zip(3..)
            .map(|(name, number)| Placed {
                definition: format!("{name}-0123abcd"),
                number,
                generation,
            })
            .collect();
        let fresh = Nonce::from_random([u8::try_from(generation).expect("few generations"); 13]);
        let there = index
            .instance(&collection)
            .await
            .expect("an instance or none");
        let begun = index
            .begin(&collection, &placed, fresh, there.as_deref())
            .await;
        collection.instance = begun.expect("begin");
        Self {
            index: index.clone(),
            collection,
            placed,
            nonces: AtomicU64::new(1),
            live: Mutex::default(),
        }
    }

    /// A collection with `documents` documents that have about three to a value in index 0.
    pub async fn filled(
        index: &Arc<dyn IndexStore>,
        key_kind: KeyKind,
        shards: u8,
        documents: u32,
    ) -> Self {
        let rig = Self::begin(index, "users", key_kind, shards).await;
        for number in 0..documents {
            let plain = match key_kind {
                KeyKind::Uuid => {
                    format!("0199c7f5-5f0a-7e2b-9c1d-{:012x}", u64::from(number) * 7_919)
                }
                KeyKind::Unsigned => format!("{number:020}"),
                KeyKind::Text => format!("user-{}", number * 7 % 100),
            };
            rig.put(
                &id(&plain),
                &Live::none(),
                &[(0, text(&format!("v{}", number * 5 % 11)))],
            )
            .await;
        }
        rig
    }

    /// The write that gives the document these values, as (index, value).
    #[must_use]
    pub fn write(&self, id: &EncodedId, before: &Live, values: &[(usize, EncodedValue)]) -> Write {
        let write = self.nonce();
        let (mut entries, mut new) = (Vec::new(), Vec::new());
        for (number, value) in values {
            let placed = &self.placed[*number];
            let known = before
                .entries
                .iter()
                .find(|entry| entry.placed == *placed && entry.value == *value);
            entries.push(known.cloned().unwrap_or_else(|| {
                let tag = self
                    .index
                    .uses_tags()
                    .then(|| Tag::new(before.rev, write, value));
                let entry = IndexEntry {
                    placed: placed.clone(),
                    value: value.clone(),
                    tag,
                };
                new.push(entry.clone());
                entry
            }));
        }
        let dropped = before
            .entries
            .iter()
            .filter(|entry| !entries.contains(entry))
            .cloned()
            .collect();
        Write {
            id: id.clone(),
            base: before.rev,
            write,
            entries,
            new,
            dropped,
        }
    }

    /// Announces the write.
    pub async fn announce(&self, write: &Write) {
        let announcement = Announcement {
            id: write.id.clone(),
            base: write.base,
            write: write.write,
            entries: write.new.clone(),
            placed: self.placed.clone(),
        };
        self.index
            .announce(&self.collection, &announcement)
            .await
            .expect("announce");
    }

    /// Tells that the write was put.
    pub async fn commit(&self, write: &Write) {
        self.tell(write, Outcome::Put).await;
    }

    /// Tells that the write finally lost.
    pub async fn abort(&self, write: &Write) {
        let lost = Write {
            dropped: write.new.clone(),
            entries: Vec::new(),
            ..write.clone()
        };
        self.tell(&lost, Outcome::Abort).await;
    }

    /// Tells an outcome of the write.
    pub async fn tell(&self, write: &Write, outcome: Outcome) {
        let commit = Commit {
            id: write.id.clone(),
            rev: write.base + 1,
            write: (outcome != Outcome::Restore).then_some(write.write),
            outcome,
            entries: write.entries.clone(),
            dropped: write.dropped.clone(),
            placed: self.placed.clone(),
            e_tag: Some(format!("\"{}\"", write.write)),
        };
        self.index
            .commit(&self.collection, &commit)
            .await
            .expect("commit");
    }

    /// A whole write: announce, (put,) commit.
    pub async fn put(
        &self,
        id: &EncodedId,
        before: &Live,
        values: &[(usize, EncodedValue)],
    ) -> Live {
        let write = self.write(id, before, values);
        self.announce(&write).await;
        self.commit(&write).await;
        self.live
            .lock()
            .expect("no test panics with it")
            .insert(id.clone(), write.after());
        write.after()
    }

    /// A whole deletion; what is left is a tombstone.
    pub async fn delete(&self, id: &EncodedId, before: &Live) -> Live {
        let write = self.write(id, before, &[]);
        self.announce(&write).await;
        self.tell(&write, Outcome::Delete).await;
        write.after()
    }

    /// What the last [`put`](Self::put) left of the document.
    #[must_use]
    pub fn live_of(&self, id: &EncodedId) -> Live {
        self.live.lock().expect("no test panics with it")[id].clone()
    }

    /// One page.
    pub async fn page(
        &self,
        number: usize,
        range: &ValueRange,
        after: Option<(EncodedValue, EncodedId)>,
        descending: bool,
        limit: usize,
    ) -> ScanPage {
        let placed = self.placed[number].clone();
        let scan = Scan {
            placed,
            range: range.clone(),
            after,
            descending,
            limit,
        };
        let page = self
            .index
            .scan(&self.collection, &scan)
            .await
            .expect("scan");
        assert!(
            page.hits.len() <= limit,
            "{} hits for a limit of {limit}",
            page.hits.len()
        );
        page
    }

    /// Every page after the other.
    pub async fn walk(
        &self,
        number: usize,
        range: &ValueRange,
        descending: bool,
        limit: usize,
    ) -> Vec<(EncodedValue, EncodedId)> {
        let mut found: Vec<(EncodedValue, EncodedId)> = Vec::new();
        loop {
            let page = self
                .page(number, range, found.last().cloned(), descending, limit)
                .await;
            found.extend(pairs(&page));
            if !page.has_more {
                return found;
            }
            assert!(
                !page.hits.is_empty(),
                "a page says that more follows, and holds nothing to go on from"
            );
        }
    }

    /// Every entry of an index.
    pub async fn found(&self, number: usize) -> Vec<(EncodedValue, EncodedId)> {
        self.walk(number, &all(), false, 1_000).await
    }

    /// Every entry of an index, whole.
    pub async fn hits(&self, number: usize) -> Vec<Hit> {
        self.page(number, &all(), None, false, 1_000).await.hits
    }

    /// The documents of a range, one after the other, without repeats in a row.
    pub async fn ids(&self, number: usize, range: &ValueRange) -> Vec<EncodedId> {
        let mut ids: Vec<_> = self
            .walk(number, range, false, 1_000)
            .await
            .into_iter()
            .map(|(_, id)| id)
            .collect();
        // Where entries have tags, two announcements of one value are two entries until one is gone.
        ids.dedup();
        ids
    }

    /// The number of entries in a range.
    pub async fn count(&self, number: usize, range: &ValueRange) -> u64 {
        self.index
            .count(&self.collection, &self.placed[number], range)
            .await
            .expect("count")
    }

    fn nonce(&self) -> Nonce {
        let mut random = [0; 13];
        random[..8].copy_from_slice(&self.nonces.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Nonce::from_random(random)
    }
}

/// An encoded id.
///
/// # Panics
/// When the text is no id.
#[must_use]
pub fn id(plain: &str) -> EncodedId {
    EncodedId::encode(&KeyText(plain.to_owned())).expect("an id")
}

/// The encoded value of a text.
#[must_use]
pub fn text(plain: &str) -> EncodedValue {
    delimited(0x04, plain.as_bytes())
}

/// The encoded value of bytes.
#[must_use]
pub fn bytes_value(plain: &[u8]) -> EncodedValue {
    delimited(0x05, plain)
}

fn delimited(tag: u8, plain: &[u8]) -> EncodedValue {
    let mut encoded = vec![tag];
    for byte in plain {
        encoded.push(*byte);
        if *byte == 0 {
            encoded.push(0xFF);
        }
    }
    encoded.extend([0, 0]);
    EncodedValue(encoded.into())
}

/// Everything.
#[must_use]
pub fn all() -> ValueRange {
    ValueRange {
        lower: Bytes::new(),
        upper: None,
        exact: false,
    }
}

/// Everything from a value on.
#[must_use]
pub fn from(value: &EncodedValue) -> ValueRange {
    ValueRange {
        lower: value.0.clone(),
        upper: None,
        exact: false,
    }
}

/// One value of a text or of bytes, which end with a zero.
#[must_use]
pub fn exactly(value: &EncodedValue) -> ValueRange {
    let mut upper = value.0.to_vec();
    *upper.last_mut().expect("a value is not empty") += 1;
    ValueRange {
        lower: value.0.clone(),
        upper: Some(upper.into()),
        exact: true,
    }
}

/// Values and ids of a page.
#[must_use]
pub fn pairs(page: &ScanPage) -> Vec<(EncodedValue, EncodedId)> {
    page.hits
        .iter()
        .map(|hit| (hit.value.clone(), hit.id.clone()))
        .collect()
}
