//! Finds a `redis-server`, or installs one through the system's package manager.

use std::{env, path::PathBuf, process::Command};

use anyhow::{Context, bail};

use crate::{
    apt,
    command::{find, new, run, say},
};

/// The environment variable that names the server; the tests read it as well.
pub(crate) const SERVER: &str = "REDIS_SERVER";

/// A `redis-server` that is there, if need be because it was installed now.
///
/// # Errors
/// When there is none and it may not or could not be installed; the message is the command to run.
pub(crate) fn find_or_install() -> anyhow::Result<PathBuf> {
    if let Some(named) = env::var_os(SERVER).map(PathBuf::from) {
        let is_there = named.is_file();
        return if is_there {
            Ok(named)
        } else {
            bail!("{SERVER} names {}, which is no file", named.display())
        };
    }
    if let Some(server) = installed() {
        return Ok(server);
    }
    say("redis-server is not installed");
    for command in &mut ways_to_install()? {
        run(command).context("redis-server could not be installed")?;
    }
    installed().context("redis-server was installed, but is not in PATH")
}

fn installed() -> Option<PathBuf> {
    find("redis-server").or_else(|| find("valkey-server"))
}

/// The commands that install Redis here without asking anybody.
fn ways_to_install() -> anyhow::Result<Vec<Command>> {
    if let Some(commands) = apt::install("redis-server") {
        return Ok(commands.into());
    }
    if apt::is_there() {
        bail!(
            "run `sudo apt-get update && sudo apt-get install -y redis-server`, then this command again"
        );
    }
    if find("brew").is_some() {
        return Ok(vec![new("brew", &["install", "redis"])]);
    }
    bail!(
        "install Redis 7 or later with your package manager, or set {SERVER}=/path/to/redis-server"
    );
}
