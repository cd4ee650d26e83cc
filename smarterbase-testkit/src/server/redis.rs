//! A real `redis-server` on a free loopback port, to be killed, frozen, flushed and restarted.

mod cluster;
mod sentinel;
mod valkey;

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use redis::{Connection, InfoDict};
use tempfile::TempDir;

pub use self::{
    cluster::RedisCluster,
    sentinel::RedisSentinel,
    valkey::{VALKEY, VALKEY_NOT_RUN, Valkey},
};
use super::process::{self, Process};

/// How often a port that somebody else took in between is replaced by another.
const PORTS_TO_TRY: usize = 5;
/// How long one connection attempt may take while a server starts.
const CONNECT_WITHIN: Duration = Duration::from_millis(500);

/// One `redis-server` of our own, without persistence, gone when dropped.
///
/// All methods block for milliseconds (a start takes about 7 ms), so that they also work in synchronous tests.
#[derive(Debug)]
pub struct RedisServer {
    program: PathBuf,
    port: u16,
    arguments: Vec<String>,
    /// Its working directory, with its log.
    folder: TempDir,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts a server with `arguments` besides our own, as in `&["--maxmemory", "2mb"]`.
    ///
    /// # Errors
    /// When there is no `redis-server` (the message says how to install it), or it does not start.
    pub fn start(arguments: &[&str]) -> io::Result<Self> {
        Self::start_with(&Self::find()?, arguments)
    }

    fn start_with(program: &Path, arguments: &[&str]) -> io::Result<Self> {
        with_other_ports_if_taken(|| Self::start_on(free_port()?, program, arguments))
    }

    fn start_on(port: u16, program: &Path, arguments: &[&str]) -> io::Result<Self> {
        let mut server = Self {
            program: program.to_owned(),
            port,
            arguments: arguments.iter().map(ToString::to_string).collect(),
            folder: tempfile::tempdir()?,
            process: None,
        };
        server.spawn()?;
        Ok(server)
    }

