//! One connection to Redis that fails fast and heals by itself.

mod breaker;
mod connect;
mod inbox;
mod reply;
mod supervisor;

use std::{
    fmt,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use arc_swap::ArcSwapOption;
use redis::{
    FromRedisValue, RedisError, RedisResult, ScriptInvocation, aio::MultiplexedConnection,
};
use smarterbase_core::{
    Result,
    port::{IndexError, Rng},
};
use tokio::{sync::Notify, task::JoinHandle, time::timeout};

use self::{
    breaker::{Breaker, Permit},
    inbox::Inbox,
};
use crate::RedisOptions;

/// How many calls in a row may go without an answer before the connection is taken for dead (half-open TCP).
const TIMEOUTS: u32 = 3;

/// A connection to Redis, shared by everything in a process.
///
/// A call never waits for a connection: without one it fails at once, and after five failures in a row a circuit breaker
/// answers without looking. A task of its own connects again (after 50 ms to 2 s, with jitter), asks the server each
/// second whether it is there, and lets one probe through the breaker as soon as it is. A call that got no answer within
/// the deadline may still be carried out later, so only scripts that may be repeated are sent.
///
/// Clones share the connection; the task ends when the last one is dropped.
#[derive(Clone)]
pub struct RedisLink(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.supervisor.abort();
        self.shared.current.store(None);
    }
}

/// What the calls and the supervisor share.
struct Shared {
    options: RedisOptions,
    client: redis::Client,
    breaker: Breaker,
    /// The live connection, if there is one.
    current: ArcSwapOption<Live>,
    /// Why the server must not be used, if it must not.
    refused: ArcSwapOption<String>,
    /// Wakes the supervisor when a connection was dropped.
    kick: Notify,
    inbox: Inbox,
}

/// One connection that passed the checks.
struct Live {
    /// Tells connections apart, so that a late failure does not drop the next one.
    generation: u64,
    connection: MultiplexedConnection,
    timeouts: AtomicU32,
    /// Whether messages come on it.
    is_subscribed: AtomicBool,
}

impl RedisLink {
    /// Connects to the server, or starts trying: a server that is down is no error. Must run inside a tokio runtime.
    ///
    /// A server that may evict any key (`maxmemory-policy allkeys-*`) is no error either: every call answers
    /// [`IndexError::Refused`] until the policy changes, and one warning is logged.
    ///
    /// # Errors
    /// - [`Denied`](smarterbase_core::ErrorKind::Denied): the server refuses the user or the password, or the user may
    ///   not run `INFO` or scripts.
    /// - [`Misconfigured`](smarterbase_core::ErrorKind::Misconfigured): the settings are wrong, the server is older than
    ///   6.2, a node of a cluster, or a Sentinel.
    pub async fn open(options: RedisOptions) -> Result<Self> {
        let client = options.client()?;
        let rng: &dyn Rng = &*options.rng;
        let inbox = Inbox::new(rng.nonce());
        let shared = Arc::new(Shared {
            breaker: Breaker::new(options.clock.clone()),
            options,
            client,
            current: ArcSwapOption::empty(),
            refused: ArcSwapOption::empty(),
            kick: Notify::new(),
            inbox,
        });
        let supervisor = supervisor::start(&shared).await?;
        Ok(Self(Arc::new(Handle { shared, supervisor })))
    }

    /// Asks the server whether it is there.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`] and [`IndexError::Refused`].
    pub async fn ping(&self) -> Result<(), IndexError> {
        self.0
            .shared
            .ask(|mut connection| async move { redis::cmd("PING").exec_async(&mut connection).await })
            .await
    }

    /// Whether there is a live connection to a server that may be used.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.shared.current.load().is_some()
    }

    /// Whether calls are answered by the circuit breaker alone.
    #[must_use]
    pub fn is_circuit_open(&self) -> bool {
        self.0.shared.breaker.is_open()
    }

    /// Those who wait for messages on this link.
    pub(crate) fn inbox(&self) -> &Inbox {
        &self.0.shared.inbox
    }

    /// Makes sure that messages come on the connection that is there now. They share it with the replies, since nothing that
    /// is sent on it ever blocks.
    pub(crate) async fn subscribe(&self) -> Result<(), IndexError> {
        let shared = &self.0.shared;
        let live = shared.current.load_full();
        if live
            .as_ref()
            .is_some_and(|live| live.is_subscribed.load(Ordering::Acquire))
        {
            return Ok(());
        }
        let channel = shared.inbox.channel();
        shared
            .ask(|mut connection| async move { connection.subscribe(channel).await })
            .await?;
        if let Some(live) = live {
            live.is_subscribed.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Runs a script; loads it first where the server does not have it.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &ScriptInvocation<'_>,
    ) -> Result<T, IndexError> {
        self.0
            .shared
            .ask(|mut connection| async move { script.invoke_async(&mut connection).await })
            .await
    }
}

impl Shared {
    /// One call on the live connection, under the breaker and the deadline.
    async fn ask<T, Answer>(
        &self,
        question: impl FnOnce(MultiplexedConnection) -> Answer,
    ) -> Result<T, IndexError>
    where
        Answer: Future<Output = RedisResult<T>>,
    {
        if let Some(why) = &*self.refused.load() {
            return Err(IndexError::Refused(why.to_string()));
        }
        let permit = self
            .breaker
            .try_acquire()
            .ok_or_else(|| self.unavailable("the circuit is open"))?;
        let Some(live) = self.current.load_full() else {
            permit.fail();
            return Err(self.unavailable("no connection"));
        };
        match timeout(self.options.deadline, question(live.connection.clone())).await {
            Ok(Ok(answer)) => {
                live.timeouts.store(0, Ordering::Relaxed);
                permit.succeed();
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.judge(permit, &live, &error)),
            Err(_elapsed) => {
                permit.fail();
                self.count_timeout(&live);
                Err(self.unavailable("no answer in time"))
            }
        }
    }

    /// A server that answers is there, whatever it says; a broken connection is gone for everybody.
    fn judge(&self, permit: Permit<'_>, live: &Live, error: &RedisError) -> IndexError {
        if reply::is_from_server(error) {
            permit.succeed();
        } else {
            permit.fail();
        }
        if reply::needs_new_connection(error) {
            self.drop_generation(live.generation);
        }
        reply::classify(error, &self.options.address())
    }

    fn count_timeout(&self, live: &Live) {
        if live.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= TIMEOUTS {
            self.drop_generation(live.generation);
        }
    }

    fn drop_generation(&self, generation: u64) {
        let current = self.current.load_full();
        if current
            .as_ref()
            .is_some_and(|live| live.generation == generation)
        {
            self.current.compare_and_swap(&current, None);
            self.kick.notify_one();
        }
    }

    fn unavailable(&self, why: &str) -> IndexError {
        IndexError::Unavailable(format!("Redis at {}: {why}", self.options.address()))
    }
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLink")
            .field("options", &self.0.shared.options)
            .field("is_connected", &self.is_connected())
            .field("is_circuit_open", &self.is_circuit_open())
            .finish_non_exhaustive()
    }
}
