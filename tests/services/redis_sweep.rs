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
    port::{IndexError, IndexStore},
    prelude::*,
    redis::{RedisIndex, RedisOptions},
    store::MemoryStore,
};
use smarterbase_testkit::{
    index::intercept::{Fate, IndexCall, Intercepted, Interceptor},
    server::redis::RedisServer,
};

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

/// The `k`th call from now meets a fault.
#[derive(Debug, Default)]
struct Faulty {
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

    fn next(&self) -> Option<Fault> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let mut plan = self.plan.lock().unwrap();
        let is_now = plan.is_some_and(|(at, _)| at == number);
        is_now.then(|| plan.take())?.map(|(_, fault)| fault)
    }
}

#[async_trait]
impl Interceptor for Faulty {
    async fn before(&self, _call: IndexCall) -> Fate {
        let lost = || IndexError::Unavailable("injected".into());
        match self.next() {
            None => Fate::Pass,
            Some(Fault::Before) => Fate::Fail(lost()),
            Some(Fault::After) => Fate::LoseReply(lost()),
            Some(Fault::CrashBefore) => Fate::CrashBefore,
            Some(Fault::CrashAfter) => Fate::CrashAfter,
        }
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
    let faulty = Arc::<Faulty>::default();
    let index = Intercepted::new(Arc::new(redis().await), faulty.clone());
    let db = open(&store, Arc::new(index)).await;
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
