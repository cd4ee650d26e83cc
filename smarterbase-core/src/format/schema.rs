//! `_schema/<collection>/<version>.json`: what a sealed version looks like, published before its first document.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Envelope, Nonce, definition, envelope, json, stored_type::StoredType};
use crate::{
    document::{DocumentSpec, SealedShape, UnknownMembers},
    error::Result,
    migration::Step,
};

/// A published version. It is written once and never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedSchema {
    /// The collection.
    pub collection: String,
    /// The version.
    pub version: u32,
    /// The digest of the version in its lock: 16 hex digits.
    pub digest: String,
    /// The stored name of the key field.
    pub key: String,
    /// The stored name of each field and its type, as the lock spells it.
    pub fields: BTreeMap<String, String>,
    /// What programs without the type need to write documents of it; absent where an older build published the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub untyped: Option<UntypedFacts>,
    /// Members that this build does not know.
    #[serde(flatten)]
    pub unknown: BTreeMap<String, Value>,
}

/// What a program without the Rust type needs to write documents of a version. Later members come with defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntypedFacts {
    /// The type of each field, by its stored name.
    pub types: BTreeMap<String, StoredType>,
    /// Other names that are read for a field, by its stored name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, Vec<String>>,
    /// The stored names of the components of each definition, by its full name, as the publisher declares them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<String, Vec<String>>,
    /// Names that a migration step gave or took: a definition may call a field by an older name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<String>,
    /// The lowest version whose programs can read what this one writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readable_by: Option<u32>,
    /// Whether a member that is no field makes a document unreadable.
    #[serde(default, skip_serializing_if = "is_false")]
    pub denies_unknown: bool,
    /// Whether replaced versions are kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub keeps_history: bool,
    /// Whether documents without an envelope have a version in a member of their own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub adopts: bool,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

impl UntypedFacts {
    /// What is to be known of a type.
    #[must_use]
    pub fn of(spec: &DocumentSpec) -> Self {
        let with_aliases = spec.fields.iter().filter(|field| !field.aliases.is_empty());
        Self {
            types: (spec.fields.iter())
                .map(|field| (field.name.to_owned(), StoredType::of(field.shape)))
                .collect(),
            aliases: with_aliases
                .map(|field| (field.name.to_owned(), owned(field.aliases)))
                .collect(),
            indexes: spec
                .indexes
                .iter()
                .map(|index| paths(spec, index))
                .collect(),
            renamed: renamed(spec),
            readable_by: Some(spec.history.policy.readable_by)
                .filter(|version| (1..spec.schema_version).contains(version)),
            denies_unknown: spec.unknown == UnknownMembers::Deny,
            keeps_history: spec.keeps_history,
            adopts: spec.history.policy.adopt.is_some(),
        }
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn paths(spec: &DocumentSpec, index: &crate::document::IndexSpec) -> (String, Vec<String>) {
    let components = index.components.iter();
    let fields = components
        .map(|component| component.field.to_owned())
        .collect();
    (definition::define(spec, index).name, fields)
}

fn renamed(spec: &DocumentSpec) -> Vec<String> {
    let steps = spec
        .history
        .migrations
        .iter()
        .flat_map(|migration| migration.steps);
    let mut names: Vec<String> = steps
        .filter_map(|step| match step {
            Step::Rename(from, to) => Some([*from, *to]),
            _ => None,
        })
        .flatten()
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

impl PublishedSchema {
    /// The version of today of a type that a lock seals.
    #[must_use]
    pub fn of(spec: &DocumentSpec, shape: &SealedShape) -> Self {
        let field = |(name, ty): &(&str, &str)| ((*name).to_owned(), (*ty).to_owned());
        Self {
            collection: spec.collection.to_owned(),
            version: spec.schema_version,
            digest: smarterbase_schema::digest::hex(shape.digest),
            key: spec.key_field.to_owned(),
            fields: shape.fields.iter().map(field).collect(),
            untyped: Some(UntypedFacts::of(spec)),
            unknown: BTreeMap::new(),
        }
    }

    /// The members beside the envelope, as JSON text.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let body = serde_json::to_vec(self).expect("a schema is JSON, and memory takes it");
        body.into()
    }

    /// The bytes: `{"_sb":{…},"collection":"users","version":2,…}`.
    #[must_use]
    pub fn seal(&self, put: Nonce) -> Bytes {
        Envelope::first(put).seal(&self.body())
    }

    /// Reads a published version.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<Self> {
        let opened = envelope::open(bytes)?;
        serde_json::from_slice(&opened.body)
            .map_err(|error| json::corrupt("the published schema", &error))
    }
}
