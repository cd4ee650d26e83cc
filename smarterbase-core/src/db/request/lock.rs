//! Asking for locks.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};

use super::request;
use crate::{
    db::{
        Db, LockGuard,
        lock::{LockGuards, LockInfo},
    },
    error::{Code, Error, Result},
    format::{Key, path::EncodedId},
    operation::{
        Engine,
        lock::{self, Wish, directory},
    },
};

/// How locks are asked for.
#[derive(Clone, Debug, Default)]
struct Terms {
    deadline: Option<Duration>,
    lease: Option<Duration>,
    holder: Option<String>,
}

impl Terms {
    fn wish(&self, engine: &Engine) -> Result<Wish> {
        let lease = self.lease.unwrap_or(engine.limits.locks.lease);
        Wish::new(self.holder.clone(), lease)
    }

    fn patience(&self, engine: &Engine) -> Duration {
        self.deadline.unwrap_or(engine.limits.locks.deadline)
    }
}

macro_rules! terms {
    ($type:ident) => {
        impl $type<'_> {
            /// How long to wait; 60 s unless [`LockLimits`](crate::operation::limits::LockLimits) say otherwise. Then it is an
            /// error, `SB-LOCK-HELD`.
            pub fn deadline(mut self, deadline: Duration) -> Self {
                self.terms.deadline = Some(deadline);
                self
            }

            /// After how long without a renewal others take over (100 ms to 1 hour); 30 s unless
            /// [`LockLimits`](crate::operation::limits::LockLimits) say otherwise. Shorter ones cost more renewals and do not
            /// survive a store that is slow for as long.
            pub fn lease(mut self, lease: Duration) -> Self {
                self.terms.lease = Some(lease);
                self
            }

            /// A name of the holder for people, as the host and the process: at most 200 bytes, and no secret.
            pub fn holder(mut self, label: impl Into<String>) -> Self {
                self.terms.holder = Some(label.into());
                self
            }
        }
    };
}
terms!(Lock);
terms!(Locks);

/// Waits for a lock. First come, first served within this process, and with Redis between processes too.
///
/// # Errors
/// When it is awaited:
/// - [`Conflict`](crate::ErrorKind::Conflict) (`SB-LOCK-HELD`): it could not be had before the deadline.
/// - [`Invalid`](crate::ErrorKind::Invalid): the name, the lease or the label cannot be used.
/// - [`Refused`](crate::ErrorKind::Refused): the database is read-only or closed.
/// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer; the lock is not held.
/// - [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): the same, and others may have to wait for a lease.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Lock<'a> {
    db: &'a Db,
    name: String,
    terms: Terms,
}

impl<'a> Lock<'a> {
    pub(crate) fn new(db: &'a Db, name: String) -> Self {
        Self {
            db,
            name,
            terms: Terms::default(),
        }
    }

    /// Takes the lock if nobody holds it and nobody waits for it in this process: at most a GET and a put. `None`
    /// otherwise.
    ///
    /// A lock whose holder died is taken by a call that comes a lease after the first call of this process that found it
    /// held; who waits does not have to call again.
    ///
    /// # Errors
    /// As awaiting it, except for `SB-LOCK-HELD`.
    pub async fn try_once(self) -> Result<Option<LockGuard>> {
        self.try_with_retry(0).await
    }

    /// Tries up to `retries` times more, with growing, random pauses in between: up to 20 ms, 40 ms, … 1 s. Within the
    /// deadline. `None`: somebody else held it every time.
    ///
    /// # Errors
    /// As [`try_once`](Self::try_once).
    pub async fn try_with_retry(self, retries: u32) -> Result<Option<LockGuard>> {
        let tried = try_several_times(&self.db.engine, &self.name, &self.terms, retries).await;
        let tried = tried.map_err(|error| error.during("lock"))?;
        Ok(tried.map(LockGuard::of))
    }
}

async fn try_several_times(
    engine: &std::sync::Arc<Engine>,
    name: &str,
    terms: &Terms,
    retries: u32,
) -> Result<Option<lock::Hold>> {
    let (name, wish) = (lock::encode_name(name)?, terms.wish(engine)?);
    let until = engine
        .clock
        .elapsed()
        .saturating_add(terms.patience(engine));
    for retry in 0..=retries {
        if let Some(hold) = lock::try_once(engine, &name, wish.clone()).await? {
            return Ok(Some(hold));
        }
        let longest = (20_u64 << retry.min(6)).min(1_000);
        let pause = Duration::from_millis(engine.rng.below(longest) + 1);
        if retry == retries || engine.clock.elapsed() + pause >= until {
            break;
        }
        engine.clock.sleep(pause).await;
    }
    Ok(None)
}

