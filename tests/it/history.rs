//! Documents that keep their history: no version is lost, whatever happens to the writes.

use std::{sync::Arc, time::Duration};

use smarterbase::{Limits, Result, prelude::*};
use smarterbase_core::format::{Key, Prefix};
use smarterbase_testkit::{Fault, FaultStore, sweep::World};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "pages", history)]
struct Page {
    #[key]
    id: String,
    #[index]
    text: String,
}

fn page(id: &str, text: &str) -> Page {
    Page {
        id: id.to_owned(),
        text: text.to_owned(),
    }
}

fn id(text: &str) -> String {
    text.to_owned()
}

async fn write(db: &Db, key: &str, text: &str) -> Result<()> {
    let written = Page::update(db, &id(key), |page| {
        text.clone_into(&mut page.text);
        Ok(())
    });
    written.await.map(drop)
}

/// Revisions and texts, the oldest first.
async fn history(db: &Db, key: &str) -> Vec<(u64, String)> {
    let versions = Page::history(db, &id(key)).await.unwrap();
    let versions = versions.into_iter();
    versions
        .map(|version| (version.revision(), version.into_inner().text))
        .collect()
}

fn versions<const N: usize>(versions: [(u64, &str); N]) -> Vec<(u64, String)> {
    versions.map(|(rev, text)| (rev, text.to_owned())).into()
}

#[tokio::test(start_paused = true)]
async fn every_version_that_is_replaced_is_kept() {
    let world = World::new(1);
    let db = world.open(1).await;
    assert_eq!(history(&db, "a").await, []);
    let mut loaded = Page::create(&db, page("a", "one")).await.unwrap();
    assert_eq!(history(&db, "a").await, versions([(1, "one")]));
    write(&db, "a", "two").await.unwrap();
    loaded.text = id("stale");
    assert_eq!(
        loaded.save(&db).await.unwrap_err().kind(),
        ErrorKind::Conflict
    );
    Page::overwrite(&db, page("a", "three")).await.unwrap();
    assert!(Page::delete(&db, &id("a")).await.unwrap());
    assert_eq!(
        history(&db, "a").await,
        versions([(1, "one"), (2, "two"), (3, "three")])
    );
    Page::create(&db, page("a", "five")).await.unwrap();
    assert_eq!(
        history(&db, "a").await,
        versions([(1, "one"), (2, "two"), (3, "three"), (5, "five")])
    );
    assert_eq!(history(&db, "b").await, [], "another document's");
}

