//! Measuring one query or verb while it runs: it tells of itself, and the store counts for it; also on the tasks that it
//! leaves to the database.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

use super::{Access, Complexity, Explained, QueryProfile};
use crate::{
    document::DocumentSpec,
    error::Result,
    operation::{Engine, relations::Relations},
    port::IndexStore,
    store::layer::{RequestCounts, count},
};

/// What a query says of itself while it runs.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    plan: Mutex<Option<(Access, Complexity, String, String)>>,
    index_requests: AtomicU64,
    candidates: AtomicU64,
    dropped: AtomicU64,
    ruled_out: AtomicU64,
    cached: AtomicU64,
    packed: AtomicU64,
    fell_back: AtomicBool,
    requests: Arc<RequestCounts>,
    /// Those of them that are made after the reply.
    after_reply: Arc<RequestCounts>,
    /// What goes on after the reply.
    detached: TaskTracker,
    /// The transaction around it.
    outer: Option<Arc<Self>>,
}

impl Trace {
    /// This one, and those around it.
    fn lineage(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |trace| trace.outer.as_deref())
    }
}

tokio::task_local! {
    static CURRENT: Arc<Trace>;
    /// Where the profile goes of what is explained.
    static EXPLAINED: Arc<Explanation>;
}

/// What is explained takes it first; what runs inside of that finds it taken.
#[derive(Debug, Default)]
struct Explanation {
    is_taken: AtomicBool,
    told: Mutex<Option<(QueryProfile, Arc<Trace>)>>,
}

/// Tells what runs now, if anything does, and what is around it.
fn tell(tell: impl Fn(&Trace)) {
    let _nobody_asks = CURRENT.try_with(|trace| trace.lineage().for_each(tell));
}

/// Work that goes on without whoever asked for it: what it does counts for them.
pub(crate) fn carry<R>(work: impl Future<Output = R>) -> impl Future<Output = R> {
    let trace = CURRENT.try_with(Arc::clone).ok();
    let lineage = trace.iter().flat_map(|trace| trace.lineage());
    let counted_in: Vec<TaskTrackerToken> = lineage.map(|trace| trace.detached.token()).collect();
    let work = count::metered_by(count::meters(), work);
    async move {
        let done = match trace {
            Some(trace) => CURRENT.scope(trace, work).await,
            None => work.await,
        };
        drop(counted_in);
        done
    }
}

/// What a write does after its reply.
pub(crate) async fn after_reply<R>(work: impl Future<Output = R>) -> R {
    let mut meters = count::meters();
    let _nobody_asks = CURRENT.try_with(|trace| {
        meters.extend(trace.lineage().map(|trace| trace.after_reply.clone()));
    });
    count::metered_by(meters, work).await
}

/// The plan that was chosen first stands.
pub(crate) fn planned(
    access: Access,
    complexity: Complexity,
    plan: impl FnOnce() -> (String, String),
) {
    let _nobody_asks = CURRENT.try_with(|trace| {
        let mut known = trace.plan.lock().expect("no panic while holding the lock");
        if known.is_none() {
            let (plan, condition) = plan();
            *known = Some((access, complexity, plan, condition));
        }
    });
}

/// What was planned cannot be done now: every document is read.
pub(crate) fn scans_instead() {
    let _nobody_asks = CURRENT.try_with(|trace| {
        let mut known = trace.plan.lock().expect("no panic while holding the lock");
        if let Some((access, complexity, plan, _)) = known.as_mut() {
            (*access, *complexity) = (Access::Scan, Complexity::Collection);
            "every document".clone_into(plan);
        }
    });
}

pub(crate) fn looked_at(candidates: usize, dropped: usize) {
    tell(|trace| {
        trace
            .candidates
            .fetch_add(candidates as u64, Ordering::Relaxed);
        trace.dropped.fetch_add(dropped as u64, Ordering::Relaxed);
    });
}

pub(crate) fn ruled_out(documents: usize) {
    tell(|trace| {
        trace
            .ruled_out
            .fetch_add(documents as u64, Ordering::Relaxed);
    });
}

