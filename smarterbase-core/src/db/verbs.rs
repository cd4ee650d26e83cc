//! The verbs of documents, as trait methods: a type's own method of the same name wins.

use futures::{Stream, stream};

use super::{
    BatchWriter, Db, Import, Session,
    request::{
        Batch, Create, Delete, Exists, Get, GetMany, List, Overwrite, Query, ReadHistory, Reload,
        Remove, Save, Update, Upsert,
    },
};
use crate::{
    document::{Document, IntoDocument, KeepsHistory, Stored},
    error::Result,
};

/// The verbs that every document has. In the prelude.
pub trait DocumentExt: Document {
    /// Reads a document: `Option<Stored<Self>>`, 1 GET. `.required()` makes a missing one an error.
    fn get<'a>(session: impl Into<Session<'a>>, key: &Self::Key) -> Get<'a, Self> {
        Get::new(session.into(), key)
    }

    /// Reads several documents side by side, in the order of `keys`.
    fn get_many<'a>(
        session: impl Into<Session<'a>>,
        keys: impl IntoIterator<Item = Self::Key>,
    ) -> GetMany<'a, Self> {
        GetMany::new(session.into(), keys)
    }

    /// Creates a document that must not be there yet.
    fn create<'a>(
        session: impl Into<Session<'a>>,
        new: impl IntoDocument<Self> + Send + 'a,
    ) -> Create<'a, Self> {
        Create::new(session.into(), new)
    }

    /// Creates several documents side by side; one result each, in order. Of several with one key the first succeeds.
    fn create_many<'a, N, I>(session: impl Into<Session<'a>>, new: I) -> Batch<'a, Stored<Self>>
    where
        N: IntoDocument<Self> + Send + 'a,
        I: IntoIterator<Item = N>,
        I::IntoIter: Send + 'a,
    {
        Batch::create(session.into(), new)
    }

    /// Creates or replaces several documents side by side, each as [`upsert`](Self::upsert); one result each, in order. Of
    /// several with one key the last stays.
    fn upsert_many<'a, N, I>(session: impl Into<Session<'a>>, new: I) -> Batch<'a, Stored<Self>>
    where
        N: IntoDocument<Self> + Send + 'a,
        I: IntoIterator<Item = N>,
        I::IntoIter: Send + 'a,
    {
        Batch::upsert(session.into(), new)
    }

    /// Saves several loaded documents side by side, each as [`save`](StoredExt::save), in their places: `&mut documents`. One
    /// result each, in order. Of several copies of one document the first one that changed is saved, the others are a
    /// [`Conflict`](crate::ErrorKind::Conflict).
    fn save_many<'a, I>(session: impl Into<Session<'a>>, documents: I) -> Batch<'a, ()>
    where
        I: IntoIterator<Item = &'a mut Stored<Self>>,
        I::IntoIter: Send + 'a,
    {
        Batch::save(session.into(), documents)
    }

    /// Deletes several documents side by side whatever their revisions; gives of each whether there was one, in order. A key
    /// that comes twice finds nothing the second time.
    fn delete_many<'a, I>(session: impl Into<Session<'a>>, keys: I) -> Batch<'a, bool>
    where
        I: IntoIterator<Item = Self::Key>,
        I::IntoIter: Send + 'a,
    {
        Batch::delete::<Self, I>(session.into(), keys)
    }

    /// Whether each of several documents is there, in order: 1 GET each.
    fn exists_many<'a, I>(session: impl Into<Session<'a>>, keys: I) -> Batch<'a, bool>
    where
        I: IntoIterator<Item = Self::Key>,
        I::IntoIter: Send + 'a,
    {
        Batch::exists::<Self, I>(session.into(), keys)
    }

    /// A writer that gathers single writes into batches.
    fn batch_writer(db: &Db) -> BatchWriter<Self> {
        BatchWriter::new(db)
    }

    /// Creates every document of `source`, in batches, and keeps how far it came under `name` in the store: run again after
    /// a crash, with the same source in the same order, it goes on and creates nothing twice. See [`Import`].
    fn import<'a, N, I>(db: &'a Db, name: &str, source: I) -> Import<'a, Self>
    where
        N: IntoDocument<Self> + Send + 'a,
        I: IntoIterator<Item = N>,
        I::IntoIter: Send + 'a,
    {
        Import::new(db, name, stream::iter(source.into_iter().map(Ok)))
    }

    /// As [`import`](Self::import), of a stream: an error of the stream ends the import, and is its result.
    fn import_stream<'a, N>(
        db: &'a Db,
        name: &str,
        source: impl Stream<Item = Result<N>> + Send + 'a,
    ) -> Import<'a, Self>
    where
        N: IntoDocument<Self> + Send + 'a,
    {
        Import::new(db, name, source)
    }

    /// Reads, changes by `change`, and swaps; again when somebody else was faster. `change` runs several times then, so
    /// it must be pure. An error from it leaves the document unchanged.
    fn update<'a, F>(
        session: impl Into<Session<'a>>,
        key: &Self::Key,
        change: F,
    ) -> Update<'a, Self>
    where
        F: FnMut(&mut Self) -> Result<()> + Send + 'a,
    {
        Update::new(session.into(), key, change)
    }

    /// Creates the document, or replaces the one with its key. Members that the type does not have stay.
    fn upsert<'a>(
        session: impl Into<Session<'a>>,
        new: impl IntoDocument<Self> + Send + 'a,
    ) -> Upsert<'a, Self> {
        Upsert::new(session.into(), new)
    }

    /// Replaces whatever is there, also a body that does not decode: it ignores what was there, not the protocol. An object
    /// that is no JSON object at all stays [`Corrupt`](crate::ErrorKind::Corrupt).
    fn overwrite<'a>(
        session: impl Into<Session<'a>>,
        new: impl IntoDocument<Self> + Send + 'a,
    ) -> Overwrite<'a, Self> {
        Overwrite::new(session.into(), new)
    }

    /// Deletes a document whatever its revision; gives whether there was one. Documents that refer to it are dealt with as
    /// their references say, in the same transaction up to 500 of them, else piece by piece.
    ///
    /// # Errors
    /// - [`Refused`](crate::ErrorKind::Refused) (`SB-RESTRICTED`): another document forbids it. (`SB-TOO-MANY`): more depends on it
    ///   than the transaction around this takes along. (`SB-BUDGET`): documents depend on each other more than 32 deep, or more than
    ///   100,000 that others depend on would go along where a type says `restrict`.
    /// - [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): it may be gone; or, of more than one transaction, some of what
    ///   depends on it may be.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`Conflict`](crate::ErrorKind::Conflict): nothing was changed.
    fn delete<'a>(session: impl Into<Session<'a>>, key: &Self::Key) -> Delete<'a, Self> {
        Delete::new(session.into(), key)
    }

    /// Whether the document is there: 1 GET.
    fn exists<'a>(session: impl Into<Session<'a>>, key: &Self::Key) -> Exists<'a, Self> {
        Exists::new(session.into(), key)
    }

    /// What the document was: every version, the oldest first; the current one, if it lives, is the last. 1 GET for the
    /// current version, a LIST for each 1,000 older ones, and a GET for each of those. Steps of migrations apply.
    ///
    /// Versions that were replaced before the type kept its history are not there. A version is in it once the write that
    /// replaced it was acknowledged, by this or any other process. Where an id lives again after its tombstone was swept,
    /// the versions of the earlier life come first, and revisions begin anew.
    ///
    /// # Errors
    /// - [`Refused`](crate::ErrorKind::Refused) (`SB-TOO-MANY`) where there are as many as one call may collect (1,000).
    /// - As [`get`](Self::get), where one of the versions cannot be read as today's type: never a shorter answer. Raising
    ///   `min_version` gives up the versions below it also here.
    fn history<'a>(db: &'a Db, key: &Self::Key) -> ReadHistory<'a, Self>
    where
        Self: KeepsHistory,
    {
        ReadHistory::new(db, key)
    }

    /// All documents by id: pages, a stream, keys.
    fn list<'a>(session: impl Into<Session<'a>>) -> List<'a, Self> {
        List::new(session.into())
    }

    /// Asks by one indexed field, or scans.
    fn query<'a>(session: impl Into<Session<'a>>) -> Query<'a, Self> {
        Query::new(session.into())
    }
}

