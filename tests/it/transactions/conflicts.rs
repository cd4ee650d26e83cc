//! What becomes of a transaction when others were faster.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use smarterbase::{Error, Result, prelude::*};
use smarterbase_core::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt as PutAttempt, Capabilities, CasStore, Changed, Expect, ListPage, Object,
        StoreError,
    },
};
use smarterbase_testkit::{Fault, FaultStore, sweep::World};
use tokio::sync::Notify;

use super::{check, open, users};
use crate::user::{User, id};

#[tokio::test(start_paused = true)]
async fn a_transaction_runs_again_when_others_were_faster() {
    let (world, db) = open().await;
    users(&db, &["ada", "bob"]).await;
    let runs = AtomicU32::new(0);
    let (db_ref, runs_ref) = (&db, &runs);
    db.transaction(|tx| async move {
        let ada = User::get(&tx, &id("ada")).required().await?;
        if runs_ref.fetch_add(1, Ordering::Relaxed) == 0 {
            User::update(db_ref, &id("ada"), |ada| {
                ada.marks.push(1);
                Ok(())
            })
            .await?;
        }
        let mut bob = User::get(&tx, &id("bob")).required().await?;
        bob.marks = ada.marks.clone();
        bob.save(&tx).await
    })
    .await
    .unwrap();
    assert_eq!(runs.into_inner(), 2);
    let bob = User::get(&db, &id("bob")).required().await.unwrap();
    assert_eq!(bob.marks, [1]);
    assert_eq!(db.transaction_counts().conflicts, 1);
    check(&world, db).await;
}

#[tokio::test(start_paused = true)]
async fn an_error_of_reads_that_do_not_fit_together_never_comes_out() {
    let (world, db) = open().await;
    users(&db, &["ada", "bob"]).await;
    let runs = AtomicU32::new(0);
    let (db_ref, runs_ref) = (&db, &runs);
    let sum = db
        .snapshot(|tx| async move {
            let ada = User::get(&tx, &id("ada")).required().await?;
            if runs_ref.fetch_add(1, Ordering::Relaxed) == 0 {
                for key in ["ada", "bob"] {
                    User::update(db_ref, &id(key), |user| {
                        user.age += 1;
                        Ok(())
                    })
                    .await?;
                }
            }
            let bob = User::get(&tx, &id("bob")).required().await?;
            match ada.age == bob.age {
                true => Ok(ada.age + bob.age),
                false => Err(Error::abort(std::io::Error::other("impossible"))),
            }
        })
        .await
        .unwrap();
    assert_eq!(sum, 62);
    check(&world, db).await;
}

/// Whatever the store does to the check of what was read: an error that may only come of reads that do not fit together
/// does not come out unchecked.
#[tokio::test(start_paused = true)]
async fn an_error_that_could_not_be_checked_gives_way_to_the_failure_of_the_check() {
    let mut failed_checks = 0;
    for call in 0.. {
        let (world, clean) = open().await;
        users(&clean, &["ada", "bob"]).await;
        let store = FaultStore::at(world.store.clone(), call, Fault::Deny);
        let store = Arc::new(store);
        let Ok(db) = world.builder(2, store.clone()).open().await else {
            continue;
        };
        match sum_while_others_write(&db, &clean).await {
            Ok(sum) => assert_eq!(sum, 62),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Denied, "call {call}: {error}");
                failed_checks += 1;
            }
        }
        if !store.was_hit() {
            break;
        }
    }
    assert!(failed_checks > 2, "{failed_checks}");
}

/// Two users that are always of the same age are read while both grow older.
async fn sum_while_others_write(db: &Db, others: &Db) -> Result<u32> {
    let runs = &AtomicU32::new(0);
    db.snapshot(|tx| async move {
        let ada = User::get(&tx, &id("ada")).required().await?;
        if runs.fetch_add(1, Ordering::Relaxed) == 0 {
            others
                .transaction(|tx| async move { grow_older(&tx).await })
                .await?;
        }
        let bob = User::get(&tx, &id("bob")).required().await?;
        match ada.age == bob.age {
            true => Ok(ada.age + bob.age),
            false => Err(Error::abort(std::io::Error::other("impossible"))),
        }
    })
    .await
}

async fn grow_older(tx: &smarterbase::Tx) -> Result<()> {
    for key in ["ada", "bob"] {
        User::update(tx, &id(key), |user| {
            user.age += 1;
            Ok(())
        })
        .await?;
    }
    Ok(())
}

