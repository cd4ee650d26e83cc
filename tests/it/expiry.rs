//! TTL indexes: documents that are past their time are deleted, and no others.

mod failures;
mod large;

use std::{sync::Arc, time::Duration};

use smarterbase::{DbBuilder, prelude::*, schema};
use smarterbase_core::{maintenance::expire::ExpiryReport, port::Clock};
use smarterbase_testkit::{
    MemoryIndex, invariant,
    sweep::{Latencies, LatentStore, World},
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "sessions", unsealed)]
struct Session {
    #[key]
    id: u64,
    /// Half an hour after it was last used.
    #[field(updated_at)]
    #[index(ttl = "30m")]
    used_at: Timestamp,
    /// At that moment, whether it is used or not.
    #[index(ttl)]
    ends_at: Option<Timestamp>,
    uses: u32,
}

/// Goes along with a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "pages", unsealed)]
struct Page {
    #[key]
    id: u64,
    #[references(Session, on_delete = cascade)]
    session: u64,
}

/// Holds a session back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "orders", unsealed)]
struct Order {
    #[key]
    id: u64,
    #[references(Session, on_delete = restrict)]
    session: u64,
}

schema! {
    Shop { Session, Page, Order }
}

const MINUTE: Duration = Duration::from_secs(60);
/// More than the longest pause between two looks.
const A_LOOK: Duration = Duration::from_secs(80);

fn session(id: u64, ends_at: Option<Timestamp>) -> Session {
    Session {
        id,
        used_at: Timestamp::UNIX_EPOCH,
        ends_at,
        uses: 0,
    }
}

/// Opens without deleting anything by itself.
async fn quiet(world: &World, client: u64) -> Db {
    let builder = world.builder(client, world.store.clone());
    open(builder.expire_every(None)).await
}

async fn open(builder: DbBuilder) -> Db {
    builder.open().await.unwrap().with_schema::<Shop>()
}

async fn ids(db: &Db) -> Vec<u64> {
    let sessions = Session::list(db).await.unwrap();
    sessions.iter().map(|session| session.id).collect()
}

fn deleted(deleted: u64) -> ExpiryReport {
    let mut report = ExpiryReport::default();
    report.deleted = deleted;
    report
}

