//! A cluster that promotes the replica of a node that died: who is asked then, what it costs the others, and what the replica
//! did not get.

use std::{
    collections::BTreeSet,
    sync::{Arc, LazyLock},
    time::Duration,
};

use smarterbase_core::{
    document::KeyKind,
    format::Nonce,
    port::{IndexError, IndexStore},
};
use smarterbase_redis::{RedisIndex, RedisLink, RedisOptions};
use smarterbase_testkit::{
    contract::index::rig::{Live, Rig, all, id, text},
    server::redis::RedisCluster,
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::{Instant, sleep},
};

use crate::{
    cluster::{count, name_on},
    shared,
};

/// Long enough for a busy machine; a call that waits for a node that is away would take more than this.
const DEADLINE: Duration = Duration::from_secs(2);
/// For how long the machine of a test may stop a process.
const STOPPED: Duration = Duration::from_secs(2);
/// From the promotion to the first answer: a look each second, and one attempt to connect.
const BOUND: Duration = Duration::from_secs(15);
/// The node that dies, and the one that follows it.
const DEAD: usize = 0;
const SUCCESSOR: usize = 3;

/// One cluster of six at a time: where they starve each other, more is promoted than what the test looks at.
static TURN: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

struct Scene {
    _turn: OwnedMutexGuard<()>,
    cluster: RedisCluster,
    link: RedisLink,
    index: Arc<dyn IndexStore>,
    /// What lies on the node that dies.
    users: Rig,
    /// What lies on the two others.
    calm: [Rig; 2],
}

impl Scene {
    async fn new() -> Self {
        let turn = TURN.clone().lock_owned().await;
        let cluster = RedisCluster::start_with_replicas(3).unwrap();
        let options = RedisOptions::from_url(&cluster.url()).unwrap();
        let options = options.with_deadline(DEADLINE);
        let link = RedisLink::open(options).await.unwrap();
        let index = shared(&RedisIndex::new(link.clone()));
        let users = filled_on(&cluster, &index, DEAD).await;
        let calm = [
            filled_on(&cluster, &index, 1).await,
            filled_on(&cluster, &index, 2).await,
        ];
        cluster.nodes()[SUCCESSOR]
            .wait_until_it_follows(&cluster.nodes()[DEAD])
            .unwrap();
        Self {
            _turn: turn,
            cluster,
            link,
            index,
            users,
            calm,
        }
    }

    fn address(&self, node: usize) -> String {
        self.cluster.nodes()[node].address().to_string()
    }

    /// Asks until the successor of the primary, which just died, has answered that what lies there is of another run; meanwhile
    /// every answer is right, or none, and no call waits longer than it may.
    async fn until_the_loss_is_noticed(&self, expected: u64) {
        let (begun, mut promoted_at) = (Instant::now(), None);
        loop {
            if promoted_at.is_none() && self.cluster.is_primary(SUCCESSOR).unwrap() {
                promoted_at = Some(Instant::now());
            }
            let answer = timely(&self.users).await;
            match answer {
                Ok(found) => assert_eq!(found, expected, "a wrong answer"),
                Err(IndexError::Unavailable(_)) => {}
                Err(IndexError::Lost(_)) => break,
                Err(error) => panic!("{error}"),
            }
            self.expect_calm().await;
            let since = promoted_at.map_or(Duration::ZERO, |at| at.elapsed());
            assert!(since < BOUND, "the successor is not asked");
            assert!(begun.elapsed() < Duration::from_secs(90), "no promotion");
            sleep(Duration::from_millis(10)).await;
        }
        assert!(self.cluster.is_primary(SUCCESSOR).unwrap());
    }

    /// The other nodes answer, and nobody's circuit is open but that of the dead one.
    async fn expect_calm(&self) {
        for rig in &self.calm {
            assert_eq!(timely(rig).await.unwrap(), 1);
        }
        let dead = self.address(DEAD);
        for server in self.link.servers() {
            let is_blamed = server.is_circuit_open && server.address != dead;
            assert!(!is_blamed, "{server:?}");
        }
    }

