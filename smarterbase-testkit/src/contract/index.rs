//! The promises of [`IndexStore`].
//!
//! ```no_run
//! use std::sync::Arc;
//! use smarterbase_core::{index::ObjectIndex, port::{IndexStore, SystemClock}, store::MemoryStore};
//!
//! smarterbase_testkit::index_contract!(objects, async || {
//!     let store = Arc::new(MemoryStore::new());
//!     Arc::new(ObjectIndex::new(store, Arc::new(SystemClock))) as Arc<dyn IndexStore>
//! });
//! # fn main() {}
//! ```

pub mod rig;
pub mod torture;

use std::{any::Any, sync::Arc};

use futures::future::join_all;
use smarterbase_core::{
    document::KeyKind,
    format::index_key::{EncodedValue, ValueRange},
    port::{
        IndexError, IndexStore,
        index::{Outcome, Placed},
    },
};

use self::rig::{Live, Rig, all, from, id, text};

/// An empty backend under test, and what must live as long as it (a folder, a server).
#[derive(Debug)]
pub struct Fixture {
    /// The backend.
    pub index: Arc<dyn IndexStore>,
    keep: Option<Box<dyn Any + Send>>,
}

impl Fixture {
    /// A backend that lives on something else.
    #[must_use]
    pub fn new(index: Arc<dyn IndexStore>, keep: impl Any + Send) -> Self {
        Self {
            index,
            keep: Some(Box::new(keep)),
        }
    }
}

impl From<Arc<dyn IndexStore>> for Fixture {
    fn from(index: Arc<dyn IndexStore>) -> Self {
        Self { index, keep: None }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        drop(self.keep.take());
    }
}

/// Makes a module with one `#[tokio::test]` per promise of an index backend.
///
/// The factory is an async closure without arguments that makes an **empty** backend: an `Arc<dyn IndexStore>`, or a
/// [`Fixture`](crate::contract::index::Fixture). It runs once per test. The caller needs `tokio` with `macros` and
/// `rt-multi-thread`.
#[macro_export]
macro_rules! index_contract {
    ($module:ident, $factory:expr) => {
        $crate::index_contract!(@tests $module, $factory,
            two_collections_with_the_same_index_never_mix,
            two_indexes_of_a_collection_never_mix,
            instance_is_the_one_that_began,
            those_who_begin_together_agree,
            backend_that_began_is_empty,
            announced_entry_is_found_before_its_document_is_put,
            committed_entry_is_found_once,
            replaced_entry_leaves_and_the_others_stay,
            every_value_of_a_list_is_found,
            deleted_document_is_not_found,
            document_made_again_after_its_deletion_is_found,
            aborted_announcement_leaves,
            aborted_announcement_leaves_what_another_write_needs,
            aborted_announcement_leaves_what_the_document_has,
            repeated_messages_change_nothing,
            late_announcement_removes_nothing,
            late_commit_removes_nothing_that_is_needed,
            late_abort_removes_nothing_that_is_needed,
            restored_document_is_found,
            restored_document_has_the_entries_of_an_equal_revision,
            removing_a_stale_entry_that_is_gone_succeeds,
            presence_follows_a_write_from_its_announcement_to_its_removal,
            presence_of_many_entries_comes_in_their_order,
            scan_is_in_order_of_value_then_id,
            descending_scan_is_the_ascending_one_reversed,
            pages_have_no_gap_and_no_repeat,
            page_goes_on_after_an_entry_that_is_gone,
            page_says_when_more_follows,
            range_has_its_lower_end_and_not_its_upper,
            count_is_the_number_of_entries_in_the_range,
            values_of_any_bytes_are_kept,
            ids_of_every_kind_come_back,
            sixteen_shards_read_as_one,
            concurrent_writers_lose_nothing,
            s32_a_manifest_tells_what_is_committed_and_what_is_announced,
            s32_manifests_of_many_documents_come_in_the_order_of_their_ids,
            what_is_gone_on_with_is_found_and_known,
            what_an_index_was_not_kept_for_is_not_known,
            tags_of_many_documents_come_in_the_order_of_their_ids,
        );
    };
    (@tests $module:ident, $factory:expr, $($promise:ident,)*) => {
        mod $module {
            #[allow(unused_imports, reason = "the factory may name anything of the file it stands in")]
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let fixture: $crate::contract::index::Fixture = ($factory)().await.into();
                    $crate::contract::index::$promise(std::sync::Arc::clone(&fixture.index)).await;
                }
            )*
        }
    };
}

