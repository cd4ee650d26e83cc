//! Who may take a lock: the rule by which an observer takes it over from a holder that gives no sign of life.
//!
//! No clock of another machine is believed. An observer measures, on its own clock that never goes back, for how long the
//! lock document has been under one put. The put that takes over expects exactly that version, so a holder that renewed
//! at the last moment wins.

use std::time::Duration;

use crate::format::Nonce;

/// For how long an observer has seen a lock document unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Observation {
    /// The physical put of the document; `None`: there is none.
    pub put: Option<Nonce>,
    /// When it was first seen under that put, by the observer's clock, at the end of the read.
    pub since: Duration,
}

impl Observation {
    /// What is known after the document was seen under `put` at `now`.
    #[must_use]
    pub fn after(earlier: Option<Self>, put: Option<Nonce>, now: Duration) -> Self {
        let unchanged = earlier.filter(|earlier| earlier.put == put);
        unchanged.unwrap_or(Self { put, since: now })
    }
}

/// Who holds the lock, as its document says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Nobody: there is no document, or a released one.
    Free,
    /// An attempt of the observer's own process that has ended without holding it.
    Abandoned,
    /// Somebody, who promised to renew the document within the lease.
    Held(Duration),
}

/// From when on, by the observer's clock, the lock may be taken.
///
/// ```
/// use std::time::Duration;
/// use smarterbase_core::protocol::lease::{Claimed, Observation, open_from};
///
/// let seen = Observation { put: None, since: Duration::from_secs(7) };
/// assert_eq!(open_from(&seen, Claimed::Held(Duration::from_secs(30))), Duration::from_secs(37));
/// assert_eq!(open_from(&seen, Claimed::Free), Duration::from_secs(7));
/// ```
#[must_use]
pub fn open_from(seen: &Observation, claimed: Claimed) -> Duration {
    match claimed {
        Claimed::Free | Claimed::Abandoned => seen.since,
        Claimed::Held(lease) => seen.since.saturating_add(lease),
    }
}

/// Until when, by its own clock, a holder may take itself for the holder, when it sent its last successful put at `sent`.
///
/// Who observes begins to count when it sees that put, so not before it was sent. The hundredth and the 5 ms that are left
/// out cover clocks that do not run alike and a holder that is slow to act on the answer.
#[must_use]
pub fn held_until(sent: Duration, lease: Duration) -> Duration {
    let margin = lease / 100 + Duration::from_millis(5);
    sent.saturating_add(lease.saturating_sub(margin))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(30);

    fn nonce(letter: char) -> Option<Nonce> {
        Nonce::parse(&letter.to_string().repeat(20))
    }

    #[test]
    fn an_unchanged_document_keeps_the_time_since_it_was_first_seen() {
        let first = Observation::after(None, nonce('a'), Duration::from_secs(1));
        let again = Observation::after(Some(first), nonce('a'), Duration::from_secs(9));
        assert_eq!(again.since, Duration::from_secs(1));
        let renewed = Observation::after(Some(again), nonce('b'), Duration::from_secs(10));
        assert_eq!(renewed.since, Duration::from_secs(10));
    }

    #[test]
    fn a_holder_stops_before_any_observer_begins() {
        for lease in [Duration::from_millis(100), LEASE, Duration::from_secs(3600)] {
            let sent = Duration::from_secs(5);
            // Nobody sees a put before it was sent.
            let seen = Observation::after(None, nonce('a'), sent);
            let slower = open_from(&seen, Claimed::Held(lease)) - sent;
            let held = held_until(sent, lease) - sent;
            assert!(held < slower, "{lease:?}");
            // Also when the observer's clock is a hundredth faster.
            assert!(
                held.as_secs_f64() * 1.01 < slower.as_secs_f64(),
                "{lease:?}"
            );
        }
    }
}
