//! What the bytes of an object say to whoever knows everything.

use bytes::Bytes;
use data_encoding::BASE32HEX_NOPAD;
use smarterbase_core::{
    format::{
        Envelope, Key, Nonce,
        envelope::{State, open},
        intent::{Attempt, Home},
        path,
        record::{Decision, Record},
    },
    protocol::Settled,
};

/// The index definition of the one unique value, and the hash of its claim.
pub(crate) const UNIQUE: &str = "email-77aa01c3";
pub(crate) const HASH: &str = "5f0c";

/// A committed version; `None`: nothing is there.
pub(crate) type Value = Option<(u64, Nonce)>;

/// Which attempt of which client made something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Maker {
    pub client: u8,
    pub attempt: u8,
}

impl Maker {
    /// Most attempts of one client.
    pub(crate) const ATTEMPTS: u8 = 2;

    /// Its bit in sets of attempts.
    pub(crate) fn bit(self) -> u16 {
        1 << (self.client * Self::ATTEMPTS + self.attempt)
    }

    /// The nonce number `drawn` of this attempt. Equal states draw equal nonces.
    pub(crate) fn nonce(self, drawn: u32) -> Nonce {
        let mut random = [0; 13];
        random[0] = self.client + 1;
        random[1] = self.attempt;
        random[2..6].copy_from_slice(&drawn.to_be_bytes());
        Nonce::from_random(random)
    }

    /// A nonce that was there from the start.
    pub(crate) fn nobody(number: u8) -> Nonce {
        let mut random = [0; 13];
        random[1] = number;
        Nonce::from_random(random)
    }

    /// Who drew a nonce; `None`: it was there from the start.
    pub(crate) fn of(nonce: Nonce) -> Option<Self> {
        let text = nonce.as_str()[..16].to_ascii_uppercase();
        let bytes = BASE32HEX_NOPAD.decode(text.as_bytes()).expect("a nonce");
        let client = bytes[0].checked_sub(1)?;
        let attempt = bytes[1];
        Some(Self { client, attempt })
    }

    /// The name of a transaction of this client.
    pub(crate) fn transaction(client: u8) -> Nonce {
        Self { client, attempt: 0 }.nonce(u32::MAX)
    }

    fn of_attempt(name: &Attempt) -> Option<Self> {
        let (id, number) = name.as_str().rsplit_once('.')?;
        let maker = Self::of(Nonce::parse(id)?)?;
        let attempt = number.parse().ok()?;
        Some(Self { attempt, ..maker })
    }
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Document,
    Claim,
    Record,
}

impl Kind {
    pub(crate) fn of(key: &Key) -> Self {
        match key.as_str() {
            text if text.starts_with("_unique/") => Self::Claim,
            text if text.starts_with(path::records().as_str()) => Self::Record,
            _ => Self::Document,
        }
    }
}

/// One logical version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facet {
    /// Its place in the lineage.
    pub written: (u64, Nonce),
    /// The version that it says it follows.
    pub follows: Option<(u64, Nonce)>,
    pub value: Value,
    /// Whether it holds the unique value.
    pub holds: bool,
}

/// An intent on an object.
#[derive(Clone, Debug)]
pub(crate) struct Borne {
    pub by: Maker,
    pub home: Home,
    /// The version that follows when it is committed; `None`: none does.
    pub next: Option<Facet>,
    /// Its record.
    pub record: Key,
}

/// Everything that an object says.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub version: Facet,
    pub intent: Option<Borne>,
    /// The attempt that it is the record of, and how that ended.
    pub record: Option<(Maker, Decision)>,
}

impl Facts {
    pub(crate) fn of(bytes: &Bytes) -> Self {
        let opened = open(bytes).expect("machines write envelopes");
        let record = Record::open(bytes).ok();
        Self {
            version: Facet::of(&opened.envelope),
            intent: Borne::of(&opened.envelope),
            record: record.and_then(|record| {
                Some((Maker::of_attempt(&record.transaction)?, record.decision))
            }),
        }
    }
}

impl Facet {
    fn of(envelope: &Envelope) -> Self {
        let written = (envelope.rev, envelope.write);
        let is_live = envelope.state == State::Live;
        Self {
            written,
            follows: envelope.prev.first().map(|past| (past.rev, past.write)),
            value: is_live.then_some(written),
            holds: is_live && envelope.unique.contains_key(UNIQUE),
        }
    }
}

impl Borne {
    fn of(envelope: &Envelope) -> Option<Self> {
        let intent = envelope.intent.as_ref()?;
        let pending = intent.pending(envelope).expect("an intent with a body");
        let next = pending.map(|pending| pending.envelope(envelope, envelope.put));
        Some(Self {
            by: Maker::of_attempt(&intent.transaction).expect("an attempt of a client"),
            home: intent.home,
            next: next.as_ref().map(Facet::of),
            record: path::record(&intent.transaction),
        })
    }
}

/// What somebody saw.
pub(crate) fn value(settled: Option<&Settled>) -> Value {
    let envelope = settled.map(|settled| &settled.opened.envelope);
    let live = envelope.filter(|envelope| envelope.state == State::Live);
    live.map(|envelope| (envelope.rev, envelope.write))
}
