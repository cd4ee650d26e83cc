//! What a document must be like: comparisons and closures, joined by and, or, not.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{comparison::Comparison, range::IndexRange};
use crate::{document::Document, error::Result};

/// A closure that a document must pass.
pub(crate) type Closure<'a, T> = Arc<dyn Fn(&T) -> bool + Send + Sync + 'a>;

/// What a document must be like. Always checked on the document; an index only finds candidates.
pub(crate) enum Condition<'a, T> {
    /// Every document.
    All,
    /// A value of one definition lies in a range: what finders ask for.
    Entries(IndexRange),
    /// A field compared with something.
    Compare(Comparison<T>),
    /// A closure, which no index knows.
    Passes(Closure<'a, T>),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
}

impl<'a, T: Document> Condition<'a, T> {
    pub(crate) fn holds(&self, document: &T) -> Result<bool> {
        match self {
            Self::All => Ok(true),
            Self::Entries(range) => Ok(range.first_value(document, false)?.is_some()),
            Self::Compare(comparison) => comparison.holds(document),
            Self::Passes(test) => Ok(test(document)),
            Self::And(parts) => all(parts, document, true),
            Self::Or(parts) => Ok(!all(parts, document, false)?),
            Self::Not(part) => Ok(!part.holds(document)?),
        }
    }
}

/// Whether every part gives `wanted`.
fn all<T: Document>(parts: &[Condition<'_, T>], document: &T, wanted: bool) -> Result<bool> {
    for part in parts {
        if part.holds(document)? != wanted {
            return Ok(false);
        }
    }
    Ok(true)
}

impl<'a, T> Condition<'a, T> {
    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, other) | (other, Self::All) => other,
            (Self::And(mut parts), Self::And(more)) => {
                parts.extend(more);
                Self::And(parts)
            }
            (Self::And(mut parts), other) => {
                parts.push(other);
                Self::And(parts)
            }
            (first, Self::And(more)) => Self::And(std::iter::once(first).chain(more).collect()),
            (first, second) => Self::And(vec![first, second]),
        }
    }

    /// At least one.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Or(mut parts), Self::Or(more)) => {
                parts.extend(more);
                Self::Or(parts)
            }
            (Self::Or(mut parts), other) => {
                parts.push(other);
                Self::Or(parts)
            }
            (first, second) => Self::Or(vec![first, second]),
        }
    }

    /// The parts of which all must hold.
    pub(crate) fn parts(&self) -> &[Self] {
        match self {
            Self::And(parts) => parts,
            one => std::slice::from_ref(one),
        }
    }

    /// Whether every document meets it.
    pub(crate) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// Cursors of another condition do not fit. A closure cannot be told from another one.
    pub(crate) fn hash_into(&self, hash: &mut Sha256) {
        let (name, parts): (&[u8], &[Self]) = match self {
            Self::All => (b"all", &[]),
            Self::Entries(range) => {
                range.hash_into(hash);
                (b"entries", &[])
            }
            Self::Compare(comparison) => {
                comparison.hash_into(hash);
                (b"compare", &[])
            }
            Self::Passes(_) => (b"passes", &[]),
            Self::And(parts) => (b"and", parts),
            Self::Or(parts) => (b"or", parts),
            Self::Not(part) => (b"not", std::slice::from_ref(&**part)),
        };
        hash.update(name);
        hash.update((parts.len() as u64).to_be_bytes());
        for part in parts {
            part.hash_into(hash);
        }
    }

    /// As in explanations: fields and kinds of tests, never a value.
    pub(crate) fn describe(&self) -> String {
        let joined = |parts: &[Self], by: &str| {
            let parts: Vec<_> = parts.iter().map(Self::describe).collect();
            format!("({})", parts.join(by))
        };
        match self {
            Self::All => "everything".to_owned(),
            Self::Entries(range) => range.describe(),
            Self::Compare(comparison) => comparison.describe(),
            Self::Passes(_) => "a closure".to_owned(),
            Self::And(parts) => joined(parts, " and "),
            Self::Or(parts) => joined(parts, " or "),
            Self::Not(part) => format!("not {}", part.describe()),
        }
    }
}
