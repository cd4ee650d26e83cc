//! Field handles, and what the stored form of a field looks like.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    marker::PhantomData,
};

use uuid::Uuid;

use super::{Id, Timestamp};
use crate::migration::{Migration, Representation};

/// A handle of one field: `User::FIELDS.email`. `C` says what the field can be asked: [`Unindexed`], [`Indexed`],
/// [`Ranged`].
pub struct Field<T, V, C = Unindexed> {
    name: &'static str,
    types: Types<T, V, C>,
}

/// No value of these types is held: a handle is `Send` and `Sync` whatever they are.
type Types<T, V, C> = PhantomData<fn() -> (T, V, C)>;

/// The field has no index: a condition on it is checked on the documents that another condition finds, or that a scan reads.
#[derive(Clone, Copy, Debug)]
pub struct Unindexed;
/// The field has an index that answers equality. Also: an index answers the condition.
#[derive(Clone, Copy, Debug)]
pub struct Indexed;
/// The field has an index that answers equality, ranges and order.
#[derive(Clone, Copy, Debug)]
pub struct Ranged;

impl<T, V, C> Field<T, V, C> {
    /// The handle of the stored field `name`. For the derive.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            types: PhantomData,
        }
    }

    /// The stored name of the field.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T, V, C> Clone for Field<T, V, C> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, V, C> Copy for Field<T, V, C> {}
impl<T, V, C> std::fmt::Debug for Field<T, V, C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Field({})", self.name)
    }
}

/// The stored form of a type: a tree of names, compared between versions of a program.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape {
    /// A type without parts, by its normalized name: `String`, `u32`, `Timestamp`.
    Leaf(&'static str),
    /// A type with parameters: `Vec<…>`, `Option<…>`, `Map<…, …>`.
    Generic(&'static str, &'static [&'static Shape]),
    /// A type with `#[derive(Embedded)]`.
    Embedded(&'static EmbeddedSpec),
    /// Named members without a name of their own: the body of an enum's struct variant.
    Members(&'static [(&'static str, &'static Shape)]),
    /// A type whose shape is not tracked: `#[field(opaque)]`.
    Opaque,
}

/// The static facts of a type with `#[derive(Embedded)]`.
#[derive(Debug)]
pub struct EmbeddedSpec {
    /// The stored name.
    pub name: &'static str,
    /// The version of its shape, from 1.
    pub version: u32,
    /// The lowest version that can still be read.
    pub readable_from: u32,
    /// The shapes of its parameters.
    pub parameters: &'static [&'static Shape],
    /// What its parts are.
    pub form: EmbeddedForm,
    /// The members of a struct, the elements of a tuple by their positions, or the variants of an enum; an untagged variant is
    /// called `@untagged`.
    pub parts: &'static [(&'static str, &'static Shape)],
    /// The steps from older versions.
    pub migrations: &'static [Migration],
}

/// What the parts of an embedded type are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmbeddedForm {
    /// The members of an object.
    Struct,
    /// The elements of an array.
    Tuple,
    /// The value itself.
    Newtype,
    /// The variants of an enum, written in this way.
    Enum(Representation),
}

impl PartialEq for EmbeddedSpec {
    /// What is stored alike. The steps do not count: they lead here.
    fn eq(&self, other: &Self) -> bool {
        (self.name, self.version, self.form) == (other.name, other.version, other.form)
            && self.parameters == other.parameters
            && self.parts == other.parts
    }
}
impl Eq for EmbeddedSpec {}

/// A type that may stand in a stored field.
#[diagnostic::on_unimplemented(
    message = "the stored shape of `{Self}` is not tracked",
    label = "this type is stored inside a document",
    note = "add `#[derive(Embedded)]` to it, so that it has a version and migrations of its own,",
    note = "or mark the field `#[field(opaque)]` and take care of its compatibility yourself"
)]
pub trait FieldType {
    /// What the stored value looks like.
    const SHAPE: &'static Shape;
}

macro_rules! leaves {
    ($($type:ty, $name:literal;)*) => {$(
        impl FieldType for $type {
            const SHAPE: &'static Shape = &Shape::Leaf($name);
        }
    )*};
}
leaves! {
    bool, "bool"; char, "char"; String, "String";
    i8, "i8"; i16, "i16"; i32, "i32"; i64, "i64"; i128, "i128"; isize, "isize";
    u8, "u8"; u16, "u16"; u32, "u32"; u64, "u64"; u128, "u128"; usize, "usize";
    f32, "f32"; f64, "f64"; (), "()";
    Uuid, "Uuid"; Timestamp, "Timestamp";
    std::time::Duration, "Duration"; std::path::PathBuf, "PathBuf";
    std::net::IpAddr, "IpAddr"; std::net::Ipv4Addr, "Ipv4Addr"; std::net::Ipv6Addr, "Ipv6Addr";
    std::net::SocketAddr, "SocketAddr";
    std::num::NonZeroU8, "NonZeroU8"; std::num::NonZeroU16, "NonZeroU16"; std::num::NonZeroU32, "NonZeroU32";
    std::num::NonZeroU64, "NonZeroU64";
    serde_json::Value, "Json";
}

impl<T> FieldType for Id<T> {
    const SHAPE: &'static Shape = &Shape::Leaf("Id");
}

macro_rules! generics {
    ($($type:ident<$($parameter:ident),+>, $name:literal;)*) => {$(
        impl<$($parameter: FieldType),+> FieldType for $type<$($parameter),+> {
            const SHAPE: &'static Shape = &Shape::Generic($name, &[$($parameter::SHAPE),+]);
        }
    )*};
}
generics! {
    Option<T>, "Option"; Vec<T>, "Vec"; BTreeSet<T>, "Set"; BTreeMap<K, V>, "Map"; Box<T>, "Box";
}
impl<T: FieldType, S> FieldType for HashSet<T, S> {
    const SHAPE: &'static Shape = &Shape::Generic("Set", &[T::SHAPE]);
}
impl<K: FieldType, V: FieldType, S> FieldType for HashMap<K, V, S> {
    const SHAPE: &'static Shape = &Shape::Generic("Map", &[K::SHAPE, V::SHAPE]);
}
impl<T: FieldType, const N: usize> FieldType for [T; N] {
    const SHAPE: &'static Shape = &Shape::Generic("Array", &[T::SHAPE]);
}
impl<A: FieldType, B: FieldType> FieldType for (A, B) {
    const SHAPE: &'static Shape = &Shape::Generic("Tuple", &[A::SHAPE, B::SHAPE]);
}
impl<A: FieldType, B: FieldType, C: FieldType> FieldType for (A, B, C) {
    const SHAPE: &'static Shape = &Shape::Generic("Tuple", &[A::SHAPE, B::SHAPE, C::SHAPE]);
}
