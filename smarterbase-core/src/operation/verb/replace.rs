//! `overwrite` and `upsert`: whatever was there is replaced, by the protocol.

use std::sync::Arc;

use super::{contention, create, encode_key, stored, update, validate};
use crate::{
    ErrorKind,
    document::{Document, IntoDocument, Stored},
    error::Result,
    format::{body::UnknownMembers, path::EncodedId},
    operation::{
        Collection, View,
        change::{Base, Change},
        read::{self, Fetched},
        write::{Verdict, write},
    },
};

/// What happens to the members of the replaced document that the type does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Members {
    /// `upsert`: they stay.
    Keep,
    /// `overwrite`: they go (rule S28).
    Drop,
}

/// Reads and swaps in a loop: ignores what was there, not the protocol.
pub(crate) async fn replace<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    new: impl IntoDocument<T>,
    members: Members,
) -> Result<Stored<T>> {
    replace_by_made(view, collection, create::made(view, new), members).await
}

/// As [`replace`], by a document whose automatic fields are filled.
pub(crate) async fn replace_by_made<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    value: T,
    members: Members,
) -> Result<Stored<T>> {
    validate(collection, &value)?;
    let id = encode_key(collection, value.key())?;
    view.check_writable()?;
    let mut current = read::fetch_to_replace(view, collection, &id).await?;
    for attempt in 0..view.limits.update_attempts {
        if members == Members::Keep {
            read::live(collection, &id, current.clone())?;
        }
        let base = current
            .as_ref()
            .map(|fetched| base_of::<T>(collection, &id, fetched, members))
            .transpose()?;
        let unknown = kept_members(collection, &id, current.as_ref(), members)?;
        let change = Change::write(view, collection, &id, base, &value, &unknown)?;
        match write(view, collection, change).await? {
            Verdict::Written(written) => return Ok(stored(value, written)),
            Verdict::Lost(object) => current = read::reopen(view, collection, &id, object).await?,
        }
        update::back_off(view, attempt).await;
    }
    Err(contention(collection, &id, view.limits.update_attempts))
}

/// `overwrite` also replaces a body that cannot be decoded: its entries are then found stale by queries.
fn base_of<T: Document>(
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
    members: Members,
) -> Result<Base> {
    match Base::of::<T>(collection, id, fetched) {
        Err(error) if error.kind() == ErrorKind::Corrupt && members == Members::Drop => Ok(Base {
            settled: fetched.settled.clone(),
            entries: read::no_entries(collection),
        }),
        other => other,
    }
}

fn kept_members(
    collection: &Collection,
    id: &EncodedId,
    current: Option<&Fetched>,
    members: Members,
) -> Result<UnknownMembers> {
    match current.filter(|fetched| fetched.is_live() && members == Members::Keep) {
        Some(fetched) => read::unknown_members(collection, id, fetched),
        None => Ok(Vec::new()),
    }
}
