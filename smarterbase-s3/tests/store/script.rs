//! A service that answers from a script, for those that no test can start.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
        HttpResponseBody, HttpService,
    },
};

/// The date of every reply.
const DATE: &str = "Fri, 20 Nov 2026 12:00:00 GMT";

/// Replies in order, and the requests that got them. Clones share both.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    replies: VecDeque<Reply>,
    requests: Vec<Sent>,
}

/// One reply.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// One request, as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    /// Scheme, host, path and query.
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) fn reply(status: u16) -> Reply {
    Reply {
        status,
        headers: vec![("last-modified", DATE.to_owned())],
        body: String::new(),
    }
}

impl Reply {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.to_owned();
        self
    }
}

impl Script {
    pub(crate) fn of(replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Self::default();
        script.0.lock().unwrap().replies.extend(replies);
        script
    }

    /// The requests so far. Every reply must have been used.
    pub(crate) fn requests(&self) -> Vec<Sent> {
        let state = self.0.lock().unwrap();
        assert!(state.replies.is_empty(), "unused: {:?}", state.replies);
        state.requests.clone()
    }

    /// The only request.
    pub(crate) fn request(&self) -> Sent {
        let mut requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.remove(0)
    }
}

impl Sent {
    /// A header's text; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl HttpConnector for Script {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Script {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let mut state = self.0.lock().unwrap();
        state.requests.push(Sent {
            method: parts.method,
            url: parts.uri.to_string(),
            headers: parts.headers,
            body,
        });
        let reply = state.replies.pop_front().ok_or_else(|| {
            let message = format!("no reply is left for {:?}", state.requests.last());
            HttpError::new(HttpErrorKind::Unknown, std::io::Error::other(message))
        })?;
        let mut response = http::Response::builder().status(reply.status);
        let length = reply.body.len().to_string();
        response = response.header("content-length", length);
        for (name, value) in reply.headers {
            response = response.header(name, value);
        }
        Ok(response.body(HttpResponseBody::from(reply.body)).unwrap())
    }
}
