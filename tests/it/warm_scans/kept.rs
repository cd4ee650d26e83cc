//! What is kept in memory is not read again, and is never older than it may be.

use std::sync::Arc;

use futures::TryStreamExt;
use smarterbase::{Snapshots, prelude::*};
use smarterbase_core::{format::Key, port::Expect};
use smarterbase_testkit::{Fault, FaultStore};

use super::{
    MIB, Member, change, cost, counted, filled, keeping, key, member, overwrite, packed,
    packed_small, reading, scan, truth, warmed_up,
};

#[tokio::test(start_paused = true)]
async fn of_ten_thousand_kept_documents_a_scan_reads_those_that_changed() {
    let world = filled(10_000).await;
    let db = warmed_up(keeping(&world, 3).await).await;
    let (count, cold) = counted(&db).await;
    assert_eq!((count, cost(&cold)), (10_000, (10, 10_000)));
    assert_eq!((cold.cached, cold.packed), (0, 0));

    let (_, unchanged) = counted(&db).await;
    assert_eq!(cost(&unchanged), (10, 0));
    assert_eq!(unchanged.cached, 10_000);

    change(&world, (0..10_000).step_by(100)).await;
    let (count, warm) = counted(&db).await;
    assert_eq!((count, cost(&warm)), (10_000, (10, 100)));
    assert_eq!(warm.cached, 9_900);
    assert_eq!(scan(&db).await.unwrap(), truth(&world).await);
}

/// What the handle wrote itself, and what it read by the key, is never older in a stream that began before.
#[tokio::test(start_paused = true)]
async fn a_stream_shows_nothing_older_than_what_its_handle_wrote_or_was_told() {
    for keeps in [true, false] {
        let world = filled(600).await;
        packed(&world).await;
        let builder = world
            .builder(3, world.store.clone())
            .snapshots(Snapshots::Read);
        let builder = builder.body_cache(if keeps { 64 * MIB } else { 0 });
        let db = builder.open().await.unwrap();
        if keeps {
            counted(&db).await;
        }
        let mut stream = Member::query(&db).scan().stream();
        let first = stream.try_next().await.unwrap().unwrap();
        assert_eq!(first.id, key(0));
        // The LIST was answered. Written here, read here, deleted here, and changed where nobody here looks.
        let update = Member::update(&db, &key(300), |member| {
            member.age = 77;
            Ok(())
        });
        update.await.unwrap();
        Member::delete(&db, &key(301)).await.unwrap();
        change(&world, 302..306).await;
        let told = Member::get(&db, &key(302)).required().await.unwrap();
        assert_eq!(told.age, 1);
        let rest: Vec<_> = stream.try_collect().await.unwrap();
        let age = |number: usize| {
            let found = rest.iter().find(|member| member.id == key(number));
            found.map(|member| member.age)
        };
        assert_eq!(age(300), Some(77));
        assert_eq!(age(301), None);
        assert_eq!(age(302), Some(1));
        assert_eq!(
            age(303),
            Some(0),
            "as of the LIST: the reply was current in the course of the call"
        );
        assert_eq!(rest.len(), 598);
        assert_eq!(scan(&db).await.unwrap(), truth(&world).await);
    }
}

/// A client dies at every call of a transaction over two documents; others scan with what they keep.
#[tokio::test(start_paused = true)]
async fn a_kept_document_with_a_pending_write_is_settled_by_every_scan() {
    let (mut died, mut pending) = (0, 0);
    for call in 0.. {
        let world = filled(20).await;
        packed_small(&world).await;
        let db = warmed_up(keeping(&world, 3).await).await;
        counted(&db).await;
        let dying = Arc::new(FaultStore::at(world.store.clone(), call, Fault::CrashAfter));
        let writer = world.builder(4, dying.clone()).open().await;
        let writes = async {
            let writer = writer?;
            let transaction = writer.transaction(|tx| async move {
                for number in [3, 4] {
                    let mut member = Member::get(&tx, &key(number)).required().await?;
                    member.age = 9;
                    member.save(&tx).await?;
                }
                Ok(())
            });
            transaction.await
        };
        let ended = tokio::select! {
            biased;
            () = dying.crash() => false,
            done = writes => { done.unwrap(); true }
        };
        died += u32::from(!ended);
        // Twice: what was kept with an intent is not taken for what it said before.
        for _ in 0..2 {
            assert_eq!(scan(&db).await.unwrap(), truth(&world).await, "call {call}");
            let kept = counted(&db).await.1;
            pending += u32::from(kept.cached == 20 && kept.requests.gets > 0);
        }
        // Somebody writes both, which decides: the same again.
        change(&world, [3, 4].into_iter()).await;
        let now = scan(&db).await.unwrap();
        assert_eq!(now, truth(&world).await, "call {call}");
        assert_eq!(now[3].age, now[4].age, "call {call}: all or nothing");
        if ended && !dying.was_hit() {
            break;
        }
    }
    assert!(died > 5, "{died}");
    assert!(
        pending > 2,
        "records were read for kept documents: {pending}"
    );
}

