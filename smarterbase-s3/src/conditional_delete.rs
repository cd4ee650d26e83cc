//! Requests for a conditional `DELETE`, which `object_store` 0.14.2 does not have (its issue 298).
//!
//! The request is signed by `object_store` and sent through its own HTTP client. S3 binds the condition into the
//! signature; bearer tokens and Azure's signatures do not cover headers, so TLS protects it there.

#![cfg_attr(
    not(all(feature = "aws", feature = "gcp", feature = "azure")),
    allow(dead_code, reason = "each service uses its own part")
)]

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use object_store::{
    Error,
    client::{HttpRequest, HttpRequestBody},
};

use crate::version::Condition;

/// How long a signed request stays valid. It is sent at once; this leaves room for clocks that differ.
pub(crate) const SIGNATURE_LIFETIME: Duration = Duration::from_secs(60);

/// A `DELETE` of `url` with these headers.
pub(crate) fn request(
    url: &str,
    headers: &[(HeaderName, HeaderValue)],
) -> object_store::Result<HttpRequest> {
    let mut builder = http::Request::builder().method(Method::DELETE).uri(url);
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    let mut request = builder
        .body(HttpRequestBody::empty())
        .map_err(|_| unusable("the request cannot be made"))?;
    *request.extensions_mut() = crate::exchange::to_store();
    Ok(request)
}

/// The value of `If-Match`.
pub(crate) fn e_tag(condition: &Condition) -> object_store::Result<HeaderValue> {
    match condition {
        Condition::ETag(e_tag) => header(e_tag),
        Condition::Generation(_) => Err(unusable("this service compares entity tags")),
    }
}

/// The value of `x-goog-if-generation-match`.
pub(crate) fn generation(condition: &Condition) -> object_store::Result<HeaderValue> {
    match condition {
        Condition::Generation(generation) => header(generation),
        Condition::ETag(_) => Err(unusable("this service compares generations")),
    }
}

/// A header's value.
pub(crate) fn header(text: &str) -> object_store::Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| unusable("a value is no text for a header"))
}

/// A secret as a header's value, which is then not printed.
pub(crate) fn secret_header(text: &str) -> object_store::Result<HeaderValue> {
    let mut value = header(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// An error for a request that cannot be made; the text names no secret.
pub(crate) fn unusable(message: &'static str) -> Error {
    Error::NotSupported {
        source: message.into(),
    }
}
