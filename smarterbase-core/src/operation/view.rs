//! Where an operation runs: on the database, or inside a transaction's attempt.

use std::{ops::Deref, sync::Arc};

use super::{Engine, outage::Fallback, transaction::Attempt};
use crate::store::bodies::Bodies;

/// An engine, and the attempt of a transaction through which it is seen.
#[derive(Clone, Debug)]
pub(crate) struct View {
    engine: Arc<Engine>,
    attempt: Option<Arc<Attempt>>,
    /// What queries do while no index answers, where the database's own setting does not hold.
    fallback: Option<Fallback>,
}

impl View {
    /// The database itself.
    pub(crate) fn plain(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            attempt: None,
            fallback: None,
        }
    }

    /// What an attempt sees.
    pub(crate) fn of(attempt: Arc<Attempt>) -> Self {
        Self {
            engine: attempt.engine().clone(),
            attempt: Some(attempt),
            fallback: None,
        }
    }

    /// The same, for somebody for whom reading every document would cost more than it is worth.
    pub(crate) fn without_scans(self) -> Self {
        Self {
            fallback: Some(Fallback::Never),
            ..self
        }
    }

    /// What an attempt sees, for whoever looks through this view.
    pub(crate) fn inside(&self, attempt: Arc<Attempt>) -> Self {
        Self {
            fallback: self.fallback,
            ..Self::of(attempt)
        }
    }

    /// What queries do while no index answers.
    pub(crate) fn fallback(&self) -> Fallback {
        self.fallback.unwrap_or(self.engine.fallback)
    }

    pub(crate) fn attempt(&self) -> Option<&Arc<Attempt>> {
        self.attempt.as_ref()
    }

    /// The bodies that may be used in place of reads; none inside of a transaction.
    pub(crate) fn bodies(&self) -> Option<&Arc<Bodies>> {
        self.engine
            .warm
            .bodies
            .as_ref()
            .filter(|_| self.attempt.is_none())
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl Deref for View {
    type Target = Arc<Engine>;

    fn deref(&self) -> &Arc<Engine> {
        &self.engine
    }
}
