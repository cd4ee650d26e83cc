//! The S3 server as a process lives as long as its standard input.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use object_store::{ObjectStoreExt, aws::AmazonS3Builder, path::Path};
use smarterbase_testkit::server::s3::BUCKET;

#[tokio::test]
async fn the_server_process_serves_until_its_input_ends() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_s3-server"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let said: Vec<String> = lines.take(3).collect::<Result<_, _>>().unwrap();
    let credential = |line: &str| line.split_once('=').unwrap().1.to_owned();
    let store = AmazonS3Builder::new()
        .with_endpoint(&said[0])
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_access_key_id(credential(&said[1]))
        .with_secret_access_key(credential(&said[2]))
        .build()
        .unwrap();
    store.put(&Path::from("a"), "{}".into()).await.unwrap();

    drop(process.stdin.take());
    assert!(process.wait().unwrap().success());
}
