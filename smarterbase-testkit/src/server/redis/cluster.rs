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
        let program = RedisServer::find()?;
        let start = |_| with_other_ports_if_taken(|| start_node(&program));
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
        ["--cluster-node-timeout", "1000"],
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
