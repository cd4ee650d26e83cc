//! The promises of a store on moto, an S3 that somebody else wrote.

use std::sync::Arc;

use smarterbase_core::port::CasStore;
use smarterbase_s3::{Credentials, ObjectStoreOptions};
use smarterbase_testkit::{
    contract::store as promise,
    server::{
        moto::Moto,
        s3::{ACCESS_KEY, BUCKET, SECRET_KEY},
    },
};

/// A store below a prefix of its own.
fn store(moto: &Moto, prefix: &str) -> Arc<dyn CasStore> {
    let url = format!("s3://{BUCKET}/{prefix}?endpoint={}", moto.endpoint());
    let options = ObjectStoreOptions::from_url(&url)
        .unwrap()
        .with_credentials(Credentials::access_key(ACCESS_KEY, SECRET_KEY))
        .with_conditional_delete(true);
    Arc::new(options.connect().unwrap())
}

/// Holds each promise on one moto: it takes a second to start.
macro_rules! hold {
    ($moto:ident: $($name:ident)*) => {$(
        eprintln!("{}", stringify!($name));
        promise::$name(store(&$moto, stringify!($name))).await;
    )*};
}

#[tokio::test(flavor = "multi_thread")]
async fn every_promise_holds_on_moto() {
    // `None` only where `cargo xtask test` said why there is no moto on this machine; the reason is printed.
    let Some(moto) = Moto::start().unwrap() else {
        return;
    };
    hold! { moto:
        missing_object_reads_as_none
        created_object_reads_back_byte_for_byte
        create_over_an_object_is_rejected_and_changes_nothing
        swap_at_the_current_version_is_applied
        swap_at_an_old_version_is_rejected_and_changes_nothing
        swap_of_a_missing_object_is_rejected_and_creates_nothing
        put_returns_the_version_that_a_get_sees
        every_put_makes_a_new_version
        concurrent_creates_have_one_winner
        concurrent_swaps_from_one_version_have_one_winner
        concurrent_swap_and_removal_have_one_winner
        concurrent_increments_lose_nothing
        reader_never_sees_a_torn_object
        unchanged_object_is_not_sent_again
        changed_object_is_sent
        removed_object_reads_as_gone
        conditional_removal_at_an_old_version_leaves_the_object
        conditional_removal_at_the_current_version_removes
        conditional_removal_of_a_missing_object_is_rejected
        object_made_again_never_has_a_removed_version
        retired_object_is_gone
        retiring_a_missing_object_succeeds
        list_is_in_byte_order_of_whole_paths
        list_of_a_prefix_leaves_its_neighbours_out
        list_of_an_empty_prefix_finds_everything
        list_of_nothing_is_empty
        list_pages_have_no_gap_and_no_repeat
        list_starts_after_a_key_that_does_not_exist
        list_says_whether_more_follows
        list_sees_puts_and_removals_at_once
        list_tells_sizes_of_objects
        list_limit_outside_1_to_1000_is_invalid
    }
}
