//! The kinds of error: each says what the caller can do.

/// What the caller can do about an [`Error`](super::Error).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No document with this id. Nothing to retry.
    NotFound,
    /// The document changed since it was read, or one with this id exists. Nothing was written. Read again and decide.
    Conflict,
    /// A unique value is held by another document. Nothing was written. Choose another value.
    Unique,
    /// A rule on the document or an argument failed. Nothing was written. Correct it; `violations()` lists every one.
    Invalid,
    /// Stored bytes cannot be understood. Do not retry; run `verify`.
    Corrupt,
    /// A newer format or schema is stored, or a feature that this build does not have. Deploy the newer program.
    Unsupported,
    /// A service did not answer, and nothing was changed. Retry with backoff.
    Unavailable,
    /// A service did not answer, and the write may have happened. Read before retrying.
    OutcomeUnknown,
    /// A budget or a guard refused. Narrow the request or raise the limit.
    Refused,
    /// Credentials or permissions do not allow this. Fix access.
    Denied,
    /// The database was configured wrongly. Fix and restart.
    Misconfigured,
    /// The application gave up with [`Error::abort`](super::Error::abort). Nothing was written.
    Aborted,
}

impl ErrorKind {
    /// Whether doing the same again, later, can succeed without anything else changing.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Unavailable)
    }
}
