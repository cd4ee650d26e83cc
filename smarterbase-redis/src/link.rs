//! Connections to Redis that fail fast and heal by themselves.

mod breaker;
mod cluster;
mod connect;
mod inbox;
mod node;
mod place;
mod reply;
mod sentinel;
mod supervisor;

use std::{fmt, sync::Arc, time::Duration};

use redis::FromRedisValue;
use smarterbase_core::{
    Result,
    port::{IndexError, Rng},
};
use tokio::time::Instant;

use self::{cluster::Cluster, inbox::Inbox, node::Node, place::Place, sentinel::Sentinels};
use crate::{RedisOptions, options::Topology, script::Call};

/// The connection to a Redis, or to each node of a cluster, shared by everything in a process.
///
/// A call never waits for a connection: without one it fails at once, and after five failures in a row a circuit breaker
/// answers without looking. A task of its own connects again (after 50 ms to 2 s, with jitter), asks the server each
/// second whether it is there, and lets one probe through the breaker as soon as it is. A call that got no answer within
/// the deadline may still be carried out later, so only scripts that may be repeated are sent.
///
/// In a cluster every node has a connection, a breaker and a task of its own: one that is away makes only those calls fail
/// whose keys it owns. Behind Sentinels the task asks them where the primary is before it connects.
///
/// Clones share the connections; the tasks end when the last one is dropped.
#[derive(Clone)]
pub struct RedisLink(Arc<Inner>);

struct Inner {
    options: Arc<RedisOptions>,
    inbox: Arc<Inbox>,
    way: Way,
}

/// How a call finds its server.
enum Way {
    One(Node),
    Cluster(Cluster),
}

/// What is known of one server, without asking it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisServerStatus {
    /// `host:port`, or for a primary that Sentinels name, the service and where they are.
    pub address: String,
    /// Whether there is a live connection, and the server may be used.
    pub is_connected: bool,
    /// Whether calls are answered by the circuit breaker alone.
    pub is_circuit_open: bool,
}

impl RedisLink {
    /// Connects, or starts trying: a server that is down is no error. Must run inside a tokio runtime.
    ///
    /// A server that may evict any key (`maxmemory-policy allkeys-*`) is no error either: every call to it answers
    /// [`IndexError::Refused`] until the policy changes, and one warning is logged.
    ///
    /// # Errors
    /// - [`Denied`](smarterbase_core::ErrorKind::Denied): a server refuses the user or the password, or the user may not
    ///   run `INFO`, scripts, or in a cluster `CLUSTER SLOTS`.
    /// - [`Misconfigured`](smarterbase_core::ErrorKind::Misconfigured): the settings are wrong; a server is older than 6.2,
    ///   or not what the URL says: a node of a cluster, none of one, a Sentinel, or none; the Sentinels do not know the
    ///   service.
    pub async fn open(options: RedisOptions) -> Result<Self> {
        let rng: &dyn Rng = &*options.rng;
        let inbox = Arc::new(Inbox::new(rng.nonce()));
        let options = Arc::new(options);
        let place = match &options.topology {
            Topology::One => Place::alone(&options),
            Topology::Sentinel(service) => Place::elected(Sentinels::new(&options, service)?),
            Topology::Cluster => {
                let cluster = Cluster::open(options.clone(), inbox.clone()).await?;
                return Ok(Self::with(options, inbox, Way::Cluster(cluster)));
            }
        };
        let (node, verdict) = Node::open(&options, place, &inbox).await;
        verdict?;
        Ok(Self::with(options, inbox, Way::One(node)))
    }

    fn with(options: Arc<RedisOptions>, inbox: Arc<Inbox>, way: Way) -> Self {
        Self(Arc::new(Inner {
            options,
            inbox,
            way,
        }))
    }

    /// Asks the server, or every node of the cluster, whether it is there.
    ///
    /// # Errors
    /// [`IndexError::Unavailable`] and [`IndexError::Refused`]; in a cluster of the first node that has one, and
    /// `Unavailable` when a slot has no owner.
    pub async fn ping(&self) -> Result<(), IndexError> {
        match &self.0.way {
            Way::One(node) => node.ping().await,
            Way::Cluster(cluster) => cluster.ping().await,
        }
    }

    /// Whether there is a live connection to a server that may be used; in a cluster, to the owner of every slot.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        match &self.0.way {
            Way::One(node) => node.is_connected(),
            Way::Cluster(cluster) => cluster.is_connected(),
        }
    }

    /// Whether calls are answered by the circuit breaker alone; in a cluster, by that of any node.
    #[must_use]
    pub fn is_circuit_open(&self) -> bool {
        self.servers().iter().any(|server| server.is_circuit_open)
    }

    /// Every server that calls may go to: one, or the nodes of the cluster that own slots, as far as they are known.
    #[must_use]
    pub fn servers(&self) -> Vec<RedisServerStatus> {
        match &self.0.way {
            Way::One(node) => vec![node.status()],
            Way::Cluster(cluster) => cluster.servers(),
        }
    }

    /// Those who wait for messages on this link.
    pub(crate) fn inbox(&self) -> &Inbox {
        &self.0.inbox
    }

    /// Makes sure that messages come on a connection that is there now. They share it with the replies, since nothing that
    /// is sent on it ever blocks.
    pub(crate) async fn subscribe(&self) -> Result<(), IndexError> {
        match &self.0.way {
            Way::One(node) => node.subscribe().await,
            Way::Cluster(cluster) => cluster.subscribe().await,
        }
    }

    /// Waits about as long, by the clock of the options.
    pub(crate) async fn pause(&self, wait: Duration) {
        self.0.options.pause(wait).await;
    }

    /// Runs a script; loads it first where the server does not have it.
    pub(crate) async fn run<T: FromRedisValue>(&self, call: &Call<'_>) -> Result<T, IndexError> {
        let until = Instant::now() + self.0.options.deadline;
        match &self.0.way {
            Way::One(node) => Ok(node.run(call, false, until).await?),
            Way::Cluster(cluster) => cluster.run(call, until).await,
        }
    }
}

impl fmt::Debug for RedisLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLink")
            .field("options", &self.0.options)
            .field("servers", &self.servers())
            .finish_non_exhaustive()
    }
}