pub(crate) fn asked_an_index(requests: u64) {
    tell(|trace| _ = trace.index_requests.fetch_add(requests, Ordering::Relaxed));
}

/// A message to an index: it is a request where the index is kept elsewhere than the documents.
pub(crate) fn told_an_index(backend: &dyn IndexStore) {
    if !backend.uses_tags() {
        asked_an_index(1);
    }
}

/// Documents that needed no read of their own.
pub(crate) fn known(cached: usize, packed: usize) {
    tell(|trace| {
        trace.cached.fetch_add(cached as u64, Ordering::Relaxed);
        trace.packed.fetch_add(packed as u64, Ordering::Relaxed);
    });
}

pub(crate) fn fell_back() {
    tell(|trace| trace.fell_back.store(true, Ordering::Relaxed));
}

/// One query or verb that is being measured, over one or more futures.
pub(crate) struct Measured {
    engine: Arc<Engine>,
    operation: &'static str,
    collection: &'static str,
    began: Duration,
    trace: Arc<Trace>,
    /// Whether the profiler keeps it.
    is_kept: bool,
    explains: Option<Arc<Explanation>>,
}

impl Measured {
    pub(crate) fn begin(
        engine: &Arc<Engine>,
        operation: &'static str,
        collection: &'static str,
    ) -> Self {
        let trace = Trace {
            outer: CURRENT.try_with(Arc::clone).ok(),
            ..Trace::default()
        };
        let free = |explanation: &Arc<Explanation>| {
            let was_taken = explanation.is_taken.swap(true, Ordering::Relaxed);
            (!was_taken).then(|| explanation.clone())
        };
        Self {
            began: engine.clock.elapsed(),
            engine: engine.clone(),
            operation,
            collection,
            trace: Arc::new(trace),
            is_kept: true,
            explains: EXPLAINED.try_with(free).ok().flatten(),
        }
    }

    /// A verb on the document with a key. What it writes, it writes to these indexes too.
    fn of_key(
        engine: &Arc<Engine>,
        operation: &'static str,
        spec: &DocumentSpec,
        does: Verb,
    ) -> Self {
        let names: Vec<_> = spec.indexes.iter().map(|index| index.name).collect();
        let plan = match does {
            Verb::Reads => "by key".to_owned(),
            Verb::Writes | Verb::Deletes if names.is_empty() => "by key; no index".to_owned(),
            Verb::Writes | Verb::Deletes => format!("by key; keeps {}", names.join(", ")),
        };
        let takes_others_along = does == Verb::Deletes && is_referred_to(&engine.relations, spec);
        let complexity = match takes_others_along {
            true => Complexity::Matches,
            false => Complexity::Constant,
        };
        let mut verb = Self::begin(engine, operation, spec.collection);
        verb.is_kept = false;
        verb.planned(Access::Keys, complexity, plan, "a key".to_owned());
        verb
    }

    /// A transaction: what its closure asks for, and its commit.
    fn of_transaction(engine: &Arc<Engine>, operation: &'static str) -> Self {
        let plan = "what the closure asks for, then its commit".to_owned();
        let mut all = Self::begin(engine, operation, "");
        all.is_kept = false;
        let condition = "what the closure asks for".to_owned();
        all.planned(Access::Transaction, Complexity::Results, plan, condition);
        all
    }

    /// A query by a unique value of these fields.
    pub(crate) fn of_unique_value(
        engine: &Arc<Engine>,
        operation: &'static str,
        collection: &'static str,
        fields: &str,
    ) -> Self {
        let measured = Self::begin(engine, operation, collection);
        let (plan, condition) = (format!("the holder of {fields}"), format!("{fields} ="));
        measured.planned(Access::UniqueValue, Complexity::Constant, plan, condition);
        measured
    }

    fn planned(&self, access: Access, complexity: Complexity, plan: String, condition: String) {
        let known = self.trace.plan.lock();
        *known.expect("no panic while holding the lock") =
            Some((access, complexity, plan, condition));
    }