#[tokio::test(start_paused = true)]
async fn a_version_is_kept_beside_the_announcements_by_one_put() {
    let world = World::new(1);
    let db = world.open(1).await;
    let requests = || db.request_counts().snapshot();
    let before = requests();
    Page::create(&db, page("a", "one")).await.unwrap();
    let created = requests() - before;
    // The catalog was read and made as well: what matters is that there is no copy.
    let copies = async || {
        let listed = world.store.list(&Prefix::new("_history/"), None, 100).await;
        listed.unwrap().objects
    };
    assert!(created.creates > 0 && copies().await.is_empty());
    let before = requests();
    write(&db, "a", "two").await.unwrap();
    let written = requests() - before;
    assert_eq!(
        (written.gets, written.creates, written.swaps),
        (1, 2, 1),
        "the entry, the copy, the document"
    );
    let names: Vec<Key> = copies()
        .await
        .into_iter()
        .map(|listed| listed.key)
        .collect();
    assert!(
        names[0]
            .as_str()
            .starts_with("_history/pages/a/00000000000000000001-"),
        "{names:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_transaction_keeps_what_it_replaces() {
    let world = World::new(1);
    let db = world.open(1).await;
    for key in ["a", "b"] {
        Page::create(&db, page(key, "one")).await.unwrap();
    }
    let both = async |text: &'static str, ending: Result<()>| {
        let ending = &std::sync::Mutex::new(Some(ending));
        db.transaction(|tx| async move {
            for key in ["a", "b"] {
                let mut page = Page::get(&tx, &id(key)).required().await?;
                page.text = id(text);
                page.save(&tx).await?;
            }
            ending.lock().unwrap().take().unwrap_or(Ok(()))
        })
        .await
    };
    both("two", Ok(())).await.unwrap();
    let aborted = smarterbase::Error::abort(std::io::Error::other("no"));
    both("never", Err(aborted)).await.unwrap_err();
    both("three", Ok(())).await.unwrap();
    for key in ["a", "b"] {
        assert_eq!(
            history(&db, key).await,
            versions([(1, "one"), (2, "two"), (3, "three")])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn racing_writers_keep_every_version_once() {
    let world = World::new(1);
    let db = world.open(0).await;
    Page::create(&db, page("a", "0")).await.unwrap();
    let writers = (1..=6).map(async |number| {
        let db = world.open(number).await;
        for round in 0..5 {
            write(&db, "a", &format!("{number}-{round}")).await.unwrap();
        }
        db.close().await;
    });
    futures::future::join_all(writers).await;
    let revisions: Vec<u64> = history(&db, "a")
        .await
        .into_iter()
        .map(|(rev, _)| rev)
        .collect();
    assert_eq!(revisions, (1..=31).collect::<Vec<u64>>());
}

/// What may happen to a store call.
const FAULTS: [Fault; 4] = [
    Fault::CrashBefore,
    Fault::CrashAfter,
    Fault::LoseReply,
    Fault::ApplyLater,
];

/// A document, and a program over a store of its own that has opened it.
async fn opened(store: impl FnOnce(&World) -> FaultStore) -> (World, Db, Arc<FaultStore>, Db) {
    let world = World::new(1);
    let db = world.open(1).await;
    Page::create(&db, page("a", "one")).await.unwrap();
    let store = Arc::new(store(&world));
    let writer = world.builder(5, store.clone()).open().await.unwrap();
    (world, db, store, writer)
}

/// The store calls of one update.
async fn calls() -> std::ops::Range<u64> {
    let (_world, _db, store, writer) =
        opened(|world| FaultStore::recording(world.store.clone())).await;
    let made = || store.log().lines().len() as u64;
    let begin = made();
    write(&writer, "a", "two").await.unwrap();
    writer.close().await;
    begin..made()
}

#[tokio::test(start_paused = true)]
async fn no_fault_leaves_a_gap_or_a_version_that_never_was() {
    let calls = calls().await;
    assert!(calls.clone().count() > 4, "{calls:?}");
    for (fault, call) in FAULTS
        .into_iter()
        .flat_map(|fault| calls.clone().map(move |call| (fault, call)))
    {
        let faulty = |world: &World| FaultStore::at(world.store.clone(), call, fault);
        let (_world, db, store, writer) = opened(faulty).await;
        tokio::select! {
            () = store.crash() => {}
            done = write(&writer, "a", "two") => drop(done),
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        write(&db, "a", "three").await.unwrap();
        let found = history(&db, "a").await;
        let expected = match found.len() {
            2 => versions([(1, "one"), (2, "three")]),
            _ => versions([(1, "one"), (2, "two"), (3, "three")]),
        };
        assert_eq!(found, expected, "{fault:?} at call {call}");
    }
}

#[tokio::test(start_paused = true)]
async fn s16_the_lives_of_an_id_are_told_apart_by_the_write() {
    let world = World::new(1);
    let db = world.open(1).await;
    Page::create(&db, page("a", "first life")).await.unwrap();
    Page::delete(&db, &id("a")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(3 * 24 * 3_600)).await;
    db.sweep::<Page>().await.unwrap();
    let gone = world.store.get(&Key::from_stored("pages/a.json")).await;
    assert!(
        gone.unwrap().is_none(),
        "the tombstone is still there: {world:?}"
    );
    Page::create(&db, page("a", "second life")).await.unwrap();
    write(&db, "a", "now").await.unwrap();
    assert_eq!(
        history(&db, "a").await,
        versions([(1, "first life"), (1, "second life"), (2, "now")])
    );
}

#[tokio::test(start_paused = true)]
async fn a_history_is_never_cut_silently() {
    let world = World::new(1);
    let limits = Limits {
        collect: 3,
        ..Limits::default()
    };
    let builder = world.builder(1, world.store.clone()).limits(limits);
    let db = builder.open().await.unwrap();
    Page::create(&db, page("a", "0")).await.unwrap();
    for text in ["1", "2"] {
        write(&db, "a", text).await.unwrap();
    }
    assert_eq!(history(&db, "a").await.len(), 3);
    write(&db, "a", "3").await.unwrap();
    let many = Page::history(&db, &id("a")).await.unwrap_err();
    assert_eq!(many.code(), "SB-TOO-MANY");
}
