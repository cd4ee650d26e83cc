//! Segments that are there, and segments that are not what they should be.

use futures::TryStreamExt;
use smarterbase::prelude::*;
use smarterbase_core::{
    document::Version,
    format::{
        Envelope, Key, envelope,
        path::EncodedId,
        snapshot::{Manifest, SegmentWriter},
    },
};

use super::{
    Member, change, cost, counted, filled, key, overwrite, packed, reading, scan, segments, truth,
    warmed_up,
};

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