/// Two collections that both have an index on `email`, with the same number, share nothing: not a value, not a count.
pub async fn two_collections_with_the_same_index_never_mix(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let orders = Rig::begin(&index, "orders", KeyKind::Text, 1).await;
    let user = users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    orders
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    users.delete(&id("1"), &user).await;
    assert_eq!(users.found(0).await, []);
    assert_eq!(orders.found(0).await, [(text("ada"), id("1"))]);
    assert_eq!(orders.count(0, &all()).await, 1);
}

/// Two indexes of one collection share nothing, even where values are equal.
pub async fn two_indexes_of_a_collection_never_mix(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    users
        .put(&id("2"), &Live::none(), &[(1, text("ada"))])
        .await;
    assert_eq!(users.found(0).await, [(text("ada"), id("1"))]);
    assert_eq!(users.found(1).await, [(text("ada"), id("2"))]);
}

/// The instance is the one that `begin` returned, and starts with the name of the backend.
pub async fn instance_is_the_one_that_began(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 16).await;
    let instance = index.instance(&users.collection).await.expect("an answer");
    assert_eq!(instance.as_deref(), Some(&*users.collection.instance));
    assert!(users.collection.instance.starts_with(index.name()));
}

/// Processes that begin at the same time agree on one instance.
pub async fn those_who_begin_together_agree(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 16).await;
    let fresh = smarterbase_core::format::Nonce::from_random([77; 13]);
    let joined = index
        .begin(&users.collection, &users.placed, fresh, None)
        .await
        .expect("an instance");
    assert_eq!(joined, users.collection.instance);
}

/// After `begin` nothing is found, whatever was there before. Entries with tags cannot be lost, so they stay.
pub async fn backend_that_began_is_empty(index: Arc<dyn IndexStore>) {
    if index.uses_tags() {
        return;
    }
    let before = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    before
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    let after = before.begin_again().await;
    assert_eq!(after.found(0).await, []);
    assert_eq!(after.count(0, &all()).await, 0);
}

/// The rule that makes results a superset.
pub async fn announced_entry_is_found_before_its_document_is_put(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    users
        .announce(&users.write(&id("1"), &Live::none(), &[(0, text("ada"))]))
        .await;
    assert_eq!(users.found(0).await, [(text("ada"), id("1"))]);
}

/// A committed entry is found, once.
pub async fn committed_entry_is_found_once(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    assert_eq!(users.found(0).await, [(text("ada"), id("1"))]);
}

/// An update takes away what the document no longer has, and nothing else.
pub async fn replaced_entry_leaves_and_the_others_stay(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let live = users
        .put(
            &id("1"),
            &Live::none(),
            &[(0, text("ada")), (1, text("pro"))],
        )
        .await;
    users
        .put(&id("1"), &live, &[(0, text("eve")), (1, text("pro"))])
        .await;
    assert_eq!(users.found(0).await, [(text("eve"), id("1"))]);
    assert_eq!(users.found(1).await, [(text("pro"), id("1"))]);
}

/// A list has an entry per value, and loses one at a time.
pub async fn every_value_of_a_list_is_found(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let tags = |names: &[&str]| names.iter().map(|name| (0, text(name))).collect::<Vec<_>>();
    let live = users
        .put(&id("1"), &Live::none(), &tags(&["a", "b", "c"]))
        .await;
    assert_eq!(users.count(0, &all()).await, 3);
    users.put(&id("1"), &live, &tags(&["a", "c", "d"])).await;
    let values: Vec<_> = users
        .found(0)
        .await
        .into_iter()
        .map(|(value, _)| value)
        .collect();
    assert_eq!(values, [text("a"), text("c"), text("d")]);
}

