//! Whether a write is among the versions that an object remembers (rule S20).

use crate::format::{Envelope, Nonce};

/// One logical version. The pair, since one write can take a claim several times, at several revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Own {
    pub(super) rev: u64,
    pub(super) write: Nonce,
}

impl Own {
    pub(super) fn of(envelope: &Envelope) -> Self {
        Self {
            rev: envelope.rev,
            write: envelope.write,
        }
    }
}

/// The versions that an object remembers: its own, and those in `prev`.
pub(super) struct Lineage<'a>(pub(super) &'a Envelope);

impl Lineage<'_> {
    /// Whether `own`, a write over `base` (`None`: a create), was applied before the object became what it is.
    /// `None` when the object does not remember enough.
    pub(super) fn holds(&self, own: Own, base: Option<Own>) -> Option<bool> {
        if self.newest_first().any(|version| version == own) {
            return Some(true);
        }
        let never = match base {
            Some(base) => self.newest_first().any(|version| version == base),
            None => self.is_complete() || self.newest_first().any(|version| version.rev <= own.rev),
        };
        never.then_some(false)
    }

    fn newest_first(&self) -> impl Iterator<Item = Own> {
        let past = self.0.prev.iter().map(|past| Own {
            rev: past.rev,
            write: past.write,
        });
        std::iter::once(Own::of(self.0)).chain(past)
    }

    /// Whether nothing was cut off: the oldest version is the first one.
    fn is_complete(&self) -> bool {
        self.0.prev.len() < Envelope::PREVIOUS
    }
}
