//! The circuit breaker: after five failures in a row nothing is asked any more, until one probe succeeds.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use smarterbase_core::port::Clock;

/// How many failures in a row open the breaker.
const FAILURES: u32 = 5;
/// How long it stays open when nobody says earlier that a probe is worth it.
const REST: Duration = Duration::from_secs(30);

/// Counts failures in a row. Only the caller knows what a failure is: a server's error reply is none.
#[derive(Debug)]
pub(crate) struct Breaker {
    clock: Arc<dyn Clock>,
    /// Held for a few instructions, never across an await.
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed {
        failures: u32,
    },
    /// Nothing passes before `probe_at`.
    Open {
        probe_at: Duration,
    },
    /// One probe is on its way.
    Probing,
}

/// The right to make one call. Dropped without a verdict (its caller was cancelled), it counts as neither.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    has_verdict: bool,
}

impl Breaker {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }

    /// The right to call, or `None` while the breaker is open or its one probe is on its way.
    pub(crate) fn try_acquire(&self) -> Option<Permit<'_>> {
        let mut state = self.lock();
        let is_probe = match *state {
            State::Closed { .. } => false,
            State::Open { probe_at } if self.clock.elapsed() >= probe_at => true,
            State::Open { .. } | State::Probing => return None,
        };
        if is_probe {
            *state = State::Probing;
        }
        Some(Permit {
            breaker: self,
            is_probe,
            has_verdict: false,
        })
    }

    /// Lets the next call through as the probe: somebody else saw that the other side is there again.
    pub(crate) fn allow_probe(&self) {
        let mut state = self.lock();
        if let State::Open { probe_at } = &mut *state {
            *probe_at = Duration::ZERO;
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        !matches!(*self.lock(), State::Closed { .. })
    }

    fn open(&self) -> State {
        State::Open {
            probe_at: self.clock.elapsed() + REST,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// The other side answered.
    pub(crate) fn succeed(mut self) {
        self.has_verdict = true;
        let mut state = self.breaker.lock();
        // A call from before the breaker opened says nothing about now.
        if self.is_probe || matches!(*state, State::Closed { .. }) {
            *state = State::Closed { failures: 0 };
        }
    }

    /// The other side did not answer.
    pub(crate) fn fail(mut self) {
        self.has_verdict = true;
        let opened = self.breaker.open();
        let mut state = self.breaker.lock();
        match &mut *state {
            State::Closed { failures } if *failures + 1 < FAILURES => *failures += 1,
            State::Closed { .. } => *state = opened,
            State::Probing if self.is_probe => *state = opened,
            State::Probing | State::Open { .. } => {}
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if self.is_probe && !self.has_verdict {
            *self.breaker.lock() = State::Open {
                probe_at: Duration::ZERO,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures::future::BoxFuture;
    use smarterbase_core::document::Timestamp;

    use super::{Arc, Breaker, Clock, Duration, FAILURES};

    #[derive(Debug, Default)]
    struct HandClock(AtomicU64);

    impl Clock for HandClock {
        fn now(&self) -> Timestamp {
            unreachable!("the breaker does not ask the time of day")
        }
        fn elapsed(&self) -> Duration {
            Duration::from_secs(self.0.load(Ordering::SeqCst))
        }
        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            unreachable!("the breaker does not sleep")
        }
    }

    fn opened() -> (Arc<HandClock>, Breaker) {
        let clock = Arc::new(HandClock::default());
        let breaker = Breaker::new(clock.clone());
        for _ in 0..FAILURES {
            breaker.try_acquire().unwrap().fail();
        }
        (clock, breaker)
    }

    #[test]
    fn five_failures_in_a_row_open_it() {
        let (_, breaker) = opened();
        assert!(breaker.try_acquire().is_none());
    }

    #[test]
    fn a_success_starts_the_count_again() {
        let breaker = Breaker::new(Arc::new(HandClock::default()));
        for round in 0..20 {
            let permit = breaker.try_acquire().unwrap();
            if round % 5 == 4 {
                permit.succeed()
            } else {
                permit.fail()
            }
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn after_thirty_seconds_exactly_one_probe_passes() {
        let (clock, breaker) = opened();
        clock.0.store(29, Ordering::SeqCst);
        assert!(breaker.try_acquire().is_none());
        clock.0.store(30, Ordering::SeqCst);
        let probe = breaker.try_acquire().unwrap();
        assert!(breaker.try_acquire().is_none());
        probe.succeed();
        assert!(breaker.try_acquire().is_some());
    }

    #[test]
    fn a_failed_probe_starts_the_rest_again() {
        let (clock, breaker) = opened();
        clock.0.store(30, Ordering::SeqCst);
        breaker.try_acquire().unwrap().fail();
        clock.0.store(59, Ordering::SeqCst);
        assert!(breaker.try_acquire().is_none());
        clock.0.store(60, Ordering::SeqCst);
        assert!(breaker.try_acquire().is_some());
    }

    #[test]
    fn a_cancelled_probe_leaves_room_for_the_next() {
        let (_, breaker) = opened();
        breaker.allow_probe();
        drop(breaker.try_acquire().unwrap());
        assert!(breaker.try_acquire().is_some());
    }

    #[test]
    fn cancelled_callers_count_as_nothing() {
        let breaker = Breaker::new(Arc::new(HandClock::default()));
        for _ in 0..FAILURES {
            drop(breaker.try_acquire().unwrap());
        }
        assert!(!breaker.is_open());
    }

    #[test]
    fn a_call_from_before_it_opened_does_not_close_it() {
        let clock = Arc::new(HandClock::default());
        let breaker = Breaker::new(clock);
        let early = breaker.try_acquire().unwrap();
        for _ in 0..FAILURES {
            breaker.try_acquire().unwrap().fail();
        }
        early.succeed();
        assert!(breaker.is_open());
    }
}
