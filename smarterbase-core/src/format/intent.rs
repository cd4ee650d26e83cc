//! The decoder of intents: pending writes of transactions inside a document.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::format::Nonce;

/// A pending write of a transaction (storage-protocol §2.3). This build reads it to refuse the document politely.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Intent {
    /// The transaction attempt, `<id>.<attempt>`.
    pub transaction: String,
    /// The write that would follow.
    pub write: Nonce,
    /// The revision that it would have.
    pub rev: u64,
    /// The JSON text of the whole intent, as stored.
    pub text: String,
}

/// The members that this build reads; `home`, `op`, `members`, `priority`, `index`, `unique` and `body` or `ref` stay in
/// the text.
#[derive(Deserialize)]
struct Members {
    transaction: String,
    write: Nonce,
    rev: u64,
}

impl Intent {
    /// Reads the JSON text of an intent.
    pub(crate) fn read(text: &RawValue) -> serde_json::Result<Self> {
        let members: Members = serde_json::from_str(text.get())?;
        Ok(Self {
            transaction: members.transaction,
            write: members.write,
            rev: members.rev,
            text: text.get().to_owned(),
        })
    }
}
