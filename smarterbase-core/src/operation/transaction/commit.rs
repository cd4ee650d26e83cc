//! Committing an attempt: plan ▸ claim ▸ stage ▸ place ▸ validate ▸ **decide** ▸ settle ▸ clear.
//!
//! The shape of what was done chooses the way (storage-protocol §2.6): one document and nothing else read is a plain write;
//! one document and other reads is decided by the document itself; everything else by a record.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::future::join_all;
use tokio::sync::oneshot;

use super::{
    attempt::{Buffered, Closed},
    claims::{self, Claims},
    clear,
    range::Range,
    stage::Stage,
};
use crate::{
    document::Version,
    error::{Error, Result},
    format::{
        Key,
        intent::{Author, Content, Home, Intent, Pending, Priority},
        record::Decision,
    },
    operation::{
        Collection, Engine,
        agreement::Agreement,
        change::Base,
        plan::plan,
        secure::{self, Secured},
        settle,
        write::{self, agree, still_agreed, write_now},
    },
    port::StoreError,
    protocol::{
        CommitMachine, CommitOutcome, CommitPlan, Identity, Placed, SettleMachine, Settler,
        Shipped,
        commit::{CommitEnd, Lost, Write},
        conduct::{Surroundings, conduct},
        validate::Seen,
    },
};

/// How an attempt ended that did not fail.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict {
    Committed,
    /// Others were faster; nothing was written.
    Lost(Lost),
}

/// An undecided attempt is not decided for any more when its first intent is older than this.
const LONGEST_COMMIT: Duration = Duration::from_secs(60);

