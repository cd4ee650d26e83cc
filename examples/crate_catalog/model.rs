//! What is stored.

use smarterbase::prelude::*;

/// One version of one package.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(
    name = "packages",
    new(NewPackage, derive(Clone, Debug)),
    index(fields(name, version), unique)
)]
pub(crate) struct Package {
    #[key(auto)]
    pub(crate) id: Id<Package>,
    #[index]
    pub(crate) name: String,
    pub(crate) version: String,
    /// A range index also gives the order, so that a walk over it sees the licenses grouped.
    #[index(range)]
    pub(crate) license: Option<String>,
    #[index(each)]
    pub(crate) keywords: Vec<String>,
    /// How many packages depend on this one directly.
    #[index(range)]
    pub(crate) dependents: u32,
}

/// That one package depends on another directly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "dependencies")]
pub(crate) struct Dependency {
    /// `<dependent>.<dependency>`: the same dependency is the same document, however often it is stored.
    #[key]
    pub(crate) id: String,
    pub(crate) dependent: Id<Package>,
    #[index]
    pub(crate) dependency: Id<Package>,
    /// `normal`, `development` or `build`, sorted.
    pub(crate) kinds: Vec<String>,
}

impl Dependency {
    pub(crate) fn new(dependent: Id<Package>, dependency: Id<Package>, kinds: Vec<String>) -> Self {
        Self {
            id: format!("{dependent}.{dependency}"),
            dependent,
            dependency,
            kinds,
        }
    }
}
