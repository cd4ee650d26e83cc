//! Takes Redis's contents away, and sees to it that queries are served by Redis again.

use smarterbase::prelude::*;

use crate::{options::RunOptions, servers::OwnRedis};

/// What happened to Redis.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    /// How many losses the run must have.
    pub(crate) wanted: u64,
    pub(crate) flushes: u64,
    pub(crate) restarts: u64,
    /// Losses after which a query was seen to scan instead.
    pub(crate) scans_seen: u64,
    /// Losses after which a query was served by Redis again.
    pub(crate) served_again: u64,
}

impl Losses {
    pub(crate) fn happened(&self) -> bool {
        self.wanted > 0
    }
}

/// Flushes and restarts the run's own Redis in turn, as often as the time allows; nothing where it has none.
#[cfg(not(all(feature = "s3", feature = "redis")))]
#[allow(clippy::unused_async, reason = "it has the signature of the other one")]
pub(crate) async fn watch(
    _redis: &mut OwnRedis,
    _db: &Db,
    _options: &RunOptions,
) -> anyhow::Result<Losses> {
    Ok(Losses::default())
}

#[cfg(all(feature = "s3", feature = "redis"))]
pub(crate) use with_redis::watch;

#[cfg(all(feature = "s3", feature = "redis"))]
mod with_redis {
    use std::time::Duration;

    use anyhow::bail;
    use tokio::time::{Instant, sleep};

    use super::{Db, Losses, OwnRedis, RunOptions};
    use crate::model::Player;
    use smarterbase_testkit::server::redis::RedisServer;

    /// How long Redis serves before it loses everything.
    const CALM: Duration = Duration::from_secs(3);
    /// How long a rebuild may take in the end. It waits 5 s plus the in-flight bound before it reads.
    const RECOVERY: Duration = Duration::from_secs(60);

    /// Flushes and restarts the run's own Redis in turn, as often as the time allows; nothing where it has none.
    pub(crate) async fn watch(
        redis: &mut OwnRedis,
        db: &Db,
        options: &RunOptions,
    ) -> anyhow::Result<Losses> {
        let mut losses = Losses::default();
        let Some(redis) = redis else {
            return Ok(losses);
        };
        losses.wanted = 2;
        let end = Instant::now() + Duration::from_secs(options.seconds);
        while Instant::now() < end {
            sleep(CALM).await;
            lose(redis, &mut losses)?;
            recover(db, &mut losses).await?;
        }
        Ok(losses)
    }

    fn lose(redis: &mut RedisServer, losses: &mut Losses) -> std::io::Result<()> {
        if losses.flushes > losses.restarts {
            losses.restarts += 1;
            redis.restart()
        } else {
            losses.flushes += 1;
            redis.flush()
        }
    }

    /// The first query notices the loss and scans; then the indexes are rebuilt until Redis serves again.
    async fn recover(db: &Db, losses: &mut Losses) -> anyhow::Result<()> {
        losses.scans_seen += u64::from(!is_served_by_redis(db).await?);
        let end = Instant::now() + RECOVERY;
        while Instant::now() < end {
            match db.rebuild_indexes::<Player>().await {
                Ok(_) if is_served_by_redis(db).await? => {
                    losses.served_again += 1;
                    return Ok(());
                }
                // Another process saw the loss later and marked the index down again, or Redis is not up yet.
                Ok(_) => {}
                Err(error) if error.is_retryable() => {}
                Err(error) => return Err(error.into()),
            }
            sleep(Duration::from_millis(200)).await;
        }
        bail!(
            "after {} s queries are still not served by Redis",
            RECOVERY.as_secs()
        )
    }

    /// Only a scan lists: an index in Redis gives the candidates without any LIST. This handle does nothing else meanwhile.
    async fn is_served_by_redis(db: &Db) -> smarterbase::Result<bool> {
        let before = db.request_counts().snapshot();
        Player::find_by_team(db, "team-0").await?;
        Ok((db.request_counts().snapshot() - before).lists == 0)
    }
}
