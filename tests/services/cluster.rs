//! A Redis cluster that loses a node, or moves a slot, under programs that write and ask: answers stay right, and what lies on
//! the other nodes goes on.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use smarterbase::{
    Db,
    port::IndexStore,
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};
use smarterbase_testkit::server::redis::RedisCluster;
use tokio::time::sleep;

use super::{Book, on_shelf, rounds::Lamp};

/// Between two looks; a rebuild takes six seconds.
const PAUSE: Duration = Duration::from_millis(100);

/// Its shards lie on every node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "songs", shards = 16)]
pub(crate) struct Song {
    #[key]
    pub(crate) id: String,
    #[index]
    pub(crate) genre: String,
}

/// It lies on one node, like [`Book`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "films")]
pub(crate) struct Film {
    #[key]
    pub(crate) id: String,
    #[index]
    pub(crate) genre: String,
}

/// The collections that were built again, each time.
pub(crate) type Rebuilt = Arc<Mutex<Vec<String>>>;

pub(crate) async fn open(store: &MemoryStore, url: &str, rebuilt: &Rebuilt) -> Db {
    // Whether a query scans is what these tests look at, and a busy machine may be slow.
    let options = RedisOptions::from_url(url)
        .unwrap()
        .with_deadline(Duration::from_secs(2));
    let index: Arc<dyn IndexStore> = Arc::new(RedisIndex::open(options).await.unwrap());
    let rebuilt = rebuilt.clone();
    Db::builder()
        .store(Arc::new(store.clone()))
        .index(index)
        .in_flight_bound(Duration::from_secs(1))
        .on_rebuild(move |progress| rebuilt.lock().unwrap().push(progress.collection.clone()))
        .open()
        .await
        .unwrap()
}

/// The node that the only shard of a collection lies on.
pub(crate) fn node_of(cluster: &RedisCluster, db: &Db, collection: &str) -> usize {
    cluster.first_owner(slot_of(cluster, db, collection))
}

fn slot_of(cluster: &RedisCluster, db: &Db, collection: &str) -> u16 {
    let key = format!("sb:{{{}.{collection}.0}}:ep", db.database_id());
    cluster.slot_of(&key).unwrap()
}

/// How many there are of a genre, and whether the documents had to be listed.
pub(crate) async fn songs(db: &Db, genre: &str) -> (usize, bool) {
    let found = Song::find_by_genre(db, genre).explain().await.unwrap();
    (found.result.len(), found.profile.requests.lists > 0)
}

