//! The tables of the file, and what is looked up in them.

use redb::{ReadableTable, StorageError, TableDefinition, TableError};

use super::{INSTANCE, codec, manifest::Manifest};
use crate::port::{
    IndexError,
    index::{IndexedCollection, Placed},
};

/// What holds for the whole file.
pub(super) const FACTS: TableDefinition<'_, &str, &str> = TableDefinition::new("facts");
/// `<database>/<collection>` to its number in this file and the nonce of its instance.
pub(super) const COLLECTIONS: TableDefinition<'_, &str, (u32, &str)> =
    TableDefinition::new("collections");
/// Collection, number of the index, generation: to the slot that begins its entries.
pub(super) const PLACEMENTS: TableDefinition<'_, (u32, u32, u64), u32> =
    TableDefinition::new("placements");
/// Slot, then the member.
pub(super) const ENTRIES: TableDefinition<'_, &[u8], ()> = TableDefinition::new("entries");
/// Collection, then the bytes of the id: to a manifest.
pub(super) const MANIFESTS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("manifests");
/// As [`MANIFESTS`]: to the milliseconds of the last announcement whose outcome nobody told.
pub(super) const UNRESOLVED: TableDefinition<'_, &[u8], i64> = TableDefinition::new("unresolved");

/// The form of everything in the file. Another one is rebuilt.
pub(super) const FORM: &str = "2";

/// The facts.
pub(super) mod fact {
    /// [`FORM`](super::FORM).
    pub(in crate::index::local) const FORM: &str = "form";
    /// The nonce of the file.
    pub(in crate::index::local) const FILE: &str = "file";
    /// Which file of the disk this is; a copy is another one.
    pub(in crate::index::local) const BIRTH: &str = "birth";
    /// The nonce of the last session that wrote.
    pub(in crate::index::local) const SESSION: &str = "session";
    /// Whether everything that this session acknowledged is in the file: `yes`, or absent.
    pub(in crate::index::local) const CLEAN: &str = "clean";
    /// The next number of a collection or a slot: never used twice.
    pub(in crate::index::local) const NEXT: &str = "next";
}

/// Why work on the file ended.
#[derive(Debug)]
pub(super) enum Failure {
    /// The file itself: what it holds may not be used any more.
    File(redb::Error),
    /// The answer to the caller; nothing was changed.
    Answer(IndexError),
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Self::Answer(error)
    }
}

macro_rules! from_redb {
    ($($error:ty),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::File(error.into())
            }
        })*
    };
}
from_redb!(
    StorageError,
    TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError,
    redb::DatabaseError
);

pub(super) fn name_of(collection: &IndexedCollection) -> String {
    format!("{}/{}", collection.database, collection.name)
}

/// The number of the collection, when the file holds the instance that the caller expects (rule S6).
pub(super) fn collection_number(
    collections: &impl ReadableTable<&'static str, (u32, &'static str)>,
    collection: &IndexedCollection,
) -> Result<u32, Failure> {
    let found = collections.get(&*name_of(collection))?;
    let Some(found) = found else {
        return Err(lost("this file holds nothing of the collection").into());
    };
    let (number, nonce) = found.value();
    match collection.instance.strip_prefix(INSTANCE) {
        Some(expected) if expected == nonce => Ok(number),
        _ => Err(lost("this file holds another instance than the catalog names").into()),
    }
}

/// Where the entries of a definition begin.
pub(super) fn slot(
    placements: &impl ReadableTable<(u32, u32, u64), u32>,
    collection: u32,
    placed: &Placed,
) -> Result<u32, Failure> {
    let found = placements.get((collection, placed.number, placed.generation))?;
    let Some(found) = found else {
        let text = format!("{} was not begun in this file", placed.definition);
        return Err(lost(&text).into());
    };
    Ok(found.value())
}

/// What is known of the document at a key of [`MANIFESTS`].
pub(super) fn manifest(
    manifests: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Manifest>, Failure> {
    let Some(stored) = manifests.get(key)? else {
        return Ok(None);
    };
    let manifest = codec::decode(stored.value());
    let manifest = manifest.ok_or_else(|| lost("the file holds a manifest that is none"))?;
    Ok(Some(manifest))
}

/// A number, then more bytes.
pub(super) fn under(number: u32, rest: &[u8]) -> Vec<u8> {
    [&number.to_be_bytes()[..], rest].concat()
}

/// The first key after all that begin with the number.
pub(super) fn past(number: u32) -> Vec<u8> {
    under(number + 1, &[])
}

pub(super) fn lost(text: &str) -> IndexError {
    IndexError::Lost(text.to_owned())
}
