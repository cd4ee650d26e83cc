//! What is verified while a transaction lies undecided.

use std::time::Duration;

use smarterbase::prelude::*;
use smarterbase_core::{
    document::KeyKind,
    format::Nonce,
    port::{
        IndexStore,
        index::{Announcement, IndexEntry, IndexedCollection, Placed},
    },
};
use smarterbase_testkit::{
    MemoryIndex,
    contract::index::rig::{id, text},
    sweep::World,
};

use crate::outage::{Item, Mortal, Process, catalog, item};

/// The collection, and its definitions, as the index is asked for them.
async fn placed(world: &World, db: &Db) -> (IndexedCollection, Vec<Placed>) {
    let catalog = catalog(world).await;
    let number = |value: &serde_json::Value| value.as_u64().unwrap();
    let definitions = catalog["definitions"].as_object().unwrap().iter();
    let placed = definitions.map(|(name, entry)| Placed {
        definition: name.clone(),
        number: u32::try_from(number(&entry["number"])).unwrap(),
        generation: number(&entry["backends"]["memory"]["generation"]),
    });
    let collection = IndexedCollection {
        database: Nonce::parse(db.database_id()).unwrap(),
        name: "items".to_owned(),
        shards: 1,
        key_kind: KeyKind::Text,
        instance: catalog["instances"]["memory"].as_str().unwrap().to_owned(),
    };
    (collection, placed.collect())
}

/// Watches `restore` in `maintenance/verify/scope.rs`: the object bears a write that is not decided, and stays as it is when it is
/// decided. If the tag were told, a rebuild would take what the document was for what it is.
#[tokio::test(start_paused = true)]
async fn verification_vouches_for_no_document_that_is_not_decided() {
    let world = World::new(9);
    let index = MemoryIndex::new();
    let store = Mortal::over(world.store.clone());
    let doomed = Process::on(&world, 0, &index, store.clone()).await;
    doomed.fill(0..10).await;
    let healthy = Process::start(&world, 1, &index).await;
    assert_eq!(healthy.on_shelf("shelf-7").await.0, ["00007"]);
    let (collection, placed) = placed(&world, &healthy.db).await;
    let stale = IndexEntry {
        placed: placed[0].clone(),
        value: text("nowhere"),
        tag: None,
    };
    for number in [3, 4] {
        announce_stale(&index, &collection, &placed, &item(number).id, &stale).await;
    }

    // Its intent lies on the documents 3 and 5.
    store.stop_at_put("_tx/");
    let dying = doomed.db.transaction(|tx| async move {
        for number in [3, 5] {
            let mut item = Item::get(&tx, &item(number).id).required().await?;
            item.shelf = "elsewhere".to_owned();
            item.save(&tx).await?;
        }
        Ok(())
    });
    let ended = tokio::time::timeout(Duration::from_secs(2), dying).await;
    assert!(ended.is_err(), "{ended:?}");
    let verified = healthy.db.verify_indexes().of::<Item>().repair();
    let report = verified.await.unwrap();
    assert!(report.extra() >= 2, "{report}");
    let ids = [3, 4].map(|number| id(&item(number).id));
    let known = index.known(&collection, &placed, &ids).await.unwrap();
    assert_eq!([known[0].is_some(), known[1].is_some()], [false, true]);
    healthy.db.close().await;
}

/// An entry that nobody needs, and the outcome of whose write nobody told.
async fn announce_stale(
    index: &MemoryIndex,
    collection: &IndexedCollection,
    placed: &[Placed],
    plain: &str,
    stale: &IndexEntry,
) {
    let announcement = Announcement {
        id: id(plain),
        base: 1,
        write: Nonce::from_random([9; 13]),
        entries: vec![stale.clone()],
        placed: placed.to_vec(),
    };
    index.announce(collection, &announcement).await.unwrap();
}
