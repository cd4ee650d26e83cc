//! Every Lua script that is sent, each with the checks of `script/prelude.lua` before it.
//!
//! Each script touches the keys of one hash tag only, declares every one of them, and may be repeated.

use std::sync::LazyLock;

use redis::{
    Cmd, ErrorKind, FromRedisValue, RedisResult, ServerErrorKind, ToRedisArgs, Value,
    aio::MultiplexedConnection,
};

use crate::slot;

/// One of the scripts below.
pub(crate) struct Script(redis::Script);

impl Script {
    /// A call without keys and arguments yet.
    pub(crate) fn call(&self) -> Call<'_> {
        Call {
            script: &self.0,
            keys: Vec::new(),
            arguments: Vec::new(),
        }
    }
}

/// One call of a script, with the keys that it declares.
pub(crate) struct Call<'a> {
    script: &'a redis::Script,
    keys: Vec<Vec<u8>>,
    arguments: Vec<Vec<u8>>,
}

impl Call<'_> {
    /// Adds a key, or several.
    pub(crate) fn key(&mut self, key: impl ToRedisArgs) -> &mut Self {
        key.write_redis_args(&mut self.keys);
        self
    }

    /// Adds an argument, or several.
    pub(crate) fn arg(&mut self, argument: impl ToRedisArgs) -> &mut Self {
        argument.write_redis_args(&mut self.arguments);
        self
    }

    /// The slot of a cluster that all keys lie in, since they share a hash tag.
    pub(crate) fn slot(&self) -> u16 {
        let mut slots = self.keys.iter().map(|key| slot::of(key));
        let slot = slots.next().unwrap_or(0);
        debug_assert!(slots.all(|other| other == slot), "keys of two slots");
        slot
    }

    /// Sends it, and loads the script first where the server does not have it. With `is_asking` a node of a cluster answers
    /// that only takes the slot over.
    pub(crate) async fn send<T: FromRedisValue>(
        &self,
        connection: &mut MultiplexedConnection,
        is_asking: bool,
    ) -> RedisResult<T> {
        let command = self.command();
        match attempt(&command, connection, is_asking).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.script.load_async(connection).await?;
                attempt(&command, connection, is_asking).await
            }
            answer => answer,
        }
    }

    fn command(&self) -> Cmd {
        // Beside keys and arguments: the name, 40 digits, and their number.
        const REST: usize = 64;
        let parts = self.keys.iter().chain(&self.arguments);
        let length: usize = parts.clone().map(Vec::len).sum();
        let mut command = Cmd::with_capacity(3 + parts.count(), REST + length);
        command
            .arg("EVALSHA")
            .arg(self.script.get_hash())
            .arg(self.keys.len())
            .arg(&*self.keys)
            .arg(&*self.arguments);
        command
    }
}

async fn attempt<T: FromRedisValue>(
    command: &Cmd,
    connection: &mut MultiplexedConnection,
    is_asking: bool,
) -> RedisResult<T> {
    if !is_asking {
        return command.query_async(connection).await;
    }
    // `ASKING` is for the next command of the connection alone, so nobody else's may come between the two.
    let mut both = redis::pipe();
    both.cmd("ASKING").add_command(command.clone());
    let answers = connection.send_packed_commands(&both, 0, 2).await?;
    let mut answer = Value::Nil;
    for one in answers {
        // A user who may not say `ASKING` hears that, and not where the slot lies.
        answer = one.extract_error()?;
    }
    Ok(T::from_redis_value(answer)?)
}

macro_rules! scripts {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {
        $($(#[$doc])* pub(crate) static $name: LazyLock<Script> = LazyLock::new(|| {
            Script(redis::Script::new(concat!(include_str!("script/prelude.lua"), include_str!($file))))
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
