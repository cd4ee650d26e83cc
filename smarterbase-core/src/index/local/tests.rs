//! What crashes, copies, full and damaged disks do to the file: an answer that is right, or none.

pub(super) mod disk;
mod objects;

use std::{sync::Arc, time::Duration};

use self::{disk::Disk, objects::Objects};
use super::{LocalIndex, LocalOptions, file::Place};
use crate::{
    document::{KeyKind, KeyText},
    format::{
        Nonce,
        index_key::{EncodedValue, ValueRange},
        path::{self, EncodedId},
    },
    port::{
        CasStore, IndexError, IndexStore,
        index::{
            Announcement, Commit, Host, IndexEntry, IndexedCollection, Outcome, Placed, Presence,
            Scan,
        },
    },
};

const DATABASE: [u8; 13] = [7; 13];

/// A database's store, and the disk that its index lies on.
struct Scene {
    store: Arc<Objects>,
    disk: Disk,
}

impl Scene {
    fn new() -> Self {
        Self {
            store: Arc::new(Objects::default()),
            disk: Disk::default(),
        }
    }

    async fn open(&self) -> LocalIndex {
        self.open_on(&self.disk).await
    }

    async fn open_on(&self, disk: &Disk) -> LocalIndex {
        let place = Place::Disk(disk.clone());
        let index = LocalIndex::open_at(place, LocalOptions::default()).await;
        let index = index.unwrap();
        index.attach(&host(&self.store)).await.unwrap();
        index
    }
}

fn host(store: &Arc<Objects>) -> Host {
    Host {
        database: Nonce::from_random(DATABASE),
        store: store.clone(),
        write_deadline: Duration::from_secs(10),
        is_writable: true,
    }
}

fn placed() -> Placed {
    Placed {
        definition: "plan-0123abcd".to_owned(),
        number: 3,
        generation: 1,
    }
}

/// The collection, at the instance that is there, or that begins.
async fn begun(index: &LocalIndex) -> IndexedCollection {
    let mut users = IndexedCollection {
        database: Nonce::from_random(DATABASE),
        name: "users".to_owned(),
        shards: 1,
        key_kind: KeyKind::Text,
        instance: String::new(),
    };
    users.instance = match index.instance(&users).await.unwrap() {
        Some(there) => there,
        None => {
            let fresh = index.inner.rng.nonce();
            index.begin(&users, &[placed()], fresh, None).await.unwrap()
        }
    };
    users
}

fn entry(value: &str) -> IndexEntry {
    IndexEntry {
        placed: placed(),
        value: EncodedValue([b"\x04", value.as_bytes(), b"\0\0"].concat().into()),
        tag: None,
    }
}

/// Announces and commits document `id` with one value.
async fn put(
    index: &LocalIndex,
    users: &IndexedCollection,
    id: &str,
    value: &str,
) -> Result<(), IndexError> {
    let id = EncodedId::encode(&KeyText(id.to_owned())).unwrap();
    let write = index.inner.rng.nonce();
    let announcement = Announcement {
        id: id.clone(),
        base: 0,
        write,
        entries: vec![entry(value)],
        placed: vec![placed()],
    };
    index.announce(users, &announcement).await?;
    let commit = Commit {
        id,
        rev: 1,
        write: Some(write),
        outcome: Outcome::Put,
        entries: vec![entry(value)],
        dropped: Vec::new(),
        placed: vec![placed()],
        e_tag: Some("tag".to_owned()),
    };
    index.commit(users, &commit).await
}

async fn found(index: &LocalIndex, users: &IndexedCollection) -> Result<Vec<String>, IndexError> {
    let scan = Scan {
        placed: placed(),
        range: ValueRange {
            lower: Default::default(),
            upper: None,
            exact: false,
        },
        after: None,
        descending: false,
        limit: 1_000,
    };
    let page = index.scan(users, &scan).await?;
    Ok(page.hits.iter().map(|hit| hit.id.to_string()).collect())
}

/// Nothing that the file held is believed, and it can be filled again.
async fn expect_lost(index: &LocalIndex, users: &IndexedCollection) {
    assert!(matches!(
        found(index, users).await,
        Err(IndexError::Lost(_))
    ));
    assert_eq!(index.instance(users).await.unwrap(), None);
    let again = begun(index).await;
    assert_ne!(again.instance, users.instance);
    assert_eq!(found(index, &again).await.unwrap(), [""; 0]);
    let late = put(index, users, "late", "x").await;
    assert!(matches!(late, Err(IndexError::Lost(_))), "{late:?}");
    put(index, &again, "1", "pro").await.unwrap();
    assert_eq!(found(index, &again).await.unwrap(), ["1"]);
}

/// A session that ended well, with one document.
async fn filled(scene: &Scene) -> IndexedCollection {
    let index = scene.open().await;
    let users = begun(&index).await;
    put(&index, &users, "1", "pro").await.unwrap();
    index.detach().await.unwrap();
    users
}