#[tokio::test(start_paused = true)]
async fn what_is_past_its_time_is_deleted_and_nothing_else() {
    let world = World::new(1);
    let db = quiet(&world, 0).await;
    let now = world.clock.now();
    let moments = [
        None,
        Some(now.saturating_sub(Duration::from_nanos(1))),
        Some(now),
        Some(now.saturating_add(Duration::from_nanos(1))),
        Some("-009999-01-02T01:59:59Z".parse().unwrap()),
        Some("9999-12-30T22:00:00.999999999Z".parse().unwrap()),
    ];
    for (id, ends_at) in (0..).zip(moments) {
        Session::create(&db, session(id, ends_at)).await.unwrap();
    }
    assert_eq!(db.delete_expired::<Session>().await.unwrap(), deleted(3));
    assert_eq!(ids(&db).await, [0, 3, 5]);
    assert_eq!(db.delete_expired::<Session>().await.unwrap(), deleted(0));

    tokio::time::sleep(29 * MINUTE).await;
    Session::update(&db, &5, |session| {
        session.uses += 1;
        Ok(())
    })
    .await
    .unwrap();
    tokio::time::sleep(2 * MINUTE).await;
    // The first and the third were not used for half an hour, and the third had a moment of its own besides.
    assert_eq!(db.delete_expired::<Session>().await.unwrap(), deleted(2));
    assert_eq!(ids(&db).await, [5]);
    assert_eq!(
        db.delete_expired::<Order>().await.unwrap(),
        deleted(0),
        "it has no TTL index"
    );
    db.close().await;
    assert_eq!(
        invariant::damage::<Session>(&*world.store).await,
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn it_goes_by_itself_until_the_database_is_closed() {
    let world = World::new(2);
    let db = open(world.builder(0, world.store.clone())).await;
    let soon = world.clock.now().saturating_add(5 * MINUTE);
    for id in 0..3 {
        Session::create(&db, session(id, (id > 0).then_some(soon)))
            .await
            .unwrap();
    }
    tokio::time::sleep(5 * MINUTE - Duration::from_secs(1)).await;
    assert_eq!(ids(&db).await, [0, 1, 2]);
    tokio::time::sleep(A_LOOK).await;
    assert_eq!(ids(&db).await, [0]);
    db.close().await;

    let other = quiet(&world, 1).await;
    tokio::time::sleep(60 * MINUTE).await;
    assert_eq!(ids(&other).await, [0], "nobody who deletes has it open");
    drop(open(world.builder(2, world.store.clone())).await);
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(ids(&other).await, [0], "the handle was dropped");
    let reader = world.builder(3, world.store.clone()).read_only(true);
    let reader = open(reader).await;
    assert_eq!(ids(&reader).await, [0]);
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(ids(&other).await, [0], "it may not write");
    let refused = reader.delete_expired::<Session>().await.unwrap_err();
    assert_eq!(refused.code(), "SB-READ-ONLY");
    let third = open(world.builder(4, world.store.clone())).await;
    tokio::time::sleep(A_LOOK).await;
    assert_eq!(
        ids(&other).await,
        Vec::<u64>::new(),
        "no operation was needed"
    );
    for db in [other, reader, third] {
        db.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_or_deleted_never_both() {
    let mut outcomes = [0; 2];
    for seed in 0..60 {
        let world = World::new(seed);
        let latencies = Latencies {
            get: Duration::from_millis(10),
            put: Duration::from_millis(20),
            list: Duration::from_millis(25),
        };
        let start = async |client| {
            let store = Arc::new(LatentStore::random(
                world.store.clone(),
                latencies,
                seed * 2 + client,
            ));
            open(world.builder(client, store).expire_every(None)).await
        };
        let (db, renewing) = (start(0).await, start(1).await);
        let now = world.clock.now();
        Session::create(&db, session(1, Some(now))).await.unwrap();
        let (report, renewed) = tokio::join!(db.delete_expired::<Session>(), async {
            tokio::time::sleep(Duration::from_millis(7 * seed)).await;
            Session::update(&renewing, &1, |session| {
                session.ends_at = Some(now.saturating_add(5 * MINUTE));
                Ok(())
            })
            .await
        });
        let report = report.unwrap();
        assert_eq!(
            report.deleted == 1,
            renewed.is_err(),
            "seed {seed}: {report:?}, {renewed:?}"
        );
        assert_eq!(
            ids(&db).await.len(),
            usize::from(renewed.is_ok()),
            "seed {seed}"
        );
        outcomes[usize::from(renewed.is_ok())] += 1;
    }
    assert!(outcomes.iter().all(|often| *often > 5), "{outcomes:?}");
}

#[tokio::test(start_paused = true)]
async fn processes_share_the_work() {
    let world = World::new(3);
    let (one, two) = (quiet(&world, 0).await, quiet(&world, 1).await);
    let now = world.clock.now();
    for id in 0..600 {
        Session::create(&one, session(id, Some(now))).await.unwrap();
    }
    Session::create(&one, session(600, None)).await.unwrap();
    let (first, second) = tokio::join!(
        one.delete_expired::<Session>(),
        two.delete_expired::<Session>()
    );
    assert_eq!(first.unwrap().deleted + second.unwrap().deleted, 600);
    assert_eq!(ids(&one).await, [600]);
}

#[tokio::test(start_paused = true)]
async fn what_refers_to_a_session_goes_along_or_holds_it_back() {
    let world = World::new(4);
    let db = quiet(&world, 0).await;
    let now = world.clock.now();
    for id in 0..300 {
        Session::create(&db, session(id, Some(now))).await.unwrap();
        Page::create(&db, Page { id, session: id }).await.unwrap();
    }
    for id in [7, 8] {
        Order::create(&db, Order { id, session: id }).await.unwrap();
    }
    // Past its time by both indexes, and held back once.
    tokio::time::sleep(31 * MINUTE).await;
    let mut expected = deleted(298);
    expected.restricted = 2;
    assert_eq!(db.delete_expired::<Session>().await.unwrap(), expected);
    assert_eq!(ids(&db).await, [7, 8]);
    let pages = Page::list(&db).await.unwrap();
    assert_eq!(
        pages.iter().map(|page| page.session).collect::<Vec<_>>(),
        [7, 8]
    );
}

/// Reading every document once a minute would be dear.
#[tokio::test(start_paused = true)]
async fn while_the_index_is_lost_nothing_is_read_for_it() {
    let world = World::new(5);
    let index = MemoryIndex::new();
    let builder = world
        .builder(0, world.store.clone())
        .index(Arc::new(index.clone()));
    let db = open(builder).await;
    let now = world.clock.now();
    for id in 0..20 {
        Session::create(&db, session(id, Some(now.saturating_add(2 * MINUTE))))
            .await
            .unwrap();
    }
    index.take_away(true);
    let refused = db.delete_expired::<Session>().await.unwrap_err();
    assert_eq!(refused.code(), "SB-INDEX-UNAVAILABLE");
    let before = db.request_counts().snapshot();
    tokio::time::sleep(10 * MINUTE).await;
    let requests = db.request_counts().snapshot() - before;
    assert_eq!(requests.puts(), 0, "{requests:?}");
    let lists_of_the_medic = 10;
    assert!(requests.lists <= lists_of_the_medic, "{requests:?}");
    index.take_away(false);
    tokio::time::sleep(5 * MINUTE).await;
    assert_eq!(ids(&db).await, Vec::<u64>::new());
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_look_that_finds_nothing_is_one_request_for_each_index() {
    let world = World::new(6);
    let db = quiet(&world, 0).await;
    Session::create(&db, session(1, None)).await.unwrap();
    let before = db.request_counts().snapshot();
    db.delete_expired::<Session>().await.unwrap();
    let requests = db.request_counts().snapshot() - before;
    assert_eq!((requests.lists, requests.gets, requests.puts()), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_program_that_writes_such_documents_tells_its_types() {
    let world = World::new(7);
    let db = world.open(0).await;
    let refused = Session::create(&db, session(1, None)).await.unwrap_err();
    assert_eq!(refused.code(), "SB-MISCONFIGURED");
    let text = refused.to_string();
    assert!(
        text.contains("`Session` has a TTL index") && text.contains("with_schema"),
        "{text}"
    );
    let read = Session::get(&db, &1).await.unwrap();
    assert!(read.is_none(), "who only reads need not");
}
