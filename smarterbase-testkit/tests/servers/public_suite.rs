//! `object_store`'s own integration suite passes on our server, over TCP and in process, and on moto.
//!
//! Its functions leave objects behind and some want an empty store, so that each gets a server of its own here.

use object_store::{
    aws::{AmazonS3, AmazonS3Builder, Checksum, S3CopyIfNotExists},
    integration,
};
use smarterbase_testkit::server::{in_process::InProcessS3, moto::Moto, s3::S3Server};

/// One test for each function of the suite, on each kind of server.
macro_rules! suite {
    ($($name:ident: |$store:ident| $run:expr;)*) => {
        mod over_tcp {
            $(#[tokio::test]
            async fn $name() {
                let server = super::S3Server::start().await.unwrap();
                super::$name(&super::built(server.client())).await;
            })*
        }

        mod in_process {
            $(#[tokio::test]
            async fn $name() {
                super::$name(&super::built(super::InProcessS3::new().client())).await;
            })*
        }

        /// The whole suite, each function on a store that `fresh` makes for its name.
        async fn run_all(fresh: impl Fn(&str) -> AmazonS3) {
            $($name(&fresh(stringify!($name))).await;)*
        }

        $(async fn $name($store: &AmazonS3) { $run.await; })*
    };
}

suite! {
    put_get_delete_list: |store| integration::put_get_delete_list(store);
    list_with_offset_exclusivity: |store| integration::list_with_offset_exclusivity(store);
    get_opts: |store| integration::get_opts(store);
    put_opts: |store| integration::put_opts(store, true);
    list_uses_directories_correctly: |store| integration::list_uses_directories_correctly(store);
    list_with_delimiter: |store| integration::list_with_delimiter(store);
    list_paginated: |store| integration::list_paginated(store, store);
    rename_and_copy: |store| integration::rename_and_copy(store);
    copy_rename_nonexistent_object: |store| integration::copy_rename_nonexistent_object(store);
    copy_if_not_exists: |store| integration::copy_if_not_exists(store);
    stream_get: |store| integration::stream_get(store);
    put_get_attributes: |store| integration::put_get_attributes(store);
    multipart: |store| integration::multipart(store, store);
    multipart_with_opts: |store| integration::multipart_with_opts(store, store);
    multipart_put_part_out_of_order: |store| integration::multipart_put_part_out_of_order(store, store);
    multipart_out_of_order: |store| integration::multipart_out_of_order(store);
    multipart_race_condition: |store| integration::multipart_race_condition(store, true);
    get_nonexistent_object: |store| nonexistent(store);
}

#[tokio::test]
async fn every_way_to_sign_a_body_is_accepted() {
    let server = S3Server::start().await.unwrap();
    let ways = [
        server.client().with_unsigned_payload(true),
        server.client().with_checksum_algorithm(Checksum::SHA256),
        server.client().with_checksum_algorithm(Checksum::CRC64NVME),
    ];
    for way in ways {
        put_get_delete_list(&built(way)).await;
    }
}

/// One test, since moto takes a second to start; it gets a bucket for each function.
#[tokio::test]
async fn moto_passes_it_too() {
    let Some(moto) = Moto::start().unwrap() else {
        return;
    };
    run_all(|name| {
        let bucket = name.replace('_', "-");
        moto.create_bucket(&bucket).unwrap();
        built(moto.client().with_bucket_name(bucket))
    })
    .await;
}

async fn nonexistent(store: &AmazonS3) {
    let error = integration::get_nonexistent_object(store, None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, object_store::Error::NotFound { .. }),
        "{error}"
    );
}

fn built(client: AmazonS3Builder) -> AmazonS3 {
    client
        .with_copy_if_not_exists(S3CopyIfNotExists::Multipart)
        .build()
        .unwrap()
}
