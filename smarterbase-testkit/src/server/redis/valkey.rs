//! Valkey, the other server that speaks Redis' protocol: <https://valkey.io>.
//!
//! A fresh machine may not have it. `cargo xtask test` puts it into `target/valkey`, where a plain `cargo test` then finds it by
//! itself. Without one, [`Valkey::find`] is an error, so that a test that needs it fails
//! loudly. Where it cannot be had, `cargo xtask test` says so and sets [`VALKEY_NOT_RUN`]; only then does [`Valkey::find`]
//! answer `None`.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{RedisCluster, RedisServer};
use crate::server::process;

/// The environment variable that names the `valkey-server` to run.
pub const VALKEY: &str = "SMARTERBASE_VALKEY_SERVER";

/// The environment variable with which `cargo xtask test` says why there is no Valkey on this machine. Setting it by hand is
/// a decision not to run what needs Valkey.
pub const VALKEY_NOT_RUN: &str = "SMARTERBASE_VALKEY_NOT_RUN";

/// A `valkey-server` that is there, to be started as often as needed.
#[derive(Clone, Debug)]
pub struct Valkey(PathBuf);

impl Valkey {
    /// The program: `$SMARTERBASE_VALKEY_SERVER`, else `valkey-server` in `PATH`, else what `cargo xtask test` installed. `None`
    /// only where [`VALKEY_NOT_RUN`] says why; the reason is then printed.
    ///
    /// # Errors
    /// When there is none; the message says how to install it.
    pub fn find() -> io::Result<Option<Self>> {
        if let Some(reason) = std::env::var_os(VALKEY_NOT_RUN) {
            eprintln!("NOT RUN: this test needs Valkey: {}", reason.display());
            return Ok(None);
        }
        let named = std::env::var_os(VALKEY).map(PathBuf::from);
        let found = named
            .or_else(|| process::find_in_path(&["valkey-server"]))
            .or_else(installed);
        let found = found.filter(|program| program.is_file());
        found.map(|program| Some(Self(program))).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "valkey-server not found. Run `cargo xtask test`, which installs it, or set \
                 SMARTERBASE_VALKEY_SERVER=/path/to/valkey-server, or say why it is not run in SMARTERBASE_VALKEY_NOT_RUN",
            )
        })
    }

    /// Starts one, as [`RedisServer::start`] does.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, arguments: &[&str]) -> io::Result<RedisServer> {
        RedisServer::start_with(&self.0, arguments)
    }

    /// Starts a cluster, as [`RedisCluster::start`] does.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_cluster(&self, count: usize) -> io::Result<RedisCluster> {
        RedisCluster::start_with(&self.0, count)
    }
}

/// What `cargo xtask test` left in the build folder of the workspace.
fn installed() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    Some(workspace.join("target/valkey/valkey-server"))
}
