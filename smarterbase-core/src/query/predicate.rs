//! What queries say of fields: conditions and orders, and which of them an index answers.

use std::{
    marker::PhantomData,
    ops::{BitAnd, BitOr, Bound, Not},
};

use super::{
    comparison::{Comparison, Reader, Test},
    condition::Condition,
    range::owned,
};
use crate::{
    document::{
        Document, Field, IndexArg, IndexList, IndexRange, IndexValue, Scalar,
        field::{Indexed, Ranged, Unindexed},
        index_value::PresentValue,
    },
    error::{Code, Error, Result},
};

/// A condition that no index answers: it is checked on documents that something else finds.
#[derive(Clone, Copy, Debug)]
pub struct Residual;

/// Whether an index answers a condition: [`Indexed`] or [`Residual`].
pub trait Class {
    /// Both together: one indexed side is enough.
    type And<Other: Class>: Class;
    /// One of both: both sides must be indexed.
    type Or<Other: Class>: Class;
}
impl Class for Indexed {
    type And<Other: Class> = Self;
    type Or<Other: Class> = Other;
}
impl Class for Residual {
    type And<Other: Class> = Other;
    type Or<Other: Class> = Self;
}

/// A condition or an order that an index answers.
#[diagnostic::on_unimplemented(
    message = "no index answers this, so it would read every document",
    label = "no field in here has an index for what is asked of it",
    note = "add `#[index]` to a field that tells the documents apart (`#[index(range)]` for `lt`, `within`, `starts_with`, \
            `asc` …),",
    note = "join it by `&` with a condition that has one, or say `.scan()` first and read them all, under a budget"
)]
pub trait AnsweredByIndex: Class {}
impl AnsweredByIndex for Indexed {}

/// What the indexes of a field answer: [`Unindexed`], [`Indexed`] or [`Ranged`].
pub trait Capability {
    /// Of `eq`, `is_in`, `has`, `is_none`.
    type Equality: Class;
    /// Of comparisons, ranges, beginnings and orders.
    type Range: Class;
}
impl Capability for Unindexed {
    type Equality = Residual;
    type Range = Residual;
}
impl Capability for Indexed {
    type Equality = Self;
    type Range = Residual;
}
impl Capability for Ranged {
    type Equality = Indexed;
    type Range = Indexed;
}

/// A condition on documents of type `T`; `C` says whether an index answers it.
///
/// `&` joins two of which both must hold, `|` two of which one must; `!` turns one around. `None`, `null` and a missing
/// member are one value, smaller than every other.
#[must_use = "a condition does nothing until it is given to `filter`"]
pub struct Predicate<T, C = Indexed> {
    condition: Result<Condition<'static, T>>,
    class: PhantomData<fn() -> C>,
}

impl<T, C> std::fmt::Debug for Predicate<T, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.condition {
            Ok(condition) => write!(f, "Predicate({})", condition.describe()),
            Err(error) => write!(f, "Predicate({error})"),
        }
    }
}

impl<T, C> Predicate<T, C> {
    pub(super) fn new(condition: Result<Condition<'static, T>>) -> Self {
        Self {
            condition,
            class: PhantomData,
        }
    }

    /// The same condition without its promise that an index answers it, so that conditions which are put together at run
    /// time have one type. `filter` takes it behind `scan()`, and uses an index where one helps.
    pub fn residual(self) -> Predicate<T, Residual> {
        Predicate::new(self.condition)
    }

    pub(crate) fn into_condition(self) -> Result<Condition<'static, T>> {
        self.condition
    }
}

impl<T, A: Class, B: Class> BitAnd<Predicate<T, B>> for Predicate<T, A> {
    type Output = Predicate<T, A::And<B>>;

    fn bitand(self, other: Predicate<T, B>) -> Self::Output {
        Predicate::new(both(self.condition, other.condition, Condition::and))
    }
}
impl<T, A: Class, B: Class> BitOr<Predicate<T, B>> for Predicate<T, A> {
    type Output = Predicate<T, A::Or<B>>;

    fn bitor(self, other: Predicate<T, B>) -> Self::Output {
        Predicate::new(both(self.condition, other.condition, Condition::or))
    }
}
impl<T, C> Not for Predicate<T, C> {
    type Output = Predicate<T, Residual>;

    fn not(self) -> Self::Output {
        Predicate::new(
            self.condition
                .map(|condition| Condition::Not(Box::new(condition))),
        )
    }
}

fn both<'a, T>(
    left: Result<Condition<'a, T>>,
    right: Result<Condition<'a, T>>,
    join: impl FnOnce(Condition<'a, T>, Condition<'a, T>) -> Condition<'a, T>,
) -> Result<Condition<'a, T>> {
    Ok(join(left?, right?))
}

/// An order by one field of `T`; ties are ordered by id. `C` says whether an index gives it.
#[must_use = "an order does nothing until it is given to `order_by`"]
pub struct Order<T, C = Indexed> {
    pub(crate) reader: Reader<T>,
    pub(crate) descending: bool,
    class: PhantomData<fn() -> C>,
}

impl<T, C> std::fmt::Debug for Order<T, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Order({})", self.reader.field)
    }
}

/// How many values [`is_in`](Field::is_in) takes at most.
pub(crate) const MOST_VALUES: usize = 1_000;

