//! The S3 server of `--s3`, and the connections to it that break.

use std::process::ExitCode;

#[cfg(not(feature = "s3"))]
#[allow(clippy::unused_async, reason = "it has the signature of the other one")]
pub(crate) async fn run_on_s3(_seed: u64) -> anyhow::Result<ExitCode> {
    anyhow::bail!("--s3 needs `cargo run --features s3 --example bank -- --s3`")
}

#[cfg(feature = "s3")]
pub(crate) use with_s3::run_on_s3;

#[cfg(feature = "s3")]
mod with_s3 {
    use std::{convert::Infallible, time::Duration};

    use bytes::Bytes;
    use smarterbase_testkit::server::{
        proxy::{Mode, Proxy},
        s3::S3Server,
    };
    use tokio::{process::Command, time::sleep};

    use super::ExitCode;
    use crate::{chance::Chance, summary};

    const UNAVAILABLE: &[u8] =
        b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const FAILED: &[u8] =
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

    /// Starts an S3 server with a proxy before it, and this program again on them: the workers go through the proxy, the
    /// checker does not. Credentials travel in the environment, which a process gets from whoever starts it.
    pub(crate) async fn run_on_s3(seed: u64) -> anyhow::Result<ExitCode> {
        let server = S3Server::start().await?;
        let proxy = Proxy::start(server.address()).await?;
        let arguments = std::env::args_os()
            .skip(1)
            .filter(|argument| argument != "--s3");
        let mut again = Command::new(std::env::current_exe()?);
        again
            .args(arguments)
            .args(["--url", &server.url("bank")])
            .args(["--worker-url", &through(&server, &proxy)])
            .envs(server.credentials())
            .kill_on_drop(true);
        let mut harmed = 0;
        let status = tokio::select! {
            status = again.status() => status?,
            never = harm(&proxy, seed, &mut harmed) => match never {},
        };
        summary::harmed(proxy.requests(), harmed);
        Ok(if status.success() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// The URL of the server with the proxy's port.
    fn through(server: &S3Server, proxy: &Proxy) -> String {
        let port = |port: u16| format!("%3A{port}&");
        let (straight, harmed) = (server.address().port(), proxy.address().port());
        server.url("bank").replace(&port(straight), &port(harmed))
    }

    /// Every now and then one request, whosever it is, meets what networks do.
    async fn harm(proxy: &Proxy, seed: u64, harmed: &mut u64) -> Infallible {
        let mut chance = Chance::new(seed, &[u64::MAX - 1]);
        loop {
            sleep(Duration::from_millis(20 + chance.below(200))).await;
            proxy.once(mode(&mut chance));
            *harmed += 1;
        }
    }

    fn mode(chance: &mut Chance) -> Mode {
        match chance.below(7) {
            0 => Mode::Reset,
            1 => Mode::LoseReply,
            2 => Mode::CloseBeforeReply,
            3 => Mode::Reject(Bytes::from_static(UNAVAILABLE)),
            4 => Mode::Replace(Bytes::from_static(FAILED)),
            5 => Mode::Truncate(20),
            _ => Mode::Latency(Duration::from_millis(chance.below(300))),
        }
    }
}
