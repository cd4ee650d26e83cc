//! An object as a reader sees it, and which committed version that is.

use crate::{
    document::Version,
    format::{
        Nonce,
        envelope::{Opened, State},
    },
    port::Object,
};

/// An object as a reader sees it and as a writer replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settled {
    /// The version of the stored object.
    pub version: Version,
    /// Its committed version. `envelope.put` is the stored object's; `envelope.intent` is there only while the intent is
    /// undecided: then the object must not be replaced.
    pub opened: Opened,
    /// Whether the stored object bears an intent, decided or not.
    pub bears_intent: bool,
}

/// Which committed version something is. Absent objects, stubs and tombstones are one value: nothing is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Identity(Option<(u64, Nonce)>);

impl Settled {
    /// Whether the object may be replaced: no intent on it is undecided.
    #[must_use]
    pub fn is_decided(&self) -> bool {
        self.opened.envelope.intent.is_none()
    }

    /// Whether both show the same committed version, and the next one is the same for both.
    #[must_use]
    pub fn is_version_of(&self, other: &Self) -> bool {
        let (one, other) = (&self.opened.envelope, &other.opened.envelope);
        (one.state, one.rev, one.write) == (other.state, other.rev, other.write)
    }

    /// The committed version as an object without an intent.
    #[must_use]
    pub fn object(&self) -> Object {
        let mut envelope = self.opened.envelope.clone();
        envelope.intent = None;
        Object {
            version: self.version.clone(),
            bytes: envelope.seal(&self.opened.body),
        }
    }
}

impl Identity {
    /// Which version it is; `None`: there is no object.
    #[must_use]
    pub fn of(settled: Option<&Settled>) -> Self {
        let live = settled
            .map(|settled| &settled.opened.envelope)
            .filter(|envelope| envelope.state == State::Live);
        Self(live.map(|envelope| (envelope.rev, envelope.write)))
    }
}
