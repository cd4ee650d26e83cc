//! The in-memory S3 behind `object_store`'s real client, without a socket.
//!
//! Signing, XML, retries and the mapping of errors are the real client's; only the TCP connection is missing. So it
//! runs under virtual time (`#[tokio::test(start_paused = true)]`), and each request can meet its own [`Fault`].

mod fault;
mod requests;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future;
use http_body_util::BodyExt;
use object_store::{
    ClientConfigKey, ClientOptions,
    aws::AmazonS3Builder,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};
use s3s::service::S3Service;

pub use self::{
    fault::{Fault, Faults, NoFaults},
    requests::{Request, Requests},
};
use super::s3::{self, MemoryS3, Quirk};

/// The endpoint that requests are addressed to; nothing listens there.
const ENDPOINT: &str = "http://s3.test";

/// An S3 that is called instead of connected to. Clones share what is stored and the list of requests.
///
/// ```
/// # use smarterbase_testkit::server::in_process::{Fault, InProcessS3, Request};
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::StatusCode;
/// use object_store::{ObjectStore, PutMode, RetryConfig};
///
/// let s3 = InProcessS3::new().with_faults(|request: &Request| match request.number {
///     0 => Fault::StatusAfter(StatusCode::INTERNAL_SERVER_ERROR), // the first request is carried out, but the client is told otherwise
///     _ => Fault::Pass,
/// });
/// let no_retries = RetryConfig { max_retries: 0, ..RetryConfig::default() };
/// let store = s3.client().with_retry(no_retries).build()?;
/// store.put_opts(&"a.json".into(), "{}".into(), PutMode::Create.into()).await.unwrap_err();
/// assert_eq!(s3.memory().object("test-bucket", "a.json").unwrap(), "{}");
/// assert_eq!(s3.requests().count(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct InProcessS3 {
    memory: MemoryS3,
    service: S3Service,
    faults: Arc<dyn Faults>,
    requests: Requests,
}

impl InProcessS3 {
    /// An S3 that behaves as AWS documents and never fails.
    #[must_use]
    pub fn new() -> Self {
        Self::over(MemoryS3::new())
    }

    /// An S3 that differs from AWS in one way.
    #[must_use]
    pub fn with_quirk(quirk: Quirk) -> Self {
        Self::over(MemoryS3::with_quirk(quirk))
    }

    /// An S3 that stores into `memory`, which a server may serve as well.
    #[must_use]
    pub fn over(memory: MemoryS3) -> Self {
        let service = s3::service(memory.clone());
        Self {
            memory,
            service,
            faults: Arc::new(NoFaults),
            requests: Requests::default(),
        }
    }

    /// The same store met through `faults`, with a list of requests of its own.
    #[must_use]
    pub fn with_faults(&self, faults: impl Faults) -> Self {
        Self {
            faults: Arc::new(faults),
            requests: Requests::default(),
            ..self.clone()
        }
    }

    /// A client of this store, to be built, after settings of its own.
    #[must_use]
    pub fn client(&self) -> AmazonS3Builder {
        s3::client(ENDPOINT).with_http_connector(self.clone())
    }

    /// What is stored, to look at without a request.
    #[must_use]
    pub fn memory(&self) -> &MemoryS3 {
        &self.memory
    }

    /// The requests that clients made, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> &Requests {
        &self.requests
    }
}

impl Default for InProcessS3 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for InProcessS3 {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("InProcessS3")
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

impl HttpConnector for InProcessS3 {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let timeout = options.get_config_value(&ClientConfigKey::Timeout);
        let timeout = timeout.map(|text| parse_duration(&text));
        Ok(HttpClient::new(Connection {
            s3: self.clone(),
            timeout,
        }))
    }
}

/// What a client believes to be its connection pool.
#[derive(Debug)]
struct Connection {
    s3: InProcessS3,
    /// The client's own limit for one attempt, which `reqwest` would hold.
    timeout: Option<Duration>,
}

