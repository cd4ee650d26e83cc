//! A PostgreSQL server of our own, with the settings that it comes with.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use tempfile::TempDir;

use super::install;
use crate::{measure::now, peer::connect};

/// How long the server may take until it answers, and until it is gone.
const WITHIN: Duration = Duration::from_secs(30);
const USER: &str = "bench";

/// A server on a free loopback port, stopped in order when dropped, and its folder removed.
///
/// Start it from the main thread: on Linux the kernel stops it when that thread ends, however it ends.
pub(crate) struct PostgresServer {
    port: u16,
    process: Child,
    folder: TempDir,
    version: String,
}

impl PostgresServer {
    /// # Errors
    /// When PostgreSQL is not there and cannot be installed, or does not start; the message says what to do.
    pub(crate) fn start(below: &Path) -> anyhow::Result<Self> {
        let programs = install::postgres()?;
        let user = Unprivileged::if_root()?;
        let folder = user.folder(below)?;
        let data = folder.path().join("data");
        user.initialize(&programs, &data)?;
        let port = free_port()?;
        let process = user.serve(&programs, folder.path(), &data, port)?;
        let mut server = Self {
            port,
            process,
            folder,
            version: version(&programs)?,
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    /// As in `postgres (PostgreSQL) 15.14`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// A new database, as a URL.
    pub(crate) async fn create_database(&self, name: &str) -> anyhow::Result<String> {
        let (client, connection) = connect(&self.url("postgres")).await?;
        client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await?;
        drop(client);
        connection.await?;
        Ok(self.url(name))
    }

    fn url(&self, database: &str) -> String {
        format!(
            "postgresql://{USER}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// The last line of its pid file says `ready` once connections are taken.
    fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let pid_file = self.folder.path().join("data/postmaster.pid");
        let deadline = now() + WITHIN;
        while now() < deadline {
            if let Some(status) = self.process.try_wait()? {
                bail!(
                    "postgres ended with {status}:\n{}",
                    fs::read_to_string(self.log()).unwrap_or_default()
                );
            }
            let said = fs::read_to_string(&pid_file).unwrap_or_default();
            if said
                .lines()
                .nth(7)
                .is_some_and(|line| line.trim() == "ready")
            {
                return Ok(());
            }
            pause();
        }
        bail!("postgres was not ready within {} s", WITHIN.as_secs())
    }

    /// Asks for a fast shutdown and waits for it.
    fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        let id = self.process.id().to_string();
        let asked = Command::new("kill").args(["-s", "INT", &id]).status()?;
        ensure!(asked.success(), "kill ended with {asked}");
        let deadline: Instant = now() + WITHIN;
        loop {
            match self.process.try_wait()? {
                Some(status) => return Ok(status),
                None if now() > deadline => bail!("postgres did not stop"),
                None => pause(),
            }
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("bench-peers: {error:#}; killing it");
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// Who runs PostgreSQL, which refuses to run as root: `postgres`, or `nobody` where there is no such user.
struct Unprivileged(Option<(u32, u32)>);

impl Unprivileged {
    fn if_root() -> anyhow::Result<Self> {
        if install::user_id()? != 0 {
            return Ok(Self(None));
        }
        let ids = |name| {
            Some((
                install::id_of(&["-u", name]).ok()?,
                install::id_of(&["-g", name]).ok()?,
            ))
        };
        let found = ids("postgres").or_else(|| ids("nobody"));
        Ok(Self(Some(found.context(
            "PostgreSQL does not run as root, and there is neither `postgres` nor `nobody`",
        )?)))
    }

    /// A new folder that this user may write to.
    fn folder(&self, below: &Path) -> anyhow::Result<TempDir> {
        let folder = tempfile::Builder::new()
            .prefix("bench-peers-postgres-")
            .tempdir_in(below)?;
        if let Self(Some((user, group))) = self {
            chown(folder.path(), Some(*user), Some(*group))?;
        }
        Ok(folder)
    }

    fn initialize(&self, programs: &Path, data: &Path) -> anyhow::Result<()> {
        let mut command = self.command(&programs.join("initdb"));
        command.args([
            "--username",
            USER,
            "--auth",
            "trust",
            "--encoding",
            "UTF8",
            "--locale",
            "C",
            "--pgdata",
        ]);
        let said = command.arg(data).output().context("initdb does not run")?;
        ensure!(
            said.status.success(),
            "initdb ended with {}:\n{}",
            said.status,
            String::from_utf8_lossy(&said.stderr)
        );
        Ok(())
    }

    fn serve(
        &self,
        programs: &Path,
        folder: &Path,
        data: &Path,
        port: u16,
    ) -> anyhow::Result<Child> {
        let log = fs::File::create(folder.join("log"))?;
        let mut command = self.command_until_we_end(&programs.join("postgres"));
        command.arg("-D").arg(data).args([
            "-p",
            &port.to_string(),
            "-c",
            "listen_addresses=127.0.0.1",
        ]);
        command.args(["-c", "unix_socket_directories="]);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        command.spawn().context("postgres does not run")
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Self(Some((user, group))) = self {
            command.uid(*user).gid(*group);
        }
        // Our own folder may be closed to that user.
        command.current_dir("/");
        command
    }

    /// On Linux with `setpriv` (util-linux) the kernel asks the server to stop when we are killed.
    fn command_until_we_end(&self, program: &Path) -> Command {
        match install::find("setpriv").filter(|_| cfg!(target_os = "linux")) {
            None => self.command(program),
            Some(setpriv) => {
                let mut command = self.command(&setpriv);
                command.args(["--pdeathsig", "INT", "--"]).arg(program);
                command
            }
        }
    }
}

fn version(programs: &Path) -> anyhow::Result<String> {
    let said = Command::new(programs.join("postgres"))
        .arg("--version")
        .output()?;
    Ok(String::from_utf8(said.stdout)?.trim().to_owned())
}

/// A loopback port that nobody listens on at this moment.
fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

#[allow(
    clippy::disallowed_methods,
    reason = "nothing is measured while a server starts or stops"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
