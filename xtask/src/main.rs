//! Repository chores, as `cargo xtask <chore>`.

mod apt;
mod check;
mod command;
mod moto;
mod redis;
mod test;
mod valkey;

use std::process::ExitCode;

use clap::Parser;

/// The chores of this repository.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Chore {
    /// Runs every test of every crate, after installing the servers that they start
    ///
    /// Needs only Rust. A missing redis-server is installed with apt-get (as root) or brew; where neither may be used,
    /// the command to run is printed and nothing is tested. moto, a second S3 beside our own, is installed into
    /// target/moto-venv, and a valkey-server into target/valkey, where there is a Python; where there is none, what is left
    /// out is announced. The tests start and stop their servers themselves, on free loopback ports.
    Test {
        /// What to hand on to `cargo test`, as in `cargo xtask test -- redis -- --nocapture`
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Checks what needs no server: formatting, lints, each feature alone, documentation, the quickstart
    Ci,
}

fn main() -> ExitCode {
    let done = match Chore::parse() {
        Chore::Test { arguments } => test::run(&arguments),
        Chore::Ci => check::run_all().map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|error| {
        command::say(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}
