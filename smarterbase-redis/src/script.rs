//! Every Lua script that is sent, each with the checks of `script/prelude.lua` before it.
//!
//! Each script touches the keys of one hash tag only, declares every one of them, and may be repeated.

use std::sync::LazyLock;

use redis::{RedisResult, Script, aio::MultiplexedConnection};

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script::new(concat!(include_str!("script/prelude.lua"), include_str!($file)))
        });)*

        /// Loads every script, in one round trip.
        pub(crate) async fn load_all(connection: &mut MultiplexedConnection) -> RedisResult<()> {
            let mut pipeline = redis::pipe();
            $(pipeline.cmd("SCRIPT").arg("LOAD").arg(concat!(include_str!("script/prelude.lua"), include_str!($file)));)*
            pipeline.exec_async(connection).await
        }
    };
}

scripts! {
    /// Which instance fills the shard.
    INSTANCE = "script/instance.lua";
    /// The index keys that `BEGIN` made before.
    MADE = "script/made.lua";
    /// Empties the shard and marks it, unless another instance is there that must not be replaced.
    BEGIN = "script/begin.lua";
    /// Makes what an outage left a new instance, if it is whole.
    GO_ON = "script/go_on.lua";
    /// Which generations new indexes may go on with.
    LEFT = "script/left.lua";
    /// The entity tags of documents whose entries are all there.
    KNOWN = "script/known.lua";
    /// Makes more indexes under the instance that is there.
    EXTEND = "script/extend.lua";
    /// Adds the entries that a put will need.
    ANNOUNCE = "script/announce.lua";
    /// Tells the outcome of a write.
    COMMIT = "script/commit.lua";
    /// One page of entries.
    SCAN = "script/scan.lua";
    /// The number of entries in a range.
    COUNT = "script/count.lua";
    /// What manifests say of several documents.
    MANIFESTS = "script/manifests.lua";
    /// Removes an entry that no manifest needs.
    REMOVE_STALE = "script/remove_stale.lua";
    /// How an instance stands to entries of one document.
    PRESENCE = "script/presence.lua";
    /// The documents with announcements that nobody resolved.
    DIRTY = "script/dirty.lua";
    /// Takes or keeps a place in the queue of a lock.
    QUEUE_ENTER = "script/queue_enter.lua";
    /// Gives up a place.
    QUEUE_LEAVE = "script/queue_leave.lua";
    /// Wakes the first one.
    QUEUE_WAKE = "script/queue_wake.lua";
    /// How many wait.
    QUEUE_WAITING = "script/queue_waiting.lua";
}
