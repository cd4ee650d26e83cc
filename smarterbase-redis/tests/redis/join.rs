//! Processes that begin an index at the same time: they agree on one instance, and where they do not agree on who has a shard,
//! no instance is in two places.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::{BoxFuture, join_all};
use redis::Commands;
use smarterbase_core::{
    document::{KeyKind, Timestamp},
    format::Nonce,
    port::{Clock, IndexStore, Rng, SystemClock},
};
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
/// What randomness must say for the greatest number below each of these, which are what pauses draw from.
const LONGEST: u64 = 13 * 26 * 51 * 101 * 201 * 401 - 1;
/// All pauses together, at most and at least.
const MOST: Duration = Duration::from_micros(1_574_500);
const LEAST: Duration = Duration::from_micros(787_500);

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

/// An instance whose shard 5 is still to be made, and what completes it.
struct Unfinished {
    server: RedisServer,
    users: Rig,
    mark: String,
    made: String,
}

impl Unfinished {
    async fn new() -> Self {
        let server = RedisServer::start(&[]).unwrap();
        let index = shared(&index_on(&server).await);
        let users = Rig::begin(&index, "users", KeyKind::Text, SHARDS).await;
        let mark = format!("sb:{{{}.users.5}}:ep", users.collection.database);
        let made = server.connect().unwrap().get_del(&mark).unwrap();
        Self {
            server,
            users,
            mark,
            made,
        }
    }

    fn complete(&self) {
        let mut connection = self.server.connect().unwrap();
        let () = connection.set(&self.mark, &self.made).unwrap();
    }
}

/// The system's time, but pauses take none: it counts them, and completes the instance when they come to `done_at`.
#[derive(Clone)]
struct Pauses {
    unfinished: Arc<Unfinished>,
    done_at: Duration,
    slept: Arc<Mutex<Duration>>,
}

impl fmt::Debug for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pauses").finish_non_exhaustive()
    }
}

impl Clock for Pauses {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let mut slept = self.slept.lock().unwrap();
        let before = *slept;
        *slept += duration;
        if (before..*slept).contains(&self.done_at) {
            self.unfinished.complete();
        }
        Box::pin(async {})
    }
}

/// The shortest pauses, or the longest.
#[derive(Clone, Copy, Debug)]
enum Spread {
    None,
    All,
}

impl Rng for Spread {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        if let (Self::All, Some((low, _))) = (self, bytes.split_first_chunk_mut::<8>()) {
            *low = LONGEST.to_le_bytes();
        }
    }
}

/// Begins where somebody else has made all shards but one, and makes that one when the pauses come to `done_at`. Gives whether
/// that instance was joined, and how long the pauses were.
async fn begin_beside_a_maker(spread: Spread, done_at: Duration) -> (bool, Duration) {
    let pauses = Pauses {
        unfinished: Arc::new(Unfinished::new().await),
        done_at,
        slept: Arc::default(),
    };
    let Unfinished { server, users, .. } = &*pauses.unfinished;
    let options = patient(&server.url())
        .with_clock(Arc::new(pauses.clone()))
        .with_rng(Arc::new(spread));
    let index = shared(&RedisIndex::open(options).await.unwrap());
    let (collection, placed) = (&users.collection, &users.placed);
    let begun = index.begin(collection, placed, nonce(50), None).await;
    let begun = begun.unwrap();
    let there = index.instance(collection).await.unwrap();
    assert_eq!(there.as_ref(), Some(&begun));
    let is_joined = begun == collection.instance;
    let next = Rig::at(&index, users, begun, placed.clone());
    assert_eq!(count(&next).await.unwrap(), 0);
    let slept = *pauses.slept.lock().unwrap();
    (is_joined, slept)
}

/// Within the last pause, that is: between 0.8 and 1.2 s where they are long.
#[tokio::test(flavor = "multi_thread")]
async fn a_maker_that_takes_a_second_is_joined() {
    for done_at in [800, 1_000, 1_200] {
        let done_at = Duration::from_millis(done_at);
        let joined = begin_beside_a_maker(Spread::All, done_at).await;
        assert_eq!(joined, (true, MOST));
    }
    let joined = begin_beside_a_maker(Spread::None, Duration::from_millis(600)).await;
    assert_eq!(joined, (true, LEAST));
}

/// Its maker died when it had made some of the shards. The pauses are as long as they are said to be.
#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_nobody_completes_is_taken_over() {
    let longest = begin_beside_a_maker(Spread::All, Duration::MAX).await;
    assert_eq!(longest, (false, MOST));
    let shortest = begin_beside_a_maker(Spread::None, Duration::MAX).await;
    assert_eq!(shortest, (false, LEAST));
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
