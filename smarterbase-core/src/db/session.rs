//! What verbs and finders run in: a database, later also a transaction.

use std::marker::PhantomData;

use super::Db;

/// Where a request runs. Made from `&Db`.
#[derive(Clone, Debug)]
pub struct Session<'a> {
    db: Db,
    lifetime: PhantomData<&'a Db>,
}

impl<'a> From<&'a Db> for Session<'a> {
    fn from(db: &'a Db) -> Self {
        Self {
            db: db.clone(),
            lifetime: PhantomData,
        }
    }
}
