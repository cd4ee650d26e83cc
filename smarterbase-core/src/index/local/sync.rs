//! Making durable what was applied: once a second, and for good after a while without changes.

use std::{
    sync::{Arc, Weak, atomic::Ordering},
    time::Duration,
};

use redb::Durability;

use super::{Inner, calls::blocking, session::Session};
use crate::port::IndexError;

/// How often applied transactions become durable. Between two the file keeps pages that it could use again.
const INTERVAL: Duration = Duration::from_secs(1);
/// After so many intervals without a change the file is whole, and a crash costs nothing any more.
const QUIET: u32 = 10;

impl Inner {
    /// Begins to make changes durable, unless somebody is at it.
    pub(super) fn sync_in_background(self: &Arc<Self>) {
        if !self.is_syncing.swap(true, Ordering::AcqRel) {
            let clock = Arc::clone(&self.clock);
            let inner = Arc::downgrade(self);
            tokio::spawn(async move {
                let mut quiet = Quiet::default();
                loop {
                    clock.sleep(INTERVAL).await;
                    if !sync(&inner, &mut quiet).await {
                        return;
                    }
                }
            });
        }
    }

    /// Ends the session when no change is under way. Whether it has ended.
    pub(super) fn rest(&self) -> Result<bool, IndexError> {
        let Ok(mut session) = self.session.try_write() else {
            return Ok(false);
        };
        if *session == Session::Active {
            self.mark_clean()?;
            *session = Session::Idle;
        }
        self.is_syncing.store(false, Ordering::Release);
        Ok(true)
    }

    pub(super) fn make_durable(&self) -> Result<(), IndexError> {
        self.file.write(Durability::Immediate, 0, |_| Ok(()))
    }
}

/// What was seen at the last look.
#[derive(Default)]
struct Quiet {
    transactions: u64,
    intervals: u32,
}

/// One look. Whether there will be another.
async fn sync(inner: &Weak<Inner>, quiet: &mut Quiet) -> bool {
    let Some(inner) = inner.upgrade() else {
        return false;
    };
    let transactions = inner.transactions.load(Ordering::Acquire);
    let changed = std::mem::replace(&mut quiet.transactions, transactions) != transactions;
    quiet.intervals = if changed { 0 } else { quiet.intervals + 1 };
    let is_long_quiet = quiet.intervals >= QUIET;
    let file = Arc::clone(&inner);
    let outcome = blocking(move || match (changed, is_long_quiet) {
        (true, _) => file.make_durable().map(|()| true),
        (false, true) => file.rest().map(|rests| !rests),
        (false, false) => Ok(true),
    });
    match outcome.await {
        Ok(goes_on) => goes_on,
        // Closed or failed: nothing in the file counts any more until it is made anew.
        Err(error) => {
            tracing::debug!(%error, "the local index is not made durable any more");
            inner.is_syncing.store(false, Ordering::Release);
            false
        }
    }
}
