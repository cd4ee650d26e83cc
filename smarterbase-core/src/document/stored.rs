//! A document together with the revision that it was read at.

use std::ops::{Deref, DerefMut};

use bytes::Bytes;

use super::{Document, Timestamp, Version};

/// A document as it was read or written, with its revision. Dereferences to the document.
///
/// Saving it is a compare-and-swap on that revision: [`Conflict`](crate::ErrorKind::Conflict), never a lost update.
pub struct Stored<T> {
    value: T,
    meta: Meta,
    origin: Origin,
}

/// Facts about a stored document that are not in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The revision: strictly increasing, 0 for JSON that was put there by hand.
    pub revision: u64,
    /// When the document was created.
    pub created: Option<Timestamp>,
    /// When this revision was written.
    pub updated: Option<Timestamp>,
    /// The schema version that it was written at.
    pub schema_version: u32,
    /// The size of the stored object in bytes.
    pub size: usize,
}

/// Where a document came from: the stored bytes and the version that they were read at.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The version that a save must still find; unknown when the document was overwritten before the reply came.
    pub(crate) version: Option<Version>,
    /// The whole object: the envelope, the index values and the unknown members are taken from it when they are needed.
    pub(crate) bytes: Bytes,
}

impl<T> Stored<T> {
    pub(crate) fn new(value: T, meta: Meta, origin: Origin) -> Self {
        Self {
            value,
            meta,
            origin,
        }
    }

    /// The revision: strictly increasing, 0 for JSON that was put there by hand.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.meta.revision
    }

    /// Facts about the document that are not in it.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The document, without its revision.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn renew(&mut self, meta: Meta, origin: Origin) {
        self.meta = meta;
        self.origin = origin;
    }
}

impl<T: Document> Stored<T> {
    /// The document's key.
    #[must_use]
    pub fn key(&self) -> &T::Key {
        self.value.key()
    }
}

impl<T> Deref for Stored<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
impl<T> AsRef<T> for Stored<T> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T> DerefMut for Stored<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}
impl<T: Clone> Clone for Stored<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            meta: self.meta,
            origin: self.origin.clone(),
        }
    }
}
impl<T: std::fmt::Debug> std::fmt::Debug for Stored<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored")
            .field("value", &self.value)
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}
impl<T: PartialEq> PartialEq<T> for Stored<T> {
    fn eq(&self, other: &T) -> bool {
        self.value == *other
    }
}
