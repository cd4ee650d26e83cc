//! Locks: holding one, and what a holder can ask of it.

pub use crate::operation::lock::directory::LockInfo;
use crate::{
    db::{Db, Tx, request},
    error::{Code, Error, Result},
    operation::lock::{self, Hold},
};

/// A held lock: until it is [released](Self::release), dropped, or lost.
///
/// While it lives, a task renews the lock document three times per lease. Dropping the guard releases the lock in the
/// background, also outside of a runtime; [`release`](Self::release) waits for it and says whether the lock was held until
/// then.
///
/// A lock keeps work apart that would get in each other's way. It cannot stop a holder that does not know that it lost the lock:
/// a machine that slept, a stalled process. What must not happen twice is written in a transaction that is
/// [fenced](Tx::fenced_by) by the lock.
#[derive(Debug)]
#[must_use = "a lock that is dropped is released"]
pub struct LockGuard {
    hold: Hold,
}

impl LockGuard {
    pub(crate) fn of(hold: Hold) -> Self {
        Self { hold }
    }

    /// The name of the lock.
    #[must_use]
    pub fn name(&self) -> String {
        self.hold.tenure().local.name.decode().0
    }

    /// The revision of the lock document since the lock was taken: greater for every later holder, for ever. A service that
    /// remembers the greatest token it saw, and refuses lower ones, is safe from holders of the past.
    #[must_use]
    pub fn fencing_token(&self) -> u64 {
        self.hold.tenure().token()
    }

    /// Whether others may hold the lock by now: somebody took it over or released it by force, or its lease is nearly over by
    /// this machine's clock. A lost lock never is held again.
    ///
    /// `false` is true of the moment of the call, not of the next one.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.hold.is_lost()
    }

    /// Returns when the lock is lost; never, if it is not.
    ///
    /// ```
    /// # use smarterbase_core::db::LockGuard;
    /// # async fn work() {}
    /// # async fn example(guard: LockGuard) {
    /// tokio::select! {
    ///     () = work() => {}
    ///     () = guard.lost() => {} // stop
    /// }
    /// # }
    /// ```
    pub async fn lost(&self) {
        self.hold.lost().await;
    }

    /// Releases the lock: one put, which hands it to whoever waits for it next in this process.
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict) (`SB-LOCK-LOST`): it was not held until now.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): the store does not
    ///   answer. Others wait until the lease has passed; this process does not.
    pub async fn release(self) -> Result<()> {
        self.hold.release().await
    }
}

impl Tx {
    /// Ties the transaction to a lock: it commits only if the lock is still held as it is by `guard`. It costs one conditional
    /// GET at the commit, and the document of the lock is never written by it.
    ///
    /// A transaction that loses by it fails with `SB-LOCK-LOST` and is not run again.
    ///
    /// ```
    /// # use smarterbase_core::{db::{Db, LockGuard}, Result};
    /// # async fn example(db: Db, guard: &LockGuard) -> Result<()> {
    /// db.transaction(|tx| async move {
    ///     tx.fenced_by(guard)?;
    ///     // Report::get(&tx, &id).await?, report.save(&tx).await?
    ///     Ok(())
    /// }).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict) (`SB-LOCK-LOST`): it is known already that the lock is lost.
    /// - [`Refused`](crate::ErrorKind::Refused): the transaction's closure has ended, or it is too large.
    /// - [`Invalid`](crate::ErrorKind::Invalid): the lock is of another database.
    pub fn fenced_by(&self, guard: &LockGuard) -> Result<()> {
        let tenure = guard.hold.tenure();
        if tenure.engine.database.id != self.engine().database.id {
            let text = "the lock is of another database than the transaction";
            return Err(lock::at(
                &tenure.local.name,
                Error::new(Code::INVALID, text),
            ));
        }
        if guard.is_lost() {
            return Err(lock::lost(&tenure.local.name));
        }
        self.fence(tenure.seen())
    }
}

/// Several held locks, in the order of their names.
#[derive(Debug)]
#[must_use = "locks that are dropped are released"]
pub struct LockGuards {
    guards: Vec<LockGuard>,
}

impl LockGuards {
    pub(crate) fn of(guards: Vec<LockGuard>) -> Self {
        Self { guards }
    }

    /// The lock with this name, if it is one of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&LockGuard> {
        self.guards.iter().find(|guard| guard.name() == name)
    }

    /// Whether one of them is [lost](LockGuard::is_lost).
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.guards.iter().any(LockGuard::is_lost)
    }

    /// Releases all of them, the last one first.
    ///
    /// # Errors
    /// As [`LockGuard::release`]: the first error; all are tried.
    pub async fn release(self) -> Result<()> {
        let mut released = Ok(());
        for guard in self.guards.into_iter().rev() {
            released = released.and(guard.release().await);
        }
        released
    }
}

impl std::ops::Deref for LockGuards {
    type Target = [LockGuard];

    fn deref(&self) -> &[LockGuard] {
        &self.guards
    }
}

impl Db {
    /// Holds the lock `name`, which all processes on this database share: [`await`](request::Lock) waits for it.
    ///
    /// Uncontended it costs a GET and a put to take, or just the put soon after this process released it, and a put to
    /// release. Those who wait in this process take it from one another with one put each. Names are as ids: 1 to 200 bytes
    /// when encoded. The document of a name stays for ever, so do not make names up without end.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use smarterbase_core::{db::Db, Result};
    /// # async fn example(db: Db) -> Result<()> {
    /// let guard = db.lock("nightly-report").deadline(Duration::from_secs(5)).await?;
    /// // … the work …
    /// guard.release().await
    /// # }
    /// ```
    pub fn lock(&self, name: impl Into<String>) -> request::Lock<'_> {
        request::Lock::new(self, name.into())
    }

    /// Holds several locks, taken in the order of their names, so that two who want the same ones never wait for each
    /// other. Either all are held or none.
    pub fn locks<N: Into<String>>(&self, names: impl IntoIterator<Item = N>) -> request::Locks<'_> {
        request::Locks::new(self, names.into_iter().map(Into::into).collect())
    }

    /// The locks that somebody holds, by name.
    pub fn list_locks(&self) -> request::ListLocks<'_> {
        request::ListLocks::new(self)
    }

    /// Who holds the lock: 1 GET. `None`: nobody. A holder that died holds its lock until somebody takes it over.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): the name is empty or too long.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
    pub async fn inspect_lock(&self, name: &str) -> Result<Option<LockInfo>> {
        lock::directory::inspect(&self.engine, &lock::encode_name(name)?).await
    }

    /// Takes the lock away from whoever holds it, and gives who that was. Its holder finds out at its next renewal or
    /// fenced transaction, and works on until then: make sure that it is dead, or fenced.
    ///
    /// # Errors
    /// - [`Invalid`](crate::ErrorKind::Invalid): the name is empty or too long.
    /// - [`Refused`](crate::ErrorKind::Refused): the database is read-only or closed.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): the store does not
    ///   answer.
    pub async fn force_release(&self, name: &str) -> Result<Option<LockInfo>> {
        let name = lock::encode_name(name)?;
        let released = lock::directory::force_release(&self.engine, &name).await;
        released.map_err(|error| error.during("force_release"))
    }
}
