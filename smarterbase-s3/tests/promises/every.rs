//! Every promise of a store, each on a store of its own.

/// Calls `$store(name)` for each promise and holds it.
macro_rules! hold_every_promise {
    ($store:expr) => { hold_every_promise!(@each $store =>
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
    ) };
    (@each $store:expr => $($promise:ident)*) => {$(
        eprintln!("{}", stringify!($promise));
        let store: std::sync::Arc<dyn smarterbase_core::port::CasStore> = $store(stringify!($promise));
        smarterbase_testkit::contract::store::$promise(store).await;
    )*};
}
