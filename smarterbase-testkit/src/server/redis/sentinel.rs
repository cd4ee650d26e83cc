//! A Sentinel that watches a primary and promotes a replica when that dies.

use std::{collections::HashMap, fs, io, path::Path, process::Stdio};

use redis::Connection;
use tempfile::TempDir;

use super::{CONNECT_WITHIN, RedisServer, free_port, with_other_ports_if_taken};
use crate::server::process::{self, Process};

/// The service that every Sentinel of ours watches.
const SERVICE: &str = "primary";

/// One Sentinel of our own that alone decides, gone when dropped. It takes a primary for dead that is silent for two seconds.
#[derive(Debug)]
pub struct RedisSentinel {
    port: u16,
    _process: Process,
    _folder: TempDir,
}

impl RedisSentinel {
    /// Starts one that watches `primary`, on a free port. Several that watch the same one find each other.
    ///
    /// # Errors
    /// When there is no `redis-server`, or it does not start.
    pub fn start(primary: &RedisServer) -> io::Result<Self> {
        Self::start_with(primary.port(), "")
    }

    /// The same, with lines of settings besides our own, for a primary at this port.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(primary: u16, more: &str) -> io::Result<Self> {
        let program = RedisServer::find()?;
        with_other_ports_if_taken(|| Self::start_on(&program, free_port()?, primary, more))
    }

    fn start_on(program: &Path, port: u16, primary: u16, more: &str) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let settings = folder.path().join("sentinel.conf");
        let log = fs::File::create(folder.path().join("sentinel.log"))?;
        // It writes what it learns into the file of its settings.
        fs::write(
            &settings,
            format!(
                "port {port}\nbind 127.0.0.1\ndir {}\n{more}\n\
                 sentinel monitor {SERVICE} 127.0.0.1 {primary} 1\n\
                 sentinel down-after-milliseconds {SERVICE} 2000\n\
                 sentinel failover-timeout {SERVICE} 3000\n",
                folder.path().display()
            ),
        )?;
        let mut process = Process::start(program, |command| {
            command
                .arg(&settings)
                .arg("--sentinel")
                .stdin(Stdio::null())
                .stdout(Stdio::from(log))
                .stderr(Stdio::null());
        })?;
        process::wait_until_ready("the Sentinel", || match process.exited()? {
            Some(status) => Err(io::Error::other(format!(
                "the Sentinel ended with {status}"
            ))),
            None => Ok(connect(port).is_ok()),
        })?;
        Ok(Self {
            port,
            _process: process,
            _folder: folder,
        })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The name of the service that it watches.
    #[must_use]
    pub fn service(&self) -> &'static str {
        SERVICE
    }

    /// The URL of the primary that it names.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}?service={SERVICE}", self.port)
    }

    /// A connection of its own.
    ///
    /// # Errors
    /// When it does not answer within half a second.
    pub fn connect(&self) -> io::Result<Connection> {
        connect(self.port)
    }

    /// The port of the primary that it names now.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn primary(&self) -> io::Result<u16> {
        let (_, port): (String, u16) = redis::cmd("SENTINEL")
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(SERVICE)
            .query(&mut self.connect()?)
            .map_err(io::Error::other)?;
        Ok(port)
    }

    /// Waits until it knows that the replica at this port has all that the primary has, and may be promoted.
    ///
    /// # Errors
    /// When that takes more than 20 s.
    pub fn wait_until_it_sees(&self, replica: &RedisServer) -> io::Result<()> {
        process::wait_until_ready("the Sentinel's view of the replica", || {
            let replicas: Vec<HashMap<String, String>> = redis::cmd("SENTINEL")
                .arg("REPLICAS")
                .arg(SERVICE)
                .query(&mut self.connect()?)
                .map_err(io::Error::other)?;
            let port = replica.port().to_string();
            Ok(replicas.iter().any(|seen| {
                seen.get("port") == Some(&port)
                    && seen.get("flags").is_some_and(|flags| flags == "slave")
                    && seen
                        .get("master-link-status")
                        .is_some_and(|status| status == "ok")
            }))
        })
    }
}

fn connect(port: u16) -> io::Result<Connection> {
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}"));
    let client = client.map_err(io::Error::other)?;
    let connection = client.get_connection_with_timeout(CONNECT_WITHIN);
    let mut connection = connection.map_err(io::Error::other)?;
    connection
        .set_read_timeout(Some(CONNECT_WITHIN))
        .map_err(io::Error::other)?;
    redis::cmd("PING")
        .exec(&mut connection)
        .map_err(io::Error::other)?;
    Ok(connection)
}
