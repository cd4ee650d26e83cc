//! Holds every promise of a store on a store of yours, and panics at the first that is broken.
//!
//! Writes below `<prefix>/conformance-<nonce>/` and leaves its objects there. Credentials come from the environment.
//!
//! ```sh
//! cargo run -p smarterbase-s3 --features gcp,azure --example conformance -- 's3://bucket/tmp?region=eu-central-1'
//! ```
//!
//! Azurite, Microsoft's emulator: `npm install azurite`, `azurite-blob --inMemoryPersistence --skipApiVersionCheck`, a
//! container made with any tool, `AZURE_STORAGE_ACCOUNT_KEY` set, then
//! `az://devstoreaccount1/container?endpoint=http://127.0.0.1:10000/devstoreaccount1`.

#[macro_use]
#[path = "../tests/promises/every.rs"]
mod every;

use std::sync::Arc;

use smarterbase_core::port::{CasStore, Rng, SystemRng};
use smarterbase_s3::ObjectStoreOptions;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::args()
        .nth(1)
        .ok_or("the URL of the store is missing")?;
    let rng: &dyn Rng = &SystemRng;
    let run = rng.nonce();
    hold_every_promise!(|promise| below(&url, &format!("conformance-{run}/{promise}")));
    eprintln!("every promise holds");
    Ok(())
}

/// The store below `folder`.
fn below(url: &str, folder: &str) -> Arc<dyn CasStore> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let url = format!("{}/{folder}?{query}", path.trim_end_matches('/'));
    let options = ObjectStoreOptions::from_url(&url).expect("the URL is a store's");
    let store = options.with_conditional_delete(true).connect();
    Arc::new(store.expect("the credentials are complete"))
}
