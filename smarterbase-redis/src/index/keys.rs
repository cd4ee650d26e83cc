//! The names of the keys of one shard of a collection. All have one hash tag, so one script may touch them together.

use smarterbase_core::port::index::{IndexedCollection, Placed};

/// How many hashes hold the manifests of a shard. Fixed: a document's bucket must never move.
///
/// Each has a sentinel, so that a lost one is noticed, and each is named when a shard is emptied; both want few. A hash
/// grows by rehashing step by step, and 40,000 documents in each of them are 10 million in the shard: that wants no more.
pub(super) const BUCKETS: u64 = 256;

/// The keys of one shard.
pub(super) struct ShardKeys {
    /// `sb:{<database>.<collection>.<shard>}:`.
    prefix: String,
}

impl ShardKeys {
    pub(super) fn new(collection: &IndexedCollection, shard: u8) -> Self {
        let IndexedCollection { database, name, .. } = collection;
        Self {
            prefix: format!("sb:{{{database}.{name}.{shard}}}:"),
        }
    }

    /// STRING `<nonce>|<run id>`: which instance fills the shard.
    pub(super) fn mark(&self) -> String {
        self.key("ep")
    }

    /// SET of the index keys that were made, so that the next instance can remove them.
    pub(super) fn made(&self) -> String {
        self.key("k")
    }

    /// HASH of what an instance that goes on with what an outage left may still take over, `<number>` to generation, and what
    /// it took over, `<number>:<generation>` to `<number>:<generation before>`.
    pub(super) fn left(&self) -> String {
        self.key("l")
    }

    /// The number and the generation of an index key of this shard.
    pub(super) fn parse_index<'a>(&self, key: &'a str) -> Option<(&'a str, &'a str)> {
        let rest = key.strip_prefix(&self.prefix)?.strip_prefix('g')?;
        let (generation, number) = rest.split_once(":i:")?;
        Some((number, generation))
    }

    /// ZSET of ids by the time of their last unresolved announcement.
    pub(super) fn dirty(&self) -> String {
        self.key("dirty")
    }

    /// Every HASH of manifests.
    pub(super) fn buckets(&self) -> impl Iterator<Item = String> {
        (0..BUCKETS).map(|bucket| self.bucket(bucket))
    }

    /// The HASH with the manifest of the document.
    pub(super) fn bucket_of(&self, id: &[u8]) -> String {
        self.bucket(Self::bucket_number(id))
    }

    /// The number of the bucket of the document.
    pub(super) fn bucket_number(id: &[u8]) -> u64 {
        hash(id) % BUCKETS
    }

    /// ZSET of the entries of a definition in its generation (rule S5).
    pub(super) fn index(&self, placed: &Placed) -> String {
        self.key(&format!("g{}:i:{}", placed.generation, placed.number))
    }

    /// The HASH of manifests of a number.
    pub(super) fn bucket(&self, bucket: u64) -> String {
        self.key(&format!("m:{bucket}"))
    }

    fn key(&self, rest: &str) -> String {
        format!("{}{rest}", self.prefix)
    }
}

/// 64-bit FNV-1a, both halves folded together. Part of the stored form.
///
/// Source: <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
fn hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use smarterbase_core::{document::KeyKind, format::Nonce};

    use super::{BUCKETS, IndexedCollection, Placed, ShardKeys, hash};

    #[test]
    fn the_keys_of_a_shard_share_their_hash_tag() {
        let collection = IndexedCollection {
            database: Nonce::parse("0123456789abcdefghij").unwrap(),
            name: "users".to_owned(),
            shards: 16,
            key_kind: KeyKind::Text,
            instance: String::new(),
        };
        let placed = Placed {
            definition: "plan-1f0c9a2b".to_owned(),
            number: 3,
            generation: 2,
        };
        let keys = ShardKeys::new(&collection, 15);
        assert_eq!(keys.mark(), "sb:{0123456789abcdefghij.users.15}:ep");
        assert_eq!(
            keys.index(&placed),
            "sb:{0123456789abcdefghij.users.15}:g2:i:3"
        );
        assert_eq!(
            keys.bucket_of(b"ada.json"),
            "sb:{0123456789abcdefghij.users.15}:m:212"
        );
    }

    #[test]
    fn ids_spread_over_the_buckets() {
        let mut counts = vec![0; usize::try_from(BUCKETS).unwrap()];
        for number in 0..100 * BUCKETS {
            counts[usize::try_from(hash(format!("{number:020}.json").as_bytes()) % BUCKETS)
                .unwrap()] += 1;
        }
        assert!(
            counts.iter().all(|count| (50..200).contains(count)),
            "{counts:?}"
        );
    }
}
