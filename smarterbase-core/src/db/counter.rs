//! Counters: a number that many change, and that never loses a change that was acknowledged.

use std::sync::Arc;

use crate::{
    db::{Db, request},
    error::Result,
    operation::{
        Engine,
        counter::{self, Bounds, Change, Changed, Step},
        register::{self, Line, audit},
    },
};

pub use crate::db::request::counter::{CounterFlag, CounterInfo};

/// One counter, from [`Db::counter`]. Cheap to clone and to keep.
///
/// A change that was acknowledged is durable and never lost, whatever fails; one with an unknown outcome says so
/// ([`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown)). Changes that wait in this process are carried out together, by one
/// put, and each is answered after it, with the value that it made itself. Between processes the put is a compare-and-swap.
/// A future that is dropped before its change was sent has changed nothing.
#[derive(Clone, Debug)]
pub struct Counter {
    engine: Arc<Engine>,
    name: String,
    /// `None`: the name cannot be used, which the first request says.
    line: Option<Arc<Line<counter::Counter>>>,
    bounds: Bounds,
}

impl Counter {
    /// Refuses changes that would make the value less than `least`. It holds for changes through this handle.
    #[must_use]
    pub fn at_least(mut self, least: i64) -> Self {
        self.bounds.least = Some(least);
        self
    }

    /// Refuses changes that would make the value more than `most`. It holds for changes through this handle.
    #[must_use]
    pub fn at_most(mut self, most: i64) -> Self {
        self.bounds.most = Some(most);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn line(&self) -> Result<&Arc<Line<counter::Counter>>> {
        match &self.line {
            Some(line) => Ok(line),
            None => Err(register::unusable::<counter::Counter>(&self.name)),
        }
    }

    /// The value: 0 when nothing was ever counted. 1 GET.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): the name cannot be used.
    /// - [`Corrupt`](crate::ErrorKind::Corrupt), [`Unsupported`](crate::ErrorKind::Unsupported): what is stored cannot be read.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn get(&self) -> Result<i64> {
        let read = async { self.line()?.read(&self.engine).await };
        let read = read.await.map_err(|error| error.during("counter"));
        Ok(read?.value)
    }

    /// Adds 1 and gives the value after it.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn increment(&self) -> Result<i64> {
        self.add(1).await
    }

    /// Takes 1 away and gives the value after it.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn decrement(&self) -> Result<i64> {
        self.add(-1).await
    }

    /// Adds `by`, which may be negative, and gives the value after it.
    ///
    /// 1 PUT for all changes that wait in this process, and a GET before it when this process did not change the counter in
    /// the last seconds. Against other processes it is tried again, with growing, random pauses, as often as an update is
    /// ([`Limits::update_attempts`](crate::operation::limits::Limits::update_attempts)).
    ///
    /// ```
    /// # use smarterbase_core::{db::Db, Result};
    /// # async fn example(db: Db) -> Result<()> {
    /// let seats = db.counter("seats-flight-7").at_least(0);
    /// seats.set(180).await?;
    /// let left = seats.add(-2).await?; // an error, and nothing changed, when there is only one
    /// # let _ = left; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - [`Refused`](crate::ErrorKind::Refused) (`SB-COUNTER-BOUNDS`): the value would pass a bound, or 64 bits. Nothing was
    ///   changed. Otherwise refused: the database is read-only or closed.
    /// - [`Conflict`](crate::ErrorKind::Conflict) (`SB-CONTENTION`): others kept winning. Nothing was changed.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer. Nothing was changed.
    /// - [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): it may have been changed.
    pub async fn add(&self, by: i64) -> Result<i64> {
        Ok(self.change(Step::Add(by)).await?.after)
    }

    /// Makes the value `value` and gives the one before it.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn set(&self, value: i64) -> Result<i64> {
        Ok(self.change(Step::Set(value)).await?.before)
    }

    /// Makes the value 0 and gives the one before it: what was counted between two resets is in exactly one of them.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn reset(&self) -> Result<i64> {
        self.set(0).await
    }

    async fn change(&self, step: Step) -> Result<Changed> {
        let change = Change {
            step,
            bounds: self.bounds,
        };
        let changed = async { self.line()?.ask(&self.engine, change).await };
        changed.await.map_err(|error| error.during("counter"))
    }
}

impl Db {
    /// The counter `name`, which all processes on this database share. No request is made. Names are as ids: 1 to 200 bytes
    /// when encoded; another one is [`Invalid`](crate::ErrorKind::Invalid) when it is used. The document of a name stays for
    /// ever, so do not make names up without end.
    #[must_use]
    pub fn counter(&self, name: impl Into<String>) -> Counter {
        let name = name.into();
        let encoded = register::encode_name::<counter::Counter>(&name).ok();
        Counter {
            line: encoded.map(|name| self.engine.counters.line(&name, 0)),
            name,
            engine: self.engine.clone(),
            bounds: Bounds::default(),
        }
    }

    /// The counters of this database, by name, with what an auditor wants to know of them.
    pub fn list_counters(&self) -> request::ListCounters<'_> {
        request::ListCounters::new(self)
    }

    /// Makes the value of a counter `value`, if it still is as it was seen, and leaves the reason in its document.
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict) (`SB-REVISION`): it was changed since. Nothing was written.
    /// - [`Invalid`](crate::ErrorKind::Invalid): there is no reason, or it is longer than 500 bytes.
    /// - [`Refused`](crate::ErrorKind::Refused): the database is read-only or closed.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): the store does not
    ///   answer.
    pub async fn repair_counter(&self, seen: &CounterInfo, value: i64, reason: &str) -> Result<()> {
        let repair = audit::mark(&self.engine, reason, seen.value)?;
        let repaired =
            audit::repair::<counter::Counter>(&self.engine, &seen.seen, move |counter| {
                Ok(crate::format::counter::Counter {
                    value,
                    repair: Some(repair),
                    ..counter
                })
            });
        repaired
            .await
            .map_err(|error| error.during("repair_counter"))
    }
}
