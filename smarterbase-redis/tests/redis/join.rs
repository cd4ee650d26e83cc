//! Processes that begin an index at the same time: they agree on one instance, and where they do not agree on who has a shard,
//! no instance is in two places.

use std::sync::Arc;

use futures::future::join_all;
use redis::Commands;
use smarterbase_core::{document::KeyKind, format::Nonce, port::IndexStore};
use smarterbase_redis::RedisIndex;
use smarterbase_testkit::{
    contract::index::rig::Rig,
    server::redis::{RedisCluster, RedisServer},
};

use crate::{
    cluster::{count, name_on},
    index_on, patient, shared,
};

const SHARDS: u8 = 16;

fn nonce(seed: u8) -> Nonce {
    Nonce::from_random([seed; 13])
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_begin_at_the_same_time_agree_on_one_instance() {
    let server = RedisServer::start(&[]).unwrap();
    // Each with a connection of its own: on one, what the first of them sends would come first.
    let indexes = join_all((0..8).map(|_| index_on(&server))).await;
    let index = shared(&indexes[0]);
    for round in 0..20 {
        let users = Rig::begin(&index, &format!("users-{round}"), KeyKind::Text, SHARDS).await;
        let (collection, placed) = (&users.collection, &users.placed);
        let replacing = Some(collection.instance.as_str());
        let begun = join_all((50..58).map(|seed| {
            let index = &index;
            async move {
                index
                    .begin(collection, placed, nonce(seed), replacing)
                    .await
            }
        }));
        let begun: Vec<String> = begun.await.into_iter().map(Result::unwrap).collect();
        assert!(begun.iter().all(|one| *one == begun[0]), "{begun:?}");
        let there = index.instance(collection).await.unwrap();
        assert_eq!(there.as_ref(), Some(&begun[0]));
        let next = Rig::at(&index, &users, begun[0].clone(), placed.clone());
        assert_eq!(count(&next).await.unwrap(), 0);
    }
}

/// Its maker died when it had made some of the shards.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_nobody_completes_is_taken_over() {
    let server = RedisServer::start(&[]).unwrap();
    let index = shared(&index_on(&server).await);
    let users = Rig::begin(&index, "users", KeyKind::Text, SHARDS).await;
    let (collection, placed) = (&users.collection, &users.placed);
    let mark = format!("sb:{{{}.users.5}}:ep", collection.database);
    let deleted: u32 = server.connect().unwrap().del(&mark).unwrap();
    assert_eq!(deleted, 1);
    let begun = index.begin(collection, placed, nonce(50), None).await;
    let begun = begun.unwrap();
    assert_ne!(begun, collection.instance);
    let there = index.instance(collection).await.unwrap();
    assert_eq!(there.as_ref(), Some(&begun));
    let next = Rig::at(&index, &users, begun, placed.clone());
    assert_eq!(count(&next).await.unwrap(), 0);
}

/// Two processes with different views of one cluster: the first shard lies on node 0 in both, others do not lie on one node.
struct Views {
    _cluster: RedisCluster,
    one: Arc<dyn IndexStore>,
    other: Arc<dyn IndexStore>,
    users: Rig,
}

impl Views {
    /// Both knew the collection before they parted.
    async fn new() -> Self {
        let cluster = RedisCluster::start(3).unwrap();
        let before = RedisIndex::open(patient(&cluster.url())).await.unwrap();
        let name = name_on(&cluster, 0);
        let users = Rig::begin(&shared(&before), &name, KeyKind::Text, SHARDS).await;
        cluster.part_ways().unwrap();
        let view = async |node: usize| {
            let url = format!("redis+cluster://{}", cluster.nodes()[node].address());
            let index = RedisIndex::open(patient(&url)).await.unwrap();
            shared(&index)
        };
        let (one, other) = (view(1).await, view(0).await);
        Self {
            one,
            other,
            users,
            _cluster: cluster,
        }
    }

    /// What the index believes of the collection at this instance.
    fn at(&self, index: &Arc<dyn IndexStore>, instance: &str) -> Rig {
        let users = &self.users;
        Rig::at(index, users, instance.to_owned(), users.placed.clone())
    }

    /// No instance is there in both views, and the last one in one of them.
    async fn expect_apart(&self, instances: [&str; 2]) {
        for instance in instances {
            let one = count(&self.at(&self.one, instance)).await;
            let other = count(&self.at(&self.other, instance)).await;
            assert!(one.is_err() || other.is_err(), "{one:?} and {other:?}");
        }
        let last = count(&self.at(&self.other, instances[1])).await;
        assert_eq!(last.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_begin_with_different_views_of_a_cluster_share_no_instance() {
    let views = Views::new().await;
    let Rig {
        collection, placed, ..
    } = &views.users;
    let replacing = Some(collection.instance.as_str());
    let begin = async |index: &Arc<dyn IndexStore>, seed: u8| {
        let fresh = nonce(seed);
        index.begin(collection, placed, fresh, replacing).await
    };
    let one = begin(&views.one, 43).await.unwrap();
    let other = begin(&views.other, 44).await.unwrap();
    views.expect_apart([&one, &other]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_go_on_with_different_views_of_a_cluster_share_no_instance() {
    let views = Views::new().await;
    let Rig {
        collection, placed, ..
    } = &views.users;
    let replacing = Some(collection.instance.as_str());
    let go_on = async |index: &Arc<dyn IndexStore>, seed: u8| {
        let fresh = || nonce(seed);
        let left = index.go_on(collection, fresh(), replacing).await.unwrap();
        let instance = match left {
            Some(instance) => instance,
            None => index
                .begin(collection, placed, fresh(), replacing)
                .await
                .unwrap(),
        };
        let next = views.at(index, &instance);
        index.extend(&next.collection, placed).await.unwrap();
        instance
    };
    let one = go_on(&views.one, 43).await;
    let other = go_on(&views.other, 44).await;
    views.expect_apart([&one, &other]).await;
}
