//! Whatever Redis loses, every operation says so before it reads or writes anything.

use std::time::Duration;

use redis::Commands;
use smarterbase_core::{
    document::KeyKind,
    format::Nonce,
    port::{
        IndexError,
        index::{Announcement, Commit, Hit, Outcome, Placed, Scan},
    },
};
use smarterbase_redis::RedisIndex;
use smarterbase_testkit::{
    contract::index::rig::{Live, Rig, all, id, text},
    server::redis::RedisServer,
};

use crate::{index_on, shared};

/// A collection with one document, whose index entries are about to be lost.
struct Scene {
    server: RedisServer,
    index: RedisIndex,
    users: Rig,
}

impl Scene {
    async fn new(arguments: &[&str], shards: u8) -> Self {
        let server = RedisServer::start(arguments).unwrap();
        let index = index_on(&server).await;
        let users = Rig::begin(&shared(&index), "users", KeyKind::Text, shards).await;
        users
            .put(&id("1"), &Live::none(), &[(0, text("ada"))])
            .await;
        Self {
            server,
            index,
            users,
        }
    }

    fn delete(&self, key: &str) {
        let keys: Vec<String> = self
            .server
            .connect()
            .unwrap()
            .keys(format!("*{key}"))
            .unwrap();
        assert_eq!(keys.len(), 1, "{keys:?}");
        let removed: u32 = self.server.connect().unwrap().del(&keys).unwrap();
        assert_eq!(removed, 1);
    }

    /// Asks until the link is connected again; what counts is the first answer of the server.
    async fn outcome<T>(
        &self,
        ask: impl AsyncFn() -> Result<T, IndexError>,
    ) -> Result<T, IndexError> {
        for _ in 0..400 {
            match ask().await {
                Err(IndexError::Unavailable(_)) => {
                    tokio::time::sleep(Duration::from_millis(10)).await
                }
                answer => return answer,
            }
        }
        panic!("the link does not come back");
    }

    async fn expect_lost_for_reads(&self) {
        let users = &self.users;
        let scan = Scan {
            placed: users.placed[0].clone(),
            range: all(),
            after: None,
            descending: false,
            limit: 10,
        };
        let store = &users.index;
        lost(
            self.outcome(async || store.scan(&users.collection, &scan).await)
                .await,
        );
        lost(
            store
                .count(&users.collection, &users.placed[0], &all())
                .await,
        );
    }

    async fn expect_lost_for_writes(&self) {
        let users = &self.users;
        let write = users.write(&id("1"), &Live::at(1), &[(0, text("eve"))]);
        let announcement = Announcement {
            id: write.id.clone(),
            base: 1,
            write: write.write,
            entries: write.new.clone(),
            placed: users.placed.clone(),
        };
        let commit = Commit {
            id: write.id.clone(),
            rev: 2,
            write: Some(write.write),
            outcome: Outcome::Put,
            entries: write.entries.clone(),
            dropped: Vec::new(),
            placed: users.placed.clone(),
            e_tag: None,
        };
        let store = &users.index;
        lost(
            self.outcome(async || store.announce(&users.collection, &announcement).await)
                .await,
        );
        lost(store.commit(&users.collection, &commit).await);
    }

    async fn expect_lost_for_cleaning(&self) {
        let users = &self.users;
        let hit = Hit {
            value: text("ada"),
            id: id("1"),
            tag: None,
            last_modified: None,
        };
        lost(
            users
                .index
                .remove_stale(&users.collection, &users.placed[0], &hit)
                .await,
        );
    }

    async fn expect_lost(&self) {
        self.expect_lost_for_reads().await;
        self.expect_lost_for_writes().await;
        self.expect_lost_for_cleaning().await;
    }

    async fn expect_no_instance(&self) {
        let instance = self
            .outcome(async || self.index_instance().await)
            .await
            .unwrap();
        assert_eq!(instance, None);
    }

    async fn index_instance(&self) -> Result<Option<String>, IndexError> {
        self.users.index.instance(&self.users.collection).await
    }
}

fn lost<T: std::fmt::Debug>(answer: Result<T, IndexError>) {
    assert!(matches!(answer, Err(IndexError::Lost(_))), "{answer:?}");
}

