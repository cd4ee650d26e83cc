//! Committing an attempt: plan ▸ claim ▸ stage ▸ place ▸ validate ▸ **decide** ▸ settle ▸ clear.
//!
//! The shape of what was done chooses the way (storage-protocol §2.6): one document and nothing else read is a plain write;
//! one document and other reads is decided by the document itself; everything else by a record.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::join_all;
use tokio::sync::oneshot;

use super::{
    attempt::{Buffered, Closed},
    claims::{self, Claims},
    clear,
    range::Range,
    stage::Stage,
    surroundings::Ranges,
};
use crate::{
    error::{Error, ErrorKind, Result},
    format::{
        Key,
        intent::{Author, Content, Home, Intent, Pending, Priority},
    },
    operation::{
        Collection, Engine,
        agreement::Agreement,
        change::Base,
        history,
        plan::plan,
        secure::{self, Secured},
        write::{self, agree, write_now},
    },
    protocol::{
        CommitMachine, CommitOutcome, CommitPlan, SettleMachine, Shipped,
        commit::{Lost, Write},
        conduct::conduct,
        validate::Seen,
    },
};

/// How an attempt ended that did not fail.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    Committed,
    /// Others were faster; nothing was written.
    Lost(Lost),
}

/// Commits what a closure did. From its first side effect on a commit runs on a task of the database: dropping the future
/// only detaches from it.
pub(crate) async fn commit(engine: &Arc<Engine>, mut closed: Closed) -> Result<Verdict> {
    if closed.only_reads() {
        return check(engine, closed).await;
    }
    match settle_bases(engine, &mut closed).await {
        Ok(None) => {}
        Ok(Some(lost)) => {
            clear::abandon(engine, closed).await;
            return Ok(Verdict::Lost(lost));
        }
        Err(error) => {
            clear::abandon(engine, closed).await;
            return Err(error);
        }
    }
    let verdict = match as_plain_write(&closed) {
        Some(write) => write_plainly(engine, closed, write).await,
        None => {
            engine
                .detach(|engine, reply| run(engine, closed, reply))
                .await
        }
    };
    if matches!(verdict, Ok(Verdict::Committed)) {
        engine.transactions.note_commit();
    }
    verdict
}

/// Whether everything that was read is still so, at one instant. Nothing is written, and locks are given back.
pub(crate) async fn check(engine: &Arc<Engine>, closed: Closed) -> Result<Verdict> {
    let verdict = validate(engine, &closed, Vec::new()).await;
    clear::abandon(engine, closed).await;
    verdict
}

async fn validate(engine: &Arc<Engine>, closed: &Closed, more: Vec<Seen>) -> Result<Verdict> {
    let mut seen = closed.seen_and_assumed();
    seen.extend(more);
    let plan = CommitPlan {
        author: author(closed, Home::Record, 0),
        settler: closed.settler.clone(),
        writes: Vec::new(),
        locked: Vec::new(),
        reads: seen,
        ranges: closed.ranges.len(),
        announces: false,
        staged: Vec::new(),
        in_order: false,
    };
    let ranges = Ranges {
        engine,
        ranges: &closed.ranges,
    };
    let machine = CommitMachine::<Shipped>::new(plan);
    match conduct(engine.machines(), engine.deadline(), &ranges, machine)
        .await
        .outcome
    {
        CommitOutcome::Committed(_) => Ok(Verdict::Committed),
        CommitOutcome::Conflict(lost) => Ok(Verdict::Lost(lost)),
        CommitOutcome::Failed(error) => Err(error),
        CommitOutcome::Unknown(error) => Err(write::outcome_unknown(error)),
    }
}

fn author(closed: &Closed, home: Home, members: usize) -> Author {
    Author {
        transaction: closed.name.clone(),
        home,
        members: u32::try_from(members).unwrap_or(u32::MAX),
        priority: closed
            .settler
            .priority
            .clone()
            .unwrap_or_else(Priority::last),
    }
}

/// One document and nothing else: its put is the commit.
fn as_plain_write(closed: &Closed) -> Option<Buffered> {
    let is_alone = closed.writes.len() == 1
        && closed.results.is_empty()
        && closed.locks.is_empty()
        && closed.ranges.is_empty()
        && closed.seen().is_empty();
    is_alone
        .then(|| closed.writes.values().next().cloned())
        .flatten()
}

