//! Questions: what is selected, how it is found, and where a walk goes on.
//!
//! `page` in `walk.rs` is the table of contents: a **plan** is chosen by which indexes are ready and how many entries they
//! hold; it **supplies** candidates; every one is **checked** on the loaded document; what does not come in the order that was
//! asked for is **gathered** and sorted. Where no index helps the documents are scanned under a budget, with the same results
//! in the same order.

pub(crate) mod access;
pub(crate) mod candidates;
pub(crate) mod comparison;
pub(crate) mod condition;
pub(crate) mod cursor;
pub(crate) mod gather;
pub(crate) mod id_walk;
pub(crate) mod index_walk;
pub(crate) mod known;
pub(crate) mod ordered;
pub(crate) mod overlay;
pub(crate) mod packed;
pub mod page;
pub(crate) mod partial;
pub(crate) mod plan;
pub mod predicate;
pub(crate) mod range;
pub(crate) mod scan;
pub(crate) mod selection;
pub(crate) mod sieve;
pub(crate) mod supply;
pub(crate) mod unique;
pub(crate) mod walk;

pub use page::{Cursor, Page};
pub use predicate::{Order, Predicate, Residual};
