//! Redis goes away in every way it can, while programs write, and a checker knows what each query must answer.
//!
//! ```text
//! cargo run --features redis --example redis_goes_away -- [--cluster] [--quick] [--writers 4] [--seed 1]
//! ```
//!
//! Two processes (two handles with a connection each) share one store and one Redis. Each writer owns its documents, so it
//! knows what they are: after each write it asks the *other* process for the new value, for the old one, and for all that it
//! owns. Meanwhile Redis is flushed, stopped and started empty, started from an old snapshot, replaced by a replica that lags,
//! frozen, filled until it evicts, and made slow. With `--cluster` it is three nodes: the one that holds the index is stopped
//! and started empty, flushed and frozen, its slot moves to another node, and one that holds nothing of it goes away, which
//! no query may notice.
//!
//! It must show: no wrong answer, no failed write, no failed query; and within 30 s of Redis being back (with an in-flight bound
//! of one second) queries are served by Redis again, without anybody's doing.
//!
//! ```text
//!    0.4 s  Redis is flushed
//!    0.4 s    queries scan
//!    3.4 s    Redis is as it was
//!   10.2 s    queries are served by Redis again, 6.8 s after it was back: 400 documents listed, 400 read
//!   …
//! ```
//!
//! - `traffic.rs`: the writers and what they check. `disasters.rs` and `cluster.rs`: what happens to Redis, as a list.
//!   `timeline.rs`: what is printed.

#![allow(clippy::print_stdout, reason = "an example shows what happened")]

#[path = "../support/checks.rs"]
mod checks;
mod cluster;
mod disasters;
mod model;
mod server;
mod timeline;
mod traffic;

use std::{process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use tokio::time::{Instant, sleep};

use crate::{
    checks::Checks,
    cluster::Nodes,
    disasters::{Disaster, Effect, Site},
    model::Process,
    server::Redis,
    timeline::Timeline,
    traffic::{Totals, Traffic},
};

/// How long queries may scan after Redis is back.
const RECOVERY: Duration = Duration::from_secs(30);

/// Takes Redis away in every way it can go, while programs write.
#[derive(Debug, Parser)]
struct Options {
    /// Runs Redis as a cluster of three nodes
    #[arg(long)]
    cluster: bool,
    /// Leaves each disaster only a moment
    #[arg(long)]
    quick: bool,
    /// How many writers there are
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=64))]
    writers: u64,
    /// Decides what the writers choose; their timing stays free
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    checks::exit_code(choose(Options::parse()).await)
}

async fn choose(options: Options) -> anyhow::Result<Checks> {
    if options.cluster {
        run(Nodes::start()?, options).await
    } else {
        run(Redis::start().await?, options).await
    }
}

async fn run<S: Site>(mut redis: S, options: Options) -> anyhow::Result<Checks> {
    let timeline = Arc::new(Timeline::new());
    let store = model::store();
    let processes = [
        Process::open(&store, &redis.url(), &timeline).await?,
        Process::open(&store, &redis.url(), &timeline).await?,
    ];
    redis.settle(processes[0].db.database_id())?;
    let traffic = Traffic::begin(&processes, options.writers, options.seed).await?;
    timeline.say("traffic begins");
    let mut checks = Checks::default();
    let hold = Duration::from_millis(if options.quick { 1_000 } else { 4_000 });
    let mut outcomes = Vec::new();
    for disaster in redis.disasters() {
        outcomes.push(survive(&mut redis, &processes, &traffic, &timeline, disaster, hold).await?);
    }
    let totals = traffic.end().await?;
    timeline.say("traffic ends");
    for outcome in outcomes {
        outcome.check(&mut checks);
    }
    check_totals(&mut checks, &totals, options.quick);
    let wrong = totals.audit(&processes).await?;
    checks.equal(
        "documents that a last look through the indexes finds otherwise",
        wrong,
        0,
    );
    for process in processes {
        process.close().await;
    }
    Ok(checks)
}

/// What one disaster was like.
struct Outcome {
    name: &'static str,
    effect: Effect,
    scanned: u64,
    /// How long after Redis was back queries were served by it.
    recovered_after: Option<Duration>,
}

async fn survive<S: Site>(
    redis: &mut S,
    processes: &[Process; 2],
    traffic: &Traffic,
    timeline: &Timeline,
    disaster: Disaster<S::What>,
    hold: Duration,
) -> anyhow::Result<Outcome> {
    let before = traffic.scanned();
    timeline.say(disaster.name);
    redis.strike(disaster.what, hold).await?;
    sleep(hold).await;
    redis.repair(disaster.what).await?;
    let back_at = Instant::now();
    timeline.say("  Redis is as it was");
    let recovered_after = served_again(processes, back_at).await?;
    let scanned = traffic.scanned() - before;
    match recovered_after {
        Some(after) => timeline.say(&format!(
            "  served by Redis {:.1} s after it was back; {scanned} queries scanned meanwhile",
            after.as_secs_f64()
        )),
        None => timeline.say("  STILL NOT SERVED BY REDIS"),
    }
    // Some calm, so that each disaster meets an index that is used.
    sleep(hold / 2).await;
    Ok(Outcome {
        name: disaster.name,
        effect: disaster.effect,
        scanned,
        recovered_after,
    })
}

/// Both processes ask Redis alone, several times in a row.
async fn served_again(
    processes: &[Process; 2],
    back_at: Instant,
) -> anyhow::Result<Option<Duration>> {
    const IN_A_ROW: u32 = 5;
    let mut served = 0;
    while back_at.elapsed() < RECOVERY + Duration::from_secs(5) {
        let by_redis =
            processes[0].is_served_by_redis().await? && processes[1].is_served_by_redis().await?;
        served = if by_redis { served + 1 } else { 0 };
        if served == IN_A_ROW {
            return Ok(Some(back_at.elapsed()));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(None)
}

impl Outcome {
    fn check(self, checks: &mut Checks) {
        let Self {
            name,
            effect,
            scanned,
            recovered_after,
        } = self;
        let in_time = recovered_after.is_some_and(|after| after <= RECOVERY);
        checks.holds(&format!("{name}: served by Redis within 30 s"), in_time);
        let scanned = usize::try_from(scanned).unwrap_or(usize::MAX);
        let what = format!("{name}: queries that scanned instead");
        match effect {
            Effect::Scans => checks.at_least(&what, scanned, 1),
            Effect::MayScan => {}
            Effect::None => checks.equal(&what, scanned, 0),
        }
    }
}

fn check_totals(checks: &mut Checks, totals: &Totals, quick: bool) {
    let enough = if quick { 100 } else { 500 };
    checks.at_least("writes", totals.writes, enough);
    checks.at_least("queries", totals.queries, enough);
    checks.equal("failed writes", totals.failed_writes.clone(), Vec::new());
    checks.equal("failed queries", totals.failed_queries.clone(), Vec::new());
    checks.equal("wrong answers", totals.wrong.clone(), Vec::new());
    // The first write after a loss waits for copies of the catalog (5.5 s), and a busy machine for itself.
    let slowest = u64::try_from(totals.slowest_write.as_millis()).unwrap_or(u64::MAX);
    checks.at_most("slowest write in ms", slowest, 12_000);
    let slowest = u64::try_from(totals.slowest_query.as_millis()).unwrap_or(u64::MAX);
    checks.at_most("slowest query in ms", slowest, 10_000);
}
