//! What a transaction asks its machines to do (`operation/transaction/{commit,claims,lock,clear}.rs`).

use std::{collections::BTreeMap, time::Duration};

use smarterbase_core::{
    format::{
        Envelope, Key, claim,
        envelope::State,
        intent::{Attempt, Author, Content, Home, Intent, Operation, Pending, Priority},
        record::Decision,
    },
    protocol::{
        ClearMachine, CommitPlan, FinishPlan, PlaceMachine, Placed, PutMachine, Rules, Settled,
        Settler, commit::Write, finish::ClearPlan, validate::Seen,
    },
};

use super::{
    client::Own,
    facts::{HASH, Maker, UNIQUE},
    plain::next_envelope,
    shape::{Change, ClaimAim},
    transaction::Transaction,
};

/// The claim of the one value.
pub(crate) fn claim_key() -> Key {
    Key::from_stored(format!("_unique/users/{UNIQUE}/{HASH}.json"))
}

/// The name of an attempt.
pub(crate) fn attempt(maker: Maker) -> Attempt {
    Attempt::new(Maker::transaction(maker.client), u32::from(maker.attempt))
}

/// Who comes first in the world is the oldest.
fn priority(maker: Maker) -> Priority {
    Priority(
        u64::from(maker.client),
        Maker::transaction(maker.client).as_str().to_owned(),
    )
}

pub(crate) fn settler(maker: Maker) -> Settler {
    Settler {
        attempt: Some(attempt(maker)),
        priority: Some(priority(maker)),
        grace: Duration::from_millis(250),
        lease: Duration::from_secs(5),
        longest: Duration::from_secs(10),
    }
}

fn author(maker: Maker, home: Home, members: usize) -> Author {
    Author {
        transaction: attempt(maker),
        home,
        members: u32::try_from(members).expect("few members"),
        priority: priority(maker),
    }
}

/// The committed version, under the put that bears the lock (`lock.rs`).
pub(crate) fn locked(base: &Settled, placed: &Placed) -> Settled {
    let mut settled = base.clone();
    settled.version = placed.version.clone();
    settled.opened.envelope.put = placed.envelope.put;
    settled.bears_intent = true;
    settled
}

/// How the objects of an attempt are finished (`clear.rs`).
pub(crate) fn finish_plans(
    attempt: &Attempt,
    decision: Decision,
    placed: BTreeMap<Key, Placed>,
    uncertain: Vec<Key>,
) -> Vec<FinishPlan> {
    let plan = |key: Key, placed: Option<Placed>| FinishPlan {
        key,
        transaction: attempt.clone(),
        decision,
        placed,
        staged: None,
    };
    let unplaced = uncertain
        .into_iter()
        .filter(|key| !placed.contains_key(key));
    let unplaced: Vec<Key> = unplaced.collect();
    let placed = placed
        .into_iter()
        .map(|(key, placed)| plan(key, Some(placed)));
    placed
        .chain(unplaced.into_iter().map(|key| plan(key, None)))
        .collect()
}

/// `clear::clear`.
pub(crate) fn finish<R: Rules>(
    maker: Maker,
    decision: Decision,
    objects: Vec<FinishPlan>,
) -> ClearMachine<R> {
    ClearMachine::new(ClearPlan {
        transaction: attempt(maker),
        decision,
        objects,
        staged: Vec::new(),
        removes_record: decision == Decision::Committed,
    })
}

impl Transaction {
    pub(super) fn placing_lock<R: Rules>(
        &self,
        key: &Key,
        settled: Settled,
        own: &mut Own,
    ) -> PlaceMachine<R> {
        let locker = author(own.maker, Home::Record, self.shape.locks.len());
        let rev = settled.opened.envelope.rev;
        let intent = Intent::hold(&locker, Operation::Lock, rev, own.nonce());
        PlaceMachine::new(key.clone(), Some(settled), intent, settler(own.maker)).on_any_version()
    }

    /// One document and nothing else (`as_plain_write`): its put is the commit.
    pub(super) fn plain_write<R: Rules>(&self, own: &mut Own) -> Option<PutMachine<R>> {
        let [(key, change)] = self.shape.writes.as_slice() else {
            return None;
        };
        let has_more = !self.locks.is_empty()
            || !self.shape.range.is_empty()
            || self.shape.claim.is_some()
            || self.read.keys().any(|read| read != key);
        if has_more {
            return None;
        }
        let base = self.base(key);
        let envelope = self.next_version(key, *change, own);
        let bytes = envelope.seal(b"{}");
        Some(PutMachine::over(key.clone(), base, &envelope, bytes))
    }

    fn base(&self, key: &Key) -> Option<Settled> {
        self.read.get(key).cloned().flatten()
    }

