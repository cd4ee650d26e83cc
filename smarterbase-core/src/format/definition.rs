//! Definitions of indexes: their canonical text and its hash.

use crate::document::{DocumentSpec, IndexSpec};

/// One definition as it is stored in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// `<name>-<first 8 hex of sha256(text)>`: the `<index>` of every path and key.
    pub name: String,
    /// The canonical text: one line of JSON with kind, each, components (stored name, encoding, optional, lower) and the
    /// last schema version whose steps touched a component.
    pub text: String,
}

/// The definition of `index` of the type.
#[must_use]
pub fn define(_spec: &DocumentSpec, _index: &IndexSpec) -> Definition {
    todo!()
}
