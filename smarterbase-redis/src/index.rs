//! [`IndexStore`] on Redis.

mod bounds;
mod join;
mod keys;
mod left;

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use futures::future::try_join_all;
use smarterbase_core::{
    Result,
    format::{
        Nonce,
        index_key::ValueRange,
        path::{EncodedId, shard_of},
    },
    port::{
        IndexError, IndexStore,
        index::{
            Announcement, Commit, Connection, Hit, IndexEntry, IndexedCollection, Manifest,
            Manifests, Outcome, Placed, Presence, Scan, ScanPage, member, member_id,
        },
    },
};

use self::{bounds::Bounds, keys::ShardKeys, left::coverage};
use crate::{
    RedisLink, RedisOptions,
    script::{self, Call},
};

/// What stands before the nonce in the name of an instance (rule S6).
const INSTANCE: &str = "redis:";
/// Numbers of Lua are doubles: revisions from here on would lose their last bits.
const REVISIONS: u64 = 1 << 53;
/// The most entries of one page.
const PAGE: usize = 1_000;
/// The most manifests that one script reads.
const MANIFESTS: usize = 200;

/// Index entries in Redis: a sorted set per index and shard, and a manifest per document that orders late, duplicate and
/// reordered messages. See the [crate's documentation](crate) for the keys and for what is guaranteed.
#[derive(Clone, Debug)]
pub struct RedisIndex {
    link: RedisLink,
}

impl RedisIndex {
    /// Indexes over this link.
    #[must_use]
    pub fn new(link: RedisLink) -> Self {
        Self { link }
    }

    /// Indexes on the server of these options.
    ///
    /// # Errors
    /// As [`RedisLink::open`].
    pub async fn open(options: RedisOptions) -> Result<Self> {
        RedisLink::open(options).await.map(Self::new)
    }

    /// Up to `limit` documents per shard whose last announcement is at least `older_than` old and whose outcome nobody
    /// told: their writers crashed, or are still at it. Oldest first within a shard.
    ///
    /// Reading such a document and committing what the store says ([`Outcome::Restore`]) resolves it.
    ///
    /// # Errors
    /// As [`IndexStore::announce`].
    pub async fn dirty(
        &self,
        collection: &IndexedCollection,
        older_than: Duration,
        limit: usize,
    ) -> Result<Vec<EncodedId>, IndexError> {
        let nonce = nonce_of(collection)?;
        let age = u64::try_from(older_than.as_millis()).unwrap_or(u64::MAX);
        let found = try_join_all(shards(collection).map(async |keys| {
            let mut call = script::DIRTY.call();
            call.key(keys.mark())
                .key(keys.dirty())
                .arg(nonce)
                .arg(age)
                .arg(limit);
            self.link.run::<Vec<Vec<u8>>>(&call).await
        }))
        .await?;
        found
            .iter()
            .flatten()
            .map(|bytes| member::decode_id(collection.key_kind, bytes))
            .collect::<Option<_>>()
            .ok_or_else(unreadable)
    }
}

#[async_trait]
impl IndexStore for RedisIndex {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn uses_tags(&self) -> bool {
        false
    }

    async fn instance(&self, collection: &IndexedCollection) -> Result<Option<String>, IndexError> {
        let nonces = try_join_all(shards(collection).map(async |keys| {
            let mut call = script::INSTANCE.call();
            call.key(keys.mark()).arg("");
            self.link.run::<Option<String>>(&call).await
        }))
        .await?;
        let first = nonces.first().cloned().flatten();
        let agree = nonces.iter().all(|nonce| *nonce == first);
        Ok(first
            .filter(|_| agree)
            .map(|nonce| format!("{INSTANCE}{nonce}")))
    }

