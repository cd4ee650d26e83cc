//! Requests: what verbs and finders return. Nothing happens until they are awaited; then one boxed future runs.

pub mod counter;
pub mod find;
pub mod history;
pub mod list;
pub mod lock;
pub mod many;
pub mod migrate;
mod named;
pub mod one;
pub mod query;
pub mod sequence;

pub use counter::ListCounters;
pub use find::{Count, DeleteMany, FindKeys, FindMany, FindOne, FindPage};
pub use history::ReadHistory;
pub use list::List;
pub use lock::{ListLocks, Lock, Locks};
pub use many::{CreateMany, GetMany};
pub use migrate::Migrate;
pub use one::{
    Create, Delete, Exists, Get, GetRequired, Overwrite, Reload, Remove, Save, Update, Upsert,
};
pub use query::{Query, Scan};
pub use sequence::ListSequences;

/// Implements `IntoFuture` by an async block over `self`, and `Debug` by the type's name.
macro_rules! request {
    (impl[$($generics:tt)*] $type:ty => $output:ty, |$this:ident| $run:expr) => {
        impl<$($generics)*> IntoFuture for $type {
            type Output = $crate::error::Result<$output>;
            type IntoFuture = futures::future::BoxFuture<'a, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                let $this = self;
                Box::pin($run)
            }
        }
    };
}
pub(crate) use request;
