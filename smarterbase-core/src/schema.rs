//! The types of a program as one list, for tools: what `schema!` makes. Each type is described without its Rust type: its
//! facts, decoding through all of its migrations, and the upgrade of its collection.

pub mod chore;
pub mod closed_world;
pub mod fixture;
pub mod lock;
pub mod sample;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;

use crate::{
    db::{Db, VerifyIndexes},
    document::{Document, DocumentSpec},
    error::Result,
    format::{
        body,
        envelope::{self, BodyShape},
        index_key::IndexEncoder,
        json, upgrade,
    },
    maintenance::{
        migrate::{MigrationPlan, MigrationProgress},
        rebuild::RebuildReport,
    },
    operation::{Collection, relations::Kin},
};

/// The documents of a program. Implemented by `schema!`.
///
/// ```
/// # mod smarterbase { pub use smarterbase_core::schema::Schema; }
/// use smarterbase::Schema;
///
/// fn collections<S: Schema>() -> Vec<&'static str> {
///     S::TYPES.iter().map(|document| document.spec().collection).collect()
/// }
/// ```
pub trait Schema {
    /// The name that the program gave to the list.
    const NAME: &'static str;
    /// The listed types, in their order.
    const TYPES: &'static [DocumentType];

    /// The type that is stored in this collection.
    #[must_use]
    fn find(collection: &str) -> Option<&'static DocumentType> {
        Self::TYPES
            .iter()
            .find(|document| document.spec.collection == collection)
    }
}

/// One type of a program, without its Rust type.
#[derive(Debug)]
pub struct DocumentType {
    spec: &'static DocumentSpec,
    rust_path: fn() -> &'static str,
    decode: fn(&[u8]) -> Result<String>,
    plan: for<'a> fn(&'a Db) -> BoxFuture<'a, Result<MigrationPlan>>,
    migrate: for<'a> fn(&'a Db, Upgrade, Report<'a>) -> BoxFuture<'a, Result<MigrationProgress>>,
    floor: for<'a> fn(&'a Db) -> BoxFuture<'a, Result<u32>>,
    rebuild: for<'a> fn(&'a Db) -> BoxFuture<'a, Result<RebuildReport>>,
    kin: Kin,
}

/// Told after every batch how far an upgrade is.
pub type Report<'a> = Box<dyn FnMut(&MigrationProgress) + Send + 'a>;

/// How a collection is upgraded: the settings of [`Migrate`](crate::db::request::Migrate) as data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upgrade {
    /// Goes on behind the checkpoint of an earlier run.
    pub after: Option<String>,
    /// At most so many documents in a second.
    pub per_second: Option<u32>,
    /// Refuses the writes of older programs first.
    pub raise_floor: bool,
}

impl DocumentType {
    /// The description of `T`.
    #[must_use]
    pub const fn of<T: Document>() -> Self {
        Self {
            spec: T::SPEC,
            rust_path: std::any::type_name::<T>,
            decode: decode::<T>,
            plan: plan::<T>,
            migrate: migrate::<T>,
            floor: floor::<T>,
            rebuild: rebuild::<T>,
            kin: Kin::of::<T>(),
        }
    }

    /// The static facts: names, versions, seal, fields, definitions.
    #[must_use]
    pub const fn spec(&self) -> &'static DocumentSpec {
        self.spec
    }

    /// The path of the Rust type, `app::model::User`.
    #[must_use]
    pub fn rust_path(&self) -> &'static str {
        (self.rust_path)()
    }

    /// What this program writes into the envelopes of such documents: the deep seal, and the versions of embedded types.
    #[must_use]
    pub fn body_shape(&self) -> BodyShape {
        upgrade::written_by(self.spec)
    }

    /// Reads a stored object of any version that this program can read, brings it to the version of today, and gives the
    /// JSON of the document as this program would write it.
    ///
    /// # Errors
    /// - [`Corrupt`](crate::ErrorKind::Corrupt): not a document, a step failed (`SB-MIGRATION`), or the result is not what
    ///   the type says.
    /// - [`Unsupported`](crate::ErrorKind::Unsupported): a newer version, or one that is too old to be read.
    pub fn decode(&self, object: &[u8]) -> Result<String> {
        (self.decode)(object)
    }

    /// How many documents of which version there are: one GET for each document.
    ///
    /// # Errors
    /// As [`Migrate::plan`](crate::db::request::Migrate::plan).
    #[must_use]
    pub fn plan<'a>(&self, db: &'a Db) -> BoxFuture<'a, Result<MigrationPlan>> {
        (self.plan)(db)
    }

    /// Writes every document of an older version again at the version of today.
    ///
    /// # Errors
    /// As [`Db::migrate`].
    #[must_use]
    pub fn migrate<'a>(
        &self,
        db: &'a Db,
        upgrade: Upgrade,
        report: Report<'a>,
    ) -> BoxFuture<'a, Result<MigrationProgress>> {
        (self.migrate)(db, upgrade, report)
    }

    /// The lowest version that the collection still takes from writers. One GET.
    ///
    /// # Errors
    /// [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    #[must_use]
    pub fn floor<'a>(&self, db: &'a Db) -> BoxFuture<'a, Result<u32>> {
        (self.floor)(db)
    }

    pub(crate) fn collection(&self, db: &Db) -> Arc<Collection> {
        (self.kin.collection)(&db.engine)
    }

    /// Builds every index and unique definition of the type that is not ready.
    ///
    /// # Errors
    /// As [`Db::rebuild_indexes`].
    #[must_use]
    pub fn rebuild_indexes<'a>(&self, db: &'a Db) -> BoxFuture<'a, Result<RebuildReport>> {
        (self.rebuild)(db)
    }
}