/// Commits what a closure did. From its first side effect on a commit runs on a task of the database: dropping the future
/// only detaches from it.
pub(crate) async fn commit(engine: &Arc<Engine>, closed: Closed) -> Result<Verdict> {
    if closed.writes.is_empty() {
        return check(engine, closed).await;
    }
    let verdict = match as_plain_write(&closed) {
        Some(write) => write_plainly(engine, closed.settler, write).await,
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
    let nobody = || Priority(u64::MAX, String::new());
    Author {
        transaction: closed.name.clone(),
        home,
        members: u32::try_from(members).unwrap_or(u32::MAX),
        priority: closed.settler.priority.clone().unwrap_or_else(nobody),
    }
}

/// One document and nothing else: its put is the commit.
fn as_plain_write(closed: &Closed) -> Option<Buffered> {
    let is_alone = closed.writes.len() == 1
        && closed.locks.is_empty()
        && closed.doubtful.is_empty()
        && closed.ranges.is_empty()
        && closed.seen().is_empty();
    is_alone
        .then(|| closed.writes.values().next().cloned())
        .flatten()
}

async fn write_plainly(
    engine: &Arc<Engine>,
    settler: Settler,
    mut write: Buffered,
) -> Result<Verdict> {
    if !settle_base(engine, settler, &mut write).await? {
        return Ok(Verdict::Lost(Lost::Write));
    }
    match write_now(engine, &write.collection, write.change).await? {
        write::Verdict::Written(_) => Ok(Verdict::Committed),
        write::Verdict::Lost(_) => Ok(Verdict::Lost(Lost::Write)),
    }
}

/// A document may have been read while somebody else held it without changing it (a touch, a lock). Before it is replaced
/// they are waited for. `false`: it was changed.
async fn settle_base(engine: &Engine, settler: Settler, write: &mut Buffered) -> Result<bool> {
    let key = write.collection.key(&write.change.id);
    let Some(base) = write
        .change
        .base
        .as_mut()
        .filter(|base| !base.settled.is_decided())
    else {
        return Ok(true);
    };
    let settling: SettleMachine = SettleMachine::replace(key, settler);
    let settled = engine.drive(settling).await.map_err(Error::from)?;
    let is_same = Identity::of(settled.as_ref()) == Identity::of(Some(&base.settled));
    if let Some(settled) = settled.filter(|_| is_same) {
        base.settled = settled;
        return Ok(true);
    }
    Ok(false)
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

type Reply = oneshot::Sender<Result<Verdict>>;

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
struct Commit {
    engine: Arc<Engine>,
    documents: Vec<Document>,
    ranges: Vec<Range>,
    plan: CommitPlan,
    stage: Stage,
    begun: Duration,
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
        stage,
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
    let locks = closed.locks.keys().chain(&closed.doubtful);
    let mut locked: Vec<Key> = locks.cloned().collect();
    locked.retain(|key| !closed.writes.contains_key(key));
    let members = documents.len() + claims.len() + locked.len();
    let is_bare = closed.locks.is_empty() && closed.doubtful.is_empty();
    let home = match members == 1 && is_bare && stage.keys.is_empty() {
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
    writes.sort_by(|one, other| one.key.cmp(&other.key));
    let mut reads = closed.seen();
    reads.retain(|seen| writes.iter().all(|write| write.key != seen.key));
    locked.retain(|key| writes.iter().all(|write| write.key != *key));
    CommitPlan {
        settler: closed.settler.clone(),
        locked,
        reads,
        ranges: closed.ranges.len(),
        announces: documents.iter().any(|document| {
            document
                .secured
                .plan
                .backends
                .iter()
                .any(|backend| !backend.is_unchanged())
        }),
        staged: stage.keys.clone(),
        in_order: !closed.locks.is_empty(),
        author,
        writes,
    }
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

#[async_trait]
impl Surroundings for Commit {
    async fn announce(&self) -> Result<bool, StoreError> {
        let announcing = self.documents.iter().map(|document| {
            secure::announce_all(&self.engine, &document.collection, &document.secured.plan)
        });
        let announced: Result<Vec<bool>, StoreError> =
            join_all(announcing).await.into_iter().collect();
        Ok(announced?.into_iter().all(|announced| announced))
    }

    async fn rescan(&self, range: usize) -> Result<Option<Vec<Key>>, StoreError> {
        rescan(&self.engine, &self.ranges, range, &self.documents).await
    }

    /// Rule S1, at the deciding put.
    async fn confirm(&self) -> bool {
        let age = self.engine.clock.elapsed().saturating_sub(self.begun);
        if age > LONGEST_COMMIT.min(self.engine.database.in_flight_bound) {
            return false;
        }
        for document in &self.documents {
            let mut agreement = document.secured.plan.agreement.clone();
            let agreed = still_agreed(&self.engine, &document.collection, &mut agreement).await;
            if !agreed.unwrap_or(false) {
                return false;
            }
        }
        true
    }
}

/// The surroundings of a transaction that only reads.
struct Ranges<'a> {
    engine: &'a Arc<Engine>,
    ranges: &'a [Range],
}

#[async_trait]
impl Surroundings for Ranges<'_> {
    async fn announce(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn rescan(&self, range: usize) -> Result<Option<Vec<Key>>, StoreError> {
        rescan(self.engine, self.ranges, range, &[]).await
    }

    async fn confirm(&self) -> bool {
        true
    }
}

async fn rescan(
    engine: &Arc<Engine>,
    ranges: &[Range],
    number: usize,
    own: &[Document],
) -> Result<Option<Vec<Key>>, StoreError> {
    match ranges.get(number) {
        Some(range) => range.rescan(engine, own).await,
        None => Ok(None),
    }
}

/// After the decision.
impl Commit {
    async fn end(self, closed: Closed, end: CommitEnd, reply: Reply) {
        let CommitEnd {
            outcome,
            placed,
            uncertain,
        } = end;
        match outcome {
            CommitOutcome::Committed(version) => {
                self.committed(closed, placed, version, reply).await;
            }
            CommitOutcome::Conflict(lost) => {
                self.undo(closed, placed, uncertain).await;
                drop(reply.send(Ok(Verdict::Lost(lost))));
            }
            CommitOutcome::Failed(error) => {
                self.undo(closed, placed, uncertain).await;
                drop(reply.send(Err(error)));
            }
            // Nobody may undo what may have happened: whoever meets the intents finds out.
            CommitOutcome::Unknown(error) => {
                drop(reply.send(Err(write::outcome_unknown(error))));
            }
        }
    }

    /// Indexes with a manifest learn the outcome before the reply; everything else goes after it.
    async fn committed(
        self,
        closed: Closed,
        mut placed: BTreeMap<Key, Placed>,
        version: Option<Version>,
        reply: Reply,
    ) {
        let settling = self.documents.iter().map(|document| {
            settle::before_reply(&self.engine, &document.collection, &document.secured, None)
        });
        let settled: Result<Vec<()>> = join_all(settling).await.into_iter().collect();
        drop(reply.send(settled.map(|_| Verdict::Committed)));
        let mut versions = match self.plan.author.home {
            Home::Own => placed
                .into_keys()
                .map(|key| (key, version.clone()))
                .collect(),
            Home::Record => {
                for (key, lock) in closed.locks {
                    placed.entry(key).or_insert(lock);
                }
                let objects =
                    clear::plans(&closed.name, Decision::Committed, placed, closed.doubtful);
                let staged = self.stage.keys;
                clear::clear(
                    &self.engine,
                    &closed.name,
                    Decision::Committed,
                    objects,
                    staged,
                )
                .await
            }
        };
        let settling = self.documents.iter().map(|document| {
            let version = versions.remove(&document.key()).flatten();
            let engine = &self.engine;
            async move {
                settle::after_reply(
                    engine,
                    &document.collection,
                    &document.secured,
                    version.as_ref(),
                )
                .await;
            }
        });
        join_all(settling.collect::<Vec<_>>()).await;
    }

    /// Intents and announcements are taken back before the reply, so that the next attempt does not meet them.
    async fn undo(self, closed: Closed, placed: BTreeMap<Key, Placed>, mut uncertain: Vec<Key>) {
        let mut bearers = closed.locks;
        bearers.extend(placed);
        uncertain.extend(closed.doubtful);
        let objects = clear::plans(&closed.name, Decision::Aborted, bearers, uncertain);
        let staged = self.stage.keys;
        let clearing = clear::clear(
            &self.engine,
            &closed.name,
            Decision::Aborted,
            objects,
            staged,
        );
        let withdrawing = self
            .documents
            .iter()
            .map(|document| secure::undo(&self.engine, &document.collection, &document.secured));
        futures::future::join(clearing, join_all(withdrawing)).await;
    }
}
