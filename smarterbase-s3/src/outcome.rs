//! What a reply of the service means: one table, from (status, code) to a [`Verdict`], and what each operation makes of it.
//!
//! Sources: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>,
//! <https://cloud.google.com/storage/docs/xml-api/reference-status>,
//! <https://learn.microsoft.com/en-us/rest/api/storageservices/blob-service-error-codes>,
//! <https://developers.cloudflare.com/r2/api/error-codes/>.

use http::StatusCode;
use object_store::client::{HttpError, HttpErrorKind};
use smarterbase_core::port::{Attempt, StoreError, StoreErrorKind};

use crate::exchange::{Exchange, Reply, innermost};

use StoreErrorKind::{
    Denied, Full, Invalid, NoSuchStore, Throttled, Timeout, Unavailable, Unsupported,
};
use Verdict::{Missing, Refused, Rejected, Unchanged, Unknown};

/// What a reply means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The state is not the expected one, or another writer is at work: look.
    Rejected,
    /// There is no such object. (A missing bucket is [`Refused`] with [`NoSuchStore`].)
    Missing,
    /// 304.
    Unchanged,
    /// It was not done and asking again is pointless.
    Refused(StoreErrorKind),
    /// It may have been done, or may be done later.
    Unknown(StoreErrorKind),
}

/// Codes say more than statuses, so they are looked up first. Codes of different services do not collide.
const CODES: &[(&str, Verdict)] = &[
    // The bucket or the container.
    ("NoSuchBucket", Refused(NoSuchStore)),
    ("ContainerNotFound", Refused(NoSuchStore)),
    ("ContainerBeingDeleted", Refused(NoSuchStore)),
    ("ResourceContainerNotFound", Refused(NoSuchStore)),
    // A wrong region: the bucket is elsewhere.
    ("PermanentRedirect", Refused(NoSuchStore)),
    ("AuthorizationHeaderMalformed", Refused(Denied)),
    // The condition.
    ("ConditionalRequestConflict", Rejected),
    ("OperationAborted", Rejected),
    ("PreconditionFailed", Rejected),
    ("ConditionNotMet", Rejected),
    ("TargetConditionNotMet", Rejected),
    ("BlobAlreadyExists", Rejected),
    ("NoSuchKey", Missing),
    ("BlobNotFound", Missing),
    // Credentials that ran out come as 400.
    ("ExpiredToken", Refused(Denied)),
    ("InvalidToken", Refused(Denied)),
    ("TokenRefreshRequired", Refused(Denied)),
    ("BlobImmutableDueToPolicy", Refused(Denied)),
    // A lease or a lock of somebody else.
    ("LeaseIdMissing", Refused(Denied)),
    ("ObjectLockedByBucketPolicy", Refused(Denied)),
    // Space.
    ("QuotaExceeded", Refused(Full)),
    ("XMinioStorageFull", Refused(Full)),
    ("InsufficientCapacity", Refused(Full)),
    // Load.
    ("SlowDown", Unknown(Throttled)),
    ("ServerBusy", Unknown(Throttled)),
    ("TooManyRequests", Unknown(Throttled)),
    ("RequestLimitExceeded", Unknown(Throttled)),
    // Time. AWS answers 400 when the body did not arrive in time.
    ("RequestTimeout", Unknown(Timeout)),
    ("OperationTimedOut", Unknown(Timeout)),
    ("InternalError", Unknown(Unavailable)),
    // A store without conditional writes.
    ("NotImplemented", Refused(Unsupported)),
];

/// What a status means when the code is unknown. Whatever is not listed may have been carried out.
fn of_status(status: StatusCode) -> Verdict {
    match status.as_u16() {
        301 | 302 | 307 | 308 => Refused(NoSuchStore),
        304 => Unchanged,
        400 | 411 | 413 | 414 | 415 | 416 | 422 | 431 => Refused(Invalid),
        401 | 403 => Refused(Denied),
        404 => Missing,
        405 | 501 => Refused(Unsupported),
        408 | 504 => Unknown(Timeout),
        409 | 412 => Rejected,
        429 | 503 => Unknown(Throttled),
        507 => Refused(Full),
        _ => Unknown(Unavailable),
    }
}

/// What `status` with `code` means.
pub(crate) fn of_reply(status: StatusCode, code: Option<&str>) -> Verdict {
    let by_code = CODES.iter().find(|(known, _)| Some(*known) == code);
    by_code.map_or_else(|| of_status(status), |(_, verdict)| *verdict)
}

fn of_transport(kind: HttpErrorKind) -> Verdict {
    match kind {
        HttpErrorKind::Timeout => Unknown(Timeout),
        _ => Unknown(Unavailable),
    }
}

/// What was asked for, in words for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Get,
    Create,
    Update,
    DeleteIf,
    DeleteRetired,
    List,
}

impl Operation {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Create | Self::Update => "put",
            Self::DeleteIf | Self::DeleteRetired => "delete",
            Self::List => "list",
        }
    }

    /// Whether [`Exchange::is_sent`] is known: `object_store` has no options for a delete to carry the mark.
    fn is_marked(self) -> bool {
        self != Self::DeleteRetired
    }
}

