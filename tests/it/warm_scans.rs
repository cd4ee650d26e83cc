//! Scans that need not read everything again: bodies that are kept, and snapshots. Exact, whatever is written meanwhile.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use proptest::prelude::{any, prop};
use smarterbase::{Limits, Result, Snapshots, prelude::*, profile::QueryProfile};
use smarterbase_core::{
    document::Version,
    format::{
        Envelope, Key, Prefix, envelope,
        path::EncodedId,
        snapshot::{Manifest, OpenSegment, SegmentWriter},
    },
    port::{
        Attempt, Capabilities, CasStore, Changed, Expect, ListPage, Listed, Object, StoreError,
    },
    store::{FileOptions, FileStore, MemoryStore},
};
use smarterbase_testkit::{
    Fault, FaultStore, TestClock,
    sweep::{Latencies, LatentStore, World},
};

use crate::{
    question::{plan, question, users},
    user::User,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Document)]
#[document(name = "members")]
struct Member {
    #[key]
    id: String,
    name: String,
    age: u32,
}

fn key(number: usize) -> String {
    format!("m{number:06}")
}

fn member(number: usize) -> Member {
    Member {
        id: key(number),
        name: format!("Member {number}"),
        age: 0,
    }
}

const MIB: u64 = 1024 * 1024;

async fn filled(members: usize) -> World {
    let world = World::new(7);
    let db = world.open(0).await;
    let create = |number| Member::create(&db, member(number)).into_future();
    stream::iter(0..members)
        .map(create)
        .buffer_unordered(64)
        .try_collect::<Vec<_>>()
        .await
        .unwrap();
    world
}

/// A client that keeps bodies.
async fn keeping(world: &World, client: u64) -> Db {
    let builder = world.builder(client, world.store.clone());
    builder.body_cache(64 * MIB).open().await.unwrap()
}

/// A client that reads snapshots, and keeps nothing.
async fn reading(world: &World, client: u64) -> Db {
    let builder = world.builder(client, world.store.clone());
    builder.snapshots(Snapshots::Read).open().await.unwrap()
}

/// The catalog and the schema of the type are read.
async fn warmed_up(db: Db) -> Db {
    Member::get(&db, &key(0)).await.unwrap();
    db
}

async fn change(world: &World, numbers: impl Iterator<Item = usize>) {
    let db = world.open(1).await;
    for number in numbers {
        let grown = Member::update(&db, &key(number), |member| {
            member.age += 1;
            Ok(())
        });
        grown.await.unwrap();
    }
}

async fn scan(db: &Db) -> Result<Vec<Member>> {
    let found = Member::query(db).scan().stream();
    found.map_ok(Stored::into_inner).try_collect().await
}

/// What is there, read one by one by a client that keeps nothing.
async fn truth(world: &World) -> Vec<Member> {
    scan(&world.open(2).await).await.unwrap()
}

async fn counted(db: &Db) -> (u64, QueryProfile) {
    let counted = Member::query(db).scan().count().explain().await.unwrap();
    (counted.result, counted.profile)
}

fn cost(profile: &QueryProfile) -> (u64, u64) {
    (profile.requests.lists, profile.requests.gets)
}

async fn objects(store: &dyn CasStore, prefix: &str) -> Vec<Listed> {
    let page = store.list(&Prefix::new(prefix), None, 1_000).await;
    page.unwrap().objects
}

async fn segments(world: &World) -> Vec<Key> {
    let mut objects = objects(&*world.store, "_snapshot/members/").await;
    objects.retain(|listed| listed.key.as_str().ends_with(".lz4"));
    objects.into_iter().map(|listed| listed.key).collect()
}

