//! Order-preserving bytes of index values.

mod component;
mod range;

use std::{borrow::Cow, ops::Bound};

use bytes::Bytes;

use self::component::{Component, Limit};
use super::lower;
use crate::{
    document::{DocumentSpec, IndexKind, IndexSink, IndexSpec, Scalar},
    error::{Error, Result},
};

/// How many bytes of escaped text a component keeps, by the number of components (rule S26). With its tag, its end and
/// the hash, a value is at most 150 bytes then: 240 characters of base32hex.
const KEPT: [usize; 4] = [96, 56, 31, 18];

/// The encoded value of one entry: at most 150 bytes unless it is a unique one (those are hashed, never stored),
/// self-delimiting, in the order of the values.
///
/// A value is the concatenation of its components: `00` null, `01` false, `02` true, `03` number, `04` text, `05` bytes,
/// `06` UUID, `07` timestamp, each followed by its own bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EncodedValue(pub Bytes);

/// Every entry of one document, by ordinal: sorted, distinct.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexEntries {
    /// One list per definition, in the order of [`DocumentSpec::indexes`]; sorted and distinct. For a unique definition
    /// the uncut value, and nothing when a component is `Null`.
    pub values: Vec<Vec<EncodedValue>>,
}

/// Encodes what a document pushes.
#[derive(Debug)]
pub struct IndexEncoder {
    spec: &'static DocumentSpec,
    entries: IndexEntries,
    failure: Option<Error>,
}

impl IndexEncoder {
    /// An encoder for documents of this type.
    #[must_use]
    pub fn new(spec: &'static DocumentSpec) -> Self {
        Self {
            spec,
            entries: IndexEntries {
                values: vec![Vec::new(); spec.indexes.len()],
            },
            failure: None,
        }
    }

    /// The entries, sorted and distinct.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid): a value cannot be indexed (`NaN`, infinite); names the field.
    pub fn finish(mut self) -> Result<IndexEntries> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        for values in &mut self.entries.values {
            values.sort_unstable();
            values.dedup();
        }
        Ok(self.entries)
    }
}

impl IndexSink for IndexEncoder {
    fn entry(&mut self, ordinal: u16, components: &[Scalar<'_>]) {
        match encode_value(self.spec, ordinal, components) {
            Ok(Some(value)) => self.entries.values[usize::from(ordinal)].push(value),
            Ok(None) => {}
            // The trait has no way to say no: `finish` tells the first failure.
            Err(failure) => {
                self.failure.get_or_insert(failure);
            }
        }
    }
}

/// The bytes of one full value of the definition at `ordinal`, cut by rules S25–S26 unless the definition is unique.
/// `None` when the definition is unique and a component is `Null`.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) (`SB-INVALID-VALUE`): a value cannot be indexed (`NaN`, infinite); names the
/// field.
pub fn encode_value(
    spec: &DocumentSpec,
    ordinal: u16,
    components: &[Scalar<'_>],
) -> Result<Option<EncodedValue>> {
    let index = &spec.indexes[usize::from(ordinal)];
    if index.kind == IndexKind::Unique && components.contains(&Scalar::Null) {
        return Ok(None);
    }
    let bytes = encode_under(index, components, limit_of(index))?;
    Ok(Some(EncodedValue(bytes.into())))
}

/// A half-open range of encoded values: `lower ≤ value < upper`; `upper: None` is no bound. It holds nothing when `upper`
/// is not above `lower`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRange {
    /// The first bytes that are inside.
    pub lower: Bytes,
    /// The first bytes that are outside.
    pub upper: Option<Bytes>,
    /// Whether the range holds exactly one value: `lower` is a whole value.
    pub exact: bool,
}

impl ValueRange {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self {
            lower: Bytes::new(),
            upper: None,
            exact: false,
        }
    }

    /// The range of one value.
    #[must_use]
    pub fn only(value: &EncodedValue) -> Self {
        Self {
            lower: value.0.clone(),
            upper: range::successor(value.0.to_vec()).map(Bytes::from),
            exact: true,
        }
    }

    /// Whether the value lies in the range.
    #[must_use]
    pub fn contains(&self, value: &[u8]) -> bool {
        self.lower <= value && self.upper.as_ref().is_none_or(|upper| value < upper)
    }
}

