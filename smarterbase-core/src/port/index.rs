//! Index backends: entries that find documents. A verified superset: every result is checked on the document.

pub mod member;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::CasStore;
use crate::{
    document::KeyKind,
    format::{
        Nonce,
        entry::Tag,
        index_key::{EncodedValue, ValueRange},
        path::EncodedId,
    },
};

/// An index backend.
///
/// The rules that make its results a superset: an entry is **announced** before the document that needs it is put, and
/// leaves only through [`commit`](Self::commit) or [`remove_stale`](Self::remove_stale). Every call may be repeated, may
/// be late, and may overtake another; none may make a needed entry go away.
#[async_trait]
pub trait IndexStore: Send + Sync + std::fmt::Debug + 'static {
    /// The name in the catalog: `objects`, `redis`, `local`.
    fn name(&self) -> &'static str;

    /// Whether entries carry tags that the document's envelope must list (rule S7).
    fn uses_tags(&self) -> bool;

    /// A database is opened with the backend: it finds out whether what it kept may still be believed. Backends that find
    /// out with every call have nothing to do.
    ///
    /// # Errors
    /// [`IndexError::Store`]: the database's store does not answer. [`IndexError::Refused`]: the backend belongs to another
    /// database, or was closed.
    async fn attach(&self, _host: &Host) -> Result<(), IndexError> {
        Ok(())
    }

    /// The database is closed: nothing comes any more.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`]: what was acknowledged may be lost, and the next one who opens it will notice.
    async fn detach(&self) -> Result<(), IndexError> {
        Ok(())
    }

    /// The instance that holds this database's entries now, `redis:<nonce>` (rule S6); `None` when there is none, for
    /// example because Redis was flushed or restarted.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`]: no answer.
    async fn instance(&self, collection: &IndexedCollection) -> Result<Option<String>, IndexError>;

    /// Makes the backend empty and ready to be filled for the placements, under a new instance named with `fresh`, if
    /// the instance now is `replacing` (`None`: there is none). Gives the instance that is there afterwards: processes
    /// that begin at the same time agree on one. No instance is ever in two places: each call has another `fresh`.
    ///
    /// May wait for another process that has begun and is not done, and the first operation of a collection and a rebuild wait
    /// for this call. In Redis: up to six pauses, 0.8 to 1.6 s in all, besides up to 20 trips in a row, of at most the deadline
    /// each.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`], [`IndexError::Refused`].
    async fn begin(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<String, IndexError>;

    /// Goes on with what an outage left, if all of it is there as it was at one moment of the past: a backup, a replica that
    /// lags, or just what was there before nobody could reach it. It becomes a new instance named with `fresh`, if the
    /// instance now is `replacing` or of an earlier run; [`extend`](Self::extend) then fills placements with what the same
    /// definitions had, and [`known`](Self::known) tells what is still true. `None`: begin anew.
    ///
    /// May wait as [`begin`](Self::begin) does: in Redis as long, besides up to 16 trips in a row. Where it gives `None` after
    /// that, `begin` may wait once more.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    async fn go_on(
        &self,
        _collection: &IndexedCollection,
        _fresh: Nonce,
        _replacing: Option<&str>,
    ) -> Result<Option<String>, IndexError> {
        Ok(None)
    }

    /// For each document the entity tag with which its entries were told last, if all that it had in `placed` then is there:
    /// a document that still has this tag needs no reading. At most 1,000 ids.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    async fn known(
        &self,
        _collection: &IndexedCollection,
        _placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Vec<Option<String>>, IndexError> {
        Ok(vec![None; ids.len()])
    }

    /// Makes more placements ready to be filled under the instance that is there. Placements that are there stay.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    async fn extend(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
    ) -> Result<(), IndexError>;

    /// Adds the entries that a put will need. Returns once they are durable.
    ///
    /// # Errors
    /// [`IndexError::Lost`]: the backend lost entries since the catalog was read; nothing may be trusted.
    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), IndexError>;

    /// Tells the outcome of a write: entries that the document no longer needs leave.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), IndexError>;

    /// Up to `limit` (1 to 1,000) entries with a value in `range`, by (value, id) ascending, or descending, strictly
    /// after `after`. One document may come several times, and may not match any more.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> Result<ScanPage, IndexError>;

    /// How many entries there are in the range: at least the number of matching documents.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    async fn count(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError>;

    /// About how many entries there are in the range, with one request: for choosing between indexes. A backend that would
    /// need more gives a number that is too small, but at least 1,000.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    async fn estimate(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        self.count(collection, placed, range).await
    }

    /// What the backend knows, without reading them, of the entries that documents have in these definitions, for each id in
    /// order (rule S32). `None`: it keeps no account of that. Believed only as long as an answer of [`scan`](Self::scan) is.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    async fn manifests(
        &self,
        _collection: &IndexedCollection,
        _placed: &[Placed],
        _ids: &[EncodedId],
    ) -> Result<Option<Manifests>, IndexError> {
        Ok(None)
    }

    /// Removes an entry that the caller found to be stale by rule S13, after reading the document.
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError>;

    /// How the backend stands to each of these entries of one document, in their order; `placed` are all the definitions of
    /// the entries. For verification: without it, entries are looked for by [`scan`](Self::scan).
    ///
    /// # Errors
    /// As [`announce`](Self::announce).
    async fn presence(
        &self,
        collection: &IndexedCollection,
        id: &EncodedId,
        _placed: &[Placed],
        entries: &[IndexEntry],
    ) -> Result<Vec<Presence>, IndexError> {
        let mut presences = Vec::with_capacity(entries.len());
        for entry in entries {
            let is_there = is_scanned(self, collection, id, entry).await?;
            presences.push(if is_there {
                Presence::Kept
            } else {
                Presence::Missing
            });
        }
        Ok(presences)
    }

    /// Asks for a sign of life, by the way that calls take. A backend beside the documents has none of its own.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`], [`IndexError::Refused`].
    async fn ping(&self) -> Result<(), IndexError> {
        Ok(())
    }

    /// What is known of the connection, without asking anybody.
    fn connection(&self) -> Connection {
        Connection::None
    }
}