/// A call that failed: what it was about, and what it met.
pub(crate) struct Failure<'a> {
    pub(crate) operation: Operation,
    /// The key or the prefix.
    pub(crate) path: &'a str,
    pub(crate) exchange: &'a Exchange,
    /// Only its type is used: the text can hold URLs.
    pub(crate) error: Option<&'a (dyn std::error::Error + 'static)>,
}

impl Failure<'_> {
    /// What the failure means, before the operation is looked at.
    fn verdict(&self) -> Verdict {
        if self.is_before_the_store() {
            return self.verdict_before_the_store();
        }
        match &self.exchange.reply {
            Reply::NoRequest => self.verdict_before_the_store(),
            Reply::NoAnswer { kind, .. } => of_transport(*kind),
            // The reply began well, but could not be read to its end or lacks what it must have.
            Reply::Status { status, .. } if status.is_success() => self
                .transport_error()
                .map_or(Unknown(Unavailable), |error| of_transport(error.kind())),
            Reply::Status { status, code } => of_reply(*status, code.as_deref()),
        }
    }

    fn is_before_the_store(&self) -> bool {
        self.operation.is_marked() && !self.exchange.is_sent
    }

    /// No request to the store was made. What failed is the way to credentials, or the request itself.
    fn verdict_before_the_store(&self) -> Verdict {
        use object_store::Error;
        match &self.exchange.reply {
            Reply::Status { status, .. } if status.is_client_error() => Refused(Denied),
            Reply::Status { .. } | Reply::NoAnswer { .. } => Unknown(Unavailable),
            Reply::NoRequest => match self.error.and_then(|error| error.downcast_ref::<Error>()) {
                Some(Error::NotSupported { .. } | Error::NotImplemented { .. }) => {
                    Refused(Unsupported)
                }
                Some(Error::InvalidPath { .. }) => Refused(Invalid),
                _ => Refused(Denied),
            },
        }
    }

    fn transport_error(&self) -> Option<&HttpError> {
        let mut error = self.error;
        while let Some(inner) = error {
            if let Some(found) = inner.downcast_ref::<HttpError>() {
                return Some(found);
            }
            error = inner.source();
        }
        None
    }

    /// The failure as an error of this kind.
    fn into_error(self, kind: StoreErrorKind) -> StoreError {
        let operation = self.operation.as_str();
        let what = self.description(kind);
        StoreError::new(kind, format!("{operation} {}: {what}", self.path))
    }

    fn description(&self, kind: StoreErrorKind) -> String {
        let hint = hint(kind, &self.exchange.reply);
        let reply = match &self.exchange.reply {
            Reply::NoRequest if kind == Denied => "no usable credentials".to_owned(),
            Reply::NoRequest => "the request cannot be made".to_owned(),
            Reply::NoAnswer { cause, kind } => format!("no answer ({}: {cause})", in_words(*kind)),
            Reply::Status { status, .. } if status.is_success() => {
                let cause = self.transport_error().map(|error| innermost(error));
                let cause = cause.unwrap_or_else(|| "it lacks what was expected".to_owned());
                format!("the answer cannot be used ({cause})")
            }
            Reply::Status { status, code } => {
                let code = code.as_deref().map(|code| format!(" {code}"));
                format!("HTTP {}{}", status.as_u16(), code.unwrap_or_default())
            }
        };
        match self.is_before_the_store() {
            true if self.exchange.reply != Reply::NoRequest => {
                format!("cannot get credentials: {reply}{hint}")
            }
            _ => format!("{reply}{hint}"),
        }
    }

    /// What one attempt to write did.
    pub(crate) fn into_attempt(self) -> Attempt {
        match self.verdict() {
            // A create names no object that could be missing: only the bucket can be.
            Missing if self.operation == Operation::Create => {
                Attempt::Refused(self.into_error(NoSuchStore))
            }
            Missing | Rejected | Unchanged => Attempt::Rejected,
            Refused(kind) => Attempt::Refused(self.into_error(kind)),
            Unknown(kind) => Attempt::Unknown(self.into_error(kind)),
        }
    }

    /// What a read or a plain delete found, if the failure is an answer.
    ///
    /// # Errors
    /// The failure, if it is none.
    pub(crate) fn into_answer(self) -> Result<Answer, StoreError> {
        match self.verdict() {
            // A list names no object that could be missing: only the bucket can be.
            Missing if self.operation == Operation::List => Err(self.into_error(NoSuchStore)),
            Missing => Ok(Answer::Missing),
            Unchanged => Ok(Answer::Unchanged),
            Rejected => Err(self.into_error(Unavailable)),
            Refused(kind) | Unknown(kind) => Err(self.into_error(kind)),
        }
    }
}

/// A failure that is an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There is no such object.
    Missing,
    /// The object is still at the version that was sent.
    Unchanged,
}

fn in_words(kind: HttpErrorKind) -> &'static str {
    match kind {
        HttpErrorKind::Connect => "cannot connect",
        HttpErrorKind::Timeout => "out of time",
        _ => "connection lost",
    }
}

/// What a person can do about it.
fn hint(kind: StoreErrorKind, reply: &Reply) -> &'static str {
    let is_redirect = matches!(reply, Reply::Status { status, .. } if status.is_redirection());
    match kind {
        NoSuchStore if is_redirect => "; the region or the endpoint is wrong",
        NoSuchStore => "; the bucket or container does not exist",
        Denied => "; check the credentials, the region and the permissions",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
