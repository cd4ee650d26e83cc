//! `cargo xtask ci`: everything that can be checked without a server.

use std::fs;

use anyhow::Context;

use crate::command::{cargo, root, run};

/// Runs one check after the other and stops at the first that fails.
pub(crate) fn run_all() -> anyhow::Result<()> {
    run(&mut cargo("fmt --all --check"))?;
    run(&mut cargo(
        "clippy --locked --workspace --all-targets --all-features -- -D warnings",
    ))?;
    facade_with_each_feature_alone()?;
    run(cargo("doc --locked --workspace --all-features --no-deps")
        .env("RUSTDOCFLAGS", "-D warnings"))?;
    quickstart()
}

fn facade_with_each_feature_alone() -> anyhow::Result<()> {
    let clippy = "clippy --locked -p smarterbase --no-default-features";
    run(&mut cargo(&format!("{clippy} -- -D warnings")))?;
    for feature in features()? {
        run(&mut cargo(&format!(
            "{clippy} --features {feature} -- -D warnings"
        )))?;
    }
    Ok(())
}

/// The facade's features, read from its manifest, so that a new one is checked from its first day.
fn features() -> anyhow::Result<Vec<String>> {
    let manifest =
        fs::read_to_string(root().join("Cargo.toml")).context("cannot read Cargo.toml")?;
    let lines = manifest
        .lines()
        .skip_while(|line| *line != "[features]")
        .skip(1);
    let table = lines.take_while(|line| !line.starts_with('['));
    let names = table
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name);
    Ok(names
        .filter(|name| !name.starts_with('#') && *name != "default")
        .map(str::to_owned)
        .collect())
}

/// The first thing a newcomer runs.
fn quickstart() -> anyhow::Result<()> {
    run(&mut cargo("run --locked --example quickstart"))
}