type StoreResult<T, E> = std::result::Result<T, E>;

/// A store in which the second look at one object, which was not there at the first, waits until another object was validated,
/// and until something happened then. A first look asks for anything but no version; a second one at nothing is a GET.
#[derive(Debug)]
struct LateSecondLook {
    inner: Arc<dyn CasStore>,
    late: Key,
    gets: AtomicU32,
    validated: (Key, Notify),
    reached: Notify,
    go_on: Notify,
}

impl LateSecondLook {
    fn new(world: &World, late: &str, validated: &str) -> Self {
        let key = |text: &str| Key::from_stored(format!("users/{text}.json"));
        Self {
            inner: world.store.clone(),
            late: key(late),
            gets: AtomicU32::new(0),
            validated: (key(validated), Notify::new()),
            reached: Notify::new(),
            go_on: Notify::new(),
        }
    }
}

#[async_trait::async_trait]
impl CasStore for LateSecondLook {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn get(&self, key: &Key) -> StoreResult<Option<Object>, StoreError> {
        if *key == self.late && self.gets.fetch_add(1, Ordering::Relaxed) == 0 {
            self.validated.1.notified().await;
            self.reached.notify_one();
            self.go_on.notified().await;
        }
        self.inner.get(key).await
    }
    async fn get_if_changed(
        &self,
        key: &Key,
        version: &Version,
    ) -> StoreResult<Changed, StoreError> {
        let answer = self.inner.get_if_changed(key, version).await;
        if *key == self.validated.0 && *version != Version::default() {
            self.validated.1.notify_one();
        }
        answer
    }
    async fn put(&self, key: &Key, expect: &Expect, body: bytes::Bytes) -> PutAttempt {
        self.inner.put(key, expect, body).await
    }
    async fn delete_if(&self, key: &Key, version: &Version) -> PutAttempt {
        self.inner.delete_if(key, version).await
    }
    async fn delete_retired(&self, key: &Key) -> StoreResult<(), StoreError> {
        self.inner.delete_retired(key).await
    }
    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> StoreResult<ListPage, StoreError> {
        self.inner.list(prefix, after, limit).await
    }
}

/// Without its tombstone's revision a snapshot would see ada's ten years nowhere: not yet hers, and not bob's any more.
#[tokio::test(start_paused = true)]
async fn a_document_that_came_and_went_since_it_was_not_there_is_a_conflict() {
    let (world, others) = open().await;
    users(&others, &["bob"]).await;
    let store = Arc::new(LateSecondLook::new(&world, "ada", "bob"));
    let db = world.builder(2, store.clone()).open().await.unwrap();
    let runs = &AtomicU32::new(0);
    let others = &others;
    // There are 30 years in all: bob's, or ten of them ada's.
    let looking = db.snapshot(|tx| async move {
        let ada = User::get(&tx, &id("ada")).await?.map_or(0, |ada| ada.age);
        if runs.fetch_add(1, Ordering::Relaxed) == 0 {
            others
                .transaction(|tx| async move { give_ada_ten_years(&tx).await })
                .await?;
        }
        let bob = User::get(&tx, &id("bob")).required().await?;
        Ok(ada + bob.age)
    });
    let meddling = async {
        store.reached.notified().await;
        let taking_back = others.transaction(|tx| async move { take_them_back(&tx).await });
        taking_back.await.unwrap();
        store.go_on.notify_one();
    };
    let (sum, ()) = tokio::join!(looking.into_future(), meddling);
    assert_eq!((sum.unwrap(), runs.load(Ordering::Relaxed)), (30, 2));
}

async fn give_ada_ten_years(tx: &smarterbase::Tx) -> Result<()> {
    let ada = User {
        age: 10,
        ..User::new("ada")
    };
    User::create(tx, ada).await?;
    age_bob(tx, |age| age - 10).await
}

async fn take_them_back(tx: &smarterbase::Tx) -> Result<()> {
    User::delete(tx, &id("ada")).await?;
    age_bob(tx, |age| age + 10).await
}

async fn age_bob(tx: &smarterbase::Tx, change: fn(u32) -> u32) -> Result<()> {
    let aged = User::update(tx, &id("bob"), |bob| {
        bob.age = change(bob.age);
        Ok(())
    });
    aged.await.map(drop)
}