async fn write_plainly(engine: &Arc<Engine>, closed: Closed, write: Buffered) -> Result<Verdict> {
    let key = write.collection.key(&write.change.id);
    match write_now(engine, &write.collection, write.change).await {
        Ok(write::Verdict::Written(_)) => {
            closed.turn.as_ref().inspect(|turn| turn.note_commit());
            Ok(Verdict::Committed)
        }
        Ok(write::Verdict::Lost(_)) => Ok(Verdict::Lost(Lost::Write(key))),
        // That a value is held is true of now; what the transaction read may be true of another moment.
        Err(error) if error.kind() == ErrorKind::Unique => {
            match validate(engine, &closed, Vec::new()).await? {
                Verdict::Committed => Err(error),
                lost => Ok(lost),
            }
        }
        Err(error) => Err(error),
    }
}

/// A document may have been read while somebody else held it without changing it (a touch, a lock). Before it is replaced
/// they are waited for, and before anything is placed that would keep others waiting. Gives where it was changed.
async fn settle_bases(engine: &Engine, closed: &mut Closed) -> Result<Option<Lost>> {
    let documents = closed.writes.iter_mut();
    let documents = documents.filter_map(|(key, write)| {
        let base = write.change.base.as_mut()?;
        Some((key, &mut base.settled))
    });
    let results = closed.results.iter_mut();
    let results = results.filter_map(|(key, kept)| Some((key, kept.base.as_mut()?)));
    for (key, base) in documents.chain(results) {
        if base.is_decided() {
            continue;
        }
        let settling: SettleMachine = SettleMachine::replace(key.clone(), closed.settler.clone());
        match engine.drive(settling).await.map_err(Error::from)? {
            Some(settled) if settled.is_version_of(base) => *base = settled,
            _ => return Ok(Some(Lost::Write(key.clone()))),
        }
    }
    Ok(None)
}

/// One document of a transaction, with what its commit means for indexes and unique values.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) collection: Arc<Collection>,
    pub(crate) secured: Secured,
}

impl Document {
    pub(crate) fn key(&self) -> Key {
        self.collection.key(&self.secured.plan.change.id)
    }
}

pub(super) type Reply = oneshot::Sender<Result<Verdict>>;

async fn run(engine: Arc<Engine>, closed: Closed, reply: Reply) {
    let commit = match prepare(&engine, &closed).await {
        Ok(Prepared::Ready(commit)) => *commit,
        Ok(Prepared::Held(error, seen)) => {
            let verdict = match validate(&engine, &closed, seen).await {
                Ok(Verdict::Committed) => Err(error),
                lost_or_unchecked => lost_or_unchecked,
            };
            clear::abandon(&engine, closed).await;
            return drop(reply.send(verdict));
        }
        Err(error) => {
            clear::abandon(&engine, closed).await;
            return drop(reply.send(Err(error)));
        }
    };
    let machine = CommitMachine::<Shipped>::new(commit.plan.clone());
    let end = conduct(engine.machines(), engine.deadline(), &commit, machine).await;
    commit.end(closed, end, reply).await;
}

enum Prepared {
    Ready(Box<Commit>),
    /// Another document holds a unique value; and what that was concluded from.
    Held(Error, Vec<Seen>),
}

/// A commit that is ready to be sent.
pub(super) struct Commit {
    pub(super) engine: Arc<Engine>,
    pub(super) documents: Vec<Document>,
    pub(super) ranges: Vec<Range>,
    pub(super) plan: CommitPlan,
    /// By the engine's clock.
    pub(super) begun: Duration,
}

/// Plan ▸ claim ▸ stage. Nothing that anybody could see.
async fn prepare(engine: &Arc<Engine>, closed: &Closed) -> Result<Prepared> {
    let mut documents = plan_documents(engine, closed).await?;
    let claims = claims::resolve(engine, closed, &documents).await?;
    if let Some((error, seen)) = claims.held {
        return Ok(Prepared::Held(error, seen));
    }
    see_losses(engine, &mut documents, &claims).await;
    let writes: Vec<&Buffered> = closed.writes.values().collect();
    let (contents, stage) = Stage::contents(engine, &closed.name, &writes).await?;
    let plan = commit_plan(engine, closed, &documents, claims, contents, &stage);
    Ok(Prepared::Ready(Box::new(Commit {
        engine: engine.clone(),
        ranges: closed.ranges.clone(),
        begun: engine.clock.elapsed(),
        documents,
        plan,
    })))
}

