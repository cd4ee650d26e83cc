//! The decoder of intents: pending writes of transactions inside a document.

use crate::format::Nonce;

/// A pending write of a transaction (storage-protocol §2.3). This build reads it to refuse the document politely.
#[derive(Clone, Debug, PartialEq)]
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
