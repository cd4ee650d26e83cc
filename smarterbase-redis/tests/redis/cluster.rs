//! Indexes and lock queues on a cluster of three: the same promises, and what becomes of a node or a slot stays with it.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use futures::FutureExt;
use smarterbase_core::{
    ErrorKind,
    document::KeyKind,
    format::Nonce,
    port::{
        IndexError, IndexStore,
        index::{Connection, IndexedCollection},
    },
};
use smarterbase_redis::{RedisIndex, RedisLink, RedisLockQueue, RedisOptions};
use smarterbase_testkit::{
    contract::{
        index::{
            Fixture,
            rig::{Live, Rig, all, id, text},
            torture::Tortured,
        },
        lock_queue,
    },
    server::redis::{RedisCluster, RedisServer},
};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    time::{Instant, sleep},
};

use crate::{patient, shared};

/// One cluster for all tests that leave it as it was, one after the other: a start takes two seconds.
static CLUSTER: LazyLock<RedisCluster> = LazyLock::new(|| RedisCluster::start(3).unwrap());
static TURN: LazyLock<Arc<Mutex<()>>> = LazyLock::new(Arc::default);

type Turn = OwnedMutexGuard<()>;

/// The empty cluster, for as long as the turn lasts.
async fn turn() -> Turn {
    let turn = TURN.clone().lock_owned().await;
    CLUSTER.flush().unwrap();
    turn
}

async fn link() -> RedisLink {
    RedisLink::open(patient(&CLUSTER.url())).await.unwrap()
}

async fn fresh_index() -> (Turn, RedisIndex) {
    (turn().await, RedisIndex::new(link().await))
}

async fn fresh() -> Fixture {
    let (turn, index) = fresh_index().await;
    Fixture::new(shared(&index), turn)
}

async fn fresh_to_torture() -> Tortured {
    let (turn, index) = fresh_index().await;
    let dirty = index.clone();
    let dirty = move |collection, older_than, limit| {
        let index = dirty.clone();
        async move { index.dirty(&collection, older_than, limit).await }.boxed()
    };
    Tortured::new(shared(&index), dirty, turn)
}

async fn fresh_queue() -> lock_queue::Fixture {
    let turn = turn().await;
    let one = Arc::new(RedisLockQueue::new(link().await));
    let other = Arc::new(RedisLockQueue::new(link().await));
    lock_queue::Fixture::new(one, other, turn)
}

smarterbase_testkit::index_contract!(cluster_index, async || fresh().await);
smarterbase_testkit::index_torture!(cluster_torture, async || fresh_to_torture().await);
smarterbase_testkit::lock_queue_contract!(cluster_queue, async || fresh_queue().await);

/// A cluster of its own, for a test that breaks it.
struct Scene {
    cluster: RedisCluster,
    link: RedisLink,
    index: Arc<dyn IndexStore>,
}

impl Scene {
    async fn new() -> Self {
        let cluster = RedisCluster::start(3).unwrap();
        // A node that is gone needs no deadline to be noticed, and a busy machine may be slow.
        let link = RedisLink::open(patient(&cluster.url())).await.unwrap();
        let index = shared(&RedisIndex::new(link.clone()));
        Self {
            cluster,
            link,
            index,
        }
    }

    /// A collection of one shard, which lies on this node, with one document.
    async fn filled_on(&self, node: usize) -> Rig {
        let name = name_on(&self.cluster, node);
        let rig = Rig::begin(&self.index, &name, KeyKind::Text, 1).await;
        rig.put(&id("1"), &Live::none(), &[(0, text("ada"))]).await;
        rig
    }

