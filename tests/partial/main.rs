//! Computed values, and indexes and unique values that some documents only have.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a failing test shows its report")]

mod claims;
mod conditions;
mod cost;
mod entries;
mod evolving;
mod faults;
mod member;
