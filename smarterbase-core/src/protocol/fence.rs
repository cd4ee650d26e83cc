//! What keeps a delayed write out: the unchanged content under a new version, or a stub where nothing is.

use bytes::Bytes;

use super::{Request, Rules};
use crate::{
    document::Version,
    error::{Code, Error, Result},
    format::{
        Envelope, Key,
        envelope::{Opened, State, open},
    },
    port::{Expect, Object, Rng},
};

/// A put that changes nothing but the version. Once it is applied, no put that expects what was there can be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fence {
    expect: Option<Version>,
    body: Bytes,
}

impl Fence {
    /// A fence at exactly what was found.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): what was found cannot be
    /// written again.
    pub(super) fn at<R: Rules>(found: Option<&Object>, rng: &dyn Rng) -> Result<Self> {
        let Some(object) = found else {
            return Ok(Self::stub(rng));
        };
        let opened = open(&object.bytes)?;
        if opened.envelope.intent.is_some() {
            let text =
                "the object has a pending write, which must be settled before anything else is put";
            return Err(Error::new(Code::UNSUPPORTED_FORMAT, text));
        }
        Ok(Self::over::<R>(object.version.clone(), opened, rng))
    }

    /// A fence at a version whose content, without any pending write, is `content`.
    pub(super) fn over<R: Rules>(version: Version, mut content: Opened, rng: &dyn Rng) -> Self {
        content.envelope.intent = None;
        if R::FENCE_HAS_NEW_NONCE {
            content.envelope.put = rng.nonce();
        }
        Self {
            expect: Some(version),
            body: content.envelope.seal(&content.body),
        }
    }

    /// A fence where nothing is.
    pub(super) fn stub(rng: &dyn Rng) -> Self {
        Self {
            expect: None,
            body: stub(rng).seal(b"{}"),
        }
    }

    /// The put; the same on every resend.
    pub(super) fn request(&self, key: &Key) -> Request {
        Request::Put {
            key: key.clone(),
            expect: self.expect.clone().map_or(Expect::Absent, Expect::Exactly),
            body: self.body.clone(),
        }
    }

    /// What is there once the fence was applied as `version`.
    pub(super) fn applied(self, version: Version) -> Object {
        Object {
            version,
            bytes: self.body,
        }
    }

    /// Whether the fence was made for what is there now.
    pub(super) fn fits(&self, found: Option<&Object>) -> bool {
        self.expect.as_ref() == found.map(|object| &object.version)
    }
}

/// An object that says that there never was one.
pub(super) fn stub(rng: &dyn Rng) -> Envelope {
    let put = rng.nonce();
    Envelope {
        state: State::Stub,
        rev: 0,
        write: rng.nonce(),
        ..Envelope::first(put)
    }
}