impl<T: Document, V: IndexValue + 'static, C: Capability> Field<T, V, C> {
    /// The field equals `value`.
    pub fn eq(self, value: impl IndexArg<V>) -> Predicate<T, C::Equality> {
        self.compare(Test::Equal(owned(value.argument())))
    }

    /// The field is another value, or `None`.
    pub fn ne(self, value: impl IndexArg<V>) -> Predicate<T, Residual> {
        !self.eq(value)
    }

    /// The field equals one of the values, at most 1,000 of them. No value means no document.
    pub fn is_in<A: IndexArg<V>>(
        self,
        values: impl IntoIterator<Item = A>,
    ) -> Predicate<T, C::Equality> {
        let values = values.into_iter().take(MOST_VALUES + 1);
        let parts: Result<Vec<_>> = values
            .map(|value| self.eq(value).into_condition())
            .collect();
        Predicate::new(parts.and_then(|parts| {
            if parts.len() > MOST_VALUES {
                let text = format!("a field is compared with at most {MOST_VALUES} values");
                return Err(Error::new(Code::INVALID, text).on_field(self.name()));
            }
            Ok(Condition::Or(parts))
        }))
    }

    /// The field lies in `range`. A bound on one side asks for present values only; `..` takes `None` too.
    pub fn within(self, range: impl IndexRange<V>) -> Predicate<T, C::Range> {
        let (lower, upper) = range.bounds();
        self.compare(Test::Between(lower.map(owned), upper.map(owned)))
    }

    /// The field lies between `least` and `most`, both included.
    pub fn between(
        self,
        least: impl IndexArg<V>,
        most: impl IndexArg<V>,
    ) -> Predicate<T, C::Range> {
        self.compare(Test::Between(included(&least), included(&most)))
    }

    /// The field is present and less than `value`.
    pub fn lt(self, value: impl IndexArg<V>) -> Predicate<T, C::Range> {
        self.compare(Test::Between(Bound::Unbounded, excluded(&value)))
    }

    /// The field is present and at most `value`.
    pub fn le(self, value: impl IndexArg<V>) -> Predicate<T, C::Range> {
        self.compare(Test::Between(Bound::Unbounded, included(&value)))
    }

    /// The field is greater than `value`.
    pub fn gt(self, value: impl IndexArg<V>) -> Predicate<T, C::Range> {
        self.compare(Test::Between(excluded(&value), Bound::Unbounded))
    }

    /// The field is at least `value`.
    pub fn ge(self, value: impl IndexArg<V>) -> Predicate<T, C::Range> {
        self.compare(Test::Between(included(&value), Bound::Unbounded))
    }

    /// From the smallest value up; `None` first.
    pub fn asc(self) -> Order<T, C::Range> {
        self.order(false)
    }

    /// From the greatest value down; `None` last.
    pub fn desc(self) -> Order<T, C::Range> {
        self.order(true)
    }

    fn order(self, descending: bool) -> Order<T, C::Range> {
        Order {
            reader: Reader::of_value(self).in_order(),
            descending,
            class: PhantomData,
        }
    }

    fn compare<Answer>(self, test: Test) -> Predicate<T, Answer> {
        compare(Reader::of_value(self), test)
    }
}

impl<T: Document, V: PresentValue + 'static, C: Capability> Field<T, Option<V>, C> {
    /// The field is `None`, `null` or missing.
    pub fn is_none(self) -> Predicate<T, C::Equality> {
        self.compare(Test::Equal(Scalar::Null))
    }

    /// The field holds a value.
    pub fn is_some(self) -> Predicate<T, C::Range> {
        self.compare(Test::Between(
            Bound::Excluded(Scalar::Null),
            Bound::Unbounded,
        ))
    }
}

/// Text, or text that may be missing.
pub trait TextValue: IndexValue {}
impl TextValue for String {}
impl TextValue for Option<String> {}

impl<T: Document, V: TextValue + 'static, C: Capability> Field<T, V, C> {
    /// The text begins with `start`.
    pub fn starts_with(self, start: impl Into<String>) -> Predicate<T, C::Range> {
        self.compare(Test::StartsWith(start.into()))
    }

    /// The text holds `part` somewhere.
    pub fn contains_text(self, part: impl Into<String>) -> Predicate<T, Residual> {
        self.compare(Test::Contains(part.into()))
    }
}

impl<T: Document, L, C: Capability> Field<T, L, C>
where
    L: IndexList + 'static,
    L::Element: IndexValue,
{
    /// An element of the list equals `value`.
    pub fn has(self, value: impl IndexArg<L::Element>) -> Predicate<T, C::Equality> {
        compare(
            Reader::of_elements(self),
            Test::Equal(owned(value.argument())),
        )
    }
}

fn compare<T: Document, Answer>(reader: Reader<T>, test: Test) -> Predicate<T, Answer> {
    Predicate::new(Comparison::new(reader, test).map(Condition::Compare))
}

fn included<V>(value: &impl IndexArg<V>) -> Bound<Scalar<'static>> {
    Bound::Included(owned(value.argument()))
}

fn excluded<V>(value: &impl IndexArg<V>) -> Bound<Scalar<'static>> {
    Bound::Excluded(owned(value.argument()))
}
