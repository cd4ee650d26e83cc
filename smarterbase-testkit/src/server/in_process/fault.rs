//! What can happen to one request.

use std::time::Duration;

use http::StatusCode;

use super::requests::Request;

/// What happens to one request.
///
/// "Applied" says whether the store carried the request out; the client is never told that by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: applied and answered.
    Pass,
    /// Applied and answered, after this time.
    Delay(Duration),
    /// The connection is refused. Not applied.
    Refuse,
    /// The connection is reset while the request is sent. Not applied, but the client cannot know.
    Reset,
    /// This status, with an empty body. Not applied.
    Status(StatusCode),
    /// This status, with an empty body, although the request was applied.
    StatusAfter(StatusCode),
    /// Applied, then the connection is reset before the reply. `object_store` repeats only idempotent requests.
    LoseReply,
    /// Applied, then the connection is closed before the reply. `object_store` takes this for "not sent" and repeats
    /// every request.
    CloseBeforeReply,
    /// No answer until the client's own timeout. Not applied.
    Hang,
    /// Applied, then no answer until the client's own timeout.
    HangAfter,
    /// The connection is reset at once; the request is applied after this time, when nobody waits for it any more.
    ApplyLater(Duration),
}

/// Decides the fault of each request. A closure over [`Request`] is one.
pub trait Faults: Send + Sync + 'static {
    /// The fault that `request` meets; called once for each HTTP request, in the order of arrival.
    fn meet(&self, request: &Request) -> Fault;
}

impl<F: Fn(&Request) -> Fault + Send + Sync + 'static> Faults for F {
    fn meet(&self, request: &Request) -> Fault {
        self(request)
    }
}

/// Every request passes.
#[derive(Clone, Copy, Debug)]
pub struct NoFaults;

impl Faults for NoFaults {
    fn meet(&self, _request: &Request) -> Fault {
        Fault::Pass
    }
}
