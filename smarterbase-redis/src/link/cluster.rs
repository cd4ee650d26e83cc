//! The nodes of a cluster: which of them a call goes to, and who keeps the map of that.

mod slots;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use futures::future::join_all;
use redis::{ConnectionAddr, FromRedisValue};
use smarterbase_core::{Error, Result, error::Code, port::IndexError};
use tokio::{
    sync::Notify,
    task::JoinHandle,
    time::{Instant, timeout},
};

use self::slots::{Owned, SlotMap};
use super::{
    RedisServerStatus,
    inbox::Inbox,
    node::Node,
    place::Place,
    reply::{self, Redirect, Unanswered},
};
use crate::{RedisOptions, script::Call};

/// How often one call is sent on by a node that does not own its slot.
const REDIRECTS: u32 = 4;
/// How many nodes are asked for the map before the seeds are.
const ASKED: usize = 3;
/// How long the map is believed while nothing contradicts it.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The same while a slot has no owner, or a node is away, whose slots another one may take over.
const LOOK_EVERY_IN_TROUBLE: Duration = Duration::from_secs(1);
/// The shortest and the longest pause between two looks that calls ask for.
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// The nodes, and the task that keeps the map.
pub(super) struct Cluster {
    shared: Arc<Shared>,
    keeper: JoinHandle<()>,
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.keeper.abort();
        self.shared.map.store(Arc::default());
    }
}

/// What the calls and the keeper share.
struct Shared {
    options: Arc<RedisOptions>,
    inbox: Arc<Inbox>,
    map: ArcSwap<SlotMap>,
    /// Wakes the keeper: a call met something that the map does not say.
    kick: Notify,
}

/// What looking for the map came to.
enum Look {
    /// It is another one than before.
    Changed,
    Same,
    /// Nobody told.
    Failed,
}

impl Cluster {
    /// Asks the seeds for the map and connects to every owner. That nobody answers is no error.
    pub(super) async fn open(options: Arc<RedisOptions>, inbox: Arc<Inbox>) -> Result<Self> {
        let shared = Arc::new(Shared {
            options,
            inbox,
            map: ArcSwap::default(),
            kick: Notify::new(),
        });
        let (_, verdict) = shared.look().await;
        if let Err(error) = verdict {
            shared.map.store(Arc::default());
            return Err(error);
        }
        let keeper = tokio::spawn(keep(shared.clone()));
        Ok(Self { shared, keeper })
    }

    /// Runs a script on the node that owns its keys, wherever that is by now.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        call: &Call<'_>,
        until: Instant,
    ) -> Result<T, IndexError> {
        let answer = self.shared.follow(call, until).await;
        if matches!(answer, Err(IndexError::Unavailable(_))) {
            self.shared.kick.notify_one();
        }
        answer
    }

    pub(super) async fn ping(&self) -> Result<(), IndexError> {
        let map = self.shared.map.load_full();
        if map.nodes().is_empty() {
            return Err(self.shared.unavailable("no node answers"));
        }
        let pings = join_all(map.nodes().iter().map(|node| node.ping())).await;
        pings.into_iter().collect::<Result<(), _>>()?;
        if map.is_covered() {
            Ok(())
        } else {
            Err(self.shared.unavailable("slots without an owner"))
        }
    }

    /// Messages reach every node, wherever they were sent: one subscription is enough, and two would wake twice.
    pub(super) async fn subscribe(&self) -> Result<(), IndexError> {
        let map = self.shared.map.load_full();
        let mut nodes = map.nodes().iter();
        if nodes.clone().any(|node| node.is_subscribed()) {
            return Ok(());
        }
        match nodes.find(|node| node.is_connected()) {
            Some(node) => node.subscribe().await,
            None => Err(self.shared.unavailable("no connection")),
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.shared.map.load().is_whole()
    }

    pub(super) fn servers(&self) -> Vec<RedisServerStatus> {
        let map = self.shared.map.load();
        map.nodes().iter().map(|node| node.status()).collect()
    }
}

impl Shared {
    /// Sends a call to the owner of its slot, and on to where it is sent.
    async fn follow<T: FromRedisValue>(
        &self,
        call: &Call<'_>,
        until: Instant,
    ) -> Result<T, IndexError> {
        let map = self.map.load_full();
        let owner = map.owner(call.slot());
        let mut node = owner.ok_or_else(|| self.without_owner(&map))?;
        let mut is_asking = false;
        for _ in 0..=REDIRECTS {
            let redirect = match node.run(call, is_asking, until).await {
                Ok(answer) => return Ok(answer),
                Err(Unanswered::Failed(error)) => return Err(error),
                Err(Unanswered::Redirected(redirect)) => redirect,
            };
            self.note(&redirect);
            is_asking = redirect.is_asking;
            // The keeper meets a node that is not known yet, so that no call waits for that.
            let known = map
                .nodes()
                .iter()
                .find(|node| node.address() == redirect.to);
            node = known.ok_or_else(|| reply::elsewhere(&redirect))?;
            if Instant::now() >= until {
                return Err(self.unavailable("the node that sent the call on took all of its time"));
            }
        }
        Err(self.unavailable("the nodes send the call to each other"))
    }

    /// A slot that is on its way still belongs to whom the map says.
    fn note(&self, redirect: &Redirect) {
        if !redirect.is_asking {
            self.kick.notify_one();
        }
    }

