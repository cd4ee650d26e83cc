//! `cargo xtask test`: every test of every crate, on real parts.

use std::process::ExitCode;

use anyhow::Context;

use crate::{
    command::{cargo, say},
    moto::Moto,
    redis,
    valkey::Valkey,
};

/// Installs what is missing, then runs the tests and ends with their exit code.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let redis = redis::find_or_install()?;
    let moto = Moto::find_or_install();
    say(&format!("redis: {}", redis.display()));
    moto.announce();
    let valkey = Valkey::find_or_install(&moto)?;
    valkey.announce();

    let mut tests = cargo("test --workspace --all-features --locked");
    tests.args(arguments).env(redis::SERVER, redis);
    moto.tell(&mut tests);
    valkey.tell(&mut tests);
    let status = tests.status().context("cannot run cargo")?;

    // Again, below the output of the tests, where it is seen.
    if matches!(moto, Moto::NotRun(_)) {
        moto.announce();
    }
    if matches!(valkey, Valkey::NotRun(_)) {
        valkey.announce();
    }
    // No code means that a signal ended the tests.
    Ok(status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .map_or(ExitCode::FAILURE, ExitCode::from))
}
