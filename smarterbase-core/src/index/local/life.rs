//! The life of the index in this process: a database comes, a session begins before the first change and ends after the last
//! one, a file that failed is made anew. And whether what the file held is believed.

use std::sync::{Arc, atomic::Ordering};

use redb::Durability;
use tokio::sync::OwnedRwLockReadGuard;

use super::{
    Inner,
    calls::{blocking, unavailable},
    session::{Anchor, Found, Session},
    tables::fact,
};
use crate::{
    format::Nonce,
    port::{IndexError, index::Host},
};

impl Inner {
    /// Finds out whether what the file holds may be believed. One GET.
    pub(super) async fn attach(&self, host: &Host) -> Result<(), IndexError> {
        let _one_at_a_time = self.attaching.lock().await;
        let refuse = |text: &str| Err(IndexError::Refused(text.to_owned()));
        let session = self.session.read().await;
        let known = self.anchor().as_ref().map(|anchor| anchor.host.database);
        match known {
            _ if *session == Session::Closed => return refuse("the local index was closed"),
            Some(known) if known != host.database => {
                return refuse("the local index belongs to another database");
            }
            Some(_) => {}
            None => {
                let anchor = Anchor::read(host).await?;
                self.trust(&anchor);
                *self.anchor() = Some(anchor);
            }
        }
        self.databases.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn trust(&self, anchor: &Anchor) {
        let facts = self.facts();
        let named = anchor.session();
        let is_named = named.is_some_and(|named| {
            named.file == facts.file && Some(named.session) == facts.session && facts.is_clean
        });
        if is_named {
            self.is_trusted.store(true, Ordering::Release);
        } else if facts.session.is_some() {
            tracing::warn!(
                is_clean = facts.is_clean,
                "the local index is an old copy, of another database, or was left by a crash; it is rebuilt"
            );
        }
    }

    /// The session, begun where none is under way.
    pub(super) async fn active_session(
        self: &Arc<Self>,
    ) -> Result<OwnedRwLockReadGuard<Session>, IndexError> {
        let session = self.session.clone().read_owned().await;
        if *session == Session::Active {
            return Ok(session);
        }
        drop(session);
        let mut session = self.session.clone().write_owned().await;
        if *session == Session::Idle {
            self.begin_session().await?;
            *session = Session::Active;
        }
        match *session {
            Session::Closed => Err(unavailable("the index was closed")),
            _ => Ok(session.downgrade()),
        }
    }

    /// The file says that it is not whole, then the store names the session; both before anything is changed.
    async fn begin_session(self: &Arc<Self>) -> Result<(), IndexError> {
        let session = self.rng.nonce();
        let is_trusted = self.is_trusted.load(Ordering::Acquire);
        let inner = Arc::clone(self);
        blocking(move || inner.mark(session, !is_trusted)).await?;
        if self.name_session(session).await? == Found::Foreign {
            // Another file served the database meanwhile.
            let inner = Arc::clone(self);
            blocking(move || inner.mark(session, true)).await?;
        }
        self.is_trusted.store(true, Ordering::Release);
        Ok(())
    }

    fn mark(&self, session: Nonce, forgets: bool) -> Result<(), IndexError> {
        let durability = Durability::Immediate;
        self.file.write(durability, self.now(), |tables| {
            tables.set_fact(fact::SESSION, Some(session.as_str()))?;
            tables.set_fact(fact::CLEAN, None)?;
            if forgets {
                tables.forget_instances()?;
            }
            Ok(())
        })
    }

    async fn name_session(&self, session: Nonce) -> Result<Found, IndexError> {
        let anchor = self.anchor().clone();
        let Some(mut anchor) = anchor else {
            return Ok(Found::Own); // Nothing but this process uses it.
        };
        let file = self.facts().file;
        let (found, named) = anchor.name(file, session, &*self.clock, &*self.rng).await;
        if found == Found::Foreign {
            // Before the anchor knows of it: the next session would take it for its own.
            self.is_trusted.store(false, Ordering::Release);
        }
        *self.anchor() = Some(anchor);
        named.map(|()| found)
    }

    /// A file that failed is made anew, and holds nothing.
    pub(super) async fn revive(self: &Arc<Self>) -> Result<(), IndexError> {
        if !self.file.has_failed() {
            return Ok(());
        }
        let mut session = self.session.clone().write_owned().await;
        if *session == Session::Closed || !self.file.has_failed() {
            return Ok(());
        }
        let (inner, fresh) = (Arc::clone(self), self.rng.nonce());
        let facts = blocking(move || inner.file.revive(fresh)).await?;
        *self.facts() = facts;
        self.is_trusted.store(true, Ordering::Release);
        *session = Session::Idle;
        Ok(())
    }

    /// Ends the session and lets go of the file.
    pub(super) async fn close(self: &Arc<Self>) -> Result<(), IndexError> {
        let mut session = self.session.clone().write_owned().await;
        let was_active = *session == Session::Active;
        *session = Session::Closed;
        let inner = Arc::clone(self);
        blocking(move || {
            let ended = if was_active {
                inner.mark_clean()
            } else {
                Ok(())
            };
            inner.file.close();
            ended
        })
        .await
    }

    /// Everything that was acknowledged is in the file.
    pub(super) fn mark_clean(&self) -> Result<(), IndexError> {
        self.file
            .write_last(|tables| tables.set_fact(fact::CLEAN, Some("yes")))
    }
}

impl Drop for Inner {
    /// A database that was dropped instead of closed ends its session as well. Waits for the disk.
    fn drop(&mut self) {
        let is_active = self
            .session
            .try_read()
            .is_ok_and(|session| *session == Session::Active);
        if is_active && let Err(error) = self.mark_clean() {
            tracing::warn!(%error, "the local index was not closed well and is rebuilt when it is opened");
        }
    }
}
