//! Values that can be indexed or unique, and the arguments and ranges that finders take.

use std::{
    borrow::Cow,
    ops::{Bound, Range, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive},
};

use uuid::Uuid;

use super::{Id, Timestamp};

/// One component of an index value, before its bytes are made.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// `None`, `null` and a missing member: smaller than every other value.
    Null,
    /// `false` before `true`.
    Bool(bool),
    /// A signed integer.
    Signed(i64),
    /// An unsigned integer.
    Unsigned(u64),
    /// A finite number; `NaN` and infinities are refused when the value is encoded.
    Float(f64),
    /// Text, in the order of its code points.
    Text(Cow<'a, str>),
    /// Bytes, in byte order.
    Bytes(Cow<'a, [u8]>),
    /// A UUID, in byte order.
    Uuid([u8; 16]),
    /// Seconds since 1970 and nanoseconds.
    Timestamp(i64, u32),
}

/// The name of an encoding, as it enters the hash of a definition. An optional value says so with `optional`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// `bool`, `number`, `string`, `bytes`, `uuid` or `timestamp`.
    pub name: &'static str,
    /// Whether `Null` occurs.
    pub optional: bool,
    /// The version of the embedded type that the value is of, 1 for every other one: steps of an enum or a newtype can change
    /// values.
    pub version: u32,
    /// Whether the value is stored as another type (`serde(into)`), so that its JSON does not tell what is indexed. Not part of
    /// the hash: the entries are the same.
    pub converted: bool,
}

impl Encoding {
    /// The encoding of values that are always there.
    #[must_use]
    pub const fn plain(name: &'static str) -> Self {
        Self {
            name,
            optional: false,
            version: 1,
            converted: false,
        }
    }

    /// The encoding of the values of a type that is stored as another one.
    #[must_use]
    pub const fn converted(self) -> Self {
        Self {
            converted: true,
            ..self
        }
    }

    /// The encoding of the values of an embedded type at this version; the type of a newtype has one of its own.
    #[must_use]
    pub const fn at(self, version: u32) -> Self {
        Self {
            version: if version > self.version {
                version
            } else {
                self.version
            },
            ..self
        }
    }
}

/// A type whose values can be indexed, unique, and asked for.
#[diagnostic::on_unimplemented(
    message = "values of type `{Self}` cannot be indexed",
    label = "no order-preserving encoding for this type",
    note = "integers up to 64 bits, floats, `bool`, text, `Uuid`, `Id<T>`, `Timestamp`, one `Option` of them, and newtypes \
            and unit-only enums with `#[derive(Embedded)]` can be indexed"
)]
pub trait IndexValue {
    /// The encoding, part of the definition's hash.
    const ENCODING: Encoding;

    /// The value as a component.
    fn scalar(&self) -> Scalar<'_>;
}

/// An index value that is never `Null`, so that it may stand inside one `Option`. `Option<Option<_>>` is refused.
#[diagnostic::on_unimplemented(
    message = "`Option<{Self}>` cannot be indexed: only one `Option` may wrap an index value"
)]
pub trait PresentValue: IndexValue {}

macro_rules! index_values {
    ($($type:ty, $encoding:literal, $self:ident => $scalar:expr;)*) => {$(
        impl IndexValue for $type {
            const ENCODING: Encoding = Encoding::plain($encoding);

            fn scalar(&$self) -> Scalar<'_> {
                $scalar
            }
        }
        impl PresentValue for $type {}
    )*};
}

index_values! {
    bool, "bool", self => Scalar::Bool(*self);
    i8, "number", self => Scalar::Signed(i64::from(*self));
    i16, "number", self => Scalar::Signed(i64::from(*self));
    i32, "number", self => Scalar::Signed(i64::from(*self));
    i64, "number", self => Scalar::Signed(*self);
    u8, "number", self => Scalar::Unsigned(u64::from(*self));
    u16, "number", self => Scalar::Unsigned(u64::from(*self));
    u32, "number", self => Scalar::Unsigned(u64::from(*self));
    u64, "number", self => Scalar::Unsigned(*self);
    f32, "number", self => Scalar::Float(f64::from(*self));
    f64, "number", self => Scalar::Float(*self);
    String, "string", self => Scalar::Text(Cow::Borrowed(self));
    char, "string", self => Scalar::Text(Cow::Owned(self.to_string()));
    Uuid, "uuid", self => Scalar::Uuid(*self.as_bytes());
    Timestamp, "timestamp", self => { let (seconds, nanoseconds) = self.to_parts(); Scalar::Timestamp(seconds, nanoseconds) };
}

