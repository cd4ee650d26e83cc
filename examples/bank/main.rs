//! Money that moves between accounts in transactions, by real processes that are killed, and an audit that proves that none
//! was lost or made.
//!
//! ```text
//! cargo run --example bank -- [--processes 8] [--seconds 20] [--seed N] [--faults 20] [--url URL] [--journal FILE]
//! cargo run --features s3 --example bank -- --s3
//! cargo run --example bank -- check --url URL --journal FILE
//! ```
//!
//! Workers pay from one account to one or two others, open and close accounts, change holders (a unique value) and branches
//! (an index), most of it in transactions and some of it in plain writes; and they sum up all accounts in snapshots, where
//! a wrong sum would be an error that never may come out. A worker is ended by `kill -9` every second, and 20 of 1,000
//! requests of the others fail: refused, throttled, lost, carried out without a reply, or carried out later. With `--s3` the
//! store is an S3 server of the run's own, and connections to it break besides.
//!
//! Before each order a worker sends its intent through a pipe to the supervisor, and afterwards the answer it got; so what
//! was acknowledged is known whoever was killed. Every order has a mark of its own, which stands in the trail of each
//! account that it wrote and in a transfer that is written together with them. When the time is over, a database opened
//! anew must agree:
//!
//! 1. all accounts hold what they held in the beginning, and each what its trail comes to;
//! 2. every acknowledged order is there exactly once, in all its documents; no refused one is there; and of those without
//!    an answer each is there entirely or not at all;
//! 3. there is one order of all transactions, plain writes and snapshots that fits what each of them read and wrote, and
//!    real time: what began after an answer stands after it (`serial.rs`);
//! 4. nothing is undecided, nothing that was committed is unfinished, and no account bears an intent after a write;
//! 5. unique values have one holder, and every index finds what it should (the testkit's invariants).
//!
//! A run that was too weak to prove anything fails as well.
//!
//! ```text
//! seed 1, 8 processes, 20 s, ./data/bank
//!    1 s      35 acknowledged    1 kills    14 conflicts     5 snapshots    32 faults
//!    …
//! acknowledged                        number  p50 ms  p99 ms  max ms  attempts
//! Pay                                    466     130    1349    2091       582
//! Swap                                    26     243    1013    1297        57
//! …
//! revisions accounted for, each by one order           1362
//! transfers, each in all its accounts                   567
//! without an answer, and there entirely                   2
//! events that have one order                           1886
//! … arrows between them                                5398
//! intents of aborted attempts left                        9
//! every promise was kept
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what happened")]

mod audit;
#[path = "../torture/chance.rs"]
mod chance;
mod fleet;
mod journal;
mod ledger;
mod look;
mod model;
mod options;
mod orders;
mod pulse;
mod remains;
mod serial;
mod servers;
mod store;
mod summary;
mod worker;

use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;

use crate::{
    fleet::Fleet,
    journal::Journal,
    options::{CheckOptions, Command, DEFAULT_URL, Options, RunOptions},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let ended = match options.command {
        Some(Command::Worker(worker)) => worker::run(worker).await,
        Some(Command::Check(again)) => check_again(again).await,
        None if options.run.s3 => servers::run_on_s3(options.run.seed).await,
        None => run(options.run).await,
    };
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Runs a bank, then audits it.
async fn run(options: RunOptions) -> anyhow::Result<ExitCode> {
    summary::begin(&options);
    found(&options).await?;
    let mut fleet = Fleet::start(&options)?;
    let ran = fleet.run(&options).await;
    let journal = fleet.stop().await?;
    ran?;
    if let Some(file) = &options.journal {
        journal.write(file)?;
    }
    let findings = audit::audit(&options.url, &journal).await?;
    Ok(summary::end(&options, &journal, &findings))
}

async fn found(options: &RunOptions) -> anyhow::Result<()> {
    if options.url == DEFAULT_URL && std::fs::exists(DEFAULT_URL)? {
        std::fs::remove_dir_all(DEFAULT_URL)?;
    }
    let shown = options.shown_url();
    let db = store::open(&options.url)
        .await
        .with_context(|| format!("cannot use the database `{shown}`"))?;
    model::found_bank(&db, shown).await?;
    db.close().await;
    Ok(())
}

/// Audits a bank that was run before, with the journal that was kept.
async fn check_again(options: CheckOptions) -> anyhow::Result<ExitCode> {
    let journal = Journal::read(&options.journal)?;
    let findings = audit::audit(&options.url, &journal).await?;
    Ok(summary::findings(&findings))
}
