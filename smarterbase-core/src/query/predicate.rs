//! What `query()` can ask of a field that has an index.

use std::{marker::PhantomData, ops::Bound};

use super::selection::owned;
use crate::document::{
    Field, IndexArg, IndexRange, Scalar,
    field::{AnswersEquality, AnswersRanges},
};

/// A condition on one indexed field of `T`.
#[derive(Clone, Debug)]
#[must_use = "a predicate does nothing until it is given to `filter`"]
pub struct Predicate<T> {
    pub(crate) ordinal: u16,
    pub(crate) prefix: Vec<Scalar<'static>>,
    pub(crate) bounds: Option<(Bound<Scalar<'static>>, Bound<Scalar<'static>>)>,
    types: PhantomData<fn() -> T>,
}

/// An order by one indexed field of `T`. Ties are ordered by id.
#[derive(Clone, Copy, Debug)]
#[must_use = "an order does nothing until it is given to `order_by`"]
pub struct Order<T> {
    pub(crate) ordinal: u16,
    pub(crate) descending: bool,
    types: PhantomData<fn() -> T>,
}

impl<T, V, C: AnswersEquality> Field<T, V, C> {
    /// The field equals `value`.
    pub fn eq(self, value: impl IndexArg<V>) -> Predicate<T> {
        Predicate {
            ordinal: self.served_by(),
            prefix: vec![owned(value.argument())],
            bounds: None,
            types: PhantomData,
        }
    }
}

impl<T, V, C: AnswersRanges> Field<T, V, C> {
    /// The field lies in `range`. A bound on one side asks for present values only; `..` takes `None` too.
    pub fn within(self, range: impl IndexRange<V>) -> Predicate<T> {
        let (lower, upper) = range.bounds();
        self.between(lower.map(owned), upper.map(owned))
    }

    /// The field is present and less than `value`.
    pub fn lt(self, value: impl IndexArg<V>) -> Predicate<T> {
        self.between(Bound::Unbounded, Bound::Excluded(owned(value.argument())))
    }

    /// The field is present and at most `value`.
    pub fn le(self, value: impl IndexArg<V>) -> Predicate<T> {
        self.between(Bound::Unbounded, Bound::Included(owned(value.argument())))
    }

    /// The field is greater than `value`.
    pub fn gt(self, value: impl IndexArg<V>) -> Predicate<T> {
        self.between(Bound::Excluded(owned(value.argument())), Bound::Unbounded)
    }

    /// The field is at least `value`.
    pub fn ge(self, value: impl IndexArg<V>) -> Predicate<T> {
        self.between(Bound::Included(owned(value.argument())), Bound::Unbounded)
    }

    /// From the smallest value up; `None` first.
    pub fn asc(self) -> Order<T> {
        Order {
            ordinal: self.served_by(),
            descending: false,
            types: PhantomData,
        }
    }

    /// From the greatest value down; `None` last.
    pub fn desc(self) -> Order<T> {
        Order {
            ordinal: self.served_by(),
            descending: true,
            types: PhantomData,
        }
    }

    fn between(self, lower: Bound<Scalar<'static>>, upper: Bound<Scalar<'static>>) -> Predicate<T> {
        Predicate {
            ordinal: self.served_by(),
            prefix: Vec::new(),
            bounds: Some((lower, upper)),
            types: PhantomData,
        }
    }
}

impl<T, V, C: AnswersEquality> Field<T, V, C> {
    fn served_by(&self) -> u16 {
        self.ordinal()
            .expect("the derive gives an ordinal to every field that answers queries")
    }
}
