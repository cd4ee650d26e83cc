//! The driver of the engine: runs a machine against a real store.

use std::time::Duration;

use super::{Machine, Patience, Reply, Request, Step};
use crate::{
    format::Nonce,
    port::{CasStore, Clock, Rng},
};

/// The number of the pause from which on pauses are the longest: up to 1 s.
pub const LONGEST_PAUSE: u32 = 7;

/// How long a machine may go on trying.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// [`Clock::elapsed`] at which the time is up.
    pub at: Duration,
}

/// What machines run against.
#[derive(Clone, Copy, Debug)]
pub struct Store<'a> {
    /// The objects.
    pub store: &'a dyn CasStore,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Randomness.
    pub rng: &'a dyn Rng,
}

/// What a machine waits for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Waits(Option<Wait>);

#[derive(Clone, Copy, Debug)]
struct Wait {
    intent: Nonce,
    since: Duration,
    /// How often it was looked at.
    looks: u32,
}

impl Waits {
    /// Another look at an intent, `now`.
    fn look(&mut self, intent: Nonce, now: Duration) -> Wait {
        let known = self.0.filter(|wait| wait.intent == intent);
        let (since, looks) = known.map_or((now, 0), |wait| (wait.since, wait.looks));
        let wait = Wait {
            intent,
            since,
            looks: looks.saturating_add(1),
        };
        self.0 = Some(wait);
        wait
    }
}

/// Runs `machine` to its end.
///
/// Pauses are full jitter: the `n`th takes from nothing up to 10 ms × 2^n, and up to 1 s from the seventh on. None reaches
/// past the deadline; the first one after it, and every later one, tells the machine that its time is up.
/// A request that the deadline overtakes is waited for: the store has timeouts of its own.
pub async fn drive<M: Machine>(
    store: &dyn CasStore,
    clock: &dyn Clock,
    rng: &dyn Rng,
    deadline: Deadline,
    mut machine: M,
) -> M::Output {
    let store = Store { store, clock, rng };
    let mut waits = Waits::default();
    let mut reply = Reply::Start;
    loop {
        reply = match machine.step(reply, rng) {
            Step::Done(output) => return output,
            Step::Do(request) => answer(store, deadline, &mut waits, request).await,
        };
    }
}

/// Does what a machine asks for. What only a [`Conductor`](super::Conductor) asks for is answered with a no.
pub(super) async fn answer(
    to: Store<'_>,
    deadline: Deadline,
    waits: &mut Waits,
    request: Request,
) -> Reply {
    match request {
        Request::Get(key) => Reply::Got(to.store.get(&key).await),
        Request::GetIfChanged(key, version) => {
            Reply::Changed(to.store.get_if_changed(&key, &version).await)
        }
        Request::Put { key, expect, body } => Reply::Put(to.store.put(&key, &expect, body).await),
        Request::Delete(key) => Reply::Deleted(to.store.delete_retired(&key).await),
        Request::Pause(attempt) => rest(to.clock, to.rng, deadline, attempt).await,
        Request::Await { intent, patience } => wait(to, deadline, waits, intent, patience).await,
        Request::Announce | Request::Rescan(_) | Request::Confirm => Reply::No,
    }
}

/// How long a client waits between two looks at an intent that is in its way, in milliseconds. Most are decided after a
/// few round trips, so the first looks come soon.
const LOOKS: std::ops::RangeInclusive<u64> = 25..=200;

/// A little while, or the word that an intent has been in the way for too long.
async fn wait(
    to: Store<'_>,
    deadline: Deadline,
    waits: &mut Waits,
    intent: Nonce,
    patience: Patience,
) -> Reply {
    let now = to.clock.elapsed();
    let wait = waits.look(intent, now);
    let left = deadline.at.saturating_sub(now);
    if left.is_zero() {
        return Reply::TimeIsUp;
    }
    let patience = (wait.since + patience.duration()).saturating_sub(now);
    if patience.is_zero() {
        return Reply::PatienceIsOver;
    }
    let drawn = to.rng.below(longest_look(wait.looks) - LOOKS.start() + 1);
    let look = Duration::from_millis(LOOKS.start() + drawn);
    to.clock.sleep(look.min(left).min(patience)).await;
    Reply::Rested
}

/// In milliseconds: 50, 100, then 200.
fn longest_look(looks: u32) -> u64 {
    (LOOKS.start() << looks.min(4)).min(*LOOKS.end())
}

async fn rest(clock: &dyn Clock, rng: &dyn Rng, deadline: Deadline, attempt: u32) -> Reply {
    let left = deadline.at.saturating_sub(clock.elapsed());
    if left.is_zero() {
        return Reply::TimeIsUp;
    }
    let drawn = Duration::from_millis(rng.below(longest_pause(attempt)) + 1);
    clock.sleep(drawn.min(left)).await;
    Reply::Rested
}

/// In milliseconds: 20, 40, 80, 160, 320, 640, then 1,000.
fn longest_pause(attempt: u32) -> u64 {
    (10 << attempt.clamp(1, LONGEST_PAUSE)).min(1_000)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use futures::future::BoxFuture;

    use super::*;
    use crate::document::Timestamp;

    /// A clock that only sleeping moves.
    #[derive(Clone, Debug, Default)]
    struct Asleep(Arc<AtomicU64>);

    impl Clock for Asleep {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn elapsed(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed))
        }

        fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
            let slept = u64::try_from(duration.as_millis()).expect("short");
            self.0.fetch_add(slept, Ordering::Relaxed);
            Box::pin(async {})
        }
    }

    /// Draws the same bytes every time.
    #[derive(Debug)]
    struct Same(u8);

    impl Rng for Same {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn pauses_double_up_to_a_second() {
        let longest: Vec<u64> = (0..9).map(longest_pause).collect();
        assert_eq!(longest, [20, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
        assert_eq!(longest_pause(u32::MAX), 1_000);
    }

    #[test]
    fn looks_begin_soon_and_stay_below_a_fifth_of_a_second() {
        let longest: Vec<u64> = (1..6).map(longest_look).collect();
        assert_eq!(longest, [50, 100, 200, 200, 200]);
        assert_eq!(longest_look(u32::MAX), 200);
    }

    #[tokio::test]
    async fn no_pause_reaches_past_the_deadline_and_the_time_stays_up() {
        let clock = Asleep::default();
        let at = Duration::from_millis(2_500);
        let mut pauses = 0;
        while matches!(
            rest(&clock, &Same(0xff), Deadline { at }, LONGEST_PAUSE).await,
            Reply::Rested
        ) {
            pauses += 1;
            assert!(clock.elapsed() <= at);
            assert!(pauses < 10_000, "it never ends");
        }
        assert_eq!(clock.elapsed(), at);
        for _ in 0..2 {
            let again = rest(&clock, &Same(0), Deadline { at }, 1).await;
            assert!(matches!(again, Reply::TimeIsUp));
        }
        assert_eq!(clock.elapsed(), at);
    }
}
