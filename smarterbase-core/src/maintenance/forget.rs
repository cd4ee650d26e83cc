//! Removing the results of idempotent transactions once they were kept for as long as they had to be.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    document::Timestamp,
    error::{Error, ErrorKind, Result},
    format::{Key, envelope::State, path, result::Kept},
    operation::{Engine, engine::store_failure},
    port::{Attempt, ConditionalDelete, Listed},
    protocol::{SettleMachine, Settled},
};

/// Removes what is old, and gives how many that were. The name of a result can be used again, so only a store that removes
/// under a condition removes any: a removal that arrives late must not take a younger result.
pub(crate) async fn run(engine: &Engine) -> Result<u64> {
    engine.check_writable()?;
    if engine.store.capabilities().conditional_delete != ConditionalDelete::Native {
        return Ok(0);
    }
    let prefix = path::results();
    let mut removed = 0;
    let mut after: Option<Key> = None;
    loop {
        let page = engine.store.list(&prefix, after.as_ref(), 1_000);
        let page = page.await.map_err(store_failure)?;
        after = page.objects.last().map(|listed| listed.key.clone());
        let looks = page.objects.iter().map(|listed| look_past(engine, listed));
        let looks: Vec<bool> = stream::iter(looks.collect::<Vec<_>>())
            .buffered(engine.limits.concurrent_reads)
            .try_collect()
            .await?;
        removed += looks.iter().filter(|is_removed| **is_removed).count() as u64;
        if !page.has_more {
            return Ok(removed);
        }
    }
}

/// One that cannot be understood stays, and keeps no other one.
async fn look_past(engine: &Engine, listed: &Listed) -> Result<bool> {
    match look(engine, listed).await {
        Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) => {
            tracing::warn!(path = %listed.key, %error, "a kept result cannot be understood; it stays");
            Ok(false)
        }
        other => other,
    }
}

/// Young ones are not read. Gives whether it was removed.
async fn look(engine: &Engine, listed: &Listed) -> Result<bool> {
    if !is_older(engine, listed.last_modified, engine.retention) {
        return Ok(false);
    }
    let peeked = engine.drive(SettleMachine::<crate::protocol::Shipped>::peek(
        listed.key.clone(),
    ));
    let Some(settled) = peeked.await.map_err(Error::from)? else {
        return Ok(false);
    };
    // The age is that of the object that was listed: one that was written since is young.
    let is_listed = settled.version.e_tag == listed.version.e_tag;
    let keep = keep(&settled)?.max(engine.retention);
    let is_old = is_listed && is_older(engine, listed.last_modified, keep);
    if settled.bears_intent || !is_old {
        return Ok(false);
    }
    match engine.store.delete_if(&listed.key, &settled.version).await {
        Attempt::Applied(_) => Ok(true),
        Attempt::Rejected | Attempt::Unknown(_) => Ok(false),
        Attempt::Refused(error) => Err(store_failure(error)),
    }
}

/// How long it is to be kept; what an attempt left that did not commit is kept as long as every such thing.
fn keep(settled: &Settled) -> Result<Duration> {
    match settled.opened.envelope.state {
        State::Live => Ok(Kept::open(&settled.opened.body)?.keep),
        State::Deleted | State::Stub => Ok(Duration::ZERO),
    }
}

fn is_older(engine: &Engine, written: Option<Timestamp>, age: Duration) -> bool {
    written.is_some_and(|written| written.saturating_add(age) < engine.now())
}
