//! Who makes an instance, and how others join it.
//!
//! The first shard decides which instance there is. Whoever made that one makes the other shards, and nobody else does: two
//! processes may think that different servers have a shard, for example where a foreign cluster stands at an address of old. An
//! instance that each of them made a part of would be there for both, with the entries of one shard in two places.

use std::time::Duration;

use futures::future::try_join_all;
use smarterbase_core::{
    format::Nonce,
    port::{
        IndexError,
        index::{IndexedCollection, Placed},
    },
};

use super::{INSTANCE, RedisIndex, keys, keys::ShardKeys, shards, unreadable};
use crate::script;

/// `begin` replaces whatever instance is there.
pub(super) const ANY: &str = "*";

/// The pauses in which whoever made the first shard may make the others, 0.8 to 1.6 s in all: of each, half is spread. A look
/// follows the last one as well.
const PAUSES: [Duration; 6] = [
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

impl RedisIndex {
    /// Gives the instance that is there afterwards, on all shards.
    pub(super) async fn begin_or_join(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: Nonce,
        replaced: &str,
    ) -> Result<String, IndexError> {
        let fresh = fresh.as_str();
        let there = self.make(collection, placed, fresh, replaced).await?;
        if there == fresh || self.join(collection, placed, &there).await? {
            return Ok(format!("{INSTANCE}{there}"));
        }
        // Whoever began died in between, or has other servers than we have.
        let there = self.make(collection, placed, fresh, &there).await?;
        if there == fresh {
            Ok(format!("{INSTANCE}{there}"))
        } else {
            let text = "Redis: several processes begin the index at the same time";
            Err(IndexError::Unavailable(text.to_owned()))
        }
    }

    /// Makes all shards, or none where somebody else has begun. Gives the nonce of the first one.
    async fn make(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: &str,
        replaced: &str,
    ) -> Result<String, IndexError> {
        let mut shards = shards(collection);
        let first = shards.next().ok_or_else(unreadable)?;
        let there = self.begin_shard(first, placed, fresh, replaced).await?;
        if there == fresh {
            try_join_all(shards.map(|keys| self.begin_shard(keys, placed, fresh, ANY))).await?;
        }
        Ok(there)
    }

    /// Whether the other shards are of the instance as well, at the latest after the last pause; then they have the placements.
    pub(super) async fn join(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        nonce: &str,
    ) -> Result<bool, IndexError> {
        for pause in PAUSES {
            if self.extend_others(collection, placed, nonce).await? {
                return Ok(true);
            }
            self.link.pause(pause).await;
        }
        self.extend_others(collection, placed, nonce).await
    }

    /// Whether all shards but the first are of the instance. It makes none; those that are of it get the placements.
    async fn extend_others(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        nonce: &str,
    ) -> Result<bool, IndexError> {
        let others = shards(collection).skip(1);
        let extended = try_join_all(others.map(|keys| self.extend_shard(keys, placed, nonce)));
        match extended.await {
            Err(IndexError::Lost(_)) => Ok(false),
            answered => answered.map(|_| true),
        }
    }

    pub(super) async fn begin_shard(
        &self,
        keys: ShardKeys,
        placed: &[Placed],
        nonce: &str,
        replaced: &str,
    ) -> Result<String, IndexError> {
        let mut made = script::MADE.call();
        made.key(keys.made());
        let made: Vec<String> = self.link.run(&made).await?;
        let new: Vec<String> = placed.iter().map(|placed| keys.index(placed)).collect();
        let old: Vec<String> = made
            .into_iter()
            .filter(|key| !key.is_empty() && !new.contains(key))
            .collect();

        let mut call = script::BEGIN.call();
        call.key(keys.mark())
            .key(keys.dirty())
            .key(keys.made())
            .key(keys.left());
        call.key(keys.buckets().collect::<Vec<_>>())
            .key(&new)
            .key(&old);
        call.arg(nonce)
            .arg(keys::BUCKETS)
            .arg(new.len())
            .arg(replaced);
        self.link.run(&call).await
    }
}
