//! Real processes on one store, killed at random, and a checker that proves what they were told.
//!
//! ```text
//! cargo run --example torture -- [--processes 8] [--seconds 20] [--seed N] [--url URL] [--journal FILE]
//! cargo run --features s3,redis --example torture -- --s3-redis --seconds 40
//! cargo run --example torture -- check --url URL --journal FILE
//! ```
//!
//! Workers create, save, update, remove and query a few contended documents, and claim unique values. Before each write a
//! worker sends its intent through a pipe to the supervisor, and afterwards the answer it got; so what was acknowledged is
//! known although `kill -9` ends a worker every second. When the time is over, a database opened anew must agree:
//!
//! 1. a unique value has at most one live holder, and is free again when it has none;
//! 2. every live document is found through each of its indexes;
//! 3. no query returns a document that does not match;
//! 4. every answer was true: acknowledged writes of a document form one chain of revisions that ends in what is stored,
//!    refused ones are nowhere, and of those without an answer each is there once or not at all.
//!
//! A run that was too weak to prove anything fails as well. `--s3-redis` starts an S3 server and a Redis of its own, and
//! flushes and restarts Redis meanwhile: after each loss queries must be served by Redis again. For about 11 s after a loss the
//! replies to most writes are held (rule S3), so that on a busy machine such a run needs more than 20 s to prove enough.
//!
//! ```text
//! seed 1, 8 processes, 20 s, ./data/torture
//!    1 s     297 acknowledged    1 kills   173 conflicts    16 lost races
//!    …
//!   20 s    6114 acknowledged   20 kills  4543 conflicts   464 lost races
//!
//! acknowledged                                       6743
//! refused: revision conflict                         4895
//! refused: lost race for a unique value               516
//! without an answer                                   146
//! …
//! live documents                                       41
//! revisions accounted for                            6757
//! unique values held, each by one                      20
//! unique values free, each taken and given back        20
//! queries checked against a list of all                14
//! every promise was kept
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what happened")]

mod chance;
mod check;
mod fleet;
mod history;
mod journal;
mod losses;
mod model;
mod options;
mod servers;
mod summary;
mod worker;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    check::Findings,
    fleet::Fleet,
    journal::Journal,
    options::{CheckOptions, Command, Options, RunOptions},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let ended = match options.command {
        Some(Command::Worker(worker)) => worker::run(worker).await,
        Some(Command::Check(again)) => check_again(again).await,
        None if options.run.s3_redis => servers::run_on_servers().await,
        None => run(options.run).await,
    };
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Tortures a store, then checks it.
async fn run(mut options: RunOptions) -> anyhow::Result<ExitCode> {
    let mut redis = servers::redis_of(&mut options)?;
    summary::begin(&options);
    let db = model::open_empty(&options).await?;
    let mut fleet = Fleet::start(&options)?;
    let losses = losses::watch(&mut redis, &db, &options);
    let (ran, losses) = tokio::join!(fleet.run(&options), losses);
    db.close().await;
    let journal = fleet.stop().await?;
    ran?;
    if let Some(file) = &options.journal {
        journal.write(file)?;
    }
    let findings = check_anew(&options.url, &journal).await?;
    Ok(summary::end(&options, &journal, &losses?, &findings))
}

/// Checks a store that was tortured before, with the journal that was kept.
async fn check_again(options: CheckOptions) -> anyhow::Result<ExitCode> {
    let journal = Journal::read(&options.journal)?;
    let findings = check_anew(&options.url, &journal).await?;
    Ok(summary::findings(&findings))
}

/// Nothing that the run's own handle remembers helps the checker.
async fn check_anew(url: &str, journal: &Journal) -> anyhow::Result<Findings> {
    let db = smarterbase::open(url).await?;
    let findings = check::check(&db, journal).await?;
    db.close().await;
    Ok(findings)
}
