//! Each mode of the proxy, seen from a plain TCP client of an upstream that answers what it is sent.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use http::StatusCode;
use smarterbase_testkit::server::{
    proxy::{Mode, Proxy},
    redis::RedisServer,
};

#[tokio::test]
async fn a_passing_proxy_passes() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).await.unwrap();
    assert_eq!(exchange(&mut connect(&proxy)).unwrap(), "ping");
    assert_eq!(proxy.requests(), 1);
}

#[tokio::test]
async fn latency_is_paid_in_both_directions() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).await.unwrap();
    proxy.set(Mode::Latency(Duration::from_millis(20)));
    let start = Instant::now();
    assert_eq!(exchange(&mut connect(&proxy)).unwrap(), "ping");
    assert!(start.elapsed() >= Duration::from_millis(40));
}

#[tokio::test]
async fn a_reset_request_never_reaches_the_upstream() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).await.unwrap();
    proxy.once(Mode::Reset);
    assert_eq!(
        exchange(&mut connect(&proxy)).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    assert_eq!(echo.answered(), 0);
    assert_eq!(exchange(&mut connect(&proxy)).unwrap(), "ping");
}

#[tokio::test]
async fn a_blackhole_answers_nothing() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).await.unwrap();
    proxy.set(Mode::Blackhole);
    let mut connection = connect(&proxy);
    connection
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    assert_eq!(
        exchange(&mut connection).unwrap_err().kind(),
        io::ErrorKind::WouldBlock
    );
    assert_eq!(echo.answered(), 0);
}

#[tokio::test]
async fn a_lost_reply_was_carried_out() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).await.unwrap();
    proxy.once(Mode::LoseReply);
    assert_eq!(
        exchange(&mut connect(&proxy)).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
    assert_eq!(echo.answered(), 1);
    proxy.once(Mode::CloseBeforeReply);
    assert_eq!(exchange(&mut connect(&proxy)).unwrap(), "");
    assert_eq!(echo.answered(), 2);
}

#[tokio::test]
async fn a_replaced_reply_was_carried_out_and_a_rejected_request_was_not() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).await.unwrap();
    let busy = Mode::http_status(StatusCode::SERVICE_UNAVAILABLE);
    proxy.once(Mode::Replace(busy.clone()));
    assert!(
        exchange(&mut connect(&proxy))
            .unwrap()
            .starts_with("HTTP/1.1 503 Service Unavailable\r\n")
    );
    assert_eq!(echo.answered(), 1);
    proxy.once(Mode::Reject(busy));
    assert!(
        exchange(&mut connect(&proxy))
            .unwrap()
            .starts_with("HTTP/1.1 503 Service Unavailable\r\n")
    );
    assert_eq!(echo.answered(), 1);
}

#[tokio::test]
async fn a_truncated_reply_ends_in_a_reset() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).await.unwrap();
    proxy.once(Mode::Truncate(3));
    let mut connection = connect(&proxy);
    connection.write_all(b"ping").unwrap();
    let mut start = [0; 3];
    connection.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"pin");
    assert_eq!(
        connection.read(&mut start).unwrap_err().kind(),
        io::ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_rate_spreads_the_reply_over_time() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).await.unwrap();
    proxy.set(Mode::Rate(40));
    let start = Instant::now();
    let mut connection = connect(&proxy);
    connection.write_all(b"ping").unwrap();
    connection.read_exact(&mut [0; 4]).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(50));
}

#[tokio::test]
async fn a_cut_ends_standing_connections_only() {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address).await.unwrap();
    let mut standing = connect(&proxy);
    assert_eq!(exchange(&mut standing).unwrap(), "ping");
    proxy.cut();
    let error = standing.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(exchange(&mut connect(&proxy)).unwrap(), "ping");
}

#[tokio::test]
async fn a_lost_reply_of_redis_was_carried_out() {
    let server = RedisServer::start(&[]).unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let client = redis::Client::open(format!("redis://{}", proxy.address())).unwrap();
    let mut connection = client.get_connection().unwrap();
    proxy.once(Mode::LoseReply);
    let lost = redis::cmd("INCR").arg("counter").exec(&mut connection);
    assert!(lost.unwrap_err().is_connection_dropped());
    let count: usize = redis::cmd("GET")
        .arg("counter")
        .query(&mut server.connect().unwrap())
        .unwrap();
    assert_eq!(count, 1);
}

/// An upstream that sends back what it gets.
struct Echo {
    address: SocketAddr,
    answered: Arc<AtomicUsize>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let answered = Arc::new(AtomicUsize::new(0));
        let counter = answered.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (connection, counter) = (connection.unwrap(), counter.clone());
                std::thread::spawn(move || echo(connection, &counter));
            }
        });
        Self { address, answered }
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

fn echo(mut connection: TcpStream, answered: &AtomicUsize) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        let length = connection.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        answered.fetch_add(1, Ordering::SeqCst);
        connection.write_all(&buffer[..length])?;
    }
}

fn connect(proxy: &Proxy) -> TcpStream {
    TcpStream::connect(proxy.address()).unwrap()
}

/// Sends `ping` and reads once; an empty answer is a connection that was closed in order.
fn exchange(connection: &mut TcpStream) -> io::Result<String> {
    connection.write_all(b"ping")?;
    let mut buffer = [0; 1024];
    let length = connection.read(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}
