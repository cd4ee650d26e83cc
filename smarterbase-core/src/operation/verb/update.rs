//! `update`: read, change by a closure, compare-and-swap; again when somebody else was faster.

use std::{sync::Arc, time::Duration};

use super::{contention, encode_key, not_found, stored, validate};
use crate::{
    document::{Document, Stored},
    error::{Code, Error, Result},
    format::{body, path::EncodedId},
    operation::{
        Collection, Engine, View,
        change::{Base, Change},
        read::{self, Fetched},
        transaction::turns::{Allowance, Turn, Use},
        write::{Verdict, write},
    },
    port::Object,
};

/// Changes a document by `change`, which runs again after every lost race. It must be pure.
pub(crate) async fn update<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    key: &T::Key,
    mut change: impl FnMut(&mut T) -> Result<()> + Send,
) -> Result<Stored<T>> {
    let id = encode_key(collection, key)?;
    view.check_writable()?;
    let turn = turn(view, collection, &id).await;
    let mut current = read::fetch_to_replace(view, collection, &id).await?;
    for attempt in 0..view.limits.update_attempts {
        let fetched = read::live(collection, &id, current.take())?
            .ok_or_else(|| not_found(collection, &id))?;
        match attempt_once(view, collection, &id, fetched, &mut change).await? {
            Attempted::Unchanged(document) => return Ok(*document),
            Attempted::Written(document) => {
                turn.inspect(Turn::note_commit);
                return Ok(*document);
            }
            Attempted::Lost(object) => {
                current = read::reopen(view, collection, &id, object).await?
            }
        }
        back_off(view, attempt).await;
    }
    Err(contention(collection, &id, view.limits.update_attempts))
}

/// Updates of one document in one process queue up, and no request of theirs is in vain. In a transaction its commit does.
async fn turn(view: &View, collection: &Collection, id: &EncodedId) -> Option<Turn> {
    if view.attempt().is_some() {
        return None;
    }
    let until = view.clock.elapsed() + view.limits.transactions.deadline;
    let uses = [(collection.key(id), Use::Write)].into();
    Some(view.turns.take(uses, Allowance::until(view, until)).await)
}

enum Attempted<T> {
    /// The closure left it as it was.
    Unchanged(Box<Stored<T>>),
    Written(Box<Stored<T>>),
    Lost(Option<Object>),
}

async fn attempt_once<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    id: &EncodedId,
    fetched: Fetched,
    change: &mut (impl FnMut(&mut T) -> Result<()> + Send),
) -> Result<Attempted<T>> {
    let base = Base::of::<T>(collection, id, &fetched)?;
    let unknown = read::unknown_members(collection, id, &fetched)?;
    let mut document = read::decode::<T>(collection, id, fetched.clone())?;
    change(&mut document)?;
    if encode_key(collection, document.key())? != *id {
        let text = "the key of a stored document must not change";
        return Err(read::at(collection, id, Error::new(Code::INVALID_ID, text)));
    }
    validate(collection, &*document)?;
    if body::encode(&*document, &unknown)? == fetched.settled.opened.body {
        return Ok(Attempted::Unchanged(Box::new(document)));
    }
    view.moment(view.now(), false, |moment| document.stamp(moment));
    let value = document.into_inner();
    let planned = Change::write(view, collection, id, Some(base), &value, &unknown)?;
    Ok(match write(view, collection, planned).await? {
        Verdict::Written(written) => Attempted::Written(Box::new(stored(value, written))),
        Verdict::Lost(object) => Attempted::Lost(object),
    })
}

/// Full jitter, 2 ms × 2^n up to 1 s: losers of one race do not meet again at once, and many writers of one document come
/// to as many per second as the store takes.
pub(in crate::operation) async fn back_off(engine: &Engine, attempt: u32) {
    let longest = (2_000_u64 << attempt.min(9)).min(1_000_000);
    let pause = Duration::from_micros(engine.rng.below(longest));
    engine.clock.sleep(pause).await;
}