async fn films(db: &Db, genre: &str) -> (usize, bool) {
    let found = Film::find_by_genre(db, genre).explain().await.unwrap();
    (found.result.len(), found.profile.requests.lists > 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_comes_back_empty_gives_no_wrong_answer_and_is_filled_again() {
    let mut cluster = RedisCluster::start(3).unwrap();
    let (store, rebuilt) = (MemoryStore::new(), Rebuilt::default());
    let one = open(&store, &cluster.url(), &rebuilt).await;
    let two = open(&store, &cluster.url(), &rebuilt).await;
    let song = |number: usize| Song {
        id: format!("song-{number:02}"),
        genre: "waltz".into(),
    };
    for number in 0..30 {
        Song::create(&one, song(number)).await.unwrap();
    }
    assert_eq!(songs(&two, "waltz").await, (30, false));

    // Nobody writes meanwhile, so only a query can notice it.
    cluster.nodes_mut()[2].restart().unwrap();
    let mut is_served = false;
    for _ in 0..600 {
        let (found, listed) = songs(&two, "waltz").await;
        assert_eq!(found, 30);
        is_served = !listed && rebuilt.lock().unwrap().contains(&"songs".to_owned());
        if is_served {
            break;
        }
        sleep(PAUSE).await;
    }
    assert!(is_served, "the loss is not noticed, or not made good");

    cluster.nodes_mut()[1].kill();
    assert_eq!(songs(&two, "waltz").await, (30, true));
    for number in 30..40 {
        Song::create(&one, song(number)).await.unwrap();
        assert_eq!(songs(&two, "waltz").await.0, number + 1);
    }

    cluster.nodes_mut()[1].restart().unwrap();
    let mut number = 40;
    let mut is_served = false;
    for _ in 0..600 {
        Song::create(&one, song(number)).await.unwrap();
        number += 1;
        let (found, listed) = songs(&two, "waltz").await;
        assert_eq!(found, number);
        is_served = !listed && !songs(&one, "waltz").await.1;
        if is_served {
            break;
        }
        sleep(PAUSE).await;
    }
    assert!(is_served, "Redis does not serve queries again");
    one.close().await;
    two.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_on_the_other_nodes_goes_on_without_a_scan_and_without_a_rebuild() {
    let mut cluster = RedisCluster::start(3).unwrap();
    let rebuilt = Rebuilt::default();
    // The id of a database is random, and decides where its collections lie.
    let db = loop {
        let db = open(&MemoryStore::new(), &cluster.url(), &rebuilt).await;
        if node_of(&cluster, &db, "books") != node_of(&cluster, &db, "films") {
            break db;
        }
        db.close().await;
    };
    let film = |id: &str| Film {
        id: id.into(),
        genre: "western".into(),
    };
    Book::create(&db, Book::new("1", "a")).await.unwrap();
    Film::create(&db, film("1")).await.unwrap();

    let dead = node_of(&cluster, &db, "books");
    cluster.nodes_mut()[dead].kill();
    assert_eq!(on_shelf(&db, "a").await, (vec!["1".into()], true));
    for number in 2..20 {
        Film::create(&db, film(&number.to_string())).await.unwrap();
        assert_eq!(films(&db, "western").await, (number, false));
    }

    cluster.nodes_mut()[dead].restart().unwrap();
    let mut is_served = false;
    for _ in 0..600 {
        let (found, listed) = on_shelf(&db, "a").await;
        assert_eq!(found, ["1"]);
        assert_eq!(films(&db, "western").await, (19, false));
        is_served = !listed;
        if is_served {
            break;
        }
        sleep(PAUSE).await;
    }
    assert!(is_served, "Redis does not serve the books again");
    assert!(!rebuilt.lock().unwrap().contains(&"films".to_owned()));
    db.close().await;
}

/// Moves the slot step by step, from round to round, back and forth.
struct Mover<'a> {
    cluster: &'a RedisCluster,
    slot: u16,
    owner: usize,
}

impl Mover<'_> {
    fn next(&self) -> usize {
        (self.owner + 1) % 3
    }

    fn step(&mut self, round: u64) {
        let (from, to) = (self.owner, self.next());
        match round % 100 {
            50 => self.cluster.begin_moving(self.slot, from, to).unwrap(),
            51..=59 => {
                self.cluster.move_keys(self.slot, from, to, 20).unwrap();
            }
            60 => {
                while self.cluster.move_keys(self.slot, from, to, 100).unwrap() > 0 {}
                self.cluster.end_moving(self.slot, to).unwrap();
                self.owner = to;
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn index_and_document_agree_in_300_rounds_while_a_slot_moves() {
    let cluster = RedisCluster::start(3).unwrap();
    let (store, rebuilt) = (MemoryStore::new(), Rebuilt::default());
    let dbs = [
        open(&store, &cluster.url(), &rebuilt).await,
        open(&store, &cluster.url(), &rebuilt).await,
    ];
    let slot = slot_of(&cluster, &dbs[0], "lamps");
    let mut mover = Mover {
        cluster: &cluster,
        slot,
        owner: cluster.first_owner(slot),
    };
    let first = mover.owner;
    crate::rounds::play(&dbs, |round| mover.step(round)).await;
    assert_eq!(mover.owner, first, "three moves lead back");
    let mut is_served = false;
    for _ in 0..600 {
        let found = Lamp::find_by_room(&dbs[1], "hall").explain().await.unwrap();
        assert_eq!(found.result.len(), 1);
        is_served = found.profile.requests.lists == 0;
        if is_served {
            break;
        }
        sleep(PAUSE).await;
    }
    assert!(is_served, "Redis does not serve queries again");
    for db in dbs {
        db.close().await;
    }
}