#[tokio::test]
async fn closed_index_is_believed_when_it_is_opened_again() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let index = scene.open().await;
    assert_eq!(found(&index, &users).await.unwrap(), ["1"]);
    assert_eq!(begun(&index).await.instance, users.instance);
}

#[tokio::test]
async fn dropped_index_is_believed_when_it_is_opened_again() {
    let scene = Scene::new();
    let index = scene.open().await;
    let users = begun(&index).await;
    put(&index, &users, "1", "pro").await.unwrap();
    // Whoever applied the change lets go of it a little after the reply.
    while Arc::strong_count(&index.inner) > 1 {
        tokio::task::yield_now().await;
    }
    drop(index);
    scene.disk.lose_power();
    let index = scene.open().await;
    assert_eq!(found(&index, &users).await.unwrap(), ["1"]);
}

#[tokio::test]
async fn s6_index_that_lost_its_power_in_a_session_is_not_believed() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let index = scene.open().await;
    put(&index, &users, "2", "pro").await.unwrap();
    let after_the_crash = scene.disk.copy();
    after_the_crash.lose_power();
    let left = scene.disk.copy();
    std::mem::forget(index);
    // Whether the last changes reached the disk makes no difference: nobody can know.
    for disk in [after_the_crash, left] {
        let crashed = scene.open_on(&disk).await;
        expect_lost(&crashed, &users).await;
    }
}

#[tokio::test]
async fn unsynced_transactions_that_are_dropped_take_the_session_with_them() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let index = scene.open().await;
    put(&index, &users, "2", "pro").await.unwrap();
    scene.disk.lose_power();
    let disk = scene.disk.copy();
    std::mem::forget(index);
    let again = scene.open_on(&disk).await;
    expect_lost(&again, &users).await;
}

#[tokio::test]
async fn crash_of_a_process_that_only_read_costs_nothing() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let index = scene.open().await;
    assert_eq!(found(&index, &users).await.unwrap(), ["1"]);
    let disk = scene.disk.copy();
    std::mem::forget(index);
    let again = scene.open_on(&disk).await;
    assert_eq!(found(&again, &users).await.unwrap(), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn crash_after_a_while_without_changes_costs_nothing() {
    let clock = Arc::new(paused::PausedClock);
    let scene = Scene::new();
    let options = LocalOptions {
        clock,
        ..LocalOptions::default()
    };
    let place = Place::Disk(scene.disk.clone());
    let index = LocalIndex::open_at(place, options).await.unwrap();
    index.attach(&host(&scene.store)).await.unwrap();
    let users = begun(&index).await;
    put(&index, &users, "1", "pro").await.unwrap();
    let busy = scene.disk.copy();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let idle = scene.disk.copy();
    idle.lose_power();
    assert!(scene.disk.syncs() < 20, "an idle index keeps syncing");
    std::mem::forget(index);
    let again = scene.open_on(&idle).await;
    assert_eq!(found(&again, &users).await.unwrap(), ["1"]);
    drop(again);
    let again = scene.open_on(&busy).await;
    assert!(matches!(
        found(&again, &users).await,
        Err(IndexError::Lost(_))
    ));
}

/// A clock of tokio's time; the testkit's own stands above this crate.
mod paused {
    use std::time::Duration;

    use futures::{FutureExt, future::BoxFuture};

    use crate::{document::Timestamp, port::Clock};

    #[derive(Debug)]
    pub(super) struct PausedClock;

    impl Clock for PausedClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            tokio::time::sleep(duration).boxed()
        }
    }
}

#[tokio::test]
async fn s6_older_copy_of_the_file_is_not_believed() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let backup = scene.disk.copy();
    let index = scene.open().await;
    put(&index, &users, "2", "pro").await.unwrap();
    index.detach().await.unwrap();
    let restored = scene.open_on(&backup).await;
    expect_lost(&restored, &users).await;
}

#[tokio::test]
async fn s6_copy_that_was_in_use_meanwhile_is_not_believed() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let copy = scene.disk.copy();
    let elsewhere = scene.open_on(&copy).await;
    put(&elsewhere, &users, "2", "pro").await.unwrap();
    elsewhere.detach().await.unwrap();
    let index = scene.open().await;
    expect_lost(&index, &users).await;
}

#[tokio::test]
async fn s6_file_of_another_database_is_not_believed() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let other = Arc::new(Objects::default());
    let place = Place::Disk(scene.disk.clone());
    let index = LocalIndex::open_at(place, LocalOptions::default()).await;
    let index = index.unwrap();
    index.attach(&host(&other)).await.unwrap();
    expect_lost(&index, &users).await;
    index.detach().await.unwrap();
    // And the first database notices that somebody else had it.
    let index = scene.open().await;
    expect_lost(&index, &users).await;
}

