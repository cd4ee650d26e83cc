//! What keeps a delayed write out: the unchanged content under a new version, or a stub where nothing is.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Request, Rules};
use crate::{
    error::{Code, Error, Result},
    format::{
        Envelope, FORMAT_VERSION, Key,
        envelope::{State, open},
    },
    port::{Expect, Object, Rng},
};

/// A put that changes nothing but the version. Once it is applied, no put that expects what was there can be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fence {
    expect: Option<crate::document::Version>,
    body: Bytes,
}

impl Fence {
    /// A fence at exactly what was found.
    ///
    /// # Errors
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): what was found cannot be
    /// written again.
    pub(super) fn at<R: Rules>(found: Option<&Object>, rng: &dyn Rng) -> Result<Self> {
        match found {
            None => Ok(Self {
                expect: None,
                body: stub(rng).seal(b"{}"),
            }),
            Some(object) => Ok(Self {
                expect: Some(object.version.clone()),
                body: touched::<R>(object, rng)?,
            }),
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
    pub(super) fn applied(self, version: crate::document::Version) -> Object {
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

/// The same content with a new physical nonce. Revision and write stay: nothing was written that a reader could see.
fn touched<R: Rules>(object: &Object, rng: &dyn Rng) -> Result<Bytes> {
    let mut opened = open(&object.bytes)?;
    if opened.envelope.intent.is_some() {
        return Err(Error::new(
            Code::UNSUPPORTED_FORMAT,
            "the object has a pending write, which must be settled before anything else is put",
        ));
    }
    if R::FENCE_HAS_NEW_NONCE {
        opened.envelope.put = rng.nonce();
    }
    Ok(opened.envelope.seal(&opened.body))
}

/// An object that says that there never was one.
fn stub(rng: &dyn Rng) -> Envelope {
    Envelope {
        put: rng.nonce(),
        format: FORMAT_VERSION,
        needs: Vec::new(),
        schema: 0,
        shape: Default::default(),
        state: State::Stub,
        rev: 0,
        write: rng.nonce(),
        rewrite: false,
        prev: Vec::new(),
        created: None,
        updated: None,
        catalog: 0,
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        intent: None,
    }
}
