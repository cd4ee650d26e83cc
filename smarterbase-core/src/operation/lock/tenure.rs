//! One holding of a lock: what its document says, until when that is sure, and whether it is over.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{runtime::Handle, sync::Mutex as AsyncMutex};
use tokio_util::sync::CancellationToken;

use super::{
    Hold, Wish,
    document::Sight,
    hall::{Local, Seat},
    watchdog,
};
use crate::{
    format::Nonce,
    operation::Engine,
    protocol::{lease::held_until, validate::Seen},
};

/// From the put that took the lock to the one that gives it away.
#[derive(Debug)]
pub(crate) struct Tenure {
    pub(crate) engine: Arc<Engine>,
    pub(crate) local: Arc<Local>,
    pub(super) runtime: Handle,
    pub(super) lease: Duration,
    /// Names the holding; the document bears it as long as it lasts.
    pub(super) write: Nonce,
    token: u64,
    /// The document as it was last put. Held during a renewal and during the end, which so never overlap.
    pub(super) sight: AsyncMutex<Sight>,
    /// The same for transactions, which do not wait.
    seen: Mutex<Seen>,
    /// When the last put that was applied was sent, in nanoseconds of the engine's clock.
    sent: AtomicU64,
    /// Over, against its will.
    pub(super) lost: CancellationToken,
    /// Over, as its holder wanted.
    pub(super) ended: CancellationToken,
    seat: Mutex<Option<Seat>>,
}

impl Tenure {
    /// Begins to hold what `sight` shows, which was put at or after `sent`.
    pub(super) fn begin(
        engine: &Arc<Engine>,
        seat: Seat,
        wish: &Wish,
        sight: Sight,
        sent: Duration,
    ) -> Hold {
        let local = seat.local.clone();
        let tenure = Arc::new(Self {
            engine: engine.clone(),
            runtime: wish.runtime.clone(),
            lease: wish.lease,
            write: sight.write().expect("what was just put has an envelope"),
            token: sight.revision(),
            seen: Mutex::new(sight.seen(&local.key)),
            sight: AsyncMutex::new(sight),
            sent: AtomicU64::new(nanoseconds(sent)),
            lost: CancellationToken::new(),
            ended: CancellationToken::new(),
            seat: Mutex::new(Some(seat)),
            local,
        });
        watchdog::start(&tenure);
        Hold::of(tenure)
    }

    pub(crate) fn token(&self) -> u64 {
        self.token
    }

    /// What a transaction that is fenced by the lock validates.
    pub(crate) fn seen(&self) -> Seen {
        let seen = self.seen.lock();
        seen.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn sent(&self) -> Duration {
        Duration::from_nanos(self.sent.load(Ordering::Acquire))
    }

    /// Until when the holder may take itself for the holder.
    pub(super) fn held_until(&self) -> Duration {
        held_until(self.sent(), self.lease)
    }

    /// Others may hold the lock by now. It never is held again.
    pub(crate) fn is_lost(&self) -> bool {
        if self.engine.clock.elapsed() >= self.held_until() && !self.ended.is_cancelled() {
            self.lose();
        }
        self.lost.is_cancelled()
    }

    pub(super) fn lose(&self) {
        self.lost.cancel();
        drop(self.take_seat());
    }

    /// The document was put again.
    pub(super) fn renewed(&self, sight: &Sight, sent: Option<Duration>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = sight.seen(&self.local.key);
        if let Some(sent) = sent {
            self.sent.store(nanoseconds(sent), Ordering::Release);
        }
    }

    pub(super) fn take_seat(&self) -> Option<Seat> {
        let mut seat = self.seat.lock().unwrap_or_else(PoisonError::into_inner);
        seat.take()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
