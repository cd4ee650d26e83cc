//! The promises of a store, on our server without a socket and over TCP, and on one that wants tags without quotes.
//! `tests/moto.rs` holds them on a server that somebody else wrote.

use std::sync::Arc;

use smarterbase_core::port::CasStore;
use smarterbase_s3::ObjectStoreOptions;
use smarterbase_testkit::{
    contract::store::Fixture,
    server::{
        in_process::InProcessS3,
        s3::{Quirk, S3Server},
    },
};

use crate::place::{options, options_in_process};

fn shared(options: ObjectStoreOptions) -> Arc<dyn CasStore> {
    Arc::new(options.connect().unwrap())
}

smarterbase_testkit::store_contract!(in_process, async || {
    shared(options_in_process(&InProcessS3::new()).with_conditional_delete(true))
});

smarterbase_testkit::store_contract!(without_conditional_delete, async || {
    shared(options_in_process(&InProcessS3::new()))
});

smarterbase_testkit::store_contract!(without_quotes, async || {
    let s3 = InProcessS3::with_quirk(Quirk::UnquotedEtags);
    let options = options_in_process(&s3).with_unquoted_e_tags(true);
    shared(options.with_conditional_delete(true))
});

smarterbase_testkit::store_contract!(over_tcp, async || {
    let server = S3Server::start().await.unwrap();
    let store = shared(options(&server).with_conditional_delete(true));
    Fixture::new(store, server)
});