impl VerifyIndexes<'_> {
    /// As [`of`](Self::of), for a type of a list.
    pub fn of_type(self, document: &DocumentType) -> Self {
        let collection = document.collection(self.db());
        self.and_of(collection)
    }
}

impl Db {
    /// Tells the database the types of this program, so that deleting a document does what the references to it say:
    /// `let db = smarterbase::open("./data").await?.with_schema::<Shop>();`. The first list stands.
    ///
    /// Programs that create, change or delete documents of a type with `on_delete` or with a TTL index need it. What is past its time
    /// is deleted from now on, from time to time (see [`DbBuilder::expire_every`](crate::db::DbBuilder::expire_every)); outside of a
    /// tokio runtime that begins with the first operation. Tools that run as `cargo smarterbase` delete nothing by themselves.
    #[must_use]
    pub fn with_schema<S: Schema>(self) -> Self {
        let types = S::TYPES.iter().map(|document| document.kin).collect();
        self.engine.relations.set(types);
        if tokio::runtime::Handle::try_current().is_ok() {
            self.engine.watch_expiry();
        }
        self
    }

    /// [`rebuild_indexes`](Self::rebuild_indexes) of every type in the list, side by side: all of them wait for the in-flight
    /// bound together. One report for each type, in the order of the list; a type that fails does not stop the others.
    pub async fn rebuild_all_indexes<S: Schema>(
        &self,
    ) -> Vec<(&'static str, Result<RebuildReport>)> {
        let rebuild = async |document: &'static DocumentType| {
            let report = document.rebuild_indexes(self).await;
            (document.spec.collection, report)
        };
        futures::future::join_all(S::TYPES.iter().map(rebuild)).await
    }
}

fn decode<T: Document>(object: &[u8]) -> Result<String> {
    let opened = envelope::open(&Bytes::copy_from_slice(object))?;
    let body = upgrade::current(T::SPEC, &upgrade::written_by(T::SPEC), &opened)?;
    let value: T =
        serde_json::from_slice(&body).map_err(|error| json::corrupt("the body", &error))?;
    let mut entries = IndexEncoder::new(T::SPEC);
    value.index_values(&mut entries);
    entries.finish()?;
    let written = body::encode(&value, &body::unknown_members(T::SPEC, &body)?)?;
    Ok(String::from_utf8_lossy(&written).into_owned())
}

fn plan<T: Document>(db: &Db) -> BoxFuture<'_, Result<MigrationPlan>> {
    Box::pin(db.migrate::<T>().plan())
}

fn migrate<'a, T: Document>(
    db: &'a Db,
    upgrade: Upgrade,
    report: Report<'a>,
) -> BoxFuture<'a, Result<MigrationProgress>> {
    let mut request = db.migrate::<T>().on_progress(report);
    if let Some(checkpoint) = upgrade.after {
        request = request.after(checkpoint);
    }
    if let Some(documents) = upgrade.per_second {
        request = request.per_second(documents);
    }
    if upgrade.raise_floor {
        request = request.raise_floor();
    }
    request.into_future()
}

fn rebuild<T: Document>(db: &Db) -> BoxFuture<'_, Result<RebuildReport>> {
    Box::pin(db.rebuild_indexes::<T>())
}

fn floor<T: Document>(db: &Db) -> BoxFuture<'_, Result<u32>> {
    Box::pin(db.migrate::<T>().floor())
}
