//! The end of a holding: one put hands the lock to the next one of this process, or releases it.

use std::{sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    at,
    document::{self, Sight, Swap},
    hall::{Local, Seat, Turn, Waiter},
    lost, place,
    tenure::Tenure,
};
use crate::{
    error::{Code, Error, Result},
    operation::Engine,
};

/// How often the put is tried against others who put the document as it was.
const MOST_ROUNDS: u32 = 8;
/// Where nobody can tell whether other processes wait, the lock stays in this one for so long at a time.
const STAY: Duration = Duration::from_millis(200);
/// And then this process stays back for so long, in milliseconds: longer than others wait between two looks.
const STAY_BACK: std::ops::RangeInclusive<u64> = 20..=40;

/// A held lock. Dropped, it is given back in the background.
#[derive(Debug)]
pub(crate) struct Hold {
    tenure: Option<Arc<Tenure>>,
}

impl Hold {
    pub(super) fn of(tenure: Arc<Tenure>) -> Self {
        Self {
            tenure: Some(tenure),
        }
    }

    pub(crate) fn tenure(&self) -> &Arc<Tenure> {
        self.tenure.as_ref().expect("it is there until the end")
    }

    pub(crate) fn is_lost(&self) -> bool {
        self.tenure().is_lost()
    }

    /// Returns when the lock is lost.
    pub(crate) async fn lost(&self) {
        self.tenure().lost.cancelled().await;
    }

    /// Gives the lock back and says whether it was held until then.
    pub(crate) async fn release(mut self) -> Result<()> {
        let Some(tenure) = self.tenure.take() else {
            return Ok(());
        };
        let name = tenure.local.name.clone();
        let answer = begin_end(tenure);
        let answered = answer.await.unwrap_or_else(|_| Err(no_reply()));
        answered.map_err(|error| at(&name, error).during("release"))
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(tenure) = self.tenure.take() {
            drop(begin_end(tenure));
        }
    }
}

/// On a task of the database, also from outside of a runtime.
fn begin_end(tenure: Arc<Tenure>) -> oneshot::Receiver<Result<()>> {
    tenure.ended.cancel();
    let (reply, answer) = oneshot::channel();
    let (tasks, runtime) = (tenure.engine.tasks.clone(), tenure.runtime.clone());
    let ending = async move {
        let ended = end(&tenure).await;
        let wakes = matches!(ended, Ok(Ended::Released));
        drop(reply.send(ended.map(drop)));
        if wakes {
            place::wake(&tenure.engine, &tenure.local).await;
        }
    };
    tasks.spawn_on(ending, &runtime);
    answer
}

enum Ended {
    Released,
    HandedOver,
}

async fn end(tenure: &Tenure) -> Result<Ended> {
    let mut base = tenure.sight.lock().await.clone();
    let seat = tenure.take_seat();
    let next = match &seat {
        Some(_) if !tenure.lost.is_cancelled() => next(&tenure.engine, &tenure.local).await,
        _ => None,
    };
    let mut end = End { tenure, seat, next };
    for _ in 0..MOST_ROUNDS {
        match end.put(&base).await? {
            Put::Ended(ended) => return Ok(ended),
            Put::Again(found) => base = found,
        }
    }
    tenure.local.abandon(tenure.write);
    let text = "others kept putting the lock document, so it was not released";
    Err(Error::new(Code::UNAVAILABLE, text))
}

struct End<'a> {
    tenure: &'a Tenure,
    seat: Option<Seat>,
    next: Option<Waiter>,
}

enum Put {
    Ended(Ended),
    Again(Sight),
}

impl End<'_> {
    async fn put(&mut self, base: &Sight) -> Result<Put> {
        let Tenure { engine, local, .. } = self.tenure;
        let (write, sent) = (engine.nonce(), engine.clock.elapsed());
        let holder = self.next.as_ref().map(|next| next.wish.holder(engine));
        match document::swap(engine, &local.key, base, holder.as_ref(), write).await {
            Swap::Done(after) => Ok(Put::Ended(self.done(after, sent))),
            Swap::Lost(found) if found.write() == Some(self.tenure.write) => Ok(Put::Again(found)),
            // Held until then: somebody found it free. Who was to get it here waits again.
            Swap::Passed(_) => Ok(Put::Ended(Ended::Released)),
            Swap::Lost(_) => {
                self.tenure.lost.cancel();
                Err(lost(&local.name))
            }
            Swap::Failed(failure) => {
                // Nobody here holds the lock any more, whichever of the two the document shows.
                local.abandon(self.tenure.write);
                local.abandon(write);
                Err(failure.error)
            }
        }
    }

    fn done(&mut self, after: Sight, sent: Duration) -> Ended {
        let Tenure { engine, local, .. } = self.tenure;
        match (self.next.take(), self.seat.take()) {
            (Some(next), Some(seat)) => {
                let hold = Tenure::begin(engine, seat, &next.wish, after, sent);
                next.give(Turn::Held(hold));
                Ended::HandedOver
            }
            (_, seat) => {
                let now = engine.clock.elapsed();
                if local.has_waiting() && !engine.locks.has_queue() {
                    local.stay_back(now + stay_back(engine));
                } else {
                    local.remember_free(after, now);
                }
                drop(seat);
                Ended::Released
            }
        }
    }
}

/// Who was to get the lock gets the seat instead, where the put failed.
impl Drop for End<'_> {
    fn drop(&mut self) {
        if let (Some(next), Some(seat)) = (self.next.take(), self.seat.take()) {
            next.give(Turn::Seat(seat));
        }
    }
}

/// Who of this process gets the lock next, if it is this process's turn still.
async fn next(engine: &Engine, local: &Local) -> Option<Waiter> {
    if !local.has_waiting() {
        return None;
    }
    if let Some(next) = local.next_of_batch() {
        return Some(next);
    }
    let (now, batch) = (engine.clock.elapsed(), local.batch());
    let (goes_on, began) = match place::waiting(engine, local).await {
        Some(others) => (others == 0, now),
        None => (now < batch.began + STAY, batch.began),
    };
    if !goes_on {
        return None;
    }
    local.begin_batch(began);
    local.next_of_batch()
}

fn stay_back(engine: &Engine) -> Duration {
    let drawn = engine.rng.below(STAY_BACK.end() - STAY_BACK.start() + 1);
    Duration::from_millis(STAY_BACK.start() + drawn)
}

fn no_reply() -> Error {
    let text = "the release ended without a reply (was the runtime shut down?)";
    Error::new(Code::OUTCOME_UNKNOWN, text)
}
