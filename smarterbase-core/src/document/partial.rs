//! Handles of partial definitions, `User::INDEXES.active_email`: only who names one asks it.

use std::{marker::PhantomData, ops::Bound};

use super::{IndexArg, IndexRange, Scalar};

/// The handle of an index that holds some documents only: `#[index(where = ..)]`. `V` is the tuple of its components' types;
/// `C` says whether it is [`Ranged`](super::field::Ranged).
pub struct PartialIndex<T, V, C> {
    ordinal: u16,
    types: Types<T, V, C>,
}

/// No value of these types is held: a handle is `Send` and `Sync` whatever they are.
type Types<T, V, C> = PhantomData<fn() -> (T, V, C)>;

/// The handle of a unique value that some documents only hold: `#[unique(where = ..)]`.
pub struct PartialUnique<T, V> {
    ordinal: u16,
    types: PhantomData<fn() -> (T, V)>,
}

impl<T, V, C> PartialIndex<T, V, C> {
    /// The handle of the definition at `ordinal`. For the derive.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(ordinal: u16) -> Self {
        Self {
            ordinal,
            types: PhantomData,
        }
    }

    pub(crate) const fn ordinal(&self) -> u16 {
        self.ordinal
    }
}

impl<T, V> PartialUnique<T, V> {
    /// The handle of the definition at `ordinal`. For the derive.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(ordinal: u16) -> Self {
        Self {
            ordinal,
            types: PhantomData,
        }
    }

    pub(crate) const fn ordinal(&self) -> u16 {
        self.ordinal
    }
}

impl<T, V, C> Clone for PartialIndex<T, V, C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, V, C> Copy for PartialIndex<T, V, C> {}
impl<T, V, C> std::fmt::Debug for PartialIndex<T, V, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartialIndex({})", self.ordinal)
    }
}

impl<T, V> Clone for PartialUnique<T, V> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, V> Copy for PartialUnique<T, V> {}
impl<T, V> std::fmt::Debug for PartialUnique<T, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartialUnique({})", self.ordinal)
    }
}

/// The leading components of a range, and the bounds of the next one.
pub type RangeParts<'a> = (Vec<Scalar<'a>>, (Bound<Scalar<'a>>, Bound<Scalar<'a>>));

/// One value for each component: `"ada"` for `(String,)`, `(Status::Live, 3)` for `(Status, u32)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of an index over `{V}`",
    label = "expected one value for each of `{V}`; several together as a tuple"
)]
pub trait IndexArgs<V> {
    /// The components, in order.
    fn arguments(&self) -> Vec<Scalar<'_>>;
}

/// A range of the last component behind values of the others: `18..` for `(u32,)`, `(Status::Live, 3..)` for `(Status, u32)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no range of an index over `{V}`",
    label = "expected values for all but the last of `{V}`, then a range, as a tuple"
)]
pub trait IndexRanges<V> {
    /// The leading components and the bounds of the last one.
    fn parts(&self) -> RangeParts<'_>;
}

impl<V, A: IndexArg<V>> IndexArgs<(V,)> for A {
    fn arguments(&self) -> Vec<Scalar<'_>> {
        vec![self.argument()]
    }
}

impl<V, R: IndexRange<V>> IndexRanges<(V,)> for R {
    fn parts(&self) -> RangeParts<'_> {
        (Vec::new(), self.bounds())
    }
}

macro_rules! several {
    ($($($value:ident $argument:ident $position:tt),+; $last:ident $range:ident $end:tt;)*) => {$(
        impl<$($value, $argument: IndexArg<$value>,)+ $last, $range: IndexArg<$last>>
            IndexArgs<($($value,)+ $last)> for ($($argument,)+ $range)
        {
            fn arguments(&self) -> Vec<Scalar<'_>> {
                vec![$(self.$position.argument(),)+ self.$end.argument()]
            }
        }
        impl<$($value, $argument: IndexArg<$value>,)+ $last, $range: IndexRange<$last>>
            IndexRanges<($($value,)+ $last)> for ($($argument,)+ $range)
        {
            fn parts(&self) -> RangeParts<'_> {
                (vec![$(self.$position.argument()),+], self.$end.bounds())
            }
        }
    )*};
}
several! {
    V0 A0 0; V1 A1 1;
    V0 A0 0, V1 A1 1; V2 A2 2;
    V0 A0 0, V1 A1 1, V2 A2 2; V3 A3 3;
}
