//! The real parts that tests run on, each started by the test itself on a free loopback port and stopped on drop.
//!
//! | Part | What it is | Use it for |
//! |---|---|---|
//! | [`s3::S3Server`] | our own linearizable S3 over TCP | races, processes, anything with a URL |
//! | [`in_process::InProcessS3`] | the same S3 without a socket, behind `object_store`'s real client | faults per request, virtual time |
//! | [`redis::RedisServer`], [`redis::RedisCluster`] | a real `redis-server` | everything Redis: kill, freeze, flush |
//!
//! Virtual time (`start_paused`) and a real socket must never meet in one test: the paused clock jumps to the next
//! timer while the kernel is still delivering bytes, which shows up as a timeout that never happened. Use
//! [`in_process::InProcessS3`] under virtual time and everything else under real time.

pub mod in_process;
mod process;
pub mod redis;
pub mod s3;
