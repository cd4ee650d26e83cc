//! The list of requests that clients made.

use std::sync::{Arc, Mutex, MutexGuard};

use http::Method;
use object_store::client::HttpRequest;

/// One HTTP request, without its body and its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its place among the requests of this [`InProcessS3`](super::InProcessS3), from 0.
    pub number: usize,
    /// The HTTP method.
    pub method: Method,
    /// The path as sent: `/bucket/key`, percent-encoded.
    pub path: String,
    /// The query as sent, or an empty string.
    pub query: String,
    /// Whether it carries `If-Match` or `If-None-Match`.
    pub is_conditional: bool,
}

impl Request {
    /// Whether this is a conditional put: a create or an update.
    #[must_use]
    pub fn is_conditional_put(&self) -> bool {
        self.method == Method::PUT && self.is_conditional
    }
}

/// The requests in the order of their arrival. Clones share one list.
///
/// The list grows by one small entry a request; [`clear`](Self::clear) it in a loop of millions.
#[derive(Clone, Debug, Default)]
pub struct Requests(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    /// How many ever arrived; it stays when the list is cleared, so that numbers are never used twice.
    arrived: usize,
    kept: Vec<Request>,
}

impl Requests {
    /// The number of requests since the start or the last [`clear`](Self::clear).
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().kept.len()
    }

    /// The number of requests with this method.
    #[must_use]
    pub fn count_of(&self, method: &Method) -> usize {
        self.lock()
            .kept
            .iter()
            .filter(|request| request.method == *method)
            .count()
    }

    /// The requests since the start or the last [`clear`](Self::clear).
    #[must_use]
    pub fn all(&self) -> Vec<Request> {
        self.lock().kept.clone()
    }

    /// Forgets the requests, so that the next count is of what follows.
    pub fn clear(&self) {
        self.lock().kept.clear();
    }

    pub(super) fn record(&self, request: &HttpRequest) -> Request {
        let mut list = self.lock();
        let headers = request.headers();
        let request = Request {
            number: list.arrived,
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            is_conditional: headers.contains_key(http::header::IF_MATCH)
                || headers.contains_key(http::header::IF_NONE_MATCH),
        };
        list.arrived += 1;
        list.kept.push(request.clone());
        request
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.0
            .lock()
            .expect("nothing panics while it holds the list")
    }
}