    async fn gone_on_with(&self) -> Rig {
        let fresh = Nonce::from_random([42; 13]);
        let users = &self.users;
        let next = self.index.go_on(&users.collection, fresh, None).await;
        let next = next.unwrap().expect("every key is there");
        let next = Rig::at(&self.index, users, next, users.placed.clone());
        let extended = self.index.extend(&next.collection, &next.placed).await;
        extended.unwrap();
        next
    }
}

/// A collection of one shard, which lies on this node, with one document.
async fn filled_on(cluster: &RedisCluster, index: &Arc<dyn IndexStore>, node: usize) -> Rig {
    let rig = Rig::begin(index, &name_on(cluster, node), KeyKind::Text, 1).await;
    rig.put(&id("1"), &Live::none(), &[(0, text("ada"))]).await;
    rig
}

async fn timely(rig: &Rig) -> Result<u64, IndexError> {
    let begun = Instant::now();
    let answer = count(rig).await;
    let took = begun.elapsed();
    assert!(took < DEADLINE + STOPPED, "{took:?}: {answer:?}");
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_its_cluster_promotes_is_asked_soon_and_costs_the_others_nothing() {
    let mut scene = Scene::new().await;
    scene.cluster.nodes_mut()[DEAD].kill();
    scene.until_the_loss_is_noticed(1).await;
    let users = scene.gone_on_with().await;
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
    let addresses = scene
        .link
        .servers()
        .into_iter()
        .map(|server| server.address);
    let expected = [1, 2, SUCCESSOR].map(|node| scene.address(node));
    assert_eq!(addresses.collect::<BTreeSet<_>>(), expected.into());

    // The old primary comes back as a replica of its successor, which stays what it is.
    scene.cluster.nodes_mut()[DEAD].restart().unwrap();
    let [dead, successor] = [DEAD, SUCCESSOR].map(|node| &scene.cluster.nodes()[node]);
    dead.wait_until_it_follows(successor).unwrap();
    assert!(!scene.cluster.is_primary(DEAD).unwrap());
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
    scene.expect_calm().await;
    scene.link.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_the_dead_primary_of_a_cluster_had_is_missing_in_no_answer() {
    let mut scene = Scene::new().await;
    scene.cluster.nodes()[DEAD].let_replicas_lag().unwrap();
    let late = [(0, text("eve"))];
    scene.users.put(&id("2"), &Live::none(), &late).await;
    scene.cluster.nodes_mut()[DEAD].kill();
    scene.until_the_loss_is_noticed(2).await;
    let users = scene.gone_on_with().await;
    // The catalog calls it ready only when the second one, which is not known, was read again.
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
    let (collection, placed) = (&users.collection, &users.placed);
    let ids = [id("1"), id("2")];
    let known = scene.index.known(collection, placed, &ids).await.unwrap();
    let is_known: Vec<bool> = known.iter().map(Option::is_some).collect();
    assert_eq!(is_known, [true, false]);
}

/// It still takes itself for the primary when it goes on, until it hears better.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_of_a_cluster_that_stood_still_is_not_believed_when_it_goes_on() {
    let scene = Scene::new().await;
    let frozen = &scene.cluster.nodes()[DEAD];
    frozen.freeze().unwrap();
    scene.until_the_loss_is_noticed(1).await;
    let users = scene.gone_on_with().await;
    users
        .put(&id("2"), &Live::none(), &[(0, text("eve"))])
        .await;
    frozen.thaw().unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        assert_eq!(users.ids(0, &all()).await, [id("1"), id("2")]);
        scene.expect_calm().await;
        sleep(Duration::from_millis(20)).await;
    }
    frozen
        .wait_until_it_follows(&scene.cluster.nodes()[SUCCESSOR])
        .unwrap();
}
