//! Definitions that change while an older and a newer program run side by side.

use std::{sync::Arc, time::Duration};

use smarterbase::prelude::*;
use smarterbase_testkit::sweep::{Latencies, LatentStore, World};

use crate::{
    tasks::{OldTask, on_read::Task, path, world_with},
    world::{assert_sound, json, swap, text},
};

/// The rule of the first deploy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "members")]
struct Exact {
    #[key]
    id: String,
    #[unique]
    email: String,
}

/// The second deploy declares both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "members")]
struct Both {
    #[key]
    id: String,
    #[unique]
    #[unique(lower, name = by_address)]
    email: String,
}

/// The third deploy has only the new one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "members")]
struct Folded {
    #[key]
    id: String,
    #[unique(lower, name = by_address)]
    email: String,
}

macro_rules! writer {
    ($name:ident, $type:ident) => {
        /// Creates, changes and removes members until it is told to stop; every write must be taken.
        async fn $name(db: Db, prefix: &str, rounds: usize) {
            for round in 0..rounds {
                let id = format!("{prefix}-{round}");
                let member = $type {
                    id: id.clone(),
                    email: format!("{id}@example.org"),
                };
                $type::create(&db, member).await.unwrap();
                $type::update(&db, &id, |member| {
                    member.email = format!("New-{}", member.email);
                    Ok(())
                })
                .await
                .unwrap();
                if round % 3 == 0 {
                    assert!($type::delete(&db, &id).await.unwrap());
                }
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
        }
    };
}
writer!(write_exact, Exact);
writer!(write_both, Both);
writer!(write_folded, Folded);

async fn client(world: &World, number: u64) -> Db {
    let latencies = Latencies::CONTRACT;
    let latent = Arc::new(LatentStore::exact(world.store.clone(), latencies));
    world.builder(number, latent).open().await.unwrap()
}

fn is_taken(error: &smarterbase::Error) -> bool {
    error.kind() == ErrorKind::Unique
}

#[tokio::test(start_paused = true)]
async fn s10_a_unique_definition_changes_through_rolling_deploys_without_a_duplicate_or_a_refused_write()
 {
    let world = World::new(11);
    let (one, two, three) = (
        client(&world, 1).await,
        client(&world, 2).await,
        client(&world, 3).await,
    );
    let ada = |id: &str, email: &str| Exact {
        id: id.to_owned(),
        email: email.to_owned(),
    };
    Exact::create(&one, ada("ada", "Ada@example.org"))
        .await
        .unwrap();
    // Deploy 1: the program that declares both runs beside the first one. The new rule is pending and stops nobody.
    tokio::join!(
        write_exact(one.clone(), "one", 8),
        write_both(two.clone(), "two", 8)
    );
    Exact::create(&one, ada("eve", "ada@example.org"))
        .await
        .unwrap();
    let taken = Exact::create(&one, ada("x", "ada@example.org"))
        .await
        .unwrap_err();
    assert!(is_taken(&taken), "the old rule holds: {taken}");
    one.close().await;

    // Only it is left. It makes the rule hold while it goes on writing.
    let (named, ()) = tokio::join!(
        async { two.rebuild_indexes::<Both>().await },
        write_both(two.clone(), "more", 60),
    );
    let named = named.unwrap_err();
    assert!(is_taken(&named), "{named}");
    assert!(named.to_string().contains("ada") && named.to_string().contains("eve"));
    Both::update(&two, &"eve".to_owned(), |member| {
        member.email = "eve@example.org".to_owned();
        Ok(())
    })
    .await
    .unwrap();
    let (built, ()) = tokio::join!(
        async { two.rebuild_indexes::<Both>().await },
        write_both(two.clone(), "rest", 60),
    );
    assert!(built.unwrap().built[0].starts_with("by-address-"));
    let both = |id: &str, email: &str| Both {
        id: id.to_owned(),
        email: email.to_owned(),
    };
    let taken = Both::create(&two, both("x", "ADA@example.org"))
        .await
        .unwrap_err();
    assert!(is_taken(&taken), "the new rule holds: {taken}");

    // Deploy 2: before the program without the old rule writes, the rule is retired.
    let definitions = three.definitions::<Folded>().await.unwrap();
    let old = definitions.iter().find(|one| !one.is_declared).unwrap();
    assert_eq!(old.state, Some("ready"));
    assert!(three.retire::<Folded>(&old.name).await.unwrap());
    tokio::join!(
        write_both(two.clone(), "last", 20),
        write_folded(three.clone(), "three", 20)
    );
    for id in ["y", "z"] {
        let folded = Folded {
            id: id.to_owned(),
            email: "aDA@example.org".to_owned(),
        };
        let taken = Folded::create(&three, folded).await.unwrap_err();
        assert!(is_taken(&taken), "{taken}");
        let taken = Both::create(&two, both(id, "adA@example.org"))
            .await
            .unwrap_err();
        assert!(is_taken(&taken), "{taken}");
    }
    two.close().await;
    three.close().await;
    assert_sound::<Folded>(&world).await;
    let db = world.open(9).await;
    let found = Folded::find_by_address(&db, "ada@EXAMPLE.org")
        .await
        .unwrap();
    assert_eq!(found.unwrap().id, "ada");
}

#[tokio::test(start_paused = true)]
async fn s11_the_same_hash_with_another_text_is_refused() {
    let world = world_with(&["a"]).await;
    let catalog = text(&world, "_sys/collection/tasks.json").await;
    let other = catalog.replace(r#"\"name\":\"slug\""#, r#"\"name\":\"glus\""#);
    assert_ne!(catalog, other);
    swap(&world, "_sys/collection/tasks.json", &other).await;
    let db = world.open(1).await;
    let refused = OldTask::find_by_slug(&db, "slug-a").await.unwrap_err();
    assert_eq!(refused.code(), "SB-DRIFT");
    let refused = OldTask::delete(&db, &"a".to_owned()).await.unwrap_err();
    assert_eq!(refused.code(), "SB-DRIFT");
}

#[tokio::test(start_paused = true)]
async fn s02_an_upgrade_names_the_catalog_that_it_used() {
    let world = world_with(&["a"]).await;
    let before = json(&world, &path("a")).await["_sb"]["catalog"].clone();
    let db = world.open(1).await;
    db.migrate::<Task>().raise_floor().await.unwrap();
    let raised = json(&world, "_sys/collection/tasks.json").await["_sb"]["rev"].clone();
    let after = json(&world, &path("a")).await["_sb"]["catalog"].clone();
    assert_eq!(after, raised);
    assert!(after.as_u64() > before.as_u64(), "{before} {after}");
    // It came before the definition was built, so it lists no entry of it; the rebuild gives it one.
    let listed = async || json(&world, &path("a")).await["_sb"]["index"].to_string();
    assert!(!listed().await.contains("hours-"));
    db.rebuild_indexes::<Task>().await.unwrap();
    assert_eq!(Task::find_by_hours(&db, 8).await.unwrap().len(), 1);
    Task::update(&db, &"a".to_owned(), |task| {
        task.hours = 9;
        Ok(())
    })
    .await
    .unwrap();
    assert!(listed().await.contains("hours-"));
    assert_sound::<Task>(&world).await;
}
