//! `_quarantine/<collection>/<id>/<rev>-<write>.json`: a version of a document that no step could upgrade, and what the
//! tombstone in its place says.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Envelope, Key, Nonce, envelope, json};
use crate::{
    document::Timestamp,
    error::{Code, Error, Result},
};

/// A document that was moved aside, with the reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Quarantined {
    /// The collection.
    pub collection: String,
    /// The encoded id.
    pub id: String,
    /// The stable code of the error, `SB-MIGRATION`.
    pub code: String,
    /// The text of the error. It holds no value.
    pub error: String,
    /// When it was moved aside.
    pub moved: Timestamp,
    /// The whole object as it was stored, its envelope included.
    pub document: Box<RawValue>,
}

impl Quarantined {
    /// The stored object `document`, which `error` is about.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt): the object is not JSON.
    pub fn of(
        collection: &str,
        id: &str,
        document: &Bytes,
        error: &Error,
        moved: Timestamp,
    ) -> Result<Self> {
        let document = serde_json::from_slice::<&RawValue>(document)
            .map_err(|error| json::corrupt("the document", &error))?;
        Ok(Self {
            collection: collection.to_owned(),
            id: id.to_owned(),
            code: error.code().to_owned(),
            error: error.to_string(),
            moved,
            document: document.to_owned(),
        })
    }

    /// The members beside the envelope, as JSON text.
    #[must_use]
    pub fn body(&self) -> Bytes {
        let body = serde_json::to_vec(self).expect("it is JSON, and memory takes it");
        body.into()
    }

    /// The bytes: `{"_sb":{…},"collection":"users",…,"document":{…}}`.
    #[must_use]
    pub fn seal(&self, put: Nonce) -> Bytes {
        Envelope::first(put).seal(&self.body())
    }

    /// Reads the object.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): as [`envelope::open`].
    pub fn open(bytes: &Bytes) -> Result<Self> {
        envelope::open_as(bytes, "the quarantined document").map(|(_, members)| members)
    }
}

/// The only member that a tombstone can have: where the document was moved to.
#[derive(Serialize, Deserialize)]
struct Moved<'a> {
    quarantined: &'a str,
}

/// The body of the tombstone in the place of a document that was moved to `place`.
#[must_use]
pub fn tombstone(place: &Key) -> Bytes {
    let moved = Moved {
        quarantined: place.as_str(),
    };
    let body = serde_json::to_vec(&moved).expect("a path is JSON, and memory takes it");
    body.into()
}

/// Where the document of a tombstone with this body was moved to; `None` when it was deleted.
#[must_use]
pub fn place(body: &[u8]) -> Option<Key> {
    let moved = serde_json::from_slice::<Moved<'_>>(body).ok()?;
    Some(Key::from_stored(moved.quarantined))
}

/// What a reader of the document is told.
#[must_use]
pub fn refusal(place: &Key) -> Error {
    let text = format!("a migration step failed on the document, so it was moved to {place}");
    Error::new(Code::QUARANTINED, text)
}
