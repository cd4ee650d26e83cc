//! `rediss://` against a server with a certificate of its own authority.

use std::{net::TcpListener, path::Path, process::Command};

use smarterbase_redis::{RedisLink, RedisOptions};
use smarterbase_testkit::server::redis::{RedisSentinel, RedisServer};

/// Runs `openssl`, which every test machine has beside `redis-server`.
fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.split(' '))
        .output()
        .expect("openssl is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// An authority `ca.pem`, and a certificate `server.pem` for 127.0.0.1 that it signed.
fn certificates(folder: &Path) {
    std::fs::write(
        folder.join("server.cnf"),
        "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n",
    )
    .unwrap();
    for arguments in [
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
        "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj /CN=redis",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile server.cnf",
    ] {
        openssl(folder, arguments);
    }
}

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// What a server is started with, and where it listens for TLS.
struct Secured {
    folder: tempfile::TempDir,
    port: u16,
}

impl Secured {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        certificates(folder.path());
        let port = free_port();
        Self { folder, port }
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            ("tls-port", self.port.to_string()),
            ("tls-cert-file", file("server.pem")),
            ("tls-key-file", file("server.key")),
            ("tls-ca-cert-file", file("ca.pem")),
            ("tls-auth-clients", "no".to_owned()),
        ]
    }

    fn start(&self, more: &[&str]) -> RedisServer {
        let mut arguments: Vec<String> = Vec::new();
        for (name, value) in self.settings() {
            arguments.extend([format!("--{name}"), value]);
        }
        arguments.extend(more.iter().map(ToString::to_string));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        RedisServer::start(&arguments).unwrap()
    }

    /// Options that trust the authority.
    fn trusted(&self, url: &str) -> RedisOptions {
        let authority = std::fs::read(self.folder.path().join("ca.pem")).unwrap();
        crate::patient(url).with_root_certificate(authority)
    }
}

#[tokio::test]
async fn server_is_verified_against_the_given_authority() {
    let secured = Secured::new();
    let _server = secured.start(&[]);
    let url = format!("rediss://127.0.0.1:{}", secured.port);
    let link = RedisLink::open(secured.trusted(&url)).await.unwrap();
    link.ping().await.unwrap();

    // The operating system does not know the authority.
    let untrusted = RedisLink::open(crate::patient(&url)).await.unwrap();
    assert!(!untrusted.is_connected());
}

#[tokio::test]
async fn nodes_of_a_cluster_are_verified_against_the_given_authority() {
    let secured = Secured::new();
    let server = secured.start(&["--cluster-enabled", "yes", "--tls-cluster", "yes"]);
    redis::cmd("CLUSTER")
        .arg("ADDSLOTSRANGE")
        .arg(0)
        .arg(16_383)
        .exec(&mut server.connect().unwrap())
        .unwrap();
    let url = format!("rediss+cluster://127.0.0.1:{}", secured.port);
    let link = RedisLink::open(secured.trusted(&url)).await.unwrap();
    link.ping().await.unwrap();
    // It was never told its own name: it is the host that was asked, and the port that is for TLS.
    let address = format!("127.0.0.1:{}", secured.port);
    assert_eq!(link.servers()[0].address, address);

    let untrusted = RedisLink::open(crate::patient(&url)).await.unwrap();
    assert!(!untrusted.is_connected());
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_their_primary_are_verified_against_the_given_authority() {
    let (secured, watching) = (Secured::new(), free_port());
    let _server = secured.start(&[]);
    let mut settings = "tls-replication yes\n".to_owned();
    for (name, value) in secured.settings() {
        let value = match name {
            "tls-port" => watching.to_string(),
            _ => value,
        };
        settings += &format!("{name} {value}\n");
    }
    let _sentinel = RedisSentinel::start_with(secured.port, &settings).unwrap();
    let url = format!("rediss+sentinel://127.0.0.1:{watching}?service=primary");
    let link = RedisLink::open(secured.trusted(&url)).await.unwrap();
    link.ping().await.unwrap();

    let untrusted = RedisLink::open(crate::patient(&url)).await.unwrap();
    assert!(!untrusted.is_connected());
}
