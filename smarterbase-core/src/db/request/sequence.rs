//! Looking at sequences.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream::BoxStream};

use super::{named, request};
use crate::{
    db::Db,
    document::Timestamp,
    error::Result,
    format::{
        counter::Repair,
        path::{self, EncodedId},
    },
    operation::{
        Engine,
        register::audit::{self, Seen},
        sequence::Sequence,
    },
};

/// A sequence, as its document says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SequenceInfo {
    /// Its name.
    pub name: String,
    /// The first number that nobody has reserved.
    pub next: u64,
    /// When numbers were reserved last, by the clock of who did it.
    pub changed: Option<Timestamp>,
    /// How long ago that was. Two clocks are compared, so it is a hint.
    pub age: Duration,
    /// The last [repair](Db::repair_sequence).
    pub repair: Option<Repair<u64>>,
    pub(crate) seen: Seen,
}

/// The sequences: `.await` gives them all, at most as many as one call may collect.
///
/// A LIST per 1,000 names, and a GET for each.
///
/// # Errors
/// - [`Refused`](crate::ErrorKind::Refused) (`SB-TOO-MANY`): there are more; ask for the stream.
/// - [`Corrupt`](crate::ErrorKind::Corrupt): a sequence cannot be read.
/// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct ListSequences<'a> {
    db: &'a Db,
}

impl<'a> ListSequences<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// One after the other. Holds at most as many as are read side by side, and a page of names.
    #[must_use = "a stream does nothing until it is polled"]
    pub fn stream(self) -> BoxStream<'a, Result<SequenceInfo>> {
        let engine = &*self.db.engine;
        named::names(engine, path::sequences())
            .map(move |name| async move { inspect(engine, &name?).await })
            .buffered(engine.limits.concurrent_reads)
            .try_filter_map(|found| async move { Ok(found) })
            .map_err(|error| error.during("list_sequences"))
            .boxed()
    }
}

request!(impl['a] ListSequences<'a> => Vec<SequenceInfo>, |this| async move {
    let engine = this.db.engine.clone();
    let found = named::collect(&engine, "sequences", this.stream()).await;
    found.map_err(|error| error.during("list_sequences"))
});

async fn inspect(engine: &Engine, name: &EncodedId) -> Result<Option<SequenceInfo>> {
    let (sight, seen) = audit::inspect::<Sequence>(engine, name).await?;
    let Some(sequence) = sight.stored().cloned() else {
        return Ok(None);
    };
    Ok(Some(SequenceInfo {
        name: name.decode().0,
        next: sequence.next,
        changed: sight.updated(),
        age: audit::age(engine, sight.updated()),
        repair: sequence.repair,
        seen,
    }))
}
