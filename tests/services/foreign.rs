//! Programs that do not agree on where Redis is: a foreign cluster at the address that one of them remembers, and two views
//! of one cluster. Answers stay right, and no instance of an index is in two places.

use std::{collections::BTreeSet, time::Duration};

use smarterbase::{Db, prelude::*, store::MemoryStore};
use smarterbase_testkit::server::redis::{RedisCluster, RedisServer};
use tokio::time::{Instant, sleep};

use super::cluster::{Rebuilt, Song, open, songs};

const PAUSE: Duration = Duration::from_millis(50);
/// Longer than two rebuilds, of six seconds each.
const WHILE: Duration = Duration::from_secs(15);
/// Two views of a cluster last for less than a minute.
const BOUND: Duration = Duration::from_secs(45);
const SHARDS: usize = 16;

async fn add(db: &Db, number: usize) {
    let song = Song {
        id: format!("song-{number:04}"),
        genre: "waltz".into(),
    };
    Song::create(db, song).await.unwrap();
}

/// Both write in turn, from song `count` on, and both find everything each time, at least until `is_seen` has been true. Gives
/// how many there are then.
async fn write_and_find(
    dbs: &[Db; 2],
    mut count: usize,
    mut is_seen: impl FnMut() -> bool,
) -> usize {
    let (begun, mut was_seen) = (Instant::now(), false);
    while begun.elapsed() < WHILE || !was_seen {
        assert!(begun.elapsed() < BOUND, "nobody builds what this is about");
        for writer in dbs {
            add(writer, count).await;
            count += 1;
            for reader in dbs {
                assert_eq!(songs(reader, "waltz").await.0, count);
            }
        }
        was_seen |= is_seen();
        sleep(PAUSE).await;
    }
    count
}

fn mark_of(db: &Db, shard: usize) -> String {
    format!("sb:{{{}.songs.{shard}}}:ep", db.database_id())
}

/// The nonces of the instances that the shards are said to be of.
fn instances(cluster: &RedisCluster, db: &Db) -> BTreeSet<String> {
    let read = |shard: usize| {
        let key = mark_of(db, shard);
        let owner = cluster.first_owner(cluster.slot_of(&key).unwrap());
        mark(&cluster.nodes()[owner], &key)
    };
    (0..SHARDS).filter_map(read).collect()
}

/// `None` also where the node gave the slot up meanwhile.
fn mark(node: &RedisServer, key: &str) -> Option<String> {
    let mut command = ::redis::cmd("GET");
    let mark = command.arg(key).query(&mut node.connect().unwrap());
    let mark: Option<String> = mark.ok()?;
    Some(mark?.split_once('|').unwrap().0.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_finds_a_foreign_cluster_at_its_address_gives_no_wrong_answer() {
    let mut old = RedisCluster::start(3).unwrap();
    let (store, rebuilt) = (MemoryStore::new(), Rebuilt::default());
    let stays = open(&store, &old.url(), &rebuilt).await;
    for number in 0..10 {
        add(&stays, number).await;
    }
    assert_eq!(songs(&stays, "waltz").await, (10, false));
    old.replace().unwrap();
    let (foreign, moved) = (old, RedisCluster::start(3).unwrap());
    let follows = open(&store, &moved.url(), &rebuilt).await;
    let dbs = [stays, follows];
    let count = write_and_find(&dbs, 10, || {
        let (here, there) = (instances(&moved, &dbs[1]), instances(&foreign, &dbs[0]));
        assert!(here.is_disjoint(&there), "{here:?} and {there:?}");
        !here.is_empty() && !there.is_empty()
    });
    let count = count.await;

    let [stays, follows] = dbs;
    stays.close().await;
    // Each has taken the index from the other for a while, and pauses of up to a minute follow failures.
    let begun = Instant::now();
    while songs(&follows, "waltz").await != (count, false) {
        assert!(begun.elapsed() < Duration::from_secs(120));
        sleep(PAUSE).await;
    }
    follows.close().await;
}

/// The first shard lies on node 0, which both views have.
async fn on_node_0(cluster: &RedisCluster) -> MemoryStore {
    loop {
        let store = MemoryStore::new();
        let db = open(&store, &cluster.url(), &Rebuilt::default()).await;
        let slot = cluster.slot_of(&mark_of(&db, 0)).unwrap();
        db.close().await;
        if cluster.first_owner(slot) == 0 {
            return store;
        }
    }
}

/// Whether a shard is made at both nodes that take it for theirs; then it is of two instances.
fn is_made_twice(cluster: &RedisCluster, db: &Db) -> bool {
    let is_twice = |shard: usize| {
        let key = mark_of(db, shard);
        if cluster.first_owner(cluster.slot_of(&key).unwrap()) == 0 {
            return false;
        }
        let [one, two] = [1, 2].map(|node| mark(&cluster.nodes()[node], &key));
        assert!(one.is_none() || one != two, "{one:?} is in two places");
        one.is_some() && two.is_some()
    };
    // Each is looked at, though one is enough.
    (0..SHARDS).filter(|shard| is_twice(*shard)).count() > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_do_not_agree_on_who_has_a_slot_give_no_wrong_answer() {
    let cluster = RedisCluster::start(3).unwrap();
    let (store, rebuilt) = (on_node_0(&cluster).await, Rebuilt::default());
    assert!(!cluster.is_parted());
    cluster.part_ways().unwrap();
    let view = async |node: usize| {
        let url = format!("redis+cluster://{}", cluster.nodes()[node].address());
        open(&store, &url, &rebuilt).await
    };
    let dbs = [view(1).await, view(0).await];
    let slot = cluster.slot_of(&mark_of(&dbs[0], 0)).unwrap();
    assert_eq!(cluster.first_owner(slot), 0);
    // Both make the collection, and begin its index.
    tokio::join!(add(&dbs[0], 0), add(&dbs[1], 1));
    write_and_find(&dbs, 2, || is_made_twice(&cluster, &dbs[0])).await;
    assert!(
        cluster.is_parted(),
        "the machine was too slow: the views are one again, and what was seen says little"
    );
    for db in dbs {
        db.close().await;
    }
}
