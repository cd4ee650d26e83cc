//! One item of an import: the same document in every run, created once.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::Made;
use crate::{
    document::{Document, Moment, Timestamp},
    error::{Code, Result},
    format::{Nonce, body},
    operation::{
        Collection, View, read,
        verb::{create, encode_key},
    },
};

/// Makes an item's document: the same one in every run.
pub(super) fn at_position<T: Document>(
    seed: Nonce,
    started: Timestamp,
    position: u64,
    made: Made<'_, T>,
) -> T {
    let mut drawn = 0_u64;
    let mut random = |bytes: &mut [u8]| {
        for chunk in bytes.chunks_mut(32) {
            let text = format!("{seed}/{position}/{drawn}");
            chunk.copy_from_slice(&Sha256::digest(text)[..chunk.len()]);
            drawn += 1;
        }
    };
    made(&mut Moment::new(started, true, &mut random))
}

/// Whether the document was created; `false` when it is there already with the same content.
pub(super) async fn create_or_recognise<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    value: T,
) -> Result<(bool, u64)> {
    let id = encode_key(collection, value.key())?;
    let wanted = body::encode(&value, &Vec::new())?;
    let refused = match create::create_made(view, collection, value).await {
        Ok(created) => return Ok((true, created.meta().size as u64)),
        Err(error) if error.code() == Code::EXISTS.text() => error,
        Err(error) => return Err(error),
    };
    let found = read::load::<T>(view, collection, &id).await?;
    match found {
        Some(found) if is_same(&body::encode(&*found, &Vec::new())?, &wanted) => Ok((false, 0)),
        _ => Err(refused),
    }
}

/// Maps in memory have an order of their own in every run.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let value = |bytes| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    one == other || value(one).is_some_and(|one| Some(one) == value(other))
}

/// sha256 over the ids of a source, in their order: each hash is over the one before and the next id.
#[derive(Default)]
pub(super) struct Ids(Option<[u8; 32]>);

impl Ids {
    pub(super) fn add(&mut self, id: &str) {
        let mut hash = Sha256::new();
        hash.update(self.0.unwrap_or_default());
        hash.update(id);
        self.0 = Some(hash.finalize().into());
    }

    pub(super) fn text(&self) -> String {
        self.0
            .map_or_else(String::new, |hash| data_encoding::HEXLOWER.encode(&hash))
    }
}
