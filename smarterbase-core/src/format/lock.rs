//! Lock documents: who holds a lock. A released one stays, since its revision is the fencing token, which must grow.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Nonce, database::milliseconds, json};
use crate::{document::Timestamp, error::Result};

/// Who holds a lock, in the body of its document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// A name for people that the program chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The same for all locks of one open database.
    pub process: Nonce,
    /// When it was taken, by the holder's clock: for people only.
    pub acquired: Timestamp,
    /// How long the document must stay unchanged before somebody else may take the lock over.
    #[serde(rename = "lease_ms", with = "milliseconds")]
    pub lease: Duration,
}

/// The members beside the envelope.
#[derive(Serialize, Deserialize)]
struct Body<'a> {
    holder: Option<std::borrow::Cow<'a, Holder>>,
}

/// The body of a lock document: `{"holder":{…}}`, or `{"holder":null}` when nobody holds the lock.
#[must_use]
pub fn body(holder: Option<&Holder>) -> Bytes {
    let body = Body {
        holder: holder.map(std::borrow::Cow::Borrowed),
    };
    let text = serde_json::to_vec(&body).expect("a lock is JSON, and memory takes it");
    text.into()
}

/// The holder in the body of a lock document; `None`: nobody holds the lock.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt): not the body of a lock document.
pub fn holder(body: &[u8]) -> Result<Option<Holder>> {
    let body: Body<'_> =
        serde_json::from_slice(body).map_err(|error| json::corrupt("the lock", &error))?;
    Ok(body.holder.map(std::borrow::Cow::into_owned))
}
