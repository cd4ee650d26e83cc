//! `_schema/<collection>/<version>.json`: what a sealed version looks like, published before its first document.

use std::collections::BTreeMap;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use smarterbase_schema::{Part, Sealed, digest};

use super::{Envelope, Nonce, definition, envelope, stored_type::StoredType};
use crate::{
    document::{DocumentSpec, IndexSpec, UnknownMembers},
    error::Result,
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
    /// The stored names of the components of each definition whose values JSON tells, by its full name, as the publisher
    /// declares them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<String, Vec<String>>,
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
        let is_told = |index: &&IndexSpec| {
            let mut components = index.components.iter();
            !index.runs_code() && components.all(|component| !component.encoding.converted)
        };
        let told = spec.indexes.iter().filter(is_told);
        let with_aliases = spec.fields.iter().filter(|field| !field.aliases.is_empty());
        Self {
            types: (spec.fields.iter())
                .map(|field| (field.name.to_owned(), StoredType::of(field.shape)))
                .collect(),
            aliases: with_aliases
                .map(|field| (field.name.to_owned(), owned(field.aliases)))
                .collect(),
            indexes: told.map(|index| paths(spec, index)).collect(),
            readable_by: Some(spec.history.policy.readable_by)
                .filter(|version| (1..spec.schema_version).contains(version)),
            denies_unknown: spec.unknown == UnknownMembers::Deny,
            keeps_history: spec.keeps_history,
            adopts: spec.history.policy.adopt.is_some(),
        }
    }
}

impl UntypedFacts {
    /// What is known when another program of the same version says more: its own definitions, or rules that were switched on
    /// later. The stricter rule holds.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.indexes.extend(other.indexes.clone());
        both.aliases.extend(other.aliases.clone());
        both.denies_unknown |= other.denies_unknown;
        both.keeps_history |= other.keeps_history;
        both.adopts |= other.adopts;
        both.readable_by = self
            .readable_by
            .zip(other.readable_by)
            .map(|(one, two)| one.max(two));
        both
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn paths(spec: &DocumentSpec, index: &IndexSpec) -> (String, Vec<String>) {
    let components = index.components.iter();
    let fields = components
        .map(|component| component.field.to_owned())
        .collect();
    (definition::define(spec, index).name, fields)
}

impl PublishedSchema {
    /// One version of a type that a lock seals. The key is the same in all of them.
    #[must_use]
    pub fn of(spec: &DocumentSpec, sealed: &Sealed) -> Self {
        let field = |part: &Part| (part.name.clone(), part.ty.clone());
        Self {
            collection: spec.collection.to_owned(),
            version: sealed.version,
            digest: digest::hex(sealed.shape.digest()),
            key: spec.key_field.to_owned(),
            fields: sealed.shape.parts.iter().map(field).collect(),
            untyped: (sealed.version == spec.schema_version).then(|| UntypedFacts::of(spec)),
            unknown: BTreeMap::new(),
        }
    }

    /// The members beside the envelope, as JSON text.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let body = serde_json::to_vec(self).expect("a schema is JSON, and memory takes it");
        body.into()
    }

    /// The name of the object in which a program adds what the published version does not say of its type, without `.json`:
    /// `<version>-<first 8 hex digits of sha256 of the body>`.
    #[must_use]
    pub fn addition_name(&self) -> String {
        let hash = HEXLOWER.encode(&Sha256::digest(self.body()));
        format!("{}-{}", self.version, &hash[..8])
    }

    /// Whether a program of this version and shape says more than what is published.
    #[must_use]
    pub fn lacks(&self, own: &Self) -> bool {
        match (&self.untyped, &own.untyped) {
            (Some(published), Some(own)) => published.with(own) != *published,
            (None, own) => own.is_some(),
            (Some(_), None) => false,
        }
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
        envelope::open_as(bytes, "the published schema").map(|(_, members)| members)
    }
}
