//! Removing tombstones and stubs after the retention time (storage-protocol §2.12).

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::snapshot;
use crate::{
    error::Result,
    format::{envelope::State, path::EncodedId},
    operation::{
        Collection, Engine, View,
        engine::store_failure,
        read::{self, Fetched},
    },
    port::{Attempt, ConditionalDelete, Listed},
    query::id_walk::IdWalk,
};

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// How many objects were looked at.
    pub seen: u64,
    /// How many tombstones and stubs were removed.
    pub removed: u64,
    /// How many are young, or cannot be removed safely on this store.
    pub kept: u64,
    /// How many segments of snapshots were removed that are not used any more.
    pub segments: u64,
}

/// A tombstone holds an envelope and nothing else: larger objects are not read.
const LARGEST_TOMBSTONE: u64 = 2_048;

/// Removes what can be removed. A physical removal needs a conditional delete: an unconditional one that arrives late
/// would take a document that was created again meanwhile.
pub(crate) async fn sweep(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
) -> Result<SweepReport> {
    engine.check_writable()?;
    let mut walk = IdWalk::new(&View::plain(engine.clone()), collection, None, usize::MAX);
    let mut report = SweepReport {
        segments: snapshot::sweep(engine, collection).await?,
        ..SweepReport::default()
    };
    loop {
        let listed = walk.next(engine.limits.concurrent_reads * 4).await?;
        if listed.is_empty() {
            return Ok(report);
        }
        report.seen += listed.len() as u64;
        let looks = listed
            .into_iter()
            .map(|(id, object)| look(engine, collection, id, object));
        let fates: Vec<Fate> = stream::iter(looks)
            .buffered(engine.limits.concurrent_reads)
            .try_collect()
            .await?;
        report.removed += fates.iter().filter(|fate| **fate == Fate::Removed).count() as u64;
        report.kept += fates.iter().filter(|fate| **fate == Fate::Kept).count() as u64;
    }
}

#[derive(PartialEq, Eq)]
enum Fate {
    Alive,
    Kept,
    Removed,
}

async fn look(
    engine: &Engine,
    collection: &Collection,
    id: EncodedId,
    object: Listed,
) -> Result<Fate> {
    if object.size > LARGEST_TOMBSTONE {
        return Ok(Fate::Alive);
    }
    let peeked = read::peek(engine, collection.key(&id)).await;
    match peeked.map_err(|error| read::at(collection, &id, error))? {
        // Who put the intent there takes it off first.
        Some(fetched) if fetched.settled.bears_intent => Ok(Fate::Alive),
        // What it stands for is not gone.
        Some(fetched) if fetched.quarantined().is_some() => Ok(Fate::Kept),
        Some(fetched) if !fetched.is_live() => {
            remove(engine, collection, &id, &object, &fetched).await
        }
        _ => Ok(Fate::Alive),
    }
}

async fn remove(
    engine: &Engine,
    collection: &Collection,
    id: &EncodedId,
    object: &Listed,
    fetched: &Fetched,
) -> Result<Fate> {
    debug_assert!(
        fetched.envelope().state != State::Live,
        "only the dead are removed"
    );
    let written = object.last_modified.or(fetched.envelope().updated);
    let is_old =
        written.is_some_and(|written| written.saturating_add(engine.retention) < engine.now());
    // The age is that of the object that was listed: one that was touched since is young.
    let is_listed = fetched.settled.version.e_tag == object.version.e_tag;
    let can_remove = engine.store.capabilities().conditional_delete == ConditionalDelete::Native;
    if !is_old || !is_listed || !can_remove {
        return Ok(Fate::Kept);
    }
    match engine
        .store
        .delete_if(&collection.key(id), &fetched.settled.version)
        .await
    {
        Attempt::Applied(_) => Ok(Fate::Removed),
        Attempt::Rejected | Attempt::Unknown(_) => Ok(Fate::Kept),
        Attempt::Refused(error) => Err(store_failure(error).at(collection.name(), id.as_str())),
    }
}