/// What each document means, under one agreement per collection.
async fn plan_documents(engine: &Arc<Engine>, closed: &Closed) -> Result<Vec<Document>> {
    let mut agreements: BTreeMap<&str, Arc<Agreement>> = BTreeMap::new();
    let mut documents = Vec::new();
    for write in closed.writes.values() {
        let collection = &write.collection;
        let agreement = match agreements.get(collection.name()) {
            Some(agreement) => agreement.clone(),
            None => agree(engine, collection).await?,
        };
        agreements.insert(collection.name(), agreement.clone());
        let secured = Secured {
            plan: plan(engine, collection, agreement, write.change.clone()),
            taken: Vec::new(),
            seen: Vec::new(),
        };
        documents.push(Document {
            collection: collection.clone(),
            secured,
        });
    }
    Ok(documents)
}

/// Claims that are given back after the commit are read before it, unless another document of the transaction takes them.
async fn see_losses(engine: &Engine, documents: &mut [Document], claims: &Claims) {
    for document in &mut *documents {
        let losses = &mut document.secured.plan.losses;
        losses.retain(|value| !claims.taken.contains_key(&value.claim));
    }
    let seeing = documents
        .iter()
        .map(|document| secure::see_losses(engine, &document.collection, &document.secured.plan));
    let seen = join_all(seeing).await;
    for (document, seen) in documents.iter_mut().zip(seen) {
        document.secured.seen = seen;
    }
}

fn commit_plan(
    engine: &Engine,
    closed: &Closed,
    documents: &[Document],
    claims: Claims,
    contents: Vec<Content>,
    stage: &Stage,
) -> CommitPlan {
    let mut locked: Vec<Key> = closed.locks.keys().cloned().collect();
    locked.retain(|key| !closed.writes.contains_key(key) && !closed.results.contains_key(key));
    let members = documents.len() + claims.len() + closed.results.len() + locked.len();
    let home = match members == 1 && closed.locks.is_empty() && stage.keys.is_empty() {
        true => Home::Own,
        false => Home::Record,
    };
    let author = author(closed, home, members);
    let puts = documents
        .iter()
        .zip(contents)
        .map(|(document, content)| put(&author, document, content));
    let mut writes: Vec<Write> = puts.collect();
    writes.extend(claims.writes(engine, &author));
    let results = closed.results.iter();
    writes.extend(results.map(|(key, kept)| kept.write(engine, &author, key)));
    writes.sort_by(|one, other| one.key.cmp(&other.key));
    let mut reads = closed.seen();
    reads.retain(|seen| writes.iter().all(|write| write.key != seen.key));
    locked.retain(|key| writes.iter().all(|write| write.key != *key));
    CommitPlan {
        settler: closed.settler.clone(),
        locked,
        reads,
        ranges: closed.ranges.len(),
        announces: documents.iter().any(announces),
        staged: stage.keys.clone(),
        in_order: closed.is_escalated(),
        author,
        writes,
    }
}

/// Whether something must be durable before the document is replaced: entries, or the version that it has.
fn announces(document: &Document) -> bool {
    let plan = &document.secured.plan;
    let mut backends = plan.backends.iter();
    backends.any(|backend| !backend.is_unchanged())
        || history::keeps(&document.collection, &plan.change)
}

fn put(author: &Author, document: &Document, content: Content) -> Write {
    let change = &document.secured.plan.change;
    let envelope = &change.envelope;
    let pending = Pending {
        state: envelope.state,
        rev: envelope.rev,
        write: envelope.write,
        schema: envelope.schema,
        shape: envelope.shape.clone(),
        created: envelope.created,
        updated: envelope.updated,
        catalog: envelope.catalog,
        index: envelope.index.clone(),
        unique: envelope.unique.clone(),
        content,
    };
    Write {
        key: document.key(),
        base: change.base.as_ref().map(|base: &Base| base.settled.clone()),
        intent: Intent::write(author, &pending),
    }
}
