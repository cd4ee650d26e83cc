//! Watches the HTTP exchange under `object_store`, whose errors fold statuses together and print URLs.
//!
//! Every store is built on a [`WatchedConnector`]. While [`observe`] runs a call, the watched client notes what the last
//! request of the call met: [`outcome`](crate::outcome) judges that, and never the text of an error.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use futures::TryStreamExt;
use http::{HeaderMap, StatusCode};
use object_store::{
    ClientOptions, Extensions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};

/// How much of an error's body is read: the code of the error stands within the first lines.
const LONGEST_ERROR: usize = 64 << 10;

tokio::task_local! {
    static EXCHANGE: Arc<Mutex<Exchange>>;
}

/// What the last request of a call met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Exchange {
    /// Whether a request with [`to_store`] left: false means that it failed before, for example without credentials.
    pub(crate) is_sent: bool,
    /// What came back.
    pub(crate) reply: Reply,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reply {
    /// No request was made.
    #[default]
    NoRequest,
    /// A reply with this status and, for an error, the service's code.
    Status {
        status: StatusCode,
        code: Option<String>,
    },
    /// No reply. `cause` is the innermost error's text, without URLs.
    NoAnswer { kind: HttpErrorKind, cause: String },
}

/// Marks a request as one to the store, unlike those that fetch credentials.
#[derive(Clone, Copy)]
struct ToStore;

/// The mark, for the options of a call.
pub(crate) fn to_store() -> Extensions {
    let mut extensions = Extensions::new();
    extensions.insert(ToStore);
    extensions
}

/// Runs `call` and tells what its last request met.
pub(crate) async fn observe<T>(call: impl Future<Output = T>) -> (T, Exchange) {
    let exchange = Arc::new(Mutex::new(Exchange::default()));
    let value = EXCHANGE.scope(exchange.clone(), call).await;
    let seen = exchange
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    (value, seen)
}

/// Notes something about the exchange of the running call, if one is observed.
fn note(change: impl FnOnce(&mut Exchange)) {
    // An error means that nobody observes: a background task of the client.
    let _ = EXCHANGE.try_with(|exchange| {
        change(&mut exchange.lock().unwrap_or_else(PoisonError::into_inner));
    });
}

/// Makes watched clients out of another connector's clients.
#[derive(Clone, Debug)]
pub(crate) struct WatchedConnector {
    connector: Arc<dyn HttpConnector>,
    latest: Arc<Mutex<Option<HttpClient>>>,
}

impl WatchedConnector {
    pub(crate) fn new(connector: Arc<dyn HttpConnector>) -> Self {
        Self {
            connector,
            latest: Arc::default(),
        }
    }

    /// The client that was made last: builders make those for credentials first and the store's own at the end.
    pub(crate) fn latest(&self) -> Option<HttpClient> {
        self.latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl HttpConnector for WatchedConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = HttpClient::new(WatchedClient(self.connector.connect(options)?));
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(client.clone());
        Ok(client)
    }
}

#[derive(Debug)]
struct WatchedClient(HttpClient);

#[async_trait::async_trait]
impl HttpService for WatchedClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let is_to_store = request.extensions().get::<ToStore>().is_some();
        note(|exchange| exchange.is_sent |= is_to_store);
        match self.0.execute(request).await {
            Ok(response) => note_response(response).await,
            Err(error) => {
                note_error(&error);
                Err(error)
            }
        }
    }
}

async fn note_response(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let status = response.status();
    if status.is_success() || status == StatusCode::NOT_MODIFIED {
        note(|exchange| exchange.reply = Reply::Status { status, code: None });
        return Ok(response);
    }
    // The status stands even when the rest of the reply is lost.
    note(|exchange| exchange.reply = Reply::Status { status, code: None });
    let (parts, body) = response.into_parts();
    let text = beginning(body).await;
    let code = code_in(&parts.headers, &text);
    note(|exchange| exchange.reply = Reply::Status { status, code });
    Ok(HttpResponse::from_parts(
        parts,
        HttpResponseBody::from(text),
    ))
}

/// The first [`LONGEST_ERROR`] bytes, or what arrived of them.
async fn beginning(body: HttpResponseBody) -> Bytes {
    let mut chunks = body.bytes_stream();
    let mut text = Vec::new();
    while let Ok(Some(chunk)) = chunks.try_next().await {
        let room = LONGEST_ERROR - text.len();
        text.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if text.len() == LONGEST_ERROR {
            break;
        }
    }
    // `object_store` reads this as text, and would replace the status by a decoding error.
    String::from_utf8_lossy(&text).into_owned().into()
}

fn note_error(error: &HttpError) {
    let reply = Reply::NoAnswer {
        kind: error.kind(),
        cause: innermost(error),
    };
    note(|exchange| exchange.reply = reply);
}

/// The service's error code: Azure's header, else the `<Code>` of the XML.
fn code_in(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    let header = headers
        .get("x-ms-error-code")
        .and_then(|value| value.to_str().ok());
    let element = || {
        let text = std::str::from_utf8(body).ok()?;
        let (_, after) = text.split_once("<Code>")?;
        after.split_once("</Code>").map(|(code, _)| code)
    };
    header.or_else(element).filter(is_code).map(str::to_owned)
}

/// Codes are identifiers; anything else could carry what must not reach a message.
fn is_code(text: &&str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=64).contains(&text.len()) && text.chars().all(allowed)
}

/// The text of the innermost cause, `connection refused` rather than `error sending request`, unless it holds a URL.
pub(crate) fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    let text = inner.to_string();
    let is_plain = !text.contains("://") && !text.contains('?') && !text.contains('=');
    let is_plain = is_plain && text.len() <= 200;
    if is_plain {
        text
    } else {
        "the transport failed".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::{code_in, innermost};

    #[test]
    fn the_code_is_azures_header_or_the_element() {
        let mut azure = HeaderMap::new();
        azure.insert("x-ms-error-code", "BlobAlreadyExists".parse().unwrap());
        assert_eq!(code_in(&azure, b"").as_deref(), Some("BlobAlreadyExists"));
        let xml =
            b"<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>m</Message></Error>";
        assert_eq!(
            code_in(&HeaderMap::new(), xml).as_deref(),
            Some("NoSuchBucket")
        );
    }

    #[test]
    fn what_is_no_identifier_is_no_code() {
        let secret = b"<Code>https://host/?sig=secret</Code>";
        assert_eq!(code_in(&HeaderMap::new(), secret), None);
        assert_eq!(code_in(&HeaderMap::new(), b"<Code></Code>"), None);
        assert_eq!(code_in(&HeaderMap::new(), b"<Code>NeverEnds"), None);
    }

    #[test]
    fn a_url_in_a_cause_is_not_repeated() {
        let refused = std::io::Error::other("connection refused");
        assert_eq!(innermost(&refused), "connection refused");
        let signed = std::io::Error::other("GET https://host/key?X-Amz-Signature=abc failed");
        assert_eq!(innermost(&signed), "the transport failed");
    }
}
