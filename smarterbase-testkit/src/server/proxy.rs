//! A TCP proxy that harms what passes through it: one for each upstream, its mode switched while it runs.
//!
//! It knows no protocol. What a client sends until the upstream answers is one request to it, which fits request and
//! reply protocols without pipelining, such as HTTP/1.1 as `reqwest` speaks it, and Redis one command at a time.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

use super::runtime::ServerRuntime;

/// How many bytes are passed on at a time.
const CHUNK: usize = 64 << 10;

/// What happens to a request and its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// Nothing.
    Pass,
    /// Each chunk is late by this much, in each direction.
    Latency(Duration),
    /// The connection is reset; the upstream never sees the request.
    Reset,
    /// Nothing comes back, ever; the upstream never sees the request.
    Blackhole,
    /// The upstream carries the request out; the connection is reset before the reply.
    LoseReply,
    /// The upstream carries the request out; the connection is closed in order before the reply.
    CloseBeforeReply,
    /// The upstream carries the request out; the client gets these bytes instead of the reply.
    Replace(Bytes),
    /// The upstream never sees the request; the client gets these bytes.
    Reject(Bytes),
    /// Only this many bytes of the reply arrive, then the connection is reset.
    Truncate(usize),
    /// The reply arrives at this many bytes per second.
    Rate(usize),
}

impl Mode {
    /// A whole HTTP reply with this status and an empty body, for [`Replace`](Self::Replace) and
    /// [`Reject`](Self::Reject).
    #[must_use]
    pub fn http_status(status: http::StatusCode) -> Bytes {
        format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into()
    }
}

/// A proxy on a free loopback port, gone when dropped, together with its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    /// Each change cuts the connections that stand.
    cuts: watch::Sender<()>,
    /// Held for its threads; the proxy ends with them.
    _runtime: ServerRuntime,
}

/// What the connections do next, and what they did.
#[derive(Debug)]
struct Plan {
    /// The mode, and whether it holds for one request only.
    mode: Mutex<(Mode, bool)>,
    /// Where new connections lead to.
    upstream: Mutex<SocketAddr>,
    requests: AtomicUsize,
}

impl Proxy {
    /// Starts a proxy in front of `upstream`, which need not run yet.
    ///
    /// # Errors
    /// When no loopback port can be bound or no thread started.
    pub async fn start(upstream: SocketAddr) -> io::Result<Self> {
        let runtime = ServerRuntime::start("testkit-proxy")?;
        let bound = runtime.spawn(TcpListener::bind(("127.0.0.1", 0)));
        let listener = bound.await.map_err(io::Error::other)??;
        let address = listener.local_addr()?;
        let plan = Arc::new(Plan {
            mode: Mutex::new((Mode::Pass, false)),
            upstream: Mutex::new(upstream),
            requests: AtomicUsize::new(0),
        });
        let (cuts, cut) = watch::channel(());
        runtime.spawn(accept(listener, plan.clone(), cut));
        Ok(Self {
            address,
            plan,
            cuts,
            _runtime: runtime,
        })
    }

    /// The address to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request from now on meets `mode`.
    pub fn set(&self, mode: Mode) {
        self.plan.set(mode, false);
    }

    /// The next request meets `mode`, those after it pass.
    pub fn once(&self, mode: Mode) {
        self.plan.set(mode, true);
    }

    /// Resets every connection that stands; new ones are taken.
    pub fn cut(&self) {
        self.cuts.send_replace(());
    }

    /// Leads new connections to another server, and resets those that stand: a name that follows a failover.
    pub fn lead_to(&self, upstream: SocketAddr) {
        *self
            .plan
            .upstream
            .lock()
            .expect("nothing panics while it holds the address") = upstream;
        self.cut();
    }

    /// How many requests began.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.plan.requests.load(Ordering::SeqCst)
    }
}

impl Plan {
    fn upstream(&self) -> SocketAddr {
        *self
            .upstream
            .lock()
            .expect("nothing panics while it holds the address")
    }

    fn set(&self, mode: Mode, once: bool) {
        *self
            .mode
            .lock()
            .expect("nothing panics while it holds the mode") = (mode, once);
    }

    /// The mode of the request that begins now.
    fn next(&self) -> Mode {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let mut planned = self
            .mode
            .lock()
            .expect("nothing panics while it holds the mode");
        let mode = planned.0.clone();
        if planned.1 {
            *planned = (Mode::Pass, false);
        }
        mode
    }
}