#[tokio::test(start_paused = true)]
async fn transactions_and_snapshots_in_time_read_every_document() {
    let world = filled(50).await;
    packed_small(&world).await;
    let builder = world
        .builder(3, world.store.clone())
        .snapshots(Snapshots::Read);
    let db = builder.body_cache(64 * MIB).open().await.unwrap();
    counted(&db).await;
    let before = db.request_counts().snapshot();
    let count = db
        .snapshot(|tx| async move { Member::query(&tx).scan().count().await })
        .await;
    assert_eq!(count.unwrap(), 50);
    let made = db.request_counts().snapshot() - before;
    assert!(
        made.gets >= 100,
        "each once, and once more to validate: {made:?}"
    );
    assert_eq!(cost(&counted(&db).await.1), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn hand_made_documents_are_never_kept_or_packed() {
    let world = filled(0).await;
    let put = async |number: usize, name: &str| {
        let key = Key::from_stored(format!("members/{}.json", key(number)));
        let text = format!(
            r#"{{"id":"{}","name":"{name}","age":0}}"#,
            self::key(number)
        );
        match world.store.get(&key).await.unwrap() {
            None => drop(world.store.put(&key, &Expect::Absent, text.into()).await),
            Some(_) => overwrite(&*world.store, &key, text).await,
        }
    };
    for number in 0..30 {
        put(number, "Ada").await;
    }
    let packed = world.open(0).await.pack_snapshot::<Member>().await.unwrap();
    assert_eq!(
        (packed.packed, packed.left_out, packed.segments),
        (0, 30, 0)
    );
    let db = warmed_up(keeping(&world, 3).await).await;
    for name in ["Ada", "Bea"] {
        put(7, name).await;
        assert_eq!(scan(&db).await.unwrap()[7].name, name);
        assert_eq!(cost(&counted(&db).await.1), (1, 30));
    }
    assert_eq!(db.body_cache_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_documents_stay_within_the_budget() {
    let world = filled(1).await;
    let first = Key::from_stored(format!("members/{}.json", key(0)));
    let first = world.store.get(&first).await.unwrap().unwrap().bytes;
    let first = String::from_utf8(first.to_vec()).unwrap();
    for number in 1..100_000 {
        let put = format!("{number:020}");
        let text = first
            .replacen(&first[15..35], &put, 1)
            .replace(&key(0), &key(number));
        let path = Key::from_stored(format!("members/{}.json", key(number)));
        world.store.put(&path, &Expect::Absent, text.into()).await;
    }
    let builder = world.builder(3, world.store.clone()).body_cache(4 * MIB);
    let db = builder.open().await.unwrap();
    let mut stream = Member::query(&db).scan().budget(usize::MAX).stream();
    let mut count = 0;
    while stream.try_next().await.unwrap().is_some() {
        count += 1;
        if count % 1_000 == 0 {
            let kept = db.body_cache_bytes();
            assert!(kept <= 4 * MIB, "{kept}");
        }
    }
    assert_eq!(count, 100_000);
    assert!(db.body_cache_bytes() > 2 * MIB, "it is used");
    // Part of it is still of use, although a scan is larger than the budget.
    let scan = Member::query(&db).scan().budget(usize::MAX).count();
    let profile = scan.explain().await.unwrap().profile;
    assert!(profile.cached > 0, "{profile:?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_and_packed_can_be_saved() {
    let world = filled(100).await;
    packed_small(&world).await;
    let builder = world
        .builder(3, world.store.clone())
        .snapshots(Snapshots::Read);
    let db = builder.body_cache(MIB).open().await.unwrap();
    // The catalog is read before the first write.
    Member::create(&db, member(100)).await.unwrap();
    for age in 1..4 {
        let found: Vec<_> = Member::query(&db)
            .scan()
            .stream()
            .try_collect()
            .await
            .unwrap();
        let before = db.request_counts().snapshot();
        for mut member in found.into_iter().take(10) {
            member.age = age;
            member.save(&db).await.unwrap();
        }
        let made = db.request_counts().snapshot() - before;
        assert_eq!(
            (made.swaps, made.gets),
            (10, 0),
            "compare-and-swap at the version that was kept"
        );
    }
    assert!(
        truth(&world).await[..10]
            .iter()
            .all(|member| member.age == 3)
    );
}

#[tokio::test(start_paused = true)]
async fn collections_without_their_type_are_scanned_alike() {
    let world = filled(300).await;
    packed_small(&world).await;
    let db = reading(&world, 3).await;
    let members = db.collection("members").await.unwrap();
    members.list().at_least("age", &0).page(300).await.unwrap();
    change(&world, 0..3).await;
    let before = db.request_counts().snapshot();
    let page = members.list().at_least("age", &0).page(300).await.unwrap();
    let made = db.request_counts().snapshot() - before;
    assert_eq!(page.items.len(), 300);
    assert_eq!(
        (made.lists, made.gets),
        (1, 2 + 3),
        "the manifest, one segment, what changed"
    );
    let grown = members.list().above("age", &0).page(300).await.unwrap();
    assert_eq!(grown.items.len(), 3);
}
