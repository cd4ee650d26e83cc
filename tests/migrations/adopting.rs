//! Documents that the Go library wrote: one JSON file each at `<entity>/<id>.json`, with the version in `_v`, or without one.
//! What has `_v` 0 or none there is version 1 here.

use smarterbase::{Db, prelude::*};
use smarterbase_testkit::sweep::World;

use crate::world::{json, put, settle, swap, text};

/// Its name splits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "users",
    schema_dir = "tests/migrations/schema/go",
    version = 2,
    migrate(1 => 2, split(name => (first_name, last_name), with = split_name)),
    adopt(version_field = "_v", base = 0),
    upgrade = write_back,
)]
struct User {
    #[key(auto)]
    id: Id<User>,
    first_name: String,
    #[index]
    last_name: String,
}

fn split_name(name: String) -> (String, String) {
    let (first, last) = name.split_once(' ').unwrap_or((&name, ""));
    (first.to_owned(), last.to_owned())
}

/// The chain of versions 0, 1, 2 and 3: a default, a split, and functions with types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "products",
    schema_dir = "tests/migrations/schema/go",
    version = 4,
    migrate(1 => 2, add(stock = 0)),
    migrate(2 => 3, split(name => (brand, product_name), with = split_name)),
    migrate(3 => 4, custom(price_lists, keeps(brand, stock))),
    adopt(version_field = "_v"),
)]
struct Product {
    #[key(auto)]
    id: Id<Product>,
    #[index]
    brand: String,
    product_name: String,
    #[field(opaque)]
    pricing: std::collections::BTreeMap<String, f64>,
    stock: i64,
}

fn price_lists(old: product_schema::V3) -> product_schema::V4 {
    product_schema::V4 {
        id: old.id,
        brand: old.brand,
        product_name: old.product_name,
        pricing: [
            ("retail".to_owned(), old.price),
            ("wholesale".to_owned(), old.price * 0.85),
        ]
        .into(),
        stock: old.stock,
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "orders",
    schema_dir = "tests/migrations/schema/go",
    version = 2,
    migrate(1 => 2, rename(price => total_amount)),
    adopt(version_field = "_v", base = 0),
)]
struct Order {
    #[key(auto)]
    id: Id<Order>,
    #[index(range)]
    total_amount: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "configs",
    schema_dir = "tests/migrations/schema/go",
    version = 2,
    migrate(1 => 2, remove(deprecated_flag)),
    adopt(version_field = "_v", base = 0),
)]
struct Config {
    #[key(auto)]
    id: Id<Config>,
    theme: String,
}

/// Members that it does not know are refused: the version is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(
    name = "items",
    schema_dir = "tests/migrations/schema/go",
    version = 2,
    migrate(1 => 2, add(stock = 1)),
    adopt(version_field = "_v", base = 0),
    unknown = deny,
)]
struct Item {
    #[key(auto)]
    id: Id<Item>,
    name: String,
    stock: i64,
}

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/go-library");

/// A store with the committed files, as the Go library left them.
async fn library() -> (World, Db) {
    let world = World::new(1);
    let db = world.open(0).await;
    for entity in std::fs::read_dir(FOLDER).unwrap() {
        let entity = entity.unwrap();
        for file in std::fs::read_dir(entity.path()).unwrap() {
            let file = file.unwrap();
            let path = format!(
                "{}/{}",
                entity.file_name().to_str().unwrap(),
                file.file_name().to_str().unwrap()
            );
            let bytes = std::fs::read_to_string(file.path()).unwrap();
            put(&world, &path, &bytes).await;
        }
    }
    (world, db)
}

fn number(number: u8) -> String {
    format!("0199c7f5-5f0a-7e2b-9c1d-0000000000{number:02}")
}

