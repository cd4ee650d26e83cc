//! Transactions that happen once, however often they are asked for: the result is one more document that they write.
//!
//! Its name is a hash of the idempotency key. Who finds it takes the result from it; who does not writes it together with
//! everything else, so that it is there exactly when the rest is.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use super::Attempt;
use crate::{
    error::{Code, Error, Result},
    format::{
        Key,
        envelope::{BodyShape, State},
        intent::{Author, Content, Intent, Pending},
        path,
        result::{Kept, hash},
    },
    operation::Engine,
    protocol::{Settled, commit::Write},
};

/// A result that waits for the commit.
#[derive(Clone, Debug)]
pub(crate) struct KeptResult {
    /// What it replaces: what an attempt left that did not commit.
    pub(super) base: Option<Settled>,
    pub(super) body: Bytes,
}

/// An idempotency key, as far as anybody may see it.
#[derive(Clone, Debug)]
pub(crate) struct Once {
    hash: String,
    key: Key,
}

impl Once {
    pub(crate) fn new(key: &str) -> Self {
        let hash = hash(key);
        Self {
            key: path::result(&hash),
            hash,
        }
    }

    /// The result of the first time: 1 GET.
    pub(crate) async fn recall<R: DeserializeOwned>(&self, attempt: &Attempt) -> Result<Option<R>> {
        let recalled = self.fetch(attempt).await;
        recalled.map_err(|error| self.at(error))
    }

    async fn fetch<R: DeserializeOwned>(&self, attempt: &Attempt) -> Result<Option<R>> {
        let fetched = attempt.fetch(&self.key).await?;
        let Some(fetched) = fetched.filter(|fetched| fetched.is_live()) else {
            return Ok(None);
        };
        let kept = Kept::open(&fetched.settled.opened.body)?;
        // serde's own text is left out: it quotes values.
        let read = serde_json::from_str(kept.result.get());
        read.map(Some).map_err(|_| other_shape())
    }

    /// Writes the result with everything else that the attempt writes. Gives it as it will be read the next time.
    pub(crate) fn keep<R: Serialize + DeserializeOwned>(
        &self,
        attempt: &Attempt,
        result: &R,
    ) -> Result<R> {
        let kept = self.encode(attempt.engine(), result);
        let kept = kept.and_then(|(body, again)| {
            attempt.keep(self.key.clone(), body)?;
            Ok(again)
        });
        kept.map_err(|error| self.at(error))
    }

    fn encode<R: Serialize + DeserializeOwned>(
        &self,
        engine: &Engine,
        result: &R,
    ) -> Result<(Bytes, R)> {
        let limits = engine.limits.idempotency;
        let raw = serde_json::value::to_raw_value(result);
        let raw = raw.map_err(|_| {
            let text = "the result of an idempotent transaction cannot be written as JSON";
            Error::new(Code::INVALID_VALUE, text)
        })?;
        let (bytes, most) = (raw.get().len(), limits.result_bytes);
        if bytes > most {
            let text = format!(
                "the result of an idempotent transaction takes {bytes} bytes, the limit is {most}; nothing was written"
            );
            return Err(Error::new(Code::TOO_LARGE, text));
        }
        // What cannot be read back would be refused at every later time.
        let again = serde_json::from_str(raw.get()).map_err(|_| {
            let text = "the result of an idempotent transaction cannot be read back from JSON; nothing was written";
            Error::new(Code::INVALID_VALUE, text)
        })?;
        let kept = Kept {
            keep: limits.retention,
            result: &raw,
        };
        Ok((kept.body(), again))
    }

    fn at(&self, error: Error) -> Error {
        error.at(PLACE, &self.hash)
    }
}

/// Where errors say that a result is.
const PLACE: &str = "_idem";

fn other_shape() -> Error {
    let text = "the idempotency key was used before, and the result of then is not one of the type of now; nothing was written";
    Error::new(Code::IDEMPOTENCY, text)
}

impl KeptResult {
    pub(super) fn write(&self, engine: &Engine, author: &Author, key: &Key) -> Write {
        let rev = self
            .base
            .as_ref()
            .map_or(0, |base| base.opened.envelope.rev);
        let now = engine.now();
        let pending = Pending {
            state: State::Live,
            rev: rev + 1,
            write: engine.nonce(),
            schema: 0,
            shape: BodyShape::default(),
            created: Some(now),
            updated: Some(now),
            catalog: 0,
            index: Default::default(),
            unique: Default::default(),
            content: Content::Here(self.body.clone()),
        };
        Write {
            key: key.clone(),
            base: self.base.clone(),
            intent: Intent::write(author, &pending),
        }
    }
}
