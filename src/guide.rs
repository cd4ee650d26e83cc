//! The guide: how to use SmarterBase, one chapter per question. Every example on these pages is compiled and run.
//!
//! | Chapter | Answers |
//! |---|---|
//! | [`getting_started`] | how a struct becomes a document; create, read, change, delete |
//! | [`keys_and_ids`] | what can identify a document, and where it lies |
//! | [`indexes`] | finding documents by their fields, and adding an index to existing data |
//! | [`unique_values`] | values that at most one document may have |
//! | [`queries`] | pages, streams, counts, order, scans, and what their results promise |
//! | [`transactions`] | several documents that change together, and one view of many |
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

#[doc = include_str!("guide/transactions.md")]
pub mod transactions {}

#[doc = include_str!("guide/batches.md")]
pub mod batches {}

#[doc = include_str!("guide/evolving_your_schema.md")]
pub mod evolving_your_schema {}

#[doc = include_str!("guide/errors.md")]
pub mod errors {}

#[doc = include_str!("guide/stores.md")]
pub mod stores {}
