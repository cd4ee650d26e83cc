//! Conformance suites: one test per promise of a port, run by every backend.

pub mod index;
pub mod lock_queue;
pub mod store;
