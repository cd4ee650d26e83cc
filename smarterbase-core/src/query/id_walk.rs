//! Walking a collection by id: LIST pages of every shard, merged.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    error::Result,
    format::{
        Key, Prefix,
        path::{self, EncodedId},
    },
    operation::{Collection, View, engine::store_failure, transaction::range::Range},
    port::Listed,
    store::bodies::Sight,
};

/// A LIST answers with at most this many objects.
const LIST_PAGE: usize = 1_000;

/// The documents of a collection in the order of their ids, dead ones included.
#[derive(Debug)]
pub(crate) struct IdWalk {
    view: View,
    collection: Arc<Collection>,
    shards: Vec<Shard>,
    page: usize,
    /// The pages that the last batch came from.
    sights: Vec<Arc<Sight>>,
}

#[derive(Debug)]
struct Shard {
    prefix: Prefix,
    after: Option<Key>,
    buffer: VecDeque<(EncodedId, Listed)>,
    is_done: bool,
    /// When the buffer was listed; without one its versions are only hints.
    sight: Option<Arc<Sight>>,
}

impl IdWalk {
    /// A walk over everything after `after`, with LIST pages of at most `page`.
    pub(crate) fn new(
        view: &View,
        collection: &Arc<Collection>,
        after: Option<&EncodedId>,
        page: usize,
    ) -> Self {
        let spec = collection.spec;
        let shards = (0..spec.shards).map(|shard| {
            let prefix = path::documents(spec.collection, spec.shards, shard);
            let after = after.map(|id| Key::from_stored(format!("{prefix}{id}.json")));
            Shard {
                prefix,
                after,
                buffer: VecDeque::new(),
                is_done: false,
                sight: None,
            }
        });
        Self {
            view: view.clone(),
            collection: collection.clone(),
            shards: shards.collect(),
            page: page.clamp(1, LIST_PAGE),
            sights: Vec::new(),
        }
    }

    /// LIST pages of at most `objects` from here on.
    pub(crate) fn set_page(&mut self, objects: usize) {
        self.page = objects.clamp(1, LIST_PAGE);
    }

    /// Up to `most` further documents, in the order of ids. Empty at the end.
    pub(crate) async fn next(&mut self, most: usize) -> Result<Vec<(EncodedId, Listed)>> {
        let mut batch = Vec::new();
        self.sights.clear();
        while batch.len() < most {
            self.fill().await?;
            let first = self
                .shards
                .iter_mut()
                .filter(|shard| !shard.buffer.is_empty());
            let Some(shard) = first.min_by_key(|shard| shard.first_name()) else {
                break;
            };
            batch.extend(shard.buffer.pop_front());
            let is_seen =
                |sight: &Arc<Sight>| self.sights.iter().any(|seen| Arc::ptr_eq(seen, sight));
            let unseen = shard.sight.clone().filter(|sight| !is_seen(sight));
            self.sights.extend(unseen);
        }
        Ok(batch)
    }

    /// Whether the version of an object of the last batch is the newest one that this process knows: a LIST showed it, and
    /// since it was asked for nobody here wrote or read another one.
    pub(crate) fn is_current(&self, listed: &Listed) -> bool {
        !self.sights.is_empty() && self.sights.iter().all(|sight| sight.is_current(listed))
    }

    /// Every shard that goes on has something in its buffer.
    async fn fill(&mut self) -> Result<()> {
        for shard in &mut self.shards {
            while shard.buffer.is_empty() && !shard.is_done {
                shard.list(&self.view, &self.collection, self.page).await?;
            }
        }
        Ok(())
    }
}

impl Shard {
    async fn list(&mut self, view: &View, collection: &Arc<Collection>, page: usize) -> Result<()> {
        self.sight = view.bodies().map(|bodies| Arc::new(bodies.look()));
        let listed = view
            .store
            .list(&self.prefix, self.after.as_ref(), page)
            .await;
        let listed =
            listed.map_err(|error| store_failure(error).in_collection(collection.name()))?;
        if let Some(attempt) = view.attempt() {
            let after = self.after.as_ref();
            let range = Range::of_list(collection, &self.prefix, after, &listed);
            attempt.remember_range(range)?;
        }
        self.is_done = !listed.has_more;
        if let Some(last) = listed.objects.last() {
            self.after = Some(last.key.clone());
        }
        for object in listed.objects {
            match collection.id_of(&object.key) {
                Some(id) => self.buffer.push_back((id, object)),
                // Rule S24: reported, never a document.
                None => {
                    tracing::warn!(path = %object.key, "an object in a collection's folder is no document")
                }
            }
        }
        Ok(())
    }

    /// Ids compare as `<id>.json` (rule S22).
    fn first_name(&self) -> Option<String> {
        self.buffer.front().map(|(id, _)| format!("{id}.json"))
    }
}
