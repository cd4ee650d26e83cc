//! The guide: how to use SmarterBase, one chapter per question. Every example on these pages is compiled and run.
//!
//! | Chapter | Answers |
//! |---|---|
//! | [`getting_started`] | how a struct becomes a document; create, read, change, delete |
//! | [`keys_and_ids`] | what can identify a document, and where it lies |
//! | [`indexes`] | finding documents by their fields, and adding an index to existing data |
//! | [`unique_values`] | values that at most one document may have |
//! | [`queries`] | conditions, order, pages, streams, counts, scans, what results promise and cost |
//! | [`references`] | documents that refer to each other, and what goes along when one is deleted |
//! | [`transactions`] | several documents that change together, and one view of many |
//! | [`coordination`] | locks: one process at a time, and what a lock cannot do |
//! | [`counters`] | counting together, numbers that come once, and transactions that happen once |
//! | [`batches`] | many documents at once, imports, and tools without the Rust type |
//! | [`evolving_your_schema`] | a struct that changes: seals, versions, migrations |
//! | [`errors`] | what can go wrong, and what to do about each kind |
//! | [`stores`] | folders, object storage, Redis, limits, and closing |

#[doc = include_str!("guide/getting_started.md")]
pub mod getting_started {}

#[doc = include_str!("guide/keys_and_ids.md")]
pub mod keys_and_ids {}

#[doc = include_str!("guide/indexes.md")]
pub mod indexes {}

#[doc = include_str!("guide/unique_values.md")]
pub mod unique_values {}

#[doc = include_str!("guide/queries.md")]
pub mod queries {}

#[doc = include_str!("guide/references.md")]
pub mod references {}

#[doc = include_str!("guide/transactions.md")]
pub mod transactions {}

#[doc = include_str!("guide/coordination.md")]
pub mod coordination {}
#[doc = include_str!("guide/counters.md")]
pub mod counters {}
#[doc = include_str!("guide/batches.md")]
pub mod batches {}

#[doc = include_str!("guide/evolving_your_schema.md")]
pub mod evolving_your_schema {}

#[doc = include_str!("guide/errors.md")]
pub mod errors {}

#[doc = include_str!("guide/stores.md")]
pub mod stores {}
