//! What a program in production does about lost replies, races, missing indexes, errors and costs.
//!
//! ```text
//! cargo run --example production_patterns -- [--url URL] [--seed 1] [--faults 250] [--rebuild]
//! ```
//!
//! - `payments.rs`: a creation that may be repeated, while requests fail and replies are lost.
//! - `conflicts.rs`: retries after a conflict, by the library and by hand.
//! - `errors.rs`: errors by kind, and what to do about each.
//! - `fallback.rs`: the same answers without any index, within a budget.
//! - `report.rs`: the profile of a workload: plans, percentiles, prices, and the full scan by name.
//!
//! ```text
//! the profile of 76 queries
//!   query  collection access           queries   p50 ms   p95 ms   p99 ms requests US$ per 10^6
//!   …
//! full scans
//!   scan of articles: …
//! ```
//!
//! A check that fails, and a run in which too few requests failed, end the program with a failure.

#![allow(clippy::print_stdout, reason = "an example shows what happened")]

#[path = "../support/checks.rs"]
mod checks;
mod conflicts;
#[path = "../support/database.rs"]
mod database;
mod errors;
mod fallback;
mod model;
mod options;
mod payments;
mod report;
mod workload;

use std::process::ExitCode;

use clap::Parser;

use crate::{checks::Checks, options::Options};

#[tokio::main]
async fn main() -> ExitCode {
    checks::exit_code(run(Options::parse()).await)
}

async fn run(options: Options) -> anyhow::Result<Checks> {
    let db = database::open(&options.url).await?;
    let mut checks = Checks::default();
    workload::fill(&db).await?;
    payments::while_requests_fail(options.seed, options.faults, &mut checks).await?;
    conflicts::of_counting(&db, &mut checks).await?;
    errors::by_kind(&db, &mut checks).await?;
    fallback::without_indexes(options.rebuild, &mut checks).await?;
    report::of_a_workload(&db, &mut checks).await?;
    db.close().await;
    Ok(checks)
}
