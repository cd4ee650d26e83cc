//! The servers as a process live as long as its standard input, and leave nothing behind when it is killed.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use object_store::{ObjectStoreExt, aws::AmazonS3Builder, path::Path};
use smarterbase_testkit::server::s3::BUCKET;

#[tokio::test]
async fn the_server_process_serves_until_its_input_ends() {
    let (mut process, said) = start(&[], 3);
    let store = AmazonS3Builder::new()
        .with_endpoint(&said[0])
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_access_key_id(value(&said[1], "AWS_ACCESS_KEY_ID"))
        .with_secret_access_key(value(&said[2], "AWS_SECRET_ACCESS_KEY"))
        .build()
        .unwrap();
    store.put(&Path::from("a"), "{}".into()).await.unwrap();

    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
}

/// Only Linux tells a process that its parent was killed.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_process_leaves_no_redis_behind() {
    let (mut process, said) = start(&["--redis"], 4);
    let redis = value(&said[3], "REDIS_URL").trim_start_matches("redis://");
    TcpStream::connect(redis).unwrap();
    process.kill().unwrap();
    process.wait().unwrap();

    let deadline = Instant::now() + Duration::from_secs(10);
    while TcpStream::connect(redis).is_ok() {
        assert!(
            Instant::now() < deadline,
            "redis-server outlived the process that started it"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_unknown_argument_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_s3-server"))
        .arg("--reddis")
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("--reddis"));
}

/// Starts the process and reads the first `lines` that it says.
fn start(arguments: &[&str], lines: usize) -> (Child, Vec<String>) {
    let mut process = Command::new(env!("CARGO_BIN_EXE_s3-server"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(process.stdout.take().unwrap()).lines();
    let said = output.take(lines).collect::<Result<_, _>>().unwrap();
    (process, said)
}

fn value<'a>(line: &'a str, name: &str) -> &'a str {
    let (found, value) = line.split_once('=').unwrap();
    assert_eq!(found, name);
    value
}
