//! A range of the values of one definition: equal leading components, and bounds on the next one.

use std::{borrow::Cow, ops::Bound};

use sha2::{Digest, Sha256};

use crate::{
    document::{Document, DocumentSpec, IndexKind, IndexSink, Scalar},
    error::{Error, Result},
    format::index_key::{self, EncodedValue, ValueRange},
};

/// Entries of one definition.
#[derive(Clone, Debug)]
pub(crate) struct IndexRange {
    pub(crate) spec: &'static DocumentSpec,
    pub(crate) ordinal: u16,
    /// The entries to look at.
    pub(crate) entries: ValueRange,
    /// What a document's value must lie in: uncut.
    exact: ValueRange,
    /// The leading components, which are equal.
    pub(crate) prefix: Vec<Scalar<'static>>,
}

/// Two bounds of one component.
pub(crate) type Bounds<'a> = (Bound<Scalar<'a>>, Bound<Scalar<'a>>);

impl IndexRange {
    /// Values of the definition at `ordinal`. Without bounds, everything that begins with `prefix`.
    pub(crate) fn new(
        spec: &'static DocumentSpec,
        ordinal: u16,
        prefix: &[Scalar<'_>],
        bounds: Option<Bounds<'_>>,
    ) -> Result<Self> {
        let (lower, upper) = bounds.unwrap_or((Bound::Unbounded, Bound::Unbounded));
        let entries = index_key::encode_range(spec, ordinal, prefix, lower.clone(), upper.clone())?;
        let exact = index_key::exact_range(spec, ordinal, prefix, lower, upper)?;
        let prefix = prefix.iter().cloned().map(owned).collect();
        Ok(Self {
            spec,
            ordinal,
            entries,
            exact,
            prefix,
        })
    }

    /// The first value of the document that lies in the range, in the direction of the walk; `None` when none does. A
    /// document stands in one place only, however many of its values match.
    pub(crate) fn first_value<T: Document>(
        &self,
        document: &T,
        descending: bool,
    ) -> Result<Option<EncodedValue>> {
        let mut matcher = Matcher {
            range: self,
            descending,
            best: None,
            failure: None,
        };
        document.index_values(&mut matcher);
        match matcher.failure {
            Some(error) => Err(error),
            None => Ok(matcher.best),
        }
    }

    /// Whether all matching documents have the same value, so that their order is the order of ids.
    pub(crate) fn is_one_value(&self) -> bool {
        self.entries.exact
    }

    /// Every component, where the definition is unique: claims are found by them.
    pub(crate) fn claimed(&self) -> Option<&[Scalar<'static>]> {
        let index = &self.spec.indexes[usize::from(self.ordinal)];
        (index.kind == IndexKind::Unique).then_some(&self.prefix)
    }

    /// Whether both ask for the same entries.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.ordinal == other.ordinal && self.entries == other.entries
    }

    /// As in explanations: the index and how it is asked, never a value.
    pub(crate) fn describe(&self) -> String {
        let index = self.spec.indexes[usize::from(self.ordinal)].name;
        let how = match (self.is_one_value(), self.exact.lower.is_empty()) {
            (true, _) => "one value",
            (false, true) => "everything",
            (false, false) => "a range",
        };
        format!("{index} ({how})")
    }

    pub(crate) fn hash_into(&self, hash: &mut Sha256) {
        hash.update(self.spec.indexes[usize::from(self.ordinal)].name);
        hash_range(hash, &self.exact);
    }
}

pub(crate) fn hash_range(hash: &mut Sha256, range: &ValueRange) {
    for bytes in [
        &range.lower,
        range.upper.as_ref().unwrap_or(&bytes::Bytes::new()),
    ] {
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    hash.update([u8::from(range.upper.is_some())]);
}

/// Keeps the first matching value, in the walk's direction.
struct Matcher<'a> {
    range: &'a IndexRange,
    descending: bool,
    best: Option<EncodedValue>,
    failure: Option<Error>,
}

impl IndexSink for Matcher<'_> {
    fn entry(&mut self, ordinal: u16, components: &[Scalar<'_>]) {
        if ordinal == self.range.ordinal
            && let Err(error) = self.offer(components)
        {
            self.failure.get_or_insert(error);
        }
    }

    fn wants(&self, ordinal: u16) -> bool {
        ordinal == self.range.ordinal
    }
}

impl Matcher<'_> {
    fn offer(&mut self, components: &[Scalar<'_>]) -> Result<()> {
        let IndexRange {
            spec,
            ordinal,
            exact,
            ..
        } = self.range;
        if !exact.contains(&index_key::exact_value(spec, *ordinal, components)?) {
            return Ok(());
        }
        let Some(value) = index_key::encode_value(spec, *ordinal, components)? else {
            return Ok(());
        };
        let is_better = self.best.as_ref().is_none_or(|best| {
            if self.descending {
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