async fn overwrite(store: &dyn CasStore, key: &Key, bytes: impl Into<Bytes>) {
    let now = store.get(key).await.unwrap().unwrap();
    let expect = Expect::Exactly(now.version);
    let put = store.put(key, &expect, bytes.into()).await;
    assert!(matches!(put, Attempt::Applied(_)));
}

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_kept_documents_a_scan_reads_those_that_changed() {
    let world = filled(10_000).await;
    let db = warmed_up(keeping(&world, 3).await).await;
    let (count, cold) = counted(&db).await;
    assert_eq!((count, cost(&cold)), (10_000, (10, 10_000)));
    assert_eq!((cold.cached, cold.packed), (0, 0));

    let (_, unchanged) = counted(&db).await;
    assert_eq!(cost(&unchanged), (10, 0));
    assert_eq!(unchanged.cached, 10_000);

    change(&world, (0..10_000).step_by(100)).await;
    let (count, warm) = counted(&db).await;
    assert_eq!((count, cost(&warm)), (10_000, (10, 100)));
    assert_eq!(warm.cached, 9_900);
    assert_eq!(scan(&db).await.unwrap(), truth(&world).await);
}

#[tokio::test(start_paused = true)]
async fn with_segments_a_cold_process_makes_a_tenth_of_the_requests() {
    let world = filled(10_000).await;
    let packer = world.open(0).await;
    let packed = packer.pack_snapshot::<Member>().await.unwrap();
    assert_eq!(
        (packed.seen, packed.packed, packed.left_out),
        (10_000, 10_000, 0)
    );
    change(&world, (0..10_000).step_by(100)).await;

    let plain = warmed_up(world.open(3).await).await;
    let (_, plain) = counted(&plain).await;
    assert_eq!(cost(&plain), (10, 10_000));

    let cold = warmed_up(reading(&world, 4).await).await;
    let (count, cold_cost) = counted(&cold).await;
    assert_eq!(count, 10_000);
    // The manifest, the segments, and what changed.
    assert_eq!(cost(&cold_cost), (10, 1 + packed.segments + 100));
    assert_eq!((cold_cost.cached, cold_cost.packed), (0, 9_900));
    assert!(cold_cost.requests.total() * 10 <= plain.requests.total());
    assert_eq!(scan(&cold).await.unwrap(), truth(&world).await);
}

/// Every segment holds a few documents: there are many.
async fn packed(world: &World) -> u64 {
    let packer = world.open(0).await;
    let packed = packer
        .pack_snapshot::<Member>()
        .segment_bytes(16 * 1024)
        .await;
    let segments = packed.unwrap().segments;
    assert!(segments >= 4, "{segments}");
    segments
}

#[tokio::test(start_paused = true)]
async fn segments_that_are_gone_cut_changed_or_swapped_are_read_around() {
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [Damage; 4] = [
        |_| Vec::new(),
        |bytes| bytes[..bytes.len() / 2].to_vec(),
        |mut bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bytes
        },
        |_| b"{\"_sb\":{}}".to_vec(),
    ];
    for damage in damages {
        let world = filled(400).await;
        let count = packed(&world).await;
        let names = segments(&world).await;
        let bytes = world.store.get(&names[1]).await.unwrap().unwrap().bytes;
        overwrite(&*world.store, &names[1], damage(bytes.to_vec())).await;
        // One lies in the place of another.
        let third = world.store.get(&names[2]).await.unwrap().unwrap().bytes;
        overwrite(&*world.store, &names[3], third).await;
        world.store.delete_retired(&names[0]).await.unwrap();

        let db = warmed_up(reading(&world, 3).await).await;
        let (_, profile) = counted(&db).await;
        let packed = profile.packed;
        assert_eq!(
            cost(&profile),
            (1, 1 + count + 400 - packed),
            "all are asked for"
        );
        assert!(packed > 0 && packed < 400, "{packed}");
        assert_eq!(scan(&db).await.unwrap(), truth(&world).await);
    }
}

