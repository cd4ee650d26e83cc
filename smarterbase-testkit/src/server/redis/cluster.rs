//! A Redis cluster of masters, set up over the wire, without `redis-cli`.

use std::{io, path::Path};

use redis::Connection;

use super::{RedisServer, free_port, process, with_other_ports_if_taken};

/// The hash slots of every cluster: <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>.
const SLOTS: usize = 16_384;

/// Masters without replicas that share the hash slots. Ready after about 2 s, which is gossip, not work: start it once
/// for many tests. Needs Redis 7 (`CLUSTER ADDSLOTSRANGE`).
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts `count` nodes and waits until each sees the cluster complete.
    ///
    /// A node that dies takes only its own slots away (`cluster-require-full-coverage no`).
    ///
    /// # Errors
    /// When a node does not start or they do not find each other.
    pub fn start(count: usize) -> io::Result<Self> {
        Self::start_with(&RedisServer::find()?, count)
    }

    pub(super) fn start_with(program: &Path, count: usize) -> io::Result<Self> {
        let start = |_| with_other_ports_if_taken(|| start_node(program));
        let started = (0..count).map(start).collect::<io::Result<Vec<_>>>()?;
        let (nodes, buses): (Vec<_>, Vec<_>) = started.into_iter().unzip();
        let mut connections = nodes
            .iter()
            .map(RedisServer::connect)
            .collect::<io::Result<Vec<_>>>()?;
        for (number, connection) in connections.iter_mut().enumerate() {
            own_slots(connection, number, count)?;
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            meet(&mut connections[0], node.port(), *bus)?;
        }
        let cluster = Self { nodes };
        cluster.wait_until_complete()?;
        Ok(cluster)
    }

    /// Waits until every node sees every other and all slots are served, as after a restart.
    ///
    /// # Errors
    /// When that takes more than 20 s.
    pub fn wait_until_complete(&self) -> io::Result<()> {
        let count = self.nodes.len();
        process::wait_until_ready("the Redis cluster", || {
            Ok(self.nodes.iter().all(|node| is_complete(node, count)))
        })
    }

    /// The nodes, to look at.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The nodes, to kill and restart. A restarted node knows the cluster and its slots, but its keys are gone.
    pub fn nodes_mut(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    /// The URL of the cluster, with every node as a seed.
    #[must_use]
    pub fn url(&self) -> String {
        let addresses = self.nodes.iter().map(|node| node.address().to_string());
        let addresses: Vec<_> = addresses.collect();
        format!("redis+cluster://{}", addresses.join(","))
    }

    /// The number of the node that owned the slot when the cluster was made.
    #[must_use]
    pub fn first_owner(&self, slot: u16) -> usize {
        // The inverse of how `own_slots` shares them.
        let count = self.nodes.len();
        (0..count)
            .rfind(|number| number * SLOTS / count <= usize::from(slot))
            .unwrap_or(0)
    }

    /// The slot of a key, as a node says it.
    ///
    /// # Errors
    /// When the first node does not answer.
    pub fn slot_of(&self, key: &str) -> io::Result<u16> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("KEYSLOT").arg(key);
        command
            .query(&mut self.nodes[0].connect()?)
            .map_err(io::Error::other)
    }

    /// Removes every key of every node.
    ///
    /// # Errors
    /// When a node does not answer.
    pub fn flush(&self) -> io::Result<()> {
        self.nodes.iter().try_for_each(RedisServer::flush)
    }

    /// Begins to move a slot: node `from` asks for what it no longer has at node `to` (`ASK`).
    ///
    /// # Errors
    /// When a node does not answer, or does not own the slot.
    pub fn begin_moving(&self, slot: u16, from: usize, to: usize) -> io::Result<()> {
        self.set_slot(to, slot, &["IMPORTING", &self.id(from)?])?;
        self.set_slot(from, slot, &["MIGRATING", &self.id(to)?])
    }

    /// Moves at most `most` keys of a slot that is on its way, and says how many there were.
    ///
    /// # Errors
    /// When a node does not answer.
    pub fn move_keys(&self, slot: u16, from: usize, to: usize, most: usize) -> io::Result<usize> {
        let mut source = self.nodes[from].connect()?;
        let keys: Vec<Vec<u8>> = redis::cmd("CLUSTER")
            .arg("GETKEYSINSLOT")
            .arg(slot)
            .arg(most)
            .query(&mut source)
            .map_err(io::Error::other)?;
        if !keys.is_empty() {
            let mut command = redis::cmd("MIGRATE");
            command.arg("127.0.0.1").arg(self.nodes[to].port());
            command.arg("").arg(0).arg(5_000).arg("KEYS").arg(&keys);
            command.exec(&mut source).map_err(io::Error::other)?;
        }
        Ok(keys.len())
    }

    /// Ends the move: node `to` owns the slot (`MOVED`).
    ///
    /// # Errors
    /// When a node does not answer.
    pub fn end_moving(&self, slot: u16, to: usize) -> io::Result<()> {
        let owner = self.id(to)?;
        // The new owner first: the others learn of it from whoever has the highest epoch.
        self.set_slot(to, slot, &["NODE", &owner])?;
        let others = (0..self.nodes.len()).filter(|number| *number != to);
        others
            .into_iter()
            .try_for_each(|number| self.set_slot(number, slot, &["NODE", &owner]))
    }

    fn set_slot(&self, node: usize, slot: u16, what: &[&str]) -> io::Result<()> {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SETSLOT").arg(slot).arg(what);
        command
            .exec(&mut self.nodes[node].connect()?)
            .map_err(io::Error::other)
    }

    fn id(&self, node: usize) -> io::Result<String> {
        redis::cmd("CLUSTER")
            .arg("MYID")
            .query(&mut self.nodes[node].connect()?)
            .map_err(io::Error::other)
    }

    /// The URLs of all nodes.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(RedisServer::url).collect()
    }
}

