//! What an object with an intent comes to.

use bytes::Bytes;

use super::{Outcome, Settled, Step, pending, unreadable};
use crate::{document::Version, format::envelope::Opened};

/// An object with an intent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Bearer {
    pub(super) version: Version,
    pub(super) opened: Box<Opened>,
}

impl Bearer {
    pub(super) fn unsettled(self, bears_intent: bool) -> Step<Outcome> {
        Step::Done(Ok(Some(Settled {
            version: self.version,
            opened: *self.opened,
            bears_intent,
        })))
    }

    pub(super) fn rolled_back(self) -> Settled {
        let mut opened = *self.opened;
        opened.envelope.intent = None;
        Settled {
            version: self.version,
            opened,
            bears_intent: true,
        }
    }

    pub(super) fn committed(self, staged: Option<Bytes>) -> Step<Outcome> {
        match pending::committed(&self.opened, staged) {
            Err(error) => unreadable(error),
            Ok(opened) => Step::Done(Ok(Some(Settled {
                version: self.version,
                opened,
                bears_intent: true,
            }))),
        }
    }
}
