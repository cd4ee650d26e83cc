//! What happens to Redis. Another topology has a list of its own.

use std::time::Duration;

use tokio::time::sleep;

use crate::server::Redis;

/// One way to go away, and to come back.
pub(crate) struct Disaster {
    pub(crate) name: &'static str,
    what: What,
    /// Whether queries must be seen to fall back.
    pub(crate) is_outage: bool,
}

#[derive(Clone, Copy)]
enum What {
    Flush,
    StopAndStartEmpty,
    OldSnapshot,
    LaggingReplica,
    Freeze,
    Evict,
    Slow(Duration),
}

/// What can happen to one server.
pub(crate) fn of_one_server() -> Vec<Disaster> {
    let disaster = |name, what, is_outage| Disaster {
        name,
        what,
        is_outage,
    };
    vec![
        disaster("Redis is flushed", What::Flush, true),
        disaster(
            "Redis is stopped, and started again empty",
            What::StopAndStartEmpty,
            true,
        ),
        disaster(
            "Redis is started again from an old snapshot",
            What::OldSnapshot,
            true,
        ),
        disaster(
            "Redis is replaced by a replica that lags",
            What::LaggingReplica,
            true,
        ),
        disaster("Redis is frozen", What::Freeze, true),
        disaster("Redis is filled until it evicts", What::Evict, true),
        disaster(
            "Redis takes 20 ms for a call",
            What::Slow(Duration::from_millis(20)),
            false,
        ),
        disaster(
            "Redis takes 2 s for a call",
            What::Slow(Duration::from_secs(2)),
            true,
        ),
    ]
}

impl Disaster {
    /// Does it. `lag` is for how long writes go on that a snapshot or a replica does not have.
    pub(crate) async fn strike(&self, redis: &mut Redis, lag: Duration) -> anyhow::Result<()> {
        match self.what {
            What::Flush => redis.server.flush()?,
            What::StopAndStartEmpty => redis.server.kill(),
            What::OldSnapshot => {
                redis.command(&["SAVE"])?;
                sleep(lag).await;
                redis.server.restart()?;
            }
            What::LaggingReplica => {
                redis.make_lagging_replica().await?;
                sleep(lag).await;
                redis.fail_over()?;
            }
            What::Freeze => redis.server.freeze()?,
            What::Evict => redis.fill_until_it_evicts()?,
            What::Slow(per_call) => redis.is_slow(per_call),
        }
        Ok(())
    }

    /// Lets Redis be as it was, with what it has then.
    pub(crate) async fn repair(&self, redis: &mut Redis) -> anyhow::Result<()> {
        match self.what {
            What::Flush | What::OldSnapshot | What::LaggingReplica => {}
            What::StopAndStartEmpty => redis.server.restart()?,
            What::Freeze => redis.server.thaw()?,
            What::Evict => redis.evict_no_more()?,
            What::Slow(_) => redis.is_fast(),
        }
        Ok(())
    }
}