/// A node and the port of its cluster bus.
fn start_node(program: &Path) -> io::Result<(RedisServer, u16)> {
    let bus = free_port()?;
    let bus_text = bus.to_string();
    let arguments = [
        ["--cluster-enabled", "yes"],
        // On a busy machine a node may be silent for seconds, and is not dead.
        ["--cluster-node-timeout", "5000"],
        ["--cluster-require-full-coverage", "no"],
        ["--cluster-port", &bus_text],
    ];
    let node = RedisServer::start_on(free_port()?, program, arguments.as_flattened())?;
    Ok((node, bus))
}

/// Gives node `number` of `count` its share of the slots, and an epoch of its own so that no two nodes argue.
fn own_slots(connection: &mut Connection, number: usize, count: usize) -> io::Result<()> {
    let (first, end) = (number * SLOTS / count, (number + 1) * SLOTS / count);
    redis::cmd("CLUSTER")
        .arg("ADDSLOTSRANGE")
        .arg(first)
        .arg(end - 1)
        .exec(connection)
        .map_err(io::Error::other)?;
    redis::cmd("CLUSTER")
        .arg("SET-CONFIG-EPOCH")
        .arg(number + 1)
        .exec(connection)
        .map_err(io::Error::other)
}

fn meet(connection: &mut Connection, port: u16, bus: u16) -> io::Result<()> {
    redis::cmd("CLUSTER")
        .arg("MEET")
        .arg("127.0.0.1")
        .arg(port)
        .arg(bus)
        .exec(connection)
        .map_err(io::Error::other)
}

fn is_complete(node: &RedisServer, count: usize) -> bool {
    let ask = |mut connection| {
        redis::cmd("CLUSTER")
            .arg("INFO")
            .query(&mut connection)
            .ok()
    };
    let info: Option<String> = node.connect().ok().and_then(ask);
    let known = format!("cluster_known_nodes:{count}\r\n");
    info.is_some_and(|info| {
        info.contains("cluster_state:ok")
            && info.contains("cluster_slots_fail:0\r\n")
            && info.contains(&known)
    })
}
