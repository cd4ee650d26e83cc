//! Measuring one query while it runs: it tells of itself, and the store counts for it.

use std::{
    future::Future,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{Access, Complexity, Explained, QueryProfile};
use crate::{
    error::Result,
    operation::Engine,
    store::layer::{RequestCounts, count},
};

/// What a query says of itself while it runs.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    plan: Mutex<Option<(Access, Complexity, String, String)>>,
    index_requests: AtomicU64,
    candidates: AtomicU64,
    dropped: AtomicU64,
    cached: AtomicU64,
    packed: AtomicU64,
    fell_back: AtomicBool,
    requests: Arc<RequestCounts>,
}

tokio::task_local! {
    static CURRENT: Arc<Trace>;
    /// Where the profile of the query goes that is explained.
    static EXPLAINED: Arc<Mutex<Option<QueryProfile>>>;
}

/// Tells the query that runs now, if there is one.
fn tell(tell: impl FnOnce(&Trace)) {
    let _nobody_asks = CURRENT.try_with(|trace| tell(trace));
}

/// The plan that was chosen first stands.
pub(crate) fn planned(
    access: Access,
    complexity: Complexity,
    plan: impl FnOnce() -> (String, String),
) {
    tell(|trace| {
        let mut known = trace.plan.lock().expect("no panic while holding the lock");
        if known.is_none() {
            let (plan, condition) = plan();
            *known = Some((access, complexity, plan, condition));
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

pub(crate) fn asked_an_index(requests: u64) {
    tell(|trace| _ = trace.index_requests.fetch_add(requests, Ordering::Relaxed));
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

/// One query that is being measured, over one or more futures.
pub(crate) struct Measured {
    engine: Arc<Engine>,
    operation: &'static str,
    collection: &'static str,
    began: Duration,
    trace: Arc<Trace>,
}

impl Measured {
    pub(crate) fn begin(
        engine: &Arc<Engine>,
        operation: &'static str,
        collection: &'static str,
    ) -> Self {
        Self {
            began: engine.clock.elapsed(),
            engine: engine.clone(),
            operation,
            collection,
            trace: Arc::default(),
        }
    }

    /// A query by a unique value of these fields.
    pub(crate) fn of_unique_value(
        engine: &Arc<Engine>,
        operation: &'static str,
        collection: &'static str,
        fields: &str,
    ) -> Self {
        let measured = Self::begin(engine, operation, collection);
        let plan = (format!("the holder of {fields}"), format!("{fields} ="));
        *measured
            .trace
            .plan
            .lock()
            .expect("no panic while holding the lock") =
            Some((Access::UniqueValue, Complexity::Constant, plan.0, plan.1));
        measured
    }

    /// Runs a part of the query.
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
            cached: trace.cached.load(Ordering::Relaxed),
            packed: trace.packed.load(Ordering::Relaxed),
            fell_back: trace.fell_back.load(Ordering::Relaxed),
            duration: self.engine.clock.elapsed().saturating_sub(self.began),
            price: self.engine.prices.of(&requests),
            requests,
        }
    }
}

/// A query that was dropped half way counts as well.
impl Drop for Measured {
    fn drop(&mut self) {
        let profile = self.profile();
        let _nobody_asks = EXPLAINED.try_with(|explained| {
            *explained.lock().expect("no panic while holding the lock") = Some(profile.clone());
        });
        self.engine.profiler.record(profile);
    }
}

/// Runs a request and gives its profile beside its result.
pub(crate) async fn explain<R>(request: impl Future<Output = Result<R>>) -> Result<Explained<R>> {
    let explained: Arc<Mutex<Option<QueryProfile>>> = Arc::default();
    let result = EXPLAINED.scope(explained.clone(), request).await?;
    let profile = explained
        .lock()
        .expect("no panic while holding the lock")
        .take();
    Ok(Explained {
        result,
        profile: profile.expect("a request that is measured leaves its profile when it ends"),
    })
}
