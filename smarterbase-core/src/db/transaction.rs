//! Transactions and snapshots: several documents at one instant.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{FutureExt, future::BoxFuture};
use serde::{Serialize, de::DeserializeOwned};

use super::Db;
use crate::{
    error::Result,
    maintenance::medic,
    operation::{
        Engine, View,
        profile::{Explained, trace},
        transaction::{self, Attempt, TransactionCounts, attempt::Kind, once::Once},
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
        Transaction {
            db: self,
            kind,
            name,
            body: Box::new(move |tx| Box::pin(body(tx))),
        }
    }
}

/// A transaction. It does nothing until it is awaited.
#[must_use = "a transaction does nothing until it is awaited"]
pub struct Transaction<'a, R> {
    db: &'a Db,
    kind: Kind,
    name: &'static str,
    body: Body<'a, R>,
}

/// What a transaction does, attempt by attempt.
type Body<'a, R> = Box<dyn FnMut(Tx) -> BoxFuture<'a, Result<R>> + Send + 'a>;

impl<R> std::fmt::Debug for Transaction<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

impl<'a, R: Serialize + DeserializeOwned + Send + 'a> Transaction<'a, R> {
    /// Makes the transaction happen once, however often it is asked for with this key: by a caller that got no reply, by
    /// another process, after a crash. The first one that commits writes its result together with everything else; from then
    /// on the closure is not run any more, and that result comes back.
    ///
    /// The key names one piece of work in the whole database: an order's number, the id of a request. It is stored as a hash,
    /// and is in no error and no log. An error of the closure is not kept: the next one runs. The result is at most 64 KiB of
    /// JSON, and is kept for 24 h at least
    /// ([`IdempotencyLimits`](crate::operation::limits::IdempotencyLimits)). With a result of `()` nothing but the fact is kept.
    ///
    /// It adds a GET, and a document to what is written: 1 PUT before the reply and 1 after it; alone or with one document a
    /// transaction is no plain write any more. One that happened already costs the GET and a conditional one.
    ///
    /// ```
    /// # use smarterbase_core::{db::Db, Result};
    /// # async fn example(db: Db) -> Result<()> {
    /// let number: u64 = db.transaction(|tx| async move {
    ///     // Order::create(&tx, order).await?, stock.save(&tx).await?
    ///     Ok(4711)
    /// }).idempotent("order-of-request-0199").await?;
    /// # let _ = number; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When it is awaited, besides those of the transaction:
    /// - [`Invalid`](crate::ErrorKind::Invalid) (`SB-TOO-LARGE`): the result is too large. Nothing was written.
    /// - [`Invalid`](crate::ErrorKind::Invalid) (`SB-IDEMPOTENCY`): the key was used before, for a result that is not one of this
    ///   type. Nothing was written.
    /// - [`Refused`](crate::ErrorKind::Refused) (`SB-READ-ONLY`): it is a snapshot.
    pub fn idempotent(self, key: impl AsRef<str>) -> Self {
        let once = Arc::new(Once::new(key.as_ref()));
        let body = Arc::new(Mutex::new(self.body));
        Self {
            body: Box::new(move |tx| run_once(once.clone(), body.clone(), tx).boxed()),
            ..self
        }
    }
}

async fn run_once<'a, R: Serialize + DeserializeOwned>(
    once: Arc<Once>,
    body: Arc<Mutex<Body<'a, R>>>,
    tx: Tx,
) -> Result<R> {
    if let Some(first) = once.recall(&tx.attempt).await? {
        return Ok(first);
    }
    let running = {
        let mut body = body.lock().unwrap_or_else(PoisonError::into_inner);
        body(tx.clone())
    };
    let result = running.await?;
    once.keep(&tx.attempt, &result)
}

impl<'a, R: Send + 'a> Transaction<'a, R> {
    /// Runs the transaction, waits for what it does after its reply, and tells what all of it did: every attempt's reads and
    /// queries, the commit, and what finishes it.
    ///
    /// # Errors
    /// As awaiting it.
    pub async fn explain(self) -> Result<Explained<R>> {
        let (engine, name) = (self.db.engine.clone(), self.name);
        trace::explain_transaction(engine, name, self.into_future()).await
    }
}

impl<'a, R: Send + 'a> IntoFuture for Transaction<'a, R> {
    type Output = Result<R>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<R>> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self {
            db,
            kind,
            name,
            mut body,
        } = self;
        Box::pin(async move {
            if kind == Kind::ReadWrite && db.engine.check_writable().is_ok() {
                medic::watch(&db.engine);
            }
            let run = transaction::run(&db.engine, kind, move |attempt| body(Tx { attempt }));
            run.await.map_err(|error| error.during(name))
        })
    }
}
