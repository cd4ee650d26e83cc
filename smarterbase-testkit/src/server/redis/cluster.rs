//! A Redis cluster, with replicas or without, set up over the wire, without `redis-cli`.

use std::{io, path::Path};

use redis::Connection;

use super::{RedisServer, free_port, process, with_other_ports_if_taken};

/// The hash slots of every cluster: <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>.
const SLOTS: usize = 16_384;

/// On a busy machine a node may be silent for seconds, and is not dead.
const PATIENT: &str = "5000";
/// Where replicas wait for the death of their primary, each second counts.
const WATCHFUL: &str = "3000";

/// Primaries that share the hash slots. Ready after about 2 s, which is gossip, not work: start it once for many tests.
/// Needs Redis 7 (`CLUSTER ADDSLOTSRANGE`).
#[derive(Debug)]
pub struct RedisCluster {
    /// The primaries, then the replica of each, if there are any.
    nodes: Vec<RedisServer>,
    /// How many were primaries when the cluster was made.
    primaries: usize,
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

    /// The same, and a replica for each: node `count + n` follows node `n`, and is promoted about 5 s after that died, however
    /// long it lagged. Ready after about 4 s.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with_replicas(count: usize) -> io::Result<Self> {
        let program = RedisServer::find()?;
        let mut cluster = Self::start_at(&program, &vec![None; 2 * count], WATCHFUL, count)?;
        cluster.follow_primaries()?;
        Ok(cluster)
    }

    /// Kills every node and starts another cluster, of as many primaries, at the same addresses.
    ///
    /// # Errors
    /// As [`start`](Self::start), and when somebody else took a port meanwhile.
    pub fn replace(&mut self) -> io::Result<()> {
        let program = RedisServer::find()?;
        let ports: Vec<_> = self.nodes.iter().map(|node| Some(node.port())).collect();
        self.nodes.iter_mut().for_each(RedisServer::kill);
        *self = Self::start_at(&program, &ports, PATIENT, self.primaries)?;
        Ok(())
    }

    pub(super) fn start_with(program: &Path, count: usize) -> io::Result<Self> {
        Self::start_at(program, &vec![None; count], PATIENT, count)
    }

    /// One node for each port, a free one where none is given; the first `primaries` own the slots.
    fn start_at(
        program: &Path,
        ports: &[Option<u16>],
        timeout: &str,
        primaries: usize,
    ) -> io::Result<Self> {
        let start = |port: &Option<u16>| {
            with_other_ports_if_taken(|| {
                start_node(program, port.map_or_else(free_port, Ok)?, timeout)
            })
        };
        let started = ports.iter().map(start).collect::<io::Result<Vec<_>>>()?;
        let (nodes, buses): (Vec<_>, Vec<_>) = started.into_iter().unzip();
        let mut connections = nodes
            .iter()
            .map(RedisServer::connect)
            .collect::<io::Result<Vec<_>>>()?;
        for (number, connection) in connections.iter_mut().take(primaries).enumerate() {
            own_slots(connection, number, primaries)?;
        }
        for (node, bus) in nodes.iter().zip(&buses).skip(1) {
            meet(&mut connections[0], node.port(), *bus)?;
        }
        let cluster = Self { nodes, primaries };
        cluster.wait_until_complete()?;
        Ok(cluster)
    }

    /// Makes each node behind the primaries the replica of one, and waits until every node knows that and all have the data.
    fn follow_primaries(&mut self) -> io::Result<()> {
        for number in self.primaries..self.nodes.len() {
            let primary = self.id(number - self.primaries)?;
            let mut command = redis::cmd("CLUSTER");
            let command = command.arg("REPLICATE").arg(primary);
            let answer = command.exec(&mut self.nodes[number].connect()?);
            answer.map_err(io::Error::other)?;
        }
        for number in self.primaries..self.nodes.len() {
            self.nodes[number].wait_until_it_follows(&self.nodes[number - self.primaries])?;
        }
        let replicas = self.nodes.len() - self.primaries;
        process::wait_until_ready("the replicas of the cluster", || {
            let mut counts = self.nodes.iter().map(replicas_known_to);
            Ok(counts.all(|count| count.is_ok_and(|count| count == replicas)))
        })
    }

    /// Makes two views of a cluster of three: to node 1, the slots that are not node 0's are its own; to the nodes 0 and 2, they
    /// are node 2's. As after a move that left something else at a remembered address, both answer. It lasts for less than a
    /// minute, then they hear of each other again.
    ///
    /// # Errors
    /// When a node does not answer, or there are not three.
    pub fn part_ways(&self) -> io::Result<()> {
        let [zero, one, two] = &self.nodes[..] else {
            return Err(io::Error::other("not a cluster of three"));
        };
        let ids = (self.id(1)?, self.id(2)?);
        for (node, stranger) in [(zero, &ids.0), (two, &ids.0), (one, &ids.1)] {
            let mut command = redis::cmd("CLUSTER");
            let forgotten = command
                .arg("FORGET")
                .arg(stranger)
                .exec(&mut node.connect()?);
            forgotten.map_err(io::Error::other)?;
        }
        add_slots(&mut one.connect()?, 2, 3)?;
        add_slots(&mut two.connect()?, 1, 3)?;
        process::wait_until_ready("the views of the cluster", || Ok(self.is_parted()))
    }

    /// Whether each of the three still sees what [`part_ways`](Self::part_ways) made it see.
    #[must_use]
    pub fn is_parted(&self) -> bool {
        self.nodes.iter().all(|node| is_complete(node, 2))
    }

    /// Whether the node was promoted, by its own account.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn is_primary(&self, number: usize) -> io::Result<bool> {
        let role: Option<String> = self.nodes[number].replication()?.get("role");
        Ok(role.is_some_and(|role| role == "master"))
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

    /// The nodes, to look at: primaries first.
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
        let count = self.primaries;
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
}

