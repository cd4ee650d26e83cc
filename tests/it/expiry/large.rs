//! Sessions on which more depends than one transaction takes along: they go in pieces, and may be renewed half way.

use std::{sync::Arc, time::Duration};

use smarterbase::prelude::*;
use smarterbase_core::port::Clock;
use smarterbase_testkit::{
    invariant,
    sweep::{Latencies, LatentStore, World},
};

use super::{MINUTE, Page, Session, deleted, open, quiet, session};

const PAGES: u64 = 700;

async fn pages(db: &Db) -> u64 {
    Page::find_by_session(db, 1).count().await.unwrap()
}

async fn journals(world: &World) -> usize {
    let dump = invariant::dump(&*world.store).await;
    let journals = dump.keys().filter(|key| key.starts_with("_sys/cascade/"));
    journals.count()
}

/// A session that ends now, with its pages.
async fn filled(world: &World) -> Db {
    let db = quiet(world, 0).await;
    Session::create(&db, session(1, Some(world.clock.now())))
        .await
        .unwrap();
    let pages = (0..PAGES).map(|id| Page { id, session: 1 });
    let created = Page::create_many(&db, pages.collect::<Vec<_>>()).await;
    assert!(created.unwrap().iter().all(Result::is_ok));
    db
}

#[tokio::test(start_paused = true)]
async fn a_large_session_goes_with_everything_and_without_a_journal() {
    let world = World::new(20);
    let db = filled(&world).await;
    assert_eq!(db.delete_expired::<Session>().await.unwrap(), deleted(1));
    assert_eq!((pages(&db).await, journals(&world).await), (0, 0));
    db.close().await;
}

/// Once it is renewed nothing of it goes any more, not even by whoever goes on with cascades.
#[tokio::test(start_paused = true)]
async fn a_large_session_that_is_renewed_half_way_stays_and_loses_no_more() {
    let mut partly = 0;
    for seed in 0..12_u64 {
        let world = World::new(seed);
        let db = filled(&world).await;
        let latencies = Latencies {
            get: Duration::from_millis(10),
            put: Duration::from_millis(20),
            list: Duration::from_millis(25),
        };
        let slow = Arc::new(LatentStore::random(world.store.clone(), latencies, seed));
        let slow = open(world.builder(1, slow).expire_every(None)).await;
        let (report, left) = tokio::join!(slow.delete_expired::<Session>(), async {
            tokio::time::sleep(Duration::from_millis(400 * seed)).await;
            let renewed = Session::update(&db, &1, |session| {
                session.ends_at = Some(world.clock.now().saturating_add(60 * MINUTE));
                Ok(())
            });
            match renewed.await {
                Ok(_) => Some(pages(&db).await),
                Err(_) => None,
            }
        });
        let Some(left) = left else {
            assert_eq!(report.unwrap(), deleted(1), "seed {seed}");
            continue;
        };
        match &report {
            Ok(report) => assert_eq!((report.deleted, left), (0, PAGES), "seed {seed}"),
            Err(error) => assert_eq!(error.code(), "SB-OUTCOME-UNKNOWN", "seed {seed}"),
        }
        partly += u32::from(left < PAGES);
        assert_eq!(db.resume_cascades().await.unwrap(), 0, "seed {seed}");
        assert_eq!(journals(&world).await, 0);
        assert!(
            Session::get(&db, &1).await.unwrap().is_some(),
            "seed {seed}"
        );
        assert_eq!(
            pages(&db).await,
            left,
            "seed {seed}: after the renewal nothing goes"
        );
        for db in [db, slow] {
            db.close().await;
        }
    }
    assert!(partly > 1, "{partly} of 12 were renewed half way");
}
