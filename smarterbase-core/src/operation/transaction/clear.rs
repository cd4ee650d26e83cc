//! What an attempt leaves behind is cleared: by its owner, by anyone who meets it, by the medic.

use std::{collections::BTreeMap, sync::Arc};

use super::attempt::Closed;
use crate::{
    document::Version,
    format::{
        Key,
        intent::Attempt,
        record::{Decision, Record},
    },
    operation::Engine,
    protocol::{
        ClearMachine, FinishPlan, Placed, conduct,
        conduct::Nothing,
        finish::{ClearPlan, Cleared},
    },
};

/// The objects of an attempt whose closure failed, or that only read, lose their locks.
pub(crate) async fn abandon(engine: &Arc<Engine>, closed: Closed) {
    let objects = plans(
        &closed.name,
        Decision::Aborted,
        closed.locks,
        closed.doubtful,
    );
    if !objects.is_empty() {
        clear(engine, &closed.name, Decision::Aborted, objects, Vec::new()).await;
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

/// Finishes objects, and removes the staged bodies and the record. What fails is left to the medic.
pub(crate) async fn clear(
    engine: &Engine,
    attempt: &Attempt,
    decision: Decision,
    objects: Vec<FinishPlan>,
    staged: Vec<Key>,
) -> BTreeMap<Key, Option<Version>> {
    let plan = ClearPlan {
        transaction: attempt.clone(),
        decision,
        objects,
        staged,
        removes_record: decision == Decision::Committed,
    };
    let machine = ClearMachine::<crate::protocol::Shipped>::new(plan);
    let Cleared { versions, is_clean } =
        conduct(engine.machines(), engine.deadline(), &Nothing, machine).await;
    if !is_clean {
        tracing::debug!(%attempt, "an object of a decided transaction still bears its intent");
    }
    versions
}

/// Finishes what a committed transaction wrote, for an owner that did not. Gives whether nothing bears its intents.
pub(crate) async fn finish_record(engine: &Engine, record: Record, removes_record: bool) -> bool {
    let attempt = record.transaction;
    let plan = ClearPlan {
        objects: plans(
            &attempt,
            Decision::Committed,
            BTreeMap::new(),
            record.objects,
        ),
        transaction: attempt,
        decision: Decision::Committed,
        staged: record.staged,
        removes_record,
    };
    let machine = ClearMachine::<crate::protocol::Shipped>::new(plan);
    let cleared = conduct(engine.machines(), engine.deadline(), &Nothing, machine).await;
    cleared.is_clean
}
