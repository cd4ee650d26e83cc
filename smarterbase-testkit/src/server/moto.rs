//! An S3 that somebody else wrote, so that we do not grade our own work: <https://docs.getmoto.org>.
//!
//! It is Python, and a fresh machine may not have it. `cargo xtask test` makes a virtual environment in
//! `target/moto-venv`, which a plain `cargo test` then finds by itself. Without one, [`Moto::start`] is an error, so that
//! a test that needs it fails loudly. Where there is no Python at all, `cargo xtask test` says so and sets
//! [`NOT_RUN`]; only then does [`Moto::start`] answer `None`.

use std::{
    fs, io,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
};

use object_store::aws::AmazonS3Builder;
use tempfile::TempDir;

use super::{
    process::{self, Process},
    s3,
};

/// The environment variable that names the Python to run moto with.
pub const PYTHON: &str = "SMARTERBASE_MOTO_PYTHON";

/// The environment variable with which `cargo xtask test` says why there is no moto on this machine. Setting it by hand
/// is a decision not to run what needs moto.
pub const NOT_RUN: &str = "SMARTERBASE_MOTO_NOT_RUN";

/// A running moto with the bucket [`BUCKET`](s3::BUCKET), gone when dropped.
#[derive(Debug)]
pub struct Moto {
    address: SocketAddr,
    _process: Process,
    _folder: TempDir,
}

impl Moto {
    /// Starts moto on a free port; blocks for about a second. `None` only where [`NOT_RUN`] says why; the reason is then
    /// printed.
    ///
    /// # Errors
    /// When there is no moto (the message says how to install it), or it does not start.
    pub fn start() -> io::Result<Option<Self>> {
        if let Some(reason) = std::env::var_os(NOT_RUN) {
            eprintln!("NOT RUN: this test needs moto: {}", reason.display());
            return Ok(None);
        }
        Self::start_with(&find_python()?).map(Some)
    }

    fn start_with(python: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("moto.log");
        let output = fs::File::create(&log)?;
        let errors = output.try_clone()?;
        let mut process = Process::start(python, |command| {
            command
                .args(["-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"])
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .stdout(output)
                .stderr(errors);
        })?;
        let mut address = None;
        process::wait_until_ready("moto", || {
            let written = fs::read_to_string(&log)?;
            if let Some(status) = process.exited()? {
                return Err(io::Error::other(format!(
                    "moto ended with {status}:\n{written}"
                )));
            }
            address = address_in(&written);
            Ok(address.is_some())
        })?;
        let address = address.expect("ready only with an address");
        create_bucket(address, s3::BUCKET)?;
        Ok(Self {
            address,
            _process: process,
            _folder: folder,
        })
    }

    /// The endpoint, as in `http://127.0.0.1:40123`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of this server, to be built, after settings of its own. Every credential is accepted.
    #[must_use]
    pub fn client(&self) -> AmazonS3Builder {
        s3::client(&self.endpoint())
    }

    /// Creates a bucket besides the one that is there. A name has 3 to 63 characters of `a-z 0-9 - .`.
    ///
    /// # Errors
    /// When moto does not take it.
    pub fn create_bucket(&self, name: &str) -> io::Result<()> {
        create_bucket(self.address, name)
    }
}

/// `$SMARTERBASE_MOTO_PYTHON`, else the virtual environment that `cargo xtask test` made.
fn find_python() -> io::Result<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let made = workspace.join("target/moto-venv/bin/python");
    let named = std::env::var_os(PYTHON).map(PathBuf::from);
    let python = named.unwrap_or(made);
    if python.is_file() {
        return Ok(python);
    }
    let message = format!(
        "moto not found: {} does not exist. Run `cargo xtask test`, which installs it, or `python3 -m venv \
         target/moto-venv && target/moto-venv/bin/pip install 'moto[s3]' flask flask-cors`, or set {PYTHON}; \
         {NOT_RUN}=<reason> leaves out what needs it",
        python.display()
    );
    Err(io::Error::new(io::ErrorKind::NotFound, message))
}

/// The address in ` * Running on http://127.0.0.1:40123`, which moto writes once it listens.
fn address_in(log: &str) -> Option<SocketAddr> {
    let (_, after) = log.split_once("Running on http://")?;
    let (address, _) = after.split_once(char::is_whitespace)?;
    address.parse().ok()
}

/// Moto wants a `Content-Length` even when it is 0.
fn create_bucket(address: SocketAddr, name: &str) -> io::Result<()> {
    let mut connection = TcpStream::connect(address)?;
    write!(
        connection,
        "PUT /{name} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut reply = String::new();
    connection.read_to_string(&mut reply)?;
    let is_created = reply.starts_with("HTTP/1.1 200");
    if is_created {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "moto refused the bucket: {reply}"
        )))
    }
}
