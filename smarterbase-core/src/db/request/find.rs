//! The requests of finders.

use std::marker::PhantomData;

use crate::{
    db::Session,
    document::{Document, Scalar},
    error::Result,
};
use std::ops::Bound;

/// Finds the document that holds a unique value. `.await` gives `Option<Stored<T>>`.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindOne<'a, T> {
    session: Session<'a>,
    types: PhantomData<fn() -> T>,
}

/// Finds the documents with an index value, or in a range of values.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindMany<'a, T> {
    session: Session<'a>,
    types: PhantomData<fn() -> T>,
}

/// Counts documents exactly.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Count<'a, T> {
    find: FindMany<'a, T>,
}

/// Deletes documents one by one.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct DeleteMany<'a, T> {
    find: FindMany<'a, T>,
}

impl<'a, T: Document> FindOne<'a, T> {
    /// For the derive: the unique definition at `ordinal` with these components.
    #[doc(hidden)]
    pub fn new(_session: Session<'a>, _ordinal: u16, _components: &[Scalar<'_>]) -> Self {
        todo!()
    }
}
impl<'a, T: Document> FindMany<'a, T> {
    /// For the derive: documents whose leading components equal `prefix` and whose next one lies in the bounds.
    #[doc(hidden)]
    pub fn new(
        _session: Session<'a>,
        _ordinal: u16,
        _prefix: &[Scalar<'_>],
        _bounds: Option<(Bound<Scalar<'_>>, Bound<Scalar<'_>>)>,
    ) -> Self {
        todo!()
    }
    /// How many documents match, exactly.
    pub fn count(self) -> Count<'a, T> {
        Count { find: self }
    }
    /// Deletes the documents that match, one by one.
    pub fn delete(self) -> DeleteMany<'a, T> {
        DeleteMany { find: self }
    }
}
impl<'a, T: Document> IntoFuture for Count<'a, T> {
    type Output = Result<u64>;
    type IntoFuture = futures::future::BoxFuture<'a, Result<u64>>;
    fn into_future(self) -> Self::IntoFuture {
        todo!()
    }
}
