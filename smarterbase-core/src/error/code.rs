//! The stable codes: one row each, with a page under `docs/errors/`.

use super::ErrorKind;

/// A stable error code and the kind that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    text: &'static str,
    kind: ErrorKind,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $kind:ident;)*) => {
        impl Code {
            $($(#[$doc])* pub const $name: Self = Self { text: $text, kind: ErrorKind::$kind };)*

            /// Every code there is, in the order of this file.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

codes! {
    /// No document has this id.
    NOT_FOUND = "SB-NOT-FOUND", NotFound;
    /// The document changed since it was read.
    REVISION = "SB-REVISION", Conflict;
    /// A document with this id exists.
    EXISTS = "SB-EXISTS", Conflict;
    /// An update or a transaction was run again too often, because others kept winning.
    CONTENTION = "SB-CONTENTION", Conflict;
    /// The lock could not be had before the deadline.
    LOCK_HELD = "SB-LOCK-HELD", Conflict;
    /// The lock moved on: another holder has it, or may have it.
    LOCK_LOST = "SB-LOCK-LOST", Conflict;
    /// Another document holds a unique value.
    UNIQUE = "SB-UNIQUE", Unique;
    /// The document breaks its own rules.
    INVALID = "SB-INVALID", Invalid;
    /// The id is empty, too long, or holds `..`.
    INVALID_ID = "SB-INVALID-ID", Invalid;
    /// The document is larger than the limit.
    TOO_LARGE = "SB-TOO-LARGE", Invalid;
    /// An idempotency key was used before, for a result of another shape.
    IDEMPOTENCY = "SB-IDEMPOTENCY", Invalid;
    /// A value cannot be indexed (not a number, infinite).
    INVALID_VALUE = "SB-INVALID-VALUE", Invalid;
    /// The cursor was not made by this database, or was changed.
    INVALID_CURSOR = "SB-INVALID-CURSOR", Invalid;
    /// The cursor belongs to another query or to an index definition that changed.
    STALE_CURSOR = "SB-STALE-CURSOR", Invalid;
    /// Stored bytes are not the JSON that the type says.
    CORRUPT = "SB-CORRUPT", Corrupt;
    /// The body's id is not the id of its path.
    CORRUPT_ID = "SB-CORRUPT-ID", Corrupt;
    /// A migration step failed on the document.
    MIGRATION = "SB-MIGRATION", Corrupt;
    /// The document was moved aside by an upgrade, since a migration step failed on it.
    QUARANTINED = "SB-QUARANTINED", Corrupt;
    /// The object was written in a newer format, or needs a feature that this build does not know.
    UNSUPPORTED_FORMAT = "SB-UNSUPPORTED-FORMAT", Unsupported;
    /// The document was written at another schema version.
    UNSUPPORTED_SCHEMA = "SB-UNSUPPORTED-SCHEMA", Unsupported;
    /// The store cannot do what was asked.
    UNSUPPORTED = "SB-UNSUPPORTED", Unsupported;
    /// The store did not answer; nothing was changed.
    UNAVAILABLE = "SB-UNAVAILABLE", Unavailable;
    /// No index that finds the documents can be used now, and the query must not scan.
    INDEX_UNAVAILABLE = "SB-INDEX-UNAVAILABLE", Unavailable;
    /// The store did not answer; the write may have happened.
    OUTCOME_UNKNOWN = "SB-OUTCOME-UNKNOWN", OutcomeUnknown;
    /// More results than one call may collect.
    TOO_MANY = "SB-TOO-MANY", Refused;
    /// A query would read, or a transaction would hold, more than its budget allows.
    BUDGET = "SB-BUDGET", Refused;
    /// Another document refers to this one and forbids that it is deleted.
    RESTRICTED = "SB-RESTRICTED", Refused;
    /// A change would move a counter past its bounds, or a sequence past its end.
    COUNTER_BOUNDS = "SB-COUNTER-BOUNDS", Refused;
    /// A batch was cancelled, or its writer dropped, before the item began. Nothing was changed by it.
    CANCELLED = "SB-CANCELLED", Refused;
    /// The database is closed, or closing.
    CLOSED = "SB-CLOSED", Refused;
    /// A `Tx` was used after its closure had ended.
    TRANSACTION_ENDED = "SB-TRANSACTION-ENDED", Refused;
    /// The database was opened read-only, or a snapshot tried to write.
    READ_ONLY = "SB-READ-ONLY", Refused;
    /// The store failed a check of the conformance probe, so it is open for reading only.
    PROBE_FAILED = "SB-PROBE-FAILED", Refused;
    /// A unique definition is not ready yet, or is unknown to this program.
    DEFINITION = "SB-DEFINITION", Refused;
    /// The disk is full, or a quota is used up. Nothing was changed.
    FULL = "SB-FULL", Refused;
    /// The store refused the credentials or the permission.
    DENIED = "SB-DENIED", Denied;
    /// The URL or a setting is wrong.
    MISCONFIGURED = "SB-MISCONFIGURED", Misconfigured;
    /// The bucket or folder does not exist.
    NO_SUCH_STORE = "SB-NO-SUCH-STORE", Misconfigured;
    /// An index backend that the catalog names is not registered.
    NO_SUCH_BACKEND = "SB-NO-SUCH-BACKEND", Misconfigured;
    /// The type and the catalog disagree about something that cannot change (shards, key kind).
    DRIFT = "SB-DRIFT", Misconfigured;
    /// The program's version of a schema is not the one that the store knows, or is not sealed where it must be.
    SCHEMA_DRIFT = "SB-SCHEMA-DRIFT", Misconfigured;
    /// The application gave up.
    ABORTED = "SB-ABORTED", Aborted;
}

impl Code {
    /// The text of the code, `SB-…`.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.text
    }

    /// The kind that the code belongs to.
    #[must_use]
    pub const fn kind(self) -> ErrorKind {
        self.kind
    }
}
