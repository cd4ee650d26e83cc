//! Bad input of every kind: the error says what to do, nothing changed, and no value of a field is in any text.

use std::{
    error::Error as _,
    fmt::{self, Write},
    sync::Arc,
};

use serde_json::{Value, json};
use smarterbase::{Error, Limits, prelude::*};
use smarterbase_core::{
    format::Key,
    port::{Attempt, Expect},
};
use smarterbase_testkit::{Fault, FaultStore, invariant, sweep::World};

use crate::{
    traced::Traced,
    user::{User, id},
};

/// What must never be seen in a text.
const SECRET: &str = "s3cr3t";
/// The same in the base32hex of index entries, without what depends on its neighbours.
const ENCODED: &str = "pj6ori6d";

/// Every text that an error can show.
fn texts(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, "{error}\n{error:?}\n").unwrap();
        cause = error.source();
    }
    for violation in error.violations() {
        writeln!(text, "{violation:?}").unwrap();
    }
    text
}

#[track_caller]
fn assert_keeps_secrets(text: &str) {
    let lower = text.to_lowercase();
    for secret in [SECRET, ENCODED] {
        assert!(!lower.contains(secret), "{secret} is in:\n{text}");
    }
}

/// A database with one user, and everything that is traced.
struct Bench {
    world: World,
    db: Db,
    traced: Traced,
    _guard: tracing::subscriber::DefaultGuard,
}

impl Bench {
    async fn new() -> Self {
        let traced = Traced::default();
        let guard = tracing::subscriber::set_default(traced.clone());
        let world = World::new(1);
        let limits = Limits {
            document_bytes: 4_096,
            ..Limits::default()
        };
        let db = world
            .builder(0, world.store.clone())
            .limits(limits)
            .open()
            .await
            .unwrap();
        User::create(&db, secret("ada")).await.unwrap();
        Self {
            world,
            db,
            traced,
            _guard: guard,
        }
    }

    /// The error is as expected, nothing changed, and nothing was told.
    async fn refuses<R: fmt::Debug>(
        &self,
        kind: ErrorKind,
        code: &str,
        act: impl AsyncFnOnce(&Db) -> Result<R, Error>,
    ) {
        let before = invariant::dump(&*self.world.store).await;
        let error = act(&self.db).await.expect_err(code);
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        assert_eq!((error.kind(), error.code()), (kind, code), "{error}");
        assert_eq!(
            invariant::dump(&*self.world.store).await,
            before,
            "{code} changed something"
        );
        assert_keeps_secrets(&texts(&error));
        assert_keeps_secrets(&self.traced.text());
    }

    async fn store(&self, path: &str, body: impl Into<bytes::Bytes>) {
        let key = Key::from_stored(path);
        let expect = match self.world.store.get(&key).await.unwrap() {
            Some(object) => Expect::Exactly(object.version),
            None => Expect::Absent,
        };
        assert!(matches!(
            self.world.store.put(&key, &expect, body.into()).await,
            Attempt::Applied(_)
        ));
    }

    async fn stored(&self, path: &str) -> Value {
        let object = self
            .world
            .store
            .get(&Key::from_stored(path))
            .await
            .unwrap()
            .unwrap();
        serde_json::from_slice(&object.bytes).unwrap()
    }
}

/// A user whose every field but the id is a secret.
fn secret(id: &str) -> User {
    User {
        team: Some(SECRET.into()),
        ..User::new(id)
            .email(&format!("{SECRET}-{id}@example.org"))
            .plan(SECRET)
            .tags(&[SECRET])
    }
}

