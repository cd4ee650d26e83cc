//! What an attempt leaves behind is cleared: by its owner, by anyone who meets it, by the medic.

use std::{collections::BTreeMap, sync::Arc};

use super::attempt::Closed;
use crate::{
    format::{
        Key,
        intent::Attempt,
        record::{Decision, Record},
    },
    operation::Engine,
    protocol::{
        ClearMachine, FinishPlan, Placed, Shipped, conduct,
        conduct::Nothing,
        finish::{ClearPlan, Cleared},
    },
};

/// The objects of an attempt whose closure failed, or that only read, lose their locks.
pub(crate) async fn abandon(engine: &Arc<Engine>, mut closed: Closed) {
    let (locks, doubtful) = closed.locks.take();
    give_back(engine, &closed.name, locks, doubtful).await;
}

/// Objects lose the locks of an attempt that ends without a decision.
pub(crate) async fn give_back(
    engine: &Engine,
    attempt: &Attempt,
    locks: BTreeMap<Key, Placed>,
    doubtful: Vec<Key>,
) {
    let objects = plans(attempt, Decision::Aborted, locks, doubtful);
    if !objects.is_empty() {
        take_back(engine, attempt, objects, Vec::new()).await;
    }
}

/// How the objects of an attempt are finished.
pub(crate) fn plans(
    attempt: &Attempt,
    decision: Decision,
    placed: BTreeMap<Key, Placed>,
    uncertain: Vec<Key>,
) -> Vec<FinishPlan> {
    let plan = |key: Key, placed: Option<Placed>| FinishPlan {
        key,
        transaction: attempt.clone(),
        decision,
        placed,
        staged: None,
    };
    let uncertain: Vec<Key> = uncertain
        .into_iter()
        .filter(|key| !placed.contains_key(key))
        .collect();
    let placed = placed
        .into_iter()
        .map(|(key, placed)| plan(key, Some(placed)));
    placed
        .chain(uncertain.into_iter().map(|key| plan(key, None)))
        .collect()
}

/// Replaces the intents of an attempt by what they decided. What fails is left to the medic.
pub(crate) async fn finish(
    engine: &Engine,
    attempt: &Attempt,
    decision: Decision,
    objects: Vec<FinishPlan>,
) -> Cleared {
    run(engine, plan(attempt, decision, objects)).await
}

/// Removes the staged bodies and the record of a committed attempt of which nothing bears an intent any more.
pub(crate) async fn remove(engine: &Engine, attempt: &Attempt, staged: Vec<Key>) {
    let plan = ClearPlan {
        staged,
        removes_record: true,
        ..plan(attempt, Decision::Committed, Vec::new())
    };
    run(engine, plan).await;
}

/// Takes the intents of an attempt back that did not commit, and its staged bodies.
pub(crate) async fn take_back(
    engine: &Engine,
    attempt: &Attempt,
    objects: Vec<FinishPlan>,
    staged: Vec<Key>,
) {
    let plan = ClearPlan {
        staged,
        ..plan(attempt, Decision::Aborted, objects)
    };
    run(engine, plan).await;
}

fn plan(attempt: &Attempt, decision: Decision, objects: Vec<FinishPlan>) -> ClearPlan {
    ClearPlan {
        transaction: attempt.clone(),
        decision,
        objects,
        staged: Vec::new(),
        removes_record: false,
    }
}

async fn run(engine: &Engine, plan: ClearPlan) -> Cleared {
    let attempt = plan.transaction.clone();
    let machine = ClearMachine::<Shipped>::new(plan);
    let cleared = conduct(engine.machines(), engine.deadline(), &Nothing, machine).await;
    if !cleared.is_clean {
        tracing::debug!(%attempt, "an object of a decided transaction still bears its intent");
    }
    cleared
}

/// Finishes what a committed transaction wrote, for an owner that did not. Gives whether nothing bears its intents.
pub(crate) async fn finish_record(engine: &Engine, record: Record, removes_record: bool) -> bool {
    let attempt = record.transaction;
    let objects = plans(
        &attempt,
        Decision::Committed,
        BTreeMap::new(),
        record.objects,
    );
    let plan = ClearPlan {
        staged: record.staged,
        removes_record,
        ..plan(&attempt, Decision::Committed, objects)
    };
    run(engine, plan).await.is_clean
}