#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_none_or_of_another_database_is_no_manifest() {
    let world = filled(200).await;
    packed(&world).await;
    let manifest = Key::from_stored("_snapshot/members/manifest.json");
    let ours = world.store.get(&manifest).await.unwrap().unwrap().bytes;
    let ours = String::from_utf8(ours.to_vec()).unwrap();
    let members: serde_json::Value = serde_json::from_str(&ours).unwrap();
    let database = members["database"].as_str().unwrap();
    let others = [
        String::new(),
        "[]".to_owned(),
        r#"{"segments":[]}"#.to_owned(),
        ours.replace(database, "00000000000000000000"),
        ours.replace(r#""collection":"members""#, r#""collection":"users""#),
    ];
    for (number, other) in others.into_iter().enumerate() {
        overwrite(&*world.store, &manifest, other).await;
        let db = warmed_up(reading(&world, 3 + number as u64).await).await;
        let (count, profile) = counted(&db).await;
        assert_eq!((count, profile.packed, cost(&profile)), (200, 0, (1, 201)));
        // Packing puts one of ours in its place.
        packed(&world).await;
        let (_, profile) = counted(&db).await;
        assert_eq!(profile.packed, 200);
    }
}

/// The segment is the one that the manifest names, and what it says of versions is not true.
#[tokio::test(start_paused = true)]
async fn a_segment_with_other_versions_or_lengths_than_the_list_is_not_believed() {
    let world = filled(100).await;
    let packer = world.open(0).await;
    packer.pack_snapshot::<Member>().await.unwrap();
    let key_of = Key::from_stored("_snapshot/members/manifest.json");
    let object = world.store.get(&key_of).await.unwrap().unwrap();
    let (envelope, mut manifest) = Manifest::open(&object.bytes).unwrap();

    let mut lies = SegmentWriter::default();
    for number in 0..100 {
        let key = Key::from_stored(format!("members/{}.json", key(number)));
        let mut document = world.store.get(&key).await.unwrap().unwrap();
        let text = String::from_utf8(document.bytes.to_vec()).unwrap();
        match number % 3 {
            // An old version.
            0 => document.version = Version::from_e_tag("1"),
            // Another length.
            1 => document.bytes = text.replace("Member", "Enemy").into(),
            // Nothing of ours.
            _ => document.bytes = text.replace("\"_sb\":{\"put\"", "\"_SB\":{\"put\"").into(),
        }
        let id = EncodedId::parse(&self::key(number)).unwrap();
        assert!(lies.push(&id, &key, &document.version, &document.bytes));
    }
    let (bytes, segment) = lies.finish().unwrap().unwrap();
    overwrite(&*world.store, &segments(&world).await[0], bytes).await;
    manifest.segments = vec![segment];
    let next = Envelope::next(Some(&envelope), envelope.put, envelope.write);
    assert!(envelope::open(&manifest.seal(&next)).is_ok());
    overwrite(&*world.store, &key_of, manifest.seal(&next)).await;

    let db = warmed_up(reading(&world, 3).await).await;
    let (count, profile) = counted(&db).await;
    assert_eq!((count, profile.packed, cost(&profile)), (100, 0, (1, 102)));
    assert_eq!(scan(&db).await.unwrap(), truth(&world).await);
}

#[tokio::test(start_paused = true)]
async fn segments_that_vanish_while_a_scan_runs_are_read_around() {
    let world = filled(400).await;
    packed(&world).await;
    let db = reading(&world, 3).await;
    let mut stream = Member::query(&db).scan().stream();
    let mut found = Vec::new();
    for _ in 0..40 {
        found.push(stream.try_next().await.unwrap().unwrap().into_inner());
    }
    world.open(4).await.drop_snapshot::<Member>().await.unwrap();
    assert_eq!(segments(&world).await, []);
    while let Some(member) = stream.try_next().await.unwrap() {
        found.push(member.into_inner());
    }
    assert_eq!(found, truth(&world).await);
}

