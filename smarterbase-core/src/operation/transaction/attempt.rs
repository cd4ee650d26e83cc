//! One attempt of a transaction: what its closure read, and what it is going to write.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;

use super::{
    Identity, OPTIMISTIC_ATTEMPTS,
    lock::Locks,
    once::KeptResult,
    range::Range,
    turns::{Turn, Use},
};
use crate::{
    error::{Code, Error, Result},
    format::{Key, envelope::State, intent::Attempt as Name},
    operation::{
        Collection, Engine,
        change::{Base, Change},
        read::{self, Fetched},
        write::{Verdict, Written},
    },
    protocol::{SettleMachine, Settled, Settler, settle, validate::Seen},
};

/// What an attempt may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ReadWrite,
    ReadOnly,
}

/// One attempt of one transaction.
#[derive(Debug)]
pub(crate) struct Attempt {
    engine: Arc<Engine>,
    pub(crate) name: Name,
    pub(crate) number: u32,
    pub(crate) settler: Settler,
    kind: Kind,
    /// `None` once the closure has ended.
    state: Mutex<Option<Closed>>,
}

/// Everything an attempt did.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) name: Name,
    pub(crate) number: u32,
    pub(crate) settler: Settler,
    /// What was read first, per object.
    pub(crate) reads: BTreeMap<Key, Option<Fetched>>,
    /// What is to be written, per document.
    pub(crate) writes: BTreeMap<Key, Buffered>,
    pub(crate) ranges: Vec<Range>,
    pub(crate) locks: Locks,
    /// Locks of users that must still be held. They are validated, but never waited for and never locked.
    pub(crate) fences: Vec<Seen>,
    /// Results that are kept under idempotency keys, by path. Each was looked for before.
    pub(crate) results: BTreeMap<Key, KeptResult>,
    /// Held until nothing is left of the attempt.
    pub(crate) turn: Option<Arc<Turn>>,
    held: usize,
}

/// A write that waits for the commit.
#[derive(Clone, Debug)]
pub(crate) struct Buffered {
    pub(crate) collection: Arc<Collection>,
    /// `change.base` is what was committed when the closure read it; without one nothing is assumed to be there.
    pub(crate) change: Change,
}

impl Closed {
    /// Every object that the attempt read or meant to write.
    pub(crate) fn touched(&self) -> Vec<Key> {
        let mut keys: Vec<Key> = self
            .reads
            .keys()
            .chain(self.writes.keys())
            .cloned()
            .collect();
        keys.sort();
        keys.dedup();
        keys
    }

    /// How every object is used that the attempt read or is going to write.
    pub(crate) fn uses(&self) -> BTreeMap<Key, Use> {
        let read = self.reads.keys().map(|key| (key.clone(), Use::Read));
        let written = self.writes.keys().chain(self.results.keys());
        read.chain(written.map(|key| (key.clone(), Use::Write)))
            .collect()
    }

    /// Whether there is nothing to commit but that the reads are true.
    pub(crate) fn only_reads(&self) -> bool {
        self.writes.is_empty() && self.results.is_empty()
    }

    fn is_written(&self, key: &Key) -> bool {
        self.writes.contains_key(key) || self.results.contains_key(key)
    }

    /// Whether it locked what the attempt before it touched, and replaces something else too.
    pub(crate) fn is_escalated(&self) -> bool {
        let is_unlocked =
            |(key, write): (&Key, &Buffered)| write.change.base.is_some() && !self.locks.bears(key);
        self.number >= OPTIMISTIC_ATTEMPTS
            && !self.locks.is_empty()
            && self.writes.iter().any(is_unlocked)
    }

    /// The attempt in its turn.
    pub(crate) fn in_turn(self, turn: Option<Arc<Turn>>) -> Self {
        Self { turn, ..self }
    }

    /// What was read and is not written.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        let read = self.reads.iter();
        read.filter(|(key, _)| !self.is_written(key))
            .map(|(key, fetched)| seen(key, fetched.as_ref()))
            .chain(self.fences.iter().cloned())
            .collect()
    }

    /// What was read, and that nothing is where documents are created.
    pub(crate) fn seen_and_assumed(&self) -> Vec<Seen> {
        let unread = |key: &&Key| !self.reads.contains_key(*key);
        let assumed = self
            .writes
            .keys()
            .filter(unread)
            .cloned()
            .map(Seen::nothing);
        let read = self.reads.iter();
        read.map(|(key, fetched)| seen(key, fetched.as_ref()))
            .chain(assumed)
            .chain(self.fences.iter().cloned())
            .collect()
    }
}

fn seen(key: &Key, fetched: Option<&Fetched>) -> Seen {
    Seen::of(key.clone(), fetched.map(|fetched| &fetched.settled))
}

