//! Records: how an attempt of a transaction ended. Written once; the first one holds.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Envelope, Key, Nonce, envelope, intent::Attempt};
use crate::error::{Code, Error, Result};

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// Every intent of it holds.
    Committed,
    /// No intent of it holds.
    Aborted,
}

/// The record of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// The attempt that it decides.
    pub transaction: Attempt,
    /// How it ended.
    pub decision: Decision,
    /// Every object that bears, or bore, an intent of it. Known for a committed attempt only.
    pub objects: Vec<Key>,
    /// The large bodies that its intents refer to.
    pub staged: Vec<Key>,
}

/// The members beside the envelope.
#[derive(Serialize, Deserialize)]
struct Members {
    transaction: String,
    decision: Decision,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    objects: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    staged: Vec<String>,
}

impl Record {
    /// The record of an attempt that is given up, or that is in somebody's way.
    #[must_use]
    pub fn aborted(transaction: Attempt) -> Self {
        Self {
            transaction,
            decision: Decision::Aborted,
            objects: Vec::new(),
            staged: Vec::new(),
        }
    }

    /// The bytes: `{"_sb":{…},"transaction":"…","decision":"committed","objects":["users/….json"]}`.
    #[must_use]
    pub fn seal(&self, put: Nonce) -> Bytes {
        let texts = |keys: &[Key]| keys.iter().map(|key| key.as_str().to_owned()).collect();
        let members = Members {
            transaction: self.transaction.as_str().to_owned(),
            decision: self.decision,
            objects: texts(&self.objects),
            staged: texts(&self.staged),
        };
        let body = serde_json::to_vec(&members).expect("a record is JSON, and memory takes it");
        Envelope::first(put).seal(&body)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<Self> {
        let (_, members): (_, Members) = envelope::open_as(bytes, "the transaction's record")?;
        let transaction = Attempt::parse(&members.transaction).ok_or_else(|| {
            Error::new(Code::CORRUPT, "the record names no transaction's attempt")
        })?;
        let keys = |texts: Vec<String>| texts.into_iter().map(Key::from_stored).collect();
        Ok(Self {
            transaction,
            decision: members.decision,
            objects: keys(members.objects),
            staged: keys(members.staged),
        })
    }
}
