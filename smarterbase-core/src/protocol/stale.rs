//! When an index entry may be removed (rule S13).

use std::time::Duration;

use crate::{document::Timestamp, format::Envelope, port::index::Hit};

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
#[must_use]
pub fn judge(
    _hit: &Hit,
    _definition: &str,
    _document: Option<&Envelope>,
    _now: Timestamp,
    _retention: Duration,
) -> Staleness {
    todo!()
}
