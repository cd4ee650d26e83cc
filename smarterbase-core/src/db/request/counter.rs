//! Looking at counters.

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
        counter::Counter,
        register::audit::{self, Seen},
    },
};

/// A counter, as its document says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CounterInfo {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: i64,
    /// The lower bound of the last change that had one.
    pub least: Option<i64>,
    /// The upper bound of the last change that had one.
    pub most: Option<i64>,
    /// When it was changed last, by the clock of who did it.
    pub changed: Option<Timestamp>,
    /// How long ago that was. Two clocks are compared, so it is a hint.
    pub age: Duration,
    /// The last [repair](Db::repair_counter).
    pub repair: Option<Repair<i64>>,
    /// What is worth a look.
    pub flags: Vec<CounterFlag>,
    pub(crate) seen: Seen,
}

/// What is worth a look in an audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CounterFlag {
    /// The value is less than 0.
    Negative,
    /// The value is 0.
    Zero,
    /// The value is more than [`ListCounters::above`] says.
    Large,
    /// The value is not within the bounds that were last asked for.
    OutOfBounds,
}

/// The value from which on a counter is called large.
const LARGE: i64 = 1_000_000;

/// The counters: `.await` gives them all, at most as many as one call may collect.
///
/// A LIST per 1,000 names, and a GET for each.
///
/// # Errors
/// - [`Refused`](crate::ErrorKind::Refused) (`SB-TOO-MANY`): there are more; ask for the stream.
/// - [`Corrupt`](crate::ErrorKind::Corrupt): a counter cannot be read.
/// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct ListCounters<'a> {
    db: &'a Db,
    large: i64,
    only_flagged: bool,
}

impl<'a> ListCounters<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self {
            db,
            large: LARGE,
            only_flagged: false,
        }
    }

    /// Above which value a counter is [`Large`](CounterFlag::Large): 1,000,000 by default.
    pub fn above(mut self, value: i64) -> Self {
        self.large = value;
        self
    }

    /// Only those with a flag.
    pub fn only_flagged(mut self) -> Self {
        self.only_flagged = true;
        self
    }

    /// One after the other. Holds at most as many as are read side by side, and a page of names.
    #[must_use = "a stream does nothing until it is polled"]
    pub fn stream(self) -> BoxStream<'a, Result<CounterInfo>> {
        let engine = &*self.db.engine;
        let (large, only_flagged) = (self.large, self.only_flagged);
        named::names(engine, path::counters())
            .map(move |name| async move { inspect(engine, &name?, large).await })
            .buffered(engine.limits.concurrent_reads)
            .try_filter_map(move |found| async move {
                Ok(found.filter(|info| !only_flagged || !info.flags.is_empty()))
            })
            .map_err(|error| error.during("list_counters"))
            .boxed()
    }
}

request!(impl['a] ListCounters<'a> => Vec<CounterInfo>, |this| async move {
    let engine = this.db.engine.clone();
    let found = named::collect(&engine, "counters", this.stream()).await;
    found.map_err(|error| error.during("list_counters"))
});

async fn inspect(engine: &Engine, name: &EncodedId, large: i64) -> Result<Option<CounterInfo>> {
    let (sight, seen) = audit::inspect::<Counter>(engine, name).await?;
    let Some(counter) = sight.stored().cloned() else {
        return Ok(None);
    };
    let is_low = counter.least.is_some_and(|least| counter.value < least);
    let is_high = counter.most.is_some_and(|most| counter.value > most);
    let flags = [
        (CounterFlag::Negative, counter.value < 0),
        (CounterFlag::Zero, counter.value == 0),
        (CounterFlag::Large, counter.value > large),
        (CounterFlag::OutOfBounds, is_low || is_high),
    ];
    let set = flags.into_iter().filter(|(_, is_set)| *is_set);
    Ok(Some(CounterInfo {
        name: name.decode().0,
        value: counter.value,
        least: counter.least,
        most: counter.most,
        changed: sight.updated(),
        age: audit::age(engine, sight.updated()),
        repair: counter.repair,
        flags: set.map(|(flag, _)| flag).collect(),
        seen,
    }))
}
