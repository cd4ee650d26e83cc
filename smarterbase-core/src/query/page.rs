//! Pages of results and the cursors between them.

use crate::document::Stored;

/// One page of results. Short only at the end.
#[derive(Debug)]
pub struct Page<T> {
    /// The documents, in order.
    pub items: Vec<Stored<T>>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// Where a walk goes on: sealed text that may be handed to clients. It belongs to one query on one database, and is
/// refused after the index's definition changed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor that came back from a client. It is checked when it is used.
    #[must_use]
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text: base64url, a few hundred characters at most.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cursor({} characters)", self.0.len())
    }
}
impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl From<&str> for Cursor {
    fn from(text: &str) -> Self {
        Self::from_text(text)
    }
}
impl From<String> for Cursor {
    fn from(text: String) -> Self {
        Self(text)
    }
}