    /// The next version of a document, which also is what the story says.
    fn next_version(&self, key: &Key, change: Change, own: &mut Own) -> Envelope {
        let state = match change {
            Change::Put => State::Live,
            Change::Delete => State::Deleted,
        };
        let mut envelope = next_envelope(self.base(key).as_ref(), state, own);
        if self.shape.writes[0].0 == *key {
            match self.shape.claim {
                Some(ClaimAim::Take) => {
                    drop(envelope.unique.insert(UNIQUE.to_owned(), HASH.to_owned()));
                }
                Some(ClaimAim::GiveUp) => envelope.unique.clear(),
                None => {}
            }
        }
        let written = (envelope.rev, envelope.write);
        let becomes = (change == Change::Put).then_some(written);
        own.story.writes.insert(key.clone(), becomes);
        envelope
    }

    pub(super) fn plan(&mut self, own: &mut Own) -> CommitPlan {
        let written: Vec<Key> = self
            .shape
            .writes
            .iter()
            .map(|(key, _)| key.clone())
            .collect();
        let mut locked: Vec<Key> = self.locks.keys().cloned().collect();
        locked.retain(|key| !written.contains(key));
        let claims = usize::from(self.claim.is_some()) + usize::from(self.touched.is_some());
        let members = written.len() + claims + locked.len();
        self.home = match members == 1 && self.locks.is_empty() {
            true => Home::Own,
            false => Home::Record,
        };
        let author = author(own.maker, self.home, members);
        let mut writes = self.document_writes(&author, own);
        writes.extend(self.claim_writes(&author, own));
        writes.sort_by(|one, other| one.key.cmp(&other.key));
        let mut reads = self.seen();
        reads.retain(|seen| writes.iter().all(|write| write.key != seen.key));
        locked.retain(|key| writes.iter().all(|write| write.key != *key));
        CommitPlan {
            settler: settler(own.maker),
            locked,
            reads,
            ranges: usize::from(!self.shape.range.is_empty()),
            announces: self.shape.announces,
            staged: Vec::new(),
            in_order: !self.locks.is_empty(),
            author,
            writes,
        }
    }

    fn document_writes(&self, author: &Author, own: &mut Own) -> Vec<Write> {
        let shape = self.shape.clone();
        let writes = shape.writes.iter().map(|(key, change)| {
            let envelope = self.next_version(key, *change, own);
            Write {
                key: key.clone(),
                base: self.base(key),
                intent: Intent::write(author, &pending(&envelope)),
            }
        });
        writes.collect()
    }

    /// `Claims::writes`.
    fn claim_writes(&mut self, author: &Author, own: &mut Own) -> Vec<Write> {
        let mut writes = Vec::new();
        if let Some(base) = self.claim.take() {
            let owner = self.shape.writes[0].0.as_str();
            let envelope = next_envelope(base.as_ref(), State::Live, own);
            let mut pending = pending(&envelope);
            pending.schema = 0;
            pending.content = Content::Here(claim::body(Some(owner)));
            writes.push(Write {
                key: claim_key(),
                base,
                intent: Intent::write(author, &pending),
            });
        }
        if let Some((key, base)) = self.touched.take() {
            let rev = base.as_ref().map_or(0, |base| base.opened.envelope.rev);
            let intent = Intent::hold(author, Operation::Touch, rev, own.nonce());
            writes.push(Write { key, base, intent });
        }
        writes
    }

    /// What was read and is not written (`Closed::seen`).
    fn seen(&self) -> Vec<Seen> {
        let is_written = |key: &Key| self.shape.writes.iter().any(|(written, _)| written == key);
        let read = self.read.iter().filter(|(key, _)| !is_written(key));
        read.map(|(key, settled)| Seen::of(key.clone(), settled.as_ref()))
            .collect()
    }

    /// Of an attempt that writes nothing (`commit::validate`).
    pub(super) fn checks(&self, more: Vec<Seen>, own: &Own) -> CommitPlan {
        let unread = |key: &&Key| !self.read.contains_key(*key);
        let written = self.shape.writes.iter().map(|(key, _)| key);
        let assumed = written.filter(unread).cloned().map(Seen::nothing);
        let read = self.read.iter();
        let read = read.map(|(key, settled)| Seen::of(key.clone(), settled.as_ref()));
        CommitPlan {
            author: author(own.maker, Home::Record, 0),
            settler: settler(own.maker),
            writes: Vec::new(),
            locked: Vec::new(),
            reads: read.chain(assumed).chain(more).collect(),
            ranges: usize::from(!self.shape.range.is_empty()),
            announces: false,
            staged: Vec::new(),
            in_order: false,
        }
    }
}

fn pending(envelope: &Envelope) -> Pending {
    Pending {
        state: envelope.state,
        rev: envelope.rev,
        write: envelope.write,
        schema: envelope.schema,
        shape: envelope.shape.clone(),
        created: None,
        updated: None,
        catalog: 0,
        index: BTreeMap::new(),
        unique: envelope.unique.clone(),
        content: Content::Here(bytes::Bytes::from_static(b"{}")),
    }
}
