//! Makes a Python environment with moto, an S3 that somebody else wrote, in `target/moto-venv`.

use std::{
    fmt::Display,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context;

use crate::{
    apt,
    command::{find, new, root, run, say, succeeds},
};

/// What the tests of our S3 were last seen to agree with.
const PACKAGES: [&str; 3] = ["moto[s3]>=5.2,<6", "flask>=3,<4", "flask-cors>=5"];

/// The Python to run moto with, or why there is none.
pub(crate) enum Moto {
    Python(PathBuf),
    NotRun(String),
}

impl Moto {
    /// Finds the environment or makes it. A machine without Python is no error, but it is announced.
    pub(crate) fn find_or_install() -> Self {
        let folder = root().join("target/moto-venv");
        let python = folder.join("bin/python");
        if is_usable(&python) {
            return Self::Python(python);
        }
        let Some(system) = find("python3") else {
            return Self::not_run("there is no python3");
        };
        match make(&system, &folder) {
            Ok(()) if is_usable(&python) => Self::Python(python),
            Ok(()) => Self::not_run("moto was installed, but cannot be imported"),
            Err(error) => Self::not_run(format!("{error:#}")),
        }
    }

    /// Tells the tests, through their environment, what [`find_or_install`](Self::find_or_install) found.
    pub(crate) fn tell(&self, tests: &mut Command) {
        match self {
            Self::Python(python) => tests.env("SMARTERBASE_MOTO_PYTHON", python),
            Self::NotRun(reason) => tests.env("SMARTERBASE_MOTO_NOT_RUN", reason),
        };
    }

    /// Tells the person in front of the screen.
    pub(crate) fn announce(&self) {
        match self {
            Self::Python(python) => say(&format!("moto: {}", python.display())),
            Self::NotRun(reason) => {
                say("================================ NOT RUN ================================");
                say(&format!("moto, the second S3: {reason}"));
                say("Every test against moto passes without having tested anything.");
                say("=========================================================================");
            }
        }
    }

    fn not_run(reason: impl Display) -> Self {
        Self::NotRun(reason.to_string())
    }
}

/// Makes the environment anew. Debian keeps what that needs in a package of its own.
fn make(system: &Path, folder: &Path) -> anyhow::Result<()> {
    if !succeeds(&mut new(system, &["-c", "import venv, ensurepip"])) {
        let mut commands = apt::install("python3-venv").context("python3 has no venv module")?;
        commands.iter_mut().try_for_each(run)?;
    }
    run(new(system, &["-m", "venv", "--clear"]).arg(folder))?;
    run(&mut pip_install(&folder.join("bin/python")))
}

fn pip_install(python: &Path) -> Command {
    let mut command = new(python, &["-m", "pip", "install", "--quiet"]);
    command.arg("--disable-pip-version-check").args(PACKAGES);
    command
}

fn is_usable(python: &Path) -> bool {
    let imports = ["-c", "import moto.server, flask, flask_cors"];
    python.is_file() && succeeds(&mut new(python, &imports))
}