/// A deleted document is found nowhere.
pub async fn deleted_document_is_not_found(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let live = users
        .put(
            &id("1"),
            &Live::none(),
            &[(0, text("ada")), (1, text("pro"))],
        )
        .await;
    users.delete(&id("1"), &live).await;
    assert_eq!(users.found(0).await, []);
    assert_eq!(users.found(1).await, []);
}

/// An id may live again, with revisions that go on, or from the start once nothing is left of the earlier life.
pub async fn document_made_again_after_its_deletion_is_found(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let live = users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    let dead = users.delete(&id("1"), &live).await;
    let live = users.put(&id("1"), &dead, &[(0, text("eve"))]).await;
    assert_eq!(users.found(0).await, [(text("eve"), id("1"))]);
    users.delete(&id("1"), &live).await;
    users
        .put(&id("1"), &Live::none(), &[(0, text("bob"))])
        .await;
    assert_eq!(users.found(0).await, [(text("bob"), id("1"))]);
}

/// A write that finally lost leaves no entry.
pub async fn aborted_announcement_leaves(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let write = users.write(&id("1"), &Live::none(), &[(0, text("ada"))]);
    users.announce(&write).await;
    users.abort(&write).await;
    assert_eq!(users.found(0).await, []);
}

/// Two writes announce the same value; the one that loses takes away only what is its own.
pub async fn aborted_announcement_leaves_what_another_write_needs(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let loser = users.write(&id("1"), &Live::none(), &[(0, text("ada"))]);
    let winner = users.write(&id("1"), &Live::none(), &[(0, text("ada"))]);
    users.announce(&loser).await;
    users.announce(&winner).await;
    users.abort(&loser).await;
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
    users.commit(&winner).await;
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
}

/// A write that loses after another one brought the same value.
pub async fn aborted_announcement_leaves_what_the_document_has(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let loser = users.write(
        &id("1"),
        &Live::none(),
        &[(0, text("ada")), (1, text("pro"))],
    );
    users.announce(&loser).await;
    users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    users.abort(&loser).await;
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
    assert_eq!(users.ids(1, &all()).await, []);
}

/// Every message may come twice.
pub async fn repeated_messages_change_nothing(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let first = users.write(
        &id("1"),
        &Live::none(),
        &[(0, text("ada")), (1, text("pro"))],
    );
    let second = users.write(
        &id("1"),
        &first.after(),
        &[(0, text("eve")), (1, text("pro"))],
    );
    for write in [&first, &second] {
        for _ in 0..2 {
            users.announce(write).await;
        }
        for _ in 0..2 {
            users.commit(write).await;
        }
    }
    assert_eq!(users.found(0).await, [(text("eve"), id("1"))]);
    assert_eq!(users.found(1).await, [(text("pro"), id("1"))]);
}

/// An announcement that comes after the outcome of its own and of a later write may leave an entry too many, none too few.
pub async fn late_announcement_removes_nothing(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let first = users.write(&id("1"), &Live::none(), &[(0, text("ada"))]);
    users.announce(&first).await;
    users.commit(&first).await;
    users
        .put(&id("1"), &first.after(), &[(0, text("eve"))])
        .await;
    users.announce(&first).await;
    assert!(users.found(0).await.contains(&(text("eve"), id("1"))));
}

/// Commits overtake each other; what the newest revision has stays, and what it does not have is gone.
pub async fn late_commit_removes_nothing_that_is_needed(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let first = users.write(&id("1"), &Live::none(), &[(0, text("a"))]);
    let second = users.write(&id("1"), &first.after(), &[(0, text("b"))]);
    let third = users.write(
        &id("1"),
        &second.after(),
        &[(0, text("a")), (1, text("pro"))],
    );
    for write in [&first, &second, &third] {
        users.announce(write).await;
    }
    for late in [&third, &first, &second, &third] {
        users.commit(late).await;
        assert!(
            users
                .ids(0, &rig::exactly(&text("a")))
                .await
                .contains(&id("1"))
        );
        assert_eq!(users.ids(1, &all()).await, [id("1")]);
    }
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
}

