//! What a transaction does before it commits: lock ▸ read ▸ claim.

use smarterbase_core::{
    format::{Key, claim},
    port::StoreError,
    protocol::{Placed, Rules, SeeClaimMachine, SettleMachine, Settled, validate::Seen},
};

use super::{
    client::{Next, Own},
    facts::{UNIQUE, value},
    job::Job,
    library::Ask,
    plan,
    shape::ClaimAim,
    transaction::{Doing, Transaction},
};

impl Transaction {
    pub(super) fn begin<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        self.todo = self.shape.locks.iter().cloned().collect();
        self.lock_next(own)
    }

    fn lock_next<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        match self.todo.pop_front() {
            None => self.scan(own),
            Some(key) => {
                let machine = SettleMachine::replace(key.clone(), plan::settler(own.maker));
                self.settle(Doing::Locking(key), machine)
            }
        }
    }

    /// Where nothing is, nothing is locked; what cannot be locked ends the locking (`lock.rs`).
    pub(super) fn lock<R: Rules>(
        &mut self,
        key: Key,
        found: Option<Option<Settled>>,
        own: &mut Own,
    ) -> Next<R> {
        match found {
            None => self.scan(own),
            Some(None) => self.lock_next(own),
            Some(Some(settled)) => {
                let machine = self.placing_lock(&key, settled, own);
                self.doing = Doing::Placing(key);
                Next::Do(Job::Place(Box::new(machine)))
            }
        }
    }

    pub(super) fn locked<R: Rules>(
        &mut self,
        key: Key,
        placed: Option<Placed>,
        own: &mut Own,
    ) -> Next<R> {
        let Some(placed) = placed else {
            return self.scan(own);
        };
        let read = placed.base.as_ref().map(|base| plan::locked(base, &placed));
        self.read.insert(key.clone(), read);
        self.locks.insert(key, placed);
        self.lock_next(own)
    }

    fn scan<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        let created = self.shape.writes.iter().map(|(key, _)| key);
        let read = self.shape.reads.iter();
        self.todo = match self.shape.knows_more || own.maker.attempt > 0 {
            true => read.chain(created).cloned().collect(),
            false => read.cloned().collect(),
        };
        if self.shape.range.is_empty() {
            return self.read_next(own);
        }
        self.doing = Doing::Scanning;
        Next::Do(Job::Ask(Ask::Scan))
    }

    pub(super) fn scanned<R: Rules>(
        &mut self,
        found: Result<Vec<Key>, StoreError>,
        own: &mut Own,
    ) -> Next<R> {
        let found = found.expect("a range that is read");
        self.todo.extend(found);
        self.read_next(own)
    }

    pub(super) fn read_next<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        let Some(key) = self.todo.pop_front() else {
            return self.claim(own);
        };
        if self.read.contains_key(&key) {
            return self.read_next(own);
        }
        let machine = SettleMachine::read(key.clone(), plan::settler(own.maker));
        self.settle(Doing::Reading(key), machine)
    }

    fn claim<R: Rules>(&mut self, own: &mut Own) -> Next<R> {
        let key = plan::claim_key();
        match self.shape.claim {
            None => self.commit(own),
            Some(ClaimAim::GiveUp) => {
                self.doing = Doing::SeeingClaim;
                let machine = SeeClaimMachine::new(key, self.shape.writes[0].0.clone());
                Next::Do(Job::See(Box::new(machine)))
            }
            Some(ClaimAim::Take) if !self.shape.knows_more && own.maker.attempt == 0 => {
                self.claim = Some(None);
                self.commit(own)
            }
            Some(ClaimAim::Take) => {
                let machine = SettleMachine::replace(key, plan::settler(own.maker));
                self.settle(Doing::ReadingClaim, machine)
            }
        }
    }

    /// `claims.rs`: a claim of somebody else is taken by a touch of that document.
    pub(super) fn claim_found<R: Rules>(
        &mut self,
        claim: Option<Settled>,
        own: &mut Own,
    ) -> Next<R> {
        let body = claim.as_ref().map(|claim| &claim.opened.body);
        let owner = body.and_then(|body| claim::owner(body).expect("a claim"));
        self.claim = Some(claim);
        match owner.map(Key::from_stored) {
            Some(owner) if owner != self.shape.writes[0].0 => match self.read.get(&owner) {
                Some(read) => self.owner_found(owner, read.clone(), own),
                None => {
                    let machine = SettleMachine::replace(owner.clone(), plan::settler(own.maker));
                    self.settle(Doing::ReadingOwner(owner), machine)
                }
            },
            _ => self.commit(own),
        }
    }

    pub(super) fn owner_found<R: Rules>(
        &mut self,
        owner: Key,
        settled: Option<Settled>,
        own: &mut Own,
    ) -> Next<R> {
        let envelope = settled.as_ref().map(|settled| &settled.opened.envelope);
        let holds = value(settled.as_ref()).is_some()
            && envelope.is_some_and(|envelope| envelope.unique.contains_key(UNIQUE));
        if holds {
            let claim = self.claim.take().flatten();
            let concluded = vec![
                Seen::of(plan::claim_key(), claim.as_ref()),
                Seen::of(owner, settled.as_ref()),
            ];
            return self.check(true, concluded, own);
        }
        if self.shape.touches_owner {
            self.touched = Some((owner, settled));
        }
        self.commit(own)
    }
}
