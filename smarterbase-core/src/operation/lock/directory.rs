//! Looking at locks, and taking them away by force.

use std::{sync::Arc, time::Duration};

use super::{
    at,
    document::{self, Sight, Swap},
    place,
};
use crate::{
    document::Timestamp,
    error::{Code, Error, Result},
    format::{
        Key,
        path::{self, EncodedId},
    },
    operation::{Engine, engine::store_failure},
};

/// A lock that somebody holds, as its document says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LockInfo {
    /// Its name.
    pub name: String,
    /// The name that the holder gave itself.
    pub holder: Option<String>,
    /// The open database that holds it: the same for all locks of one handle and its clones.
    pub process: String,
    /// The fencing token of the holder.
    pub fencing_token: u64,
    /// When it was taken, by the holder's clock.
    pub acquired: Timestamp,
    /// When it was renewed last, by the holder's clock.
    pub renewed: Option<Timestamp>,
    /// How long ago it was taken. Two clocks are compared, so it is a hint.
    pub age: Duration,
    /// How long its document must stay unchanged before others take it over.
    pub lease: Duration,
}

/// How often a release by force is tried against others who change the lock.
const MOST_ROUNDS: u32 = 16;
/// How many documents one LIST gives.
const PAGE: usize = 1_000;

impl LockInfo {
    fn of(engine: &Engine, name: &EncodedId, sight: &Sight) -> Option<Self> {
        let holder = sight.holder.clone()?;
        let age = engine.now().as_milliseconds() - holder.acquired.as_milliseconds();
        Some(Self {
            name: name.decode().0,
            holder: holder.label,
            process: holder.process.as_str().to_owned(),
            fencing_token: sight.revision(),
            acquired: holder.acquired,
            renewed: sight.updated(),
            age: Duration::from_millis(u64::try_from(age).unwrap_or(0)),
            lease: holder.lease,
        })
    }
}

/// Who holds the lock: 1 GET. `None`: nobody.
pub(crate) async fn inspect(engine: &Engine, name: &EncodedId) -> Result<Option<LockInfo>> {
    let sight = document::peek(engine, &path::lock(name)).await;
    let sight = sight.map_err(|error| at(name, error))?;
    Ok(LockInfo::of(engine, name, &sight))
}

/// The names of locks that were ever held, one page of them, and where the next page begins.
pub(crate) async fn names(
    engine: &Engine,
    after: Option<&Key>,
) -> Result<(Vec<EncodedId>, Option<Key>)> {
    let page = engine.store.list(&path::locks(), after, PAGE).await;
    let page = page.map_err(store_failure)?;
    let last = page.objects.last().map(|listed| listed.key.clone());
    let names = page.objects.iter();
    let names = names.filter_map(|listed| path::parse_lock(&listed.key));
    Ok((names.collect(), last.filter(|_| page.has_more)))
}

/// Takes the lock away from whoever holds it. Gives who that was.
pub(crate) async fn force_release(
    engine: &Arc<Engine>,
    name: &EncodedId,
) -> Result<Option<LockInfo>> {
    let released = engine.detach({
        let name = name.clone();
        |engine, reply| async move {
            drop(reply.send(release_now(&engine, &name).await));
        }
    });
    released.await.map_err(|error| at(name, error))
}

async fn release_now(engine: &Engine, name: &EncodedId) -> Result<Option<LockInfo>> {
    let local = engine.locks.local(engine, name);
    let mut sight = document::look(engine, &local.key).await?;
    for _ in 0..MOST_ROUNDS {
        let Some(held) = LockInfo::of(engine, name, &sight) else {
            return Ok(None);
        };
        match document::swap(engine, &local.key, &sight, None, engine.nonce()).await {
            Swap::Done(_) => {
                place::wake(engine, &local).await;
                return Ok(Some(held));
            }
            Swap::Lost(found) | Swap::Passed(found) => sight = found,
            Swap::Failed(failure) => return Err(failure.error),
        }
    }
    let text = "the lock kept changing hands";
    Err(Error::new(Code::CONTENTION, text))
}