impl Buffered {
    /// The document as the transaction sees it.
    pub(crate) fn fetched(&self) -> Fetched {
        let change = &self.change;
        let opened = crate::format::envelope::Opened {
            envelope: change.envelope.clone(),
            has_envelope: true,
            body: change.body.clone(),
        };
        Fetched::from(Settled {
            version: crate::document::Version::default(),
            opened,
            bears_intent: false,
        })
    }
}

impl Attempt {
    pub(crate) fn begin(
        engine: &Arc<Engine>,
        identity: &Identity,
        number: u32,
        kind: Kind,
    ) -> Arc<Self> {
        let name = Name::new(identity.transaction, number);
        let settler = Settler {
            attempt: Some(name.clone()),
            priority: Some(identity.priority.clone()),
            ..engine.settler()
        };
        let state = Closed {
            name: name.clone(),
            number,
            settler: settler.clone(),
            reads: BTreeMap::new(),
            writes: BTreeMap::new(),
            ranges: Vec::new(),
            fences: Vec::new(),
            results: BTreeMap::new(),
            locks: Locks::none(engine, name.clone()),
            turn: None,
            held: 0,
        };
        Arc::new(Self {
            engine: engine.clone(),
            name,
            number,
            settler,
            kind,
            state: Mutex::new(Some(state)),
        })
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Ends the attempt: from here on every operation in it is refused.
    pub(crate) fn close(&self) -> Closed {
        let closed = self.lock_state().take();
        closed.expect("an attempt is closed once")
    }

    fn lock_state(&self) -> MutexGuard<'_, Option<Closed>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works on the state, unless the closure has ended.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut Closed) -> Result<R>) -> Result<R> {
        match &mut *self.lock_state() {
            Some(state) => work(state),
            None => Err(ended()),
        }
    }
}

fn ended() -> Error {
    let text = "the transaction's attempt has ended; a `Tx` lives as long as its closure runs";
    Error::new(Code::TRANSACTION_ENDED, text)
}

/// Reading.
impl Attempt {
    /// An object as the transaction sees it: its own write, what it read before, or what is there now.
    pub(crate) async fn fetch(&self, key: &Key) -> Result<Option<Fetched>> {
        if let Some(known) = self.with(|state| Ok(state.known(key)))? {
            return Ok(known);
        }
        // A transaction of this process that has just committed the object replaces its intent first.
        let (turns, clock) = (&self.engine.turns, &*self.engine.clock);
        turns.let_finish(key, clock, self.settler.grace).await;
        let machine = SettleMachine::read(key.clone(), self.settler.clone());
        let fetched = read::settle(&self.engine, machine).await?;
        self.remember(key, fetched)
    }

    /// The first answer holds: two reads of one object in one transaction never differ.
    pub(crate) fn remember(&self, key: &Key, fetched: Option<Fetched>) -> Result<Option<Fetched>> {
        let limits = self.engine.limits.transactions;
        self.with(|state| {
            if let Some(known) = state.known(key) {
                return Ok(known);
            }
            if state.reads.len() + state.places() >= limits.reads {
                return Err(too_large(format!(
                    "reads more than {} objects",
                    limits.reads
                )));
            }
            let bytes = fetched.as_ref().map_or(0, |fetched| fetched.bytes.len());
            state.hold(bytes, limits.bytes)?;
            state.reads.insert(key.clone(), fetched.clone());
            Ok(fetched)
        })
    }

    /// Remembers what a range showed.
    pub(crate) fn remember_range(&self, range: Range) -> Result<()> {
        let most = self.engine.limits.transactions.reads;
        self.with(|state| {
            if state.places() + range.len() > most {
                return Err(too_large(format!("reads more than {most} entries")));
            }
            state.ranges.push(range);
            Ok(())
        })
    }

    /// Remembers that the lock must still be held as it was seen.
    pub(crate) fn fence(&self, seen: Seen) -> Result<()> {
        let most = self.engine.limits.transactions.reads;
        self.with(|state| {
            // Two that saw different things cannot both be true: then the transaction conflicts.
            state.fences.retain(|fence| *fence != seen);
            if state.fences.len() >= most {
                return Err(too_large(format!("is fenced by more than {most} locks")));
            }
            state.fences.push(seen);
            Ok(())
        })
    }

    /// The transaction's own writes in a collection, by key.
    pub(crate) fn written(&self, collection: &Collection) -> Result<Vec<Buffered>> {
        self.with(|state| {
            let writes = state.writes.values();
            let own = writes.filter(|write| write.collection.name() == collection.name());
            Ok(own.cloned().collect())
        })
    }
}

impl Closed {
    fn known(&self, key: &Key) -> Option<Option<Fetched>> {
        match self.writes.get(key) {
            Some(write) => Some(Some(write.fetched())),
            None => self.reads.get(key).cloned(),
        }
    }

    /// How many places in ranges were seen.
    fn places(&self) -> usize {
        self.ranges.iter().map(Range::len).sum()
    }

