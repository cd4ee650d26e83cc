//! Serves the in-memory S3 over TCP. What it stores and how it answers is in the modules below.

mod body;
mod bucket;
mod condition;
mod copy;
mod listing;
mod memory;
mod multipart;
mod object;
mod quirk;
mod service;

use std::{io, net::SocketAddr};

use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use object_store::aws::AmazonS3Builder;
use s3s::{
    auth::SimpleAuth,
    service::{S3Service, S3ServiceBuilder},
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

pub use self::{memory::MemoryS3, quirk::Quirk};
use super::runtime::ServerRuntime;

/// The access key id that our servers accept.
pub const ACCESS_KEY: &str = "test-access-key";
/// The secret key that belongs to [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "test-secret-key";
/// The bucket that exists from the start.
pub const BUCKET: &str = "test-bucket";
/// The region that our servers accept.
pub const REGION: &str = "us-east-1";

/// An S3 server on a free loopback port, gone when dropped.
///
/// It is linearizable: every condition is checked and committed under one lock, and a reader sees a write as soon as
/// it is answered. Requests must be signed (SigV4) with [`ACCESS_KEY`] and [`SECRET_KEY`].
///
/// The server runs on threads of its own, so that it also answers while the test's runtime is blocked.
///
/// ```
/// # use smarterbase_testkit::server::s3::S3Server;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use object_store::ObjectStoreExt;
///
/// let server = S3Server::start().await?;
/// let store = server.client().build()?;
/// store.put(&"a/b.json".into(), "{}".into()).await?;
/// assert_eq!(server.memory().object(server.bucket(), "a/b.json").unwrap(), "{}");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct S3Server {
    address: SocketAddr,
    memory: MemoryS3,
    /// Held for its threads; the server ends with them.
    _runtime: ServerRuntime,
}

impl S3Server {
    /// Starts a server that behaves as AWS documents.
    ///
    /// # Errors
    /// When no loopback port can be bound or no thread started.
    pub async fn start() -> io::Result<Self> {
        Self::serve(MemoryS3::new()).await
    }

    /// Starts a server that differs from AWS in one way.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with_quirk(quirk: Quirk) -> io::Result<Self> {
        Self::serve(MemoryS3::with_quirk(quirk)).await
    }

    /// Serves what `memory` holds; two servers over one memory are two endpoints of one store.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn serve(memory: MemoryS3) -> io::Result<Self> {
        let runtime = ServerRuntime::start("testkit-s3")?;
        let service = service(memory.clone());
        let bound = runtime.spawn(TcpListener::bind(("127.0.0.1", 0)));
        let listener = bound.await.map_err(io::Error::other)??;
        let address = listener.local_addr()?;
        runtime.spawn(accept(listener, service));
        Ok(Self {
            address,
            memory,
            _runtime: runtime,
        })
    }

    /// The endpoint, as in `http://127.0.0.1:40123`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address it listens on, for a [`Proxy`](crate::server::proxy::Proxy) in front.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The bucket that exists from the start.
    #[must_use]
    pub fn bucket(&self) -> &'static str {
        BUCKET
    }

    /// The access key id to sign with.
    #[must_use]
    pub fn access_key(&self) -> &'static str {
        ACCESS_KEY
    }

    /// The secret key to sign with.
    #[must_use]
    pub fn secret_key(&self) -> &'static str {
        SECRET_KEY
    }

    /// The URL for `smarterbase::open`, as in `s3://test-bucket/app?endpoint=http%3A%2F%2F127.0.0.1%3A40123&…`.
    ///
    /// It holds no credentials: pass [`credentials`](Self::credentials) in the environment or through a builder.
    #[must_use]
    pub fn url(&self, prefix: &str) -> String {
        let port = self.address.port();
        format!(
            "s3://{BUCKET}/{prefix}?endpoint=http%3A%2F%2F127.0.0.1%3A{port}&region={REGION}&path_style=true"
        )
    }

    /// The environment variables that a client process needs beside [`url`](Self::url).
    #[must_use]
    pub fn credentials(&self) -> [(&'static str, &'static str); 2] {
        [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ]
    }

    /// A client of this server, to be built, after settings of its own.
    #[must_use]
    pub fn client(&self) -> AmazonS3Builder {
        client(&self.endpoint())
    }

    /// What the server holds, to look at without a request.
    #[must_use]
    pub fn memory(&self) -> &MemoryS3 {
        &self.memory
    }
}

/// A client with our credentials for the server at `endpoint`.
pub(crate) fn client(endpoint: &str) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_region(REGION)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY)
}

/// `memory` behind S3's HTTP protocol, with SigV4 checked.
pub(crate) fn service(memory: MemoryS3) -> S3Service {
    let mut builder = S3ServiceBuilder::new(memory);
    builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
    builder.build()
}

/// Takes connections until the runtime ends, and forgets those that are over.
async fn accept(listener: TcpListener, service: S3Service) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => { connections.spawn(converse(socket, service.clone())); }
                // Out of file descriptors, say: give the others a moment to close theirs.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Answers the requests of one connection. A client that goes away is no error of ours.
async fn converse(socket: TcpStream, service: S3Service) {
    let _ = socket.set_nodelay(true);
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(socket), service)
        .await;
}
