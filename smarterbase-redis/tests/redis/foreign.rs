//! Another cluster at an address that was ours: nothing there is believed, and nothing written.

use std::time::Duration;

use smarterbase_core::{
    document::KeyKind,
    format::Nonce,
    port::{
        IndexError,
        index::{Announcement, Commit, Hit, Outcome},
    },
};
use smarterbase_redis::RedisIndex;
use smarterbase_testkit::{
    contract::index::rig::{Live, Rig, id, text},
    server::redis::RedisCluster,
};
use tokio::time::{Instant, sleep};

use crate::{cluster::count, patient, shared};

const SHARDS: u8 = 16;

fn lost<T: std::fmt::Debug>(answer: Result<T, IndexError>) {
    assert!(matches!(answer, Err(IndexError::Lost(_))), "{answer:?}");
}

/// A write of document 1, announced and told.
async fn expect_writes_are_lost(users: &Rig) {
    let write = users.write(&id("1"), &Live::at(1), &[(0, text("eve"))]);
    let announcement = Announcement {
        id: write.id.clone(),
        base: 1,
        write: write.write,
        entries: write.new.clone(),
        placed: users.placed.clone(),
    };
    let commit = Commit {
        id: write.id,
        rev: 2,
        write: Some(write.write),
        outcome: Outcome::Put,
        entries: write.entries,
        dropped: Vec::new(),
        placed: users.placed.clone(),
        e_tag: None,
    };
    let (index, collection) = (&users.index, &users.collection);
    lost(index.announce(collection, &announcement).await);
    lost(index.commit(collection, &commit).await);
    let hit = Hit {
        value: text("ada"),
        id: id("1"),
        tag: None,
        last_modified: None,
    };
    lost(index.remove_stale(collection, &users.placed[0], &hit).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_cluster_at_an_old_address_is_lost_and_nothing_is_written_there() {
    let mut cluster = RedisCluster::start(3).unwrap();
    let index = RedisIndex::open(patient(&cluster.url())).await.unwrap();
    let users = Rig::filled(&shared(&index), KeyKind::Text, SHARDS, 20).await;
    assert_eq!(users.found(0).await.len(), 20);
    cluster.replace().unwrap();
    let begun = Instant::now();
    while matches!(count(&users).await, Err(IndexError::Unavailable(_))) {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(20)).await;
    }
    lost(count(&users).await);
    expect_writes_are_lost(&users).await;
    let (index, collection) = (&users.index, &users.collection);
    lost(index.extend(collection, &users.placed).await);
    lost(index.known(collection, &users.placed, &[id("1")]).await);
    assert_eq!(index.instance(collection).await.unwrap(), None);
    let replacing = Some(collection.instance.as_str());
    let fresh = Nonce::from_random([42; 13]);
    let left = index.go_on(collection, fresh, replacing).await;
    assert_eq!(left.unwrap(), None);
    for node in cluster.nodes() {
        let mut connection = node.connect().unwrap();
        let keys: usize = redis::cmd("DBSIZE").query(&mut connection).unwrap();
        assert_eq!(keys, 0);
    }
}
