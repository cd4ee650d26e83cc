//! The driver of the engine: runs a machine against a real store.

use std::time::Duration;

use super::{Machine, Reply, Request, Step};
use crate::port::{CasStore, Clock, Rng};

/// How long a machine may go on trying, and how it waits in between.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// [`Clock::elapsed`] at which the time is up.
    pub at: Duration,
}

/// Runs `machine` to its end. Pauses are full jitter, 10 ms × 2^n up to 1 s, never past the deadline.
pub async fn drive<M: Machine>(
    store: &dyn CasStore,
    clock: &dyn Clock,
    rng: &dyn Rng,
    deadline: Deadline,
    mut machine: M,
) -> M::Output {
    let mut reply = Reply::Start;
    loop {
        reply = match machine.step(reply, rng) {
            Step::Done(output) => return output,
            Step::Do(Request::Get(key)) => Reply::Got(store.get(&key).await),
            Step::Do(Request::Put { key, expect, body }) => {
                Reply::Put(store.put(&key, &expect, body).await)
            }
            Step::Do(Request::Pause(attempt)) => rest(clock, rng, deadline, attempt).await,
        };
    }
}

async fn rest(clock: &dyn Clock, rng: &dyn Rng, deadline: Deadline, attempt: u32) -> Reply {
    let longest = 10 << attempt.clamp(1, 7).min(7);
    let pause = Duration::from_millis(rng.below(u64::min(longest, 1_000)) + 1);
    if clock.elapsed() + pause >= deadline.at {
        return Reply::TimeIsUp;
    }
    clock.sleep(pause).await;
    Reply::Rested
}