#[tokio::test]
async fn s6_another_file_that_took_over_meanwhile_ends_what_the_first_one_knew() {
    let scene = Scene::new();
    let first = scene.open().await;
    let users = begun(&first).await;
    put(&first, &users, "1", "pro").await.unwrap();
    assert!(first.inner.rest().unwrap());
    let second = scene.open_on(&Disk::default()).await;
    begun(&second).await;
    // The next session of the first finds the name of the second in the store.
    let refused = put(&first, &users, "2", "pro").await;
    assert!(matches!(refused, Err(IndexError::Lost(_))), "{refused:?}");
    assert!(matches!(
        found(&first, &users).await,
        Err(IndexError::Lost(_))
    ));
}

/// Watches `name_session` in `life.rs`.
#[tokio::test]
async fn s6_another_file_that_was_met_counts_when_the_session_could_not_be_named() {
    let scene = Scene::new();
    let first = scene.open().await;
    let users = begun(&first).await;
    put(&first, &users, "1", "pro").await.unwrap();
    assert!(first.inner.rest().unwrap());
    let second = scene.open_on(&Disk::default()).await;
    begun(&second).await;
    // The first meets the name of the second, and then the store takes nothing.
    scene.store.deny_puts_after(Some(1));
    let failed = put(&first, &users, "2", "pro").await;
    assert!(matches!(failed, Err(IndexError::Store(_))), "{failed:?}");
    let met = found(&first, &users).await;
    assert!(matches!(met, Err(IndexError::Lost(_))), "{met:?}");
    scene.store.deny_puts_after(None);
    let refused = put(&first, &users, "2", "pro").await;
    assert!(matches!(refused, Err(IndexError::Lost(_))), "{refused:?}");
    expect_lost(&first, &users).await;
}

#[tokio::test]
async fn without_its_object_in_the_store_the_file_is_not_believed() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    scene
        .store
        .delete_retired(&path::local_index())
        .await
        .unwrap();
    let index = scene.open().await;
    expect_lost(&index, &users).await;
}

#[tokio::test]
async fn full_disk_loses_the_index_and_it_is_made_anew_when_there_is_room() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let index = scene.open().await;
    put(&index, &users, "2", "pro").await.unwrap();
    scene.disk.fill(true);
    let mut failure = Ok(());
    for number in 0..2_000 {
        failure = put(&index, &users, &format!("more-{number}"), &"x".repeat(60)).await;
        if failure.is_err() {
            break;
        }
        // As the background does once a second.
        failure = index.inner.make_durable();
    }
    assert!(matches!(failure, Err(IndexError::Lost(_))), "{failure:?}");
    assert!(matches!(
        found(&index, &users).await,
        Err(IndexError::Lost(_))
    ));
    let fresh = index.inner.rng.nonce();
    let replaced = Some(&*users.instance);
    let full = index.begin(&users, &[placed()], fresh, replaced).await;
    assert!(matches!(full, Err(IndexError::Unavailable(_))), "{full:?}");
    scene.disk.fill(false);
    expect_lost(&index, &users).await;
}

#[tokio::test]
async fn damaged_file_is_made_anew() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    scene.disk.damage();
    let index = scene.open().await;
    expect_lost(&index, &users).await;
}

#[tokio::test]
async fn many_changes_share_few_transactions() {
    let scene = Scene::new();
    let index = scene.open().await;
    let users = begun(&index).await;
    let before = index
        .inner
        .transactions
        .load(std::sync::atomic::Ordering::Relaxed);
    let puts = (0..200).map(|number| {
        let (index, users) = (&index, &users);
        async move { put(index, users, &format!("{number:03}"), "pro").await }
    });
    for outcome in futures::future::join_all(puts).await {
        outcome.unwrap();
    }
    let after = index
        .inner
        .transactions
        .load(std::sync::atomic::Ordering::Relaxed);
    assert_eq!(found(&index, &users).await.unwrap().len(), 200);
    assert!(after - before < 200, "{} transactions", after - before);
}

#[tokio::test]
async fn abandoned_callers_change_nothing_for_the_others() {
    let scene = Scene::new();
    let index = scene.open().await;
    let users = begun(&index).await;
    for number in 0..50 {
        let id = format!("{number:02}");
        let abandoned = put(&index, &users, &id, "pro");
        drop(futures::FutureExt::now_or_never(abandoned));
    }
    put(&index, &users, "last", "pro").await.unwrap();
    index.detach().await.unwrap();
    let index = scene.open().await;
    assert!(
        found(&index, &users)
            .await
            .unwrap()
            .contains(&"last".to_owned())
    );
}

