//! Definitions of indexes: their canonical text and its hash.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use std::collections::BTreeMap;

use crate::document::{ComponentSpec, DocumentSpec, IndexKind, IndexSpec, PredicateSpec, upgrade};

/// How many hex digits of sha256 a definition's name ends with.
const HASH_LENGTH: usize = 8;

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
///
/// ```json
/// {"kind":"index","each":false,"fields":[{"name":"plan","encoding":"string","optional":false,"lower":null}],"touched":1}
/// ```
///
/// Whatever changes the stored entries or claims is in it, and nothing else: not the ordinal, not whether ranges may be
/// asked for, not the name of the Rust field.
///
/// Where the type's own code decides, what the code does is not known; its revision stands for it, and the versions of
/// everything that it may read:
///
/// ```json
/// {…,"touched":3,"where":{"function":"is_active","revision":1},"embedded":{"status":2}}
/// ```
#[must_use]
pub fn define(spec: &DocumentSpec, index: &IndexSpec) -> Definition {
    let canonical = Canonical {
        kind: kind_name(index.kind),
        each: index.each,
        fields: index.components.iter().map(Component::from).collect(),
        touched: touched(index),
        predicate: index.predicate.as_ref().map(Function::from),
        embedded: embedded(spec, index),
    };
    let text = serde_json::to_string(&canonical).expect("a definition is JSON");
    Definition {
        name: format!("{}-{}", index.name, hash(&text)),
        text,
    }
}

/// The last schema version whose steps touched a component, or anything that the type's code may read.
pub(crate) fn touched(index: &IndexSpec) -> u32 {
    let versions = index.components.iter().map(|component| component.touched);
    let by_code = index.predicate.as_ref().map(|predicate| predicate.touched);
    versions.chain(by_code).max().unwrap_or(1)
}

/// The embedded types that the type's code may read and whose steps can have changed what it says.
fn embedded(spec: &DocumentSpec, index: &IndexSpec) -> BTreeMap<&'static str, u32> {
    let mut versions = BTreeMap::new();
    if index.runs_code() {
        for field in spec.fields {
            upgrade::visit(field.shape, &mut |part| {
                versions.insert(part.name, part.version);
            });
        }
    }
    versions.retain(|_, version| *version > 1);
    versions
}

/// The first 8 hex digits of sha256 of the text.
fn hash(text: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(text))[..HASH_LENGTH].to_owned()
}

/// The stored name of a kind.
pub(crate) const fn kind_name(kind: IndexKind) -> &'static str {
    match kind {
        IndexKind::Index => "index",
        IndexKind::Unique => "unique",
    }
}

/// The members of the canonical text, in its order.
#[derive(Serialize)]
struct Canonical {
    kind: &'static str,
    each: bool,
    fields: Vec<Component>,
    touched: u32,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    predicate: Option<Function>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    embedded: BTreeMap<&'static str, u32>,
}

#[derive(Serialize)]
struct Function {
    function: &'static str,
    revision: u32,
}

impl From<&PredicateSpec> for Function {
    fn from(predicate: &PredicateSpec) -> Self {
        Self {
            function: predicate.function,
            revision: predicate.revision,
        }
    }
}

#[derive(Serialize)]
struct Component {
    name: &'static str,
    encoding: &'static str,
    optional: bool,
    lower: Option<u8>,
    /// The version of the embedded type, when its steps can have touched the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// The revision of the method that gives a computed value.
    #[serde(skip_serializing_if = "Option::is_none")]
    computed: Option<u32>,
}

impl From<&ComponentSpec> for Component {
    fn from(component: &ComponentSpec) -> Self {
        Self {
            name: component.origin,
            encoding: component.encoding.name,
            optional: component.encoding.optional,
            lower: component.lower,
            version: Some(component.encoding.version).filter(|version| *version > 1),
            computed: component.computed,
        }
    }
}

/// A definition as its canonical text says it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// `index` or `unique`.
    pub kind: String,
    /// Whether a list has one entry for each element.
    pub each: bool,
    /// The components.
    pub fields: Vec<ReadComponent>,
    /// The last schema version whose steps touched a component.
    pub touched: u32,
    /// Which documents have entries or claims.
    #[serde(default, rename = "where")]
    pub predicate: Option<ReadFunction>,
    /// The versions of the embedded types that the type's code may read.
    #[serde(default)]
    pub embedded: BTreeMap<String, u32>,
}

impl Read {
    /// Whether the type's own code decides what the values are.
    #[must_use]
    pub fn runs_code(&self) -> bool {
        let is_computed = |component: &ReadComponent| component.computed.is_some();
        self.predicate.is_some() || self.fields.iter().any(is_computed)
    }
}

/// The function of a definition that was read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadFunction {
    /// Its name.
    pub function: String,
    /// Its revision.
    pub revision: u32,
}

/// One component of a definition that was read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadComponent {
    /// The stored name that the field had when the definition was made.
    pub name: String,
    /// `bool`, `number`, `string`, `bytes`, `uuid` or `timestamp`.
    pub encoding: String,
    /// Whether null occurs.
    pub optional: bool,
    /// The number of the lower-case table.
    pub lower: Option<u8>,
    /// The version of the embedded type.
    #[serde(default = "first")]
    pub version: u32,
    /// The revision of the method that gives a computed value.
    #[serde(default)]
    pub computed: Option<u32>,
}

fn first() -> u32 {
    1
}

/// Reads the canonical text; `None` when it is none, or one of a newer build.
#[must_use]
pub fn read(text: &str) -> Option<Read> {
    serde_json::from_str(text).ok()
}