    /// Runs a part of it.
    pub(crate) async fn run<R>(&self, part: impl Future<Output = R>) -> R {
        let counted = count::metered(self.trace.requests.clone(), part);
        CURRENT.scope(self.trace.clone(), counted).await
    }

    fn profile(&self) -> QueryProfile {
        let trace = &self.trace;
        let plan = trace.plan.lock().expect("no panic while holding the lock");
        let (access, complexity, plan, condition) = plan.clone().unwrap_or((
            Access::Keys,
            Complexity::Constant,
            "by key".to_owned(),
            "keys".to_owned(),
        ));
        let requests = trace.requests.snapshot();
        QueryProfile {
            operation: self.operation,
            collection: self.collection,
            access,
            complexity,
            plan,
            condition,
            index_requests: trace.index_requests.load(Ordering::Relaxed),
            candidates: trace.candidates.load(Ordering::Relaxed),
            dropped: trace.dropped.load(Ordering::Relaxed),
            ruled_out: trace.ruled_out.load(Ordering::Relaxed),
            cached: trace.cached.load(Ordering::Relaxed),
            packed: trace.packed.load(Ordering::Relaxed),
            fell_back: trace.fell_back.load(Ordering::Relaxed),
            duration: self.engine.clock.elapsed().saturating_sub(self.began),
            price: self.engine.prices.of(&requests),
            requests,
            after_reply: trace.after_reply.snapshot(),
        }
    }
}

/// What a verb does with the document of its key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Reads,
    Writes,
    Deletes,
}

fn is_referred_to(relations: &Relations, spec: &DocumentSpec) -> bool {
    !relations.referring_to(spec.collection).is_empty()
}

/// A query that was dropped half way counts as well.
impl Drop for Measured {
    fn drop(&mut self) {
        let profile = self.profile();
        if let Some(explanation) = &self.explains {
            let told = (profile.clone(), self.trace.clone());
            *explanation
                .told
                .lock()
                .expect("no panic while holding the lock") = Some(told);
        }
        if self.is_kept {
            self.engine.profiler.record(profile);
        }
    }
}

/// Runs a request that is measured, and gives its profile beside its result. Waits for what it does after its reply.
pub(crate) async fn explain<R>(
    engine: Arc<Engine>,
    request: impl Future<Output = Result<R>>,
) -> Result<Explained<R>> {
    let explanation: Arc<Explanation> = Arc::default();
    let result = EXPLAINED.scope(explanation.clone(), request).await?;
    let told = explanation
        .told
        .lock()
        .expect("no panic while holding the lock")
        .take();
    let (mut profile, trace) =
        told.expect("a request that is measured leaves its profile when it ends");
    trace.detached.close();
    trace.detached.wait().await;
    let requests = trace.requests.snapshot();
    profile.after_reply = trace.after_reply.snapshot();
    profile.index_requests = trace.index_requests.load(Ordering::Relaxed);
    profile.price = engine.prices.of(&requests);
    profile.requests = requests;
    Ok(Explained { result, profile })
}

/// Runs a verb on one document, and gives its profile beside its result.
pub(crate) async fn explain_verb<R>(
    engine: Arc<Engine>,
    operation: &'static str,
    spec: &'static DocumentSpec,
    does: Verb,
    request: impl Future<Output = Result<R>>,
) -> Result<Explained<R>> {
    let measured = async {
        let measured = Measured::of_key(&engine, operation, spec, does);
        measured.run(request).await
    };
    explain(engine.clone(), measured).await
}

/// Runs a transaction, and gives its profile beside its result.
pub(crate) async fn explain_transaction<R>(
    engine: Arc<Engine>,
    operation: &'static str,
    transaction: impl Future<Output = Result<R>>,
) -> Result<Explained<R>> {
    let measured = async {
        let measured = Measured::of_transaction(&engine, operation);
        measured.run(transaction).await
    };
    explain(engine.clone(), measured).await
}
