//! `rediss://` against a server with a certificate of its own authority.

use std::{net::TcpListener, path::Path, process::Command};

use smarterbase_redis::RedisLink;
use smarterbase_testkit::server::redis::RedisServer;

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

#[tokio::test]
async fn server_is_verified_against_the_given_authority() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path());
    let file = |name: &str| folder.path().join(name).display().to_string();
    let port = free_port();
    let _server = RedisServer::start(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("server.pem"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("ca.pem"),
        "--tls-auth-clients",
        "no",
    ])
    .unwrap();
    let options = crate::patient(&format!("rediss://127.0.0.1:{port}"));

    let trusted = options
        .clone()
        .with_root_certificate(std::fs::read(file("ca.pem")).unwrap());
    RedisLink::open(trusted)
        .await
        .unwrap()
        .ping()
        .await
        .unwrap();

    // The operating system does not know the authority.
    let untrusted = RedisLink::open(options).await.unwrap();
    assert!(!untrusted.is_connected());
}
