//! The configuration of many tenants: defaults, what each tenant overrides, every version of it, and a deletion that takes
//! everything of a tenant along.
//!
//! ```text
//! cargo run --example multi_tenant_config -- [--url URL] [--tenants 20] [--rivals 8]
//! ```
//!
//! An override is unique within its tenant and refers to its tenant and its setting (`model.rs`). `effective.rs` answers
//! what holds for a tenant, `rules.rs` shows defaults, races and versions, `requests.rs` counts what it costs to read many
//! overrides with all that they refer to, `ending.rs` deletes. A check that fails, and a race without a loser, end the
//! program with a failure.

#![allow(clippy::print_stdout, reason = "an example shows what happened")]

#[path = "../support/checks.rs"]
mod checks;
#[path = "../support/database.rs"]
mod database;
mod effective;
mod ending;
mod founding;
mod model;
mod options;
mod requests;
mod rules;

use std::process::ExitCode;

use clap::Parser;

use crate::{checks::Checks, model::Configuration, options::Options};

#[tokio::main]
async fn main() -> ExitCode {
    checks::exit_code(run(Options::parse()).await)
}

async fn run(options: Options) -> anyhow::Result<Checks> {
    // The list of types tells what a deletion takes along.
    let db = database::open(&options.url)
        .await?
        .with_schema::<Configuration>();
    let mut checks = Checks::default();
    founding::found(&db, options.tenants).await?;
    rules::of_defaults(&db, &mut checks).await?;
    rules::of_uniqueness(&db, options.rivals, &mut checks).await?;
    rules::of_versions(&db, &mut checks).await?;
    requests::count(&db, options.tenants, &mut checks).await?;
    ending::of_a_tenant(&db, options.tenants, &mut checks).await?;
    ending::of_a_setting(&db, &mut checks).await?;
    db.close().await;
    Ok(checks)
}