/// Whether a scan of its one value finds an entry.
async fn is_scanned<I: IndexStore + ?Sized>(
    index: &I,
    collection: &IndexedCollection,
    id: &EncodedId,
    entry: &IndexEntry,
) -> Result<bool, IndexError> {
    let mut scan = Scan {
        placed: entry.placed.clone(),
        range: ValueRange::only(&entry.value),
        after: None,
        descending: false,
        limit: 1_000,
    };
    loop {
        let page = index.scan(collection, &scan).await?;
        let is_it = |hit: &Hit| hit.id == *id && hit.value == entry.value && hit.tag == entry.tag;
        if page.hits.iter().any(is_it) {
            return Ok(true);
        }
        match page.hits.into_iter().next_back() {
            Some(last) if page.has_more => scan.after = Some((last.value, last.id)),
            _ => return Ok(false),
        }
    }
}

/// How a backend stands to an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is not there.
    Missing,
    /// It is there, and part of what was committed. Where entries have tags: it is there, and its document's envelope says
    /// the rest.
    Kept,
    /// It is there, and a write that announced it may need it.
    Announced,
    /// It is there, and nobody needs it: the next outcome of a write may take it away.
    Loose,
}

impl Presence {
    /// Whether the document is found by the entry, and stays found.
    #[must_use]
    pub fn lasts(self) -> bool {
        matches!(self, Self::Kept | Self::Announced)
    }
}

/// What a backend knows of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// It has none of its own.
    None,
    /// There is one.
    Open,
    /// There is none now; somebody tries to make one.
    Lost,
    /// The circuit is open: calls fail at once.
    CircuitOpen,
}

/// The database that a backend is opened for.
#[derive(Clone, Debug)]
pub struct Host {
    /// Its id.
    pub database: Nonce,
    /// Its store, with retries and deadlines.
    pub store: Arc<dyn CasStore>,
    /// How long a write of one object may go on trying.
    pub write_deadline: Duration,
    /// Whether anything may be written to the store.
    pub is_writable: bool,
}

/// The collection that entries belong to.
#[derive(Clone, Debug)]
pub struct IndexedCollection {
    /// The database's id: names the keys.
    pub database: Nonce,
    /// The collection.
    pub name: String,
    /// 1 or 16.
    pub shards: u8,
    /// The form of the ids: UUIDs take 16 bytes in members.
    pub key_kind: KeyKind,
    /// The instance that the catalog names; an operation on another one is [`IndexError::Lost`].
    pub instance: String,
}

/// One definition as it is placed on a backend.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Placed {
    /// `plan-1f0c9a2b`.
    pub definition: String,
    /// The catalog's stable number.
    pub number: u32,
    /// The generation (rule S5).
    pub generation: u64,
}

/// One entry of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexEntry {
    /// Where it belongs.
    pub placed: Placed,
    /// The value.
    pub value: EncodedValue,
    /// The tag, on backends that use them.
    pub tag: Option<Tag>,
}

