//! Redis indexes and lock queues for SmarterBase.
//!
//! [`RedisIndex`] is an [`IndexStore`](smarterbase_core::port::IndexStore): it finds documents by their indexed values, in
//! one round trip. The documents stay in the object store, which alone is the truth; Redis may be slow, flushed or gone.
//! [`RedisLockQueue`] wakes those who wait for a lock, one after the other. [`RedisLink`] is the connection below both: to one
//! server, to the nodes of a cluster, or to the primary that Sentinels name ([`RedisOptions::from_url`]).
//!
//! ```no_run
//! # async fn example() -> smarterbase_core::Result<()> {
//! use smarterbase_redis::{RedisIndex, RedisOptions};
//! let index = RedisIndex::open(RedisOptions::from_url("redis://127.0.0.1:6379")?).await?;
//! # Ok(()) }
//! ```
//!
//! # What is guaranteed
//!
//! - **A superset.** An entry that a document needs, or that an announced write may need, is there. An entry without a
//!   matching document is a false hit, which the reader drops after reading the document.
//! - **Manifests tell no less.** What is committed or announced of a document is in its manifest, so that queries rule
//!   candidates out by it.
//! - **Any order of messages.** Announcements and outcomes may come late, twice, or overtake each other: the manifest of
//!   the document says in one atomic script what is still needed.
//! - **Loss is noticed** by every script, before it reads or writes anything: `FLUSHALL`, an empty restart, a restart from
//!   an old snapshot, a failover, a slot that moved, another database (the mark of each shard names the instance and the run
//!   of the server), and a single sorted set or manifest bucket that was deleted or evicted (each holds a sentinel). The answer is
//!   [`IndexError::Lost`](smarterbase_core::port::IndexError::Lost) until [`begin`](smarterbase_core::port::IndexStore::begin).
//!   Single members that a foreign hand removed are not noticed.
//! - **An instance is in one place.** Whoever makes its first shard makes the others, so that two processes that see different
//!   servers behind a slot never share one.
//! - **No trip to Redis takes longer than its deadline**, 250 ms unless set, and none waits for a connection. A call is one trip,
//!   or one to each shard, side by side; but `extend` makes two in a row, and `begin` and `go_on` some more. Those two also wait
//!   while another process has begun and is not done: besides their trips up to six pauses, 0.8 to 1.6 s in all.
//!
//! After the *object store* was restored from a backup, the index must be rebuilt: revisions that went back look like late
//! messages. Until then nothing new is missed. The entries of a document that is written again, or restored by
//! [`Outcome::Restore`](smarterbase_core::port::index::Outcome::Restore) with a lower revision, are added, and those of the
//! higher revision stay beside them until a revision after both is committed.
//!
//! # Keys
//!
//! Every key of one shard of a collection begins with `sb:{<database>.<collection>.<shard>}:`. The braces are a hash tag: a
//! shard lies on one node of a cluster.
//!
//! | Key | Type | Holds |
//! |---|---|---|
//! | `ep` | STRING | the mark, `<instance nonce>\|<run id of the server>` |
//! | `g<generation>:i:<number>` | ZSET | the entries of one definition, all with score 0: encoded value, then the id (16 bytes of a UUID, else `<encoded id>.json`); and an empty sentinel |
//! | `m:<0..255>` | HASH | the manifests: id to MessagePack of revision, deleted, entries, pending announcements, entity tag, placed indexes; and an empty sentinel |
//! | `dirty` | ZSET | ids with unresolved announcements, by the server's time in milliseconds |
//! | `k` | SET | the ZSET keys that were made; and an empty sentinel |
//! | `l` | HASH | after an outage: which generations may be gone on with, and which were |
//!
//! None has a time to live. The keys are private and may change with the version of this crate; a rebuild makes them anew.
//!
//! # Servers
//!
//! Redis or Valkey from 6.2 on: one primary, a cluster, or a primary and its replicas behind Sentinels. The user needs `INFO`, `PING`, `HELLO`, `SCRIPT LOAD`, `EVALSHA`, and the
//! commands of strings, hashes, sets and sorted sets; in a cluster `CLUSTER SLOTS` besides. `maxmemory-policy` must be `noeviction` or `volatile-*`.
//!
//! While a slot moves, Redis refuses calls whose keys are partly here and partly there, and afterwards its shards are found to
//! be lost, as after a failover; what was moved is gone on with. Replicas are not read.
//!
//! Not supported: unix sockets, client certificates, TLS without verification.

mod index;
mod link;
mod lock_queue;
mod options;
mod script;
mod slot;

pub use index::RedisIndex;
pub use link::{RedisLink, RedisServerStatus};
pub use lock_queue::RedisLockQueue;
pub use options::RedisOptions;
