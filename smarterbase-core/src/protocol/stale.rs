//! When an index entry may be removed (rule S13).

use std::time::Duration;

use super::{Rules, Shipped};
use crate::{
    document::Timestamp,
    format::{Envelope, entry::Tag, envelope::State},
    port::index::Hit,
};

/// What a reader may do with an entry whose document does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staleness {
    /// No write that needs it can land any more: remove it.
    Remove,
    /// It may belong to a write in flight, or to the committed document: keep it.
    Keep,
}

/// Judges an entry after reading its document (`None`: physically absent). `definition` names the entry's index;
/// `retention` is how long an entry of an absent document is kept.
///
/// The document must have been read after the entry was found. An entry without a tag is kept: its backend knows the
/// document's revision and judges itself.
#[must_use]
pub fn judge(
    hit: &Hit,
    definition: &str,
    document: Option<&Envelope>,
    now: Timestamp,
    retention: Duration,
) -> Staleness {
    judge_under::<Shipped>(hit, definition, document, now, retention)
}

/// As [`judge`], under other rules.
#[doc(hidden)]
#[must_use]
pub fn judge_under<R: Rules>(
    hit: &Hit,
    definition: &str,
    document: Option<&Envelope>,
    now: Timestamp,
    retention: Duration,
) -> Staleness {
    let Some(tag) = &hit.tag else {
        return Staleness::Keep;
    };
    let is_dead = match document {
        // A create may be on its way over a tombstone that is about to be swept: then it lands where nothing is.
        Some(envelope) if envelope.state != State::Live && tag.base == 0 => {
            is_older(hit.last_modified, now, retention) && !needs(envelope, definition, tag)
        }
        Some(envelope) => has_passed::<R>(envelope, tag) && !needs(envelope, definition, tag),
        None => tag.base > 0 || is_older(hit.last_modified, now, retention),
    };
    if is_dead {
        Staleness::Remove
    } else {
        Staleness::Keep
    }
}

/// The write that announced the entry expects revision `base`: it was applied and replaced, or never will be.
fn has_passed<R: Rules>(envelope: &Envelope, tag: &Tag) -> bool {
    !R::CLEAN_BY_REVISION || envelope.rev > tag.base
}

/// Whether the committed version lists the tag, or a pending write mentions it.
fn needs(envelope: &Envelope, definition: &str, tag: &Tag) -> bool {
    let tag = tag.to_string();
    let committed = envelope.index.get(definition);
    committed.is_some_and(|tags| tags.contains(&tag))
        || envelope
            .intent
            .as_ref()
            .is_some_and(|intent| intent.lists(definition, &tag))
}

/// Without a time of its own an entry is never old.
fn is_older(made: Option<Timestamp>, now: Timestamp, retention: Duration) -> bool {
    made.is_some_and(|made| made.saturating_add(retention) < now)
}
