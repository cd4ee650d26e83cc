//! One run of one operation with one fault.

use std::{ops::Range, sync::Arc, time::Duration};

use smarterbase_core::{Error, ErrorKind, db::Db, port::Clock};

use super::{Attack, Effect, Scenario, SweepReport, World};
use crate::{FaultStore, TestClock, invariant};

const SEED: u64 = 7;
/// The engine's default, which the trials keep.
const RETENTION: Duration = Duration::from_secs(24 * 60 * 60);

/// The numbers of the operation's calls, by running it without faults.
pub(super) async fn rehearse<S: Scenario>(scenario: &S) -> Range<u64> {
    let (world, store, first) = stage(scenario, FaultStore::recording).await;
    let db = client(&world, &store).await;
    let replied = scenario.act(&db).await;
    replied.expect("the operation succeeds when nothing fails");
    db.close().await;
    first..store.log().len() as u64
}

/// A prepared database, a store with faults for the client under attack, and the number of its first call after opening.
async fn stage<S: Scenario>(
    scenario: &S,
    faults: impl FnOnce(Arc<dyn smarterbase_core::port::CasStore>) -> FaultStore,
) -> (World, Arc<FaultStore>, u64) {
    let clock = Arc::new(TestClock::new());
    let shared = scenario.store(clock.clone()).await;
    let world = World::over(SEED, clock, shared);
    let db = world.open(0).await;
    scenario.prepare(&db).await;
    db.close().await;
    let store = Arc::new(faults(world.store.clone()));
    (world, store, 1) // Opening a stamped store is one GET.
}

async fn client(world: &World, store: &Arc<FaultStore>) -> Db {
    let opened = world.builder(1, store.clone()).open().await;
    opened.expect("no fault meets the opening")
}

/// How the attacked client ended.
enum Reply {
    Said(Result<(), Error>),
    Died,
}

pub(super) async fn run<S: Scenario>(
    scenario: &S,
    call: u64,
    attack: Attack,
    report: &mut SweepReport,
) {
    let (world, store, _) = stage(scenario, |inner| attack.store(inner, call)).await;
    let db = client(&world, &store).await;
    let reply = {
        let acting = scenario.act(&db);
        tokio::select! {
            biased;
            () = store.crash() => Reply::Died,
            replied = acting => Reply::Said(replied),
        }
    };
    let mut trial = Trial {
        world: &world,
        wrong: Vec::new(),
    };
    trial.check_effect(scenario, &reply, "at the reply").await;
    if matches!(reply, Reply::Said(_)) {
        db.close().await;
    }
    if !store.was_hit() {
        return;
    }
    let released = store.release_delayed().await.len();
    trial
        .check_effect(scenario, &reply, "after delayed writes")
        .await;
    trial.recover(scenario).await;
    let lines = store.log().lines();
    let place = lines
        .get(usize::try_from(call).unwrap_or(usize::MAX))
        .cloned()
        .unwrap_or_default();
    let said = count(&reply, report);
    report.trials += 1;
    if attack.is_transient() && !matches!(reply, Reply::Said(Ok(()))) {
        report
            .not_overcome
            .push(format!("{attack:?} at call {call} ({place}): {said}"));
    }
    if !trial.wrong.is_empty() {
        report.failures.push(format!(
            "{attack:?} at call {call} ({place}), {released} released; the reply was: {said}\n{}\ncalls:\n{}",
            trial.wrong.join("\n"),
            lines.join("\n")
        ));
    }
}

fn count(reply: &Reply, report: &mut SweepReport) -> String {
    let (counter, text) = match reply {
        Reply::Died => (&mut report.replies.died, "died".to_owned()),
        Reply::Said(Ok(())) => (&mut report.replies.done, "done".to_owned()),
        Reply::Said(Err(error)) if error.kind() == ErrorKind::OutcomeUnknown => {
            (&mut report.replies.unknown, error.to_string())
        }
        Reply::Said(Err(error)) => (&mut report.replies.failed, error.to_string()),
    };
    *counter += 1;
    text
}

struct Trial<'a> {
    world: &'a World,
    wrong: Vec<String>,
}

impl Trial<'_> {
    /// Invariant 5.
    async fn check_effect<S: Scenario>(&mut self, scenario: &S, reply: &Reply, when: &str) {
        let observer = self.world.open(2).await;
        let effect = scenario.effect(&observer).await;
        observer.close().await;
        let is_true = match (reply, &effect) {
            (_, Effect::Torn(_)) => false,
            (Reply::Died, _) => true,
            (Reply::Said(Ok(())), effect) => *effect == Effect::Done,
            (Reply::Said(Err(error)), effect) => {
                error.kind() == ErrorKind::OutcomeUnknown || *effect == Effect::Nothing
            }
        };
        if !is_true {
            self.wrong
                .push(format!("invariant 5: {when} another client saw {effect:?}"));
        }
    }

    /// Another client asks, sweeps, and goes on writing.
    async fn recover<S: Scenario>(&mut self, scenario: &S) {
        self.check_store::<S>("before recovery").await;
        let observer = self.world.open(3).await;
        self.check_answers::<S>(&observer).await;
        observer.close().await;
        self.check_store::<S>("after queries").await;
        let garbage = invariant::garbage::<S::Document>(
            &*self.world.store,
            self.world.clock.now(),
            RETENTION,
        );
        for line in garbage.await {
            self.wrong.push(format!("S13: a query left {line}"));
        }
        let next = self.world.open(4).await;
        if let Err(error) = scenario.aftermath(&next).await {
            self.wrong.push(format!("life cannot go on: {error}"));
        }
        self.check_answers::<S>(&next).await;
        next.close().await;
        self.check_store::<S>("at the end").await;
    }

    async fn check_store<S: Scenario>(&mut self, when: &str) {
        for line in invariant::damage::<S::Document>(&*self.world.store).await {
            self.wrong.push(format!("{when}: {line}"));
        }
    }

    async fn check_answers<S: Scenario>(&mut self, db: &Db) {
        let wrong = invariant::wrong_answers::<S::Document>(db, &*self.world.store).await;
        self.wrong.extend(wrong);
    }
}
