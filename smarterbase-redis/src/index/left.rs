//! Going on with what an outage left: a backup, a replica that lags, or just what was there.
//!
//! Redis loses the last of what was done, or whole keys; a sentinel in each key shows the latter. What is left then is a state
//! that there was, and the manifest of a document tells its version and of which index keys its entries are. So the documents
//! that still have that version need no reading.

use futures::future::try_join_all;
use smarterbase_core::{
    format::{Nonce, path::EncodedId},
    port::{
        IndexError,
        index::{IndexedCollection, Placed, member_id},
    },
};

use super::{
    INSTANCE, RedisIndex, join::ANY, keys, keys::ShardKeys, nonce_of, parts_of, shards, unreadable,
};
use crate::script;

/// What the committed entries of a manifest are all of: `number:generation`, in order.
pub(super) fn coverage(placed: &[Placed]) -> Vec<String> {
    let mut sorted: Vec<_> = placed.iter().collect();
    sorted.sort_by_key(|placed| (placed.number, placed.generation));
    let texts = sorted.into_iter();
    texts
        .map(|placed| format!("{}:{}", placed.number, placed.generation))
        .collect()
}

impl RedisIndex {
    /// The first shard decides; one of the others that is not whole begins anew by itself.
    pub(super) async fn go_on_with_what_is_left(
        &self,
        collection: &IndexedCollection,
        fresh: Nonce,
        replaced: &str,
    ) -> Result<Option<String>, IndexError> {
        let mut shards = shards(collection);
        let first = shards.next().ok_or_else(unreadable)?;
        let nonce = self.go_on_shard(&first, fresh.as_str(), replaced).await?;
        if nonce.is_empty() {
            return Ok(None);
        }
        if nonce != fresh.as_str() {
            let is_there = self.join(collection, &[], &nonce).await?;
            return Ok(is_there.then(|| format!("{INSTANCE}{nonce}")));
        }
        let others = shards.map(async |keys| {
            let joined = self.go_on_shard(&keys, &nonce, ANY).await?;
            if joined.is_empty() {
                self.begin_shard(keys, &[], &nonce, ANY).await?;
            }
            Ok::<_, IndexError>(())
        });
        try_join_all(others).await?;
        Ok(Some(format!("{INSTANCE}{nonce}")))
    }

    async fn go_on_shard(
        &self,
        keys: &ShardKeys,
        nonce: &str,
        replaced: &str,
    ) -> Result<String, IndexError> {
        let mut made = script::MADE.call();
        made.key(keys.made());
        let made: Vec<String> = self.link.run(&made).await?;
        let indexes = made
            .iter()
            .filter_map(|key| Some((key, keys.parse_index(key)?)));

        let mut call = script::GO_ON.call();
        call.key(keys.mark()).key(keys.made()).key(keys.left());
        call.key(keys.buckets().collect::<Vec<_>>());
        call.arg(nonce).arg(replaced).arg(keys::BUCKETS);
        for (key, (number, generation)) in indexes {
            call.key(key).arg(number).arg(generation);
        }
        self.link.run(&call).await
    }

    pub(super) async fn extend_shard(
        &self,
        keys: ShardKeys,
        placed: &[Placed],
        nonce: &str,
    ) -> Result<(), IndexError> {
        let left = self.left_for(&keys, placed, nonce).await?;
        let mut call = script::EXTEND.call();
        call.key(keys.mark()).key(keys.made()).key(keys.left());
        for placed in placed {
            call.key(keys.index(placed));
        }
        call.arg(nonce);
        for (placed, generation) in placed.iter().zip(&left) {
            let source = generation.parse().map(|generation| Placed {
                generation,
                ..placed.clone()
            });
            call.key(source.map_or_else(|_none| keys.mark(), |source| keys.index(&source)));
            call.arg(placed.number)
                .arg(placed.generation)
                .arg(generation);
        }
        self.link.run(&call).await
    }

    /// The generation of each that may be gone on with; empty where there is none.
    async fn left_for(
        &self,
        keys: &ShardKeys,
        placed: &[Placed],
        nonce: &str,
    ) -> Result<Vec<String>, IndexError> {
        let mut call = script::LEFT.call();
        call.key(keys.mark()).key(keys.left()).arg(nonce);
        for placed in placed {
            call.arg(placed.number);
        }
        self.link.run(&call).await
    }

    pub(super) async fn known_tags(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Vec<Option<String>>, IndexError> {
        let parts = parts_of(collection, ids);
        let told = try_join_all(parts.iter().map(async |(shard, positions)| {
            self.known_of(collection, placed, ids, *shard, positions)
                .await
        }));
        let mut known = vec![None; ids.len()];
        for ((_, positions), tags) in parts.iter().zip(told.await?) {
            for (position, tag) in positions.iter().zip(tags) {
                known[*position] = Some(tag).filter(|tag| !tag.is_empty());
            }
        }
        Ok(known)
    }

    /// What the manifests of a part of the ids say.
    async fn known_of(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
        shard: u8,
        positions: &[usize],
    ) -> Result<Vec<String>, IndexError> {
        let keys = ShardKeys::new(collection, shard);
        let members = positions
            .iter()
            .map(|position| member_id(collection.key_kind, &ids[*position]));
        let members: Vec<_> = members.collect();
        // Each bucket is named once.
        let numbers = members.iter().map(|id| ShardKeys::bucket_number(id));
        let mut buckets: Vec<u64> = numbers.collect();
        buckets.sort_unstable();
        buckets.dedup();

        let mut call = script::KNOWN.call();
        call.key(keys.mark()).key(keys.left());
        for bucket in &buckets {
            call.key(keys.bucket(*bucket));
        }
        call.arg(nonce_of(collection)?)
            .arg(placed.len())
            .arg(coverage(placed));
        for id in &members {
            let bucket = ShardKeys::bucket_number(id);
            let place = buckets
                .binary_search(&bucket)
                .map_err(|_gone| unreadable())?;
            call.arg(place + 1).arg(&id[..]);
        }
        self.link.run(&call).await
    }
}