/// Takes connections until the runtime ends, and forgets those that are over.
async fn accept(listener: TcpListener, plan: Arc<Plan>, cut: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => { connections.spawn(relay(client, plan.clone(), cut.clone())); }
                // Out of file descriptors, say: give the others a moment to close theirs.
                Err(_) => sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Passes bytes between `client` and `upstream` until one of them goes away or the plan ends it.
async fn relay(client: TcpStream, plan: Arc<Plan>, mut cut: watch::Receiver<()>) -> io::Result<()> {
    cut.mark_unchanged();
    let upstream = TcpStream::connect(plan.upstream()).await?;
    client.set_nodelay(true)?;
    upstream.set_nodelay(true)?;
    let mut relay = Relay {
        client,
        upstream,
        mode: Mode::Pass,
        is_asking: false,
        replied: 0,
    };
    let ended = tokio::select! {
        ended = relay.run(&plan) => ended?,
        // `Err` means that the proxy is gone, which is a cut as well.
        _ = cut.changed() => Next::Reset,
    };
    relay.end(ended).await
}

/// One connection.
struct Relay {
    client: TcpStream,
    upstream: TcpStream,
    /// The mode of the request under way.
    mode: Mode,
    /// Whether the request under way has no reply yet.
    is_asking: bool,
    /// How many bytes of the reply were passed on.
    replied: usize,
}

/// What follows a chunk.
#[derive(PartialEq)]
enum Next {
    /// The next chunk.
    Go,
    /// The client's connection is reset.
    Reset,
    /// The client's connection is closed in order.
    Close,
}

impl Relay {
    async fn run(&mut self, plan: &Plan) -> io::Result<Next> {
        let (mut question, mut answer) = (vec![0; CHUNK], vec![0; CHUNK]);
        loop {
            let next = tokio::select! {
                read = self.client.read(&mut question) => match read? {
                    0 => Next::Close,
                    length => self.ask(plan, &question[..length]).await?,
                },
                read = self.upstream.read(&mut answer) => match read? {
                    0 => Next::Close,
                    length => self.reply(&answer[..length]).await?,
                },
            };
            if next != Next::Go {
                return Ok(next);
            }
        }
    }

    /// Treats a chunk that the client sent.
    async fn ask(&mut self, plan: &Plan, chunk: &[u8]) -> io::Result<Next> {
        if !self.is_asking {
            (self.is_asking, self.replied) = (true, 0);
            self.mode = plan.next();
        }
        match &self.mode {
            Mode::Reset => return Ok(Next::Reset),
            Mode::Blackhole => return Ok(Next::Go),
            Mode::Reject(instead) => {
                self.client.write_all(instead).await?;
                return Ok(Next::Close);
            }
            Mode::Latency(time) => sleep(*time).await,
            _ => {}
        }
        self.upstream.write_all(chunk).await?;
        Ok(Next::Go)
    }

    /// Treats a chunk that the upstream sent.
    async fn reply(&mut self, chunk: &[u8]) -> io::Result<Next> {
        self.is_asking = false;
        match &self.mode {
            Mode::LoseReply => return Ok(Next::Reset),
            Mode::CloseBeforeReply => return Ok(Next::Close),
            Mode::Replace(instead) => {
                self.client.write_all(instead).await?;
                return Ok(Next::Close);
            }
            Mode::Truncate(limit) => return self.reply_up_to(*limit, chunk).await,
            Mode::Rate(bytes_per_second) => {
                return self.reply_slowly(*bytes_per_second, chunk).await;
            }
            Mode::Latency(time) => sleep(*time).await,
            _ => {}
        }
        self.client.write_all(chunk).await?;
        Ok(Next::Go)
    }

    async fn reply_up_to(&mut self, limit: usize, chunk: &[u8]) -> io::Result<Next> {
        let allowed = chunk.len().min(limit - self.replied);
        self.client.write_all(&chunk[..allowed]).await?;
        self.replied += allowed;
        Ok(if self.replied == limit {
            Next::Reset
        } else {
            Next::Go
        })
    }

    async fn reply_slowly(&mut self, bytes_per_second: usize, chunk: &[u8]) -> io::Result<Next> {
        for portion in chunk.chunks((bytes_per_second / 20).max(1)) {
            self.client.write_all(portion).await?;
            sleep(Duration::from_millis(50)).await;
        }
        Ok(Next::Go)
    }

    async fn end(mut self, how: Next) -> io::Result<()> {
        if how == Next::Reset {
            return self.client.set_zero_linger();
        }
        self.client.shutdown().await?;
        // Closing with unread bytes would be a reset, and the client could lose what was just written.
        let mut rest = vec![0; CHUNK];
        let read_rest = async {
            while self.client.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        tokio::time::timeout(Duration::from_secs(1), read_rest)
            .await
            .unwrap_or(Ok(()))
    }
}