/// What the handle wrote itself, and what it read by the key, is never older in a stream that began before.
#[tokio::test(start_paused = true)]
async fn a_stream_shows_nothing_older_than_what_its_handle_wrote_or_was_told() {
    for keeps in [true, false] {
        let world = filled(600).await;
        packed(&world).await;
        let builder = world
            .builder(3, world.store.clone())
            .snapshots(Snapshots::Read);
        let builder = builder.body_cache(if keeps { 64 * MIB } else { 0 });
        let db = builder.open().await.unwrap();
        if keeps {
            counted(&db).await;
        }
        let mut stream = Member::query(&db).scan().stream();
        let first = stream.try_next().await.unwrap().unwrap();
        assert_eq!(first.id, key(0));
        // The LIST was answered. Written here, read here, deleted here, and changed where nobody here looks.
        let update = Member::update(&db, &key(300), |member| {
            member.age = 77;
            Ok(())
        });
        update.await.unwrap();
        Member::delete(&db, &key(301)).await.unwrap();
        change(&world, 302..306).await;
        let told = Member::get(&db, &key(302)).required().await.unwrap();
        assert_eq!(told.age, 1);
        let rest: Vec<_> = stream.try_collect().await.unwrap();
        let age = |number: usize| {
            let found = rest.iter().find(|member| member.id == key(number));
            found.map(|member| member.age)
        };
        assert_eq!(age(300), Some(77));
        assert_eq!(age(301), None);
        assert_eq!(age(302), Some(1));
        assert_eq!(
            age(303),
            Some(0),
            "as of the LIST: the reply was current in the course of the call"
        );
        assert_eq!(rest.len(), 598);
        assert_eq!(scan(&db).await.unwrap(), truth(&world).await);
    }
}

/// A client dies at every call of a transaction over two documents; others scan with what they keep.
#[tokio::test(start_paused = true)]
async fn a_kept_document_with_a_pending_write_is_settled_by_every_scan() {
    let (mut died, mut pending) = (0, 0);
    for call in 0.. {
        let world = filled(20).await;
        packed_small(&world).await;
        let db = warmed_up(keeping(&world, 3).await).await;
        counted(&db).await;
        let dying = Arc::new(FaultStore::at(world.store.clone(), call, Fault::CrashAfter));
        let writer = world.builder(4, dying.clone()).open().await;
        let writes = async {
            let writer = writer?;
            let transaction = writer.transaction(|tx| async move {
                for number in [3, 4] {
                    let mut member = Member::get(&tx, &key(number)).required().await?;
                    member.age = 9;
                    member.save(&tx).await?;
                }
                Ok(())
            });
            transaction.await
        };
        let ended = tokio::select! {
            biased;
            () = dying.crash() => false,
            done = writes => { done.unwrap(); true }
        };
        died += u32::from(!ended);
        // Twice: what was kept with an intent is not taken for what it said before.
        for _ in 0..2 {
            assert_eq!(scan(&db).await.unwrap(), truth(&world).await, "call {call}");
            let kept = counted(&db).await.1;
            pending += u32::from(kept.cached == 20 && kept.requests.gets > 0);
        }
        // Somebody writes both, which decides: the same again.
        change(&world, [3, 4].into_iter()).await;
        let now = scan(&db).await.unwrap();
        assert_eq!(now, truth(&world).await, "call {call}");
        assert_eq!(now[3].age, now[4].age, "call {call}: all or nothing");
        if ended && !dying.was_hit() {
            break;
        }
    }
    assert!(died > 5, "{died}");
    assert!(
        pending > 2,
        "records were read for kept documents: {pending}"
    );
}

