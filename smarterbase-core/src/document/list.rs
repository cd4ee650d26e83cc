//! Lists whose elements are indexed one by one: `#[index(each)]`.

use std::collections::{BTreeSet, HashSet};

/// A list that `#[index(each)]` can index.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list, so its elements cannot be indexed",
    label = "`#[index(each)]` stands here",
    note = "`Vec`, `BTreeSet`, `HashSet`, arrays and one `Option` of them can be indexed element by element; \
            write `#[index]` to index the value as a whole"
)]
pub trait IndexList {
    /// The type of the elements.
    type Element;

    /// The elements.
    fn elements(&self) -> impl Iterator<Item = &Self::Element>;
}

impl<V> IndexList for Vec<V> {
    type Element = V;

    fn elements(&self) -> impl Iterator<Item = &V> {
        self.iter()
    }
}
impl<V, const N: usize> IndexList for [V; N] {
    type Element = V;

    fn elements(&self) -> impl Iterator<Item = &V> {
        self.iter()
    }
}
impl<V> IndexList for BTreeSet<V> {
    type Element = V;

    fn elements(&self) -> impl Iterator<Item = &V> {
        self.iter()
    }
}
impl<V, S> IndexList for HashSet<V, S> {
    type Element = V;

    fn elements(&self) -> impl Iterator<Item = &V> {
        self.iter()
    }
}
impl<L: IndexList> IndexList for Option<L> {
    type Element = L::Element;

    fn elements(&self) -> impl Iterator<Item = &L::Element> {
        self.iter().flat_map(L::elements)
    }
}
