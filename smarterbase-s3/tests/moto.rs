//! The promises of a store on moto, an S3 that somebody else wrote.

#[macro_use]
#[path = "promises/every.rs"]
mod every;

use std::sync::Arc;

use smarterbase_core::port::CasStore;
use smarterbase_s3::{Credentials, ObjectStoreOptions};
use smarterbase_testkit::server::{
    moto::Moto,
    s3::{ACCESS_KEY, BUCKET, SECRET_KEY},
};

/// A store below a prefix of its own.
fn store(moto: &Moto, prefix: &str) -> Arc<dyn CasStore> {
    let url = format!("s3://{BUCKET}/{prefix}?endpoint={}", moto.endpoint());
    let options = ObjectStoreOptions::from_url(&url)
        .expect("the URL is a store's")
        .with_credentials(Credentials::access_key(ACCESS_KEY, SECRET_KEY))
        .with_conditional_delete(true);
    Arc::new(options.connect().expect("the credentials are complete"))
}

/// All on one moto, because it takes a second to start.
#[tokio::test(flavor = "multi_thread")]
async fn every_promise_holds_on_moto() {
    // `None` only where `cargo xtask test` said why there is no moto on this machine; the reason is printed.
    let Some(moto) = Moto::start().unwrap() else {
        return;
    };
    hold_every_promise!(|promise| store(&moto, promise));
}
