//! Programs that differ in their embedded types, or not even in these, over one collection: who writes what again.

use std::sync::Arc;

use smarterbase::prelude::*;
use smarterbase_testkit::{FaultStore, sweep::World};

use crate::{
    v1, v2,
    world::{assert_sound, json, settle, text},
};

/// One program's card: every one of them writes back what it finds outdated.
macro_rules! card {
    ($module:ident, $address:ident, $status:ident $(, $more:ident)?) => {
        pub(crate) mod $module {
            use smarterbase::prelude::*;

            #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
            #[document(name = "cards", upgrade = write_back)]
            pub(crate) struct Card {
                #[key]
                pub(crate) id: String,
                pub(crate) home: crate::$address::Address,
                #[index]
                pub(crate) status: crate::$status::Status,
                $(pub(crate) $more: Option<u8>,)?
            }
        }
    };
}
card!(older, v1, v1);
card!(newer, v2, v2);
card!(left, v2, v1);
card!(right, v1, v2);
// Another draft of version 1: nobody can say which of the two is newer.
card!(draft, v1, v1, note);

fn id(id: &str) -> String {
    id.to_owned()
}

fn old_card(name: &str) -> older::Card {
    older::Card {
        id: id(name),
        home: v1::address("Dorset Street"),
        status: v1::Status::Free,
    }
}

fn new_card(name: &str) -> newer::Card {
    newer::Card {
        id: id(name),
        home: v2::address("Dorset Street"),
        status: v2::Status::Basic,
    }
}

fn path(name: &str) -> String {
    format!("cards/{name}.json")
}

async fn revision(world: &World, name: &str) -> u64 {
    json(world, &path(name)).await["_sb"]["rev"]
        .as_u64()
        .unwrap()
}

/// A program, whose swaps are counted.
async fn program(world: &World, client: u64) -> (Arc<FaultStore>, Db) {
    let store = Arc::new(FaultStore::recording(world.store.clone()));
    let db = world.builder(client, store.clone()).open().await.unwrap();
    (store, db)
}

fn swaps(store: &FaultStore) -> usize {
    let is_of_a_card = |line: &&String| line.contains("Swap cards/");
    store.log().lines().iter().filter(is_of_a_card).count()
}

/// Reads the card with both programs in turn, often; errors are as good as answers here.
macro_rules! read_in_turn {
    ($one:ident, $one_db:expr, $other:ident, $other_db:expr) => {
        for _ in 0..10 {
            drop($one::Card::get($one_db, &id("a")).await);
            settle().await;
            drop($other::Card::get($other_db, &id("a")).await);
            settle().await;
        }
    };
}

#[tokio::test(start_paused = true)]
async fn a_document_is_written_back_once_for_an_embedded_version_and_never_back() {
    let world = World::new(1);
    let (old_swaps, old_db) = program(&world, 1).await;
    let (new_swaps, new_db) = program(&world, 2).await;
    older::Card::create(&old_db, old_card("a")).await.unwrap();
    read_in_turn!(older, &old_db, newer, &new_db);
    assert_eq!((swaps(&old_swaps), swaps(&new_swaps)), (0, 1));
    let stored = json(&world, &path("a")).await;
    assert_eq!(
        stored["_sb"]["embedded"],
        serde_json::json!({"Address": 2, "Status": 2})
    );
    assert_eq!(revision(&world, "a").await, 2);
}

#[tokio::test(start_paused = true)]
async fn what_each_of_two_programs_is_ahead_in_is_written_back_by_neither() {
    let world = World::new(1);
    let (left_swaps, left_db) = program(&world, 1).await;
    let (right_swaps, right_db) = program(&world, 2).await;
    let card = left::Card {
        id: id("a"),
        home: v2::address("Dorset Street"),
        status: v1::Status::Free,
    };
    left::Card::create(&left_db, card).await.unwrap();
    let before = text(&world, &path("a")).await;
    read_in_turn!(left, &left_db, right, &right_db);
    assert_eq!((swaps(&left_swaps), swaps(&right_swaps)), (0, 0));
    assert_eq!(text(&world, &path("a")).await, before);
}

#[tokio::test(start_paused = true)]
async fn two_drafts_of_one_version_do_not_write_back_each_others_documents() {
    let world = World::new(1);
    let (one_swaps, one_db) = program(&world, 1).await;
    let (other_swaps, other_db) = program(&world, 2).await;
    older::Card::create(&one_db, old_card("a")).await.unwrap();
    read_in_turn!(older, &one_db, draft, &other_db);
    assert_eq!((swaps(&one_swaps), swaps(&other_swaps)), (0, 0));
    let plan = other_db.migrate::<draft::Card>().plan().await.unwrap();
    assert_eq!(plan.outdated, 0);
    let run = other_db.migrate::<draft::Card>().await.unwrap();
    assert_eq!((run.documents, run.upgraded), (1, 0));
    assert_eq!(store_creates(&one_swaps), 1);
}

