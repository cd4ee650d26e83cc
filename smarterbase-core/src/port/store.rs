//! Compare-and-swap storage: the only thing the engine writes documents to.

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    document::{Timestamp, Version},
    format::{Key, Prefix},
};

/// Compare-and-swap storage of small objects.
///
/// Reads of one key are linearizable with its writes. A put is **one** attempt: resending, reading back and fencing are
/// the work of the protocol's machines. There is no unconditional put, and no unconditional delete of a name that
/// may be used again.
#[async_trait]
pub trait CasStore: Send + Sync + std::fmt::Debug + 'static {
    /// What the store can do beyond the required minimum.
    fn capabilities(&self) -> Capabilities;

    /// The object at `key`, or `None`.
    ///
    /// # Errors
    /// See [`StoreErrorKind`]. A missing object is no error; a missing bucket is.
    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError>;

    /// The object at `key` unless it is still at `version` (HTTP `If-None-Match`).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError>;

    /// One attempt to write `body` where the store's state is `expect`. Atomic; durable once `Applied`.
    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt;

    /// Removes the object iff it is at `version`. One attempt. `Unsupported` where the store cannot do that.
    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt;

    /// Removes an object whose name is never used twice (index entries, records). Removing a missing one succeeds.
    ///
    /// # Errors
    /// See [`StoreErrorKind`]; the object may or may not be gone then.
    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError>;

    /// Up to `limit` (1 to 1,000) objects below `prefix` whose path is greater than `after`, in path order (byte order).
    /// Sees every write that completed before the call. A version in it is a hint (rule S29).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError>;
}

/// What a put expects to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No object.
    Absent,
    /// The object at exactly this version.
    Exactly(Version),
}

/// What one attempt of a conditional write did.
#[derive(Debug)]
pub enum Attempt {
    /// It was applied; the object is at this version (for a delete: a default version).
    Applied(Version),
    /// The store says that its state is not the expected one. It may be *our own* earlier attempt: read back.
    Rejected,
    /// It may have been applied, or may be applied later.
    Unknown(StoreError),
    /// This attempt was not applied and never will be, and asking again is pointless (permission, disk full, size).
    Refused(StoreError),
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    /// Its version.
    pub version: Version,
    /// Its bytes.
    pub bytes: Bytes,
}

/// The answer of a conditional read.
#[derive(Clone, Debug)]
pub enum Changed {
    /// Still at that version.
    Unchanged,
    /// There is no object any more.
    Gone,
    /// What is there now.
    Now(Object),
}

/// One page of a LIST.
#[derive(Clone, Debug, Default)]
pub struct ListPage {
    /// The objects, in path order.
    pub objects: Vec<Listed>,
    /// Whether more objects follow the last one.
    pub has_more: bool,
}

/// One object of a LIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its path.
    pub key: Key,
    /// Its version as far as the LIST knows it: a hint (rule S29).
    pub version: Version,
    /// Its size in bytes.
    pub size: u64,
    /// When it was written, by the store's clock.
    pub last_modified: Option<Timestamp>,
}

/// What a store can do beyond the minimum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Whether `delete_if` works.
    pub conditional_delete: ConditionalDelete,
    /// Whether a LIST honours `after` and is in path order; a store without that lists whole prefixes.
    pub sorted_list: bool,
    /// Where the objects lie, for people: `memory`, a folder, `s3://bucket/prefix`. Never holds a secret.
    pub location: String,
    /// Whether the objects are gone with the process.
    pub is_volatile: bool,
}

/// How the store removes an object at a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionalDelete {
    /// Atomically.
    Native,
    /// Not at all: tombstones stay.
    Unsupported,
}

/// A failure of a store.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What can be done about it.
    pub kind: StoreErrorKind,
    /// What happened, without secrets: the path, the status code, the service's error code.
    pub message: String,
    /// The error underneath.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What can be done about a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// No answer, a broken connection, a server error: try again.
    Unavailable,
    /// No answer in time: try again.
    Timeout,
    /// Too many requests (429, 503 SlowDown): try again later, with fewer at once.
    Throttled,
    /// The credentials or the permission are wrong.
    Denied,
    /// The bucket or the folder does not exist.
    NoSuchStore,
    /// The disk or the quota is full.
    Full,
    /// The store is read-only.
    ReadOnly,
    /// The request is wrong for this store (name or size).
    Invalid,
    /// The store cannot do this.
    Unsupported,
}

impl StoreError {
    /// An error without a cause underneath.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether asking again can help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use StoreErrorKind::{Throttled, Timeout, Unavailable};
        matches!(self.kind, Unavailable | Timeout | Throttled)
    }
}
