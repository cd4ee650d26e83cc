//! SmarterBase on S3, Google Cloud Storage and Azure Blob Storage.

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
