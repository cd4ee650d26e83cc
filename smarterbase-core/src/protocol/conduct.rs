//! Protocols with several requests under way at once, and their driver.

use std::collections::BTreeMap;

use async_trait::async_trait;
use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};

use super::{
    Deadline, Reply, Request,
    drive::{Store, Waits, answer},
};
use crate::{
    format::Key,
    port::{Rng, StoreError},
};

/// One of the requests under way.
pub type Lane = usize;

/// What comes next.
#[derive(Debug)]
pub enum Progress<O> {
    /// Do these too, each in a lane that is free; nothing when others are still under way.
    Do(Vec<(Lane, Request)>),
    /// The end. Nothing is under way any more.
    Done(O),
}

/// A protocol without I/O that has several requests under way at once.
pub trait Conductor {
    /// What it finds out.
    type Output;

    /// Takes the answer to the request in `lane` (first [`Reply::Start`], in any lane) and says what comes next.
    fn step(&mut self, lane: Lane, reply: Reply, rng: &dyn Rng) -> Progress<Self::Output>;
}

/// What a transaction asks of the engine while it commits, beside its store.
#[async_trait]
pub trait Surroundings: Send + Sync {
    /// [`Request::Announce`]: whether the entries of all documents are durable.
    ///
    /// # Errors
    /// The transaction fails: its store does.
    async fn announce(&self) -> Result<bool, StoreError>;

    /// [`Request::Rescan`]: the objects in the range with this number that were not found there before. `None` when the
    /// range cannot be asked any more as it was.
    ///
    /// # Errors
    /// The transaction fails: its store does.
    async fn rescan(&self, range: usize) -> Result<Option<Vec<Key>>, StoreError>;

    /// [`Request::Confirm`]: whether the attempt may still be decided.
    async fn confirm(&self) -> bool;
}

/// Surroundings of conductors that ask for nothing of it.
#[derive(Clone, Copy, Debug)]
pub struct Nothing;

#[async_trait]
impl Surroundings for Nothing {
    async fn announce(&self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn rescan(&self, _range: usize) -> Result<Option<Vec<Key>>, StoreError> {
        Ok(Some(Vec::new()))
    }

    async fn confirm(&self) -> bool {
        true
    }
}

/// Runs `conductor` to its end. Requests are answered in the order in which their answers come.
pub async fn conduct<C: Conductor>(
    store: Store<'_>,
    deadline: Deadline,
    surroundings: &dyn Surroundings,
    mut conductor: C,
) -> C::Output {
    let mut under_way: FuturesUnordered<BoxFuture<'_, (Lane, Reply, Waits)>> =
        FuturesUnordered::new();
    let mut waits: BTreeMap<Lane, Waits> = BTreeMap::new();
    let mut progress = conductor.step(0, Reply::Start, store.rng);
    loop {
        match progress {
            Progress::Done(output) => return output,
            Progress::Do(requests) => {
                for (lane, request) in requests {
                    let waited = waits.remove(&lane).unwrap_or_default();
                    let reply = reply(store, deadline, surroundings, request, waited);
                    under_way.push(Box::pin(async move {
                        let (reply, waited) = reply.await;
                        (lane, reply, waited)
                    }));
                }
            }
        }
        let (lane, reply, waited) = under_way
            .next()
            .await
            .expect("a conductor that is not done has a request under way");
        waits.insert(lane, waited);
        progress = conductor.step(lane, reply, store.rng);
    }
}

async fn reply(
    store: Store<'_>,
    deadline: Deadline,
    surroundings: &dyn Surroundings,
    request: Request,
    mut waits: Waits,
) -> (Reply, Waits) {
    let reply = match request {
        Request::Announce => yes_or_no(surroundings.announce().await),
        Request::Rescan(range) => match surroundings.rescan(range).await {
            Ok(Some(found)) => Reply::Found(Ok(found)),
            Ok(None) => Reply::No,
            Err(error) => Reply::Found(Err(error)),
        },
        Request::Confirm => yes_or_no(Ok(surroundings.confirm().await)),
        other => answer(store, deadline, &mut waits, other).await,
    };
    (reply, waits)
}

fn yes_or_no(answer: Result<bool, StoreError>) -> Reply {
    match answer {
        Ok(true) => Reply::Yes,
        Ok(false) => Reply::No,
        Err(error) => Reply::Found(Err(error)),
    }
}