/// An abort that comes after later writes.
pub async fn late_abort_removes_nothing_that_is_needed(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let loser = users.write(&id("1"), &Live::none(), &[(0, text("ada"))]);
    users.announce(&loser).await;
    let live = users
        .put(&id("1"), &Live::none(), &[(0, text("eve"))])
        .await;
    users.put(&id("1"), &live, &[(0, text("ada"))]).await;
    for _ in 0..2 {
        users.abort(&loser).await;
        assert_eq!(users.ids(0, &all()).await, [id("1")]);
    }
}

/// A rebuild tells what the store says.
pub async fn restored_document_is_found(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let write = users.write(
        &id("1"),
        &Live::at(6),
        &[(0, text("ada")), (1, text("pro"))],
    );
    users.tell(&write, Outcome::Restore).await;
    assert_eq!(users.found(0).await, [(text("ada"), id("1"))]);
    assert_eq!(users.found(1).await, [(text("pro"), id("1"))]);
}

/// A repair replaces what is there for the same revision.
pub async fn restored_document_has_the_entries_of_an_equal_revision(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let wrong = users
        .put(&id("1"), &Live::at(6), &[(0, text("wrong"))])
        .await;
    let mut right = users.write(&id("1"), &Live::at(6), &[(0, text("right"))]);
    right.dropped = wrong.entries;
    users.tell(&right, Outcome::Restore).await;
    assert_eq!(users.found(0).await, [(text("right"), id("1"))]);
}

/// An entry lasts from its announcement on, and is missing before and after; of the same value of another document as well.
pub async fn presence_follows_a_write_from_its_announcement_to_its_removal(
    index: Arc<dyn IndexStore>,
) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 16).await;
    let write = users.write(&id("1"), &Live::none(), &[(0, text("ada"))]);
    assert_eq!(users.presence(&id("1"), &write.entries).await, [false]);
    users.announce(&write).await;
    assert_eq!(users.presence(&id("1"), &write.entries).await, [true]);
    users.commit(&write).await;
    assert_eq!(users.presence(&id("1"), &write.entries).await, [true]);
    assert_eq!(users.presence(&id("2"), &write.entries).await, [false]);
    users
        .put(&id("1"), &write.after(), &[(0, text("eve"))])
        .await;
    assert_eq!(users.presence(&id("1"), &write.entries).await, [false]);
}

/// One answer for each entry, whatever index it is of.
pub async fn presence_of_many_entries_comes_in_their_order(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Uuid, 1).await;
    let uuid = id("0199c7f5-5f0a-7e2b-9c1d-000000000001");
    let there = users
        .put(
            &uuid,
            &Live::none(),
            &[(0, text("a")), (0, text("b")), (1, text("pro"))],
        )
        .await;
    let absent = users.write(&uuid, &Live::at(1), &[(0, text("c")), (1, text("free"))]);
    let mut asked = there.entries.clone();
    asked.insert(1, absent.entries[0].clone());
    asked.push(absent.entries[1].clone());
    let answers = users.presence(&uuid, &asked).await;
    assert_eq!(answers, [true, false, true, true, false]);
    assert_eq!(users.presence(&uuid, &[]).await, [false; 0]);
}

/// Two readers may clean the same entry.
pub async fn removing_a_stale_entry_that_is_gone_succeeds(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let live = users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    let hit = users.hits(0).await.remove(0);
    users.put(&id("1"), &live, &[(0, text("eve"))]).await;
    for _ in 0..2 {
        index
            .remove_stale(&users.collection, &users.placed[0], &hit)
            .await
            .expect("removing twice succeeds");
    }
    assert_eq!(users.found(0).await, [(text("eve"), id("1"))]);
}

