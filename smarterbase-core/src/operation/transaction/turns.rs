//! Turns: transactions of one process that write the same objects commit one after the other.
//!
//! Between processes only intents decide who waits, and looking at them costs requests. Within a process waiting costs
//! nothing, so a transaction that is ready to commit first queues for the objects that it wrote (alone) and read (beside
//! other readers). One that finds, at its turn, that another has changed what it read runs again at once, in the same turn.
//! No promise rests on turns: whoever waits too long goes on without one.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::{Either, select};
use tokio::sync::{Notify, OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock};

use crate::{format::Key, operation::Engine, port::Clock};

/// How an object is used in a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// Others may read it too.
    Read,
    /// Nobody else may use it.
    Write,
}

/// The queues of the objects that transactions of this process use right now.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    queues: Mutex<HashMap<Key, Arc<Queue>>>,
}

/// Who uses one object, in the order of their coming.
#[derive(Debug, Default)]
struct Queue {
    gate: Arc<RwLock<()>>,
    /// How many turns have begun: whether the queue moves.
    begun: AtomicU64,
    /// How many transactions have changed the object.
    changes: AtomicU64,
    /// The object's last writer has committed, and its intent is being replaced by what it says.
    is_finishing: AtomicBool,
    finished: Notify,
}

/// A queue for as long as somebody has to do with it; the last one removes it.
#[derive(Debug)]
struct Visit {
    turns: Arc<Turns>,
    key: Key,
    queue: Arc<Queue>,
}

#[derive(Debug)]
enum Gate {
    Read {
        _guard: OwnedRwLockReadGuard<()>,
    },
    Write {
        _guard: OwnedRwLockWriteGuard<()>,
    },
    /// It took too long.
    Passed,
}

#[derive(Debug)]
struct Place {
    /// Before `visit`: who comes next finds the gate open.
    _gate: Gate,
    visit: Visit,
    use_: Use,
}

/// The right to commit before others that use the same objects, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    places: Vec<Place>,
    is_outdated: bool,
}

/// How long somebody waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowance<'a> {
    pub(crate) clock: &'a dyn Clock,
    /// For a queue that does not move.
    pub(crate) standstill: Duration,
    /// [`Clock::elapsed`] at which nobody waits any more.
    pub(crate) until: Duration,
}

impl<'a> Allowance<'a> {
    /// What a transaction or an update allows that has time until `until`.
    pub(crate) fn until(engine: &'a Engine, until: Duration) -> Self {
        Self {
            clock: &*engine.clock,
            standstill: engine.limits.transactions.lease,
            until,
        }
    }
}

impl Turns {
    /// Waits for all of `uses`, in the order of the keys: two that wait for each other cannot be.
    pub(crate) async fn take(
        self: &Arc<Self>,
        uses: BTreeMap<Key, Use>,
        allowance: Allowance<'_>,
    ) -> Turn {
        let visits = uses.into_iter().map(|(key, use_)| (self.visit(key), use_));
        let visits: Vec<(Visit, Use, u64)> = visits
            .map(|(visit, use_)| {
                let changes = visit.queue.changes.load(Ordering::Acquire);
                (visit, use_, changes)
            })
            .collect();
        let mut turn = Turn {
            places: Vec::with_capacity(visits.len()),
            is_outdated: false,
        };
        let mut allowance = allowance;
        for (visit, use_, changes) in visits {
            let gate = visit.queue.enter(use_, allowance).await;
            if matches!(gate, Gate::Passed) {
                allowance.until = Duration::ZERO; // It has waited: what else is not free at once is passed too.
            }
            turn.is_outdated |= visit.queue.changes.load(Ordering::Acquire) != changes;
            turn.places.push(Place {
                _gate: gate,
                visit,
                use_,
            });
        }
        turn
    }

    /// Waits while a committed transaction of this process is finishing the object: whoever reads it now would meet the
    /// intent, and would lose the race to replace it.
    pub(crate) async fn let_finish(
        self: &Arc<Self>,
        key: &Key,
        clock: &dyn Clock,
        longest: Duration,
    ) {
        let Some(visit) = self.visit_if_used(key) else {
            return;
        };
        let finished = std::pin::pin!(visit.queue.finished.notified());
        if visit.queue.is_finishing.load(Ordering::Acquire) {
            select(finished, clock.sleep(longest)).await;
        }
    }