#[tokio::test(start_paused = true)]
async fn ids_that_are_no_paths() {
    let bench = Bench::new().await;
    for bad in ["", "..", "a..b", &"x".repeat(201), &"Ä".repeat(40)] {
        let (kind, code) = (ErrorKind::Invalid, "SB-INVALID-ID");
        bench
            .refuses(kind, code, async |db| User::create(db, secret(bad)).await)
            .await;
        bench
            .refuses(kind, code, async |db| User::get(db, &id(bad)).await)
            .await;
        bench
            .refuses(kind, code, async |db| User::exists(db, &id(bad)).await)
            .await;
        bench
            .refuses(kind, code, async |db| User::delete(db, &id(bad)).await)
            .await;
        bench
            .refuses(kind, code, async |db| {
                User::update(db, &id(bad), |_| Ok(())).await
            })
            .await;
        bench
            .refuses(kind, code, async |db| User::upsert(db, secret(bad)).await)
            .await;
        bench
            .refuses(kind, code, async |db| {
                User::overwrite(db, secret(bad)).await
            })
            .await;
        bench
            .refuses(kind, code, async |db| {
                User::get_many(db, [id("ada"), id(bad)]).await
            })
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn documents_over_the_limit() {
    let bench = Bench::new().await;
    let large = |id| User {
        marks: (0..4_000).collect(),
        ..secret(id)
    };
    let (kind, code) = (ErrorKind::Invalid, "SB-TOO-LARGE");
    bench
        .refuses(kind, code, async |db| User::create(db, large("eve")).await)
        .await;
    bench
        .refuses(kind, code, async |db| User::upsert(db, large("ada")).await)
        .await;
    bench
        .refuses(kind, code, async |db| {
            User::overwrite(db, large("ada")).await
        })
        .await;
    let grow = |ada: &mut User| {
        ada.marks = (0..4_000).collect();
        Ok(())
    };
    bench
        .refuses(kind, code, async |db| {
            User::update(db, &id("ada"), grow).await
        })
        .await;
    let mut ada = User::get(&bench.db, &id("ada")).required().await.unwrap();
    ada.marks = (0..4_000).collect();
    bench
        .refuses(kind, code, async |db| ada.save(db).await)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_exists_and_a_value_that_is_held() {
    let bench = Bench::new().await;
    let without_claims = async || {
        let mut dump = invariant::dump(&*bench.world.store).await;
        dump.retain(|path, _| !path.starts_with("_unique/"));
        dump
    };
    // A claim that was taken for a create that failed is given back, not undone.
    let before = without_claims().await;
    for email in ["new@example.org", &secret("ada").email] {
        let error = User::create(&bench.db, secret("ada").email(email))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Conflict, "SB-EXISTS")
        );
        assert_keeps_secrets(&texts(&error));
    }
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(without_claims().await, before);
    User::create(&bench.db, secret("bob").email("new@example.org"))
        .await
        .unwrap();
    let eve = secret("eve").email(&format!("{SECRET}-ADA@example.org"));
    let before = invariant::dump(&*bench.world.store).await;
    let error = User::create(&bench.db, eve).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Unique, "SB-UNIQUE")
    );
    assert_keeps_secrets(&texts(&error));
    assert_eq!(invariant::dump(&*bench.world.store).await, before);
}

