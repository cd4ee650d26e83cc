//! Looking at registers from outside, and setting what is stored by hand.

use std::{sync::Arc, time::Duration};

use super::{Line, Register, Sight, Swap, at, document};
use crate::{
    document::Timestamp,
    error::{Code, Error, Result},
    format::{Nonce, counter::Repair, path::EncodedId},
    operation::Engine,
};

/// The longest reason of a repair in bytes.
const LONGEST_REASON: usize = 500;

/// Which version of a register an auditor saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) name: EncodedId,
    write: Option<Nonce>,
}

/// Reads one register: 1 GET.
pub(crate) async fn inspect<R: Register>(
    engine: &Engine,
    name: &EncodedId,
) -> Result<(Sight<R>, Seen)> {
    let sight = document::look::<R>(engine, &R::key(name)).await;
    let sight = sight.map_err(|error| at::<R>(name, error))?;
    let seen = Seen {
        name: name.clone(),
        write: sight.write(),
    };
    Ok((sight, seen))
}

/// How long ago something was, by this machine's clock and the one of who did it.
pub(crate) fn age(engine: &Engine, at: Option<Timestamp>) -> Duration {
    let Some(at) = at else { return Duration::ZERO };
    let age = engine.now().as_milliseconds() - at.as_milliseconds();
    Duration::from_millis(u64::try_from(age).unwrap_or(0))
}

/// The mark that a repair leaves.
pub(crate) fn mark<N>(engine: &Engine, reason: &str, was: N) -> Result<Repair<N>> {
    if reason.trim().is_empty() || reason.len() > LONGEST_REASON {
        let text = "a repair has a reason of 1 to 500 bytes";
        return Err(Error::new(Code::INVALID, text));
    }
    Ok(Repair {
        reason: reason.to_owned(),
        at: engine.now(),
        was,
    })
}

/// Stores what `repaired` makes of what is there, if that still is what was seen.
pub(crate) async fn repair<R: Register>(
    engine: &Arc<Engine>,
    seen: &Seen,
    repaired: impl FnOnce(R::Content) -> Result<R::Content> + Send + 'static,
) -> Result<()> {
    let done = engine.detach({
        let seen = seen.clone();
        |engine, reply| async move {
            drop(reply.send(repair_now::<R>(&engine, &seen, repaired).await));
        }
    });
    done.await.map_err(|error| at::<R>(&seen.name, error))
}

async fn repair_now<R: Register>(
    engine: &Engine,
    seen: &Seen,
    repaired: impl FnOnce(R::Content) -> Result<R::Content>,
) -> Result<()> {
    let key = R::key(&seen.name);
    let sight = document::look::<R>(engine, &key).await?;
    if sight.write() != seen.write {
        return Err(changed());
    }
    let content = repaired(sight.content())?;
    match document::swap(engine, &key, &sight, &content).await {
        Swap::Done(_) => Ok(()),
        Swap::Lost(_) => Err(changed()),
        Swap::Failed(error) | Swap::Unknown(error) => Err(error),
    }
}

fn changed() -> Error {
    let text = "it was changed since it was looked at; look again and decide";
    Error::new(Code::REVISION, text)
}

impl<R: Register> Line<R> {
    /// Reads what is stored: 1 GET.
    pub(crate) async fn read(&self, engine: &Engine) -> Result<R::Content> {
        let (sight, _) = inspect::<R>(engine, &self.name).await?;
        Ok(sight.content())
    }
}
