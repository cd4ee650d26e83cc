//! Typed JSON documents on the object storage and Redis that people already run. No database server.
//!
//! A struct with `#[derive(Document)]` is stored as one plain JSON object in a folder, in a bucket of S3, Google Cloud
//! Storage or Azure, or in memory. The object store is the truth and every write is a compare-and-swap on it; Redis, where
//! there is one, only makes finding faster.
//!
//! ```
//! use smarterbase::prelude::*;
//!
//! #[derive(Clone, Debug, Serialize, Deserialize, Validate, Document)]
//! #[document(name = "users", new(NewUser))]
//! pub struct User {
//!     #[key(auto)]
//!     pub id: Id<User>,
//!     #[unique(lower)]
//!     #[validate(email)]
//!     pub email: String,
//!     #[index]
//!     pub plan: String,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> smarterbase::Result<()> {
//! let db = smarterbase::open("memory:").await?;
//!
//! let new = NewUser { email: "ada@example.org".into(), plan: "pro".into() };
//! let ada = User::create(&db, new).await?;
//!
//! let mut found = User::find_by_email(&db, "Ada@Example.org").await?.expect("just created");
//! assert_eq!(found.id, ada.id);
//! found.plan = "team".into();
//! found.save(&db).await?; // a conflict is an error, never a lost update
//!
//! assert_eq!(User::find_by_plan(&db, "team").await?.len(), 1);
//! assert_eq!(User::count_by_plan(&db, "pro").await?, 0);
//! db.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Where to go on
//!
//! - [`guide`]: ten short chapters, from the first document to running several stores.
//! - [`#[derive(Document)]`](derive@Document) and [`#[derive(Embedded)]`](derive@Embedded): every attribute.
//! - [`open()`]: every URL. [`DocumentExt`](prelude::DocumentExt) and [`StoredExt`](prelude::StoredExt): every verb.
//! - [`Error`] and [`ErrorKind`]: what went wrong and what to do; each code has a page in `docs/errors/`.
//!
//! # Features
//!
//! None is on by default, so that a first build is small: folders and memory, with indexes kept as objects.
//!
//! | Feature | Adds |
//! |---|---|
//! | `s3` | `s3://`: S3 and what speaks its protocol |
//! | `gcs` | `gs://`: Google Cloud Storage |
//! | `azure` | `az://`: Azure Blob Storage |
//! | `redis` | `redis=…`: indexes in Redis or Valkey, and a fair queue for locks |

#![deny(missing_docs)]

pub mod guide;
pub mod open;
pub mod prelude;

pub use open::open;
pub use smarterbase_core::{
    Error, ErrorKind, Result,
    db::{
        BatchWriter, Counter, CounterFlag, CounterInfo, Db, DbBuilder, JsonCollection,
        JsonDocument, LockGuard, LockGuards, LockInfo, Sequence, SequenceInfo, Session,
        Transaction, Tx,
    },
    document::{Document, Field, FieldType, Id, IndexValue, Stored, Timestamp},
    operation::{
        batch::{BatchHandle, ItemState, Progress},
        limits::{IdempotencyLimits, Limits, LockLimits, TransactionLimits},
        transaction::TransactionCounts,
    },
    query::{Cursor, Order, Page, Predicate, Residual},
    schema::{DocumentType, Schema},
};
pub use smarterbase_core::{
    maintenance,
    operation::{outage, profile},
    port, store,
};
pub use smarterbase_derive::{Document, Embedded, schema};
#[cfg(feature = "redis")]
pub use smarterbase_redis as redis;
#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
pub use smarterbase_s3 as s3;
pub use validator;

#[doc(hidden)]
pub use smarterbase_core::codegen_support as __private;

/// The examples of the first page, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
