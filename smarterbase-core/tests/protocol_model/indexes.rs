//! Writers that keep index entries, and readers that clean them up (storage-protocol §4.1), in the engine's order.

use std::{collections::BTreeMap, hash::Hash, time::Duration};

use bytes::Bytes;
use smarterbase_core::{
    document::Timestamp,
    format::{
        Envelope, Key, Nonce, entry::Tag, envelope::State, index_key::EncodedValue, path::EncodedId,
    },
    port::{Rng, index::Hit},
    protocol::{
        Machine, PutMachine, PutOutcome, Reply, Request, Rules, Step,
        stale::{Staleness, judge_under},
    },
};

use super::{
    puts::{Base, base_of, next_version, said},
    world::{Entry, Program, Said, Told, Want, World, Written},
};

const DEFINITION: &str = "plan-1f0c9a2b";

/// What a client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Aim {
    /// Gives the document this value.
    Set(u8),
    /// Deletes the document.
    Delete,
    /// Looks at one entry and removes it when it is stale.
    Clean,
}

/// The order and the names: the engine's, or wrong ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Engine,
    /// The document is put before its entry is announced.
    DocumentFirst,
    /// Entries of one value have one name.
    NamesRepeat,
    /// The own announcement is taken back although the put may still be applied (rule S15).
    WithdrawWhenUnknown,
    /// An announcement that was not confirmed is taken for one that was.
    TrustUnconfirmed,
}

/// One operation on the one document.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Indexer<R: Rules> {
    key: Key,
    aim: Aim,
    order: Order,
    doing: Doing<R>,
    base: Base,
    write: Option<Nonce>,
    announced: Option<Entry>,
    said: Option<(Key, Written, Said)>,
}

#[derive(Clone, Debug, Hash)]
enum Doing<R: Rules> {
    Reading,
    Announcing,
    Putting(Written, Box<PutMachine<R>>),
    AnnouncingLate,
    Removing,
    Picking,
    Judging(Entry),
    Done,
}

fn value(value: u8) -> EncodedValue {
    EncodedValue(Bytes::copy_from_slice(&[value]))
}

/// The entry that a version lists.
fn entry_of(envelope: &Envelope) -> Option<Entry> {
    let tag = envelope.index.get(DEFINITION)?.first()?;
    let parsed = Tag::parse(tag).expect("the model writes tags");
    let value = (0..=9).find(|number| parsed.matches(&value(*number)))?;
    Some(Entry {
        value,
        tag: tag.clone(),
    })
}

impl<R: Rules> Indexer<R> {
    pub(crate) fn new(key: &Key, aim: Aim, order: Order) -> Self {
        Self {
            key: key.clone(),
            aim,
            order,
            doing: Doing::Reading,
            base: None,
            write: None,
            announced: None,
            said: None,
        }
    }

    fn read(&mut self, doing: Doing<R>) -> Option<Want> {
        self.doing = doing;
        Some(Want::Store(Request::Get(self.key.clone())))
    }

    fn done(&mut self) -> Option<Want> {
        self.doing = Doing::Done;
        self.base = None;
        self.announced = None;
        self.write = None;
        None
    }

    fn was_read(&mut self, base: Base, rng: &dyn Rng) -> Option<Want> {
        let before = base.as_ref().map(|(_, envelope)| envelope);
        let current = before.and_then(entry_of);
        let rev = before.map_or(0, |envelope| envelope.rev);
        self.base = base;
        match self.aim {
            Aim::Set(aim) if current.is_some_and(|entry| entry.value == aim) => self.done(),
            Aim::Set(aim) => {
                let write = rng.nonce();
                self.write = Some(write);
                let tag = match self.order {
                    Order::NamesRepeat => Tag::new(0, Nonce::from_random([0; 13]), &value(aim)),
                    _ => Tag::new(rev, write, &value(aim)),
                };
                self.announced = Some(Entry {
                    value: aim,
                    tag: tag.to_string(),
                });
                self.announce(rng)
            }
            Aim::Delete => self.put(rng),
            Aim::Clean => self.done(),
        }
    }

    fn announce(&mut self, rng: &dyn Rng) -> Option<Want> {
        if self.order == Order::DocumentFirst {
            return self.put(rng);
        }
        self.doing = Doing::Announcing;
        self.announced.clone().map(Want::Announce)
    }