/// Entries come by value, then by id as it stands in paths (rule S22): `a-` before `a`, since `-` is before `.`.
pub async fn scan_is_in_order_of_value_then_id(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    for name in ["b", "a", "a-", "ab"] {
        users
            .put(&id(name), &Live::none(), &[(0, text("x")), (0, text("xy"))])
            .await;
    }
    let ids = ["a-", "a", "ab", "b"].map(id);
    let expected: Vec<_> = ["x", "xy"]
        .iter()
        .flat_map(|value| ids.iter().map(|id| (text(value), id.clone())))
        .collect();
    assert_eq!(users.found(0).await, expected);
}

/// Descending is the same, from the other end.
pub async fn descending_scan_is_the_ascending_one_reversed(index: Arc<dyn IndexStore>) {
    let users = Rig::filled(&index, KeyKind::Text, 1, 20).await;
    let mut expected = users.found(0).await;
    expected.reverse();
    assert_eq!(expected.len(), 20);
    assert_eq!(users.walk(0, &all(), true, 1_000).await, expected);
}

/// Walking by pages of any size gives the whole, in both directions.
pub async fn pages_have_no_gap_and_no_repeat(index: Arc<dyn IndexStore>) {
    let users = Rig::filled(&index, KeyKind::Text, 1, 20).await;
    let whole = users.found(0).await;
    for limit in [1, 3, 7, 19, 20, 21] {
        assert_eq!(users.walk(0, &all(), false, limit).await, whole, "{limit}");
        let mut reversed = users.walk(0, &all(), true, limit).await;
        reversed.reverse();
        assert_eq!(reversed, whole, "{limit}");
    }
}

/// A cursor need not name an entry that exists.
pub async fn page_goes_on_after_an_entry_that_is_gone(index: Arc<dyn IndexStore>) {
    let users = Rig::filled(&index, KeyKind::Text, 1, 6).await;
    let whole = users.found(0).await;
    let (gone, gone_id) = whole[2].clone();
    users.delete(&gone_id, &users.live_of(&gone_id)).await;
    let after = Some((gone, gone_id));
    let up = users.page(0, &all(), after.clone(), false, 10).await;
    assert_eq!(rig::pairs(&up), whole[3..]);
    let down = users.page(0, &all(), after, true, 10).await;
    assert_eq!(rig::pairs(&down), [whole[1].clone(), whole[0].clone()]);
}

/// `has_more` is true wherever more follows, and a page without it is the last.
pub async fn page_says_when_more_follows(index: Arc<dyn IndexStore>) {
    let users = Rig::filled(&index, KeyKind::Text, 1, 5).await;
    let page = users.page(0, &all(), None, false, 4).await;
    assert_eq!((page.hits.len(), page.has_more), (4, true));
    let page = users.page(0, &all(), None, false, 6).await;
    assert_eq!((page.hits.len(), page.has_more), (5, false));
}

/// `lower ≤ value < upper`, in scans of both directions.
pub async fn range_has_its_lower_end_and_not_its_upper(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    for name in ["a", "b", "bb", "c", "d"] {
        users
            .put(&id(name), &Live::none(), &[(0, text(name))])
            .await;
    }
    let range = ValueRange {
        lower: text("b").0,
        upper: Some(text("d").0),
        exact: false,
    };
    assert_eq!(users.ids(0, &range).await, ["b", "bb", "c"].map(id));
    let down: Vec<_> = users
        .walk(0, &range, true, 2)
        .await
        .into_iter()
        .map(|(_, id)| id)
        .collect();
    assert_eq!(down, ["c", "bb", "b"].map(id));
    assert_eq!(users.ids(0, &from(&text("c"))).await, ["c", "d"].map(id));
    let nothing = ValueRange {
        lower: text("d").0,
        upper: Some(text("b").0),
        exact: false,
    };
    assert_eq!(users.ids(0, &nothing).await, []);
}

