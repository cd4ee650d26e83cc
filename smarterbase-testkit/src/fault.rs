//! A store that fails as told: before, after, later, or for good.

mod plan;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use smarterbase_core::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, Expect, ListPage, Object, StoreError,
        StoreErrorKind,
    },
};
use tokio::sync::watch;

use self::plan::{Plan, Verdict};
use crate::record::{CallKind, CallLog, CallOutcome};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The call never arrives; the client hears of a timeout.
    FailBefore,
    /// The client dies before the call: it and everything afterwards fails.
    CrashBefore,
    /// The client dies after the store carried the call out: it and everything afterwards fails.
    CrashAfter,
    /// The store carries the call out, and the client hears of a timeout.
    LoseReply,
    /// The client hears of a timeout, and a write is carried out when the test calls
    /// [`release_delayed`](FaultStore::release_delayed). A read fails.
    ApplyLater,
    /// A conditional write is rejected although its condition holds, as an S3 409 does. Anything else passes.
    Reject,
    /// The store asks for fewer requests (429, 503 SlowDown). The call has no effect.
    Throttle,
    /// The store answers with an error (500). The call has no effect.
    Unavailable,
    /// The store refuses the credentials. The call has no effect.
    Deny,
}

impl Fault {
    /// Every fault, for sweeps.
    pub const ALL: [Self; 9] = [
        Self::FailBefore,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::LoseReply,
        Self::ApplyLater,
        Self::Reject,
        Self::Throttle,
        Self::Unavailable,
        Self::Deny,
    ];
}

/// A store that fails as its plan says, and logs every call.
///
/// Calls are numbered from 0 in the order in which they begin. To test an operation against every crash, run it with
/// [`at`](Self::at) for k = 0, 1, … until [`was_hit`](Self::was_hit) says that it ended before the fault.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use smarterbase_core::{format::Key, port::{Attempt, CasStore, Expect}, store::MemoryStore};
/// use smarterbase_testkit::{Fault, FaultStore};
///
/// let store = FaultStore::at(Arc::new(MemoryStore::new()), 0, Fault::LoseReply);
/// let key = Key::from_stored("users/ada.json");
/// assert!(matches!(store.put(&key, &Expect::Absent, "{}".into()).await, Attempt::Unknown(_)));
/// assert!(store.get(&key).await.unwrap().is_some());
/// # });
/// ```
#[derive(Debug)]
pub struct FaultStore {
    inner: Arc<dyn CasStore>,
    log: CallLog,
    state: Mutex<State>,
    dead: watch::Sender<bool>,
}

#[derive(Debug)]
struct State {
    plan: Plan,
    calls: u64,
    hits: u64,
    delayed: Vec<Delayed>,
}

/// A write that the client gave up and that is still on its way.
#[derive(Debug)]
enum Delayed {
    Put(Key, Expect, Bytes),
    DeleteIf(Key, Version),
    DeleteRetired(Key),
}

impl FaultStore {
    /// No faults: only the log.
    #[must_use]
    pub fn recording(inner: Arc<dyn CasStore>) -> Self {
        Self::with_plan(inner, Plan::Nothing)
    }

    /// One fault, at call `number`.
    #[must_use]
    pub fn at(inner: Arc<dyn CasStore>, number: u64, fault: Fault) -> Self {
        Self::with_faults(inner, [(number, fault)])
    }

    /// Faults at several calls.
    #[must_use]
    pub fn with_faults(
        inner: Arc<dyn CasStore>,
        faults: impl IntoIterator<Item = (u64, Fault)>,
    ) -> Self {
        Self::with_plan(inner, Plan::At(faults.into_iter().collect()))
    }

    /// A fault out of `faults` at `per_mille` of 1,000 calls, by the seed, which is printed so that a failure repeats.
    #[must_use]
    pub fn random(
        inner: Arc<dyn CasStore>,
        seed: u64,
        per_mille: u64,
        faults: impl Into<Vec<Fault>>,
    ) -> Self {
        eprintln!("faults: seed {seed}, {per_mille} of 1000 calls");
        Self::with_plan(inner, Plan::random(seed, per_mille, faults.into()))
    }

    fn with_plan(inner: Arc<dyn CasStore>, plan: Plan) -> Self {
        Self {
            inner,
            log: CallLog::default(),
            state: Mutex::new(State {
                plan,
                calls: 0,
                hits: 0,
                delayed: Vec::new(),
            }),
            dead: watch::Sender::new(false),
        }
    }

    /// The log of all calls.
    #[must_use]
    pub fn log(&self) -> &CallLog {
        &self.log
    }

    /// Whether any fault happened yet.
    #[must_use]
    pub fn was_hit(&self) -> bool {
        self.hits() > 0
    }