#[tokio::test]
async fn flush_is_noticed() {
    let scene = Scene::new(&[], 1).await;
    scene.server.flush().unwrap();
    scene.expect_lost().await;
    scene.expect_no_instance().await;
    lost(
        scene
            .index
            .dirty(&scene.users.collection, Duration::ZERO, 10)
            .await,
    );
}

#[tokio::test]
async fn empty_restart_is_noticed() {
    let mut scene = Scene::new(&[], 1).await;
    scene.server.restart().unwrap();
    scene.expect_lost().await;
    scene.expect_no_instance().await;
}

#[tokio::test]
async fn restart_that_read_its_data_again_is_noticed() {
    // Nobody can tell whether the tail of the data came back, so the run of the server counts.
    let mut scene = Scene::new(&["--appendonly", "yes", "--appendfsync", "always"], 1).await;
    scene.server.restart().unwrap();
    scene.expect_lost().await;
    let keys: usize = redis::cmd("DBSIZE")
        .query(&mut scene.server.connect().unwrap())
        .unwrap();
    assert!(keys > 200, "the test wants the data to be back: {keys}");
    scene.expect_no_instance().await;
}

#[tokio::test]
async fn promoted_replica_is_noticed() {
    let scene = Scene::new(&[], 1).await;
    let port = scene.server.port().to_string();
    let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port]).unwrap();
    let mut connection = replica.connect().unwrap();
    for _ in 0..1_000 {
        if redis::cmd("DBSIZE")
            .query::<usize>(&mut connection)
            .unwrap()
            > 200
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    redis::cmd("REPLICAOF")
        .arg("NO")
        .arg("ONE")
        .exec(&mut connection)
        .unwrap();
    let index = shared(&index_on(&replica).await);
    assert!(
        index
            .instance(&scene.users.collection)
            .await
            .unwrap()
            .is_none()
    );
    lost(
        index
            .count(&scene.users.collection, &scene.users.placed[0], &all())
            .await,
    );
}

/// Tells a server to follow another one, or nobody.
fn replicate(server: &RedisServer, primary: Option<&RedisServer>) {
    let mut command = redis::cmd("REPLICAOF");
    match primary {
        Some(primary) => command.arg("127.0.0.1").arg(primary.port()),
        None => command.arg("NO").arg("ONE"),
    };
    command.exec(&mut server.connect().unwrap()).unwrap();
}

/// The run id of the process is the same before and after; the document in between is gone.
#[tokio::test]
async fn promoted_replica_and_the_way_back_are_noticed() {
    let scene = Scene::new(&[], 1).await;
    let first = &scene.server;
    let second = RedisServer::start(&[]).unwrap();
    replicate(&second, Some(first));
    second.wait_until_it_follows(first).unwrap();
    // Going on with what is there: the first replica of a server begins a new history.
    let users = scene.users.begin_again().await;
    users
        .put(&id("1"), &Live::none(), &[(0, text("ada"))])
        .await;
    second.wait_until_it_follows(first).unwrap();
    replicate(&second, None);
    users
        .put(&id("2"), &Live::none(), &[(0, text("eve"))])
        .await;
    replicate(first, Some(&second));
    first.wait_until_it_follows(&second).unwrap();
    replicate(first, None);
    let count = async || {
        users
            .index
            .count(&users.collection, &users.placed[0], &all())
            .await
    };
    lost(scene.outcome(count).await);
    let instance = users.index.instance(&users.collection).await;
    assert_eq!(instance.unwrap(), None);
}

#[tokio::test]
async fn first_replica_of_a_server_costs_going_on_and_the_second_nothing() {
    let scene = Scene::new(&[], 1).await;
    let first = RedisServer::start(&[]).unwrap();
    replicate(&first, Some(&scene.server));
    first.wait_until_it_follows(&scene.server).unwrap();
    scene.expect_lost().await;
    let users = &scene.users;
    let fresh = Nonce::from_random([42; 13]);
    let next = users.index.go_on(&users.collection, fresh, None).await;
    let next = next.unwrap().expect("nothing is missing");
    let users = Rig::at(&users.index, users, next, users.placed.clone());
    let second = RedisServer::start(&[]).unwrap();
    replicate(&second, Some(&scene.server));
    second.wait_until_it_follows(&scene.server).unwrap();
    assert_eq!(users.ids(0, &all()).await, [id("1")]);
}

#[tokio::test]
async fn deleted_index_key_is_noticed() {
    let scene = Scene::new(&[], 1).await;
    scene.delete("g1:i:3");
    scene.expect_lost().await;
}

