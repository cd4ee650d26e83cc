//! Transactions and snapshots: several documents at one instant.

use std::{future::Future, pin::Pin, sync::Arc};

use futures::future::BoxFuture;

use super::Db;
use crate::{
    error::Result,
    maintenance::medic,
    operation::{
        Engine, View,
        transaction::{self, Attempt, TransactionCounts, attempt::Kind},
    },
    protocol::validate::Seen,
};

/// The inside of a transaction: every verb and finder takes `&tx` in the place of `&db`.
///
/// Cheap to clone and to move into futures. It lives as long as the closure that was given it runs: afterwards every
/// operation in it is [`Refused`](crate::ErrorKind::Refused) (`SB-TRANSACTION-ENDED`).
#[derive(Clone, Debug)]
pub struct Tx {
    attempt: Arc<Attempt>,
}

impl Tx {
    pub(crate) fn view(&self) -> View {
        View::of(self.attempt.clone())
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        self.attempt.engine()
    }

    pub(crate) fn fence(&self, lock: Seen) -> Result<()> {
        self.attempt.fence(lock)
    }

    /// Which attempt this is, from 1: the closure runs again after every conflict.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt.number + 1
    }
}

impl Db {
    /// Runs `body` as one transaction over any documents of any types: all of it happens, at one instant, or nothing.
    ///
    /// Every read of `body` is still true when the transaction commits, ranges and documents that were not there included:
    /// transactions, plain writes and strict reads have one serial order, which respects real time. What `body` writes is
    /// seen by its own reads at once, and by nobody else before the commit. A unique value that another document holds is
    /// reported by the commit.
    ///
    /// `body` runs again, from its beginning, when others were faster: at most
    /// [`TransactionLimits::attempts`](crate::operation::limits::TransactionLimits::attempts) times, 64 by default, and it
    /// begins no attempt after a minute. So it must be pure but for its reads and writes, and must clone what it moves. An error of `body`
    /// leaves everything as it was and comes back; errors that only came of reads which do not fit together never do, and where
    /// that cannot be found out, the store's failure comes back instead.
    /// [`Error::abort`](crate::Error::abort) carries an application's own error out.
    ///
    /// A transaction that writes one document and reads no other costs one put, as without a transaction. One that reads
    /// others besides costs two. One that writes m documents costs m + 1 puts before the reply, and m puts and a delete after
    /// it. Each read that is not written is read once more.
    ///
    /// ```
    /// # use smarterbase_core::{db::Db, Error, Result};
    /// # async fn example(db: Db) -> Result<()> {
    /// let sum = db.transaction(|tx| async move {
    ///     // User::get(&tx, &id).await?, user.save(&tx).await?, Order::create(&tx, order).await?
    ///     Ok(tx.attempt())
    /// }).await?;
    /// # let _ = sum; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// - the error of `body`, unchanged.
    /// - [`Unique`](crate::ErrorKind::Unique): another document holds a unique value. Nothing was written.
    /// - [`Conflict`](crate::ErrorKind::Conflict) (`SB-CONTENTION`): others kept winning. Nothing was written.
    /// - [`Refused`](crate::ErrorKind::Refused): the database is read-only, or the transaction is too large.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer. Nothing was written.
    /// - [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): all of it may have happened, or nothing.
    pub fn transaction<'a, R, F, Fut>(&'a self, body: F) -> Transaction<'a, R>
    where
        R: Send + 'a,
        F: FnMut(Tx) -> Fut + Send + 'a,
        Fut: Future<Output = Result<R>> + Send + 'a,
    {
        self.run(Kind::ReadWrite, "transaction", body)
    }

    /// Runs `body` as a transaction that only reads: everything it reads was so at one instant, which lies between the
    /// call and its reply. It costs every read twice, the second time without a body where nothing changed.
    ///
    /// Writing in it is [`Refused`](crate::ErrorKind::Refused) (`SB-READ-ONLY`).
    ///
    /// # Errors
    /// As [`transaction`](Self::transaction).
    pub fn snapshot<'a, R, F, Fut>(&'a self, body: F) -> Transaction<'a, R>
    where
        R: Send + 'a,
        F: FnMut(Tx) -> Fut + Send + 'a,
        Fut: Future<Output = Result<R>> + Send + 'a,
    {
        self.run(Kind::ReadOnly, "snapshot", body)
    }

    /// How the transactions of this handle's engine went so far. Take two and subtract them.
    #[must_use]
    pub fn transaction_counts(&self) -> TransactionCounts {
        self.engine.transactions.read()
    }

    fn run<'a, R, F, Fut>(
        &'a self,
        kind: Kind,
        name: &'static str,
        mut body: F,
    ) -> Transaction<'a, R>
    where
        R: Send + 'a,
        F: FnMut(Tx) -> Fut + Send + 'a,
        Fut: Future<Output = Result<R>> + Send + 'a,
    {
        let running = Box::pin(async move {
            if kind == Kind::ReadWrite && self.engine.check_writable().is_ok() {
                medic::watch(&self.engine);
            }
            let run = transaction::run(&self.engine, kind, move |attempt| body(Tx { attempt }));
            run.await.map_err(|error| error.during(name))
        });
        Transaction { running }
    }
}

/// A transaction. It does nothing until it is awaited.
#[must_use = "a transaction does nothing until it is awaited"]
pub struct Transaction<'a, R> {
    running: BoxFuture<'a, Result<R>>,
}

impl<R> std::fmt::Debug for Transaction<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

impl<'a, R> IntoFuture for Transaction<'a, R> {
    type Output = Result<R>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<R>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        self.running
    }
}
