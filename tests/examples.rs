//! The example programs do what they say, as processes of their own.
//!
//! They are built by the same `cargo test` that builds this file. With `--test examples` alone cargo does not build them:
//! then run `cargo build --examples` before, with the same features.

#![allow(clippy::unwrap_used, reason = "a test says by its panic what is wrong")]

#[path = "examples/bank.rs"]
mod bank;
#[path = "examples/batch_import.rs"]
mod batch_import;
#[path = "examples/crate_catalog.rs"]
mod crate_catalog;
#[path = "examples/ecommerce_orders.rs"]
mod ecommerce_orders;
#[path = "examples/multi_tenant_config.rs"]
mod multi_tenant_config;
#[path = "examples/production_patterns.rs"]
mod production_patterns;
#[path = "examples/program.rs"]
mod program;
#[cfg(feature = "redis")]
#[path = "examples/redis_goes_away.rs"]
mod redis_goes_away;
#[path = "examples/schema_migrations.rs"]
mod schema_migrations;
#[cfg(all(feature = "s3", feature = "redis"))]
#[path = "examples/services.rs"]
mod services;
#[path = "examples/torture.rs"]
mod torture;
#[path = "examples/user_management.rs"]
mod user_management;