#[async_trait::async_trait]
impl HttpService for Connection {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let answer = self.s3.answer(request);
        let Some(timeout) = self.timeout else {
            return answer.await;
        };
        let timed_out = |_| {
            Err(error(
                HttpErrorKind::Timeout,
                "no answer within the client's timeout",
            ))
        };
        tokio::time::timeout(timeout, answer)
            .await
            .unwrap_or_else(timed_out)
    }
}

impl InProcessS3 {
    /// Lets one request meet its fault.
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let seen = self.requests.record(&request);
        match self.faults.meet(&seen) {
            Fault::Pass => self.carry_out(request).await,
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                self.carry_out(request).await
            }
            Fault::Refuse => Err(error(HttpErrorKind::Connect, "connection refused")),
            Fault::Reset => Err(error(HttpErrorKind::Interrupted, "connection reset")),
            Fault::Status(status) => Ok(empty(status)),
            Fault::StatusAfter(status) => self.carry_out(request).await.map(|_| empty(status)),
            Fault::LoseReply => {
                self.carry_out(request).await?;
                Err(error(
                    HttpErrorKind::Interrupted,
                    "connection reset before the reply",
                ))
            }
            Fault::CloseBeforeReply => {
                self.carry_out(request).await?;
                Err(error(
                    HttpErrorKind::Request,
                    "connection closed before the reply",
                ))
            }
            Fault::Hang => future::pending().await,
            Fault::HangAfter => {
                self.carry_out(request).await?;
                future::pending().await
            }
            Fault::ApplyLater(time) => {
                self.carry_out_later(request, time);
                Err(error(
                    HttpErrorKind::Interrupted,
                    "connection reset before the reply",
                ))
            }
        }
    }

    /// Carries `request` out on its own task, long after its client gave up.
    fn carry_out_later(&self, request: HttpRequest, time: Duration) {
        let s3 = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            let _ = s3.carry_out(request).await;
        });
    }

    async fn carry_out(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let request = into_server_request(request).await?;
        let reply = self.service.call(request).await;
        let reply = reply.map_err(|cause| error(HttpErrorKind::Unknown, &format!("{cause:?}")))?;
        let (parts, body) = reply.into_parts();
        let body = body
            .collect()
            .await
            .map_err(|cause| error(HttpErrorKind::Decode, &cause.to_string()))?;
        Ok(http::Response::from_parts(
            parts,
            HttpResponseBody::from(body.to_bytes()),
        ))
    }
}

/// Adds what a real connection adds: the `Host` and the `Content-Length`.
async fn into_server_request(request: HttpRequest) -> Result<http::Request<s3s::Body>, HttpError> {
    let (mut parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|cause| error(HttpErrorKind::Request, &cause.to_string()))?
        .to_bytes();
    if let Some(host) = parts.uri.host() {
        let host = host.parse().expect("the host of a URI is a header value");
        parts.headers.entry(http::header::HOST).or_insert(host);
    }
    parts
        .headers
        .entry(http::header::CONTENT_LENGTH)
        .or_insert(body.len().into());
    Ok(http::Request::from_parts(parts, s3s::Body::from(body)))
}

fn empty(status: http::StatusCode) -> HttpResponse {
    let mut response = http::Response::new(HttpResponseBody::from(Bytes::new()));
    *response.status_mut() = status;
    response
}

fn error(kind: HttpErrorKind, message: &str) -> HttpError {
    HttpError::new(kind, std::io::Error::other(message.to_owned()))
}

/// Reads the duration that `object_store` writes, as in `1m 30s` or `700ms`.
fn parse_duration(text: &str) -> Duration {
    let unit_length = |part: &str| {
        part.trim_start_matches(|digit: char| digit.is_ascii_digit())
            .len()
    };
    text.split_whitespace()
        .map(|part| {
            let (number, unit) = part.split_at(part.len() - unit_length(part));
            let number: u64 = number.parse().expect("a duration begins with a number");
            match unit {
                "us" => Duration::from_micros(number),
                "ms" => Duration::from_millis(number),
                "s" => Duration::from_secs(number),
                "m" => Duration::from_secs(number * 60),
                "h" => Duration::from_secs(number * 3600),
                other => panic!("unknown unit `{other}` in the client's timeout `{text}`"),
            }
        })
        .sum()
}
