//! Every fault at every Redis call of every verb: replies are true, and queries are right afterwards.
//!
//! The Redis is real; the faults are put between it and the engine.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::future::join_all;
use smarterbase::{
    Db, ErrorKind,
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

use super::Book;

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// It is not sent.
    Before,
    /// It is carried out, and its reply is lost.
    After,
    /// The client dies before it is sent.
    CrashBefore,
    /// The client dies after it was carried out.
    CrashAfter,
}

const FAULTS: [Fault; 4] = [
    Fault::Before,
    Fault::After,
    Fault::CrashBefore,
    Fault::CrashAfter,
];

/// A Redis index whose `k`th call from now meets a fault.
#[derive(Debug)]
struct Faulty {
    inner: RedisIndex,
    calls: AtomicU64,
    plan: Mutex<Option<(u64, Fault)>>,
}

impl Faulty {
    fn arm(&self, call: u64, fault: Fault) {
        self.calls.store(0, Ordering::SeqCst);
        *self.plan.lock().unwrap() = Some((call, fault));
    }

    /// Whether the fault was met.
    fn was_met(&self) -> bool {
        self.plan.lock().unwrap().is_none()
    }

    async fn meet<T>(
        &self,
        call: impl Future<Output = Result<T, IndexError>>,
    ) -> Result<T, IndexError> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let fault = {
            let mut plan = self.plan.lock().unwrap();
            let is_now = plan.is_some_and(|(at, _)| at == number);
            if is_now {
                plan.take().map(|(_, fault)| fault)
            } else {
                None
            }
        };
        let lost = || Err(IndexError::Unavailable("injected".into()));
        match fault {
            None => call.await,
            Some(Fault::Before) => lost(),
            Some(Fault::After) => call.await.and_then(|_| lost()),
            // A dead client does nothing more: neither a request nor a reply.
            Some(Fault::CrashBefore) => std::future::pending().await,
            Some(Fault::CrashAfter) => {
                let _ = call.await;
                std::future::pending().await
            }
        }
    }
}

#[async_trait]
impl IndexStore for Faulty {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn uses_tags(&self) -> bool {
        self.inner.uses_tags()
    }

    async fn instance(&self, collection: &IndexedCollection) -> Result<Option<String>, IndexError> {
        self.meet(self.inner.instance(collection)).await
    }

