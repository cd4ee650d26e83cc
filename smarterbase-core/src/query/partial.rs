//! What the handles of partial definitions say: conditions that nothing but their own definition answers. They hold for a
//! document only where its predicate does.

use super::{
    Predicate,
    condition::Condition,
    predicate::Capability,
    range::{Bounds, IndexRange},
};
use crate::document::{
    Document, IndexArgs, IndexRanges, PartialIndex, PartialUnique, Scalar, field::Indexed,
};

impl<T: Document, V, C: Capability> PartialIndex<T, V, C> {
    /// The document is in the index, whatever its value: the predicate holds.
    pub fn any(self) -> Predicate<T, Indexed> {
        in_range(self.ordinal(), &[], None)
    }

    /// The document is in the index, with these values: `.eq("ada")`, `.eq((Status::Live, 3))`.
    pub fn eq(self, values: impl IndexArgs<V>) -> Predicate<T, Indexed> {
        in_range(self.ordinal(), &values.arguments(), None)
    }

    /// The document is in the index, the last value in a range: `.within(18..)`, `.within((Status::Live, 3..))`.
    pub fn within(self, range: impl IndexRanges<V>) -> Predicate<T, C::Range> {
        let (prefix, bounds) = range.parts();
        in_range(self.ordinal(), &prefix, Some(bounds))
    }
}

impl<T: Document, V> PartialUnique<T, V> {
    /// The document holds these values, which the predicate lets it hold. One with a `None` among them is held by nobody.
    pub fn eq(self, values: impl IndexArgs<V>) -> Predicate<T, Indexed> {
        in_range(self.ordinal(), &values.arguments(), None)
    }
}

fn in_range<T: Document, C>(
    ordinal: u16,
    prefix: &[Scalar<'_>],
    bounds: Option<Bounds<'_>>,
) -> Predicate<T, C> {
    Predicate::new(IndexRange::new(T::SPEC, ordinal, prefix, bounds).map(Condition::Entries))
}
