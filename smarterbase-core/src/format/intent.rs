//! Intents: pending writes of transactions inside an object.

use std::{borrow::Cow, collections::BTreeMap};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    Envelope, Key, Nonce,
    envelope::{BodyShape, State},
};
use crate::{document::Timestamp, error::Result, format::json};

/// A pending write of a transaction. The object's own members are still the committed ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Intent {
    /// The transaction attempt, `<id>.<attempt>`.
    pub transaction: Attempt,
    /// Where it is decided.
    pub home: Home,
    /// What it does to the object.
    pub operation: Operation,
    /// The revision that would follow.
    pub rev: u64,
    /// The write that would follow.
    pub write: Nonce,
    /// How many objects take part.
    pub members: u32,
    /// Who goes first.
    pub priority: Priority,
    /// The JSON text of the whole intent, as stored.
    text: String,
}

/// One attempt of a transaction: `<id>.<attempt>`, of `a-z 0-9` and the point. Names its record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Attempt(String);

/// Where an intent is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Home {
    /// By the record of the attempt.
    Record,
    /// By the object itself: its next version is the intent's (committed) or not.
    #[serde(rename = "self")]
    Own,
}

/// What an intent does to its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// A new version.
    Put,
    /// A tombstone.
    Delete,
    /// The same version under a new physical nonce: keeps writers out that saw the one before.
    Touch,
    /// The same version: keeps writers out while the transaction is undecided.
    Lock,
}

/// Who goes first: the one that began earlier. Stays the same in every attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Priority(
    /// Milliseconds of its beginning, by the wall clock of its process: only fairness depends on it.
    pub u64,
    /// A random text, against ties.
    pub String,
);

impl Priority {
    /// After everybody: of who takes no part in who goes first.
    #[must_use]
    pub fn last() -> Self {
        Self(u64::MAX, String::new())
    }
}

/// The version that an intent writes when it is committed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pending {
    /// Live or deleted.
    pub state: State,
    /// Its revision.
    pub rev: u64,
    /// Its write id.
    pub write: Nonce,
    /// The schema version of its body.
    pub schema: u32,
    /// What its body looks like, besides the version.
    pub shape: BodyShape,
    /// As in the envelope.
    pub created: Option<Timestamp>,
    /// As in the envelope.
    pub updated: Option<Timestamp>,
    /// The revision of the catalog that the write used.
    pub catalog: u64,
    /// As in the envelope.
    pub index: BTreeMap<String, Vec<String>>,
    /// As in the envelope.
    pub unique: BTreeMap<String, String>,
    /// Its members.
    pub content: Content,
}

/// Where the members of a pending version are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Content {
    /// In the intent: the JSON text of an object.
    Here(Bytes),
    /// In an object of its own, since they are large.
    Staged(Staged),
}

/// A pending body in an object of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Staged {
    /// Its path, below `_stage/`.
    pub key: Key,
    /// sha256 of its bytes in hex.
    pub sha256: String,
}

/// The members in the order in which they are written.
#[derive(Serialize, Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    transaction: Cow<'a, str>,
    home: Home,
    op: Operation,
    rev: u64,
    write: Nonce,
    members: u32,
    priority: Priority,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<u32>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    seal: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    embedded: BTreeMap<String, u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    readable_by: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    updated: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    catalog: Option<u64>,
    #[serde(default)]
    index: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    unique: BTreeMap<String, String>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    staged: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<Cow<'a, str>>,
}

/// Who writes an intent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Author {
    /// The attempt.
    pub transaction: Attempt,
    /// Where it is decided.
    pub home: Home,
    /// How many objects take part.
    pub members: u32,
    /// Who goes first.
    pub priority: Priority,
}

impl Attempt {
    /// Attempt `number` (from 0) of the transaction with this id.
    #[must_use]
    pub fn new(transaction: Nonce, number: u32) -> Self {
        Self(format!("{transaction}.{number}"))
    }

    /// Reads an attempt; `None` unless it is made of `a-z 0-9` and points.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.');
        let is_attempt = text.bytes().all(is_plain) && !text.is_empty() && !text.contains("..");
        is_attempt.then(|| Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The transaction's id, without the number of the attempt.
    #[must_use]
    pub fn transaction(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(id, _)| id)
    }
}

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pending {
    /// The envelope of the version, following `base`.
    #[must_use]
    pub fn envelope(&self, base: &Envelope, put: Nonce) -> Envelope {
        Envelope {
            put,
            needs: Vec::new(),
            schema: self.schema,
            shape: self.shape.clone(),
            state: self.state,
            rev: self.rev,
            write: self.write,
            rewrite: false,
            prev: base.lineage(),
            created: self.created,
            updated: self.updated,
            catalog: self.catalog,
            index: self.index.clone(),
            unique: self.unique.clone(),
            intent: None,
            ..base.clone()
        }
    }
}

