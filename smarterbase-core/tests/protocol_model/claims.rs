//! Writers that take and give back one unique value (storage-protocol §3.2), in the engine's order.

use std::hash::Hash;

use smarterbase_core::{
    format::{Envelope, Key, Nonce, envelope::State},
    port::Rng,
    protocol::{
        ClaimMachine, ClaimOutcome, ClaimPlan, Machine, PutMachine, PutOutcome, ReleaseMachine,
        Reply, Request, Rules, SeeClaimMachine, Step, TakenClaim,
    },
};

use super::{
    puts::{Base, base_of, next_version, said},
    world::{Program, Said, Told, Want, World, Written},
};

const DEFINITION: &str = "email-77aa01c3";
const HASH: &str = "5f0c";

/// The claim of the one value.
fn claim() -> Key {
    Key::from_stored(format!("_unique/users/{DEFINITION}/{HASH}.json"))
}

/// Whether a version holds the value.
fn holds_value(envelope: &Envelope) -> bool {
    envelope.state == State::Live && envelope.unique.contains_key(DEFINITION)
}

/// What the writer does to its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Aim {
    /// Gives it the value.
    Set,
    /// Takes the value from it.
    Unset,
    /// Deletes it.
    Delete,
}

/// The order of the steps: the engine's, or a wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    Engine,
    /// The version that the put expects is read after the claim was taken.
    VersionAfterClaim,
    /// The claim is looked at for its release after the document was put.
    LookAfterPut,
    /// The claim is given back although the put may still be applied.
    ReleaseWhenUnknown,
}

/// One operation on one document.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Owner<R: Rules> {
    key: Key,
    aim: Aim,
    order: Order,
    doing: Doing<R>,
    base: Base,
    write: Option<Nonce>,
    taken: Option<TakenClaim>,
    tries: u8,
    said: Option<(Key, Written, Said)>,
}

#[derive(Clone, Debug, Hash)]
enum Doing<R: Rules> {
    Reading,
    ReadingLate,
    Claiming(ClaimMachine<R>),
    Looking(SeeClaimMachine),
    LookingLate(SeeClaimMachine),
    Putting(Written, PutMachine<R>),
    Releasing(ReleaseMachine),
    Done,
}

impl<R: Rules> Owner<R> {
    pub(crate) fn new(key: &Key, aim: Aim, order: Order) -> Self {
        Self {
            key: key.clone(),
            aim,
            order,
            doing: Doing::Reading,
            base: None,
            write: None,
            taken: None,
            tries: 2,
            said: None,
        }
    }

    fn begin(&mut self, doing: Doing<R>, rng: &dyn Rng) -> Option<Want> {
        self.doing = doing;
        self.step(Told::Store(Reply::Start), rng)
    }

    fn read(&mut self, doing: Doing<R>) -> Option<Want> {
        self.doing = doing;
        Some(Want::Store(Request::Get(self.key.clone())))
    }

    fn done(&mut self) -> Option<Want> {
        self.doing = Doing::Done;
        self.base = None;
        self.taken = None;
        self.write = None;
        None
    }

    fn was_read(&mut self, base: Base, rng: &dyn Rng) -> Option<Want> {
        let has_value = base
            .as_ref()
            .is_some_and(|(_, envelope)| holds_value(envelope));
        self.base = base;
        match (self.aim, has_value) {
            (Aim::Set, true) | (Aim::Unset | Aim::Delete, false) => self.done(),
            (Aim::Set, false) => self.take_claim(rng),
            (Aim::Unset | Aim::Delete, true) if self.order == Order::LookAfterPut => self.put(rng),
            (Aim::Unset | Aim::Delete, true) => {
                let machine = SeeClaimMachine::new(claim(), self.key.clone());
                self.begin(Doing::Looking(machine), rng)
            }
        }
    }

    fn take_claim(&mut self, rng: &dyn Rng) -> Option<Want> {
        let write = rng.nonce();
        self.write = Some(write);
        let machine = ClaimMachine::under(ClaimPlan {
            claim: claim(),
            definition: DEFINITION.to_owned(),
            hash: HASH.to_owned(),
            owner: self.key.clone(),
            write,
            create_first: self.base.is_none(),
            settler: super::world::plain_settler(),
        });
        self.begin(Doing::Claiming(machine), rng)
    }

    fn claimed(&mut self, outcome: ClaimOutcome, rng: &dyn Rng) -> Option<Want> {
        match outcome {
            ClaimOutcome::Held(_) | ClaimOutcome::Failed(_) => self.done(),
            ClaimOutcome::Taken(taken) => {
                self.taken = Some(taken);
                match self.order {
                    Order::VersionAfterClaim => self.read(Doing::ReadingLate),
                    _ => self.put(rng),
                }
            }
        }
    }

