//! The testkit's S3 as a process, for programs that need one beside them.
//!
//! Prints its endpoint on the first line of its standard output, then one `NAME=value` line for each environment
//! variable that a client needs, and lives until its standard input is closed, so that it ends with whoever started it.

use std::io;

use smarterbase_testkit::server::s3::S3Server;
use tokio::io::AsyncReadExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let server = S3Server::start().await?;
    announce(&server);
    wait_for_end_of_input().await
}

#[allow(
    clippy::print_stdout,
    reason = "standard output is the interface of this program"
)]
fn announce(server: &S3Server) {
    println!("{}", server.endpoint());
    for (name, value) in server.credentials() {
        println!("{name}={value}");
    }
}

async fn wait_for_end_of_input() -> io::Result<()> {
    let mut ignored = [0; 1024];
    while tokio::io::stdin().read(&mut ignored).await? > 0 {}
    Ok(())
}
