//! Making snapshots: again, at the same time, in the background, and dying over it.

use std::{sync::Arc, time::Duration};

use futures::TryStreamExt;
use smarterbase::{Result, Snapshots, prelude::*};
use smarterbase_core::{
    format::{
        Key,
        snapshot::{Manifest, OpenSegment},
    },
    port::CasStore,
};
use smarterbase_testkit::{
    Fault, FaultStore,
    sweep::{Latencies, LatentStore, World},
};

use super::{
    Member, change, cost, counted, filled, key, member, overwrite, packed, reading, scan, segments,
    truth, warmed_up,
};

#[tokio::test(start_paused = true)]
async fn packing_again_reads_what_changed_and_removes_what_was() {
    let world = filled(500).await;
    let old = packed(&world).await;
    let names = segments(&world).await;
    change(&world, 0..5).await;
    let db = warmed_up(world.open(3).await).await;
    let deleted = Key::from_stored("members/m000010.json");
    let deleted = world.store.get(&deleted).await.unwrap().unwrap().version;
    Member::delete(&db, &key(10)).await.unwrap();
    let before = db.request_counts().snapshot();
    let packed = db
        .pack_snapshot::<Member>()
        .segment_bytes(16 * 1024)
        .await
        .unwrap();
    let made = db.request_counts().snapshot() - before;
    assert_eq!((packed.seen, packed.packed, packed.reused), (500, 500, 494));
    assert_eq!(
        (made.lists, made.gets),
        (1, 1 + old + 6),
        "the manifest, its segments, what changed"
    );
    assert_eq!((made.puts(), made.deletes), (packed.segments + 1, old));
    let now = segments(&world).await;
    assert_eq!(now.len() as u64, packed.segments);
    assert!(now.iter().all(|name| !names.contains(name)));
    // The deleted one is in no segment any more.
    let manifest = Key::from_stored("_snapshot/members/manifest.json");
    let manifest = world.store.get(&manifest).await.unwrap().unwrap();
    let (_, manifest) = Manifest::open(&manifest.bytes).unwrap();
    let (document, mut left) = (Key::from_stored("members/m000010.json"), 0);
    for (name, segment) in now.iter().zip(&manifest.segments) {
        let bytes = world.store.get(name).await.unwrap().unwrap().bytes;
        let open = OpenSegment::read(&bytes, segment).unwrap();
        assert!(open.object(&document, &deleted).is_none());
        left += open.len();
    }
    assert_eq!(left, 500);
    assert_eq!(db.drop_snapshot::<Member>().await.unwrap(), packed.segments);
    assert_eq!(segments(&world).await, []);
    assert_eq!(db.drop_snapshot::<Member>().await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn of_two_who_pack_at_once_one_is_overtaken_and_nothing_is_left_of_it() {
    let world = filled(300).await;
    let latent = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
    let latent: Arc<dyn CasStore> = Arc::new(latent);
    let one = world.builder(3, latent.clone()).open().await.unwrap();
    let other = world.builder(4, latent).open().await.unwrap();
    let (one, other) = tokio::join!(
        one.pack_snapshot::<Member>().into_future(),
        other.pack_snapshot::<Member>().into_future()
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.is_overtaken ^ other.is_overtaken);
    assert_eq!(segments(&world).await.len(), 1);
    let db = warmed_up(reading(&world, 5).await).await;
    assert_eq!(counted(&db).await.1.packed, 300);
}

#[tokio::test(start_paused = true)]
async fn a_scan_that_read_much_packs_in_the_background_where_it_may() {
    for (members, packs) in [(1_200, true), (900, false)] {
        let world = filled(members).await;
        let builder = world.builder(4, world.store.clone());
        let db = builder
            .snapshots(Snapshots::ReadAndPack)
            .open()
            .await
            .unwrap();
        assert_eq!(scan(&db).await.unwrap().len(), members);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(!segments(&world).await.is_empty(), packs);
        // From now on there is nothing to pack.
        let names = segments(&world).await;
        assert_eq!(counted(&db).await.1.packed, if packs { 1_200 } else { 0 });
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(segments(&world).await, names);
        let reader = reading(&world, 5).await;
        scan(&reader).await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(segments(&world).await, names, "others only read");
    }
}

/// A document without an envelope stays an object alone. Packing for its sake would go on for ever.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_packed_does_not_make_a_scan_pack_again() {
    let world = filled(1_200).await;
    for number in 0..300 {
        let document = Key::from_stored(format!("members/{}.json", key(number)));
        let by_hand = serde_json::to_vec(&member(number)).unwrap();
        overwrite(&*world.store, &document, by_hand).await;
    }
    let builder = world.builder(4, world.store.clone());
    let packing = builder.snapshots(Snapshots::ReadAndPack);
    let db = packing.open().await.unwrap();
    let after_a_scan = async || {
        assert_eq!(scan(&db).await.unwrap().len(), 1_200);
        tokio::time::sleep(Duration::from_secs(5)).await;
        segments(&world).await
    };
    let first = after_a_scan().await;
    assert!(!first.is_empty());
    assert_eq!(after_a_scan().await, first);
    // Written again, they can be packed.
    change(&world, 0..200).await;
    assert_ne!(after_a_scan().await, first);
    assert_eq!(counted(&db).await.1.packed, 1_100);
}

#[tokio::test(start_paused = true)]
async fn whoever_dies_while_packing_leaves_nothing_that_changes_an_answer() {
    for fault in [
        Fault::CrashAfter,
        Fault::CrashBefore,
        Fault::LoseReply,
        Fault::FailBefore,
    ] {
        for call in 0.. {
            let world = filled(120).await;
            let first = packed_tiny(&world.open(0).await).await.unwrap();
            change(&world, 0..10).await;
            let faulty = Arc::new(FaultStore::at(world.store.clone(), call, fault));
            let packer = world.builder(3, faulty.clone()).open().await;
            let ended = tokio::select! {
                biased;
                () = faulty.crash() => false,
                packed = async { packed_tiny(&packer?).await } => { packed.unwrap(); true }
            };
            assert!(ended || faulty.has_crashed());
            let db = reading(&world, 4).await;
            assert_eq!(
                scan(&db).await.unwrap(),
                truth(&world).await,
                "{fault:?} at {call}"
            );
            // Again: as if nothing had been.
            let again = packed_tiny(&world.open(5).await).await.unwrap();
            assert_eq!(again.packed, first.packed);
            assert_eq!(counted(&db).await.1.packed, 120, "{fault:?} at {call}");
            // What is left of the dead is removed once it is old, and nothing else.
            let janitor = world.open(6).await;
            assert_eq!(janitor.sweep::<Member>().await.unwrap().segments, 0);
            tokio::time::sleep(Duration::from_secs(25 * 60 * 60)).await;
            janitor.sweep::<Member>().await.unwrap();
            assert_eq!(
                segments(&world).await.len() as u64,
                again.segments,
                "{fault:?} at {call}"
            );
            assert_eq!(counted(&db).await.1.packed, 120);
            if !faulty.was_hit() {
                break;
            }
        }
    }
}

async fn packed_tiny(db: &Db) -> Result<smarterbase::maintenance::snapshot::PackProgress> {
    db.pack_snapshot::<Member>().segment_bytes(16 * 1024).await
}

#[tokio::test(start_paused = true)]
async fn a_collection_of_sixteen_shards_is_packed_in_the_order_of_ids() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
    #[document(name = "spread", shards = 16)]
    struct Spread {
        #[key]
        id: String,
        text: String,
    }
    let world = World::new(8);
    let db = world.open(0).await;
    for number in 0..500 {
        let text = "x".repeat(number % 50);
        Spread::create(
            &db,
            Spread {
                id: key(number),
                text,
            },
        )
        .await
        .unwrap();
    }
    let packed = db
        .pack_snapshot::<Spread>()
        .segment_bytes(16 * 1024)
        .await
        .unwrap();
    assert!(packed.segments > 4);
    Spread::delete(&db, &key(77)).await.unwrap();
    let reader = reading(&world, 3).await;
    Spread::get(&reader, &key(0)).await.unwrap();
    let counted = Spread::query(&reader)
        .scan()
        .count()
        .explain()
        .await
        .unwrap();
    assert_eq!(counted.result, 499);
    let profile = counted.profile;
    assert_eq!(
        (cost(&profile), profile.packed),
        ((16, 1 + packed.segments + 1), 499)
    );
    let of_one: Vec<_> = Spread::query(&reader)
        .scan()
        .stream()
        .map_ok(Stored::into_inner)
        .try_collect()
        .await
        .unwrap();
    let of_other: Vec<_> = Spread::query(&db)
        .scan()
        .stream()
        .map_ok(Stored::into_inner)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(of_one, of_other);
}

/// Nothing from before a drop comes back, even from somebody who was packing at that moment for the first time.
#[tokio::test(start_paused = true)]
async fn whoever_packs_while_the_snapshot_is_dropped_is_overtaken() {
    let world = filled(200).await;
    let latent = LatentStore::exact(world.store.clone(), Latencies::CONTRACT);
    let packer = world.builder(3, Arc::new(latent)).open().await.unwrap();
    let dropper = world.open(4).await;
    let drops = async {
        tokio::time::sleep(Duration::from_millis(40)).await;
        dropper.drop_snapshot::<Member>().await.unwrap()
    };
    let (packed, dropped) = tokio::join!(packer.pack_snapshot::<Member>().into_future(), drops);
    assert!(packed.unwrap().is_overtaken);
    assert_eq!((dropped, segments(&world).await), (0, Vec::new()));
}