    /// The program to run: `$REDIS_SERVER`, else `redis-server` or `valkey-server` in `PATH`.
    ///
    /// # Errors
    /// When there is none; the message is the command that installs it.
    pub fn find() -> io::Result<PathBuf> {
        if let Some(program) = std::env::var_os("REDIS_SERVER").map(PathBuf::from) {
            let missing = || io::Error::new(io::ErrorKind::NotFound, "REDIS_SERVER names no file");
            return if program.is_file() {
                Ok(program)
            } else {
                Err(missing())
            };
        }
        process::find_in_path(&["redis-server", "valkey-server"]).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                "redis-server not found. Run `cargo xtask test`, which installs it, or install it yourself \
                 (Debian, Ubuntu: `apt-get install -y redis-server`; macOS: `brew install redis`), \
                 or set REDIS_SERVER=/path/to/redis-server",
            )
        })
    }

    /// The URL, as in `redis://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port, which stays the same across restarts.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, for a [`Proxy`](super::proxy::Proxy) in front.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Ends the server with SIGKILL: connections are refused until [`restart`](Self::restart).
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Starts the server again on the same port, killing it before when it runs. It comes back empty unless its
    /// arguments switched persistence on.
    ///
    /// # Errors
    /// When it does not start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.kill();
        self.spawn()
    }

    /// Stops the server's clock with SIGSTOP: connections stand, but nothing is answered.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self) -> io::Result<()> {
        self.signal("STOP")
    }

    /// Lets a frozen server go on. What arrived meanwhile is carried out now.
    ///
    /// # Errors
    /// When it does not run.
    pub fn thaw(&self) -> io::Result<()> {
        self.signal("CONT")
    }

    /// Sends a signal by its name without `SIG`.
    ///
    /// # Errors
    /// When the server does not run or `kill` fails.
    pub fn signal(&self, name: &str) -> io::Result<()> {
        let process = self
            .process
            .as_ref()
            .ok_or_else(|| io::Error::other("redis-server does not run"))?;
        let status = Command::new("kill")
            .args(["-s", name, &process.id().to_string()])
            .status()?;
        if status.success() {
            Ok(())
        } else {
            Err(io::Error::other(format!("kill -s {name}: {status}")))
        }
    }

    /// Waits until this replica has all that its primary has now.
    ///
    /// # Errors
    /// When that takes more than 20 s, or one of them does not answer.
    pub fn wait_until_it_follows(&self, primary: &Self) -> io::Result<()> {
        let told: Option<u64> = primary.replication()?.get("master_repl_offset");
        process::wait_until_ready("the replica", || {
            let info = self.replication()?;
            let status: Option<String> = info.get("master_link_status");
            let heard: Option<u64> = info.get("slave_repl_offset");
            Ok(status.is_some_and(|status| status == "up") && heard >= told)
        })
    }

    /// From here on the replicas of this primary get nothing: they cannot log in again, and neither can anybody else.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn let_replicas_lag(&self) -> io::Result<()> {
        let mut connection = self.connect()?;
        for words in [
            ["CONFIG", "SET", "requirepass", "later"],
            ["CLIENT", "KILL", "TYPE", "replica"],
        ] {
            let mut command = redis::cmd(words[0]);
            let done = command.arg(&words[1..]).exec(&mut connection);
            done.map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn replication(&self) -> io::Result<InfoDict> {
        let mut command = redis::cmd("INFO");
        let info = command.arg("replication").query(&mut self.connect()?);
        info.map_err(io::Error::other)
    }

    /// Removes every key of every database.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn flush(&self) -> io::Result<()> {
        redis::cmd("FLUSHALL")
            .exec(&mut self.connect()?)
            .map_err(io::Error::other)
    }

    /// A connection of its own, for looking at what is stored.
    ///
    /// # Errors
    /// When the server does not answer within half a second.
    pub fn connect(&self) -> io::Result<Connection> {
        let client = redis::Client::open(self.url()).map_err(io::Error::other)?;
        let connection = client
            .get_connection_with_timeout(CONNECT_WITHIN)
            .map_err(io::Error::other)?;
        connection
            .set_read_timeout(Some(CONNECT_WITHIN))
            .map_err(io::Error::other)?;
        Ok(connection)
    }

    fn spawn(&mut self) -> io::Result<()> {
        let log = self.folder.path().join("redis.log");
        let output = fs::File::create(&log)?;
        // What is wrong with an argument is said on standard error.
        let errors = output.try_clone()?;
        let mut started = Process::start(&self.program, |command| {
            command
                .args([
                    "--port",
                    &self.port.to_string(),
                    "--bind",
                    "127.0.0.1",
                    "--dir",
                ])
                .arg(self.folder.path())
                .args(["--save", "", "--appendonly", "no", "--daemonize", "no"])
                // A replica waits five seconds for others otherwise.
                .args(["--repl-diskless-sync-delay", "0"])
                .args(&self.arguments)
                .stdin(Stdio::null())
                .stdout(output)
                .stderr(errors);
        })?;
        process::wait_until_ready("redis-server", || match started.exited()? {
            Some(status) => {
                let log = fs::read_to_string(&log).unwrap_or_default();
                Err(io::Error::other(format!(
                    "redis-server ended with {status}:\n{log}"
                )))
            }
            None => Ok(self.answering_process() == Some(started.id())),
        })?;
        self.process = Some(started);
        Ok(())
    }

    /// The id of the process that answers on our port: two tests that lost a race for a port must not share a server.
    fn answering_process(&self) -> Option<u32> {
        let mut connection = self.connect().ok()?;
        let info: InfoDict = redis::cmd("INFO")
            .arg("server")
            .query(&mut connection)
            .ok()?;
        info.get("process_id")
    }
}

/// The kernel may give a free port to somebody else before our server binds it; then `start` picks others.
fn with_other_ports_if_taken<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..PORTS_TO_TRY {
        if let Ok(started) = start() {
            return Ok(started);
        }
    }
    start()
}

/// A loopback port that nobody listens on at this moment.
fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
