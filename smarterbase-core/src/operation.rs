//! What a user can ask for: one file per thing. `write` and `read` read as a table of contents.

pub(crate) mod agreement;
pub(crate) mod attach;
pub mod batch;
pub(crate) mod change;
pub(crate) mod checkpoint;
pub(crate) mod collection;
pub(crate) mod counter;
pub mod drift;
pub(crate) mod engine;
pub(crate) mod floor;
pub(crate) mod history;
pub mod limits;
pub(crate) mod lock;
pub(crate) mod metric;
pub mod monitor;
pub mod outage;
pub(crate) mod plan;
pub mod profile;
pub(crate) mod published;
pub(crate) mod read;
pub(crate) mod register;
pub(crate) mod relations;
pub(crate) mod rewrite;
pub(crate) mod secure;
pub(crate) mod sequence;
pub(crate) mod settle;
pub mod transaction;
pub(crate) mod untyped;
pub(crate) mod verb;
pub(crate) mod view;
pub mod warm;
pub(crate) mod write;

pub(crate) use collection::Collection;
pub(crate) use engine::Engine;
pub(crate) use view::View;