    fn put(&mut self, rng: &dyn Rng) -> Option<Want> {
        let mut envelope = next_version(self.base.as_ref().map(|(_, envelope)| envelope), rng);
        envelope.write = self.write.unwrap_or(envelope.write);
        match &self.announced {
            None => envelope.state = State::Deleted,
            Some(entry) => {
                envelope.index = BTreeMap::from([(DEFINITION.to_owned(), vec![entry.tag.clone()])]);
            }
        }
        let written = (envelope.rev, envelope.write);
        let bytes = envelope.seal(b"{}");
        let machine = PutMachine::sealed(self.key.clone(), self.base.clone(), &envelope, bytes);
        self.doing = Doing::Putting(written, Box::new(machine));
        self.step(Told::Store(Reply::Start), rng)
    }

    fn was_put(&mut self, written: Written, outcome: &PutOutcome) -> Option<Want> {
        let said = said(outcome);
        self.said = Some((self.key.clone(), written, said));
        match said {
            Said::Applied if self.order == Order::DocumentFirst && self.announced.is_some() => {
                self.doing = Doing::AnnouncingLate;
                self.announced.clone().map(Want::Announce)
            }
            Said::Applied => self.remove_old(),
            Said::Unknown if self.order != Order::WithdrawWhenUnknown => self.done(),
            Said::NeverApplied | Said::Unknown => self.remove(self.announced.clone()),
        }
    }

    fn remove_old(&mut self) -> Option<Want> {
        let old = self
            .base
            .as_ref()
            .and_then(|(_, envelope)| entry_of(envelope));
        self.remove(old)
    }

    fn remove(&mut self, entry: Option<Entry>) -> Option<Want> {
        match entry {
            None => self.done(),
            Some(entry) => {
                self.doing = Doing::Removing;
                self.base = None;
                Some(Want::Remove(entry))
            }
        }
    }

    fn judge(&mut self, entry: Entry, document: &Base) -> Option<Want> {
        let hit = Hit {
            value: value(entry.value),
            id: EncodedId::parse("0").expect("an id"),
            tag: Tag::parse(&entry.tag),
            last_modified: None,
        };
        let document = document.as_ref().map(|(_, envelope)| envelope);
        let now = Timestamp::UNIX_EPOCH;
        match judge_under::<R>(&hit, DEFINITION, document, now, Duration::ZERO) {
            Staleness::Keep => self.done(),
            Staleness::Remove => self.remove(Some(entry)),
        }
    }
}

impl<R: Rules> Program for Indexer<R> {
    fn step(&mut self, told: Told, rng: &dyn Rng) -> Option<Want> {
        match (&mut self.doing, told) {
            (Doing::Reading, Told::Begin) if self.aim == Aim::Clean => {
                self.doing = Doing::Picking;
                Some(Want::PickEntry)
            }
            (Doing::Reading, Told::Begin) => self.read(Doing::Reading),
            (Doing::Picking, Told::Picked(entry)) => self.read(Doing::Judging(entry)),
            (Doing::Judging(entry), Told::Store(Reply::Got(Ok(found)))) => {
                let entry = entry.clone();
                self.judge(entry, &base_of(found))
            }
            (Doing::Reading, Told::Store(Reply::Got(Ok(found)))) => {
                self.was_read(base_of(found), rng)
            }
            (Doing::Announcing, Told::Announced) => self.put(rng),
            (Doing::Announcing, Told::NotAnnounced) if self.order == Order::TrustUnconfirmed => {
                self.put(rng)
            }
            (Doing::AnnouncingLate, Told::Announced) => self.remove_old(),
            (Doing::Putting(written, machine), Told::Store(reply)) => {
                let written = *written;
                match machine.step(reply, rng) {
                    Step::Do(request) => Some(Want::Store(request)),
                    Step::Done(outcome) => self.was_put(written, &outcome),
                }
            }
            _ => self.done(),
        }
    }

    fn said(&self) -> Option<(Key, Written, Said)> {
        self.said.clone()
    }

    fn invariant(world: &World<Self>) -> Result<(), String> {
        for (key, envelope) in world.live() {
            if let Some(entry) = entry_of(envelope)
                && !world.entries.contains(&entry)
            {
                return Err(format!("{key}: live, and its entry is missing"));
            }
        }
        Ok(())
    }
}
