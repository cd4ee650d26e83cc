//! A product catalogue of four versions, upgraded while an older and a newer program work on it.
//!
//! ```text
//! cargo run --example schema_migrations -- [--url URL] [--copies 16] [--per-second 100] [--seed N] [--journal FILE]
//! cargo run --example schema_migrations -- check --url URL --journal FILE
//! ```
//!
//! The catalogue lies in `catalogue/` as the programs of four versions wrote it, v0 to v3: JSON files without an envelope, v0
//! without a version in them, with members that no program knows and numbers that must keep every digit. Each file becomes
//! several products. What today's program must store for each is written by hand in `catalogue/expected/`.
//!
//! The program of v2 (the example `schema_migrations_old`, with the locks of its time) reads, changes, makes and finds
//! products in a process of its own. Then today's program is deployed beside it: its writers update, save, make and find
//! products and change two in a transaction. The floor is raised, so that the older program's writes are refused; what is
//! on its way is waited for; every product is upgraded, and the new indexes are built. The older program goes on asking all
//! the time. Somebody else looks through the store all the time, past both programs. In the end:
//!
//! 1. every product is there at today's version, with every member that it ever had and the stock that was acknowledged;
//! 2. every revision was written by one acknowledged write, or by the upgrade, and none has a lower version than the one
//!    before it;
//! 3. whatever a program read was right, what it found was all of it, and only the older one was refused, and only after the
//!    deploy began;
//! 4. every definition is ready and finds what it should and nothing else (the testkit's invariants).
//!
//! A run in which too little happened fails as well.
//!
//! ```text
//! seed 1, 16 products of each file, ./data/schema_migrations
//!   time    v0    v1    v2    v3
//!  1.1 s    64    64    64     0  192 products of v0 to v2 lie there, as files
//!  1.8 s    60    60    73     0  the older program, which knows v2, reads and writes
//!  2.1 s    58    57    78    64  the newer program begins, with 64 products of v3
//!  3.2 s    39    35    71   122  both programs work; from here on the older one's writes are refused
//!  …
//! 12.3 s     0     0     0   290  the upgrade wrote 113 products, and 4 definitions were built
//! 12.9 s     0     0     0   295  the older program still asks, and is refused
//! 13.1 s     0     0     0   298  both programs ended
//!
//!                                     before  deploy   after
//! older program: reads                    11      85       0
//! older program: writes                   21      72       0
//! older program: refusals                  0    1230     136
//! …
//! products, all of today's version                      298
//! members as they were written                         2640
//! revisions accounted for                               781
//! answers that were right or due                       2381
//! definitions that find what they should                  4
//! every promise was kept
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what happened")]

mod answers;
mod audit;
mod catalogue;
#[path = "../torture/chance.rs"]
mod chance;
mod contents;
mod deploy;
mod indexes;
mod journal;
mod model;
mod old_program;
mod options;
#[path = "../schema_migrations_old/report.rs"]
mod report;
mod revisions;
mod store;
mod summary;
mod value;
mod watch;
mod writers;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    catalogue::Catalogue,
    journal::Journal,
    options::{CheckOptions, Command, DEFAULT_URL, Options, RunOptions},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let ended = match options.command {
        Some(Command::Check(again)) => check_again(again).await,
        None => run(options.run).await,
    };
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// Deploys, then audits.
async fn run(options: RunOptions) -> anyhow::Result<ExitCode> {
    summary::begin(&options);
    store::clear_default(&options.url, DEFAULT_URL)?;
    let catalogue = Catalogue::read(options.copies)?;
    let journal = deploy::run(&options, &catalogue).await?;
    if let Some(file) = &options.journal {
        journal.write(file)?;
    }
    let findings = audit::audit(&options.url, &journal).await?;
    Ok(summary::end(&options, &journal, &findings))
}

/// Audits a run of before, with the journal that was kept.
async fn check_again(options: CheckOptions) -> anyhow::Result<ExitCode> {
    let journal = Journal::read(&options.journal)?;
    let findings = audit::audit(&options.url, &journal).await?;
    Ok(summary::findings(&findings))
}
