//! The task that renews a held lock, and finds out when it is lost.

use std::{sync::Arc, time::Duration};

use super::{
    document::{self, Swap},
    tenure::Tenure,
};

/// How many renewals fit into a lease.
const RENEWALS: u32 = 3;
/// How many tries fit into a lease when a renewal fails.
const RETRIES: u32 = 20;

/// Renews until the lock is given back, is lost, or the database is closed.
pub(super) fn start(tenure: &Arc<Tenure>) {
    let runtime = tenure.runtime.clone();
    runtime.spawn(watch(tenure.clone()));
}

async fn watch(tenure: Arc<Tenure>) {
    let mut next = tenure.sent() + tenure.lease / RENEWALS;
    let closing = tenure.engine.closing();
    loop {
        let until = tenure.held_until();
        let wake = match closing.is_cancelled() {
            // A closed database writes no more; what it holds lapses.
            true => until,
            false => next.min(until),
        };
        tokio::select! {
            biased;
            () = tenure.ended.cancelled() => return,
            () = tenure.lost.cancelled() => return,
            () = closing.cancelled(), if !closing.is_cancelled() => continue,
            () = sleep_until(&tenure, wake) => {}
        }
        if tenure.is_lost() {
            return;
        }
        if !closing.is_cancelled() {
            tokio::select! {
                renewed = renew(&tenure) => next = renewed,
                () = sleep_until(&tenure, until) => {}
            }
        }
    }
}

async fn sleep_until(tenure: &Tenure, at: Duration) {
    let clock = &tenure.engine.clock;
    clock.sleep(at.saturating_sub(clock.elapsed())).await;
}

/// One renewal. Gives when the next one is due.
async fn renew(tenure: &Tenure) -> Duration {
    let engine = &tenure.engine;
    let mut sight = tenure.sight.lock().await;
    let sent = engine.clock.elapsed();
    if tenure.ended.is_cancelled() {
        return sent + tenure.lease;
    }
    let touched = document::touch(engine, &tenure.local.key, &sight, tenure.held_until()).await;
    match touched {
        Swap::Done(again) => {
            *sight = again;
            tenure.renewed(&sight, Some(sent));
            return sent + tenure.lease / RENEWALS;
        }
        // Somebody who gave up put it again, as it was: still held, but nothing is known of when that put was sent.
        Swap::Lost(found) | Swap::Passed(found) if found.write() == Some(tenure.write) => {
            *sight = found;
            tenure.renewed(&sight, None);
        }
        Swap::Lost(_) | Swap::Passed(_) => tenure.lose(),
        Swap::Failed(failure) => {
            tracing::debug!(error = %failure.error, "a lock could not be renewed yet");
        }
    }
    engine.clock.elapsed() + tenure.lease / RETRIES
}
