//! A cluster of three nodes, of which one owns the parcels.

use std::time::Duration;

use smarterbase_testkit::server::redis::RedisCluster;
use tokio::time::sleep;

use crate::disasters::{Disaster, Effect, Site};

const NODES: usize = 3;

/// The nodes, and where the parcels are.
pub(crate) struct Nodes {
    cluster: RedisCluster,
    /// The slot of the collection.
    slot: u16,
    /// The node that owns it.
    owner: usize,
}

/// What happens to a node, or to the slot.
#[derive(Clone, Copy)]
pub(crate) enum What {
    OwnerStopsAndStartsEmpty,
    OwnerFreezes,
    OwnerIsFlushed,
    AnotherStopsAndStartsEmpty,
    SlotMoves,
    AllStop,
}

impl Nodes {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Ok(Self {
            cluster: RedisCluster::start(NODES)?,
            slot: 0,
            owner: 0,
        })
    }

    fn another(&self) -> usize {
        (self.owner + 1) % NODES
    }

    /// A few keys at a time, so that calls meet a slot that is half here and half there.
    async fn move_the_slot(&mut self) -> anyhow::Result<()> {
        let (from, to) = (self.owner, self.another());
        self.cluster.begin_moving(self.slot, from, to)?;
        while self.cluster.move_keys(self.slot, from, to, 20)? > 0 {
            sleep(Duration::from_millis(20)).await;
        }
        self.cluster.end_moving(self.slot, to)?;
        self.owner = to;
        Ok(())
    }
}

impl Site for Nodes {
    type What = What;

    fn url(&self) -> String {
        self.cluster.url()
    }

    fn settle(&mut self, database: &str) -> anyhow::Result<()> {
        let key = format!("sb:{{{database}.parcels.0}}:ep");
        self.slot = self.cluster.slot_of(&key)?;
        self.owner = self.cluster.first_owner(self.slot);
        Ok(())
    }

    fn disasters(&self) -> Vec<Disaster<What>> {
        let disaster = |name, what, effect| Disaster { name, what, effect };
        vec![
            disaster(
                "the node with the index is stopped, and started again empty",
                What::OwnerStopsAndStartsEmpty,
                Effect::Scans,
            ),
            disaster(
                "another node is stopped, and started again empty",
                What::AnotherStopsAndStartsEmpty,
                Effect::None,
            ),
            disaster(
                "the node with the index is flushed",
                What::OwnerIsFlushed,
                Effect::Scans,
            ),
            disaster(
                "the slot of the index moves to another node",
                What::SlotMoves,
                Effect::Scans,
            ),
            disaster(
                "the node with the index is frozen",
                What::OwnerFreezes,
                Effect::Scans,
            ),
            disaster("all nodes are stopped", What::AllStop, Effect::Scans),
        ]
    }

    async fn strike(&mut self, what: What, _lag: Duration) -> anyhow::Result<()> {
        let (owner, another) = (self.owner, self.another());
        let nodes = self.cluster.nodes_mut();
        match what {
            What::OwnerStopsAndStartsEmpty => nodes[owner].kill(),
            What::AnotherStopsAndStartsEmpty => nodes[another].kill(),
            What::OwnerIsFlushed => nodes[owner].flush()?,
            What::OwnerFreezes => nodes[owner].freeze()?,
            What::AllStop => nodes.iter_mut().for_each(|node| node.kill()),
            What::SlotMoves => self.move_the_slot().await?,
        }
        Ok(())
    }

    async fn repair(&mut self, what: What) -> anyhow::Result<()> {
        let (owner, another) = (self.owner, self.another());
        let nodes = self.cluster.nodes_mut();
        match what {
            What::OwnerIsFlushed | What::SlotMoves => {}
            What::OwnerStopsAndStartsEmpty => nodes[owner].restart()?,
            What::AnotherStopsAndStartsEmpty => nodes[another].restart()?,
            What::OwnerFreezes => nodes[owner].thaw()?,
            What::AllStop => nodes.iter_mut().try_for_each(|node| node.restart())?,
        }
        Ok(())
    }
}
