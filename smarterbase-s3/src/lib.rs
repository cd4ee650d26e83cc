//! SmarterBase on S3, Google Cloud Storage and Azure Blob Storage: [`CasStore`](smarterbase_core::port::CasStore) on top of
//! the crate `object_store`.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use smarterbase_core::port::CasStore;
//! use smarterbase_s3::ObjectStoreOptions;
//!
//! // Credentials come from the environment, as for the service's own tools.
//! let store = ObjectStoreOptions::from_url("s3://bucket/app?region=eu-central-1")?.connect()?;
//! assert_eq!(store.capabilities().location, "s3://bucket/app");
//! # Ok(()) }
//! ```
//!
//! # Stores
//!
//! "Run" names what the promises of a store (`smarterbase_testkit::contract::store`) were held on; "script" means that
//! requests and documented replies were checked without a service. What was only read about is not marked. A database is
//! opened for writing on a store that passed the probe, whatever this table says. To hold every promise on a store of
//! yours, run the example `conformance`.
//!
//! | Store | Create, swap | Delete at a version | Checked here |
//! |---|---|---|---|
//! | the testkit's S3 (TCP and in process) | yes | yes | run, with 32 racing clients and every fault |
//! | moto 5 | yes | yes | run |
//! | Azurite 3.35 (Microsoft's emulator) | yes | yes | run by hand with the example |
//! | AWS S3 | yes | yes | **not run**; replies in the outcome table |
//! | S3 Express (directory buckets) | | | refused: their LIST is not in path order |
//! | Cloudflare R2 | yes, about 1 write/s and object | no | **not run**; replies in the outcome table |
//! | Google Cloud Storage | yes, by generation, about 1 write/s and object | yes | **not run**; script |
//! | Azure Blob Storage | yes | yes | **not run**; script, and Azurite |
//! | Ceph RGW | yes; 16 and older with `unquoted_etags=true` | recent ones | **not run**; the quirk is |
//! | DigitalOcean Spaces | with `unquoted_etags=true` | unknown | **not run**; the quirk is |
//! | MinIO | archived; skipped conditions when a read quorum failed | **no**: it deletes anyway | **not run**; replies in the outcome table |
//! | rustfs | yes | **no**: the condition is ignored | **not run** |
//! | Garage, s3rver | **no**: conditions are ignored | no | the deviation is |
//! | Alibaba OSS | **no**: 501 | no | **not run** |
//!
//! # What to know
//!
//! - One call is one request and nothing is retried here: a client that repeats a conditional write answers about its own
//!   first attempt. Sending again, reading back and fencing are the work of `smarterbase_core::protocol`.
//! - Conditional deletes are off until [`with_conditional_delete`](ObjectStorage::with_conditional_delete), because some
//!   stores accept the condition and delete anyway.
//! - A probe that fails with "a condition that holds was rejected" on a store that is otherwise fine wants
//!   `unquoted_etags=true`.
//! - A store behind a proxy that makes entity tags weak (`W/"…"`) can be read; a write is refused by name.
//! - On AWS a GET of a missing object is 403 without the permission `s3:ListBucket`, and a swap needs `s3:GetObject` too.
//! - Versions of a LIST are hints (rule S29). On Google they guard nothing, because they lack the generation.
//! - Errors hold the operation, the path, the status and the service's error code; never a URL, a signature, or the
//!   service's message.
//!
//! # Features
//!
//! | Feature | Adds |
//! |---|---|
//! | `aws` (default) | `s3://` |
//! | `gcp` | `gs://` |
//! | `azure` | `az://` |

#[cfg(not(any(feature = "aws", feature = "gcp", feature = "azure")))]
compile_error!("smarterbase-s3 needs at least one of the features `aws`, `gcp` and `azure`");

mod conditional_delete;
mod config;
mod credentials;
mod exchange;
mod outcome;
mod secret;
mod service;
mod store;
mod version;

pub use config::ObjectStoreOptions;
pub use credentials::Credentials;
pub use store::ObjectStorage;
