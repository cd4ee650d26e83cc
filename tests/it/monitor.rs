//! The health monitor: finds drift by itself, repairs it, and can be stopped and started at will.

use std::{sync::Arc, time::Duration};

use smarterbase::{
    maintenance::monitor::{MonitorEvent, MonitorSettings},
    prelude::*,
};
use smarterbase_core::format::{Key, Prefix};
use smarterbase_testkit::sweep::{Latencies, LatentStore, World};

use crate::user::User;

const BOUND: Duration = Duration::from_secs(2);
/// An interval with its jitter, a run, and the second look of that run.
const A_WHILE: Duration = Duration::from_secs(6 * 60);

async fn filled(count: usize) -> (World, Db) {
    let world = World::new(1);
    let builder = world.builder(0, world.store.clone());
    let db = builder.in_flight_bound(BOUND).open().await.unwrap();
    for number in 0..count {
        User::create(&db, User::new(&format!("u{number:03}")))
            .await
            .unwrap();
    }
    (world, db)
}

/// Takes entries of the index on plans away: the first of every `of`.
async fn lose(world: &World, of: usize) -> usize {
    let page = world
        .store
        .list(&Prefix::new("_index/users/"), None, 1_000)
        .await
        .unwrap();
    let plans: Vec<Key> = page
        .objects
        .into_iter()
        .map(|object| object.key)
        .filter(|key| key.as_str().starts_with("_index/users/plan-"))
        .collect();
    let lost: Vec<&Key> = plans.iter().step_by(of).collect();
    for key in &lost {
        world.store.delete_retired(key).await.unwrap();
    }
    lost.len()
}

async fn on_free(db: &Db) -> usize {
    User::find_by_plan(db, "free").await.unwrap().len()
}

fn small() -> MonitorSettings {
    MonitorSettings {
        sample: 20,
        ..MonitorSettings::default()
    }
}

#[tokio::test(start_paused = true)]
async fn d14_monitor_finds_and_repairs_what_was_lost() {
    let (world, db) = filled(60).await;
    assert_eq!(lose(&world, 2).await, 30);
    assert_eq!(on_free(&db).await, 30);
    let mut events = db.monitor().events();
    assert!(!db.monitor().status().is_running);
    assert!(db.monitor().start(small()));
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(on_free(&db).await, 60);
    let status = db.monitor().status();
    assert!(status.is_running && status.last_run.is_some());
    assert_eq!((status.runs, status.missing, status.repaired), (1, 30, 30));
    // Half of a sample is over the threshold: the whole collection was compared.
    assert_eq!((status.scrubs, status.failures), (1, 0));
    let Some(MonitorEvent::Sampled(sampled)) = events.next().await else {
        panic!("the sample comes first");
    };
    assert_eq!(sampled.documents, 20);
    assert!(sampled.drift() > 0.4, "{sampled}");
    assert!(
        matches!(events.next().await, Some(MonitorEvent::Scrubbed(whole)) if whole.documents == 60)
    );
    db.close().await;
}

#[tokio::test(start_paused = true)]
async fn below_the_threshold_only_the_sample_is_repaired_and_later_ones_find_the_rest() {
    let (world, db) = filled(100).await;
    assert_eq!(lose(&world, 50).await, 2);
    let settings = MonitorSettings {
        threshold: 0.2,
        ..small()
    };
    let sample = db.monitor().run_now(settings).await.unwrap();
    assert!(sample.missing() <= 1, "{sample}");
    for _ in 0..5 {
        db.monitor().run_now(settings).await.unwrap();
    }
    let status = db.monitor().status();
    assert_eq!((status.scrubs, status.missing, status.repaired), (0, 2, 2));
    assert_eq!(on_free(&db).await, 100);
}

#[tokio::test(start_paused = true)]
async fn exactly_the_threshold_is_enough_for_a_look_at_everything() {
    let (world, db) = filled(20).await;
    lose(&world, 20).await;
    let settings = MonitorSettings {
        threshold: 0.05,
        ..small()
    };
    db.monitor().run_now(settings).await.unwrap();
    assert_eq!(db.monitor().status().scrubs, 1);
}

#[tokio::test(start_paused = true)]
async fn without_repair_the_monitor_only_tells() {
    let (world, db) = filled(10).await;
    lose(&world, 10).await;
    let settings = MonitorSettings {
        repair: false,
        ..small()
    };
    let report = db.monitor().run_now(settings).await.unwrap();
    assert_eq!((report.missing(), report.repaired()), (1, 0));
    assert_eq!(on_free(&db).await, 9);
}