    async fn until(&self, what: &str, is_so: impl AsyncFn() -> bool) {
        let begun = Instant::now();
        while !is_so().await {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A collection whose only shard lies on this node.
pub(crate) fn name_on(cluster: &RedisCluster, node: usize) -> String {
    let database = Nonce::from_random([7; 13]);
    let mut names = (0..1_000).map(|number| format!("users-{number}"));
    let found = names.find(|name| {
        let slot = cluster.slot_of(&format!("sb:{{{database}.{name}.0}}:ep"));
        cluster.first_owner(slot.unwrap()) == node
    });
    found.unwrap()
}

pub(crate) fn slot_of(cluster: &RedisCluster, rig: &Rig) -> u16 {
    let IndexedCollection { database, name, .. } = &rig.collection;
    cluster
        .slot_of(&format!("sb:{{{database}.{name}.0}}:ep"))
        .unwrap()
}

pub(crate) async fn count(rig: &Rig) -> Result<u64, IndexError> {
    rig.index
        .count(&rig.collection, &rig.placed[0], &all())
        .await
}

fn is_lost<T>(answer: &Result<T, IndexError>) -> bool {
    matches!(answer, Err(IndexError::Lost(_)))
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_lie_on_every_node_and_a_seed_is_enough() {
    let _turn = turn().await;
    let seed = CLUSTER.nodes()[2].address();
    let url = format!("redis+cluster://{seed}");
    let link = RedisLink::open(patient(&url)).await.unwrap();
    assert!(link.is_connected());
    assert_eq!(link.servers().len(), 3);
    let index = shared(&RedisIndex::new(link));
    let users = Rig::filled(&index, KeyKind::Text, 16, 50).await;
    assert_eq!(users.found(0).await.len(), 50);
    for node in CLUSTER.nodes() {
        let keys: usize = redis::cmd("DBSIZE")
            .query(&mut node.connect().unwrap())
            .unwrap();
        assert!(keys > 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shard_that_one_node_lost_is_noticed_among_the_others() {
    let (_turn, index) = fresh_index().await;
    let users = Rig::filled(&shared(&index), KeyKind::Text, 16, 50).await;
    // Not the one with the first shard, which names the instance.
    let other = (CLUSTER.first_owner(slot_of(&CLUSTER, &users)) + 1) % 3;
    CLUSTER.nodes()[other].flush().unwrap();
    assert!(is_lost(&count(&users).await));
    let instance = users.index.instance(&users.collection).await.unwrap();
    assert_eq!(instance, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_opens_its_own_circuit_and_no_other() {
    let mut scene = Scene::new().await;
    let (dead, alive) = (scene.filled_on(0).await, scene.filled_on(1).await);
    scene.cluster.nodes_mut()[0].kill();
    for _ in 0..20 {
        assert!(matches!(
            count(&dead).await,
            Err(IndexError::Unavailable(_))
        ));
        assert_eq!(count(&alive).await.unwrap(), 1);
    }
    let address = scene.cluster.nodes()[0].address().to_string();
    for server in scene.link.servers() {
        let is_dead = server.address == address;
        assert_eq!(server.is_circuit_open, is_dead, "{server:?}");
        assert_eq!(server.is_connected, !is_dead, "{server:?}");
    }
    assert!(scene.link.ping().await.is_err());
    assert_eq!(scene.index.connection(), Connection::CircuitOpen);
    // An open circuit costs nothing.
    let begun = Instant::now();
    for _ in 0..1_000 {
        assert!(count(&dead).await.is_err());
    }
    assert!(begun.elapsed() < Duration::from_secs(1));
    alive
        .put(&id("2"), &Live::none(), &[(0, text("eve"))])
        .await;

    scene.cluster.nodes_mut()[0].restart().unwrap();
    scene
        .until("the empty node is noticed", async || {
            is_lost(&count(&dead).await)
        })
        .await;
    assert_eq!(count(&alive).await.unwrap(), 2);
    let again = dead.begin_again().await;
    again
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    assert_eq!(again.ids(0, &all()).await, [id("1")]);
    assert!(!scene.link.is_circuit_open());
    scene.link.ping().await.unwrap();
}

/// How many calls a node sent on.
fn redirections(node: &RedisServer) -> u64 {
    let mut command = redis::cmd("INFO");
    let info: String = command
        .arg("errorstats")
        .query(&mut node.connect().unwrap())
        .unwrap();
    let mut lines = info.lines();
    let count = lines.find_map(|line| line.strip_prefix("errorstat_MOVED:count="));
    count.map_or(0, |count| count.parse().unwrap())
}

/// Asks until the slot has settled; every answer before that is right, or none.
async fn settled(scene: &Scene, rig: &Rig) {
    scene
        .until("the move is noticed", async || match count(rig).await {
            Ok(found) => {
                assert_eq!(found, 1, "a wrong answer");
                false
            }
            Err(IndexError::Unavailable(_)) => false,
            Err(IndexError::Lost(_)) => true,
            Err(error) => panic!("{error}"),
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_moves_is_followed_and_its_index_begins_again() {
    let scene = Scene::new().await;
    let (users, calm) = (scene.filled_on(0).await, scene.filled_on(1).await);
    let slot = slot_of(&scene.cluster, &users);
    scene.cluster.begin_moving(slot, 0, 2).unwrap();
    // Nothing has left yet, and everything is answered.
    assert_eq!(count(&users).await.unwrap(), 1);
    while scene.cluster.move_keys(slot, 0, 2, 20).unwrap() > 0 {
        let answer = count(&users).await;
        let is_right = matches!(answer, Ok(1));
        let is_none = matches!(
            answer,
            Err(IndexError::Unavailable(_) | IndexError::Lost(_))
        );
        assert!(is_right || is_none, "{answer:?}");
        assert_eq!(count(&calm).await.unwrap(), 1);
    }
    scene.cluster.end_moving(slot, 2).unwrap();
    settled(&scene, &users).await;
    let again = users.begin_again().await;
    again
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    assert_eq!(again.ids(0, &all()).await, [id("1")]);
    assert_eq!(count(&calm).await.unwrap(), 1);
    scene
        .until("the map is learned", async || {
            let before = redirections(&scene.cluster.nodes()[0]);
            for _ in 0..5 {
                assert_eq!(count(&again).await.unwrap(), 1);
            }
            redirections(&scene.cluster.nodes()[0]) == before
        })
        .await;
    let moved: usize = redis::cmd("CLUSTER")
        .arg("COUNTKEYSINSLOT")
        .arg(slot)
        .query(&mut scene.cluster.nodes()[2].connect().unwrap())
        .unwrap();
    assert!(moved > 200, "{moved}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_takes_a_slot_over_is_asked_for_what_the_other_no_longer_has() {
    let scene = Scene::new().await;
    let users = scene.filled_on(0).await;
    let slot = slot_of(&scene.cluster, &users);
    scene.cluster.begin_moving(slot, 0, 2).unwrap();
    while scene.cluster.move_keys(slot, 0, 2, 100).unwrap() > 0 {}
    // The slot is still node 0's, which sends the call on with `ASK`; node 2 would send it back without `ASKING`.
    assert!(is_lost(&count(&users).await));
    let instance = scene.index.instance(&users.collection).await;
    assert_eq!(instance.unwrap(), None);
}

/// Three calls without an answer drop a connection; here the first node took most of the time of each.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_is_not_blamed_for_the_time_that_another_one_took() {
    let scene = Scene::new().await;
    let users = scene.filled_on(0).await;
    let slot = slot_of(&scene.cluster, &users);
    scene.cluster.begin_moving(slot, 0, 2).unwrap();
    while scene.cluster.move_keys(slot, 0, 2, 100).unwrap() > 0 {}
    let options = patient(&scene.cluster.url()).with_deadline(Duration::from_secs(1));
    let link = RedisLink::open(options).await.unwrap();
    let index = shared(&RedisIndex::new(link.clone()));
    let instance = users.collection.instance.clone();
    let users = Rig::at(&index, &users, instance, users.placed.clone());
    let [slow, _, last] = scene.cluster.nodes() else {
        unreachable!("a cluster of three");
    };
    last.freeze().unwrap();
    for _ in 0..3 {
        slow.freeze().unwrap();
        let thaw = async {
            sleep(Duration::from_millis(700)).await;
            slow.thaw().unwrap();
        };
        let (answer, ()) = tokio::join!(count(&users), thaw);
        assert!(matches!(answer, Err(IndexError::Unavailable(_))));
    }
    let address = last.address().to_string();
    let servers = link.servers();
    let last = servers.iter().find(|server| server.address == address);
    assert!(last.unwrap().is_connected, "{servers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_moved_is_gone_on_with() {
    let scene = Scene::new().await;
    let users = scene.filled_on(0).await;
    let slot = slot_of(&scene.cluster, &users);
    scene.cluster.begin_moving(slot, 0, 2).unwrap();
    while scene.cluster.move_keys(slot, 0, 2, 100).unwrap() > 0 {}
    scene.cluster.end_moving(slot, 2).unwrap();
    settled(&scene, &users).await;
    let fresh = Nonce::from_random([42; 13]);
    let next = scene.index.go_on(&users.collection, fresh, None).await;
    let next = next.unwrap().expect("everything was moved");
    let users = Rig::at(&scene.index, &users, next, users.placed.clone());
    scene
        .index
        .extend(&users.collection, &users.placed)
        .await
        .unwrap();
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_down_at_the_start_is_no_error_and_is_found_later() {
    let mut scene = Scene::new().await;
    for node in scene.cluster.nodes_mut() {
        node.kill();
    }
    let link = RedisLink::open(RedisOptions::from_url(&scene.cluster.url()).unwrap());
    let link = link.await.unwrap();
    assert!(!link.is_connected());
    assert!(matches!(link.ping().await, Err(IndexError::Unavailable(_))));
    let index = shared(&RedisIndex::new(link.clone()));
    for node in scene.cluster.nodes_mut() {
        node.restart().unwrap();
    }
    scene.cluster.wait_until_complete().unwrap();
    scene
        .until("the keeper finds the nodes", async || link.is_connected())
        .await;
    assert_eq!(link.servers().len(), 3);
    let users = Rig::filled(&index, KeyKind::Text, 16, 20).await;
    assert_eq!(users.found(0).await.len(), 20);
}

/// The known node answers, so it is connected; it only has nothing to do with the cluster any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_left_its_cluster_does_not_keep_the_seeds_from_being_asked() {
    let (before, after) = (
        RedisCluster::start(1).unwrap(),
        RedisCluster::start(1).unwrap(),
    );
    let (first, second) = (before.nodes()[0].address(), after.nodes()[0].address());
    let url = format!("redis+cluster://{first},{second}");
    let link = RedisLink::open(patient(&url)).await.unwrap();
    assert_eq!(link.servers()[0].address, first.to_string());
    redis::cmd("CLUSTER")
        .arg(&["RESET", "HARD"])
        .exec(&mut before.nodes()[0].connect().unwrap())
        .unwrap();
    let index: Arc<dyn IndexStore> = shared(&RedisIndex::new(link.clone()));
    let collection = IndexedCollection {
        database: Nonce::from_random([7; 13]),
        name: "users".to_owned(),
        shards: 1,
        key_kind: KeyKind::Text,
        instance: String::new(),
    };
    let begun = Instant::now();
    while index.instance(&collection).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(20)).await;
    }
    let servers = link.servers();
    assert_eq!(servers.len(), 1);
    assert_eq!(servers[0].address, second.to_string());
    link.ping().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_without_an_owner_fails_the_ping() {
    let cluster = RedisCluster::start(1).unwrap();
    let link = RedisLink::open(patient(&cluster.url())).await.unwrap();
    link.ping().await.unwrap();
    redis::cmd("CLUSTER")
        .arg(&["DELSLOTS", "5"])
        .exec(&mut cluster.nodes()[0].connect().unwrap())
        .unwrap();
    let link = RedisLink::open(patient(&cluster.url())).await.unwrap();
    let error = link.ping().await.unwrap_err();
    assert!(matches!(error, IndexError::Unavailable(_)), "{error}");
    assert!(error.to_string().contains("without an owner"), "{error}");
}

#[tokio::test]
async fn what_is_no_cluster_is_refused_at_open_with_its_url() {
    let server = RedisServer::start(&[]).unwrap();
    let url = format!("redis+cluster://{}", server.address());
    let error = RedisLink::open(patient(&url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("`redis://…`"), "{error}");
}

#[tokio::test]
async fn a_wrong_password_of_a_cluster_is_denied_and_no_text_holds_it() {
    let server = RedisServer::start(&["--cluster-enabled", "yes"]).unwrap();
    let settings = ["SET", "requirepass", "right-secret"];
    redis::cmd("CONFIG")
        .arg(&settings)
        .exec(&mut server.connect().unwrap())
        .unwrap();
    let url = format!("redis+cluster://:wrong-secret@{}", server.address());
    let error = RedisLink::open(patient(&url)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    let text = format!("{error} {error:?}");
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn dropped_link_to_a_cluster_leaves_no_task() {
    let url = CLUSTER.url();
    let link = RedisLink::open(patient(&url)).await.unwrap();
    link.ping().await.unwrap();
    drop(link);
    let metrics = tokio::runtime::Handle::current().metrics();
    for _ in 0..200 {
        if metrics.num_alive_tasks() == 0 {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{} tasks are left", metrics.num_alive_tasks());
}
