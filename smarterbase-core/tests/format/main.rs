//! The stored format: what it promises, byte for byte, and what it does with bytes that break it.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod body;
mod catalog;
mod claim;
mod counter;
mod cursor;
mod definition;
mod docs;
mod entry;
mod envelope;
mod fixtures;
mod index_key;
mod lock;
mod lower;
mod path;
mod result;
mod sample;
mod snapshot;
mod transaction;
mod upgrade;
mod values;