#[tokio::test(start_paused = true)]
async fn d14_monitor_stops_and_starts_a_hundred_times_and_runs_once_an_interval() {
    let (_world, db) = filled(3).await;
    let monitor = db.monitor();
    for _ in 0..100 {
        assert!(monitor.start(small()));
        assert!(!monitor.start(small()), "it runs already");
        assert!(monitor.status().is_running);
        assert!(monitor.stop().await);
        assert!(!monitor.stop().await, "it was stopped");
        assert!(!monitor.status().is_running);
    }
    tokio::time::sleep(A_WHILE).await;
    assert_eq!(monitor.status().runs, 0, "a stopped monitor does nothing");
    monitor.start(small());
    tokio::time::sleep(Duration::from_secs(60 * 60)).await;
    let runs = monitor.status().runs;
    assert!((10..=12).contains(&runs), "{runs} runs in an hour");
    assert_eq!(monitor.status().skipped, 0);
    // It ends with the database, in the middle of its interval.
    let begun = tokio::time::Instant::now();
    let status = monitor.clone();
    db.close().await;
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert!(!status.status().is_running);
    assert!(!status.start(small()), "the database is closed");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_longer_than_the_interval_is_not_overtaken() {
    let (world, db) = filled(30).await;
    db.close().await;
    let latencies = Latencies {
        get: Duration::from_millis(400),
        put: Duration::from_millis(400),
        list: Duration::from_millis(400),
    };
    let latent = LatentStore::exact(world.store.clone(), latencies);
    let builder = world.builder(1, Arc::new(latent));
    let db = builder.open().await.unwrap();
    User::get(&db, &"u000".to_owned()).await.unwrap();
    let mut events = db.monitor().events();
    let settings = MonitorSettings {
        interval: Duration::from_secs(1),
        ..small()
    };
    db.monitor().start(settings);
    tokio::time::sleep(Duration::from_secs(60)).await;
    db.monitor().stop().await;
    let status = db.monitor().status();
    // Each run takes at least 2 s: a catalog, a list, documents, entries.
    assert!((5..=30).contains(&status.runs), "{status:?}");
    assert!(status.skipped >= status.runs, "{status:?}");
    let mut skipped = 0;
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(1), events.next()).await
    {
        if let MonitorEvent::Skipped(intervals) = event {
            skipped += intervals;
        }
    }
    assert_eq!(skipped, status.skipped);
}

#[tokio::test(start_paused = true)]
async fn everything_is_compared_once_a_day_and_builders_start_the_monitor() {
    let (world, first) = filled(15).await;
    first.close().await;
    let settings = MonitorSettings {
        interval: Duration::from_secs(60 * 60),
        sample: 5,
        ..MonitorSettings::default()
    };
    let builder = world.builder(1, world.store.clone()).monitor(settings);
    let db = builder.open().await.unwrap();
    assert!(db.monitor().status().is_running);
    User::get(&db, &"u000".to_owned()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(20 * 60 * 60)).await;
    assert_eq!(db.monitor().status().scrubs, 0);
    tokio::time::sleep(Duration::from_secs(5 * 60 * 60)).await;
    assert_eq!(db.monitor().status().scrubs, 1);
    drop(db);
}

#[cfg(feature = "metrics")]
mod counters {
    use std::{
        collections::BTreeMap,
        sync::{Arc, Mutex},
    };

    use metrics::{
        Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use super::{filled, lose, on_free, small};

    #[derive(Default)]
    struct Counts(Arc<Mutex<BTreeMap<String, u64>>>);

    struct One(Arc<Mutex<BTreeMap<String, u64>>>, String);

    impl CounterFn for One {
        fn increment(&self, value: u64) {
            *self.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
        }
        fn absolute(&self, _: u64) {}
    }

    impl Recorder for Counts {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
            let name = format!("{} {}", key.name(), labels.join(" "));
            Counter::from_arc(Arc::new(One(self.0.clone(), name)))
        }
        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }
        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn drift_repairs_and_runs_are_counted() {
        let counts = Counts::default();
        let seen = counts.0.clone();
        let _recording = metrics::set_default_local_recorder(&counts);
        let (world, db) = filled(20).await;
        lose(&world, 10).await;
        db.monitor().run_now(small()).await.unwrap();
        assert_eq!(on_free(&db).await, 20);
        let seen = seen.lock().unwrap().clone();
        let of = |name: &str| -> u64 {
            let found = seen.iter().filter(|(key, _)| key.starts_with(name));
            found.map(|(_, count)| count).sum()
        };
        assert_eq!(
            of("smarterbase_index_drift_total missing users plan-"),
            2,
            "{seen:?}"
        );
        assert_eq!(of("smarterbase_index_repaired_total users plan-"), 2);
        assert_eq!(of("smarterbase_monitor_runs_total done"), 1);
        assert!(!format!("{seen:?}").contains("example.org"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_interval_without_end_is_a_year() {
    let (_world, db) = filled(1).await;
    let settings = MonitorSettings {
        interval: Duration::MAX,
        ..small()
    };
    assert!(db.monitor().start(settings));
    tokio::time::sleep(Duration::from_secs(370 * 24 * 60 * 60)).await;
    let status = db.monitor().status();
    assert_eq!((status.is_running, status.runs), (true, 1));
    db.close().await;
}