/// Counting is scanning without the entries.
pub async fn count_is_the_number_of_entries_in_the_range(index: Arc<dyn IndexStore>) {
    let users = Rig::filled(&index, KeyKind::Text, 1, 25).await;
    assert_eq!(users.count(0, &all()).await, 25);
    assert_eq!(users.count(1, &all()).await, 0);
    let whole = users.found(0).await;
    let range = ValueRange {
        lower: whole[4].0.0.clone(),
        upper: Some(whole[20].0.0.clone()),
        exact: false,
    };
    let inside = u64::try_from(users.ids(0, &range).await.len()).expect("few entries");
    assert_eq!(users.count(0, &range).await, inside);
    assert!(inside >= 4);
}

/// Zero bytes, line ends, bytes that are not UTF-8: all of it is in values.
pub async fn values_of_any_bytes_are_kept(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let values: Vec<EncodedValue> = vec![
        rig::bytes_value(&[]),
        rig::bytes_value(&[0]),
        rig::bytes_value(&[0, 1]),
        rig::bytes_value(b"\r\n !\"/{}"),
        rig::bytes_value(&[0x7F, 0x80]),
        rig::bytes_value(&[0xFF, 0xFE, 0]),
    ];
    for (number, value) in values.iter().enumerate() {
        users
            .put(
                &id(&number.to_string()),
                &Live::none(),
                &[(0, value.clone())],
            )
            .await;
    }
    let found: Vec<_> = users
        .found(0)
        .await
        .into_iter()
        .map(|(value, _)| value)
        .collect();
    assert_eq!(found, values);
    for value in &values {
        assert_eq!(users.count(0, &rig::exactly(value)).await, 1);
    }
}

/// Text with escapes, integers, UUIDs.
pub async fn ids_of_every_kind_come_back(index: Arc<dyn IndexStore>) {
    let kinds = [
        ("texts", KeyKind::Text, vec!["-", "0", "A/b", "a.json", "ü"]),
        (
            "numbers",
            KeyKind::Unsigned,
            vec!["00000000000000000000", "18446744073709551615"],
        ),
        (
            "uuids",
            KeyKind::Uuid,
            vec![
                "00000000-0000-0000-0000-000000000000",
                "0199c7f5-5f0a-7e2b-9c1d-0123456789ab",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
            ],
        ),
    ];
    for (name, kind, texts) in kinds {
        let rig = Rig::begin(&index, name, kind, 1).await;
        let mut ids: Vec<_> = texts.into_iter().map(id).collect();
        for id in &ids {
            rig.put(id, &Live::none(), &[(0, text("same"))]).await;
        }
        ids.sort_by_key(|id| format!("{id}.json"));
        assert_eq!(rig.ids(0, &all()).await, ids);
    }
}

/// A collection of 16 shards has one order, one count, and pages like any other.
pub async fn sixteen_shards_read_as_one(index: Arc<dyn IndexStore>) {
    let users = Rig::filled(&index, KeyKind::Uuid, 16, 60).await;
    let whole = users.found(0).await;
    assert_eq!(whole.len(), 60);
    assert!(whole.is_sorted());
    assert_eq!(users.walk(0, &all(), false, 7).await, whole);
    let mut reversed = users.walk(0, &all(), true, 7).await;
    reversed.reverse();
    assert_eq!(reversed, whole);
    assert_eq!(users.count(0, &all()).await, 60);
}

/// Writers of many documents at once.
pub async fn concurrent_writers_lose_nothing(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let ids: Vec<_> = (0..40).map(|number| id(&format!("{number:03}"))).collect();
    join_all(ids.iter().map(async |id| {
        let mut live = Live::none();
        for round in 0..5 {
            live = users
                .put(id, &live, &[(0, text(&format!("round-{round}")))])
                .await;
        }
    }))
    .await;
    assert_eq!(users.ids(0, &all()).await, ids);
    assert_eq!(users.count(0, &rig::exactly(&text("round-4"))).await, 40);
}

