//! References from one document to another: `#[references(Org)]`.

use std::marker::PhantomData;

use super::{Document, DocumentKey, KeyText};

/// One reference of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceSpec {
    /// The stored name of the field that holds the other document's key.
    pub field: &'static str,
    /// What the reference is called: `org` for the field `org_id`.
    pub name: &'static str,
    /// The collection of the other document.
    pub target: &'static str,
    /// What happens to documents of this type when the other one is deleted.
    pub on_delete: OnDelete,
    /// The ordinal of the index over the field, which finds who refers to a document.
    pub ordinal: u16,
}

/// What happens to a document when the one that it refers to is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    /// Nothing: the reference leads nowhere then.
    Nothing,
    /// The other document is not deleted as long as this one is there.
    Restrict,
    /// It is deleted too, and what refers to it as well.
    Cascade,
    /// The reference becomes `None`.
    Nullify,
}

/// A field that may hold the key of a `P`: the key itself, or an `Option` of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not hold the key of a `{P}`",
    label = "this field refers to a `{P}`",
    note = "a reference has the type of the other document's key field, or an `Option` of it"
)]
pub trait RefersTo<P> {
    /// The key as text, if there is one.
    fn target(&self) -> Option<KeyText>;
}
impl<P: Document<Key = K>, K: DocumentKey> RefersTo<P> for K {
    fn target(&self) -> Option<KeyText> {
        Some(self.to_text())
    }
}
impl<P: Document<Key = K>, K: DocumentKey> RefersTo<P> for Option<K> {
    fn target(&self) -> Option<KeyText> {
        self.as_ref().map(DocumentKey::to_text)
    }
}

/// A handle of one reference: `User::REFERENCES.org`. Loads what many documents refer to with one request for each
/// document referred to, not for each that refers.
pub struct Reference<T, P> {
    pub(crate) read: fn(&T) -> Option<KeyText>,
    types: PhantomData<fn() -> (T, P)>,
}

impl<T, P> Reference<T, P> {
    /// For the derive.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(read: fn(&T) -> Option<KeyText>) -> Self {
        Self {
            read,
            types: PhantomData,
        }
    }
}

impl<T, P> Clone for Reference<T, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T, P> Copy for Reference<T, P> {}
impl<T, P> std::fmt::Debug for Reference<T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reference(to {})", std::any::type_name::<P>())
    }
}
