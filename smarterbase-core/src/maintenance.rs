//! Jobs over whole collections: safe to run again after a crash, and while others write.

pub mod cascade;
pub mod definitions;
pub mod expire;
pub(crate) mod forget;
pub mod health;
pub mod medic;
pub mod migrate;
pub mod monitor;
pub mod quarantine;
pub mod rebuild;
pub(crate) mod reconcile;
pub mod snapshot;
pub mod sweep;
pub mod verify;
