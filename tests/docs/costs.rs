//! The table of costs in the README, measured.

use std::{ops::AsyncFnOnce, sync::Arc};

use smarterbase::prelude::*;
use smarterbase_core::store::{MemoryStore, Requests};

use crate::repository::read;

/// Two indexes and a unique value.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "users")]
struct User {
    #[key]
    name: String,
    #[unique]
    email: String,
    #[index]
    plan: String,
    #[index(range)]
    age: u32,
    visits: u64,
}

/// No index.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "notes")]
struct Note {
    #[key(auto)]
    id: Id<Note>,
    text: String,
}

fn user(name: &str) -> User {
    User {
        name: name.to_owned(),
        email: format!("{name}@example.org"),
        plan: "pro".to_owned(),
        age: 36,
        visits: 0,
    }
}

fn note() -> Note {
    Note {
        id: Id::auto(),
        text: "short".to_owned(),
    }
}

async fn open(store: &Arc<MemoryStore>) -> Db {
    Db::builder()
        .store(store.clone())
        .open()
        .await
        .expect("memory opens")
}

/// A database with Ada, Grace and Joan.
async fn prepared() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    let db = open(&store).await;
    for name in ["ada", "grace", "joan"] {
        User::create(&db, user(name)).await.expect("it is new");
    }
    db.close().await;
    store
}

/// What `operation` costs once the catalogs are known, what happens after its reply included.
async fn cost(
    operation: impl AsyncFnOnce(&Db, Stored<User>) -> smarterbase::Result<()>,
) -> Requests {
    let db = open(&prepared().await).await;
    User::find_by_plan(&db, "pro")
        .page(1)
        .await
        .expect("it reads the catalog and the keys of cursors");
    Note::create(&db, note())
        .await
        .expect("it reads the catalog");
    let ada = User::get(&db, &"ada".to_owned())
        .required()
        .await
        .expect("she is there");
    let counts = db.clone();
    let before = counts.request_counts().snapshot();
    operation(&db, ada).await.expect("nothing fails here");
    db.close().await;
    counts.request_counts().snapshot() - before
}

macro_rules! table {
    ($($name:literal => |$db:ident, $ada:ident| $operation:expr;)*) => {
        async fn measured() -> Vec<(&'static str, Requests)> {
            vec![$(($name, cost(async |$db: &Db, $ada: Stored<User>| {
                let _ = $operation;
                Ok(())
            }).await)),*]
        }
    };
}

table! {
    "`get`, `exists`" => |db, ada| User::get(db, ada.key()).await?;
    "`create`, no index" => |db, _ada| Note::create(db, note()).await?;
    "`create`, two indexes and one unique value" => |db, _ada| User::create(db, user("mary")).await?;
    "`save` of an unchanged document" => |db, ada| { let mut ada = ada; ada.save(db).await? };
    "`save`, no indexed field changed" => |db, ada| { let mut ada = ada; ada.visits += 1; ada.save(db).await? };
    "`save`, one indexed field changed" => |db, ada| { let mut ada = ada; ada.age += 1; ada.save(db).await? };
    "`save`, the unique value changed" => |db, ada| { let mut ada = ada; ada.email = "a@example.org".into(); ada.save(db).await? };
    "`update`, no indexed field changed" => |db, ada| User::update(db, ada.key(), |ada| { ada.visits += 1; Ok(()) }).await?;
    "`delete`, two indexes and one unique value" => |db, ada| User::delete(db, ada.key()).await?;
    "`find_by_` a unique value" => |db, _ada| User::find_by_email(db, "ada@example.org").await?;
    "`find_by_` an index, 3 documents match" => |db, _ada| User::find_by_plan(db, "pro").await?;
    "the same, a page of 2" => |db, _ada| User::find_by_plan(db, "pro").page(2).await?;
    "`count_by_` an index, 3 documents match" => |db, _ada| User::count_by_plan(db, "pro").await?;
    "`list` or scan of 3 documents" => |db, _ada| User::list(db).await?;
    "`transaction`: one document read and saved" => |db, _ada| visit(db, &["ada"], &[]).await?;
    "`transaction`: one read and saved, one only read" => |db, _ada| visit(db, &["ada"], &["joan"]).await?;
    "`transaction`: two read and saved" => |db, _ada| visit(db, &["ada", "grace"], &[]).await?;
    "`snapshot` of 3 documents" => |db, _ada| db.snapshot(|tx| async move {
        for name in ["ada", "grace", "joan"] {
            User::get(&tx, &name.to_owned()).await?;
        }
        Ok(())
    }).await?;
}

/// Reads some documents and saves some of them, in one transaction.
async fn visit(db: &Db, visited: &[&str], read: &[&str]) -> smarterbase::Result<()> {
    db.transaction(|tx| async move {
        for name in read {
            User::get(&tx, &(*name).to_owned()).await?;
        }
        for name in visited {
            let mut user = User::get(&tx, &(*name).to_owned()).required().await?;
            user.visits += 1;
            user.save(&tx).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_costs_in_the_readme_are_what_is_measured() {
    let readme = read("README.md");
    let table = readme
        .split("| Operation | GET | PUT | DELETE | LIST |\n|---|---|---|---|---|\n")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .expect("the table of costs");
    let rows: Vec<String> = measured()
        .await
        .iter()
        .map(|(name, cost)| row(name, cost))
        .collect();
    assert_eq!(table, rows.join("\n"));
}

fn row(name: &str, cost: &Requests) -> String {
    let deletes = cost.deletes + cost.conditional_deletes;
    format!(
        "| {name} | {} | {} | {deletes} | {} |",
        cost.gets,
        cost.puts(),
        cost.lists
    )
}
