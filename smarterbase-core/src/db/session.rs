//! What verbs and finders run in: a database, later also a transaction.

use std::{marker::PhantomData, sync::Arc};

use super::Db;
use crate::operation::Engine;

/// Where a request runs. Made from `&Db`.
#[derive(Clone, Debug)]
pub struct Session<'a> {
    engine: Arc<Engine>,
    lifetime: PhantomData<&'a Db>,
}

impl Session<'_> {
    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }
}

impl<'a> From<&'a Db> for Session<'a> {
    fn from(db: &'a Db) -> Self {
        Self {
            engine: db.engine.clone(),
            lifetime: PhantomData,
        }
    }
}