#[tokio::test]
async fn deleted_key_of_an_index_that_a_write_does_not_touch_is_noticed() {
    let scene = Scene::new(&[], 1).await;
    scene.delete("g1:i:4");
    // A write names every placed index, so it finds the loss of any.
    scene.expect_lost_for_writes().await;
}

#[tokio::test]
async fn deleted_manifests_are_noticed_by_writes() {
    let scene = Scene::new(&[], 1).await;
    let mut connection = scene.server.connect().unwrap();
    let buckets: Vec<String> = connection.keys("*:m:*").unwrap();
    assert_eq!(buckets.len(), 256);
    let _: u32 = connection.del(&buckets).unwrap();
    scene.expect_lost_for_writes().await;
    scene.expect_lost_for_cleaning().await;
}

#[tokio::test]
async fn deleted_mark_is_noticed() {
    let scene = Scene::new(&[], 1).await;
    scene.delete(":ep");
    scene.expect_lost().await;
    scene.expect_no_instance().await;
}

#[tokio::test]
async fn one_lost_shard_of_sixteen_is_noticed() {
    let scene = Scene::new(&[], 16).await;
    let mut connection = scene.server.connect().unwrap();
    let keys: Vec<String> = connection.keys("*.7}:*").unwrap();
    let _: u32 = connection.del(&keys).unwrap();
    scene.expect_lost_for_reads().await;
    scene.expect_no_instance().await;
}

#[tokio::test]
async fn s6_operation_on_the_instance_before_is_lost() {
    let scene = Scene::new(&[], 1).await;
    let next = scene.users.begin_again().await;
    scene.expect_lost().await;
    assert_eq!(next.found(0).await, []);
}

#[tokio::test]
async fn s6_instance_of_another_backend_is_lost() {
    let scene = Scene::new(&[], 1).await;
    let mut collection = scene.users.collection.clone();
    collection.instance = collection.instance.replace("redis:", "local:");
    lost(
        scene
            .users
            .index
            .count(&collection, &scene.users.placed[0], &all())
            .await,
    );
}

#[tokio::test]
async fn lost_index_can_be_filled_again() {
    let scene = Scene::new(&[], 1).await;
    scene.server.flush().unwrap();
    let users = scene.users.begin_again().await;
    let write = users.write(&id("1"), &Live::none(), &[(0, text("ada"))]);
    users.tell(&write, Outcome::Restore).await;
    assert_eq!(users.found(0).await, [(text("ada"), id("1"))]);
}

#[tokio::test]
async fn another_database_number_is_another_world() {
    let scene = Scene::new(&[], 1).await;
    let other = RedisIndex::open(crate::patient(&format!("{}/1", scene.server.url())))
        .await
        .unwrap();
    lost(
        shared(&other)
            .count(&scene.users.collection, &scene.users.placed[0], &all())
            .await,
    );
}

#[tokio::test]
async fn joining_or_extending_an_instance_does_not_hide_a_lost_index_key() {
    let scene = Scene::new(&[], 1).await;
    scene.delete("g1:i:3");
    let users = &scene.users;
    let fresh = Nonce::from_random([99; 13]);
    let joined = users
        .index
        .begin(&users.collection, &users.placed, fresh, None)
        .await;
    assert_eq!(joined.unwrap(), users.collection.instance);
    scene.expect_lost().await;
    users
        .index
        .extend(&users.collection, &users.placed)
        .await
        .unwrap();
    scene.expect_lost().await;
}

#[tokio::test]
async fn extending_an_instance_whose_list_of_keys_is_lost_is_noticed() {
    let scene = Scene::new(&[], 1).await;
    scene.delete(":k");
    let users = &scene.users;
    lost(users.index.extend(&users.collection, &users.placed).await);
}

#[tokio::test]
async fn extended_instance_keeps_what_it_has() {
    let scene = Scene::new(&[], 1).await;
    let users = &scene.users;
    let mut more = users.placed.clone();
    more.push(Placed {
        definition: "more-0123abcd".to_owned(),
        number: 9,
        generation: 1,
    });
    users.index.extend(&users.collection, &more).await.unwrap();
    assert_eq!(users.found(0).await, [(text("ada"), id("1"))]);
    assert_eq!(
        users
            .index
            .count(&users.collection, &more[2], &all())
            .await
            .unwrap(),
        0
    );
}