/// The range of values whose leading components equal `prefix` and whose next component lies in the bounds. Bounds that
/// were cut are inclusive (rule S25): the caller checks the document.
///
/// - `Null` lies below every value, but a range with a bound on one side only asks for present values: `..x` begins
///   above `Null`. The full range (`..`) contains it.
/// - With an empty prefix and the full range, everything; with a prefix and the full range, all that begins with it.
/// - Components after the bounded one are free.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) (`SB-INVALID-VALUE`): a bound cannot be indexed; names the field.
pub fn encode_range(
    spec: &DocumentSpec,
    ordinal: u16,
    prefix: &[Scalar<'_>],
    lower: Bound<Scalar<'_>>,
    upper: Bound<Scalar<'_>>,
) -> Result<ValueRange> {
    let index = &spec.indexes[usize::from(ordinal)];
    range_under(index, prefix, lower, upper, limit_of(index))
}

fn transpose(bound: Bound<Result<Component>>) -> Result<Bound<Component>> {
    Ok(match bound {
        Bound::Included(component) => Bound::Included(component?),
        Bound::Excluded(component) => Bound::Excluded(component?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

fn encode_component(
    index: &IndexSpec,
    position: usize,
    scalar: &Scalar<'_>,
    limit: Limit,
) -> Result<Component> {
    let spec = &index.components[position];
    component::encode(&fold(spec.lower, scalar), limit).map_err(|error| error.on_field(spec.field))
}

/// The scalar as a definition wants it: text in lower case where it names a table.
fn fold<'a>(lower: Option<u8>, scalar: &'a Scalar<'_>) -> Cow<'a, Scalar<'a>> {
    match (lower, scalar) {
        (Some(version), Scalar::Text(text)) => {
            Cow::Owned(Scalar::Text(lower::fold(version, text).into()))
        }
        _ => Cow::Borrowed(scalar),
    }
}

/// Unique values are hashed, so that they need no cut, and two long ones that differ late are two.
fn limit_of(index: &IndexSpec) -> Limit {
    match index.kind {
        IndexKind::Unique => Limit::Uncut,
        IndexKind::Index => Limit::Kept(KEPT[index.components.len() - 1]),
    }
}

/// The bytes of one value without any cut: what documents are compared by, since a cut value is not exact (rule S25).
///
/// # Errors
/// As [`encode_value`].
pub fn exact_value(
    spec: &DocumentSpec,
    ordinal: u16,
    components: &[Scalar<'_>],
) -> Result<Vec<u8>> {
    encode_under(
        &spec.indexes[usize::from(ordinal)],
        components,
        Limit::Uncut,
    )
}

/// The range of [`encode_range`] over the values of [`exact_value`].
///
/// # Errors
/// As [`encode_range`].
pub fn exact_range(
    spec: &DocumentSpec,
    ordinal: u16,
    prefix: &[Scalar<'_>],
    lower: Bound<Scalar<'_>>,
    upper: Bound<Scalar<'_>>,
) -> Result<ValueRange> {
    range_under(
        &spec.indexes[usize::from(ordinal)],
        prefix,
        lower,
        upper,
        Limit::Uncut,
    )
}

fn range_under(
    index: &IndexSpec,
    prefix: &[Scalar<'_>],
    lower: Bound<Scalar<'_>>,
    upper: Bound<Scalar<'_>>,
    limit: Limit,
) -> Result<ValueRange> {
    let leading = encode_under(index, prefix, limit)?;
    let bound = |bound: Bound<Scalar<'_>>| {
        transpose(bound.map(|scalar| encode_component(index, prefix.len(), &scalar, limit)))
    };
    let free = index.components.len() - prefix.len();
    Ok(range::between(
        &leading,
        free,
        &bound(lower)?,
        &bound(upper)?,
    ))
}

fn encode_under(index: &IndexSpec, components: &[Scalar<'_>], limit: Limit) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (position, scalar) in components.iter().enumerate() {
        bytes.extend(encode_component(index, position, scalar, limit)?.bytes);
    }
    Ok(bytes)
}

/// The bytes of one scalar by itself, without any cut; text is folded by the table `lower`, if there is one.
///
/// # Errors
/// As [`encode_value`], without a field.
pub fn exact_scalar(scalar: &Scalar<'_>, lower: Option<u8>) -> Result<Vec<u8>> {
    Ok(component::encode(&fold(lower, scalar), Limit::Uncut)?.bytes)
}

/// The range of the bytes of [`exact_scalar`] between two bounds.
///
/// # Errors
/// As [`exact_scalar`].
pub fn exact_bounds(
    lower: Bound<Scalar<'_>>,
    upper: Bound<Scalar<'_>>,
    table: Option<u8>,
) -> Result<ValueRange> {
    let bound = |bound: Bound<Scalar<'_>>| {
        transpose(bound.map(|scalar| component::encode(&fold(table, &scalar), Limit::Uncut)))
    };
    Ok(range::between(&[], 1, &bound(lower)?, &bound(upper)?))
}

/// What documents are ordered by where they are ordered by one field: the value of an index over it alone, cut by rule
/// S26.
///
/// # Errors
/// As [`exact_scalar`].
pub fn sort_value(scalar: &Scalar<'_>, lower: Option<u8>) -> Result<EncodedValue> {
    let component = component::encode(&fold(lower, scalar), Limit::Kept(KEPT[0]))?;
    Ok(EncodedValue(component.bytes.into()))
}