fn id<T>(digits: u8) -> Id<T> {
    number(digits).parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn split() {
    let (_, db) = library().await;
    for (digits, first, last, version) in [
        (1, "Ada", "Lovelace", 1),
        (2, "Plato", "", 1),
        (3, "Grace", "Hopper", 2),
    ] {
        let user = User::get(&db, &id(digits)).await.unwrap().unwrap();
        assert_eq!((&*user.first_name, &*user.last_name), (first, last));
        assert_eq!(user.meta().schema_version, version);
        assert_eq!(user.revision(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn add_with_a_default() {
    let (_, db) = library().await;
    let without = Item::get(&db, &id(40)).await.unwrap().unwrap();
    let with = Item::get(&db, &id(41)).await.unwrap().unwrap();
    assert_eq!((without.stock, with.stock), (1, 5));
}

#[tokio::test(start_paused = true)]
async fn the_version_is_no_unknown_member_and_another_one_is() {
    let (world, db) = library().await;
    Item::get(&db, &id(41)).await.unwrap().unwrap();
    let unknown = format!(
        r#"{{"id":"{}","_v":1,"name":"Nail","stock":1,"more":"secret"}}"#,
        number(42)
    );
    put(&world, &format!("items/{}.json", number(42)), &unknown).await;
    let refused = Item::get(&db, &id(42)).await.unwrap_err();
    assert_eq!(refused.code(), "SB-CORRUPT");
    let text = refused.to_string();
    assert!(
        text.contains("`more`") && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn rename() {
    let (world, db) = library().await;
    let mut order = Order::get(&db, &id(20)).await.unwrap().unwrap();
    assert!((order.total_amount - 12.5).abs() < f64::EPSILON);
    order.total_amount = 13.0;
    order.save(&db).await.unwrap();
    let stored = text(&world, &format!("orders/{}.json", number(20))).await;
    assert!(!stored.contains("\"price\":"), "{stored}");
    // What the type does not know stays, to the last digit.
    assert!(
        stored.contains(r#""tenant":{"id":12345678901234567890}"#),
        "{stored}"
    );
}

#[tokio::test(start_paused = true)]
async fn remove() {
    let (world, db) = library().await;
    let mut config = Config::get(&db, &id(30)).await.unwrap().unwrap();
    config.theme = "light".to_owned();
    config.save(&db).await.unwrap();
    let stored = json(&world, &format!("configs/{}.json", number(30))).await;
    assert_eq!(stored["theme"], "light");
    assert_eq!(stored.get("deprecated_flag"), None);
    assert_eq!(stored.get("_v"), None, "the version is no unknown member");
    assert_eq!(stored["_sb"]["schema"], 2);
    assert_eq!(stored["_sb"]["rev"], 1);
}

#[tokio::test(start_paused = true)]
async fn typed_functions_and_the_chain_from_0_to_3() {
    let (_, db) = library().await;
    for (digits, name, retail, stock, version) in [
        (10, "Anvil", 99.99, 0, 1),
        (11, "Rocket", 1000.0, 7, 2),
        (12, "Glue", 0.10, 0, 3),
        (13, "Net", 10.0, 2, 4),
    ] {
        let product = Product::get(&db, &id(digits)).await.unwrap().unwrap();
        assert_eq!((&*product.brand, &*product.product_name), ("Acme", name));
        assert_eq!(product.pricing["retail"].to_bits(), f64::to_bits(retail));
        assert!((product.pricing["wholesale"] - retail * 0.85).abs() < 1e-9);
        assert_eq!(
            (product.stock, product.meta().schema_version),
            (stock, version)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn documents_without_a_version_are_of_the_base_version() {
    let (world, db) = library().await;
    let path = format!("products/{}.json", number(10));
    assert!(!text(&world, &path).await.contains("_v"));
    let product = Product::get(&db, &id(10)).await.unwrap().unwrap();
    assert_eq!(product.meta().schema_version, 1);
    let plan = db.migrate::<Product>().plan().await.unwrap();
    assert_eq!(plan.versions, [(1, 1), (2, 1), (3, 1), (4, 1)].into());
    assert_eq!(plan.outdated, 4, "none of them has an envelope");
}

#[tokio::test(start_paused = true)]
async fn finders_and_the_upgrade_of_the_whole_collection_find_them() {
    let (world, db) = library().await;
    assert_eq!(Product::find_by_brand(&db, "Acme").await.unwrap().len(), 4);
    assert_eq!(
        Order::find_by_total_amount_in(&db, 12.0..13.0)
            .await
            .unwrap()
            .len(),
        1
    );
    let run = db.migrate::<Product>().raise_floor().await.unwrap();
    assert_eq!((run.documents, run.upgraded), (4, 4));
    db.rebuild_indexes::<Product>().await.unwrap();
    assert_eq!(Product::find_by_brand(&db, "Acme").await.unwrap().len(), 4);
    for digits in 10..14 {
        let stored = json(&world, &format!("products/{}.json", number(digits))).await;
        assert_eq!(stored["_sb"]["schema"], 4);
        assert_eq!(stored["_sb"]["rewrite"], true);
        assert_eq!(stored.get("_v"), None);
    }
    let plan = db.migrate::<Product>().plan().await.unwrap();
    assert_eq!((plan.outdated, plan.versions), (0, [(4, 4)].into()));
}

#[tokio::test(start_paused = true)]
async fn they_are_written_back_where_the_type_wants_that() {
    let (world, db) = library().await;
    let mut held = User::get(&db, &id(1)).await.unwrap().unwrap();
    settle().await;
    let stored = json(&world, &format!("users/{}.json", number(1))).await;
    assert_eq!(stored["_sb"]["schema"], 2);
    assert_eq!(stored["created_at"], "2025-11-23T09:15:00.123456789Z");
    held.first_name = "Augusta".to_owned();
    held.save(&db).await.unwrap();
    let again = User::get(&db, &id(1)).await.unwrap().unwrap();
    assert_eq!(
        (again.first_name.as_str(), again.revision()),
        ("Augusta", 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_version_of_tomorrow_is_refused_and_never_overwritten() {
    let (world, db) = library().await;
    let path = format!("items/{}.json", number(42));
    let newer = format!(r#"{{"id":"{}","_v":2,"name":"Nail"}}"#, number(42));
    put(&world, &path, &newer).await;
    let refused = [
        Item::get(&db, &id(42)).await.map(drop).unwrap_err(),
        Item::update(&db, &id(42), |_| Ok(()))
            .await
            .map(drop)
            .unwrap_err(),
        Item::delete(&db, &id(42)).await.map(drop).unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.code(), "SB-UNSUPPORTED-SCHEMA", "{error}");
    }
    let plan = db.migrate::<Item>().plan().await.unwrap();
    assert_eq!((plan.newer, plan.versions.get(&2)), (1, Some(&1)));
    let run = db.migrate::<Item>().await.unwrap();
    assert_eq!((run.newer, run.upgraded), (1, run.documents - 1));
    assert_eq!(text(&world, &path).await, newer);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_reads_and_saves_them() {
    let (world, db) = library().await;
    db.transaction(|tx| async move {
        for digits in [10, 13] {
            let mut product = Product::get(&tx, &id(digits)).required().await?;
            product.stock += 1;
            product.save(&tx).await?;
        }
        Ok(())
    })
    .await
    .unwrap();
    for (digits, stock) in [(10, 1), (13, 3)] {
        let stored = json(&world, &format!("products/{}.json", number(digits))).await;
        assert_eq!(
            (&stored["stock"], &stored["_sb"]["schema"]),
            (&stock.into(), &4.into())
        );
        assert_eq!(stored.get("_v"), None);
    }
}

/// An intent needs an envelope; a body around which there was none has no version all the same.
#[tokio::test(start_paused = true)]
async fn an_intent_of_a_transaction_that_died_makes_them_no_documents_of_ours() {
    let (world, db) = library().await;
    let path = format!("products/{}.json", number(10));
    let before = Product::get(&db, &id(10)).await.unwrap().unwrap();
    // What is left when the intent is gone again.
    let body = text(&world, &path).await;
    let enveloped = format!(
        r#"{{"_sb":{{"put":"{0}","format":1,"needs":[],"schema":0,"state":"live","rev":0,"write":"{0}","prev":[]}},{1}"#,
        "p".repeat(20),
        body.trim().trim_start_matches('{'),
    );
    swap(&world, &path, &enveloped).await;
    let product = Product::get(&db, &id(10)).await.unwrap().unwrap();
    assert_eq!((&*product, product.meta().schema_version), (&*before, 1));
    let run = db.migrate::<Product>().await.unwrap();
    assert_eq!(run.upgraded, 4);
    assert_eq!(json(&world, &path).await.get("_v"), None);
}
