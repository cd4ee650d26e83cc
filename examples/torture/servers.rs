//! The S3 server and the Redis of `--s3-redis`.

use std::process::ExitCode;

use crate::options::RunOptions;

/// A Redis of the run's own, where it was asked for.
#[cfg(all(feature = "s3", feature = "redis"))]
pub(crate) type OwnRedis = Option<smarterbase_testkit::server::redis::RedisServer>;
#[cfg(not(all(feature = "s3", feature = "redis")))]
pub(crate) type OwnRedis = Option<std::convert::Infallible>;

/// Starts an S3 server, and this program again on it: credentials travel in the environment, which a process gets from
/// whoever starts it.
#[cfg(all(feature = "s3", feature = "redis"))]
pub(crate) async fn run_on_servers() -> anyhow::Result<ExitCode> {
    let server = smarterbase_testkit::server::s3::S3Server::start().await?;
    let arguments = std::env::args_os()
        .skip(1)
        .filter(|argument| argument != "--s3-redis");
    let mut again = tokio::process::Command::new(std::env::current_exe()?);
    again
        .args(arguments)
        .args(["--own-redis", "--url", &server.url("torture")]);
    let status = again
        .envs(server.credentials())
        .kill_on_drop(true)
        .status()
        .await?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[cfg(not(all(feature = "s3", feature = "redis")))]
#[allow(clippy::unused_async, reason = "it has the signature of the other one")]
pub(crate) async fn run_on_servers() -> anyhow::Result<ExitCode> {
    anyhow::bail!(
        "--s3-redis needs `cargo run --features s3,redis --example torture -- --s3-redis`"
    )
}

/// Starts a Redis beside the URL, and adds it there. A second is the shortest time that a write may be in flight, so that a
/// rebuild need not wait a minute.
#[cfg(all(feature = "s3", feature = "redis"))]
pub(crate) fn redis_of(options: &mut RunOptions) -> anyhow::Result<OwnRedis> {
    if !options.own_redis {
        return Ok(None);
    }
    let redis = smarterbase_testkit::server::redis::RedisServer::start(&[])?;
    let encoded = redis.url().replace(':', "%3A").replace('/', "%2F");
    options
        .url
        .push_str(&format!("&redis={encoded}&in_flight_seconds=1"));
    Ok(Some(redis))
}

#[cfg(not(all(feature = "s3", feature = "redis")))]
pub(crate) fn redis_of(options: &mut RunOptions) -> anyhow::Result<OwnRedis> {
    anyhow::ensure!(
        !options.own_redis,
        "this program was built without the features `s3` and `redis`"
    );
    Ok(None)
}
