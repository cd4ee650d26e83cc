//! Unique values inside a transaction: a claim that is taken is an object that is written (storage-protocol §3.3).
//!
//! A claim that another document left behind is taken by a touch of that document in the same transaction: a write of it
//! that is on its way, and that may hold the value, then no longer fits.

use std::collections::BTreeMap;

use super::{attempt::Closed, commit::Document};
use crate::{
    error::{Error, Result},
    format::{
        Key, claim,
        envelope::State,
        intent::{Author, Content, Intent, Operation, Pending},
    },
    operation::{Engine, plan::UniqueValue, secure},
    protocol::{SettleMachine, Settled, Unsettled, claim::holds, commit::Write, validate::Seen},
};

/// What the unique values of a transaction come to.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// The claims that are taken.
    pub(crate) taken: BTreeMap<Key, Taken>,
    /// Documents that are touched, since they were the owners.
    pub(crate) touched: BTreeMap<Key, Option<Settled>>,
    /// A value that another document holds, and what that was concluded from.
    pub(crate) held: Option<(Error, Vec<Seen>)>,
}

/// One claim that is taken.
#[derive(Debug)]
pub(crate) struct Taken {
    base: Option<Settled>,
    owner: Key,
}

/// Finds out what the transaction's documents need.
pub(crate) async fn resolve(
    engine: &Engine,
    closed: &Closed,
    documents: &[Document],
) -> Result<Claims> {
    let mut resolving = Resolving {
        engine,
        closed,
        documents,
        claims: Claims::default(),
    };
    for document in documents {
        for value in &document.secured.plan.gains {
            resolving.take(document, value).await?;
        }
    }
    Ok(resolving.claims)
}

struct Resolving<'a> {
    engine: &'a Engine,
    closed: &'a Closed,
    documents: &'a [Document],
    claims: Claims,
}

impl Resolving<'_> {
    async fn take(&mut self, document: &Document, value: &UniqueValue) -> Result<()> {
        if let Some(other) = self.claims.taken.get(&value.claim) {
            let holder = other.owner.clone();
            self.hold(document, value, &holder, Vec::new());
            return Ok(());
        }
        let base = self.read_claim(&value.claim).await?;
        let owner = match &base {
            Some(settled) => claim::owner(&settled.opened.body)?.map(Key::from_stored),
            None => None,
        };
        let own = document.key();
        if let Some(owner) = owner.filter(|owner| *owner != own)
            && !self
                .owner_lets_go(document, value, base.as_ref(), &owner)
                .await?
        {
            return Ok(());
        }
        let taken = Taken { base, owner: own };
        self.claims.taken.insert(value.claim.clone(), taken);
        Ok(())
    }

    /// In a first attempt a value is taken for new, which the placing of the claim finds out; unless another document of
    /// this transaction gives it up, so that its claim is there for sure.
    async fn read_claim(&self, key: &Key) -> Result<Option<Settled>> {
        match self.closed.reads.get(key) {
            Some(fetched) => Ok(fetched.as_ref().map(|fetched| fetched.settled.clone())),
            None if self.closed.number == 0 && !self.is_given_up(key) => Ok(None),
            None => self.settle(key).await.map_err(Error::from),
        }
    }

    fn is_given_up(&self, claim: &Key) -> bool {
        let mut losses = self
            .documents
            .iter()
            .flat_map(|document| &document.secured.plan.losses);
        losses.any(|value| value.claim == *claim)
    }

    async fn settle(&self, key: &Key) -> Result<Option<Settled>, Unsettled> {
        let settling: SettleMachine =
            SettleMachine::replace(key.clone(), self.closed.settler.clone());
        self.engine.drive(settling).await
    }

    /// Whether the claim of another document may be taken: it is written by this transaction and no longer has the value,
    /// or it does not have it and is touched.
    async fn owner_lets_go(
        &mut self,
        document: &Document,
        value: &UniqueValue,
        claim: Option<&Settled>,
        owner: &Key,
    ) -> Result<bool> {
        let written = self.documents.iter().find(|other| other.key() == *owner);
        if let Some(written) = written {
            let envelope = &written.secured.plan.change.envelope;
            let keeps = holds(envelope, &value.definition, &value.hash);
            if keeps {
                self.hold(document, value, owner, Vec::new());
            }
            return Ok(!keeps);
        }
        let settled = match self.closed.reads.get(owner) {
            Some(fetched) => Ok(fetched.as_ref().map(|fetched| fetched.settled.clone())),
            None => self.settle(owner).await,
        };
        let settled = match settled {
            Ok(settled) => settled,
            // What cannot be read holds the value (rule S12).
            Err(Unsettled::Unreadable(_)) => {
                self.hold(document, value, owner, Vec::new());
                return Ok(false);
            }
            Err(unsettled) => return Err(unsettled.into()),
        };
        let has_value =
            |settled: &Settled| holds(&settled.opened.envelope, &value.definition, &value.hash);
        if settled.as_ref().is_some_and(has_value) {
            let concluded = vec![
                Seen::of(value.claim.clone(), claim),
                Seen::of(owner.clone(), settled.as_ref()),
            ];
            self.hold(document, value, owner, concluded);
            return Ok(false);
        }
        self.claims.touched.insert(owner.clone(), settled);
        Ok(true)
    }

    fn hold(&mut self, document: &Document, value: &UniqueValue, holder: &Key, seen: Vec<Seen>) {
        let collection = &document.collection;
        let error = secure::held(collection, value, collection.id_of(holder))
            .at(collection.name(), document.secured.plan.change.id.as_str());
        self.claims.held.get_or_insert((error, seen));
    }
}

impl Claims {
    /// How many objects they add to what is written.
    pub(crate) fn len(&self) -> usize {
        self.taken.len() + self.touched.len()
    }

    /// The writes, in no order.
    pub(crate) fn writes(self, engine: &Engine, author: &Author) -> Vec<Write> {
        let taken = self.taken.into_iter().map(|(key, taken)| {
            let pending = next(engine, &taken);
            Write {
                key,
                base: taken.base,
                intent: Intent::write(author, &pending),
            }
        });
        let touched = self.touched.into_iter().map(|(key, base)| {
            let rev = base.as_ref().map_or(0, |base| base.opened.envelope.rev);
            Write {
                key,
                base,
                intent: Intent::hold(author, Operation::Touch, rev, engine.nonce()),
            }
        });
        taken.chain(touched).collect()
    }
}

/// The next version of a claim.
fn next(engine: &Engine, taken: &Taken) -> Pending {
    let rev = taken
        .base
        .as_ref()
        .map_or(0, |base| base.opened.envelope.rev);
    Pending {
        state: State::Live,
        rev: rev + 1,
        write: engine.nonce(),
        schema: 0,
        shape: crate::format::envelope::BodyShape::default(),
        created: None,
        updated: None,
        catalog: 0,
        index: BTreeMap::new(),
        unique: BTreeMap::new(),
        content: Content::Here(claim::body(Some(taken.owner.as_str()))),
    }
}
