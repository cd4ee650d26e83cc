//! Large bodies of pending writes: in objects of their own until they are committed, so that nobody reads them twice.

use futures::future::try_join_all;

use super::attempt::Buffered;
use crate::{
    error::{Error, Result},
    format::{
        Envelope, Key,
        intent::{Attempt, Content, Staged},
        path,
    },
    operation::{Engine, engine::store_failure},
    protocol::{PutMachine, PutOutcome, digest},
};

/// Where the bodies of some writes are.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    pub(crate) keys: Vec<Key>,
}

impl Stage {
    /// Puts a body into an object of its own, if it is large. Its name is never used again.
    pub(crate) async fn content(
        engine: &Engine,
        attempt: &Attempt,
        number: usize,
        write: &Buffered,
    ) -> Result<Content> {
        let body = &write.change.body;
        if body.len() <= engine.limits.transactions.staged_from {
            return Ok(Content::Here(body.clone()));
        }
        let key = path::staged(attempt, number);
        put(engine, &key, body).await?;
        Ok(Content::Staged(Staged {
            key,
            sha256: digest(body),
        }))
    }

    /// The contents of all writes, in their order, large ones staged side by side.
    pub(crate) async fn contents(
        engine: &Engine,
        attempt: &Attempt,
        writes: &[&Buffered],
    ) -> Result<(Vec<Content>, Self)> {
        let staging = writes
            .iter()
            .enumerate()
            .map(|(number, write)| Self::content(engine, attempt, number, write));
        let contents = try_join_all(staging).await?;
        let keys = contents.iter().filter_map(|content| match content {
            Content::Staged(staged) => Some(staged.key.clone()),
            Content::Here(_) => None,
        });
        let keys = keys.collect();
        Ok((contents, Self { keys }))
    }
}

async fn put(engine: &Engine, key: &Key, body: &[u8]) -> Result<()> {
    let envelope = Envelope::first(engine.nonce());
    let machine = PutMachine::new(key.clone(), None, envelope, body);
    match engine.drive(machine).await {
        PutOutcome::Applied(_) => Ok(()),
        PutOutcome::Refused(error) | PutOutcome::Unknown(error) => Err(store_failure(error)),
        PutOutcome::Lost(_) => Err(Error::new(
            crate::error::Code::UNAVAILABLE,
            "a large body could not be staged",
        )),
    }
}
