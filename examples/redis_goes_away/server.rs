//! The Redis of the run, behind a proxy that makes it slow or leads to another one.

use std::time::Duration;

use anyhow::{Context, ensure};
use smarterbase_testkit::server::{
    proxy::{Mode, Proxy},
    redis::RedisServer,
};
use tokio::time::sleep;

/// The server that the processes are told of, and what stands behind it now.
pub(crate) struct Redis {
    pub(crate) proxy: Proxy,
    pub(crate) server: RedisServer,
    pub(crate) replica: Option<RedisServer>,
}

impl Redis {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let server = RedisServer::start(&[])?;
        let proxy = Proxy::start(server.address()).await?;
        Ok(Self {
            proxy,
            server,
            replica: None,
        })
    }

    pub(crate) fn is_slow(&self, per_call: Duration) {
        // Half on the way there, half on the way back.
        self.proxy.set(Mode::Latency(per_call / 2));
    }

    pub(crate) fn is_fast(&self) {
        self.proxy.set(Mode::Pass);
    }

    /// A replica that has all that there is now, and gets nothing more: from here on it lags.
    pub(crate) async fn make_lagging_replica(&mut self) -> anyhow::Result<()> {
        let port = self.server.port().to_string();
        let replica = RedisServer::start(&["--replicaof", "127.0.0.1", &port])?;
        for _ in 0..200 {
            if status(&replica, "replication", "master_link_status")? == "up" {
                command(&replica, &["REPLICAOF", "NO", "ONE"])?;
                self.replica = Some(replica);
                return Ok(());
            }
            sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("the replica does not follow")
    }

    /// The lagging replica takes the place of the server.
    pub(crate) fn fail_over(&mut self) -> anyhow::Result<()> {
        self.server = self.replica.take().context("there is no replica")?;
        self.proxy.lead_to(self.server.address());
        Ok(())
    }

    pub(crate) fn command(&self, words: &[&str]) -> anyhow::Result<()> {
        command(&self.server, words)
    }

    /// Fills the memory until keys of the index are evicted.
    pub(crate) fn fill_until_it_evicts(&self) -> anyhow::Result<()> {
        const FILLERS: u32 = 4_000;
        let used: usize = status(&self.server, "memory", "used_memory")?.parse()?;
        self.command(&[
            "CONFIG",
            "SET",
            "maxmemory",
            &(used + 4_000_000).to_string(),
        ])?;
        self.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-random"])?;
        let filler = "x".repeat(10_000);
        let mut connection = self.server.connect()?;
        for number in 0..FILLERS {
            redis::cmd("SET")
                .arg(format!("filler:{number}"))
                .arg(&filler)
                .exec(&mut connection)?;
        }
        let evicted: usize = status(&self.server, "stats", "evicted_keys")?.parse()?;
        ensure!(evicted > 1_000, "only {evicted} keys were evicted");
        Ok(())
    }

    pub(crate) fn evict_no_more(&self) -> anyhow::Result<()> {
        self.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])?;
        self.command(&["CONFIG", "SET", "maxmemory", "0"])
    }
}

fn command(server: &RedisServer, words: &[&str]) -> anyhow::Result<()> {
    let (first, rest) = words.split_first().context("no command")?;
    redis::cmd(first).arg(rest).exec(&mut server.connect()?)?;
    Ok(())
}

fn status(server: &RedisServer, section: &str, name: &str) -> anyhow::Result<String> {
    let info: redis::InfoDict = redis::cmd("INFO")
        .arg(section)
        .query(&mut server.connect()?)?;
    info.get(name)
        .with_context(|| format!("INFO has no {name}"))
}
