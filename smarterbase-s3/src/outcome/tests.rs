//! The table, row by row, as each service answers.

use http::StatusCode;
use object_store::client::HttpErrorKind;
use smarterbase_core::port::{Attempt, StoreErrorKind};

use super::{
    Answer, Failure,
    Operation::{self, Create, DeleteIf, DeleteRetired, Get, List, Update},
    StoreErrorKind::{
        Denied, Full, Invalid, NoSuchStore, Throttled, Timeout, Unavailable, Unsupported,
    },
    of_status,
};
use crate::exchange::{Exchange, Reply};

/// What came out, without the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Came {
    Rejected,
    Refused(StoreErrorKind),
    Unknown(StoreErrorKind),
    Missing,
    Unchanged,
    Failed(StoreErrorKind),
}
use Came::{Failed, Missing, Refused, Rejected, Unchanged, Unknown};

fn came(operation: Operation, exchange: &Exchange) -> Came {
    let failure = Failure {
        operation,
        path: "users/1.json",
        exchange,
        error: None,
    };
    match operation {
        Create | Update | DeleteIf => match failure.into_attempt() {
            Attempt::Applied(_) => panic!("a failure is never applied"),
            Attempt::Rejected => Rejected,
            Attempt::Refused(error) => Refused(error.kind),
            Attempt::Unknown(error) => Unknown(error.kind),
        },
        Get | List | DeleteRetired => match failure.into_answer() {
            Ok(Answer::Missing) => Missing,
            Ok(Answer::Unchanged) => Unchanged,
            Err(error) => Failed(error.kind),
        },
    }
}

fn answered(status: u16, code: &str) -> Exchange {
    Exchange {
        is_sent: true,
        reply: Reply::Status {
            status: StatusCode::from_u16(status).unwrap(),
            code: (!code.is_empty()).then(|| code.to_owned()),
        },
    }
}

fn check(service: &str, rows: &[(Operation, u16, &str, Came)]) {
    for (operation, status, code, expected) in rows {
        let found = came(*operation, &answered(*status, code));
        assert_eq!(found, *expected, "{service}: {operation:?} {status} {code}");
    }
}

#[test]
fn aws() {
    check(
        "AWS",
        &[
            (Create, 412, "PreconditionFailed", Rejected),
            // Nothing is there: the protocol reads back and sends again.
            (Create, 409, "ConditionalRequestConflict", Rejected),
            (Update, 409, "ConditionalRequestConflict", Rejected),
            (Update, 412, "PreconditionFailed", Rejected),
            (Update, 404, "NoSuchKey", Rejected),
            (Create, 404, "NoSuchBucket", Refused(NoSuchStore)),
            (Update, 404, "NoSuchBucket", Refused(NoSuchStore)),
            (Create, 403, "AccessDenied", Refused(Denied)),
            (Create, 403, "SignatureDoesNotMatch", Refused(Denied)),
            (Create, 400, "ExpiredToken", Refused(Denied)),
            (Create, 400, "AuthorizationHeaderMalformed", Refused(Denied)),
            (Create, 301, "PermanentRedirect", Refused(NoSuchStore)),
            (Create, 307, "", Refused(NoSuchStore)),
            (Create, 400, "EntityTooLarge", Refused(Invalid)),
            (Create, 400, "KeyTooLongError", Refused(Invalid)),
            (Create, 400, "RequestTimeout", Unknown(Timeout)),
            (Update, 500, "InternalError", Unknown(Unavailable)),
            (Update, 503, "SlowDown", Unknown(Throttled)),
            (Update, 503, "ServiceUnavailable", Unknown(Throttled)),
            (Update, 200, "", Unknown(Unavailable)),
            (DeleteIf, 412, "PreconditionFailed", Rejected),
            (DeleteIf, 404, "NoSuchKey", Rejected),
            (DeleteIf, 409, "ConditionalRequestConflict", Rejected),
            (DeleteIf, 501, "NotImplemented", Refused(Unsupported)),
            (Get, 404, "NoSuchKey", Missing),
            (Get, 404, "NoSuchBucket", Failed(NoSuchStore)),
            (Get, 304, "", Unchanged),
            (Get, 403, "AccessDenied", Failed(Denied)),
            (Get, 500, "InternalError", Failed(Unavailable)),
            (Get, 503, "SlowDown", Failed(Throttled)),
            (Get, 200, "", Failed(Unavailable)),
            (List, 404, "NoSuchBucket", Failed(NoSuchStore)),
            (DeleteRetired, 404, "NoSuchKey", Missing),
            (DeleteRetired, 404, "NoSuchBucket", Failed(NoSuchStore)),
            (DeleteRetired, 403, "AccessDenied", Failed(Denied)),
        ],
    );
}

#[test]
fn r2() {
    check(
        "R2",
        &[
            (Create, 412, "PreconditionFailed", Rejected),
            (Update, 412, "PreconditionFailed", Rejected),
            (Update, 429, "TooManyRequests", Unknown(Throttled)),
            (Update, 429, "", Unknown(Throttled)),
            (Create, 404, "NoSuchBucket", Refused(NoSuchStore)),
            (Create, 401, "Unauthorized", Refused(Denied)),
            (Create, 400, "EntityTooLarge", Refused(Invalid)),
            (Update, 500, "InternalError", Unknown(Unavailable)),
            (Get, 404, "NoSuchKey", Missing),
        ],
    );
}

