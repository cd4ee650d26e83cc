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
pub mod pack;
pub mod query;
pub mod reference;
pub mod sequence;
pub mod verify;

pub use counter::ListCounters;
pub use find::{
    Count, DeleteMany, EstimateCount, FindAny, FindFirst, FindKeys, FindLimited, FindMany, FindOne,
    FindOnly, FindPage, FindSorted,
};
pub use history::ReadHistory;
pub use list::List;
pub use lock::{ListLocks, Lock, Locks};
pub use many::{Batch, GetMany};
pub use migrate::Migrate;
pub use one::{
    Create, Delete, Exists, Get, GetRequired, Overwrite, PlanDelete, Reload, Remove, Save, Update,
    Upsert,
};
pub use pack::PackSnapshot;
pub use query::Query;
pub use reference::{FetchReference, FindWith, LoadMany, Loaded};
pub use sequence::ListSequences;
pub use verify::VerifyIndexes;

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

/// As [`request!`], for what is measured: `$measured` gives the [`Measured`](crate::operation::profile::trace::Measured)
/// that the future runs in.
macro_rules! measured_request {
    (impl[$($generics:tt)*] $type:ty => $output:ty, |$this:ident| $measured:expr, $run:expr) => {
        impl<$($generics)*> IntoFuture for $type {
            type Output = $crate::error::Result<$output>;
            type IntoFuture = futures::future::BoxFuture<'a, Self::Output>;

            fn into_future(self) -> Self::IntoFuture {
                let $this = self;
                Box::pin(async move {
                    let measured = $measured;
                    measured.run($run).await
                })
            }
        }

        impl<$($generics)*> $type {
            /// Runs the request, and tells what it did: the index, requests, bytes, candidates, time and price.
            ///
            /// # Errors
            /// As awaiting it.
            pub async fn explain(
                self,
            ) -> $crate::error::Result<$crate::operation::profile::Explained<$output>> {
                let engine = self.session().engine().clone();
                $crate::operation::profile::trace::explain(engine, self.into_future()).await
            }
        }
    };
}
pub(crate) use measured_request;

/// Gives the request of a verb on one document its `explain`.
macro_rules! explained_verb {
    (impl[$($generics:tt)*] $type:ty => $output:ty, $operation:literal, $does:ident) => {
        impl<$($generics)*> $type {
            /// Runs the request, waits for what it does after its reply, and tells what it did: the indexes, requests, bytes,
            /// time and price.
            ///
            /// # Errors
            /// As awaiting it.
            pub async fn explain(
                self,
            ) -> $crate::error::Result<$crate::operation::profile::Explained<$output>> {
                let engine = self.session().engine().clone();
                $crate::operation::profile::trace::explain_verb(
                    engine,
                    $operation,
                    T::SPEC,
                    $crate::operation::profile::trace::Verb::$does,
                    self.into_future(),
                )
                .await
            }
        }
    };
}
pub(crate) use explained_verb;
