//! What transactions cost, exactly: storage-protocol §2.10, and the rows of indexes and unique values.
//!
//! Latencies are 10 ms for a GET, 20 ms for a PUT and 25 ms for a LIST, so a time says how many requests stood in a row.

use smarterbase::{Result, prelude::*};
use smarterbase_testkit::{Fault, FaultStore};

use crate::{
    cost::{Bench, Cost, NOTHING, Note, assert_depth, note},
    user::{User, id},
};

async fn touch(tx: &Tx, key: &str) -> Result<()> {
    let mut note = Note::get(tx, &id(key)).required().await?;
    note.text.push('x');
    note.save(tx).await
}

/// What went out before the reply, of which `swaps` were swaps: those that finish the documents begin right after it.
fn before(reply: Cost, swaps: usize) -> Cost {
    Cost {
        swap: reply.swap.min(swaps),
        ..reply
    }
}

/// Notes `first`, `b` and `c`.
async fn notes() -> Bench {
    let bench = Bench::with(0).await;
    for key in ["b", "c"] {
        Note::create(&bench.db, note(key)).await.unwrap();
    }
    bench
}

#[tokio::test(start_paused = true)]
async fn path_a_a_document_that_was_read_is_one_get_and_one_put() {
    let bench = notes().await;
    let (reply, all, took, ()) = bench
        .measure(async |db| {
            db.transaction(|tx| async move { touch(&tx, "b").await })
                .await
        })
        .await;
    assert_eq!(
        reply,
        Cost {
            get: 1,
            swap: 1,
            ..NOTHING
        }
    );
    assert_eq!(all, reply);
    assert_depth(took, 30);
}

#[tokio::test(start_paused = true)]
async fn path_a_a_create_is_one_put() {
    let bench = notes().await;
    let (reply, all, took, _) = bench
        .measure(async |db| {
            db.transaction(|tx| async move { Note::create(&tx, note("new")).await })
                .await
        })
        .await;
    assert_eq!(
        reply,
        Cost {
            create: 1,
            ..NOTHING
        }
    );
    assert_eq!(all, reply);
    assert_depth(took, 20);
}

#[tokio::test(start_paused = true)]
async fn path_b_one_write_and_two_other_reads_are_two_puts_and_a_get_for_each() {
    let bench = notes().await;
    let (reply, all, took, ()) = bench
        .measure(async |db| {
            db.transaction(|tx| async move {
                Note::get(&tx, &id("first")).await?;
                Note::get(&tx, &id("c")).await?;
                touch(&tx, "b").await
            })
            .await
        })
        .await;
    assert_eq!(
        reply,
        Cost {
            get: 3 + 2,
            swap: 2,
            ..NOTHING
        }
    );
    assert_eq!(all, reply);
    // Three reads; then the intent, the validation side by side, the document.
    assert_depth(took, 30 + 20 + 10 + 20);
}

#[tokio::test(start_paused = true)]
async fn path_c_m_documents_that_were_read_are_m_and_one_puts_before_the_reply() {
    let bench = notes().await;
    let (reply, all, took, ()) = bench
        .measure(async |db| {
            db.transaction(|tx| async move {
                touch(&tx, "b").await?;
                touch(&tx, "c").await
            })
            .await
        })
        .await;
    assert_eq!(
        before(reply, 2),
        Cost {
            get: 2,
            swap: 2,
            create: 1,
            ..NOTHING
        }
    );
    assert_eq!(
        all,
        Cost {
            get: 2,
            swap: 4,
            create: 1,
            delete: 1,
            ..NOTHING
        }
    );
    assert_depth(took, 20 + 20 + 20);
}

#[tokio::test(start_paused = true)]
async fn path_c_a_document_that_is_only_read_adds_a_get() {
    let bench = notes().await;
    let (reply, all, took, ()) = bench
        .measure(async |db| {
            db.transaction(|tx| async move {
                Note::get(&tx, &id("first")).await?;
                touch(&tx, "b").await?;
                touch(&tx, "c").await
            })
            .await
        })
        .await;
    assert_eq!(
        before(reply, 2),
        Cost {
            get: 3 + 1,
            swap: 2,
            create: 1,
            ..NOTHING
        }
    );
    assert_eq!(
        all,
        Cost {
            get: 4,
            swap: 4,
            create: 1,
            delete: 1,
            ..NOTHING
        }
    );
    assert_depth(took, 30 + 20 + 10 + 20);
}

