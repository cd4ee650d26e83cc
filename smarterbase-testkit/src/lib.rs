//! Conformance suites, real servers and fault injection for SmarterBase and its backends.

pub mod server;