#[tokio::test]
async fn next_generation_leaves_nothing_of_the_one_before() {
    let scene = Scene::new();
    let index = scene.open().await;
    let users = begun(&index).await;
    put(&index, &users, "1", "pro").await.unwrap();
    let next = Placed {
        generation: 2,
        ..placed()
    };
    index.extend(&users, &[next]).await.unwrap();
    assert!(matches!(
        found(&index, &users).await,
        Err(IndexError::Lost(_))
    ));
    let left = index
        .inner
        .file
        .run(|file| {
            let entries = file.begin_read()?.open_table(super::tables::ENTRIES)?;
            Ok(redb::ReadableTableMetadata::len(&entries)?)
        })
        .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn one_index_serves_one_database() {
    let scene = Scene::new();
    let index = scene.open().await;
    let other = Host {
        database: Nonce::from_random([8; 13]),
        ..host(&scene.store)
    };
    let refused = index.attach(&other).await;
    assert!(
        matches!(refused, Err(IndexError::Refused(_))),
        "{refused:?}"
    );
}

/// Watches `attaching` in `life.rs`.
#[tokio::test]
async fn one_index_serves_one_database_of_two_that_come_at_the_same_time() {
    let scene = Scene::new();
    let place = Place::Disk(scene.disk.clone());
    let index = LocalIndex::open_at(place, LocalOptions::default()).await;
    let index = index.unwrap();
    let one = host(&scene.store);
    let other = Host {
        database: Nonce::from_random([8; 13]),
        ..one.clone()
    };
    let (first, second) = tokio::join!(index.attach(&one), index.attach(&other));
    first.unwrap();
    assert!(matches!(second, Err(IndexError::Refused(_))), "{second:?}");
}

#[tokio::test]
async fn index_that_was_closed_says_so() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let index = scene.open().await;
    index.detach().await.unwrap();
    for outcome in [
        put(&index, &users, "2", "pro").await,
        found(&index, &users).await.map(drop),
        index.instance(&users).await.map(drop),
    ] {
        assert!(
            matches!(outcome, Err(IndexError::Unavailable(_))),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_session_is_named_once_and_before_anything_is_changed() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let index = scene.open().await;
    let before = scene.store.puts();
    scene.store.go_away(true);
    for _ in 0..2 {
        let refused = put(&index, &users, "2", "pro").await;
        assert!(matches!(refused, Err(IndexError::Store(_))), "{refused:?}");
    }
    // What was there before is still true.
    assert_eq!(found(&index, &users).await.unwrap(), ["1"]);
    scene.store.go_away(false);
    for id in ["2", "3", "4"] {
        put(&index, &users, id, "pro").await.unwrap();
    }
    assert_eq!(scene.store.puts() - before, 1);
    assert_eq!(found(&index, &users).await.unwrap(), ["1", "2", "3", "4"]);
    index.detach().await.unwrap();
    let index = scene.open().await;
    assert_eq!(found(&index, &users).await.unwrap().len(), 4);
}

#[tokio::test]
async fn crash_between_the_mark_and_the_name_of_a_session_is_noticed() {
    let scene = Scene::new();
    let users = filled(&scene).await;
    let index = scene.open().await;
    scene.store.go_away(true);
    put(&index, &users, "2", "pro").await.unwrap_err();
    let disk = scene.disk.copy();
    std::mem::forget(index);
    scene.store.go_away(false);
    let index = scene.open_on(&disk).await;
    expect_lost(&index, &users).await;
}

#[tokio::test]
async fn an_entry_is_announced_then_kept_then_loose_where_its_document_gave_it_up() {
    let scene = Scene::new();
    let index = scene.open().await;
    let users = begun(&index).await;
    let id = EncodedId::encode(&KeyText("1".to_owned())).unwrap();
    let presence = async || {
        let asked = [entry("pro"), entry("free")];
        index
            .presence(&users, &id, &[placed()], &asked)
            .await
            .unwrap()
    };
    assert_eq!(presence().await, [Presence::Missing; 2]);
    let write = index.inner.rng.nonce();
    let announcement = Announcement {
        id: id.clone(),
        base: 0,
        write,
        entries: vec![entry("pro")],
        placed: vec![placed()],
    };
    index.announce(&users, &announcement).await.unwrap();
    assert_eq!(presence().await, [Presence::Announced, Presence::Missing]);
    put(&index, &users, "1", "pro").await.unwrap();
    assert_eq!(presence().await, [Presence::Kept, Presence::Missing]);
    // Told by somebody who does not place the index: the entry stays, and nobody needs it.
    let told = Commit {
        id: id.clone(),
        rev: 2,
        write: None,
        outcome: Outcome::Restore,
        entries: Vec::new(),
        dropped: Vec::new(),
        placed: Vec::new(),
        e_tag: None,
    };
    index.commit(&users, &told).await.unwrap();
    assert_eq!(presence().await, [Presence::Loose, Presence::Missing]);
}
