//! Writers that take and give back the unique value without a transaction (storage-protocol §3.2), in the engine's order
//! (`operation/{write,secure,settle}.rs`).

use smarterbase_core::{
    format::{Envelope, Key, envelope::State},
    protocol::{
        ClaimMachine, ClaimOutcome, ClaimPlan, PutMachine, PutOutcome, ReleaseMachine, Rules,
        SeeClaimMachine, SettleMachine, Settled, TakenClaim,
    },
};

use super::{
    client::{Next, Outcome, Own},
    facts::{HASH, UNIQUE, value},
    job::{End, Job},
    plain::{next_envelope, outcome, plain_settler},
    plan::{claim_key, settler},
};

/// What the writer does to its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Aim {
    /// Gives it the value.
    Set,
    /// Takes the value from it.
    Unset,
    Delete,
}

/// The order of the steps: the engine's, or a wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Engine,
    /// The same inside of a transaction that does nothing else: it reads as such, so it may replace an undecided touch.
    InTransaction,
    /// The version that the put expects is read after the claim was taken.
    VersionAfterClaim,
    /// The claim is looked at for its release after the document was put.
    LookAfterPut,
}

/// One operation on one document.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Claimer {
    key: Key,
    aim: Aim,
    order: Order,
    doing: Doing,
    base: Option<Settled>,
    /// The next version.
    next: Option<Envelope>,
    taken: Option<TakenClaim>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Doing {
    Beginning,
    Reading,
    ReadingLate,
    Claiming,
    Looking,
    Putting,
    LookingLate,
    Releasing,
}

impl Claimer {
    pub(crate) fn new(key: Key, aim: Aim, order: Order) -> Self {
        Self {
            key,
            aim,
            order,
            doing: Doing::Beginning,
            base: None,
            next: None,
            taken: None,
        }
    }

    pub(crate) fn next<R: Rules>(&mut self, end: End, own: &mut Own) -> Next<R> {
        match (self.doing, end) {
            (Doing::Beginning, _) => self.read(Doing::Reading, own),
            (Doing::Reading, End::Settled(Ok(found))) => self.was_read(found, own),
            (Doing::ReadingLate, End::Settled(Ok(found))) => {
                self.base = found;
                self.put(own)
            }
            (Doing::Claiming, End::Claimed(ClaimOutcome::Taken(taken))) => {
                self.taken = Some(taken);
                match self.order {
                    Order::VersionAfterClaim => self.read(Doing::ReadingLate, own),
                    _ => self.put(own),
                }
            }
            (Doing::Looking, End::Seen(seen)) => {
                self.taken = seen;
                self.put(own)
            }
            (Doing::LookingLate, End::Seen(seen)) => {
                self.taken = seen;
                self.release(own)
            }
            (Doing::Putting, End::Put(put)) => self.was_put(&put, own),
            (Doing::Releasing, _) => Next::Over,
            _ => {
                own.end(Outcome::Nothing);
                Next::Over
            }
        }
    }

    fn read<R: Rules>(&mut self, doing: Doing, own: &Own) -> Next<R> {
        self.doing = doing;
        let key = self.key.clone();
        Next::Do(Job::settle(match self.order {
            Order::InTransaction => SettleMachine::read(key, settler(own.maker)),
            _ => SettleMachine::replace(key, plain_settler()),
        }))
    }

    fn was_read<R: Rules>(&mut self, found: Option<Settled>, own: &mut Own) -> Next<R> {
        let is_live = value(found.as_ref()).is_some();
        let has_value = found
            .as_ref()
            .is_some_and(|settled| is_live && settled.opened.envelope.unique.contains_key(UNIQUE));
        let reads = (self.key.clone(), value(found.as_ref()));
        own.story.reads.extend([reads]);
        self.base = found;
        match (self.aim, has_value) {
            (Aim::Set, true) | (Aim::Unset | Aim::Delete, false) => {
                own.end(Outcome::Read);
                Next::Over
            }
            (Aim::Set, false) => self.take_claim(own),
            (_, true) if self.order == Order::LookAfterPut => self.put(own),
            (_, true) => self.look(Doing::Looking),
        }
    }

    fn look<R: Rules>(&mut self, doing: Doing) -> Next<R> {
        self.doing = doing;
        let machine = SeeClaimMachine::new(claim_key(), self.key.clone());
        Next::Do(Job::See(Box::new(machine)))
    }

    fn take_claim<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        self.doing = Doing::Claiming;
        let write = own.nonce();
        let mut next = next_envelope(self.base.as_ref(), State::Live, own);
        next.write = write;
        self.next = Some(next);
        let machine = ClaimMachine::under(ClaimPlan {
            claim: claim_key(),
            definition: UNIQUE.to_owned(),
            hash: HASH.to_owned(),
            owner: self.key.clone(),
            write,
            // The engine always tries; that is one more rejected put where the claim is there.
            create_first: self.base.is_none(),
            settler: plain_settler(),
        });
        Next::Do(Job::Claim(Box::new(machine)))
    }

    fn put<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        self.doing = Doing::Putting;
        let base = self.base.take();
        let state = match self.aim {
            Aim::Set | Aim::Unset => State::Live,
            Aim::Delete => State::Deleted,
        };
        let mut next = next_envelope(base.as_ref(), state, own);
        next.unique.clear();
        if let Some(planned) = self.next.take() {
            next.write = planned.write;
        }
        if self.aim == Aim::Set {
            next.unique.insert(UNIQUE.to_owned(), HASH.to_owned());
        }
        let becomes = (state == State::Live).then_some((next.rev, next.write));
        own.story
            .reads
            .insert(self.key.clone(), value(base.as_ref()));
        own.story.writes.insert(self.key.clone(), becomes);
        let bytes = next.seal(b"{}");
        let machine = PutMachine::over(self.key.clone(), base, &next, bytes);
        Next::Do(Job::Put(Box::new(machine)))
    }

    fn was_put<R: Rules>(&mut self, put: &PutOutcome, own: &mut Own) -> Next<R> {
        let outcome = outcome(put);
        own.end(outcome);
        match (self.aim, outcome) {
            (Aim::Set, Outcome::Nothing) => {
                self.taken.take_if(|taken| taken.was_ours);
                self.release(own)
            }
            (Aim::Unset | Aim::Delete, Outcome::Committed) => match self.order {
                Order::LookAfterPut => self.look(Doing::LookingLate),
                _ => self.release(own),
            },
            _ => Next::Over,
        }
    }

    fn release<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        self.doing = Doing::Releasing;
        match self.taken.take() {
            None => Next::Over,
            Some(taken) => {
                let machine = ReleaseMachine::new(taken, own.nonce());
                Next::Do(Job::Release(Box::new(machine)))
            }
        }
    }
}
