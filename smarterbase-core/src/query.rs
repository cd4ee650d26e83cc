//! Questions: what is selected, how it is found, and where a walk goes on.
//!
//! An index gives candidates; every result is checked on the loaded document. Where no index is ready the documents are
//! scanned under a budget, with the same results in the same order.

pub(crate) mod access;
pub(crate) mod candidates;
pub(crate) mod comparison;
pub(crate) mod condition;
pub(crate) mod cursor;
pub(crate) mod gather;
pub(crate) mod id_walk;
pub(crate) mod index_walk;
pub(crate) mod ordered;
pub(crate) mod overlay;
pub mod page;
pub(crate) mod plan;
pub mod predicate;
pub(crate) mod range;
pub(crate) mod scan;
pub(crate) mod selection;
pub(crate) mod supply;
pub(crate) mod unique;
pub(crate) mod walk;

pub use page::{Cursor, Page};
pub use predicate::{Order, Predicate};