/// What a manifest leaves out, a query leaves out: a value counts from its announcement on, and until its write has lost or
/// another one has replaced it. A backend that keeps no account says so, for every document.
pub async fn s32_a_manifest_tells_what_is_committed_and_what_is_announced(
    index: Arc<dyn IndexStore>,
) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let may_have = async |value: &str| {
        let one = [id("1")];
        let asked = index.manifests(&users.collection, &users.placed, &one);
        let manifests = asked.await.expect("manifests")?;
        let [manifest] = &manifests.of[..] else {
            panic!("one manifest for one document");
        };
        let (number, range) = (users.placed[0].number, rig::exactly(&text(value)));
        // A document of which nothing is known may have anything.
        Some(
            manifest
                .as_ref()
                .is_none_or(|told| told.may_have(number, &range)),
        )
    };
    let Some(unknown) = may_have("ada").await else {
        return;
    };
    assert!(unknown, "nothing is known of it");
    let live = users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    assert_eq!(may_have("ada").await, Some(true));
    assert_eq!(may_have("eve").await, Some(false));
    let (winner, loser) = (
        users.write(&id("1"), &live, &[(0, text("eve"))]),
        users.write(&id("1"), &live, &[(0, text("joe"))]),
    );
    users.announce(&winner).await;
    users.announce(&loser).await;
    for (value, expected) in [("ada", true), ("eve", true), ("joe", true), ("ann", false)] {
        assert_eq!(may_have(value).await, Some(expected), "{value}, announced");
    }
    users.commit(&winner).await;
    users.abort(&loser).await;
    for (value, expected) in [("ada", false), ("eve", true), ("joe", false)] {
        assert_eq!(may_have(value).await, Some(expected), "{value}, committed");
    }
    // An index of which the document has no entry tells nothing of it.
    let one = [id("1")];
    let asked = index.manifests(&users.collection, &users.placed, &one);
    let manifests = asked.await.expect("manifests").expect("as before");
    let manifest = manifests.of[0].as_ref().expect("as before");
    assert!(manifest.may_have(users.placed[1].number, &rig::exactly(&text("pro"))));
}

/// Each document has its own manifest, however many are asked for and wherever they lie.
pub async fn s32_manifests_of_many_documents_come_in_the_order_of_their_ids(
    index: Arc<dyn IndexStore>,
) {
    let users = Rig::filled(&index, KeyKind::Uuid, 16, 450).await;
    let mut entries = users.found(0).await;
    entries.reverse();
    let ids: Vec<_> = entries.iter().map(|(_, id)| id.clone()).collect();
    let asked = index.manifests(&users.collection, &users.placed[..1], &ids);
    let Some(manifests) = asked.await.expect("manifests") else {
        return;
    };
    assert_eq!(manifests.of.len(), 450);
    for ((value, id), manifest) in entries.iter().zip(&manifests.of) {
        let manifest = manifest.as_ref().expect("a manifest of every document");
        let expected = [(users.placed[0].number, value.clone())];
        assert_eq!(manifest.values, expected, "{id}");
        assert!(manifest.silent.is_empty(), "{id}");
    }
}

/// The indexes of a rig in the next generation.
fn next_generation(rig: &Rig) -> Vec<Placed> {
    let next = |placed: &Placed| Placed {
        generation: placed.generation + 1,
        ..placed.clone()
    };
    rig.placed.iter().map(next).collect()
}

