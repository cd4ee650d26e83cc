//! The servers of the testkit are what they claim to be: everything else is tested on top of them.

#![allow(clippy::unwrap_used, reason = "a broken expectation fails the test")]
#![allow(clippy::disallowed_methods, reason = "real servers run in real time")]

mod fault_table;
mod in_process;
mod moto;
mod process;
mod proxy;
mod public_suite;
mod quirks;
mod races;
mod redis;
