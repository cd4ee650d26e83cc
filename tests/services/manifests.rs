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
    port::IndexError,
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};
use smarterbase_testkit::{
    index::intercept::{Fate, IndexCall, Intercepted, Interceptor},
    server::redis::RedisServer,
};

use crate::{conditions::drawn, question::users, user::User};

/// Many outcomes of writes are never told to Redis: their announcements stay pending for ever.
#[derive(Debug, Default)]
struct Untold {
    commits: AtomicU64,
    /// One of so many commits is told; 0 tells all.
    told: AtomicU64,
    /// Whether no manifest comes.
    is_mute: AtomicBool,
}

impl Untold {
    fn tells_this_commit(&self) -> bool {
        let number = self.commits.fetch_add(1, Ordering::SeqCst);
        let told = self.told.load(Ordering::SeqCst);
        told == 0 || number.is_multiple_of(told)
    }

    async fn open(self: &Arc<Self>, server: &RedisServer) -> Db {
        self.builder(server).await.open().await.unwrap()
    }

    async fn builder(self: &Arc<Self>, server: &RedisServer) -> DbBuilder {
        let options = RedisOptions::from_url(&server.url()).unwrap();
        let redis = RedisIndex::open(options).await.unwrap();
        let index = Intercepted::new(Arc::new(redis), self.clone());
        let builder = Db::builder().store(Arc::new(MemoryStore::new()));
        builder.index(Arc::new(index))
    }
}

#[async_trait]
impl Interceptor for Untold {
    async fn before(&self, call: IndexCall) -> Fate {
        match call {
            IndexCall::Commit if !self.tells_this_commit() => Fate::Swallow,
            IndexCall::Manifests if self.is_mute.load(Ordering::SeqCst) => {
                Fate::Fail(IndexError::Unavailable("mute".to_owned()))
            }
            _ => Fate::Pass,
        }
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
    hundred_in(&Arc::default(), server).await
}

async fn hundred_in(untold: &Arc<Untold>, server: &RedisServer) -> Db {
    let db = untold.open(server).await;
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
    let untold = Arc::<Untold>::default();
    let db = untold.open(&server).await;
    let (questions, mut latest) = drawn();
    for user in &latest {
        User::create(&db, user.clone()).await.unwrap();
    }
    // From here on two of three outcomes are not told, so that values are in announcements only.
    untold.told.store(3, Ordering::SeqCst);
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
    let db = Arc::<Untold>::default().open(&server).await;
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
    let untold = Arc::<Untold>::default();
    let db = hundred_in(&untold, &server).await;
    untold.is_mute.store(true, Ordering::SeqCst);
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
    let builder = Arc::<Untold>::default().builder(&server).await;
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
