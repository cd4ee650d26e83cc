//! Getting a lock: wait for the seat of this process ▸ look at the document ▸ take it when it is free, or when its holder
//! gave no sign of life for its lease ▸ else wait, in the queue or between two looks.

use std::{sync::Arc, time::Duration};

use super::{
    Hold, Wish, at,
    document::{self, Sight, Swap},
    hall::{Local, Seat, Turn},
    place::{HEARTBEAT, Place},
    tenure::Tenure,
};
use crate::{
    error::{Code, Error, Result},
    format::path::EncodedId,
    operation::{Engine, engine::closed},
};

/// A lock that has been free for so long while others are before this process in the queue is not waited for any more: they
/// are gone, or the queue is wrong.
const STALE_QUEUE: Duration = Duration::from_secs(1);

/// How long a process waits between two looks at a lock that does not change, in milliseconds.
const LOOKS: std::ops::RangeInclusive<u64> = 20..=1_000;

/// Waits for the lock, at most for `patience`. `None`: it was not free in time.
pub(crate) async fn acquire(
    engine: &Arc<Engine>,
    name: &EncodedId,
    wish: Wish,
    patience: Duration,
) -> Result<Option<Hold>> {
    engine.check_writable()?;
    let closing = engine.closing();
    tokio::select! {
        biased;
        () = closing.cancelled() => Err(closed()),
        held = wait(engine, name, wish) => held.map(Some),
        () = engine.clock.sleep(patience) => Ok(None),
    }
    .map_err(|error| at(name, error))
}

async fn wait(engine: &Arc<Engine>, name: &EncodedId, wish: Wish) -> Result<Hold> {
    let local = engine.locks.local(engine, name);
    match local.queue(&wish).await {
        Turn::Held(hold) if hold.is_lost() => Err(too_slow()),
        Turn::Held(hold) => Ok(hold),
        Turn::Seat(seat) => Contender::new(engine, local, wish).run(seat).await,
    }
}

/// Takes the lock if that is possible at once: nobody waits before the caller in this process, and nobody holds it.
pub(crate) async fn try_once(
    engine: &Arc<Engine>,
    name: &EncodedId,
    wish: Wish,
) -> Result<Option<Hold>> {
    engine.check_writable()?;
    let local = engine.locks.local(engine, name);
    let Some(seat) = local.try_seat() else {
        return Ok(None);
    };
    let contender = Contender::new(engine, local, wish);
    let trying = contender.run_once(seat);
    trying.await.map_err(|error| at(name, error))
}

/// One process that wants the lock.
struct Contender {
    engine: Arc<Engine>,
    local: Arc<Local>,
    wish: Wish,
    place: Place,
    /// How often the document was found as it had been.
    unchanged: u32,
}

enum Taken {
    Held(Hold),
    Lost(Seat, Sight),
}

impl Contender {
    fn new(engine: &Arc<Engine>, local: Arc<Local>, wish: Wish) -> Self {
        Self {
            place: Place::none(engine, &local),
            engine: engine.clone(),
            local,
            wish,
            unchanged: 0,
        }
    }

    async fn run(mut self, mut seat: Seat) -> Result<Hold> {
        self.stay_back().await;
        let (mut ahead, mut sight) = self.arrive().await?;
        loop {
            let now = self.engine.clock.elapsed();
            let opens = self.opens(&sight, ahead, now);
            if opens > now {
                self.rest(ahead, opens - now).await;
                ahead = self.place.enter().await;
                sight = self.look_again(&sight).await?;
                continue;
            }
            match self.take(seat, sight).await? {
                Taken::Held(hold) => {
                    self.place.succeed();
                    return Ok(hold);
                }
                Taken::Lost(back, found) => (seat, sight) = (back, found),
            }
        }
    }

    async fn run_once(self, seat: Seat) -> Result<Option<Hold>> {
        let now = self.engine.clock.elapsed();
        let sight = match self.local.take_free(now) {
            Some(free) => free,
            None => document::look(&self.engine, &self.local.key).await?,
        };
        let now = self.engine.clock.elapsed();
        if self.opens(&sight, None, now) > now {
            return Ok(None);
        }
        match self.take(seat, sight).await? {
            Taken::Held(hold) => Ok(Some(hold)),
            Taken::Lost(..) => Ok(None),
        }
    }

    /// Others get a chance at a lock that went from hand to hand in this process for a while.
    async fn stay_back(&self) {
        let until = self.local.stays_back_until();
        let left = until.saturating_sub(self.engine.clock.elapsed());
        if !left.is_zero() {
            self.engine.clock.sleep(left).await;
        }
    }

    /// The place in the queue, and then the document: a release after the look finds the place, and wakes it.
    async fn arrive(&mut self) -> Result<(Option<u64>, Sight)> {
        let ahead = self.place.enter().await;
        let sight = match self.local.take_free(self.engine.clock.elapsed()) {
            Some(free) => free,
            None => document::look(&self.engine, &self.local.key).await?,
        };
        Ok((ahead, sight))
    }

    /// From when on this process may take the lock.
    fn opens(&self, sight: &Sight, ahead: Option<u64>, now: Duration) -> Duration {
        let opens = self.local.observe(&self.engine, sight, now);
        match ahead {
            None | Some(0) => opens,
            Some(_) => opens.saturating_add(STALE_QUEUE),
        }
    }

    async fn look_again(&mut self, before: &Sight) -> Result<Sight> {
        let sight = document::look(&self.engine, &self.local.key).await?;
        self.unchanged = match sight.put() == before.put() {
            true => self.unchanged.saturating_add(1),
            false => 0,
        };
        Ok(sight)
    }

    /// Waits to be woken, or for a while between two looks: half of it drawn, so that processes do not come together.
    async fn rest(&self, ahead: Option<u64>, longest: Duration) {
        if ahead.is_some() {
            return self.place.wait(longest.min(HEARTBEAT)).await;
        }
        let most = (LOOKS.start() << self.unchanged.min(6)).min(*LOOKS.end());
        let drawn = Duration::from_millis(most / 2 + self.engine.rng.below(most / 2 + 1));
        self.engine.clock.sleep(drawn.min(longest)).await;
    }

    /// One put, on a task of the database: when nobody waits for its outcome any more, the lock is released again.
    async fn take(&self, seat: Seat, sight: Sight) -> Result<Taken> {
        let wish = self.wish.clone();
        let taking = self.engine.detach(|engine, reply| async move {
            let taken = take_now(&engine, seat, sight, wish).await;
            drop(reply.send(taken));
        });
        taking.await
    }
}

async fn take_now(engine: &Arc<Engine>, seat: Seat, sight: Sight, wish: Wish) -> Result<Taken> {
    let local = seat.local.clone();
    let (write, holder) = (engine.nonce(), wish.holder(engine));
    let sent = engine.clock.elapsed();
    match document::swap(engine, &local.key, &sight, Some(&holder), write).await {
        Swap::Done(held) => {
            local.begin_batch(engine.clock.elapsed());
            let hold = Tenure::begin(engine, seat, &wish, held, sent);
            match hold.is_lost() {
                false => Ok(Taken::Held(hold)),
                true => Err(too_slow()),
            }
        }
        Swap::Lost(found) | Swap::Passed(found) => Ok(Taken::Lost(seat, found)),
        Swap::Failed(failure) => {
            if failure.is_unknown {
                local.abandon(write);
            }
            Err(failure.error)
        }
    }
}

/// It was taken, but others may take it over by now; it is given back.
fn too_slow() -> Error {
    let text = "taking the lock took longer than its lease, so it was released again";
    Error::new(Code::UNAVAILABLE, text)
}
