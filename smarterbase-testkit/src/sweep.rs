//! Every fault at every store call of an operation: then recover, and check that the reply was true.
//!
//! [`sweep`] learns how many calls a scenario's operation makes, and runs it once per call and [`Fault`], each time on a
//! fresh database with the same seed. Another client, without faults, then looks at what is left. It must run under
//! virtual time (`#[tokio::test(start_paused = true)]`), so that deadlines cost nothing.

mod latency;
mod trial;

use std::{fmt, future::Future, sync::Arc};

use smarterbase_core::{
    Result,
    db::{Db, DbBuilder},
    document::Document,
    port::CasStore,
    store::MemoryStore,
};

pub use self::latency::{Latencies, LatentStore};
use crate::{Fault, FaultStore, SeededRng, TestClock};

/// One operation to attack.
pub trait Scenario {
    /// The documents of the collection that is checked.
    type Document: Document;

    /// The store that all clients share: memory, unless the scenario says otherwise.
    fn store(&self, clock: Arc<TestClock>) -> impl Future<Output = Arc<dyn CasStore>> {
        std::future::ready(Arc::new(MemoryStore::with_clock(clock)) as Arc<dyn CasStore>)
    }

    /// Puts documents there for the operation to meet. Without faults.
    fn prepare(&self, db: &Db) -> impl Future<Output = ()>;

    /// The operation. A client that the fault kills is dropped inside of it.
    fn act(&self, db: &Db) -> impl Future<Output = Result<()>>;

    /// What can be seen of the operation, by another client without faults.
    fn effect(&self, db: &Db) -> impl Future<Output = Effect>;

    /// Writes the document again, removes it, and gives its unique values to another one. All of it must succeed.
    fn aftermath(&self, db: &Db) -> impl Future<Output = Result<()>>;
}

/// What another client sees of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing of it.
    Nothing,
    /// All of it.
    Done,
    /// Something that neither state before nor after explains.
    Torn(String),
}

/// One shared store and what its clients are made with.
#[derive(Clone, Debug)]
pub struct World {
    /// The time of all clients: tokio's.
    pub clock: Arc<TestClock>,
    /// What the clients share.
    pub store: Arc<dyn CasStore>,
    seed: u64,
}

impl World {
    /// An empty store in memory. Must be called inside a tokio runtime.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let clock = Arc::new(TestClock::new());
        let store = Arc::new(MemoryStore::with_clock(clock.clone()));
        Self::over(seed, clock, store)
    }

    /// A store of any kind.
    #[must_use]
    pub fn over(seed: u64, clock: Arc<TestClock>, store: Arc<dyn CasStore>) -> Self {
        Self { clock, store, seed }
    }

    /// The parts of client number `client` on `store`, which lies over the shared one.
    #[must_use]
    pub fn builder(&self, client: u64, store: Arc<dyn CasStore>) -> DbBuilder {
        let seed = self.seed.wrapping_mul(1_000_003).wrapping_add(client);
        Db::builder()
            .store(store)
            .clock(self.clock.clone())
            .rng(Arc::new(SeededRng::new(seed)))
    }

    /// Opens client number `client` without faults.
    ///
    /// # Panics
    /// When the store cannot be opened.
    pub async fn open(&self, client: u64) -> Db {
        let opened = self.builder(client, self.store.clone()).open().await;
        opened.expect("a healthy store opens")
    }
}

/// What a sweep found.
#[derive(Clone, Debug, Default)]
pub struct SweepReport {
    /// How many calls the operation makes when nothing fails, those after its reply included.
    pub calls: u64,
    /// How often it ran with a fault that was met.
    pub trials: u64,
    /// How often it succeeded, failed without effect, said that it does not know, and died.
    pub replies: Replies,
    /// What was wrong, one text per trial.
    pub failures: Vec<String>,
    /// Transient faults that the operation did not get over by itself: call, fault and reply.
    pub not_overcome: Vec<String>,
}

/// How the operation ended, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replies {
    /// It said that it was done.
    pub done: u64,
    /// It said that nothing happened.
    pub failed: u64,
    /// It said that it does not know.
    pub unknown: u64,
    /// Its client died.
    pub died: u64,
}

impl SweepReport {
    /// Asserts that every reply was true, every invariant held, and every transient fault was overcome.
    ///
    /// # Panics
    /// When not.
    pub fn assert_clean(&self) {
        assert!(self.trials > 0, "no fault was met: {self}");
        let texts: Vec<&str> = self
            .failures
            .iter()
            .chain(&self.not_overcome)
            .take(5)
            .map(String::as_str)
            .collect();
        assert!(texts.is_empty(), "{self}\n\n{}", texts.join("\n\n"));
    }
}

impl fmt::Display for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls, {} trials ({:?}), {} failures, {} faults not overcome",
            self.calls,
            self.trials,
            self.replies,
            self.failures.len(),
            self.not_overcome.len()
        )
    }
}

/// One fault, or a store that stays broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attack {
    /// The fault meets one call.
    Once(Fault),
    /// The fault meets every call from here on.
    FromHereOn(Fault),
    /// One fault, and another one so many calls later.
    Twice(Fault, u64, Fault),
}

impl Attack {
    /// Every fault once, and the ones that change the outcome when they stay.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let once = Fault::ALL.into_iter().map(Self::Once);
        let stays = [
            Fault::FailBefore,
            Fault::ApplyLater,
            Fault::LoseReply,
            Fault::Throttle,
            Fault::Deny,
        ];
        once.chain(stays.into_iter().map(Self::FromHereOn))
            .collect()
    }

    /// Two faults near each other: a lost or delayed request, and then what makes its repair fail.
    #[must_use]
    pub fn pairs() -> Vec<Self> {
        let first = [Fault::LoseReply, Fault::ApplyLater, Fault::Reject];
        let second = [
            Fault::LoseReply,
            Fault::ApplyLater,
            Fault::Reject,
            Fault::FailBefore,
            Fault::CrashAfter,
        ];
        let pair = |first, gap| second.map(|second| Self::Twice(first, gap, second));
        let gaps = |first| (1..=3).flat_map(move |gap| pair(first, gap));
        first.into_iter().flat_map(gaps).collect()
    }

    fn store(self, inner: Arc<dyn CasStore>, call: u64) -> FaultStore {
        /// More calls than any operation makes before its deadline.
        const LONG: u64 = 5_000;
        match self {
            Self::Once(fault) => FaultStore::at(inner, call, fault),
            Self::FromHereOn(fault) => {
                FaultStore::with_faults(inner, (call..call + LONG).map(|call| (call, fault)))
            }
            Self::Twice(first, gap, second) => {
                FaultStore::with_faults(inner, [(call, first), (call + gap, second)])
            }
        }
    }

    /// Whether an operation gets over it without its caller.
    fn is_transient(self) -> bool {
        match self {
            Self::Once(fault) => {
                !matches!(fault, Fault::CrashBefore | Fault::CrashAfter | Fault::Deny)
            }
            Self::FromHereOn(_) => false,
            Self::Twice(_, _, second) => second != Fault::CrashAfter,
        }
    }
}

/// Attacks one operation at each of its calls.
///
/// # Panics
/// When the operation fails without any fault.
pub async fn sweep<S: Scenario>(scenario: &S, attacks: &[Attack]) -> SweepReport {
    let calls = trial::rehearse(scenario).await;
    let mut report = SweepReport {
        calls: calls.end - calls.start,
        ..SweepReport::default()
    };
    for call in calls {
        for attack in attacks {
            trial::run(scenario, call, *attack, &mut report).await;
        }
    }
    report
}