    /// Asks some nodes that are connected for the map, or the seeds. The verdict is what no waiting repairs.
    async fn look(&self) -> (Look, Result<()>) {
        let before = self.map.load_full();
        for node in self.some_of(&before) {
            if let Ok(owned) = slots_of(node).await {
                return self.adopt(&before, owned, &[]).await;
            }
        }
        // What stands at the known addresses may be of another cluster by now, or of none.
        self.look_at_seeds(&before).await
    }

    async fn look_at_seeds(&self, before: &SlotMap) -> (Look, Result<()>) {
        let mut verdict = Ok(());
        let mut seeds = Vec::new();
        for (seed, opened) in self.open_seeds(before).await {
            verdict = verdict.and(opened);
            seeds.push(seed);
        }
        for seed in &seeds {
            match slots_of(seed).await {
                Ok(owned) => return self.adopt(before, owned, &seeds).await,
                Err(IndexError::Refused(text)) if seed.is_connected() => {
                    verdict = verdict.and(Err(Error::new(Code::DENIED, text)));
                }
                Err(_) => {}
            }
        }
        if before.nodes().is_empty() {
            self.map.store(Arc::new(SlotMap::new(&[], seeds)));
        }
        (Look::Failed, verdict)
    }

    /// A few nodes that are connected, from a random one on: one of them may have been cut off from the others.
    fn some_of<'a>(&self, map: &'a SlotMap) -> impl Iterator<Item = &'a Arc<Node>> {
        let connected = map.nodes().iter().filter(|node| node.is_connected());
        let connected: Vec<_> = connected.collect();
        let first = self.options.rng.below(connected.len().max(1) as u64);
        let first = usize::try_from(first).unwrap_or(0);
        let asked = connected.len().min(ASKED);
        (0..asked).map(move |number| connected[(first + number) % connected.len()])
    }

    /// Connects to the seeds that are not known. Nodes that try to connect, or that refuse us, need no others beside them
    /// that do the same.
    async fn open_seeds(&self, before: &SlotMap) -> Vec<(Arc<Node>, Result<()>)> {
        let seeds = self.options.addresses.iter();
        let is_known = |name: &str| before.nodes().iter().any(|node| node.address() == name);
        let others = seeds.filter(|seed| !is_known(&seed.to_string()));
        join_all(others.map(|seed| self.open_node(seed.clone()))).await
    }

    async fn open_node(&self, address: ConnectionAddr) -> (Arc<Node>, Result<()>) {
        let place = Place::in_cluster(address);
        let (node, verdict) = Node::open(&self.options, place, &self.inbox).await;
        (Arc::new(node), verdict)
    }

    /// Takes the map over: nodes that are known stay, others are connected to, and those without slots go.
    async fn adopt(
        &self,
        before: &SlotMap,
        owned: Vec<Owned>,
        seeds: &[Arc<Node>],
    ) -> (Look, Result<()>) {
        let known: Vec<_> = before.nodes().iter().chain(seeds).collect();
        let owners = join_all(slots::addresses(&owned).iter().map(async |(host, port)| {
            let address = self.options.address_of(host, *port);
            let name = address.to_string();
            match known.iter().find(|node| node.address() == name) {
                Some(node) => (Arc::clone(node), Ok(())),
                None => self.open_node(address).await,
            }
        }))
        .await;
        let (nodes, verdicts): (Vec<_>, Vec<_>) = owners.into_iter().unzip();
        let map = SlotMap::new(&owned, nodes);
        let look = if map.is_same(before) {
            Look::Same
        } else {
            Look::Changed
        };
        self.map.store(Arc::new(map));
        (look, verdicts.into_iter().collect())
    }

    /// A seed that refuses us says why there is no owner.
    fn without_owner(&self, map: &SlotMap) -> IndexError {
        let mut nodes = map.nodes().iter();
        let refusal = nodes.find_map(|node| node.refusal());
        match refusal.filter(|_| map.is_unknown()) {
            Some(why) => IndexError::Refused(why),
            None => self.unavailable("no node owns the slot"),
        }
    }

    fn unavailable(&self, why: &str) -> IndexError {
        let address = self.options.address();
        IndexError::Unavailable(format!("Redis cluster at {address}: {why}"))
    }
}

/// What the node says of the slots. One that knows no owner of any stands alone.
async fn slots_of(node: &Node) -> Result<Vec<Owned>, IndexError> {
    let answer = node.slots().await?;
    let owned = slots::parse(answer, reply::host_of(node.address()));
    if owned.is_empty() {
        let address = node.address();
        let text = format!("Redis at {address}: the cluster has no slots yet");
        return Err(IndexError::Unavailable(text));
    }
    Ok(owned)
}

/// Looks at the map when a call says that it is wrong, and now and then by itself.
async fn keep(shared: Arc<Shared>) {
    let mut wait = FIRST_WAIT;
    loop {
        let calm = if shared.map.load().is_whole() {
            LOOK_EVERY
        } else {
            LOOK_EVERY_IN_TROUBLE
        };
        let is_calm = timeout(calm, shared.kick.notified()).await.is_err();
        let (look, verdict) = shared.look().await;
        if let Err(error) = verdict {
            tracing::debug!(reason = %error, "a node of the Redis cluster is not used");
        }
        let is_news = is_calm || matches!(look, Look::Changed);
        wait = if is_news {
            FIRST_WAIT
        } else {
            LONGEST_WAIT.min(wait * 2)
        };
        shared.options.pause(wait).await;
    }
}