/// What an outage left is there in the next generation, each document with the tag that it was told with last; and whoever
/// still speaks to the instance before is told that it is lost. Entries with tags cannot be lost, so nothing is to be gone on
/// with.
pub async fn what_is_gone_on_with_is_found_and_known(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 16).await;
    let mut tags = Vec::new();
    for number in ["1", "2", "3"] {
        let write = users.write(&id(number), &Live::none(), &[(0, text("ada"))]);
        users.announce(&write).await;
        users.commit(&write).await;
        tags.push(Some(format!("\"{}\"", write.write)));
    }
    let fresh = smarterbase_core::format::Nonce::from_random([88; 13]);
    let before = users.collection.instance.clone();
    let gone_on = index.go_on(&users.collection, fresh, Some(&before)).await;
    // A backend that cannot tell what it lost begins anew.
    let Some(instance) = gone_on.expect("an answer") else {
        return;
    };
    assert_ne!(instance, before);
    let again = index.go_on(&users.collection, fresh, Some(&before)).await;
    assert_eq!(again.expect("an answer").as_ref(), Some(&instance));

    let (old, placed) = (users.collection.clone(), next_generation(&users));
    let users = Rig::at(&index, &users, instance, placed.clone());
    index
        .extend(&users.collection, &placed)
        .await
        .expect("extend");
    index
        .extend(&users.collection, &placed)
        .await
        .expect("once more");
    let ids = [id("1"), id("2"), id("3"), id("4")];
    tags.push(None);
    assert_eq!(users.ids(0, &all()).await, ids[..3]);
    let known = index.known(&users.collection, &placed, &ids).await;
    assert_eq!(known.expect("known"), tags);
    assert!(matches!(
        index.known(&old, &placed, &ids).await,
        Err(IndexError::Lost(_))
    ));

    // A write under the new instance is known as well, and takes its old entry along.
    let live = Live {
        rev: 1,
        entries: Vec::new(),
    };
    let write = users.write(&id("1"), &live, &[(0, text("eve"))]);
    users.announce(&write).await;
    users.commit(&write).await;
    tags[0] = Some(format!("\"{}\"", write.write));
    let known = index.known(&users.collection, &placed, &ids).await;
    assert_eq!(known.expect("known"), tags);
    assert_eq!(users.ids(0, &rig::exactly(&text("ada"))).await, ids[1..3]);
}

/// A document that was told while only some indexes were kept is not known for all of them.
pub async fn what_an_index_was_not_kept_for_is_not_known(index: Arc<dyn IndexStore>) {
    if index.uses_tags() {
        return;
    }
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    users
        .put(
            &id("1"),
            &Live::none(),
            &[(0, text("ada")), (1, text("pro"))],
        )
        .await;
    let one = Rig::at(
        &index,
        &users,
        users.collection.instance.clone(),
        users.placed[..1].to_vec(),
    );
    one.put(&id("2"), &Live::none(), &[(0, text("eve"))]).await;
    let ids = [id("1"), id("2")];
    let known = index
        .known(&users.collection, &users.placed, &ids)
        .await
        .expect("known");
    let is_known: Vec<_> = known.iter().map(Option::is_some).collect();
    if is_known == [false, false] {
        return; // A backend that keeps no tags knows of nobody.
    }
    assert_eq!(is_known, [true, false]);
    // A generation that begins anew beside the one that stays has nothing.
    let next = next_generation(&users);
    index
        .extend(&users.collection, &next)
        .await
        .expect("extend");
    let known = index
        .known(&users.collection, &next, &ids)
        .await
        .expect("known");
    assert_eq!(known, [None, None]);
    let next = Rig::at(&index, &users, users.collection.instance.clone(), next);
    assert_eq!(next.count(0, &all()).await, 0);
}

/// Each document has its own tag, however many are asked for.
pub async fn tags_of_many_documents_come_in_the_order_of_their_ids(index: Arc<dyn IndexStore>) {
    let users = Rig::begin(&index, "users", KeyKind::Text, 1).await;
    let (mut ids, mut tags) = (Vec::new(), Vec::new());
    for number in 0..450 {
        ids.push(id(&number.to_string()));
        let write = users.write(&ids[number], &Live::none(), &[(0, text("ada"))]);
        users.announce(&write).await;
        users.commit(&write).await;
        tags.push(Some(format!("\"{}\"", write.write)));
    }
    ids.insert(300, id("nobody"));
    tags.insert(300, None);
    ids.reverse();
    tags.reverse();
    let known = index.known(&users.collection, &users.placed, &ids).await;
    let known = known.expect("known");
    // A backend that keeps no tags knows of nobody.
    if known.iter().any(Option::is_some) {
        assert_eq!(known, tags);
    }
}
