//! Ranges of values as the bounds that Redis wants: `[` inclusive, `(` exclusive, `+` none.

use smarterbase_core::{
    document::KeyKind,
    format::index_key::ValueRange,
    port::index::{Scan, member},
};

/// Both bounds of a range of members.
///
/// A member begins with its value, and no value begins with another one. So a member is inside the bounds of a range
/// exactly when its value is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) lower: Vec<u8>,
    pub(super) upper: Vec<u8>,
}

impl Bounds {
    /// The whole range.
    pub(super) fn of(range: &ValueRange) -> Self {
        // The sentinel is the empty member: only an exclusive bound leaves it out where there is no lower bound.
        let lower = match &range.lower[..] {
            [] => b"(".to_vec(),
            first => marked(b'[', first),
        };
        let upper = range
            .upper
            .as_ref()
            .map_or_else(|| b"+".to_vec(), |end| marked(b'(', end));
        Self { lower, upper }
    }

    /// What is left of the range after the last entry of the page before.
    pub(super) fn of_scan(kind: KeyKind, scan: &Scan) -> Self {
        let mut bounds = Self::of(&scan.range);
        let Some((value, id)) = &scan.after else {
            return bounds;
        };
        let last = member::encode(kind, value, id);
        if scan.descending {
            if scan.range.upper.as_ref().is_none_or(|end| *last < **end) {
                bounds.upper = marked(b'(', &last);
            }
        } else if *last >= *scan.range.lower {
            bounds.lower = marked(b'(', &last);
        }
        bounds
    }
}

fn marked(mark: u8, bytes: &[u8]) -> Vec<u8> {
    [&[mark], bytes].concat()
}
