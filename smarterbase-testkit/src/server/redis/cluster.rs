//! A Redis cluster of masters, set up over the wire, without `redis-cli`.

use std::io;

use redis::Connection;

use super::{RedisServer, free_port, process};

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
        let (nodes, buses): (Vec<_>, Vec<_>) = (0..count)
            .map(|_| start_node())
            .collect::<io::Result<Vec<_>>>()?
            .into_iter()
            .unzip();
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
        process::wait_until_ready("the Redis cluster", || {
            Ok(connections
                .iter_mut()
                .all(|connection| is_complete(connection, count)))
        })?;
        Ok(Self { nodes })
    }

    /// The nodes, to look at.
    #[must_use]
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The nodes, to kill and restart. A restarted node has forgotten the cluster.
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
fn start_node() -> io::Result<(RedisServer, u16)> {
    let bus = free_port()?;
    let node = RedisServer::start(&[
        "--cluster-enabled",
        "yes",
        "--cluster-node-timeout",
        "1000",
        "--cluster-require-full-coverage",
        "no",
        "--cluster-port",
        &bus.to_string(),
    ])?;
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

fn is_complete(connection: &mut Connection, count: usize) -> bool {
    let info: redis::RedisResult<String> = redis::cmd("CLUSTER").arg("INFO").query(connection);
    let known = format!("cluster_known_nodes:{count}\r\n");
    info.is_ok_and(|info| info.contains("cluster_state:ok") && info.contains(&known))
}