    /// How many calls met a fault so far.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.state().hits
    }

    /// Whether the client is dead.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        *self.dead.borrow()
    }

    /// Returns once the client is dead: a test drops the client's future then.
    pub async fn crash(&self) {
        let mut dead = self.dead.subscribe();
        let crashed = dead.wait_for(|dead| *dead).await;
        crashed.expect("the sender lives in the store");
    }

    /// Carries out the writes that [`Fault::ApplyLater`] held back, in order, and says what became of each.
    pub async fn release_delayed(&self) -> Vec<Attempt> {
        let delayed = std::mem::take(&mut self.state().delayed);
        let mut attempts = Vec::new();
        for write in delayed {
            attempts.push(self.carry_out(write).await);
        }
        attempts
    }

    async fn carry_out(&self, write: Delayed) -> Attempt {
        match write {
            Delayed::Put(key, expect, body) => self.inner.put(&key, &expect, body).await,
            Delayed::DeleteIf(key, version) => self.inner.delete_if(&key, &version).await,
            Delayed::DeleteRetired(key) => match self.inner.delete_retired(&key).await {
                Ok(()) => Attempt::Applied(Version::default()),
                Err(error) => Attempt::Unknown(error),
            },
        }
    }

    fn begin(&self, kind: CallKind, path: &str) -> (usize, Verdict) {
        let number = self.log.begin(kind, path);
        if self.has_crashed() {
            return (number, Verdict::Fail(dead()));
        }
        let mut state = self.state();
        let call = state.calls;
        state.calls += 1;
        let Some(fault) = state.plan.fault_at(call, kind) else {
            return (number, Verdict::Pass);
        };
        state.hits += 1;
        drop(state);
        if matches!(fault, Fault::CrashBefore | Fault::CrashAfter) {
            self.dead.send_replace(true);
        }
        (number, Verdict::of(fault, kind))
    }

    fn delay(&self, write: Delayed) {
        self.state().delayed.push(write);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end<T>(&self, number: usize, answer: T) -> T
    where
        for<'a> CallOutcome: From<&'a T>,
    {
        self.log.end(number, CallOutcome::from(&answer));
        answer
    }
}

fn dead() -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, "the client is dead")
}

/// What a client hears of a failed conditional write.
fn attempt(error: StoreError) -> Attempt {
    match error.kind {
        StoreErrorKind::Denied => Attempt::Refused(error),
        _ => Attempt::Unknown(error),
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl CasStore for FaultStore {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        let (number, verdict) = self.begin(CallKind::Get, key.as_str());
        let answer = match verdict.for_read() {
            None => self.inner.get(key).await,
            Some(error) => Err(error),
        };
        self.end(number, answer)
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        let (number, verdict) = self.begin(CallKind::GetIfChanged, key.as_str());
        let answer = match verdict.for_read() {
            None => self.inner.get_if_changed(key, version).await,
            Some(error) => Err(error),
        };
        self.end(number, answer)
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        let kind = match expect {
            Expect::Absent => CallKind::Create,
            Expect::Exactly(_) => CallKind::Swap,
        };
        let (number, verdict) = self.begin(kind, key.as_str());
        let answer = match verdict {
            Verdict::Pass => self.inner.put(key, expect, body).await,
            Verdict::Fail(error) => attempt(error),
            Verdict::Reject => Attempt::Rejected,
            Verdict::ApplyAndFail(error) => {
                self.inner.put(key, expect, body).await;
                attempt(error)
            }
            Verdict::DelayAndFail(error) => {
                self.delay(Delayed::Put(key.clone(), expect.clone(), body));
                attempt(error)
            }
        };
        self.end(number, answer)
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        let (number, verdict) = self.begin(CallKind::DeleteIf, key.as_str());
        let answer = match verdict {
            Verdict::Pass => self.inner.delete_if(key, version).await,
            Verdict::Fail(error) => attempt(error),
            Verdict::Reject => Attempt::Rejected,
            Verdict::ApplyAndFail(error) => {
                self.inner.delete_if(key, version).await;
                attempt(error)
            }
            Verdict::DelayAndFail(error) => {
                self.delay(Delayed::DeleteIf(key.clone(), version.clone()));
                attempt(error)
            }
        };
        self.end(number, answer)
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        let (number, verdict) = self.begin(CallKind::DeleteRetired, key.as_str());
        let answer = match verdict {
            Verdict::Pass | Verdict::Reject => self.inner.delete_retired(key).await,
            Verdict::Fail(error) => Err(error),
            Verdict::ApplyAndFail(error) => self.inner.delete_retired(key).await.and(Err(error)),
            Verdict::DelayAndFail(error) => {
                self.delay(Delayed::DeleteRetired(key.clone()));
                Err(error)
            }
        };
        self.end(number, answer)
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        let (number, verdict) = self.begin(CallKind::List, prefix.as_str());
        let answer = match verdict.for_read() {
            None => self.inner.list(prefix, after, limit).await,
            Some(error) => Err(error),
        };
        self.end(number, answer)
    }
}
