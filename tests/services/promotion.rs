//! A Redis cluster that promotes the replica of a node that died, under programs that write and ask: answers stay right, writes
//! go on, and what the replica did not get is built again by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use smarterbase::{Db, prelude::*, store::MemoryStore};
use smarterbase_testkit::server::redis::RedisCluster;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use super::{
    Book,
    cluster::{Rebuilt, Song, node_of, open, songs},
    on_shelf,
};

/// From the promotion until Redis serves queries again; a rebuild takes six seconds of it.
const BOUND: Duration = Duration::from_secs(30);
/// From the death until the promotion, and whatever else has no reason to take longer.
const OVERALL: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(50);

/// Two programs on one store, and a cluster whose node `dead` is about to die.
struct Scene {
    cluster: RedisCluster,
    dbs: [Db; 2],
    dead: usize,
    died_at: Option<Instant>,
    promoted_at: Option<Instant>,
}

impl Scene {
    /// The only shard of the books lies on the node that dies.
    async fn new() -> Self {
        let cluster = RedisCluster::start_with_replicas(3).unwrap();
        let (store, rebuilt) = (MemoryStore::new(), Rebuilt::default());
        let dbs = [
            open(&store, &cluster.url(), &rebuilt).await,
            open(&store, &cluster.url(), &rebuilt).await,
        ];
        Self {
            dead: node_of(&cluster, &dbs[0], "books"),
            cluster,
            dbs,
            died_at: None,
            promoted_at: None,
        }
    }

    fn successor(&self) -> usize {
        self.dead + 3
    }

    fn kill(&mut self) {
        self.cluster.nodes_mut()[self.dead].kill();
        self.died_at = Some(Instant::now());
    }

    /// Once more: whether the promotion was seen, and how long ago that was.
    fn look(&mut self) -> Option<Duration> {
        if self.promoted_at.is_none() && self.cluster.is_primary(self.successor()).unwrap() {
            self.promoted_at = Some(Instant::now());
        }
        let since = self.promoted_at.map(|at| at.elapsed());
        let is_due = self.died_at.unwrap().elapsed() > OVERALL;
        assert!(since.is_some() || !is_due, "no promotion");
        assert!(
            since.unwrap_or_default() < BOUND,
            "Redis does not serve queries again"
        );
        since
    }

    async fn close(self) {
        for db in self.dbs {
            db.close().await;
        }
    }
}

/// Songs that one task writes in order while others ask: how many were begun, and how many are there for sure.
#[derive(Default)]
struct Stream {
    begun: AtomicUsize,
    acknowledged: AtomicUsize,
    is_over: AtomicBool,
}

impl Stream {
    async fn write(&self, db: &Db) {
        for number in 0.. {
            self.begun.store(number + 1, Ordering::SeqCst);
            let song = Song {
                id: format!("song-{number:06}"),
                genre: "waltz".into(),
            };
            Song::create(db, song).await.unwrap();
            self.acknowledged.store(number + 1, Ordering::SeqCst);
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    /// Every answer is the first songs, at least those acknowledged before and at most those begun until afterwards.
    async fn check(&self, db: &Db) {
        while !self.is_over.load(Ordering::SeqCst) {
            let least = self.acknowledged.load(Ordering::SeqCst);
            let found = Song::find_by_genre(db, "waltz").await.unwrap();
            let most = self.begun.load(Ordering::SeqCst);
            let mut ids: Vec<String> = found.iter().map(|song| song.id.clone()).collect();
            ids.sort();
            assert!(
                (least..=most).contains(&ids.len()),
                "{least}..={most}: {}",
                ids.len()
            );
            let expected = (0..ids.len()).map(|number| format!("song-{number:06}"));
            assert!(expected.eq(ids), "one in between is missing");
            sleep(PAUSE).await;
        }
    }
}

/// The tasks of a stream.
struct Tasks(JoinSet<()>);

impl Tasks {
    /// One task writes and two check.
    fn of(stream: &Arc<Stream>, dbs: &[Db; 2]) -> Self {
        let mut tasks = JoinSet::new();
        let (written, db) = (stream.clone(), dbs[0].clone());
        tasks.spawn(async move { written.write(&db).await });
        for db in dbs.clone() {
            let checked = stream.clone();
            tasks.spawn(async move { checked.check(&db).await });
        }
        Self(tasks)
    }

    /// None of them ends before it is told to, unless a write or an answer is wrong.
    fn expect_running(&mut self) {
        if let Some(ended) = self.0.try_join_next() {
            ended.unwrap();
            panic!("a task ended by itself");
        }
    }

    async fn end(mut self) {
        let ended = async {
            while let Some(ended) = self.0.join_next().await {
                ended.unwrap();
            }
        };
        timeout(OVERALL, ended).await.expect("a task does not end");
    }
}

async fn both_served(dbs: &[Db; 2]) -> bool {
    !songs(&dbs[0], "waltz").await.1 && !songs(&dbs[1], "waltz").await.1
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_while_a_cluster_promotes_a_replica_and_no_answer_is_wrong() {
    let mut scene = Scene::new().await;
    let stream = Arc::new(Stream::default());
    let mut tasks = Tasks::of(&stream, &scene.dbs);
    let begun = Instant::now();
    while stream.acknowledged.load(Ordering::SeqCst) < 20 || !both_served(&scene.dbs).await {
        tasks.expect_running();
        assert!(begun.elapsed() < OVERALL, "Redis serves no queries");
        sleep(PAUSE).await;
    }
    let before = stream.acknowledged.load(Ordering::SeqCst);
    scene.kill();
    while scene.look().is_none() || !both_served(&scene.dbs).await {
        tasks.expect_running();
        sleep(PAUSE).await;
    }
    stream.is_over.store(true, Ordering::SeqCst);
    tasks.end().await;
    assert!(stream.acknowledged.load(Ordering::SeqCst) > before);
    scene.close().await;
}

/// Book 3 came to shelf `a`, and book 2 went from there to `b`: only the old primary was told.
async fn with_a_replica_that_lags() -> Scene {
    let scene = Scene::new().await;
    let db = &scene.dbs[0];
    for id in ["1", "2"] {
        Book::create(db, Book::new(id, "a")).await.unwrap();
    }
    let nodes = scene.cluster.nodes();
    let (primary, replica) = (&nodes[scene.dead], &nodes[scene.successor()]);
    replica.wait_until_it_follows(primary).unwrap();
    primary.let_replicas_lag().unwrap();
    Book::create(db, Book::new("3", "a")).await.unwrap();
    let mut book = Book::get(db, &"2".to_owned()).required().await.unwrap();
    book.shelf = "b".into();
    book.save(db).await.unwrap();
    let on_a = (vec!["1".to_owned(), "3".to_owned()], false);
    assert_eq!(on_shelf(&scene.dbs[1], "a").await, on_a);
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_promoted_replica_of_a_cluster_did_not_get_is_missing_in_no_answer() {
    let mut scene = with_a_replica_that_lags().await;
    scene.kill();
    loop {
        let mut is_served = scene.look().is_some();
        for db in &scene.dbs {
            let (found, listed) = on_shelf(db, "a").await;
            assert_eq!(found, ["1", "3"]);
            assert_eq!(on_shelf(db, "b").await.0, ["2"]);
            is_served &= !listed;
        }
        if is_served {
            break;
        }
        sleep(PAUSE).await;
    }
    scene.close().await;
}