/// Everything that reads or writes the document finds the same thing wrong with it.
async fn is_unusable(bench: &Bench, kind: ErrorKind, code: &str) {
    let ada = || id("ada");
    bench
        .refuses(kind, code, async |db| User::get(db, &ada()).await)
        .await;
    bench
        .refuses(kind, code, async |db| User::get_many(db, [ada()]).await)
        .await;
    bench
        .refuses(kind, code, async |db| {
            User::update(db, &ada(), |_| Ok(())).await
        })
        .await;
    bench
        .refuses(kind, code, async |db| User::upsert(db, secret("ada")).await)
        .await;
    bench
        .refuses(kind, code, async |db| User::delete(db, &ada()).await)
        .await;
    bench
        .refuses(kind, code, async |db| User::list(db).await)
        .await;
    bench
        .refuses(kind, code, async |db| User::query(db).scan().await)
        .await;
    bench
        .refuses(kind, code, async |db| User::find_by_plan(db, SECRET).await)
        .await;
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_no_json() {
    let bench = Bench::new().await;
    for body in [
        &b"not json s3cr3t"[..],
        b"",
        b"[1, 2]",
        b"\xff\xfe",
        b"{\"plan\":\"s3cr3t\"",
        b"\"s3cr3t\"",
    ] {
        bench.store("users/ada.json", body).await;
        is_unusable(&bench, ErrorKind::Corrupt, "SB-CORRUPT").await;
    }
}

#[tokio::test(start_paused = true)]
async fn json_that_is_not_the_type() {
    let bench = Bench::new().await;
    let good = bench.stored("users/ada.json").await;
    for (member, value) in [
        ("age", json!("s3cr3t")),
        ("plan", json!(["s3cr3t"])),
        ("tags", json!({"s3cr3t": 1})),
        ("age", json!(-1)),
    ] {
        let mut bad = good.clone();
        bad[member] = value;
        bench.store("users/ada.json", bad.to_string()).await;
        is_unusable(&bench, ErrorKind::Corrupt, "SB-CORRUPT").await;
    }
    // `overwrite` replaces what cannot be decoded.
    User::overwrite(&bench.db, secret("ada")).await.unwrap();
    assert_eq!(
        *User::get(&bench.db, &id("ada")).await.unwrap().unwrap(),
        secret("ada")
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_with_another_id_than_its_path() {
    let bench = Bench::new().await;
    let mut stored = bench.stored("users/ada.json").await;
    stored["id"] = json!("s3cr3t-other");
    bench.store("users/ada.json", stored.to_string()).await;
    is_unusable(&bench, ErrorKind::Corrupt, "SB-CORRUPT-ID").await;
}

#[tokio::test(start_paused = true)]
async fn objects_of_a_newer_program() {
    let bench = Bench::new().await;
    let good = bench.stored("users/ada.json").await;
    for (member, value) in [("format", json!(2)), ("needs", json!(["time-travel"]))] {
        let mut newer = good.clone();
        newer["_sb"][member] = value;
        bench.store("users/ada.json", newer.to_string()).await;
        let (kind, code) = (ErrorKind::Unsupported, "SB-UNSUPPORTED-FORMAT");
        is_unusable(&bench, kind, code).await;
        bench
            .refuses(kind, code, async |db| {
                User::overwrite(db, secret("ada")).await
            })
            .await;
        bench
            .refuses(kind, code, async |db| User::exists(db, &id("ada")).await)
            .await;
    }
    let mut newer = good.clone();
    newer["_sb"]["schema"] = json!(9);
    bench.store("users/ada.json", newer.to_string()).await;
    is_unusable(&bench, ErrorKind::Unsupported, "SB-UNSUPPORTED-SCHEMA").await;
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_cannot_be_read() {
    let bench = Bench::new().await;
    let good = bench.stored("users/ada.json").await;
    let intent = json!({"transaction": "s3cr3t.1", "home": "record", "op": "put", "rev": 2, "members": 2,
        "write": "0123456789abcdefghij", "priority": [1, "s3cr3t"]});
    for (member, value) in [
        ("op", json!("s3cr3t")),
        ("home", json!("s3cr3t")),
        ("transaction", json!("../s3cr3t")),
        ("transaction", json!("")),
        ("priority", json!(1)),
    ] {
        let mut broken = good.clone();
        broken["_sb"]["intent"] = intent.clone();
        broken["_sb"]["intent"][member] = value;
        bench.store("users/ada.json", broken.to_string()).await;
        is_unusable(&bench, ErrorKind::Corrupt, "SB-CORRUPT").await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_only_database_changes_nothing() {
    let bench = Bench::new().await;
    let builder = bench.world.builder(3, bench.world.store.clone());
    let reader = builder.read_only(true).open().await.unwrap();
    let mut ada = User::get(&reader, &id("ada")).required().await.unwrap();
    let copy = ada.clone();
    ada.plan = "x".into();
    let (kind, code) = (ErrorKind::Refused, "SB-READ-ONLY");
    bench
        .refuses(kind, code, async |_| {
            User::create(&reader, secret("eve")).await
        })
        .await;
    bench
        .refuses(kind, code, async |_| {
            User::upsert(&reader, secret("ada")).await
        })
        .await;
    bench
        .refuses(kind, code, async |_| {
            User::overwrite(&reader, secret("ada")).await
        })
        .await;
    bench
        .refuses(kind, code, async |_| {
            User::update(&reader, &id("ada"), |_| Ok(())).await
        })
        .await;
    bench
        .refuses(kind, code, async |_| {
            User::delete(&reader, &id("ada")).await
        })
        .await;
    bench
        .refuses(kind, code, async |_| ada.save(&reader).await)
        .await;
    bench
        .refuses(kind, code, async |_| copy.remove(&reader).await)
        .await;
    bench
        .refuses(kind, code, async |_| {
            User::create_many(&reader, [secret("eve")]).await
        })
        .await;
    bench
        .refuses(kind, code, async |_| reader.rebuild_indexes::<User>().await)
        .await;
    bench
        .refuses(kind, code, async |_| reader.sweep::<User>().await)
        .await;
    assert_eq!(User::find_by_plan(&reader, SECRET).await.unwrap().len(), 1);
    assert!(reader.read_only_reason().is_some());
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_store_tell_no_values() {
    let bench = Bench::new().await;
    for fault in [
        Fault::Deny,
        Fault::Unavailable,
        Fault::LoseReply,
        Fault::ApplyLater,
        Fault::Throttle,
    ] {
        for first in 1..12 {
            let faults = (first..first + 2_000).map(|call| (call, fault));
            let store = Arc::new(FaultStore::with_faults(bench.world.store.clone(), faults));
            let db = bench.world.builder(first, store).open().await.unwrap();
            let replies = [
                User::create(&db, secret("eve")).await.map(drop),
                User::find_by_plan(&db, SECRET).await.map(drop),
                User::find_by_email(&db, SECRET).await.map(drop),
                User::upsert(&db, secret("ada")).await.map(drop),
            ];
            db.close().await;
            for error in replies.into_iter().filter_map(Result::err) {
                assert_keeps_secrets(&texts(&error));
            }
            User::delete(&bench.db, &id("eve")).await.unwrap();
        }
    }
    assert_keeps_secrets(&bench.traced.text());
    assert!(!bench.traced.text().is_empty(), "something was traced");
}

#[tokio::test(start_paused = true)]
async fn names_and_options_of_a_type_that_do_not_fit_the_stored_collection() {
    #[derive(Clone, Debug, Serialize, Deserialize, Document)]
    #[document(name = "users", shards = 16)]
    struct Sharded {
        #[key]
        id: String,
    }
    let bench = Bench::new().await;
    let other = bench.world.open(5).await;
    bench
        .refuses(ErrorKind::Misconfigured, "SB-DRIFT", async |_| {
            Sharded::create(&other, Sharded { id: "x".into() }).await
        })
        .await;
}