    async fn begin(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<String, IndexError> {
        let replaced = nonce_named(replacing);
        self.begin_or_join(collection, placed, fresh, replaced)
            .await
    }

    async fn go_on(
        &self,
        collection: &IndexedCollection,
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<Option<String>, IndexError> {
        let replaced = nonce_named(replacing);
        self.go_on_with_what_is_left(collection, fresh, replaced)
            .await
    }

    async fn known(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Vec<Option<String>>, IndexError> {
        self.known_tags(collection, placed, ids).await
    }

    async fn extend(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
    ) -> Result<(), IndexError> {
        let nonce = nonce_of(collection)?;
        try_join_all(shards(collection).map(|keys| self.extend_shard(keys, placed, nonce))).await?;
        Ok(())
    }

    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), IndexError> {
        let Announcement {
            id,
            base,
            write,
            entries,
            placed,
        } = announcement;
        let mut call = script::ANNOUNCE.call();
        let document = Document::new(collection, id, placed);
        document.start(&mut call, nonce_of(collection)?);
        call.arg(in_range(*base)?).arg(write.as_str());
        document.add_entries(&mut call, entries)?;
        self.link.run(&call).await
    }

    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), IndexError> {
        let mut call = script::COMMIT.call();
        let document = Document::new(collection, &commit.id, &commit.placed);
        document.start(&mut call, nonce_of(collection)?);
        call.arg(in_range(commit.rev)?)
            .arg(commit.write.as_ref().map_or("", Nonce::as_str))
            .arg(name_of(commit.outcome))
            .arg(commit.e_tag.as_deref().unwrap_or(""))
            .arg(coverage(&commit.placed).join(","));
        document.add_entries(&mut call, entries_of(commit))?;
        self.link.run(&call).await
    }

    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> Result<ScanPage, IndexError> {
        let limit = scan.limit.clamp(1, PAGE);
        let mut members = self.members(collection, scan, limit + 1).await?;
        let has_more = members.len() > limit;
        members.truncate(limit);
        let hits = members
            .iter()
            .map(|bytes| member::decode(collection.key_kind, bytes))
            .collect::<Option<_>>()
            .ok_or_else(unreadable)?;
        Ok(ScanPage {
            hits,
            has_more,
            requests: u32::from(collection.shards),
        })
    }

    async fn count(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        let nonce = nonce_of(collection)?;
        let bounds = Bounds::of(range);
        let counts = try_join_all(shards(collection).map(async |keys| {
            let mut call = script::COUNT.call();
            call.key(keys.mark())
                .key(keys.index(placed))
                .arg(nonce)
                .arg(&bounds.lower)
                .arg(&bounds.upper);
            self.link.run::<u64>(&call).await
        }))
        .await?;
        Ok(counts.iter().sum())
    }

    async fn manifests(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Option<Manifests>, IndexError> {
        let mut of = vec![None; ids.len()];
        let parts = parts_of(collection, ids);
        let told = try_join_all(parts.iter().map(async |(shard, positions)| {
            self.manifests_of(collection, placed, ids, *shard, positions)
                .await
        }));
        for ((_, positions), manifests) in parts.iter().zip(told.await?) {
            for (position, manifest) in positions.iter().zip(manifests) {
                of[*position] = manifest;
            }
        }
        let requests = u32::try_from(parts.len()).unwrap_or(u32::MAX);
        Ok(Some(Manifests { of, requests }))
    }

    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError> {
        let document = Document::new(collection, &hit.id, std::slice::from_ref(placed));
        let mut call = script::REMOVE_STALE.call();
        call.key(document.keys.mark())
            .key(document.keys.bucket_of(&document.id))
            .key(document.keys.index(placed))
            .arg(nonce_of(collection)?)
            .arg(&document.id[..])
            .arg(member::entry(placed.number, &hit.value));
        self.link.run(&call).await
    }

    /// One round trip.
    async fn presence(
        &self,
        collection: &IndexedCollection,
        id: &EncodedId,
        placed: &[Placed],
        entries: &[IndexEntry],
    ) -> Result<Vec<Presence>, IndexError> {
        let document = Document::new(collection, id, placed);
        let mut call = script::PRESENCE.call();
        call.key(document.keys.mark())
            .key(document.keys.bucket_of(&document.id));
        for placed in placed {
            call.key(document.keys.index(placed));
        }
        call.arg(nonce_of(collection)?).arg(&document.id[..]);
        document.add_entries(&mut call, entries)?;
        let answers: Vec<u64> = self.link.run::<Vec<u64>>(&call).await?;
        answers.into_iter().map(presence_of).collect()
    }

    async fn ping(&self) -> Result<(), IndexError> {
        self.link.ping().await
    }

    fn connection(&self) -> Connection {
        match (self.link.is_circuit_open(), self.link.is_connected()) {
            (true, _) => Connection::CircuitOpen,
            (false, true) => Connection::Open,
            (false, false) => Connection::Lost,
        }
    }
}

/// What the script says of one entry.
fn presence_of(answer: u64) -> Result<Presence, IndexError> {
    match answer {
        0 => Ok(Presence::Missing),
        1 => Ok(Presence::Kept),
        2 => Ok(Presence::Announced),
        3 => Ok(Presence::Loose),
        _ => Err(unreadable()),
    }
}

impl RedisIndex {
    /// What the manifests of a part of the ids say.
    async fn manifests_of(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
        shard: u8,
        positions: &[usize],
    ) -> Result<Vec<Option<Manifest>>, IndexError> {
        let keys = ShardKeys::new(collection, shard);
        let members = positions.iter();
        let members: Vec<_> = members
            .map(|position| member_id(collection.key_kind, &ids[*position]))
            .collect();
        let mut call = script::MANIFESTS.call();
        call.key(keys.mark());
        for member in &members {
            call.key(keys.bucket_of(member));
        }
        call.arg(nonce_of(collection)?).arg(placed.len());
        for placed in placed {
            call.arg(&placed.number.to_be_bytes()[..]);
        }
        for member in &members {
            call.arg(&member[..]);
        }
        let told: Vec<Option<Vec<Vec<u8>>>> = self.link.run(&call).await?;
        let manifest = |entries: Option<Vec<Vec<u8>>>| {
            let manifest = entries.map(|entries| member::decode_manifest(&entries));
            manifest.map(|read| read.ok_or_else(unreadable)).transpose()
        };
        told.into_iter().map(manifest).collect()
    }

    /// The first `limit` members of all shards together, in the order of the scan.
    async fn members(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, IndexError> {
        let nonce = nonce_of(collection)?;
        let bounds = Bounds::of_scan(collection.key_kind, scan);
        let direction = if scan.descending { "down" } else { "up" };
        let pages = try_join_all(shards(collection).map(async |keys| {
            let mut call = script::SCAN.call();
            call.key(keys.mark()).key(keys.index(&scan.placed));
            call.arg(nonce)
                .arg(&bounds.lower)
                .arg(&bounds.upper)
                .arg(limit)
                .arg(direction);
            self.link.run::<Vec<Vec<u8>>>(&call).await
        }))
        .await?;
        Ok(merge(pages, scan.descending))
    }
}

/// The positions of ids by shard, in parts that a script goes through in a few milliseconds.
fn parts_of(collection: &IndexedCollection, ids: &[EncodedId]) -> Vec<(u8, Vec<usize>)> {
    let mut shards: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
    for (position, id) in ids.iter().enumerate() {
        let shard = shard_of(collection.shards, id);
        shards.entry(shard).or_default().push(position);
    }
    let parts = shards.iter().flat_map(|(shard, positions)| {
        let parts = positions.chunks(MANIFESTS);
        parts.map(|positions| (*shard, positions.to_vec()))
    });
    parts.collect()
}

/// One sorted list of several; the standard sort takes advantage of runs that are sorted already.
fn merge(pages: Vec<Vec<Vec<u8>>>, descending: bool) -> Vec<Vec<u8>> {
    let mut members = pages.concat();
    members.sort();
    if descending {
        members.reverse();
    }
    members
}

/// One document with the indexes that are placed on its shard.
struct Document<'a> {
    keys: ShardKeys,
    id: bytes::Bytes,
    placed: &'a [Placed],
}

impl<'a> Document<'a> {
    fn new(collection: &IndexedCollection, id: &EncodedId, placed: &'a [Placed]) -> Self {
        Self {
            keys: ShardKeys::new(collection, shard_of(collection.shards, id)),
            id: member_id(collection.key_kind, id),
            placed,
        }
    }

    /// The keys of a write, its nonce and its id.
    fn start(&self, call: &mut Call<'_>, nonce: &str) {
        call.key(self.keys.mark())
            .key(self.keys.bucket_of(&self.id))
            .key(self.keys.dirty());
        for placed in self.placed {
            call.key(self.keys.index(placed));
        }
        call.arg(nonce).arg(&self.id[..]);
    }

    /// The numbers of the placed indexes, then the entries.
    fn add_entries(&self, call: &mut Call<'_>, entries: &[IndexEntry]) -> Result<(), IndexError> {
        call.arg(self.placed.len());
        for placed in self.placed {
            call.arg(&placed.number.to_be_bytes()[..]);
        }
        for entry in entries {
            if !self.placed.contains(&entry.placed) {
                let name = &entry.placed.definition;
                return Err(IndexError::Corrupt(format!(
                    "an entry of {name}, which is not placed"
                )));
            }
            call.arg(member::entry(entry.placed.number, &entry.value));
        }
        Ok(())
    }
}

/// A deleted document has no entries, and an aborted write tells nothing about them.
fn entries_of(commit: &Commit) -> &[IndexEntry] {
    match commit.outcome {
        Outcome::Put | Outcome::Restore => &commit.entries,
        Outcome::Delete | Outcome::Abort => &[],
    }
}

fn name_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Put => "put",
        Outcome::Delete => "delete",
        Outcome::Abort => "abort",
        Outcome::Restore => "restore",
    }
}

fn shards(collection: &IndexedCollection) -> impl Iterator<Item = ShardKeys> {
    (0..collection.shards).map(|shard| ShardKeys::new(collection, shard))
}

fn nonce_of(collection: &IndexedCollection) -> Result<&str, IndexError> {
    collection.instance.strip_prefix(INSTANCE).ok_or_else(|| {
        IndexError::Lost("the catalog names an instance of another backend".to_owned())
    })
}

/// The nonce of an instance that may be replaced, `""` for none.
fn nonce_named(instance: Option<&str>) -> &str {
    instance
        .and_then(|instance| instance.strip_prefix(INSTANCE))
        .unwrap_or("")
}

fn in_range(revision: u64) -> Result<u64, IndexError> {
    if revision < REVISIONS {
        Ok(revision)
    } else {
        Err(IndexError::Corrupt(format!(
            "revision {revision} is not below 2^53"
        )))
    }
}

fn unreadable() -> IndexError {
    IndexError::Corrupt("Redis holds a member that is no value with an id".to_owned())
}