impl<T: Document> DocumentExt for T {}

/// The verbs of a loaded document. In the prelude.
pub trait StoredExt<T: Document> {
    /// Writes the document back, if nobody changed it since it was read. An unchanged document writes nothing.
    fn save<'a>(&'a mut self, session: impl Into<Session<'a>>) -> Save<'a, T>;

    /// Deletes the document, if nobody changed it since it was read. Documents that refer to it are dealt with as their
    /// references say, at most 500 of them.
    ///
    /// # Errors
    /// As [`delete`](DocumentExt::delete); [`Conflict`](crate::ErrorKind::Conflict) (`SB-REVISION`): somebody changed it.
    fn remove<'a>(self, session: impl Into<Session<'a>>) -> Remove<'a, T>;

    /// Reads the document again; changes that were not saved are lost.
    fn reload<'a>(&'a mut self, session: impl Into<Session<'a>>) -> Reload<'a, T>;
}

impl<T: Document> StoredExt<T> for Stored<T> {
    fn save<'a>(&'a mut self, session: impl Into<Session<'a>>) -> Save<'a, T> {
        Save::new(session.into(), self)
    }

    fn remove<'a>(self, session: impl Into<Session<'a>>) -> Remove<'a, T> {
        Remove::new(session.into(), self)
    }

    fn reload<'a>(&'a mut self, session: impl Into<Session<'a>>) -> Reload<'a, T> {
        Reload::new(session.into(), self)
    }
}
