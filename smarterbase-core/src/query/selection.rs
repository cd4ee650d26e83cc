//! What is selected: a definition, equal leading components, bounds on the next one, and a direction.

use std::{borrow::Cow, ops::Bound};

use sha2::{Digest, Sha256};

use crate::{
    document::{Document, DocumentSpec, IndexSink, Scalar},
    error::{Error, Result},
    format::{
        index_key::{self, EncodedValue, ValueRange},
        path::EncodedId,
    },
};

/// Documents with an index value in a range.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) spec: &'static DocumentSpec,
    pub(crate) ordinal: u16,
    pub(crate) descending: bool,
    /// The entries to look at.
    pub(crate) entries: ValueRange,
    /// What a document's value must lie in: uncut.
    exact: ValueRange,
}

/// A place in the order of a selection: by (value, id).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) value: EncodedValue,
    pub(crate) id: EncodedId,
}

/// Two bounds of one component.
pub(crate) type Bounds<'a> = (Bound<Scalar<'a>>, Bound<Scalar<'a>>);

impl Selection {
    /// Selects by the definition at `ordinal`. Without bounds, everything that begins with `prefix`.
    pub(crate) fn new(
        spec: &'static DocumentSpec,
        ordinal: u16,
        prefix: &[Scalar<'_>],
        bounds: Option<Bounds<'_>>,
    ) -> Result<Self> {
        let (lower, upper) = bounds.unwrap_or((Bound::Unbounded, Bound::Unbounded));
        let entries = index_key::encode_range(spec, ordinal, prefix, lower.clone(), upper.clone())?;
        let exact = index_key::exact_range(spec, ordinal, prefix, lower, upper)?;
        Ok(Self {
            spec,
            ordinal,
            descending: false,
            entries,
            exact,
        })
    }

    /// Where a document stands in the selection's order: at its first matching value, in the walk's direction. `None`
    /// when it does not match. A document stands in one place only, however many of its values match.
    pub(crate) fn place<T: Document>(&self, document: &T, id: &EncodedId) -> Result<Option<Place>> {
        let mut matcher = Matcher {
            selection: self,
            best: None,
            failure: None,
        };
        document.index_values(&mut matcher);
        match matcher.failure {
            Some(error) => Err(error),
            None => Ok(matcher.best.map(|value| Place {
                value,
                id: id.clone(),
            })),
        }
    }

    /// Whether all matching documents have the same value, so that their order is the order of ids.
    pub(crate) fn is_one_value(&self) -> bool {
        self.entries.exact
    }

    /// What a cursor must have been made by: 8 bytes of a hash of the selection.
    pub(crate) fn fingerprint(&self) -> [u8; 8] {
        let mut hash = Sha256::new();
        hash.update(self.spec.collection);
        hash.update([0, u8::from(self.descending)]);
        for bytes in [
            &self.exact.lower,
            self.exact.upper.as_ref().unwrap_or(&bytes::Bytes::new()),
        ] {
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        hash.update([u8::from(self.exact.upper.is_some())]);
        let digest = hash.finalize();
        let mut short = [0; 8];
        short.copy_from_slice(&digest[..8]);
        short
    }

    /// Whether `left` comes before `right` in the walk.
    pub(crate) fn precedes(&self, left: &Place, right: &Place) -> bool {
        if self.descending {
            right.sort_key() < left.sort_key()
        } else {
            left.sort_key() < right.sort_key()
        }
    }
}

impl Place {
    /// Value, then the bytes of `<encoded id>.json` (rule S22).
    pub(crate) fn sort_key(&self) -> (EncodedValue, String) {
        (self.value.clone(), format!("{}.json", self.id))
    }
}

/// Keeps the first matching value, in the walk's direction.
struct Matcher<'a> {
    selection: &'a Selection,
    best: Option<EncodedValue>,
    failure: Option<Error>,
}

impl IndexSink for Matcher<'_> {
    fn entry(&mut self, ordinal: u16, components: &[Scalar<'_>]) {
        if ordinal == self.selection.ordinal
            && let Err(error) = self.offer(components)
        {
            self.failure.get_or_insert(error);
        }
    }
}

impl Matcher<'_> {
    fn offer(&mut self, components: &[Scalar<'_>]) -> Result<()> {
        let Selection {
            spec,
            ordinal,
            descending,
            exact,
            ..
        } = self.selection;
        if !exact.contains(&index_key::exact_value(spec, *ordinal, components)?) {
            return Ok(());
        }
        let Some(value) = index_key::encode_value(spec, *ordinal, components)? else {
            return Ok(());
        };
        let is_better = self.best.as_ref().is_none_or(|best| {
            if *descending {
                value > *best
            } else {
                value < *best
            }
        });
        if is_better {
            self.best = Some(value);
        }
        Ok(())
    }
}

/// A scalar that owns its text and bytes.
pub(crate) fn owned(scalar: Scalar<'_>) -> Scalar<'static> {
    match scalar {
        Scalar::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
        Scalar::Bytes(bytes) => Scalar::Bytes(Cow::Owned(bytes.into_owned())),
        Scalar::Null => Scalar::Null,
        Scalar::Bool(value) => Scalar::Bool(value),
        Scalar::Signed(value) => Scalar::Signed(value),
        Scalar::Unsigned(value) => Scalar::Unsigned(value),
        Scalar::Float(value) => Scalar::Float(value),
        Scalar::Uuid(value) => Scalar::Uuid(value),
        Scalar::Timestamp(seconds, nanoseconds) => Scalar::Timestamp(seconds, nanoseconds),
    }
}