    fn visit(self: &Arc<Self>, key: Key) -> Visit {
        let queue = self.lock().entry(key.clone()).or_default().clone();
        Visit {
            turns: self.clone(),
            key,
            queue,
        }
    }

    fn visit_if_used(self: &Arc<Self>, key: &Key) -> Option<Visit> {
        let queue = self.lock().get(key)?.clone();
        Some(Visit {
            turns: self.clone(),
            key: key.clone(),
            queue,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Arc<Queue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    async fn enter(&self, use_: Use, allowance: Allowance<'_>) -> Gate {
        let gate = self.gate.clone();
        let entered = async {
            match use_ {
                Use::Read => Gate::Read {
                    _guard: gate.read_owned().await,
                },
                Use::Write => Gate::Write {
                    _guard: gate.write_owned().await,
                },
            }
        };
        let entered = self.wait(entered, allowance).await;
        self.begun.fetch_add(1, Ordering::Relaxed);
        entered
    }

    /// For as long as the queue moves, and the time is not up.
    async fn wait(&self, entered: impl Future<Output = Gate>, allowance: Allowance<'_>) -> Gate {
        let mut entered = std::pin::pin!(entered);
        loop {
            let begun = self.begun.load(Ordering::Relaxed);
            let left = allowance.until.saturating_sub(allowance.clock.elapsed());
            let tired = allowance.clock.sleep(allowance.standstill.min(left));
            match select(entered.as_mut(), tired).await {
                Either::Left((gate, _)) => return gate,
                Either::Right(_) if left <= allowance.standstill => return Gate::Passed,
                Either::Right(_) if self.begun.load(Ordering::Relaxed) == begun => {
                    return Gate::Passed;
                }
                Either::Right(_) => {}
            }
        }
    }
}

impl Turn {
    /// Whether an object was changed by others while this turn was waited for: what was read before is not so any more.
    pub(crate) fn is_outdated(&self) -> bool {
        self.is_outdated
    }

    /// Whether the turn is one for all of `uses`.
    pub(crate) fn covers(&self, uses: &BTreeMap<Key, Use>) -> bool {
        let held: BTreeMap<&Key, Use> = self
            .places
            .iter()
            .map(|place| (&place.visit.key, place.use_))
            .collect();
        uses.iter()
            .all(|(key, use_)| held.get(key).is_some_and(|held| held >= use_))
    }

    /// What is written in this turn is committed: whoever waits has read something older.
    pub(crate) fn note_commit(&self) {
        for place in self.written() {
            place.visit.queue.changes.fetch_add(1, Ordering::Release);
        }
    }

    /// Intents of this turn are decided, and still there until it ends.
    pub(crate) fn note_finishing(&self) {
        for place in self.written() {
            let queue = &place.visit.queue;
            queue.is_finishing.store(true, Ordering::Release);
        }
    }

    fn written(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().filter(|place| place.use_ == Use::Write)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        for place in self.written() {
            let queue = &place.visit.queue;
            if queue.is_finishing.swap(false, Ordering::AcqRel) {
                queue.finished.notify_waiters();
            }
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut queues = self.turns.lock();
        // The map's and this one: a new visit begins under the lock only.
        if Arc::strong_count(&self.queue) == 2 {
            queues.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt, future::BoxFuture};
    use tokio::time::Instant;

    use super::*;
    use crate::document::Timestamp;

    const STANDSTILL: Duration = Duration::from_secs(5);

    /// The clock of the test's runtime.
    #[derive(Debug)]
    struct Paused(Instant);

    impl Clock for Paused {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn elapsed(&self) -> Duration {
            self.0.elapsed()
        }

        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            tokio::time::sleep(duration).boxed()
        }
    }

    fn patient(clock: &Paused) -> Allowance<'_> {
        Allowance {
            clock,
            standstill: STANDSTILL,
            until: Duration::from_secs(60),
        }
    }

    fn uses<const N: usize>(uses: [(&str, Use); N]) -> BTreeMap<Key, Use> {
        uses.map(|(key, use_)| (Key::from_stored(key), use_)).into()
    }

    fn is_unused(turns: &Turns) -> bool {
        turns.lock().is_empty()
    }

    #[tokio::test(start_paused = true)]
    async fn readers_go_together_and_a_writer_alone() {
        let (turns, clock) = (Arc::new(Turns::default()), Paused(Instant::now()));
        let read = || turns.take(uses([("a", Use::Read)]), patient(&clock));
        let (one, other) = (read().await, read().await);
        let mut writing = std::pin::pin!(turns.take(uses([("a", Use::Write)]), patient(&clock)));
        assert!(writing.as_mut().now_or_never().is_none());
        let mut late = std::pin::pin!(read());
        assert!(
            late.as_mut().now_or_never().is_none(),
            "it overtook the writer"
        );
        drop((one, other));
        let writer = writing.await;
        assert!(late.as_mut().now_or_never().is_none());
        drop(writer);
        assert!(!late.await.is_outdated());
        assert!(is_unused(&turns));
        assert_eq!(clock.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waited_hears_of_what_was_committed() {
        let (turns, clock) = (Arc::new(Turns::default()), Paused(Instant::now()));
        let both = || uses([("a", Use::Read), ("b", Use::Write)]);
        let first = turns.take(both(), patient(&clock)).await;
        assert!(!first.is_outdated());
        let mut second = std::pin::pin!(turns.take(both(), patient(&clock)));
        assert!(second.as_mut().now_or_never().is_none());
        first.note_commit();
        drop(first);
        let second = second.await;
        assert!(second.is_outdated());
        assert!(second.covers(&uses([("b", Use::Read)])));
        assert!(!second.covers(&uses([("a", Use::Write)])));
        drop(second);
        let third = turns.take(both(), patient(&clock)).await;
        assert!(!third.is_outdated(), "nothing was committed since it came");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_a_queue_that_stands_still() {
        let (turns, clock) = (Arc::new(Turns::default()), Paused(Instant::now()));
        let write = || turns.take(uses([("a", Use::Write)]), patient(&clock));
        let holder = write().await;
        let passed = write().await;
        assert_eq!(clock.elapsed(), STANDSTILL);
        drop((holder, passed));
        assert!(is_unused(&turns));
        let hurried = Allowance {
            until: clock.elapsed(),
            ..patient(&clock)
        };
        let _holder = write().await;
        turns.take(uses([("a", Use::Write)]), hurried).await;
        assert_eq!(clock.elapsed(), STANDSTILL, "the time was up");
    }

    #[tokio::test(start_paused = true)]
    async fn a_queue_that_moves_is_waited_for() {
        let (turns, clock) = (Arc::new(Turns::default()), Paused(Instant::now()));
        let working = (0..10).map(async |_| {
            let turn = turns.take(uses([("a", Use::Write)]), patient(&clock)).await;
            clock.sleep(Duration::from_secs(4)).await;
            drop(turn);
        });
        futures::future::join_all(working).await;
        assert_eq!(
            clock.elapsed(),
            Duration::from_secs(40),
            "one after the other"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn readers_let_a_committed_writer_finish() {
        let (turns, clock) = (Arc::new(Turns::default()), Paused(Instant::now()));
        let key = Key::from_stored("a");
        let turn = turns.take(uses([("a", Use::Write)]), patient(&clock)).await;
        turns.let_finish(&key, &clock, STANDSTILL).await;
        assert_eq!(clock.elapsed(), Duration::ZERO, "it has not committed");
        turn.note_finishing();
        let finishing = async {
            clock.sleep(Duration::from_millis(20)).await;
            drop(turn);
        };
        futures::future::join(finishing, turns.let_finish(&key, &clock, STANDSTILL)).await;
        assert_eq!(clock.elapsed(), Duration::from_millis(20));
        assert!(is_unused(&turns));
    }
}
