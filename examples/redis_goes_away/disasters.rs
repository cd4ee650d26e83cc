//! What can happen to Redis, and the list for one server. `cluster.rs` has that for a cluster.

use std::time::Duration;

use tokio::time::sleep;

use crate::server::Redis;

/// A Redis that things happen to.
pub(crate) trait Site {
    /// One thing.
    type What: Copy;

    /// What the processes are told.
    fn url(&self) -> String;

    /// Called once, with the id of the database, before anything happens.
    fn settle(&mut self, database: &str) -> anyhow::Result<()>;

    fn disasters(&self) -> Vec<Disaster<Self::What>>;

    /// Does it. `lag` is for how long writes go on that a snapshot or a replica does not have.
    async fn strike(&mut self, what: Self::What, lag: Duration) -> anyhow::Result<()>;

    /// Lets Redis be as it was, with what it has then.
    async fn repair(&mut self, what: Self::What) -> anyhow::Result<()>;
}

/// One way to go away, and to come back.
pub(crate) struct Disaster<What> {
    pub(crate) name: &'static str,
    pub(crate) what: What,
    pub(crate) effect: Effect,
}

/// What queries are seen to do.
#[derive(Clone, Copy)]
pub(crate) enum Effect {
    /// They fall back.
    Scans,
    /// They may.
    MayScan,
    /// They do not notice.
    None,
}

#[derive(Clone, Copy)]
pub(crate) enum What {
    Flush,
    StopAndStartEmpty,
    OldSnapshot,
    LaggingReplica,
    Freeze,
    Evict,
    Slow(Duration),
}

impl Site for Redis {
    type What = What;

    fn url(&self) -> String {
        format!("redis://{}", self.proxy.address())
    }

    fn settle(&mut self, _database: &str) -> anyhow::Result<()> {
        Ok(())
    }

    fn disasters(&self) -> Vec<Disaster<What>> {
        let disaster = |name, what, effect| Disaster { name, what, effect };
        vec![
            disaster("Redis is flushed", What::Flush, Effect::Scans),
            disaster(
                "Redis is stopped, and started again empty",
                What::StopAndStartEmpty,
                Effect::Scans,
            ),
            disaster(
                "Redis is started again from an old snapshot",
                What::OldSnapshot,
                Effect::Scans,
            ),
            disaster(
                "Redis is replaced by a replica that lags",
                What::LaggingReplica,
                Effect::Scans,
            ),
            disaster("Redis is frozen", What::Freeze, Effect::Scans),
            disaster(
                "Redis is filled until it evicts",
                What::Evict,
                Effect::Scans,
            ),
            disaster(
                "Redis takes 20 ms for a call",
                What::Slow(Duration::from_millis(20)),
                Effect::MayScan,
            ),
            disaster(
                "Redis takes 2 s for a call",
                What::Slow(Duration::from_secs(2)),
                Effect::Scans,
            ),
        ]
    }

    async fn strike(&mut self, what: What, lag: Duration) -> anyhow::Result<()> {
        match what {
            What::Flush => self.server.flush()?,
            What::StopAndStartEmpty => self.server.kill(),
            What::OldSnapshot => {
                self.command(&["SAVE"])?;
                sleep(lag).await;
                self.server.restart()?;
            }
            What::LaggingReplica => {
                self.make_lagging_replica().await?;
                sleep(lag).await;
                self.fail_over()?;
            }
            What::Freeze => self.server.freeze()?,
            What::Evict => self.fill_until_it_evicts()?,
            What::Slow(per_call) => self.is_slow(per_call),
        }
        Ok(())
    }

    async fn repair(&mut self, what: What) -> anyhow::Result<()> {
        match what {
            What::Flush | What::OldSnapshot | What::LaggingReplica => {}
            What::StopAndStartEmpty => self.server.restart()?,
            What::Freeze => self.server.thaw()?,
            What::Evict => self.evict_no_more()?,
            What::Slow(_) => self.is_fast(),
        }
        Ok(())
    }
}
