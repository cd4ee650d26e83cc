//! What stands between the engine and a store, one concern each.
//!
//! From the outside in: [`Retried`] asks again, without holding a place while it waits; [`Limited`] bounds how many
//! calls run at once; [`Deadlines`] gives each attempt its time, counted from when it has a place; [`Counted`] counts
//! the attempts that are made.

pub mod count;
pub mod deadline;
pub mod limit;
pub mod retry;
pub(crate) mod watched;

use std::{sync::Arc, time::Duration};

pub use count::{Counted, RequestCounts, Requests};
pub use deadline::Deadlines;
pub use limit::Limited;
pub use retry::{Retried, RetryLimits};

use crate::port::{CasStore, Clock, Rng};

/// The settings of all layers.
#[derive(Clone, Copy, Debug)]
pub struct LayerSettings {
    /// How long one attempt may take: 10 s.
    pub attempt_timeout: Duration,
    /// How many calls may run at once, 1 to 1,000: 64. Throttling by the store lowers it for a while.
    pub most_at_once: usize,
    /// How long reads, lists and retirements are tried again.
    pub retry: RetryLimits,
}

impl Default for LayerSettings {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(10),
            most_at_once: 64,
            retry: RetryLimits::default(),
        }
    }
}

/// Puts every layer around `store`, in the order of this module's text, and returns the counters beside it.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use smarterbase_core::{
///     format::Key,
///     port::{CasStore, SystemClock, SystemRng},
///     store::{LayerSettings, MemoryStore, stack},
/// };
///
/// let settings = LayerSettings::default();
/// let (store, counts) =
///     stack(Arc::new(MemoryStore::new()), Arc::new(SystemClock), Arc::new(SystemRng), settings);
/// let before = counts.snapshot();
/// store.get(&Key::from_stored("users/ada.json")).await.unwrap();
/// assert_eq!((counts.snapshot() - before).gets, 1);
/// # });
/// ```
#[must_use]
pub fn stack(
    store: Arc<dyn CasStore>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    settings: LayerSettings,
) -> (Arc<dyn CasStore>, Arc<RequestCounts>) {
    let counted = Counted::new(store);
    let counts = counted.counts();
    let timed = Deadlines::new(
        Arc::new(counted),
        Arc::clone(&clock),
        settings.attempt_timeout,
    );
    let limited = Limited::new(Arc::new(timed), settings.most_at_once)
        .with_patience(Arc::clone(&clock), settings.attempt_timeout);
    let retried = Retried::new(Arc::new(limited), clock, rng, settings.retry);
    (Arc::new(retried), counts)
}