async fn acquire(db: &Db, name: &str, terms: &Terms, patience: Duration) -> Result<LockGuard> {
    let engine = &db.engine;
    let (name, wish) = (lock::encode_name(name)?, terms.wish(engine)?);
    let held = lock::acquire(engine, &name, wish, patience).await?;
    held.map(LockGuard::of)
        .ok_or_else(|| lock::not_in_time(&name))
}

request!(impl['a] Lock<'a> => LockGuard, |this| async move {
    let patience = this.terms.patience(&this.db.engine);
    let held = acquire(this.db, &this.name, &this.terms, patience).await;
    held.map_err(|error| error.during("lock"))
});

/// Waits for several locks.
///
/// # Errors
/// When it is awaited: as [`Lock`]. Then none is held.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Locks<'a> {
    db: &'a Db,
    names: Vec<String>,
    terms: Terms,
}

impl<'a> Locks<'a> {
    pub(crate) fn new(db: &'a Db, mut names: Vec<String>) -> Self {
        names.sort();
        names.dedup();
        Self {
            db,
            names,
            terms: Terms::default(),
        }
    }
}

request!(impl['a] Locks<'a> => LockGuards, |this| async move {
    let clock = &this.db.engine.clock;
    let until = clock.elapsed().saturating_add(this.terms.patience(&this.db.engine));
    let mut guards = Vec::new();
    for name in &this.names {
        let patience = until.saturating_sub(clock.elapsed());
        let held = acquire(this.db, name, &this.terms, patience).await;
        guards.push(held.map_err(|error| error.during("lock"))?);
    }
    Ok(LockGuards::of(guards))
});

/// The locks that are held: `.await` gives them all, at most as many as one call may collect.
///
/// A LIST per 1,000 names that were ever used, and a GET for each.
///
/// # Errors
/// - [`Refused`](crate::ErrorKind::Refused) (`SB-TOO-MANY`): more are held; ask for the stream.
/// - [`Corrupt`](crate::ErrorKind::Corrupt): a lock document cannot be read.
/// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct ListLocks<'a> {
    db: &'a Db,
}

impl<'a> ListLocks<'a> {
    pub(crate) fn new(db: &'a Db) -> Self {
        Self { db }
    }

    /// The held locks one after the other. Holds at most as many as are read side by side, and a page of names.
    #[must_use = "a stream does nothing until it is polled"]
    pub fn stream(self) -> BoxStream<'a, Result<LockInfo>> {
        let engine = &*self.db.engine;
        names(engine)
            .map(move |name| async move {
                let name = name?;
                directory::inspect(engine, &name).await
            })
            .buffered(engine.limits.concurrent_reads)
            .try_filter_map(|found| async move { Ok(found) })
            .map_err(|error| error.during("list_locks"))
            .boxed()
    }
}

/// Every name that was ever used, page by page.
fn names(engine: &Engine) -> BoxStream<'_, Result<EncodedId>> {
    let pages = stream::try_unfold(Some(None), move |at| next_page(engine, at));
    pages
        .map_ok(|names| stream::iter(names).map(Ok))
        .try_flatten()
        .boxed()
}

/// The page that begins after a path (`Some(None)`: the first one), and where the one after it does.
async fn next_page(
    engine: &Engine,
    at: Option<Option<Key>>,
) -> Result<Option<(Vec<EncodedId>, Option<Option<Key>>)>> {
    let Some(after) = at else { return Ok(None) };
    let (page, next) = directory::names(engine, after.as_ref()).await?;
    Ok(Some((page, next.map(Some))))
}

request!(impl['a] ListLocks<'a> => Vec<LockInfo>, |this| async move {
    let most = this.db.engine.limits.collect;
    let found: Vec<LockInfo> = this.stream().take(most.saturating_add(1)).try_collect().await?;
    if found.len() > most {
        let text = format!("more than {most} locks are held; ask for the stream, or raise `collect`");
        return Err(Error::new(Code::TOO_MANY, text).during("list_locks"));
    }
    Ok(found)
});