    fn hold(&mut self, bytes: usize, most: usize) -> Result<()> {
        let held = self.held.saturating_add(bytes);
        if held > most {
            return Err(too_large(format!("holds more than {most} bytes")));
        }
        self.held = held;
        Ok(())
    }
}

fn too_large(why: String) -> Error {
    let text = format!("the transaction {why}; split it, or raise its limits");
    Error::new(Code::BUDGET, text)
}

/// Writing.
impl Attempt {
    /// Holds a change back for the commit. It is lost at once when the transaction sees another version than the change
    /// replaces.
    pub(crate) async fn write(
        &self,
        collection: &Arc<Collection>,
        change: Change,
    ) -> Result<Verdict> {
        if self.kind == Kind::ReadOnly {
            let text = "a snapshot only reads; use `transaction` to write";
            return Err(Error::new(Code::READ_ONLY, text).in_collection(collection.name()));
        }
        let key = collection.key(&change.id);
        // In its first attempt a create assumes that nothing is there; the commit finds out.
        let assumes = change.base.is_none() && self.number == 0;
        if !assumes {
            self.fetch(&key).await?;
        }
        let limits = self.engine.limits.transactions;
        self.with(|state| {
            let current = state.known(&key).flatten();
            if !follows(&change, current.as_ref()) {
                let current = current.map(|current| current.settled.object());
                return Ok(Verdict::Lost(current));
            }
            if state.writes.len() >= limits.writes && !state.writes.contains_key(&key) {
                let most = limits.writes;
                return Err(too_large(format!("writes more than {most} documents")));
            }
            state.hold(change.body.len(), limits.bytes)?;
            Ok(state.buffer(collection, key, change, current))
        })
    }
}

impl Attempt {
    /// Holds a result back for the commit. It was looked for before, so what it replaces is known.
    pub(crate) fn keep(&self, key: Key, body: Bytes) -> Result<()> {
        if self.kind == Kind::ReadOnly {
            let text = "a snapshot only reads; use `transaction` to keep a result";
            return Err(Error::new(Code::READ_ONLY, text));
        }
        let most = self.engine.limits.transactions.bytes;
        self.with(|state| {
            state.hold(body.len(), most)?;
            let read = state.reads.get(&key).cloned().flatten();
            let base = read.map(|fetched| fetched.settled);
            state.results.insert(key, KeptResult { base, body });
            Ok(())
        })
    }
}

impl Closed {
    /// Holds a change back that follows what the transaction sees.
    fn buffer(
        &mut self,
        collection: &Arc<Collection>,
        key: Key,
        change: Change,
        current: Option<Fetched>,
    ) -> Verdict {
        let base = match (self.writes.get(&key), current) {
            (Some(earlier), _) => earlier.change.base.clone(),
            (None, Some(current)) => Some(base(&change, current)),
            (None, None) => None,
        };
        let change = rebased(change, base);
        let verdict = Verdict::Written(written(&change));
        if change.envelope.state != State::Live && !was_live(&change) {
            // Made and removed again: nothing is written, but that nothing was there was assumed.
            self.writes.remove(&key);
            self.reads.entry(key).or_insert(None);
            return verdict;
        }
        let collection = collection.clone();
        self.writes.insert(key, Buffered { collection, change });
        verdict
    }
}

/// Whether a change replaces what the transaction sees.
fn follows(change: &Change, current: Option<&Fetched>) -> bool {
    let replaced = change.base.as_ref().map(|base| &base.settled);
    let current = current.map(|current| &current.settled);
    settle::Identity::of(replaced) == settle::Identity::of(current)
}

/// What a change replaces, as the transaction read it.
fn base(change: &Change, current: Fetched) -> Base {
    let entries = match &change.base {
        Some(base) => base.entries.clone(),
        None => crate::format::index_key::IndexEntries {
            values: vec![Vec::new(); change.entries.values.len()],
        },
    };
    Base {
        settled: current.settled,
        entries,
    }
}

/// The change over what was committed: the transaction makes one revision, however often it writes.
fn rebased(mut change: Change, base: Option<Base>) -> Change {
    let replaced = base.as_ref().map(Base::envelope);
    change.envelope.rev = replaced.map_or(1, |envelope| envelope.rev + 1);
    change.envelope.prev = replaced.map_or_else(Vec::new, |envelope| envelope.lineage());
    change.base = base;
    change
}

fn was_live(change: &Change) -> bool {
    let base = change.base.as_ref().map(Base::envelope);
    base.is_some_and(|envelope| envelope.state == State::Live)
}

/// What the closure gets to see of a write that waits. Its version is known to nobody yet.
fn written(change: &Change) -> Written {
    Written {
        envelope: change.envelope.clone(),
        bytes: change.envelope.seal(&change.body),
        version: None,
    }
}
