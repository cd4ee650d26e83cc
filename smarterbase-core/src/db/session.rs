//! What verbs and finders run in: a database, or a transaction.

use std::{marker::PhantomData, sync::Arc};

use super::{Db, Tx};
use crate::operation::{Engine, View};

/// Where a request runs. Made from `&Db` or `&Tx`.
#[derive(Clone, Debug)]
pub struct Session<'a> {
    view: View,
    lifetime: PhantomData<&'a Db>,
}

impl Session<'_> {
    /// Outside of transactions.
    pub(crate) fn plain(engine: &Arc<Engine>) -> Self {
        Self {
            view: View::plain(engine.clone()),
            lifetime: PhantomData,
        }
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        self.view.engine()
    }

    pub(crate) fn view(&self) -> &View {
        &self.view
    }
}

impl<'a> From<&'a Db> for Session<'a> {
    fn from(db: &'a Db) -> Self {
        Self::plain(&db.engine)
    }
}

impl<'a> From<&'a Tx> for Session<'a> {
    fn from(tx: &'a Tx) -> Self {
        Self {
            view: tx.view(),
            lifetime: PhantomData,
        }
    }
}
