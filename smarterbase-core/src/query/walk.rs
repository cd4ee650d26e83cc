//! One page of a selection: from an index that is ready, else by scanning.

use std::sync::Arc;

use super::{
    index_walk::{self, Walked},
    scan,
    selection::{Place, Selection},
};
use crate::{
    document::{Document, Stored},
    error::Result,
    operation::{Collection, Engine, agreement, attach},
};

/// A verified result and its place in the order.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) document: Stored<T>,
    pub(crate) place: Place,
}

/// Verified results in order, and whether more follow.
#[derive(Debug)]
pub(crate) struct Batch<T> {
    pub(crate) found: Vec<Found<T>>,
    pub(crate) has_more: bool,
}

/// How often an index walk starts again because the agreement grew too old meanwhile (rule S4).
const TRIES: usize = 4;

/// Up to `limit` documents strictly after `after`. Short only at the end.
pub(crate) async fn walk<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    selection: &Selection,
    after: Option<&Place>,
    limit: usize,
) -> Result<Batch<T>> {
    for _ in 0..TRIES {
        let agreement = agreement::current(engine, collection).await?;
        let Some(site) = agreement.ready(engine, collection, usize::from(selection.ordinal)) else {
            break;
        };
        match index_walk::walk(
            engine, collection, selection, &site, &agreement, after, limit,
        )
        .await?
        {
            Walked::Done(batch) => return Ok(batch),
            Walked::TooOld => collection.catalog.forget(),
            Walked::Lost(error) => {
                tracing::warn!(collection = collection.name(), %error, "an index lost entries; the query scans");
                if engine.check_writable().is_ok() {
                    attach::mark_down(engine, collection, site.backend.name(), &agreement).await?;
                }
                break;
            }
            Walked::Unavailable(error) => {
                tracing::warn!(collection = collection.name(), %error, "an index does not answer; the query scans");
                break;
            }
        }
    }
    scan::walk(engine, collection, selection, after, limit).await
}
