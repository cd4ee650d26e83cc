//! Text that is asked for without regard to case, and in its own order, on one field.

use smarterbase::prelude::*;
use smarterbase_testkit::sweep::World;

#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "towns")]
struct Town {
    #[key]
    id: u32,
    #[index(lower, name = any_case)]
    #[index(range)]
    name: String,
}

/// The same the other way round.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "rivers")]
struct River {
    #[key]
    id: u32,
    #[index(range)]
    #[index(lower, name = any_case)]
    name: String,
}

/// One index for both.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "hills")]
struct Hill {
    #[key]
    id: u32,
    #[index(range, lower)]
    name: String,
}

/// Unique within its town whatever its case; by itself it compares as it is written.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "streets")]
struct Street {
    #[key]
    id: u32,
    #[index]
    town: String,
    #[index]
    #[unique(lower, scope(town))]
    name: String,
}

const NAMES: [&str; 6] = ["Ulm", "ulm", "Aalen", "aalen", "ULM", "Zell"];

macro_rules! filled {
    ($db:expr, $type:ident) => {
        for (id, name) in (0..).zip(NAMES) {
            let name = name.to_owned();
            $type::create($db, $type { id, name }).await.unwrap();
        }
    };
}

/// The names that a query finds, and the plan that found them.
macro_rules! found {
    ($query:expr) => {{
        let found = $query.explain().await.unwrap();
        let names: Vec<_> = found.result.iter().map(|one| one.name.clone()).collect();
        (names.join(" "), found.profile.plan)
    }};
}

macro_rules! equality_without_case_and_order_with_it {
    ($db:expr, $type:ident) => {
        let equal = found!($type::query($db).filter(|one| one.name.eq("uLM")));
        assert_eq!(equal.0, "Ulm ulm ULM");
        assert!(equal.1.contains("any-case (one value)"), "{}", equal.1);
        let several = found!($type::query($db).filter(|one| one.name.is_in(["ZELL", "AALEN"])));
        assert_eq!(several.0, "Aalen aalen Zell");
        let between = found!($type::query($db).filter(|one| one.name.within("U".."V")));
        assert_eq!(between.0, "Ulm ULM");
        assert!(between.1.contains("name (a range)"), "{}", between.1);
        let begins = found!($type::query($db).filter(|one| one.name.starts_with("u")));
        assert_eq!(begins.0, "ulm");
        let ordered = found!($type::query($db).order_by(|one| one.name.asc()));
        assert_eq!(ordered.0, "Aalen ULM Ulm Zell aalen ulm");
        assert!(ordered.1.contains("in its order"), "{}", ordered.1);
        // Checked on the document as it is asked of an index.
        let both = $type::query($db).filter(|one| one.name.eq("ULM") & one.name.gt("V"));
        assert_eq!(found!(both).0, "ulm");
        let other = $type::query($db).scan().filter(|one| one.name.ne("ulm"));
        assert_eq!(found!(other).0, "Aalen aalen Zell");
        // The finders of each index are its own.
        assert_eq!($type::find_by_name($db, "ulm").await.unwrap().len(), 1);
        assert_eq!($type::find_by_any_case($db, "ulm").await.unwrap().len(), 3);
    };
}

#[tokio::test(start_paused = true)]
async fn each_operation_uses_the_index_that_is_for_it_in_whatever_order_they_stand() {
    let world = World::new(1);
    let db = world.open(0).await;
    filled!(&db, Town);
    filled!(&db, River);
    equality_without_case_and_order_with_it!(&db, Town);
    equality_without_case_and_order_with_it!(&db, River);
}

#[tokio::test(start_paused = true)]
async fn one_index_without_regard_to_case_orders_so_too() {
    let world = World::new(1);
    let db = world.open(0).await;
    filled!(&db, Hill);
    let equal = found!(Hill::query(&db).filter(|hill| hill.name.eq("uLM")));
    assert_eq!(equal.0, "Ulm ulm ULM");
    let between = found!(Hill::query(&db).filter(|hill| hill.name.within("U".."V")));
    assert_eq!(between.0, "Ulm ulm ULM");
    let begins = found!(Hill::query(&db).filter(|hill| hill.name.starts_with("AA")));
    assert_eq!(begins.0, "Aalen aalen");
}

#[tokio::test(start_paused = true)]
async fn what_is_unique_within_a_scope_does_not_decide_how_its_field_compares() {
    let world = World::new(1);
    let db = world.open(0).await;
    for (id, (town, name)) in (0..).zip([("Ulm", "Gasse"), ("Zell", "gasse"), ("Zell", "Allee")]) {
        let (town, name) = (town.to_owned(), name.to_owned());
        Street::create(&db, Street { id, town, name })
            .await
            .unwrap();
    }
    // By the index over the field, which does not fold.
    let alone = found!(Street::query(&db).filter(|street| street.name.eq("gasse")));
    assert_eq!(alone.0, "gasse");
    assert!(alone.1.contains("name (one value)"), "{}", alone.1);
    // The unique value finds more, and the document is checked.
    for (name, expected) in [("gasse", "gasse"), ("GASSE", "")] {
        let both =
            Street::query(&db).filter(|street| street.town.eq("Zell") & street.name.eq(name));
        let both = found!(both);
        assert_eq!(both.0, expected);
        assert!(both.1.contains("unique value"), "{}", both.1);
    }
    // Its own finder folds.
    let held = Street::find_by_town_and_name(&db, "Zell", "GASSE").await;
    assert_eq!(held.unwrap().unwrap().name, "gasse");
}
