//! The older program as a process.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context, ensure};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

use crate::{
    journal::{Program, Shared},
    options::RunOptions,
    report::Line,
    store,
};

const NAME: &str = "schema_migrations_old";

/// The process, and the task that writes down what it says.
pub(crate) struct OldProgram {
    child: Child,
    reading: JoinHandle<anyhow::Result<()>>,
}

impl OldProgram {
    /// Starts it on these products.
    pub(crate) fn start(
        program: &Path,
        url: &str,
        ids: Vec<String>,
        journal: &Shared,
    ) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .arg("--url")
            .arg(store::database(url))
            .args(ids)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| program.display().to_string())?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let journal = journal.clone();
        let reading = tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Some(line) = lines.next_line().await? {
                let line: Line = serde_json::from_str(&line)?;
                journal.record(Program::Old, line);
            }
            Ok(())
        });
        Ok(Self { child, reading })
    }

    /// Whether it said its last word before it was told to end.
    pub(crate) fn is_over(&self) -> bool {
        self.reading.is_finished()
    }

    /// Closes its input, and waits until it ended well.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        drop(self.child.stdin.take());
        let status = self.child.wait().await?;
        self.reading.await??;
        ensure!(status.success(), "the older program ended with {status}");
        Ok(())
    }
}

/// Where it is: where the options say, or where cargo builds it now.
pub(crate) async fn find(options: &RunOptions) -> anyhow::Result<PathBuf> {
    match &options.old {
        Some(program) => Ok(program.clone()),
        None => built().await,
    }
}

/// Lets cargo build it, as it built this program, and gives where it is.
async fn built() -> anyhow::Result<PathBuf> {
    let cargo = std::env::var_os("CARGO")
        .context("run this through cargo, or name the older program with `--old`")?;
    let mut build = Command::new(cargo);
    build
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--example", NAME]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if cfg!(feature = "s3") {
        build.args(["--features", "s3"]);
    }
    let status = build.status().await?;
    ensure!(status.success(), "the older program cannot be built");
    let name = format!("{NAME}{}", std::env::consts::EXE_SUFFIX);
    Ok(std::env::current_exe()?.with_file_name(name))
}