/// The entries that a put will need and that are not there yet.
#[derive(Clone, Debug)]
pub struct Announcement {
    /// The document.
    pub id: EncodedId,
    /// The revision that the put replaces; 0 for a new document.
    pub base: u64,
    /// The write.
    pub write: Nonce,
    /// The new entries; empty for a delete, which is announced as well so that its leftovers are found.
    pub entries: Vec<IndexEntry>,
    /// Every definition that the backend maintains for this collection.
    pub placed: Vec<Placed>,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The document is at [`Commit::rev`] with [`Commit::entries`].
    Put,
    /// The document was deleted at [`Commit::rev`].
    Delete,
    /// The write finally lost; its announcement goes away.
    Abort,
    /// What the store says at [`Commit::rev`], for rebuilding and repair: also replaces an equal revision.
    Restore,
}

/// The outcome of a write.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The document.
    pub id: EncodedId,
    /// The revision that the document has now.
    pub rev: u64,
    /// The write that was announced, if any.
    pub write: Option<Nonce>,
    /// How it ended.
    pub outcome: Outcome,
    /// Every entry that the document has now.
    pub entries: Vec<IndexEntry>,
    /// Entries that leave, as far as the writer knows them: what backends without a manifest remove.
    pub dropped: Vec<IndexEntry>,
    /// Every definition that the backend maintains for this collection.
    pub placed: Vec<Placed>,
    /// The entity tag of the object, kept for finding changes by LIST.
    pub e_tag: Option<String>,
}

/// What to scan.
#[derive(Clone, Debug)]
pub struct Scan {
    /// The definition.
    pub placed: Placed,
    /// The values.
    pub range: ValueRange,
    /// Strictly after this entry, in the direction of the scan.
    pub after: Option<(EncodedValue, EncodedId)>,
    /// From the greatest value and id down.
    pub descending: bool,
    /// How many entries at most, 1 to 1,000.
    pub limit: usize,
}

/// One page of a scan.
#[derive(Clone, Debug, Default)]
pub struct ScanPage {
    /// The entries, in order.
    pub hits: Vec<Hit>,
    /// Whether more entries may follow the last one.
    pub has_more: bool,
    /// How many requests it took.
    pub requests: u32,
}

/// One entry that a scan found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The value.
    pub value: EncodedValue,
    /// The document.
    pub id: EncodedId,
    /// The tag, on backends that use them.
    pub tag: Option<Tag>,
    /// When the entry was made, by the store's clock, where that is known.
    pub last_modified: Option<crate::document::Timestamp>,
}

/// What a backend knows of the entries of several documents.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    /// For each document: its manifest; `None` where nothing can be told of it.
    pub of: Vec<Option<Manifest>>,
    /// How many requests it took.
    pub requests: u32,
}

/// What a backend knows of the entries of one document in the definitions that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Every value that is committed or announced, with the number of its definition.
    pub values: Vec<(u32, EncodedValue)>,
    /// The numbers of the definitions of which no entry is committed: they tell nothing of the document.
    pub silent: Vec<u32>,
}

impl Manifest {
    /// Whether the document may have a value in the range: a committed **or any announced** one lies in it (rule S32), or
    /// nothing is known. A write that is under way may have been put, or not.
    #[must_use]
    pub fn may_have(&self, number: u32, range: &ValueRange) -> bool {
        let mut values = self.values.iter();
        self.silent.contains(&number)
            || values.any(|(of, value)| *of == number && range.contains(&value.0))
    }
}

/// A failure of an index backend.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The backend lost entries, or is another one than the catalog names: it must be rebuilt.
    #[error("the index lost entries: {0}")]
    Lost(String),
    /// No answer in time. A call may still be carried out later.
    #[error("the index does not answer: {0}")]
    Unavailable(String),
    /// The entries lie beside the documents, and their store failed: what needs them fails as well.
    #[error("the store of the index failed: {0}")]
    Store(#[source] super::StoreError),
    /// The backend must not be used (an eviction policy that drops entries, a wrong password).
    #[error("the index must not be used: {0}")]
    Refused(String),
    /// Stored entries cannot be understood.
    #[error("the index cannot be understood: {0}")]
    Corrupt(String),
}

/// The bytes of an id inside index members: 16 for a UUID, else `<encoded id>.json` (rule S22: same order as paths).
#[must_use]
pub fn member_id(kind: KeyKind, id: &EncodedId) -> Bytes {
    match (kind, uuid::Uuid::try_parse(id.as_str())) {
        (KeyKind::Uuid, Ok(uuid)) => Bytes::copy_from_slice(uuid.as_bytes()),
        _ => Bytes::from(format!("{id}.json")),
    }
}
