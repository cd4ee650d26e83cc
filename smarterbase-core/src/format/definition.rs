//! Definitions of indexes: their canonical text and its hash.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::document::{ComponentSpec, DocumentSpec, IndexKind, IndexSpec};

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
#[must_use]
pub fn define(_spec: &DocumentSpec, index: &IndexSpec) -> Definition {
    let canonical = Canonical {
        kind: kind_name(index.kind),
        each: index.each,
        fields: index.components.iter().map(Component::from).collect(),
        touched: touched(index),
    };
    let text = serde_json::to_string(&canonical).expect("a definition is JSON");
    Definition {
        name: format!("{}-{}", index.name, hash(&text)),
        text,
    }
}

/// The last schema version whose steps touched a component.
fn touched(index: &IndexSpec) -> u32 {
    let versions = index.components.iter().map(|component| component.touched);
    versions.max().unwrap_or(1)
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
}

impl From<&ComponentSpec> for Component {
    fn from(component: &ComponentSpec) -> Self {
        Self {
            name: component.origin,
            encoding: component.encoding.name,
            optional: component.encoding.optional,
            lower: component.lower,
            version: Some(component.encoding.version).filter(|version| *version > 1),
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
}

fn first() -> u32 {
    1
}

/// Reads the canonical text; `None` when it is none, or one of a newer build.
#[must_use]
pub fn read(text: &str) -> Option<Read> {
    serde_json::from_str(text).ok()
}