    fn put(&mut self, rng: &dyn Rng) -> Option<Want> {
        let base = self.base.take();
        let mut envelope = next_version(base.as_ref().map(|(_, envelope)| envelope), rng);
        envelope.write = self.write.unwrap_or(envelope.write);
        match self.aim {
            Aim::Set => drop(
                envelope
                    .unique
                    .insert(DEFINITION.to_owned(), HASH.to_owned()),
            ),
            Aim::Unset => {}
            Aim::Delete => envelope.state = State::Deleted,
        }
        let written = (envelope.rev, envelope.write);
        let bytes = envelope.seal(b"{}");
        let machine = PutMachine::sealed(self.key.clone(), base, &envelope, bytes);
        self.begin(Doing::Putting(written, machine), rng)
    }

    fn was_put(&mut self, written: Written, outcome: &PutOutcome, rng: &dyn Rng) -> Option<Want> {
        let said = said(outcome);
        self.said = Some((self.key.clone(), written, said));
        match (self.aim, said) {
            (Aim::Set, Said::Applied) => self.done(),
            (Aim::Set, Said::Unknown) if self.order != Order::ReleaseWhenUnknown => self.done(),
            (Aim::Set, _) => self.release_new(rng),
            (_, Said::Applied) if self.order == Order::LookAfterPut => {
                let machine = SeeClaimMachine::new(claim(), self.key.clone());
                self.begin(Doing::LookingLate(machine), rng)
            }
            (_, Said::Applied) => self.release(rng),
            (_, Said::NeverApplied) => self.try_again(),
            (_, Said::Unknown) => self.done(),
        }
    }

    fn try_again(&mut self) -> Option<Want> {
        self.tries -= 1;
        if self.tries == 0 {
            return self.done();
        }
        self.taken = None;
        self.read(Doing::Reading)
    }

    fn release_new(&mut self, rng: &dyn Rng) -> Option<Want> {
        self.taken.take_if(|taken| taken.was_ours);
        self.release(rng)
    }

    fn release(&mut self, rng: &dyn Rng) -> Option<Want> {
        match self.taken.take() {
            None => self.done(),
            Some(taken) => {
                let machine = ReleaseMachine::new(taken, rng.nonce());
                self.begin(Doing::Releasing(machine), rng)
            }
        }
    }
}

impl<R: Rules> Program for Owner<R> {
    fn step(&mut self, told: Told, rng: &dyn Rng) -> Option<Want> {
        let reply = match told {
            Told::Store(reply) => reply,
            _ => return self.read(Doing::Reading),
        };
        match (&mut self.doing, reply) {
            (Doing::Reading, Reply::Got(Ok(found))) => self.was_read(base_of(found), rng),
            (Doing::ReadingLate, Reply::Got(Ok(found))) => {
                self.base = base_of(found);
                self.put(rng)
            }
            (Doing::Claiming(machine), reply) => match machine.step(reply, rng) {
                Step::Do(request) => Some(Want::Store(request)),
                Step::Done(outcome) => self.claimed(outcome, rng),
            },
            (Doing::Looking(machine), reply) => match machine.step(reply, rng) {
                Step::Do(request) => Some(Want::Store(request)),
                Step::Done(seen) => {
                    self.taken = seen;
                    self.put(rng)
                }
            },
            (Doing::LookingLate(machine), reply) => match machine.step(reply, rng) {
                Step::Do(request) => Some(Want::Store(request)),
                Step::Done(seen) => {
                    self.taken = seen;
                    self.release(rng)
                }
            },
            (Doing::Putting(written, machine), reply) => {
                let written = *written;
                match machine.step(reply, rng) {
                    Step::Do(request) => Some(Want::Store(request)),
                    Step::Done(outcome) => self.was_put(written, &outcome, rng),
                }
            }
            (Doing::Releasing(machine), reply) => match machine.step(reply, rng) {
                Step::Do(request) => Some(Want::Store(request)),
                Step::Done(_) => self.done(),
            },
            _ => self.done(),
        }
    }

    fn said(&self) -> Option<(Key, Written, Said)> {
        self.said.clone()
    }

    fn invariant(world: &World<Self>) -> Result<(), String> {
        let holders = world.live().filter(|(_, envelope)| holds_value(envelope));
        match holders.count() {
            0 | 1 => Ok(()),
            _ => Err("two live holders".to_owned()),
        }
    }
}
