//! Ranges of encoded values.

use std::ops::Bound;

use bytes::Bytes;

use super::{
    ValueRange,
    component::{Component, FIRST_PRESENT},
};

/// The range of values that begin with `prefix` and go on with a component inside the bounds. `free` is how many
/// components of the definition come after the prefix.
pub(super) fn between(
    prefix: &[u8],
    free: usize,
    lower: &Bound<Component>,
    upper: &Bound<Component>,
) -> ValueRange {
    ValueRange {
        lower: lower_end(prefix, lower, matches!(upper, Bound::Unbounded)).into(),
        upper: upper_end(prefix, upper).map(Bytes::from),
        exact: free == 0 || (free == 1 && is_one_value(lower, upper)),
    }
}

/// Whether both bounds are one component, whole.
fn is_one_value(lower: &Bound<Component>, upper: &Bound<Component>) -> bool {
    match (lower, upper) {
        (Bound::Included(lower), Bound::Included(upper)) => {
            lower.cut.is_none() && lower.bytes == upper.bytes
        }
        _ => false,
    }
}

fn lower_end(prefix: &[u8], lower: &Bound<Component>, is_open_above: bool) -> Vec<u8> {
    match lower {
        Bound::Unbounded if is_open_above => prefix.to_vec(),
        Bound::Unbounded => [prefix, &[FIRST_PRESENT]].concat(),
        Bound::Included(component) | Bound::Excluded(component) if component.cut.is_some() => {
            [prefix, component.shared()].concat()
        }
        Bound::Included(component) => [prefix, &component.bytes].concat(),
        Bound::Excluded(component) => {
            successor([prefix, &component.bytes].concat()).expect("a component's tag is below FF")
        }
    }
}

fn upper_end(prefix: &[u8], upper: &Bound<Component>) -> Option<Vec<u8>> {
    match upper {
        Bound::Unbounded => successor(prefix.to_vec()),
        Bound::Included(component) | Bound::Excluded(component) if component.cut.is_some() => {
            successor([prefix, component.shared()].concat())
        }
        Bound::Included(component) => successor([prefix, &component.bytes].concat()),
        Bound::Excluded(component) => Some([prefix, &component.bytes].concat()),
    }
}

impl Component {
    /// What all values share that are equal as far as they were kept.
    fn shared(&self) -> &[u8] {
        &self.bytes[..self.cut.unwrap_or(self.bytes.len())]
    }
}

/// The smallest bytes that are greater than everything that begins with these; `None` when there are none.
pub(super) fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Some(bytes);
        }
    }
    None
}