    async fn begin(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<String, IndexError> {
        self.meet(self.inner.begin(collection, placed, fresh, replacing))
            .await
    }

    async fn go_on(
        &self,
        collection: &IndexedCollection,
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<Option<String>, IndexError> {
        self.meet(self.inner.go_on(collection, fresh, replacing))
            .await
    }

    async fn known(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Vec<Option<String>>, IndexError> {
        self.meet(self.inner.known(collection, placed, ids)).await
    }

    async fn presence(
        &self,
        collection: &IndexedCollection,
        id: &EncodedId,
        placed: &[Placed],
        entries: &[IndexEntry],
    ) -> Result<Vec<Presence>, IndexError> {
        self.meet(self.inner.presence(collection, id, placed, entries))
            .await
    }

    async fn extend(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
    ) -> Result<(), IndexError> {
        self.meet(self.inner.extend(collection, placed)).await
    }

    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), IndexError> {
        self.meet(self.inner.announce(collection, announcement))
            .await
    }

    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), IndexError> {
        self.meet(self.inner.commit(collection, commit)).await
    }

    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> Result<ScanPage, IndexError> {
        self.meet(self.inner.scan(collection, scan)).await
    }

    async fn count(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        self.meet(self.inner.count(collection, placed, range)).await
    }

    async fn manifests(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Option<Manifests>, IndexError> {
        self.meet(self.inner.manifests(collection, placed, ids))
            .await
    }

    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError> {
        self.meet(self.inner.remove_stale(collection, placed, hit))
            .await
    }
}

type Act = for<'a> fn(&'a Db) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// A verb on book 1, which is on shelf `a` before (or not there), and what is there after it.
struct Verb {
    name: &'static str,
    exists: bool,
    act: Act,
    after: fn() -> Option<Book>,
}

fn one() -> String {
    "1".to_owned()
}

fn verbs() -> Vec<Verb> {
    vec![
        Verb {
            name: "create",
            exists: false,
            act: |db| {
                Box::pin(async move { Book::create(db, Book::new("1", "a")).await.map(drop) })
            },
            after: || Some(Book::new("1", "a")),
        },
        Verb {
            name: "save with a changed index",
            exists: true,
            act: |db| {
                Box::pin(async move {
                    let mut book = Book::get(db, &one()).required().await?;
                    book.shelf = "b".into();
                    book.save(db).await
                })
            },
            after: || Some(Book::new("1", "b")),
        },
        Verb {
            name: "update of a unique value",
            exists: true,
            act: |db| {
                Box::pin(async move {
                    let change = |book: &mut Book| {
                        book.isbn = "other".into();
                        Ok(())
                    };
                    Book::update(db, &one(), change).await.map(drop)
                })
            },
            after: || {
                Some(Book {
                    isbn: "other".into(),
                    ..Book::new("1", "a")
                })
            },
        },
        Verb {
            name: "upsert",
            exists: true,
            act: |db| {
                Box::pin(async move { Book::upsert(db, Book::new("1", "b")).await.map(drop) })
            },
            after: || Some(Book::new("1", "b")),
        },
        Verb {
            name: "delete",
            exists: true,
            act: |db| Box::pin(async move { Book::delete(db, &one()).await.map(drop) }),
            after: || None,
        },
    ]
}

async fn open(store: &MemoryStore, index: Arc<dyn IndexStore>) -> Db {
    let builder = Db::builder().store(Arc::new(store.clone())).index(index);
    builder
        .in_flight_bound(Duration::from_secs(1))
        .open()
        .await
        .unwrap()
}

/// Runs one verb with one fault. Gives whether the fault was met.
async fn attack(url: &str, verb: &Verb, call: u64, fault: Fault) -> bool {
    let store = MemoryStore::new();
    let redis = async || {
        RedisIndex::open(RedisOptions::from_url(url).unwrap())
            .await
            .unwrap()
    };
    let faulty = Arc::new(Faulty {
        inner: redis().await,
        calls: AtomicU64::new(0),
        plan: Mutex::new(None),
    });
    let db = open(&store, faulty.clone()).await;
    Book::create(&db, Book::new("bystander", "a"))
        .await
        .unwrap();
    if verb.exists {
        Book::create(&db, Book::new("1", "a")).await.unwrap();
    }
    let before = verb.exists.then(|| Book::new("1", "a"));
    faulty.arm(call, fault);
    let crashes = matches!(fault, Fault::CrashBefore | Fault::CrashAfter);
    let patience = Duration::from_secs(if crashes { 1 } else { 20 });
    let reply = tokio::time::timeout(patience, (verb.act)(&db)).await;

    let other = open(&store, Arc::new(redis().await)).await;
    let context = format!("{} with {fault:?} at call {call}: {reply:?}", verb.name);
    let now = Book::get(&other, &one())
        .await
        .unwrap()
        .map(|book| book.into_inner());
    match &reply {
        Ok(Ok(())) => assert_eq!(now, (verb.after)(), "{context}"),
        Ok(Err(error)) if error.kind() == ErrorKind::OutcomeUnknown => {}
        Ok(Err(_)) => assert_eq!(now, before, "{context}"),
        Err(_) => assert!(now == before || now == (verb.after)(), "{context}"),
    }
    right_answers(&other, &context).await;
    // Life goes on: the book can be written, and is found where it is.
    Book::upsert(&other, Book::new("1", "c")).await.unwrap();
    right_answers(&other, &context).await;
    faulty.was_met()
}

async fn right_answers(db: &Db, context: &str) {
    let all = Book::list(db).await.unwrap();
    for shelf in ["a", "b", "c"] {
        let found = Book::find_by_shelf(db, shelf).await.unwrap();
        let found: Vec<&str> = found.iter().map(|book| book.id.as_str()).collect();
        let there = all.iter().filter(|book| book.shelf == shelf);
        let there: Vec<&str> = there.map(|book| book.id.as_str()).collect();
        assert_eq!(found, there, "shelf {shelf} after {context}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_redis_call_of_every_verb_leaves_replies_true() {
    // More calls than any verb makes: the sweep must run off the end of each.
    const CALLS: u64 = 5;
    let server = RedisServer::start(&[]).unwrap();
    let url = server.url();
    let verbs = verbs();
    let attacks = verbs.iter().flat_map(|verb| {
        let url = &url;
        FAULTS.iter().flat_map(move |&fault| {
            (0..CALLS).map(move |call| async move {
                (verb.name, call, attack(url, verb, call, fault).await)
            })
        })
    });
    let met = join_all(attacks).await;
    for verb in &verbs {
        let calls = met
            .iter()
            .filter(|(name, _, was_met)| *name == verb.name && *was_met);
        let most = calls.map(|(_, call, _)| *call).max();
        assert!(
            most.is_some_and(|most| most < CALLS - 1),
            "{}: {most:?}",
            verb.name
        );
    }
}
