//! Two servers: who replies when, and whose answers are believed.

use std::time::Duration;

use smarterbase_core::{operation::outage::RebuildPhase, port::Clock};
use smarterbase_testkit::{MemoryIndex, sweep::World};

use super::late;
use crate::outage::Process;

/// Watches `hold` in `operation/settle.rs`: the other one believes its index, in which the document is not, for five seconds.
#[tokio::test(start_paused = true)]
async fn s03_a_process_with_another_server_replies_once_nobody_believes_the_first_one() {
    let world = World::new(4);
    let (ours, theirs) = (MemoryIndex::new(), MemoryIndex::new());
    let (one, two) = (
        Process::start(&world, 0, &ours).await,
        Process::start(&world, 1, &theirs).await,
    );
    one.fill(0..10).await;
    assert_eq!(late(&one.db).await, Vec::<u32>::new());
    let began_at = world.clock.elapsed();
    two.fill(107..108).await;
    let took = world.clock.elapsed() - began_at;
    assert!(took >= Duration::from_millis(5_500), "{took:?}");
    assert_eq!(late(&one.db).await, [107]);
    one.db.close().await;
    two.db.close().await;
}

/// Watches `is_current` in `answered` of `query/index_walk.rs`: an old primary freezes after it was asked, and its answer comes
/// when others have given it up and have written on.
#[tokio::test(start_paused = true)]
async fn s04_an_answer_that_a_frozen_primary_gives_too_late_is_not_believed() {
    for age in [0, 1_200, 2_400, 3_600, 4_900] {
        let world = World::new(10);
        let old = MemoryIndex::new();
        let left_behind = Process::start(&world, 0, &old).await;
        left_behind.fill(0..10).await;
        let promoted = MemoryIndex::new();
        promoted.restart_from(&old.backup());
        let moved = Process::start(&world, 1, &promoted).await;
        assert_eq!(left_behind.on_shelf("shelf-7").await.0, ["00007"]);

        tokio::time::sleep(Duration::from_millis(age)).await;
        left_behind.index.answers_take(Duration::from_secs(7));
        let began_at = world.clock.elapsed();
        let ((), found) = tokio::join!(moved.fill(107..108), late(&left_behind.db));
        assert!(world.clock.elapsed() - began_at >= Duration::from_secs(7));
        assert_eq!(found, [107], "with a copy that was {age} ms old");
        left_behind.index.answers_take(Duration::ZERO);
        for process in [left_behind, moved] {
            process.db.close().await;
        }
    }
}

/// Rule S6: a replica became the primary, and one process still talks to the old one, in which all is as it was.
#[tokio::test(start_paused = true)]
async fn s06_a_process_that_still_talks_to_the_old_primary_never_gives_a_wrong_answer() {
    let world = World::new(6);
    let old = MemoryIndex::new();
    let (leaving, left_behind) = (
        Process::start(&world, 0, &old).await,
        Process::start(&world, 1, &old).await,
    );
    leaving.fill(0..10).await;
    assert_eq!(left_behind.on_shelf("shelf-7").await.0, ["00007"]);
    let promoted = MemoryIndex::new();
    promoted.restart_from(&old.backup());
    leaving.db.close().await;
    let moved = Process::start(&world, 2, &promoted).await;
    for round in 0..30 {
        let writer = if round % 2 == 0 { &moved } else { &left_behind };
        writer.fill(100 + round..101 + round).await;
        for process in [&moved, &left_behind] {
            let expected: Vec<_> = (100..=100 + round).collect();
            assert_eq!(late(&process.db).await, expected, "round {round}");
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
    }
    // The last one that talks to the old one goes, and the index comes back from what is left of the new one.
    left_behind.db.close().await;
    moved.told.forget();
    moved.told.until(RebuildPhase::Ready).await;
    assert_eq!(
        moved.on_shelf("shelf-7").await,
        (vec!["00007".to_owned(), "00107".to_owned()], false)
    );
    moved.db.close().await;
}
