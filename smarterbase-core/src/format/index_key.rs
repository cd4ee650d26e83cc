//! Order-preserving bytes of index values.

use bytes::Bytes;

use crate::{
    document::{DocumentSpec, IndexSink, Scalar},
    error::Result,
};

/// The encoded value of one entry: at most 150 bytes, self-delimiting, in the order of the values.
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
    _private: (),
}

impl IndexEncoder {
    /// An encoder for documents of this type.
    #[must_use]
    pub fn new(_spec: &'static DocumentSpec) -> Self {
        todo!()
    }

    /// The entries, sorted and distinct.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid): a value cannot be indexed (`NaN`, infinite); names the field.
    pub fn finish(self) -> Result<IndexEntries> {
        todo!()
    }
}

impl IndexSink for IndexEncoder {
    fn entry(&mut self, _ordinal: u16, _components: &[Scalar<'_>]) {
        todo!()
    }
}

/// The bytes of one full value of the definition at `ordinal`, cut by rules S25–S26 unless the definition is unique.
/// `None` when the definition is unique and a component is `Null`.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid): a value cannot be indexed.
pub fn encode_value(
    _spec: &DocumentSpec,
    _ordinal: u16,
    _components: &[Scalar<'_>],
) -> Result<Option<EncodedValue>> {
    todo!()
}

/// A half-open range of encoded values: `lower ≤ value < upper`; `upper: None` is no bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueRange {
    /// The first bytes that are inside.
    pub lower: Bytes,
    /// The first bytes that are outside.
    pub upper: Option<Bytes>,
    /// Whether the range holds exactly one value: `lower` is a whole value.
    pub exact: bool,
}

/// The range of values whose leading components equal `prefix` and whose next component lies in the bounds. Bounds that
/// were cut are inclusive (rule S25): the caller checks the document.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid): a bound cannot be indexed.
pub fn encode_range(
    _spec: &DocumentSpec,
    _ordinal: u16,
    _prefix: &[Scalar<'_>],
    _lower: std::ops::Bound<Scalar<'_>>,
    _upper: std::ops::Bound<Scalar<'_>>,
) -> Result<ValueRange> {
    todo!()
}
