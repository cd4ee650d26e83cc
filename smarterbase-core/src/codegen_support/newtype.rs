//! What a newtype takes over from its field, where the field has it.
//!
//! The `Inner…` traits carry a lifetime that is never used. A bound such as `for<'a> Vec<u8>: InnerKey<'a>` that does not
//! hold only makes its `impl` not apply; without the lifetime rustc reports it as an error at once (E0277, "trivial
//! bounds"), although nobody asked for the newtype to be a key.

use std::fmt::Debug;

use crate::{
    codegen_support::AutomaticKey,
    document::{
        DocumentKey, IndexValue, KeyKind, KeyText, Moment, Scalar,
        index_value::{Encoding, PresentValue},
    },
    error::Result,
};

/// [`IndexValue`] of a newtype's field.
pub trait InnerIndexValue<'unused> {
    /// [`IndexValue::ENCODING`].
    const ENCODING: Encoding;

    /// [`IndexValue::scalar`].
    fn scalar(&self) -> Scalar<'_>;
}
impl<V: IndexValue> InnerIndexValue<'_> for V {
    const ENCODING: Encoding = V::ENCODING;

    fn scalar(&self) -> Scalar<'_> {
        IndexValue::scalar(self)
    }
}

/// [`PresentValue`] of a newtype's field.
pub trait InnerPresentValue<'unused>: InnerIndexValue<'unused> {}
impl<V: PresentValue> InnerPresentValue<'_> for V {}

/// [`DocumentKey`] of a newtype's field.
pub trait InnerKey<'unused>: Sized {
    /// [`DocumentKey::KIND`].
    const KIND: KeyKind;

    /// [`DocumentKey::to_text`].
    fn to_text(&self) -> KeyText;

    /// [`DocumentKey::from_text`].
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid): the text is not a key of this type.
    fn from_text(text: &str) -> Result<Self>;
}
impl<V: DocumentKey> InnerKey<'_> for V {
    const KIND: KeyKind = V::KIND;

    fn to_text(&self) -> KeyText {
        DocumentKey::to_text(self)
    }

    fn from_text(text: &str) -> Result<Self> {
        DocumentKey::from_text(text)
    }
}

/// A newtype of a key. It is a key itself when it has what keys need; a newtype that is used otherwise need not have it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a document key",
    label = "not a key type",
    note = "use `Id<T>`, `Uuid`, `String`, an unsigned integer, or a newtype of one of them with `#[derive(Embedded)]`"
)]
pub trait KeyNewtype: Sized {
    /// [`DocumentKey::KIND`].
    const KIND: KeyKind;

    /// [`DocumentKey::to_text`].
    fn to_text(&self) -> KeyText;

    /// [`DocumentKey::from_text`].
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid): the text is not a key of this type.
    fn from_text(text: &str) -> Result<Self>;
}
impl<N> DocumentKey for N
where
    N: KeyNewtype + Clone + Debug + PartialEq + Send + Sync + 'static,
{
    const KIND: KeyKind = N::KIND;

    fn to_text(&self) -> KeyText {
        KeyNewtype::to_text(self)
    }

    fn from_text(text: &str) -> Result<Self> {
        KeyNewtype::from_text(text)
    }
}

/// [`AutomaticKey`] of a newtype's field.
pub trait InnerAutomaticKey<'unused>: Sized {
    /// [`AutomaticKey::placeholder`].
    fn placeholder() -> Self;

    /// [`AutomaticKey::fill`].
    fn fill(&mut self, moment: &mut Moment<'_>);
}
impl<V: AutomaticKey> InnerAutomaticKey<'_> for V {
    fn placeholder() -> Self {
        AutomaticKey::placeholder()
    }

    fn fill(&mut self, moment: &mut Moment<'_>) {
        AutomaticKey::fill(self, moment);
    }
}
