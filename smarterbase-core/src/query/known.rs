//! Bodies that need no read of their own: kept from before, or packed into a snapshot, where a LIST shows that they are current.
//!
//! Never inside of a transaction: its reads are in one order with those of others, and each is validated by itself.

use std::{collections::HashMap, sync::Arc};

use super::{id_walk::IdWalk, packed::Packed};
use crate::{
    format::path::EncodedId,
    operation::{Collection, View, profile::trace, warm::LeftOut},
    port::{Listed, Object},
    store::bodies::Bodies,
};

/// With fewer documents to read at once than this, no segment is opened for them.
const WORTH_A_SEGMENT: usize = 8;

/// What a walk through a collection knows without reading.
#[derive(Debug)]
pub(crate) struct Known {
    bodies: Option<Arc<Bodies>>,
    packed: Option<Packed>,
    left_out: Arc<LeftOut>,
    seen: u64,
    /// How many of them had to be read, and could have been packed.
    unknown: u64,
}

impl Known {
    /// Of a walk through the collection.
    pub(crate) fn new(view: &View, collection: &Arc<Collection>) -> Self {
        let bodies = view.bodies().cloned();
        let reads_snapshots = bodies.is_some() && view.warm.snapshots.are_read();
        Self {
            packed: reads_snapshots.then(|| Packed::new(view.engine(), collection)),
            bodies,
            left_out: view.warm.left_out(collection),
            seen: 0,
            unknown: 0,
        }
    }

    /// Snapshots are left alone: few documents are wanted.
    pub(crate) fn without_snapshot(&mut self) {
        self.packed = None;
    }

    /// The objects of a batch that need not be read, by id.
    pub(crate) async fn of(
        &mut self,
        batch: &[(EncodedId, Listed)],
        walk: &IdWalk,
    ) -> HashMap<EncodedId, Object> {
        let Some(bodies) = self.bodies.clone() else {
            return HashMap::new();
        };
        let is_current = |entry: &&(EncodedId, Listed)| walk.is_current(&entry.1);
        let current: Vec<_> = batch.iter().filter(is_current).collect();
        let kept = current
            .iter()
            .filter_map(|(id, listed)| Some((id.clone(), bodies.recall(listed)?)));
        let mut known: HashMap<_, _> = kept.collect();
        let packed = match &mut self.packed {
            Some(packed) => {
                let mut missing = current;
                missing.retain(|(id, _)| !known.contains_key(id));
                packed.of(&missing, WORTH_A_SEGMENT).await
            }
            None => Vec::new(),
        };
        // Opening a segment takes time, in which something may have been written.
        let listed: HashMap<_, _> = batch.iter().map(|(id, listed)| (id, listed)).collect();
        known.retain(|id, _| walk.is_current(listed[id]));
        let cached = known.len();
        for (id, object) in packed {
            if walk.is_current(listed[&id]) {
                bodies.keep(&listed[&id].key, &object);
                known.insert(id, object);
            }
        }
        trace::known(cached, known.len() - cached);
        self.seen += batch.len() as u64;
        let would_be_packed = |(id, listed): &&(EncodedId, Listed)| {
            !known.contains_key(id) && !self.left_out.contains(listed)
        };
        self.unknown += batch.iter().filter(would_be_packed).count() as u64;
        known
    }

    /// Whether so much had to be read one by one that packing the collection again pays.
    pub(crate) fn wants_packing(&self) -> bool {
        const SMALL: u64 = 1_000;
        self.seen >= SMALL && self.unknown * 10 > self.seen
    }
}