#[tokio::test(start_paused = true)]
async fn path_c_creates_read_nothing() {
    let bench = notes().await;
    let (reply, all, took, _) = bench
        .measure(async |db| {
            db.transaction(|tx| async move {
                Note::create(&tx, note("x")).await?;
                Note::create(&tx, note("y")).await
            })
            .await
        })
        .await;
    assert_eq!(
        before(reply, 0),
        Cost {
            create: 3,
            ..NOTHING
        }
    );
    assert_eq!(
        all,
        Cost {
            create: 3,
            swap: 2,
            delete: 1,
            ..NOTHING
        }
    );
    assert_depth(took, 40);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_reads_everything_twice() {
    let bench = notes().await;
    let (reply, all, took, ()) = bench
        .measure(async |db| {
            db.snapshot(|tx| async move {
                for key in ["first", "b", "c", "absent"] {
                    Note::get(&tx, &id(key)).await?;
                }
                Ok(())
            })
            .await
        })
        .await;
    assert_eq!(reply, Cost { get: 8, ..NOTHING });
    assert_eq!(all, reply);
    assert_depth(took, 40 + 10);
}

#[tokio::test(start_paused = true)]
async fn a_range_is_listed_once_more() {
    let bench = Bench::with(3).await;
    let (reply, all, took, found) = bench
        .measure(async |db| {
            db.snapshot(|tx| async move { Ok(User::find_by_plan(&tx, "free").await?.len()) })
                .await
        })
        .await;
    assert_eq!(found, 3);
    assert_eq!(
        reply,
        Cost {
            get: 6,
            list: 2,
            ..NOTHING
        }
    );
    assert_eq!(all, reply);
    assert_depth(took, 25 + 10 + 25);
}

#[tokio::test(start_paused = true)]
async fn a_changed_index_adds_a_put_before_and_a_removal_after() {
    let bench = Bench::with(2).await;
    let (reply, all, took, ()) = bench
        .measure(async |db| {
            db.transaction(|tx| async move {
                for key in ["user000", "user001"] {
                    let mut user = User::get(&tx, &id(key)).required().await?;
                    user.plan = "pro".into();
                    user.save(&tx).await?;
                }
                Ok(())
            })
            .await
        })
        .await;
    assert_eq!(
        before(reply, 2),
        Cost {
            get: 2,
            swap: 2,
            create: 2 + 1,
            ..NOTHING
        }
    );
    assert_eq!(
        all,
        Cost {
            get: 2,
            swap: 4,
            create: 3,
            delete: 2 + 1,
            ..NOTHING
        }
    );
    // The entries are announced beside the intents.
    assert_depth(took, 20 + 20 + 20);
}

#[tokio::test(start_paused = true)]
async fn s33_a_taken_unique_value_is_one_of_the_m_and_the_one_given_up_a_get_before_and_a_put_after()
 {
    let bench = Bench::with(2).await;
    let (reply, all, took, ()) = bench
        .measure(async |db| {
            db.transaction(|tx| async move {
                User::get(&tx, &id("user001")).required().await?;
                let mut user = User::get(&tx, &id("user000")).required().await?;
                user.email = "new@example.org".into();
                user.save(&tx).await
            })
            .await
        })
        .await;
    // Reads: two documents, the claim that is given up, the validation. Puts: document, claim, record.
    assert_eq!(
        before(reply, 1),
        Cost {
            get: 2 + 1 + 1,
            swap: 1,
            create: 1 + 1,
            ..NOTHING
        }
    );
    // Two are finished, and the old claim is released.
    assert_eq!(
        all,
        Cost {
            get: 4,
            swap: 1 + 2 + 1,
            create: 2,
            delete: 1,
            ..NOTHING
        }
    );
    assert_depth(took, 20 + 10 + 20 + 10 + 20);
}

/// Leaves a transaction over notes `b` and `c` at the call whose line contains `place`, before or after it was applied.
async fn left_at(bench: &Bench, place: &str, fault: Fault) {
    let writer = |store: std::sync::Arc<FaultStore>| async {
        let opened = bench.world.builder(5, store).open().await;
        opened.unwrap()
    };
    let act = async |db: &Db| {
        db.transaction(|tx| async move {
            touch(&tx, "b").await?;
            touch(&tx, "c").await
        })
        .await
    };
    let rehearsal = std::sync::Arc::new(FaultStore::recording(bench.world.store.clone()));
    let db = writer(rehearsal.clone()).await;
    act(&db).await.unwrap();
    db.close().await;
    let lines = rehearsal.log().lines();
    let call = lines.iter().position(|line| line.contains(place)).unwrap();
    let store = FaultStore::at(bench.world.store.clone(), call as u64, fault);
    let store = std::sync::Arc::new(store);
    let db = writer(store.clone()).await;
    tokio::select! {
        () = store.crash() => {}
        _ = act(&db) => panic!("it did not die"),
    }
}

#[tokio::test(start_paused = true)]
async fn reading_what_a_dead_transaction_left_is_two_gets_when_it_is_committed_and_three_when_it_is_not()
 {
    for (fault, gets, text) in [
        (Fault::CrashAfter, 2, "textxx"),
        (Fault::CrashBefore, 3, "textx"),
    ] {
        let bench = notes().await;
        left_at(&bench, "_tx/", fault).await;
        let (_, all, took, found) = bench
            .measure(async |db| Note::get(db, &id("b")).required().await)
            .await;
        assert_eq!(found.text, text);
        assert_eq!(
            all,
            Cost {
                get: gets,
                ..NOTHING
            }
        );
        assert_depth(took, 10 * gets as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_writer_finishes_a_committed_document_with_its_own_put() {
    let bench = notes().await;
    left_at(&bench, "_tx/", Fault::CrashAfter).await;
    let (_, all, _, found) = bench
        .measure(async |db| {
            Note::update(db, &id("b"), |note| {
                note.text.push('y');
                Ok(())
            })
            .await
        })
        .await;
    assert_eq!(found.text, "textxxy");
    assert_eq!(
        all,
        Cost {
            get: 2,
            swap: 1,
            ..NOTHING
        }
    );
}
