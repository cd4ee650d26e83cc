//! What manifests in Redis spare a query, and that they never cost it a document (rule S32).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use proptest::{prelude::Strategy, strategy::ValueTree, test_runner::TestRunner};
use smarterbase::{
    Db, DbBuilder,
    port::{
        IndexError, IndexStore,
        index::{
            Announcement, Commit, Hit, IndexEntry, IndexedCollection, Manifests, Placed, Presence,
            Scan, ScanPage,
        },
    },
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};
use smarterbase_core::format::{Nonce, index_key::ValueRange, path::EncodedId};
use smarterbase_testkit::server::redis::RedisServer;

use crate::{conditions::drawn, question::users, user::User};

/// Redis, to which many outcomes of writes are never told: their announcements stay pending for ever.
#[derive(Debug)]
struct Untold {
    inner: RedisIndex,
    commits: AtomicU64,
    /// One of so many commits is told; 0 tells all.
    told: AtomicU64,
    /// Whether no manifest comes.
    is_mute: AtomicBool,
}

impl Untold {
    async fn on(server: &RedisServer) -> Arc<Self> {
        let options = RedisOptions::from_url(&server.url()).unwrap();
        Arc::new(Self {
            inner: RedisIndex::open(options).await.unwrap(),
            commits: AtomicU64::new(0),
            told: AtomicU64::new(0),
            is_mute: AtomicBool::new(false),
        })
    }

    async fn open(self: &Arc<Self>) -> Db {
        self.builder().open().await.unwrap()
    }

    fn builder(self: &Arc<Self>) -> DbBuilder {
        let builder = Db::builder().store(Arc::new(MemoryStore::new()));
        builder.index(self.clone())
    }
}

#[async_trait]
impl IndexStore for Untold {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn uses_tags(&self) -> bool {
        self.inner.uses_tags()
    }

    async fn instance(&self, collection: &IndexedCollection) -> Result<Option<String>, IndexError> {
        self.inner.instance(collection).await
    }