impl Intent {
    /// An intent to write `pending`.
    #[must_use]
    pub fn write(author: &Author, pending: &Pending) -> Self {
        let operation = match pending.state {
            State::Deleted => Operation::Delete,
            State::Live | State::Stub => Operation::Put,
        };
        let (body, staged) = match &pending.content {
            Content::Here(body) => (Some(raw(body)), None),
            Content::Staged(staged) => (None, Some(staged)),
        };
        let members = Members {
            schema: Some(pending.schema),
            seal: pending.shape.seal_text().map(Cow::Owned),
            embedded: pending.shape.embedded.0.clone(),
            readable_by: pending.shape.readable_by,
            created: pending.created,
            updated: pending.updated,
            catalog: Some(pending.catalog),
            index: pending.index.clone(),
            unique: pending.unique.clone(),
            body,
            staged: staged.map(|staged| staged.key.as_str().into()),
            sha256: staged.map(|staged| staged.sha256.as_str().into()),
            ..bare(author, operation, pending.rev, pending.write)
        };
        Self::sealed(author, members)
    }

    /// An intent to touch or to lock the version at `rev`.
    #[must_use]
    pub fn hold(author: &Author, operation: Operation, rev: u64, write: Nonce) -> Self {
        Self::sealed(author, bare(author, operation, rev, write))
    }

    fn sealed(author: &Author, members: Members<'_>) -> Self {
        let text = serde_json::to_string(&members).expect("an intent is JSON, and memory takes it");
        Self {
            transaction: author.transaction.clone(),
            home: members.home,
            operation: members.op,
            rev: members.rev,
            write: members.write,
            members: members.members,
            priority: members.priority,
            text,
        }
    }

    /// Reads the JSON text of an intent.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(text: &RawValue) -> serde_json::Result<Self> {
        let members: Members<'_> = serde_json::from_str(text.get())?;
        let transaction = Attempt::parse(&members.transaction)
            .ok_or_else(|| serde::de::Error::custom("not a transaction's attempt"))?;
        if members.priority.1.len() > LONGEST_TEXT || members.transaction.len() > LONGEST_TEXT {
            return Err(serde::de::Error::custom("a name of the intent is too long"));
        }
        Ok(Self {
            transaction,
            home: members.home,
            operation: members.op,
            rev: members.rev,
            write: members.write,
            members: members.members,
            priority: members.priority,
            text: text.get().to_owned(),
        })
    }

    /// The JSON text, as stored.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it changes the committed version when it is committed.
    #[must_use]
    pub fn writes(&self) -> bool {
        matches!(self.operation, Operation::Put | Operation::Delete)
    }

    /// Whether its version lists the tag for the index definition.
    #[must_use]
    pub fn lists(&self, definition: &str, tag: &str) -> bool {
        let members = serde_json::from_str::<Members<'_>>(&self.text);
        members.is_ok_and(|members| {
            let tags = members.index.get(definition);
            tags.is_some_and(|tags| tags.iter().any(|listed| listed == tag))
        })
    }

    /// The version that follows `base` when the intent is committed; `None` when it is a touch or a lock.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): it has no body.
    pub fn pending(&self, base: &Envelope) -> Result<Option<Pending>> {
        let state = match self.operation {
            Operation::Put => State::Live,
            Operation::Delete => State::Deleted,
            Operation::Touch | Operation::Lock => return Ok(None),
        };
        let corrupt = |error| json::corrupt("the intent", &error);
        let members: Members<'_> = serde_json::from_str(&self.text).map_err(corrupt)?;
        let content = content(&members).map_err(corrupt)?;
        Ok(Some(Pending {
            state,
            rev: self.rev,
            write: self.write,
            schema: members.schema.unwrap_or(base.schema),
            // An intent without a version has the body of a program that thought as the base's writer did.
            shape: match members.schema {
                Some(_) => BodyShape::read(
                    members.seal.as_deref(),
                    members.embedded,
                    members.readable_by,
                ),
                None => base.shape.clone(),
            },
            created: members.created.or(base.created),
            updated: members.updated,
            catalog: members.catalog.unwrap_or(base.catalog),
            index: members.index,
            unique: members.unique,
            content,
        }))
    }
}

/// Names in an intent are not longer than this.
const LONGEST_TEXT: usize = 64;

/// The members that every intent has.
fn bare(author: &Author, op: Operation, rev: u64, write: Nonce) -> Members<'_> {
    Members {
        transaction: author.transaction.as_str().into(),
        home: author.home,
        op,
        rev,
        write,
        members: author.members,
        priority: author.priority.clone(),
        schema: None,
        seal: None,
        embedded: BTreeMap::new(),
        readable_by: None,
        created: None,
        updated: None,
        catalog: None,
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        body: None,
        staged: None,
        sha256: None,
    }
}

fn content(members: &Members<'_>) -> serde_json::Result<Content> {
    let none = || serde::de::Error::custom("no body");
    match (members.body, &members.staged, &members.sha256) {
        (Some(body), None, _) if body.get().starts_with('{') => {
            Ok(Content::Here(Bytes::copy_from_slice(body.get().as_bytes())))
        }
        (None, Some(path), Some(sha256)) if super::path::is_staged(path) => {
            Ok(Content::Staged(Staged {
                key: Key::from_stored(path.as_ref()),
                sha256: sha256.clone().into_owned(),
            }))
        }
        _ => Err(none()),
    }
}

fn raw(body: &[u8]) -> &RawValue {
    serde_json::from_slice(body).expect("a body is the text of a JSON object")
}