fn store_creates(store: &FaultStore) -> usize {
    let is_of_a_card = |line: &&String| line.contains("Create cards/");
    store.log().lines().iter().filter(is_of_a_card).count()
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_by_an_older_program_counts_what_is_newer_and_leaves_it() {
    let world = World::new(1);
    let (_, old_db) = program(&world, 1).await;
    let (_, new_db) = program(&world, 2).await;
    older::Card::create(&old_db, old_card("a")).await.unwrap();
    newer::Card::create(&new_db, new_card("b")).await.unwrap();
    let plan = old_db.migrate::<older::Card>().plan().await.unwrap();
    assert_eq!((plan.outdated, plan.newer), (0, 1));
    let run = old_db.migrate::<older::Card>().await.unwrap();
    assert_eq!((run.documents, run.upgraded, run.newer), (2, 0, 1));
    assert_eq!(revision(&world, "b").await, 1);
    let plan = new_db.migrate::<newer::Card>().plan().await.unwrap();
    assert_eq!((plan.outdated, plan.newer), (1, 0));
    let run = new_db.migrate::<newer::Card>().await.unwrap();
    assert_eq!((run.documents, run.upgraded, run.newer), (2, 1, 0));
    assert_sound::<newer::Card>(&world).await;
}

/// What an older program cannot write any more, although its document has the version of today.
async fn assert_refused(world: &World, client: u64, part: &str) {
    let (_, old_db) = program(world, client).await;
    let refused = older::Card::create(&old_db, old_card("late")).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), "SB-UNSUPPORTED-SCHEMA");
    let wanted = format!(
        "`Card` writes version 1 of the embedded `{part}` here, but the collection takes only 2"
    );
    assert!(refused.to_string().contains(&wanted), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn the_floor_holds_for_embedded_versions_too() {
    let world = World::new(1);
    let (_, old_db) = program(&world, 1).await;
    let (_, new_db) = program(&world, 2).await;
    older::Card::create(&old_db, old_card("a")).await.unwrap();
    let upgrade = new_db.migrate::<newer::Card>().raise_floor();
    assert_eq!(upgrade.await.unwrap().upgraded, 1);
    let catalog = json(&world, "_sys/collection/cards.json").await;
    assert_eq!(catalog["writable_from"], 1);
    assert_eq!(
        catalog["embedded_from"],
        serde_json::json!({"Address": 2, "Status": 2})
    );
    // Also a program that had a copy of the catalog from before.
    let refused = older::Card::create(&old_db, old_card("b")).await;
    assert_eq!(refused.unwrap_err().code(), "SB-UNSUPPORTED-SCHEMA");
    assert_refused(&world, 3, "Address").await;
    newer::Card::create(&new_db, new_card("c")).await.unwrap();
    let plan = new_db.migrate::<newer::Card>().plan().await.unwrap();
    assert_eq!((plan.outdated, plan.newer), (0, 0));
    // Nobody lowers it again.
    let (_, left_db) = program(&world, 4).await;
    let upgrade = left_db.migrate::<left::Card>().raise_floor();
    assert_eq!(upgrade.await.unwrap().newer, 2);
    assert_refused(&world, 5, "Address").await;
}

#[tokio::test(start_paused = true)]
async fn a_new_definition_over_values_of_an_embedded_type_waits_for_its_floor() {
    let world = World::new(1);
    let (_, old_db) = program(&world, 1).await;
    let (_, new_db) = program(&world, 2).await;
    older::Card::create(&old_db, old_card("a")).await.unwrap();
    let waits = new_db.rebuild_indexes::<newer::Card>().await.unwrap_err();
    assert_eq!(waits.code(), "SB-DEFINITION");
    let wanted = "values that version 2 of the embedded `Status` makes, but programs with version 1 of it may still write";
    assert!(waits.to_string().contains(wanted), "{waits}");
    older::Card::create(&old_db, old_card("b")).await.unwrap();
    let upgrade = new_db.migrate::<newer::Card>().raise_floor();
    assert_eq!(upgrade.await.unwrap().upgraded, 2);
    let built = new_db.rebuild_indexes::<newer::Card>().await.unwrap().built;
    assert!(
        built.len() == 1 && built[0].starts_with("status-"),
        "{built:?}"
    );
    let basic = newer::Card::find_by_status(&new_db, v2::Status::Basic).await;
    assert_eq!(basic.unwrap().len(), 2);
    assert_sound::<newer::Card>(&world).await;
}

mod recent {
    use smarterbase::prelude::*;

    /// Does not read version 1.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Embedded)]
    #[embedded(
        schema_dir = "tests/migrations/schema/v2",
        version = 2,
        min_version = 2
    )]
    pub(crate) struct Address {
        pub(crate) street: String,
        pub(crate) postal_code: String,
        pub(crate) country: String,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
    #[document(name = "cards")]
    pub(crate) struct Card {
        #[key]
        pub(crate) id: String,
        pub(crate) home: Address,
        #[index]
        pub(crate) status: crate::v2::Status,
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_maker_of_a_collection_cannot_read_nobody_may_write() {
    let world = World::new(1);
    let (_, db) = program(&world, 1).await;
    let card = recent::Card {
        id: id("a"),
        home: recent::Address {
            street: id("Dorset Street"),
            postal_code: id("12345"),
            country: id("GB"),
        },
        status: v2::Status::Basic,
    };
    recent::Card::create(&db, card).await.unwrap();
    let catalog = json(&world, "_sys/collection/cards.json").await;
    assert_eq!(catalog["embedded_from"], serde_json::json!({"Address": 2}));
    assert_refused(&world, 2, "Address").await;
}