    async fn begin(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<String, IndexError> {
        self.inner.begin(collection, placed, fresh, replacing).await
    }

    async fn go_on(
        &self,
        collection: &IndexedCollection,
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<Option<String>, IndexError> {
        self.inner.go_on(collection, fresh, replacing).await
    }

    async fn known(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Vec<Option<String>>, IndexError> {
        self.inner.known(collection, placed, ids).await
    }

    async fn presence(
        &self,
        collection: &IndexedCollection,
        id: &EncodedId,
        placed: &[Placed],
        entries: &[IndexEntry],
    ) -> Result<Vec<Presence>, IndexError> {
        self.inner.presence(collection, id, placed, entries).await
    }

    async fn extend(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
    ) -> Result<(), IndexError> {
        self.inner.extend(collection, placed).await
    }

    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), IndexError> {
        self.inner.announce(collection, announcement).await
    }

    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), IndexError> {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        match self.told.load(Ordering::SeqCst) {
            0 => self.inner.commit(collection, commit).await,
            told if number.is_multiple_of(told) => self.inner.commit(collection, commit).await,
            _ => Ok(()),
        }
    }

    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> Result<ScanPage, IndexError> {
        self.inner.scan(collection, scan).await
    }

    async fn count(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        self.inner.count(collection, placed, range).await
    }

    async fn manifests(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Option<Manifests>, IndexError> {
        if self.is_mute.load(Ordering::SeqCst) {
            return Err(IndexError::Unavailable("mute".to_owned()));
        }
        self.inner.manifests(collection, placed, ids).await
    }

    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError> {
        self.inner.remove_stale(collection, placed, hit).await
    }
}

/// User `number` of 100: 25 on plan `pro`, 20 with tag `rare`, 5 with both; ages downwards.
fn user(number: u32) -> User {
    User {
        plan: if number.is_multiple_of(4) {
            "pro"
        } else {
            "free"
        }
        .to_owned(),
        tags: vec![
            if number.is_multiple_of(5) {
                "rare"
            } else {
                "all"
            }
            .to_owned(),
        ],
        age: 100 - number,
        ..User::new(&format!("u{number:03}"))
    }
}

async fn hundred(server: &RedisServer) -> Db {
    hundred_in(&Untold::on(server).await).await
}

async fn hundred_in(index: &Arc<Untold>) -> Db {
    let db = index.open().await;
    fill(&db).await;
    db
}

async fn fill(db: &Db) {
    for number in 0..100 {
        User::create(db, user(number)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_manifests_spare_the_documents_that_the_smaller_index_finds_in_vain() {
    let server = RedisServer::start(&[]).unwrap();
    let db = hundred(&server).await;
    let both = || User::query(&db).filter(|user| user.plan.eq("pro") & user.tags.has("rare"));
    let found = both().explain().await.unwrap();
    let ids: Vec<_> = found.result.iter().map(|user| user.id.as_str()).collect();
    assert_eq!(ids, ["u000", "u020", "u040", "u060", "u080"]);
    let profile = &found.profile;
    assert!(profile.plan.contains("tags"), "{}", profile.plan);
    // The tag names 20 documents; 15 of them are not read.
    assert_eq!((profile.requests.gets, profile.requests.lists), (5, 0));
    assert_eq!(
        (profile.candidates, profile.dropped, profile.ruled_out),
        (5, 0, 15)
    );
    // Two counts side by side, one page, one script over manifests: three trips.
    assert_eq!(profile.index_requests, 4);

    let ordered = both().order_by(|user| user.age.asc()).limit(2);
    assert_eq!(ordered.await.unwrap()[0].id, "u080");
    let many = User::query(&db)
        .filter(|user| user.plan.is_in(["free", "none"]))
        .order_by(|user| user.age.asc())
        .limit(40)
        .explain()
        .await
        .unwrap();
    assert_eq!(many.result.len(), 40);
    assert!(
        many.profile.plan.contains("in its order"),
        "{}",
        many.profile.plan
    );
    assert_eq!(
        many.profile.requests.gets, 41,
        "one more tells whether more follow"
    );
    assert_eq!((many.profile.dropped, many.profile.ruled_out), (0, 15));
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_a_transaction_reads_what_a_manifest_would_rule_out() {
    let server = RedisServer::start(&[]).unwrap();
    let db = hundred(&server).await;
    // What comes to match while the transaction is under way must be a conflict, so every candidate is read.
    let attempts = AtomicU64::new(0);
    let found = db
        .transaction(|tx| async {
            let tx = tx;
            let found = User::query(&tx)
                .filter(|user| user.plan.eq("pro") & user.tags.has("rare"))
                .await?;
            if attempts.fetch_add(1, Ordering::SeqCst) == 0 {
                let turn_pro = |user: &mut User| {
                    user.plan = "pro".to_owned();
                    Ok(())
                };
                User::update(&db, &"u005".to_owned(), turn_pro).await?;
            }
            User::create(&tx, User::new("counted").tags(&[&found.len().to_string()])).await?;
            Ok(found.len())
        })
        .await;
    assert_eq!((found.unwrap(), attempts.into_inner()), (6, 2));
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_no_document_is_ruled_out_by_what_was_committed_before_a_pending_write() {
    let server = RedisServer::start(&[]).unwrap();
    let index = Untold::on(&server).await;
    let db = index.open().await;
    let (questions, mut latest) = drawn();
    for user in &latest {
        User::create(&db, user.clone()).await.unwrap();
    }
    // From here on two of three outcomes are not told, so that values are in announcements only.
    index.told.store(3, Ordering::SeqCst);
    let mut runner = TestRunner::deterministic();
    let mut ruled_out = 0;
    for round in questions.chunks(15) {
        let drawn = users().new_tree(&mut runner).unwrap().current();
        for (user, other) in latest.iter_mut().zip(drawn) {
            user.plan = other.plan;
            user.age = other.age;
            user.tags = other.tags;
            user.team = other.team;
            User::overwrite(&db, user.clone()).await.unwrap();
        }
        for question in round {
            question
                .check(&db, &latest, "Redis with pending writers")
                .await;
        }
        let profiles = db.profiler().recent();
        ruled_out += profiles.iter().map(|query| query.ruled_out).sum::<u64>();
        db.profiler().clear();
    }
    assert!(ruled_out > 100, "only {ruled_out} documents were ruled out");
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s33_a_write_tells_redis_twice_and_one_that_changes_no_index_once() {
    let server = RedisServer::start(&[]).unwrap();
    let db = Untold::on(&server).await.open().await;
    User::create(&db, user(0)).await.unwrap();
    let created = User::create(&db, user(1)).explain().await.unwrap();
    assert_eq!(
        (
            created.profile.requests.puts(),
            created.profile.index_requests
        ),
        (2, 2)
    );
    let mut user = created.result;
    user.plan = "gold".into();
    let moved = user.save(&db).explain().await.unwrap().profile;
    assert_eq!((moved.requests.puts(), moved.index_requests), (1, 2));
    user.marks.push(1);
    let marked = user.save(&db).explain().await.unwrap().profile;
    assert_eq!((marked.requests.puts(), marked.index_requests), (1, 1));
    db.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s32_without_manifests_nothing_is_ruled_out_and_nothing_is_missing() {
    let server = RedisServer::start(&[]).unwrap();
    let index = Untold::on(&server).await;
    let db = hundred_in(&index).await;
    index.is_mute.store(true, Ordering::SeqCst);
    let both = User::query(&db).filter(|user| user.plan.eq("pro") & user.tags.has("rare"));
    let found = both.explain().await.unwrap();
    assert_eq!(found.result.len(), 5);
    assert_eq!(
        (found.profile.requests.gets, found.profile.ruled_out),
        (20, 0)
    );
    db.close().await;
}

/// Manifests of an earlier moment would rule out what came to match since then, if anybody believed them.
#[tokio::test(flavor = "multi_thread")]
async fn s32_manifests_of_a_snapshot_rule_nothing_out() {
    let mut server = RedisServer::start(&[]).unwrap();
    let builder = Untold::on(&server).await.builder();
    let builder = builder.in_flight_bound(Duration::from_secs(1));
    let db = builder.open().await.unwrap();
    fill(&db).await;
    let mut admin = server.connect().unwrap();
    redis::cmd("SAVE").exec(&mut admin).unwrap();
    let turn_pro = |user: &mut User| {
        user.plan = "pro".to_owned();
        Ok(())
    };
    User::update(&db, &"u005".to_owned(), turn_pro)
        .await
        .unwrap();
    server.restart().unwrap();
    // Until Redis has taken in what changed, which waits for 5 s and the in-flight bound.
    for _ in 0..400 {
        let both = User::query(&db).filter(|user| user.plan.eq("pro") & user.tags.has("rare"));
        let found = both.explain().await.unwrap();
        let ids: Vec<_> = found.result.iter().map(|user| user.id.as_str()).collect();
        assert_eq!(ids, ["u000", "u005", "u020", "u040", "u060", "u080"]);
        if (found.profile.requests.lists, found.profile.ruled_out) == (0, 14) {
            return db.close().await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("Redis was not used again within 40 s");
}
