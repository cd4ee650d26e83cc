//! Writers of one document.

use std::{collections::BTreeMap, hash::Hash};

use smarterbase_core::{
    document::Version,
    format::{Envelope, FORMAT_VERSION, Key, Nonce, envelope::State, envelope::open},
    port::{Object, Rng},
    protocol::{Machine, PutMachine, PutOutcome, Reply, Request, Rules, Step},
};

use super::world::{Program, Said, Told, Want, World, Written};

/// The next version of a document.
pub(crate) fn next_version(before: Option<&Envelope>, rng: &dyn Rng) -> Envelope {
    Envelope {
        put: rng.nonce(),
        format: FORMAT_VERSION,
        needs: Vec::new(),
        schema: 1,
        shape: Default::default(),
        state: State::Live,
        rev: before.map_or(0, |envelope| envelope.rev) + 1,
        write: rng.nonce(),
        rewrite: false,
        prev: before.map_or_else(Vec::new, Envelope::lineage),
        created: None,
        updated: None,
        catalog: 0,
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        intent: None,
    }
}

/// A document that is there from the start.
pub(crate) fn first_version() -> Envelope {
    next_version(None, &Zero as &dyn Rng)
}

#[derive(Debug)]
struct Zero;

impl Rng for Zero {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// What was read: the version and the envelope.
pub(crate) type Base = Option<(Version, Envelope)>;

/// What a GET found.
pub(crate) fn base_of(found: Option<Object>) -> Base {
    found.map(|object| {
        let opened = open(&object.bytes).expect("the model writes envelopes");
        (object.version, opened.envelope)
    })
}

/// The end of a [`PutMachine`], in short.
pub(crate) fn said(outcome: &PutOutcome) -> Said {
    match outcome {
        PutOutcome::Applied(_) => Said::Applied,
        PutOutcome::Lost(_) | PutOutcome::Refused(_) => Said::NeverApplied,
        PutOutcome::Unknown(_) => Said::Unknown,
    }
}

/// Writes one document, so many times.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Writer<R: Rules> {
    key: Key,
    creates: bool,
    times: u8,
    doing: Doing<R>,
    said: Option<(Key, Written, Said)>,
}

#[derive(Clone, Debug, Hash)]
enum Doing<R: Rules> {
    Starting,
    Reading,
    Putting(Written, Box<PutMachine<R>>),
}

impl<R: Rules> Writer<R> {
    /// Puts the document without reading it: it must not be there.
    pub(crate) fn create(key: &Key) -> Self {
        Self::new(key, true, 1)
    }

    /// Reads the document and puts the next version, `times` times.
    pub(crate) fn update(key: &Key, times: u8) -> Self {
        Self::new(key, false, times)
    }

    fn new(key: &Key, creates: bool, times: u8) -> Self {
        Self {
            key: key.clone(),
            creates,
            times,
            doing: Doing::Starting,
            said: None,
        }
    }

    fn put(&mut self, base: Base, rng: &dyn Rng) -> Option<Want> {
        let envelope = next_version(base.as_ref().map(|(_, envelope)| envelope), rng);
        let written: (u64, Nonce) = (envelope.rev, envelope.write);
        let bytes = envelope.seal(b"{}");
        let machine = PutMachine::sealed(self.key.clone(), base, &envelope, bytes);
        self.doing = Doing::Putting(written, Box::new(machine));
        self.step(Told::Store(Reply::Start), rng)
    }

    fn ended(&mut self, written: Written, outcome: &PutOutcome, rng: &dyn Rng) -> Option<Want> {
        self.said = Some((self.key.clone(), written, said(outcome)));
        self.times -= 1;
        if self.times == 0 || !matches!(outcome, PutOutcome::Applied(_)) {
            self.doing = Doing::Starting;
            return None;
        }
        self.doing = Doing::Starting;
        self.step(Told::Begin, rng)
    }
}

impl<R: Rules> Program for Writer<R> {
    fn step(&mut self, told: Told, rng: &dyn Rng) -> Option<Want> {
        match (&mut self.doing, told) {
            (Doing::Starting, Told::Begin) if self.creates => self.put(None, rng),
            (Doing::Starting, Told::Begin) => {
                self.doing = Doing::Reading;
                Some(Want::Store(Request::Get(self.key.clone())))
            }
            (Doing::Reading, Told::Store(Reply::Got(Ok(found)))) => self.put(base_of(found), rng),
            (Doing::Putting(written, machine), Told::Store(reply)) => {
                let written = *written;
                match machine.step(reply, rng) {
                    Step::Do(request) => Some(Want::Store(request)),
                    Step::Done(outcome) => self.ended(written, &outcome, rng),
                }
            }
            _ => None,
        }
    }

    fn said(&self) -> Option<(Key, Written, Said)> {
        self.said.clone()
    }

    fn invariant(_: &World<Self>) -> Result<(), String> {
        Ok(())
    }
}