async fn packed_small(world: &World) {
    let packer = world.open(0).await;
    packer.pack_snapshot::<Member>().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn transactions_and_snapshots_in_time_read_every_document() {
    let world = filled(50).await;
    packed_small(&world).await;
    let builder = world
        .builder(3, world.store.clone())
        .snapshots(Snapshots::Read);
    let db = builder.body_cache(64 * MIB).open().await.unwrap();
    counted(&db).await;
    let before = db.request_counts().snapshot();
    let count = db
        .snapshot(|tx| async move { Member::query(&tx).scan().count().await })
        .await;
    assert_eq!(count.unwrap(), 50);
    let made = db.request_counts().snapshot() - before;
    assert!(
        made.gets >= 100,
        "each once, and once more to validate: {made:?}"
    );
    assert_eq!(cost(&counted(&db).await.1), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn hand_made_documents_are_never_kept_or_packed() {
    let world = filled(0).await;
    let put = async |number: usize, name: &str| {
        let key = Key::from_stored(format!("members/{}.json", key(number)));
        let text = format!(
            r#"{{"id":"{}","name":"{name}","age":0}}"#,
            self::key(number)
        );
        match world.store.get(&key).await.unwrap() {
            None => drop(world.store.put(&key, &Expect::Absent, text.into()).await),
            Some(_) => overwrite(&*world.store, &key, text).await,
        }
    };
    for number in 0..30 {
        put(number, "Ada").await;
    }
    let packed = world.open(0).await.pack_snapshot::<Member>().await.unwrap();
    assert_eq!(
        (packed.packed, packed.left_out, packed.segments),
        (0, 30, 0)
    );
    let db = warmed_up(keeping(&world, 3).await).await;
    for name in ["Ada", "Bea"] {
        put(7, name).await;
        assert_eq!(scan(&db).await.unwrap()[7].name, name);
        assert_eq!(cost(&counted(&db).await.1), (1, 30));
    }
    assert_eq!(db.body_cache_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_documents_stay_within_the_budget() {
    let world = filled(1).await;
    let first = Key::from_stored(format!("members/{}.json", key(0)));
    let first = world.store.get(&first).await.unwrap().unwrap().bytes;
    let first = String::from_utf8(first.to_vec()).unwrap();
    for number in 1..100_000 {
        let put = format!("{number:020}");
        let text = first
            .replacen(&first[15..35], &put, 1)
            .replace(&key(0), &key(number));
        let path = Key::from_stored(format!("members/{}.json", key(number)));
        world.store.put(&path, &Expect::Absent, text.into()).await;
    }
    let builder = world.builder(3, world.store.clone()).body_cache(4 * MIB);
    let db = builder.open().await.unwrap();
    let mut stream = Member::query(&db).scan().budget(usize::MAX).stream();
    let mut count = 0;
    while stream.try_next().await.unwrap().is_some() {
        count += 1;
        if count % 1_000 == 0 {
            let kept = db.body_cache_bytes();
            assert!(kept <= 4 * MIB, "{kept}");
        }
    }
    assert_eq!(count, 100_000);
    assert!(db.body_cache_bytes() > 2 * MIB, "it is used");
    // Part of it is still of use, although a scan is larger than the budget.
    let scan = Member::query(&db).scan().budget(usize::MAX).count();
    let profile = scan.explain().await.unwrap().profile;
    assert!(profile.cached > 0, "{profile:?}");
}

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

#[tokio::test(start_paused = true)]
async fn what_was_kept_and_packed_can_be_saved() {
    let world = filled(100).await;
    packed_small(&world).await;
    let builder = world
        .builder(3, world.store.clone())
        .snapshots(Snapshots::Read);
    let db = builder.body_cache(MIB).open().await.unwrap();
    // The catalog is read before the first write.
    Member::create(&db, member(100)).await.unwrap();
    for age in 1..4 {
        let found: Vec<_> = Member::query(&db)
            .scan()
            .stream()
            .try_collect()
            .await
            .unwrap();
        let before = db.request_counts().snapshot();
        for mut member in found.into_iter().take(10) {
            member.age = age;
            member.save(&db).await.unwrap();
        }
        let made = db.request_counts().snapshot() - before;
        assert_eq!(
            (made.swaps, made.gets),
            (10, 0),
            "compare-and-swap at the version that was kept"
        );
    }
    assert!(
        truth(&world).await[..10]
            .iter()
            .all(|member| member.age == 3)
    );
}

#[tokio::test(start_paused = true)]
async fn collections_without_their_type_are_scanned_alike() {
    let world = filled(300).await;
    packed_small(&world).await;
    let db = reading(&world, 3).await;
    let members = db.collection("members").await.unwrap();
    members.list().at_least("age", &0).page(300).await.unwrap();
    change(&world, 0..3).await;
    let before = db.request_counts().snapshot();
    let page = members.list().at_least("age", &0).page(300).await.unwrap();
    let made = db.request_counts().snapshot() - before;
    assert_eq!(page.items.len(), 300);
    assert_eq!(
        (made.lists, made.gets),
        (1, 2 + 3),
        "the manifest, one segment, what changed"
    );
    let grown = members.list().above("age", &0).page(300).await.unwrap();
    assert_eq!(grown.items.len(), 3);
}

/// A store whose LIST names versions of its own, as one does that counts time in seconds, or whose tags are weak.
#[derive(Debug)]
struct Vague {
    inner: Arc<dyn CasStore>,
    is_weak: bool,
}

impl Vague {
    fn shown(&self, mut version: Version) -> Version {
        if self.is_weak {
            version.e_tag = version.e_tag.map(|tag| format!("W/\"{tag}\""));
        }
        version
    }

    fn real(&self, version: &Version) -> Version {
        let tag = version.e_tag.as_deref().unwrap_or_default();
        match tag.strip_prefix("W/\"") {
            Some(tag) => Version::from_e_tag(tag.trim_end_matches('"')),
            None => version.clone(),
        }
    }

    fn object(&self, object: Object) -> Object {
        Object {
            version: self.shown(object.version),
            ..object
        }
    }
}

#[async_trait::async_trait]
impl CasStore for Vague {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> std::result::Result<Option<Object>, StoreError> {
        Ok(self.inner.get(key).await?.map(|object| self.object(object)))
    }

    async fn get_if_changed(
        &self,
        key: &Key,
        version: &Version,
    ) -> std::result::Result<Changed, StoreError> {
        Ok(
            match self.inner.get_if_changed(key, &self.real(version)).await? {
                Changed::Now(object) => Changed::Now(self.object(object)),
                other => other,
            },
        )
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        let expect = match expect {
            Expect::Absent => Expect::Absent,
            Expect::Exactly(version) => Expect::Exactly(self.real(version)),
        };
        match self.inner.put(key, &expect, body).await {
            Attempt::Applied(version) => Attempt::Applied(self.shown(version)),
            other => other,
        }
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.inner.delete_if(key, &self.real(version)).await
    }

    async fn delete_retired(&self, key: &Key) -> std::result::Result<(), StoreError> {
        self.inner.delete_retired(key).await
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> std::result::Result<ListPage, StoreError> {
        let mut page = self.inner.list(prefix, after, limit).await?;
        for listed in &mut page.objects {
            listed.version = match self.is_weak {
                true => self.shown(listed.version.clone()),
                false => Version::from_e_tag("1"),
            };
        }
        Ok(page)
    }
}

#[tokio::test(start_paused = true)]
async fn where_lists_do_not_tell_versions_every_document_is_read() {
    for is_weak in [true, false] {
        let clock = Arc::new(TestClock::new());
        let inner = Arc::new(MemoryStore::with_clock(clock.clone()));
        let world = World::over(9, clock, Arc::new(Vague { inner, is_weak }));
        let builder = world.builder(3, world.store.clone()).body_cache(MIB);
        let db = builder
            .snapshots(Snapshots::ReadAndPack)
            .open()
            .await
            .unwrap();
        for number in 0..20 {
            Member::create(&db, member(number)).await.unwrap();
        }
        for _ in 0..2 {
            let (count, profile) = counted(&db).await;
            assert_eq!((count, cost(&profile)), (20, (1, 20)));
        }
        assert_eq!(db.body_cache_bytes(), 0);
        let refused = db.pack_snapshot::<Member>().await.unwrap_err();
        assert_eq!(refused.kind(), smarterbase::ErrorKind::Misconfigured);
        assert_eq!(segments(&world).await, []);
    }
}

/// A folder, whose LIST reads the `put` in every file (rule S29): a change by hand is seen.
#[tokio::test]
async fn s29_in_a_folder_the_nonce_in_the_file_tells_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || {
        let store = FileStore::open(folder.path(), FileOptions::default())
            .await
            .unwrap();
        let builder = Db::builder().store(Arc::new(store)).body_cache(MIB);
        builder.snapshots(Snapshots::Read).open().await.unwrap()
    };
    let db = open().await;
    for number in 0..40 {
        Member::create(&db, member(number)).await.unwrap();
    }
    counted(&db).await;
    let (_, profile) = counted(&db).await;
    assert_eq!((cost(&profile), profile.cached), ((1, 0), 40));
    db.pack_snapshot::<Member>().await.unwrap();
    let file = |number: usize| folder.path().join(format!("members/{}.json", key(number)));
    // By hand: the envelope stays as it is, and the time is the time of the change.
    let text = std::fs::read_to_string(file(3)).unwrap();
    std::fs::write(file(3), text.replace("Member 3", "Ada")).unwrap();
    // From a backup that restores times: other content has another nonce.
    let time = std::fs::metadata(file(4)).unwrap().modified().unwrap();
    let text = std::fs::read_to_string(file(5))
        .unwrap()
        .replace(&key(5), &key(4));
    std::fs::write(file(4), text).unwrap();
    std::fs::File::options()
        .write(true)
        .open(file(4))
        .unwrap()
        .set_modified(time)
        .unwrap();
    for db in [db, open().await] {
        let found = scan(&db).await.unwrap();
        assert_eq!(
            (&*found[3].name, &*found[4].name, found.len()),
            ("Ada", "Member 5", 40)
        );
    }
}

fn run(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(future);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]

    /// As [`crate::conditions`] has it, for a reader that keeps bodies (few or all of them), reads segments, or both, and that
    /// writes itself or not: who stays throughout is found exactly once, whatever others write, remove, pack and drop.
    #[test]
    fn pages_are_the_same_with_bodies_and_segments(
        users in users(),
        question in question(),
        moved in prop::collection::btree_set(0..14_usize, 0..5),
        writes in prop::collection::vec((0..14_usize, 0..5_u8, 0..8_u32, any::<bool>()), 1..12),
        killed_at in 0..60_u64,
        budget in prop::sample::select(vec![0, 2_000, MIB]),
        snapshots in prop::sample::select(vec![Snapshots::Off, Snapshots::Read]),
        writes_itself in any::<bool>(),
    ) {
        run(async {
            let world = World::new(3);
            let db = world.open(0).await;
            for user in &users {
                User::create(&db, user.clone()).await.unwrap();
            }
            db.pack_snapshot::<User>().segment_bytes(4 * 1024).await.unwrap();
            let reader = world.builder(2, world.store.clone()).body_cache(budget).snapshots(snapshots);
            let reader = reader.open().await.unwrap();
            question.check(&reader, &users, "cold").await;
            question.check(&reader, &users, "warm").await;
            let dying = Arc::new(FaultStore::at(world.store.clone(), 1 + killed_at, Fault::CrashAfter));
            let writer = match writes_itself {
                true => reader.clone(),
                false => world.builder(1, dying.clone()).open().await.unwrap(),
            };
            let moving = |id: &str| moved.iter().any(|number| format!("u{number}") == *id);
            let mut writes = writes.iter().filter(|(number, ..)| moved.contains(number));
            let ids = question.pages(&reader, async || {
                let Some((number, kind, age, is_there)) = writes.next() else { return };
                let key = format!("u{number}");
                let write = async {
                    match kind {
                        3 => return writer.pack_snapshot::<User>().segment_bytes(4 * 1024).await.map(drop),
                        4 => return writer.drop_snapshot::<User>().await.map(drop),
                        _ if !*is_there => return User::delete(&writer, &key).await.map(drop),
                        _ => {}
                    }
                    let user = User { plan: plan(*kind), age: *age, ..User::new(&key) };
                    User::overwrite(&writer, user).await.map(drop)
                };
                tokio::select! {
                    biased;
                    () = dying.crash() => {}
                    _ = write => {}
                }
            });
            let ids = ids.await;
            let stayed: Vec<_> = ids.into_iter().filter(|id| !moving(id)).collect();
            let unmoved: Vec<_> = users.iter().filter(|user| !moving(&user.id)).cloned().collect();
            assert_eq!(stayed, question.expected(&unmoved), "{question:?}");
            // Quiet again: exact, and the same as for a client that keeps nothing.
            let plain = world.open(5).await;
            let now: Vec<User> = User::list(&plain).stream().map_ok(Stored::into_inner).try_collect().await.unwrap();
            question.check(&reader, &now, "after all").await;
            let listed: Vec<User> = User::list(&reader).stream().map_ok(Stored::into_inner).try_collect().await.unwrap();
            assert_eq!(listed, now);
        });
    }

    /// Streams that run while their own handle, others, and transactions write: each document is found at most once, and never
    /// as it was before something that the handle itself wrote or read.
    #[test]
    fn streams_are_never_older_than_what_their_handle_knows(
        steps in prop::collection::vec((0..40_usize, 0..4_u8), 1..30),
        keeps in any::<bool>(),
    ) {
        run(async {
            let world = filled(40).await;
            world.open(0).await.pack_snapshot::<Member>().segment_bytes(4 * 1024).await.unwrap();
            let limits = Limits { concurrent_reads: 8, ..Limits::default() };
            let builder = world.builder(3, world.store.clone()).limits(limits);
            let builder = builder.snapshots(Snapshots::Read).body_cache(if keeps { MIB } else { 0 });
            let db = builder.open().await.unwrap();
            let other = world.open(4).await;
            if keeps {
                counted(&db).await;
            }
            let mut stream = Member::query(&db).scan().stream();
            let mut known = vec![0; 40];
            // What is handed out was read in waves of eight: what is known by the beginning of its wave counts.
            let (mut seen, mut at_wave) = (0, known.clone());
            let mut steps = steps.into_iter();
            loop {
                if seen % 8 == 0 {
                    at_wave.clone_from(&known);
                }
                let Some(found) = stream.try_next().await.unwrap() else { break };
                assert_eq!(found.id, key(seen));
                assert!(found.age >= at_wave[seen], "{seen}: {} is older than {}", found.age, at_wave[seen]);
                seen += 1;
                if let Some((number, kind)) = steps.next() {
                    let grow = |member: &mut Member| { member.age += 1; Ok(()) };
                    match kind {
                        0 => known[number] = Member::update(&db, &key(number), grow).await.unwrap().age,
                        1 => drop(Member::update(&other, &key(number), grow).await.unwrap()),
                        2 => known[number] = Member::get(&db, &key(number)).required().await.unwrap().age,
                        _ => {
                            let age = db.transaction(|tx| async move {
                                let mut member = Member::get(&tx, &key(number)).required().await?;
                                member.age += 1;
                                member.save(&tx).await?;
                                Ok(member.age)
                            });
                            known[number] = age.await.unwrap();
                        }
                    }
                }
            }
            assert_eq!(seen, 40);
            assert_eq!(scan(&db).await.unwrap(), truth(&world).await);
        });
    }
}

/// The real client, without a socket: a tag is the hash of the content, and the content holds the nonce.
#[cfg(feature = "s3")]
#[tokio::test(start_paused = true)]
async fn on_s3_a_scan_reads_what_changed() {
    use smarterbase::s3::{Credentials, ObjectStoreOptions};
    use smarterbase_testkit::server::{
        in_process::InProcessS3,
        s3::{ACCESS_KEY, SECRET_KEY},
    };
    let s3 = InProcessS3::new();
    let url = "s3://test-bucket/app?endpoint=http://s3.test&region=us-east-1";
    let options = ObjectStoreOptions::from_url(url).unwrap();
    let credentials = Credentials::access_key(ACCESS_KEY, SECRET_KEY);
    let options = options
        .with_http_connector(s3.clone())
        .with_credentials(credentials);
    let store = Arc::new(options.connect().unwrap());
    let world = World::over(10, Arc::new(TestClock::new()), store);
    let db = keeping(&world, 3).await;
    for number in 0..50 {
        Member::create(&db, member(number)).await.unwrap();
    }
    assert_eq!(cost(&counted(&db).await.1), (1, 50));
    assert_eq!(cost(&counted(&db).await.1), (1, 0));
    change(&world, 0..5).await;
    let (_, profile) = counted(&db).await;
    assert_eq!((cost(&profile), profile.cached), ((1, 5), 45));
    packed_small(&world).await;
    change(&world, 7..9).await;
    let cold = warmed_up(reading(&world, 4).await).await;
    let (_, profile) = counted(&cold).await;
    assert_eq!((cost(&profile), profile.packed), ((1, 2 + 2), 48));
    assert_eq!(scan(&cold).await.unwrap(), truth(&world).await);
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
