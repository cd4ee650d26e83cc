//! A shop: stock that is never sold twice, orders that move through their states, customers who cannot be deleted while they
//! have orders.
//!
//! ```text
//! cargo run --example ecommerce_orders -- [--url URL] [--buyers 12] [--check]
//! ```
//!
//! Placing and cancelling an order are transactions (`shop.rs`): stock and order change together or not at all. Paying and
//! shipping change one document, which needs none. Buyers race for the last items and clerks for the same orders
//! (`race.rs`), and in the end the books must be right (`audit.rs`): for each product what is in stock and what was sold
//! come to what was delivered, and each order's total is that of its lines.
//!
//! A check that fails, and a race in which nobody lost, end the program with a failure. `--check` reads the books of a
//! store that an earlier run filled.

#![allow(clippy::print_stdout, reason = "an example shows what happened")]

mod audit;
#[path = "../support/checks.rs"]
mod checks;
#[path = "../support/database.rs"]
mod database;
mod day;
mod model;
mod options;
mod race;
mod refusal;
mod report;
mod shop;

use std::process::ExitCode;

use clap::Parser;

use crate::{checks::Checks, model::Shop, options::Options};

#[tokio::main]
async fn main() -> ExitCode {
    checks::exit_code(run(Options::parse()).await)
}

async fn run(options: Options) -> anyhow::Result<Checks> {
    // The list of types tells what a deletion takes along.
    let db = database::open(&options.url).await?.with_schema::<Shop>();
    let mut checks = Checks::default();
    if !options.check {
        day::stock_the_shop(&db).await?;
        day::orders(&db, &mut checks).await?;
        race::for_the_last_items(&db, options.buyers, &mut checks).await?;
        race::between_shipping_and_cancelling(&db, &mut checks).await?;
        day::deletions(&db, &mut checks).await?;
        report::print(&db, &mut checks).await?;
    }
    audit::audit(&db, &mut checks).await?;
    db.close().await;
    Ok(checks)
}
