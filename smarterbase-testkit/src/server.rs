//! The real parts that tests run on, each started by the test itself on a free loopback port and stopped on drop.
//!
//! | Part | What it is | Use it for |
//! |---|---|---|
//! | [`s3::S3Server`] | our own linearizable S3 over TCP | races, processes, anything with a URL |
//! | [`in_process::InProcessS3`] | the same S3 without a socket, behind `object_store`'s real client | faults per request, virtual time |
//! | [`moto::Moto`] | an S3 that somebody else wrote | a second opinion on ours |
//! | [`redis::RedisServer`], [`redis::RedisCluster`], [`redis::RedisSentinel`] | a real `redis-server`, once or several times | everything Redis: kill, freeze, flush, move a slot, fail over |
//! | [`redis::Valkey`] | the same with a `valkey-server` | what must not depend on which of the two it is |
//! | [`proxy::Proxy`] | a TCP proxy with faults | latency, resets and lost replies on real sockets |
//!
//! The binary `s3-server` is the first of them as a process, for programs that are no test.
//!
//! Virtual time (`start_paused`) and a real socket must never meet in one test: the paused clock jumps to the next
//! timer while the kernel is still delivering bytes, which shows up as a timeout that never happened. Use
//! [`in_process::InProcessS3`] under virtual time and everything else under real time.

pub mod in_process;
pub mod moto;
mod process;
pub mod proxy;
pub mod redis;
mod runtime;
pub mod s3;
