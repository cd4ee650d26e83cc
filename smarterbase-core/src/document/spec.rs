//! The static facts of a document type: plain data that the derive emits.

use std::time::Duration;

use smarterbase_schema::{Lock, Sealed};

use super::{
    field::Shape, id::KeyKind, index_value::Encoding, policy::Policy, reference::ReferenceSpec,
};
use crate::migration::Migration;

/// Everything the engine knows about a type without an instance of it.
#[derive(Debug)]
pub struct DocumentSpec {
    /// The Rust name of the type, for messages.
    pub type_name: &'static str,
    /// The stored name of the collection, `[a-z][a-z0-9-]*`.
    pub collection: &'static str,
    /// The version of the type's shape, from 1.
    pub schema_version: u32,
    /// 1, or 16 for `<collection>/<x>/<id>.json`.
    pub shards: u8,
    /// The stored name of the key field.
    pub key_field: &'static str,
    /// How the key is written in paths.
    pub key_kind: KeyKind,
    /// The stored fields, in declaration order.
    pub fields: &'static [FieldSpec],
    /// The names of the values that a method of the type computes, in the order of [`Document::computed`](super::Document::computed).
    pub computed: &'static [&'static str],
    /// The index and unique definitions. The position is the definition's ordinal in this build; it is never stored.
    pub indexes: &'static [IndexSpec],
    /// The fields that hold the keys of other documents.
    pub references: &'static [ReferenceSpec],
    /// What happens to members of the stored JSON that the type does not have.
    pub unknown: UnknownMembers,
    /// Whether every version that is replaced is kept: see [`KeepsHistory`](super::KeepsHistory).
    pub keeps_history: bool,
    /// How documents of older versions become documents of this one.
    pub history: History,
}

impl DocumentSpec {
    /// The ordinals of the TTL indexes, and how long documents last by each.
    pub(crate) fn ttls(&self) -> impl Iterator<Item = (u16, Duration)> {
        let indexes = (0_u16..).zip(self.indexes);
        indexes.filter_map(|(ordinal, index)| Some((ordinal, index.ttl?)))
    }

    /// Whether there is a TTL index.
    pub(crate) const fn has_ttl(&self) -> bool {
        let mut rest = self.indexes;
        while let [index, others @ ..] = rest {
            if index.ttl.is_some() {
                return true;
            }
            rest = others;
        }
        false
    }

    /// What goes without saying, so that the derive need not say it.
    #[doc(hidden)]
    pub const PLAIN: Self = Self {
        type_name: "",
        collection: "",
        schema_version: 1,
        shards: 1,
        key_field: "",
        key_kind: KeyKind::Text,
        fields: &[],
        computed: &[],
        indexes: &[],
        references: &[],
        unknown: UnknownMembers::Keep,
        keeps_history: false,
        history: History::none(1),
    };
}

/// Where a type comes from: the steps from older versions.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// The lowest version that can still be read.
    pub readable_from: u32,
    /// The steps from the version before, for each version from `readable_from` on.
    pub migrations: &'static [Migration],
    /// The rules about versions other than today's.
    pub policy: Policy,
}

impl History {
    /// The history of a type at version 1, or of one whose older documents are not read.
    #[must_use]
    pub const fn none(version: u32) -> Self {
        Self {
            readable_from: version,
            migrations: &[],
            policy: Policy::DEFAULT,
        }
    }

    /// Every version that the lock seals and that is still read, ascending.
    ///
    /// # Panics
    /// The lock is none. A derive that gave it has read it.
    #[must_use]
    pub fn sealed(&self) -> Vec<Sealed> {
        if self.policy.lock.is_empty() {
            return Vec::new();
        }
        let text = std::str::from_utf8(self.policy.lock).expect("a lock is text");
        let mut lock = Lock::parse(text).expect("the derive has read the lock");
        lock.versions
            .retain(|sealed| sealed.version >= self.readable_from);
        lock.versions
    }

    /// The same history under other rules.
    #[must_use]
    pub const fn with(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// Whether an older version had a member of this name that a step took away (rule S28).
    #[must_use]
    pub fn retired(&self, name: &str) -> bool {
        self.migrations
            .iter()
            .flat_map(|migration| migration.steps)
            .any(|step| step.retires(name))
    }
}

/// One stored field.
#[derive(Debug)]
pub struct FieldSpec {
    /// The stored name.
    pub name: &'static str,
    /// Other names that are read (serde's `alias`).
    pub aliases: &'static [&'static str],
    /// What the stored value looks like.
    pub shape: &'static Shape,
}

/// One index or unique definition.
#[derive(Debug)]
pub struct IndexSpec {
    /// The name without the hash, `plan` or `by-org-date`: `[a-z][a-z0-9-]*`.
    pub name: &'static str,
    /// Whether values are claimed or only indexed.
    pub kind: IndexKind,
    /// One entry for each element of a list.
    pub each: bool,
    /// Whether ranges may be asked for. Not part of the stored definition: the entries are the same.
    pub range: bool,
    /// Of a TTL index, how long after the moment in its only component a document is past its time and may be deleted. Not part
    /// of the stored definition either.
    pub ttl: Option<Duration>,
    /// One to four components, in order. For a scoped unique definition the scope comes first.
    pub components: &'static [ComponentSpec],
    /// Which documents have entries or claims; `None`: all.
    pub predicate: Option<PredicateSpec>,
}

impl IndexSpec {
    /// What goes without saying of an index, for the derive.
    #[doc(hidden)]
    pub const INDEX: Self = Self {
        name: "",
        kind: IndexKind::Index,
        each: false,
        range: false,
        ttl: None,
        components: &[],
        predicate: None,
    };

    /// The same of a unique value.
    #[doc(hidden)]
    pub const UNIQUE: Self = Self {
        kind: IndexKind::Unique,
        ..Self::INDEX
    };

    /// Whether some documents have neither entries nor claims, so that only who asks for this definition may use it.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.predicate.is_some()
    }

    /// Whether the type's own code decides what the values are: JSON alone does not tell them.
    #[must_use]
    pub fn runs_code(&self) -> bool {
        self.is_partial()
            || self
                .components
                .iter()
                .any(|component| component.computed.is_some())
    }
}

/// The function that says which documents a definition holds: `where = is_active`.
#[derive(Debug)]
pub struct PredicateSpec {
    /// The last segment of its path.
    pub function: &'static str,
    /// Raised by whoever changes what the function says.
    pub revision: u32,
    /// The last schema version whose steps made values of any field, since the function may read every one.
    pub touched: u32,
}

/// One component of a definition.
#[derive(Debug)]
pub struct ComponentSpec {
    /// The stored name of the field; for a nested path the names joined by `.`; the name of a computed value.
    pub field: &'static str,
    /// The stored name that the field had when the definition was made. A rename that keeps the values keeps the definition
    /// (rule S11).
    pub origin: &'static str,
    /// The last schema version whose steps made values of the field; 1 when none did.
    pub touched: u32,
    /// How the value is encoded.
    pub encoding: Encoding,
    /// The version of the pinned lower-case table that folds the value, if any.
    pub lower: Option<u8>,
    /// Of a computed value, the revision of the method that gives it.
    pub computed: Option<u32>,
}

/// What a definition is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    /// Entries that find documents.
    Index,
    /// Claims: at most one live document holds a value.
    Unique,
}

/// What happens to members of the stored JSON that the type does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownMembers {
    /// They are kept across a save.
    Keep,
    /// They are gone after the next save.
    Drop,
    /// Reading such a document is an error.
    Deny,
}