/// A node and the port of its cluster bus.
fn start_node(program: &Path, port: u16, timeout: &str) -> io::Result<(RedisServer, u16)> {
    let bus = free_port()?;
    let bus_text = bus.to_string();
    let arguments = [
        ["--cluster-enabled", "yes"],
        ["--cluster-node-timeout", timeout],
        ["--cluster-require-full-coverage", "no"],
        // A replica that lags is promoted all the same: what that loses is what tests look at.
        ["--cluster-replica-validity-factor", "0"],
        ["--cluster-port", &bus_text],
    ];
    let node = RedisServer::start_on(port, program, arguments.as_flattened())?;
    Ok((node, bus))
}

/// Gives node `number` of `count` its share of the slots, and an epoch of its own so that no two nodes argue.
fn own_slots(connection: &mut Connection, number: usize, count: usize) -> io::Result<()> {
    add_slots(connection, number, count)?;
    redis::cmd("CLUSTER")
        .arg("SET-CONFIG-EPOCH")
        .arg(number + 1)
        .exec(connection)
        .map_err(io::Error::other)
}

/// Gives a node the slots that are the share of node `number` of `count`.
fn add_slots(connection: &mut Connection, number: usize, count: usize) -> io::Result<()> {
    let (first, end) = (number * SLOTS / count, (number + 1) * SLOTS / count);
    redis::cmd("CLUSTER")
        .arg("ADDSLOTSRANGE")
        .arg(first)
        .arg(end - 1)
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
            && info.contains(&format!("cluster_slots_ok:{SLOTS}\r\n"))
            && info.contains(&known)
    })
}

fn replicas_known_to(node: &RedisServer) -> io::Result<usize> {
    let mut command = redis::cmd("CLUSTER");
    let nodes = command.arg("NODES").query(&mut node.connect()?);
    let nodes: String = nodes.map_err(io::Error::other)?;
    Ok(nodes.lines().filter(|line| line.contains("slave")).count())
}
