//! The accounts of an application: unique addresses under concurrent registration, edits that do not overwrite each other,
//! search, pages, history, and deletion by a query.
//!
//! ```text
//! cargo run --example user_management -- [--url URL] [--people 40] [--spellings 3]
//! ```
//!
//! Each chapter is a file: `registration.rs`, `conflicts.rs`, `search.rs`, `leaving.rs`. A check that fails, and a run in
//! which nobody was refused, end the program with a failure.

#![allow(clippy::print_stdout, reason = "an example shows what happened")]

#[path = "../support/checks.rs"]
mod checks;
mod conflicts;
#[path = "../support/database.rs"]
mod database;
mod leaving;
mod model;
mod options;
mod registration;
mod search;

use std::process::ExitCode;

use clap::Parser;
use smarterbase::prelude::*;

use crate::{checks::Checks, model::User, options::Options};

#[tokio::main]
async fn main() -> ExitCode {
    checks::exit_code(run(Options::parse()).await)
}

async fn run(options: Options) -> anyhow::Result<Checks> {
    let db = database::open(&options.url).await?;
    let is_empty = User::list(&db).page(1).await?.items.is_empty();
    anyhow::ensure!(
        is_empty,
        "the store holds accounts already; give an empty one"
    );
    let mut checks = Checks::default();
    let Options {
        people, spellings, ..
    } = options;

    registration::rush(&db, people, spellings, &mut checks).await?;
    registration::nonsense(&db, &mut checks).await;
    let ada = User::find_by_email(&db, "person-0@example.org").await?;
    let ada = ada.expect("she registered").id;
    conflicts::of_two_forms(&db, ada, &mut checks).await?;
    conflicts::of_many_programs(&db, ada, &mut checks).await?;
    search::questions(&db, people, &mut checks).await?;
    search::pages(&db, people, &mut checks).await?;
    let deactivated = leaving::deactivate(&db, &mut checks).await?;
    leaving::remember(&db, ada, &mut checks).await?;
    leaving::delete(&db, people, deactivated, &mut checks).await?;
    db.close().await;
    Ok(checks)
}