impl<T> IndexValue for Id<T> {
    const ENCODING: Encoding = Encoding::plain("uuid");

    fn scalar(&self) -> Scalar<'_> {
        Scalar::Uuid(*self.uuid().as_bytes())
    }
}
impl<T> PresentValue for Id<T> {}

impl<V: PresentValue> IndexValue for Option<V> {
    const ENCODING: Encoding = Encoding {
        name: V::ENCODING.name,
        optional: true,
        version: V::ENCODING.version,
        converted: V::ENCODING.converted,
    };

    fn scalar(&self) -> Scalar<'_> {
        self.as_ref().map_or(Scalar::Null, IndexValue::scalar)
    }
}

/// What a finder accepts for a field of type `V`: the value, a reference to it, `&str` for `String`, and a plain value
/// for an optional field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be compared with a field of type `{V}`",
    label = "expected a `{V}`, or a reference to one"
)]
pub trait IndexArg<V> {
    /// The argument as a component.
    fn argument(&self) -> Scalar<'_>;
}

impl<V: IndexValue> IndexArg<V> for V {
    fn argument(&self) -> Scalar<'_> {
        self.scalar()
    }
}
impl<V: IndexValue> IndexArg<V> for &V {
    fn argument(&self) -> Scalar<'_> {
        self.scalar()
    }
}
impl<V: PresentValue> IndexArg<Option<V>> for V {
    fn argument(&self) -> Scalar<'_> {
        self.scalar()
    }
}
impl<V: PresentValue> IndexArg<Option<V>> for &V {
    fn argument(&self) -> Scalar<'_> {
        self.scalar()
    }
}
impl IndexArg<String> for &str {
    fn argument(&self) -> Scalar<'_> {
        Scalar::Text(Cow::Borrowed(self))
    }
}
impl IndexArg<Option<String>> for &str {
    fn argument(&self) -> Scalar<'_> {
        Scalar::Text(Cow::Borrowed(self))
    }
}

/// A range of values of a field of type `V`: `18..=65`, `"a".."n"`, `since..`, `..`.
pub trait IndexRange<V> {
    /// The lower and the upper bound.
    fn bounds(&self) -> (Bound<Scalar<'_>>, Bound<Scalar<'_>>);
}

macro_rules! index_ranges {
    ($($range:ident, $self:ident => $lower:expr, $upper:expr;)*) => {$(
        impl<V, A: IndexArg<V>> IndexRange<V> for $range<A> {
            fn bounds(&$self) -> (Bound<Scalar<'_>>, Bound<Scalar<'_>>) {
                ($lower, $upper)
            }
        }
    )*};
}
index_ranges! {
    Range, self => Bound::Included(self.start.argument()), Bound::Excluded(self.end.argument());
    RangeInclusive, self => Bound::Included(self.start().argument()), Bound::Included(self.end().argument());
    RangeFrom, self => Bound::Included(self.start.argument()), Bound::Unbounded;
    RangeTo, self => Bound::Unbounded, Bound::Excluded(self.end.argument());
    RangeToInclusive, self => Bound::Unbounded, Bound::Included(self.end.argument());
}
impl<V> IndexRange<V> for RangeFull {
    fn bounds(&self) -> (Bound<Scalar<'_>>, Bound<Scalar<'_>>) {
        (Bound::Unbounded, Bound::Unbounded)
    }
}

/// Receives the components of a document's index values.
pub trait IndexSink {
    /// One entry of the definition at `ordinal` in [`DocumentSpec::indexes`](super::DocumentSpec::indexes). A list
    /// pushes one entry per element, in any order; duplicates are removed.
    fn entry(&mut self, ordinal: u16, components: &[Scalar<'_>]);

    /// Whether entries of the definition at `ordinal` are of use. Asked before the type's own code is run for them.
    fn wants(&self, _ordinal: u16) -> bool {
        true
    }
}
