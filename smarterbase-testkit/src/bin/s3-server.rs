//! The testkit's S3 as a process, with a Redis beside it on `--redis`, for programs and people who need one.
//!
//! Prints its endpoint on the first line of its standard output, then one `NAME=value` line for each environment variable
//! that a client needs (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, and `REDIS_URL` on `--redis`), and lives until its
//! standard input is closed, so that it ends with whoever started it.

use std::io;

use smarterbase_testkit::server::{redis::RedisServer, s3::S3Server};
use tokio::io::AsyncReadExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let wants_redis = parse(std::env::args().skip(1))?;
    let server = S3Server::start().await?;
    let redis = if wants_redis {
        Some(RedisServer::start(&[])?)
    } else {
        None
    };
    announce(&server, redis.as_ref());
    wait_for_end_of_input().await
}

/// Whether the arguments ask for a Redis.
fn parse(arguments: impl Iterator<Item = String>) -> io::Result<bool> {
    let mut wants_redis = false;
    for argument in arguments {
        match argument.as_str() {
            "--redis" => wants_redis = true,
            other => {
                return Err(io::Error::other(format!(
                    "unknown argument `{other}`; there is only --redis"
                )));
            }
        }
    }
    Ok(wants_redis)
}

#[allow(
    clippy::print_stdout,
    reason = "standard output is the interface of this program"
)]
fn announce(server: &S3Server, redis: Option<&RedisServer>) {
    println!("{}", server.endpoint());
    for (name, value) in server.credentials() {
        println!("{name}={value}");
    }
    if let Some(redis) = redis {
        println!("REDIS_URL={}", redis.url());
    }
}

async fn wait_for_end_of_input() -> io::Result<()> {
    let mut ignored = [0; 1024];
    while tokio::io::stdin().read(&mut ignored).await? > 0 {}
    Ok(())
}