#[test]
fn google() {
    check(
        "Google",
        &[
            (Create, 412, "PreconditionFailed", Rejected),
            (Update, 412, "PreconditionFailed", Rejected),
            (DeleteIf, 412, "PreconditionFailed", Rejected),
            (Update, 429, "SlowDown", Unknown(Throttled)),
            (Create, 404, "NoSuchBucket", Refused(NoSuchStore)),
            (Create, 401, "AuthenticationRequired", Refused(Denied)),
            (Create, 403, "AccessDenied", Refused(Denied)),
            (Update, 503, "ServiceUnavailable", Unknown(Throttled)),
            (Update, 408, "", Unknown(Timeout)),
            (Get, 404, "NoSuchKey", Missing),
            (Get, 304, "", Unchanged),
        ],
    );
}

#[test]
fn azure() {
    check(
        "Azure",
        &[
            (Create, 409, "BlobAlreadyExists", Rejected),
            (Create, 412, "ConditionNotMet", Rejected),
            (Update, 412, "ConditionNotMet", Rejected),
            (Update, 404, "BlobNotFound", Rejected),
            (DeleteIf, 412, "ConditionNotMet", Rejected),
            (DeleteIf, 404, "BlobNotFound", Rejected),
            (Create, 404, "ContainerNotFound", Refused(NoSuchStore)),
            (Create, 409, "ContainerBeingDeleted", Refused(NoSuchStore)),
            (Create, 403, "AuthenticationFailed", Refused(Denied)),
            (Update, 412, "LeaseIdMissing", Refused(Denied)),
            (Update, 409, "BlobImmutableDueToPolicy", Refused(Denied)),
            (Create, 413, "RequestBodyTooLarge", Refused(Invalid)),
            (Update, 503, "ServerBusy", Unknown(Throttled)),
            (Update, 500, "OperationTimedOut", Unknown(Timeout)),
            (Update, 500, "InternalError", Unknown(Unavailable)),
            (Get, 404, "BlobNotFound", Missing),
            (Get, 404, "ContainerNotFound", Failed(NoSuchStore)),
            (Get, 304, "", Unchanged),
        ],
    );
}

#[test]
fn minio_and_ceph() {
    check(
        "MinIO",
        &[
            (Create, 507, "XMinioStorageFull", Refused(Full)),
            (Create, 507, "", Refused(Full)),
            (Create, 412, "PreconditionFailed", Rejected),
            (Update, 503, "SlowDownWrite", Unknown(Throttled)),
            (Create, 404, "NoSuchBucket", Refused(NoSuchStore)),
        ],
    );
    check(
        "Ceph",
        &[
            (Create, 403, "QuotaExceeded", Refused(Full)),
            (Update, 412, "PreconditionFailed", Rejected),
            (Update, 404, "NoSuchKey", Rejected),
            (Create, 409, "", Rejected),
            (Update, 501, "NotImplemented", Refused(Unsupported)),
        ],
    );
}

#[test]
fn what_no_table_knows_may_have_been_carried_out() {
    for status in [418, 425, 499, 500, 502, 520, 599] {
        assert_eq!(
            of_status(StatusCode::from_u16(status).unwrap()),
            super::Unknown(Unavailable),
            "{status}"
        );
    }
}

fn unanswered(is_sent: bool, kind: HttpErrorKind) -> Exchange {
    Exchange {
        is_sent,
        reply: Reply::NoAnswer {
            kind,
            cause: "connection reset by peer".to_owned(),
        },
    }
}

#[test]
fn a_write_without_an_answer_is_unknown() {
    use HttpErrorKind::{Connect, Decode, Interrupted, Request};
    for kind in [
        Connect,
        Decode,
        Interrupted,
        Request,
        HttpErrorKind::Unknown,
    ] {
        let exchange = unanswered(true, kind);
        assert_eq!(came(Update, &exchange), Unknown(Unavailable), "{kind:?}");
        assert_eq!(came(Get, &exchange), Failed(Unavailable), "{kind:?}");
    }
    let late = unanswered(true, HttpErrorKind::Timeout);
    assert_eq!(came(Create, &late), Unknown(Timeout));
    assert_eq!(came(List, &late), Failed(Timeout));
}

#[test]
fn what_never_left_for_the_store_is_about_credentials() {
    let refused = Exchange {
        is_sent: false,
        ..answered(400, "")
    };
    assert_eq!(came(Create, &refused), Refused(Denied));
    let silent = unanswered(false, HttpErrorKind::Connect);
    assert_eq!(came(Create, &silent), Unknown(Unavailable));
    assert_eq!(came(Create, &Exchange::default()), Refused(Denied));
}

#[test]
fn a_message_says_what_where_and_what_to_do() {
    let failure = |exchange: &Exchange| {
        let failure = Failure {
            operation: Create,
            path: "users/1.json",
            exchange,
            error: None,
        };
        match failure.into_attempt() {
            Attempt::Refused(error) | Attempt::Unknown(error) => error.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        failure(&answered(403, "AccessDenied")),
        "put users/1.json: HTTP 403 AccessDenied; check the credentials, the region and the permissions"
    );
    assert_eq!(
        failure(&answered(404, "NoSuchBucket")),
        "put users/1.json: HTTP 404 NoSuchBucket; the bucket or container does not exist"
    );
    assert_eq!(
        failure(&unanswered(true, HttpErrorKind::Interrupted)),
        "put users/1.json: no answer (connection lost: connection reset by peer)"
    );
    assert_eq!(
        failure(&unanswered(false, HttpErrorKind::Connect)),
        "put users/1.json: cannot get credentials: no answer (cannot connect: connection reset by peer)"
    );
}
