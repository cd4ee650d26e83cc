//! One server: its connection, its breaker, and the task that keeps both.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use redis::{FromRedisValue, RedisError, RedisResult, Value, aio::MultiplexedConnection};
use smarterbase_core::{Result, port::IndexError};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{
    RedisServerStatus,
    breaker::{Breaker, Permit},
    inbox::Inbox,
    place::Place,
    reply::{self, Unanswered},
    supervisor,
};
use crate::{RedisOptions, script::Call};

/// Whether a node that did not answer within this time has failed. Of a call that another node sent on it gets what that one
/// left.
fn is_enough(time: Duration, deadline: Duration) -> bool {
    time >= deadline / 2
}

/// How many calls in a row may go without an answer before the connection is taken for dead (half-open TCP).
const TIMEOUTS: u32 = 3;

/// A server that is connected to again and again. Dropped, its connection and its task end.
pub(super) struct Node {
    shared: Arc<Shared>,
    supervisor: JoinHandle<()>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.supervisor.abort();
        self.shared.current.store(None);
    }
}

/// What the calls and the supervisor share.
pub(super) struct Shared {
    pub(super) options: Arc<RedisOptions>,
    pub(super) place: Place,
    pub(super) breaker: Breaker,
    /// The live connection, if there is one.
    pub(super) current: ArcSwapOption<Live>,
    /// Why the server must not be used, if it must not.
    pub(super) refused: ArcSwapOption<String>,
    /// Wakes the supervisor when a connection was dropped.
    pub(super) kick: Notify,
    pub(super) inbox: Arc<Inbox>,
}

/// One connection that passed the checks.
pub(super) struct Live {
    /// Tells connections apart, so that a late failure does not drop the next one.
    pub(super) generation: u64,
    /// Where it leads to.
    pub(super) address: String,
    pub(super) connection: MultiplexedConnection,
    pub(super) timeouts: AtomicU32,
    /// Whether messages come on it.
    pub(super) is_subscribed: AtomicBool,
}

impl Node {
    /// Makes the first attempt to connect, and goes on trying. The verdict is what no waiting repairs.
    pub(super) async fn open(
        options: &Arc<RedisOptions>,
        place: Place,
        inbox: &Arc<Inbox>,
    ) -> (Self, Result<()>) {
        let shared = Arc::new(Shared {
            breaker: Breaker::new(options.clock.clone()),
            options: options.clone(),
            place,
            current: ArcSwapOption::empty(),
            refused: ArcSwapOption::empty(),
            kick: Notify::new(),
            inbox: inbox.clone(),
        });
        let (supervisor, verdict) = supervisor::start(&shared).await;
        (Self { shared, supervisor }, verdict)
    }

    /// `host:port`, for people and for telling the nodes of a cluster apart.
    pub(super) fn address(&self) -> &str {
        self.shared.place.name()
    }

    pub(super) fn is_connected(&self) -> bool {
        self.shared.current.load().is_some()
    }

    /// Why the server must not be used, if it must not.
    pub(super) fn refusal(&self) -> Option<String> {
        self.shared.refused.load().as_deref().cloned()
    }

    pub(super) fn is_subscribed(&self) -> bool {
        let live = self.shared.current.load();
        live.as_ref()
            .is_some_and(|live| live.is_subscribed.load(Ordering::Acquire))
    }

    pub(super) fn status(&self) -> RedisServerStatus {
        RedisServerStatus {
            address: self.address().to_owned(),
            is_connected: self.is_connected(),
            is_circuit_open: self.shared.breaker.is_open(),
        }
    }

    pub(super) async fn ping(&self) -> Result<(), IndexError> {
        let ping = |mut connection: MultiplexedConnection| async move {
            redis::cmd("PING").exec_async(&mut connection).await
        };
        Ok(self.shared.ask(self.shared.deadline(), ping).await?)
    }

    pub(super) async fn subscribe(&self) -> Result<(), IndexError> {
        if self.is_subscribed() {
            return Ok(());
        }
        let live = self.shared.current.load_full();
        let channel = self.shared.inbox.channel();
        let subscribe = |mut connection: MultiplexedConnection| async move {
            connection.subscribe(channel).await
        };
        self.shared.ask(self.shared.deadline(), subscribe).await?;
        if let Some(live) = live {
            live.is_subscribed.store(true, Ordering::Release);
        }
        Ok(())
    }

    /// Runs a script. With `is_asking` a node of a cluster answers that only takes the slot over.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        call: &Call<'_>,
        is_asking: bool,
        until: Instant,
    ) -> Result<T, Unanswered> {
        let send = |mut connection: MultiplexedConnection| async move {
            call.send(&mut connection, is_asking).await
        };
        self.shared.ask(until, send).await
    }

    /// Who owns which slots, as this node sees it.
    pub(super) async fn slots(&self) -> Result<Value, IndexError> {
        let slots = |mut connection: MultiplexedConnection| async move {
            let mut command = redis::cmd("CLUSTER");
            command.arg("SLOTS").query_async(&mut connection).await
        };
        Ok(self.shared.ask(self.shared.deadline(), slots).await?)
    }
}

impl Shared {
    fn deadline(&self) -> Instant {
        Instant::now() + self.options.deadline
    }

    /// One call on the live connection, under the breaker and the deadline.
    async fn ask<T, Answer>(
        &self,
        until: Instant,
        question: impl FnOnce(MultiplexedConnection) -> Answer,
    ) -> Result<T, Unanswered>
    where
        Answer: Future<Output = RedisResult<T>>,
    {
        if let Some(why) = &*self.refused.load() {
            return Err(IndexError::Refused(why.to_string()).into());
        }
        let permit = self
            .breaker
            .try_acquire()
            .ok_or_else(|| self.unavailable("the circuit is open"))?;
        let Some(live) = self.current.load_full() else {
            permit.fail();
            return Err(self.unavailable("no connection").into());
        };
        let has_time = is_enough(until - Instant::now(), self.options.deadline);
        match timeout_at(until, question(live.connection.clone())).await {
            Ok(Ok(answer)) => {
                live.timeouts.store(0, Ordering::Relaxed);
                permit.succeed();
                Ok(answer)
            }
            Ok(Err(error)) => Err(self.judge(permit, &live, &error)),
            Err(_elapsed) => {
                if has_time {
                    permit.fail();
                    self.count_timeout(&live);
                }
                Err(self.unavailable("no answer in time").into())
            }
        }
    }

    /// A server that answers is there, whatever it says; a broken connection is gone for everybody.
    fn judge(&self, permit: Permit<'_>, live: &Live, error: &RedisError) -> Unanswered {
        if reply::is_from_server(error) {
            permit.succeed();
        } else {
            permit.fail();
        }
        if reply::needs_new_connection(error) {
            self.drop_generation(live.generation);
        }
        reply::unanswered(error, self.place.name())
    }

    pub(super) fn count_timeout(&self, live: &Live) {
        if live.timeouts.fetch_add(1, Ordering::Relaxed) + 1 >= TIMEOUTS {
            self.drop_generation(live.generation);
        }
    }

    pub(super) fn drop_generation(&self, generation: u64) {
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
        IndexError::Unavailable(format!("Redis at {}: {why}", self.place.name()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::is_enough;

    #[test]
    fn a_node_fails_only_with_half_of_the_deadline_or_more() {
        let deadline = Duration::from_millis(250);
        for (milliseconds, expected) in [(0, false), (124, false), (125, true), (250, true)] {
            let time = Duration::from_millis(milliseconds);
            assert_eq!(is_enough(time, deadline), expected, "{time:?}");
        }
    }
}
