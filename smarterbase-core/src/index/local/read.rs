//! What is asked of the file: each answer is of one moment.

use std::ops::Bound;

use redb::ReadTransaction;

use super::{
    INSTANCE,
    file::Opened,
    tables::{
        self, COLLECTIONS, ENTRIES, Failure, MANIFESTS, PLACEMENTS, UNRESOLVED, collection_number,
        lost, name_of, past, slot, under,
    },
};
use crate::{
    document::KeyKind,
    format::{index_key::ValueRange, path::EncodedId},
    port::index::{
        Hit, IndexEntry, IndexedCollection, Manifest, Placed, Presence, Scan, ScanPage, member,
        member_id,
    },
};

/// The most entries of one page.
const PAGE: usize = 1_000;

/// The instance that holds the collection.
pub(super) fn instance(
    file: &Opened,
    collection: &IndexedCollection,
) -> Result<Option<String>, Failure> {
    let collections = file.begin_read()?.open_table(COLLECTIONS)?;
    let found = collections.get(&*name_of(collection))?;
    let nonce = found.map(|found| found.value().1.to_owned());
    let nonce = nonce.filter(|nonce| !nonce.is_empty());
    Ok(nonce.map(|nonce| format!("{INSTANCE}{nonce}")))
}

/// One page of entries.
pub(super) fn scan(
    file: &Opened,
    collection: &IndexedCollection,
    scan: &Scan,
) -> Result<ScanPage, Failure> {
    let transaction = file.begin_read()?;
    let slot = slot_of(&transaction, collection, &scan.placed)?;
    let entries = transaction.open_table(ENTRIES)?;
    let mut range =
        entries.range::<&[u8]>(Bounds::of_scan(slot, collection.key_kind, scan).get())?;
    let limit = scan.limit.clamp(1, PAGE);
    let mut page = ScanPage::default();
    loop {
        let next = match scan.descending {
            true => range.next_back(),
            false => range.next(),
        };
        let Some(next) = next else { return Ok(page) };
        if page.hits.len() == limit {
            page.has_more = true;
            return Ok(page);
        }
        page.hits
            .push(decode(collection.key_kind, next?.0.value())?);
    }
}

/// The number of entries in a range, counted up to `most`.
pub(super) fn count(
    file: &Opened,
    collection: &IndexedCollection,
    placed: &Placed,
    range: &ValueRange,
    most: u64,
) -> Result<u64, Failure> {
    let transaction = file.begin_read()?;
    let slot = slot_of(&transaction, collection, placed)?;
    let entries = transaction.open_table(ENTRIES)?;
    let mut count = 0;
    for entry in entries.range::<&[u8]>(Bounds::of(slot, range).get())? {
        entry?;
        count += 1;
        if count == most {
            break;
        }
    }
    Ok(count)
}

/// How the file stands to entries of one document, in their order.
pub(super) fn presence(
    file: &Opened,
    collection: &IndexedCollection,
    id: &EncodedId,
    asked: &[IndexEntry],
) -> Result<Vec<Presence>, Failure> {
    let transaction = file.begin_read()?;
    let number = collection_number(&transaction.open_table(COLLECTIONS)?, collection)?;
    let placements = transaction.open_table(PLACEMENTS)?;
    let entries = transaction.open_table(ENTRIES)?;
    let (kind, key) = (
        collection.key_kind,
        under(number, &member_id(collection.key_kind, id)),
    );
    let manifest = tables::manifest(&transaction.open_table(MANIFESTS)?, &key)?.unwrap_or_default();
    let presence = |entry: &IndexEntry| {
        let slot = slot(&placements, number, &entry.placed)?;
        let key = under(slot, &member::encode(kind, &entry.value, id));
        Ok(match entries.get(&key[..])? {
            Some(_) => manifest.presence(&member::entry(entry.placed.number, &entry.value)),
            None => Presence::Missing,
        })
    };
    asked.iter().map(presence).collect()
}

/// What is known of documents, in the order of their ids.
pub(super) fn manifests(
    file: &Opened,
    collection: &IndexedCollection,
    placed: &[Placed],
    ids: &[EncodedId],
) -> Result<Vec<Option<Manifest>>, Failure> {
    let transaction = file.begin_read()?;
    let number = collection_number(&transaction.open_table(COLLECTIONS)?, collection)?;
    let manifests = transaction.open_table(MANIFESTS)?;
    let numbers: Vec<u32> = placed.iter().map(|placed| placed.number).collect();
    let known = |id: &EncodedId| {
        let key = under(number, &member_id(collection.key_kind, id));
        let manifest = tables::manifest(&manifests, &key)?;
        Ok(manifest.and_then(|manifest| manifest.of(&numbers)))
    };
    ids.iter().map(known).collect()
}

/// Documents whose last announcement was made before a time, oldest first.
pub(super) fn unresolved(
    file: &Opened,
    collection: &IndexedCollection,
    before: i64,
    limit: usize,
) -> Result<Vec<EncodedId>, Failure> {
    let transaction = file.begin_read()?;
    let number = collection_number(&transaction.open_table(COLLECTIONS)?, collection)?;
    let unresolved = transaction.open_table(UNRESOLVED)?;
    let (lower, upper) = (under(number, &[]), past(number));
    let mut found = std::collections::BinaryHeap::new();
    for entry in unresolved.range::<&[u8]>(&lower[..]..&upper[..])? {
        let (key, time) = entry?;
        if time.value() <= before {
            found.push((time.value(), key.value()[lower.len()..].to_vec()));
        }
        if found.len() > limit {
            found.pop();
        }
    }
    let ids = found.into_sorted_vec().into_iter();
    ids.map(|(_, id)| member::decode_id(collection.key_kind, &id).ok_or_else(unreadable))
        .collect()
}

fn slot_of(
    transaction: &ReadTransaction,
    collection: &IndexedCollection,
    placed: &Placed,
) -> Result<u32, Failure> {
    let number = collection_number(&transaction.open_table(COLLECTIONS)?, collection)?;
    slot(&transaction.open_table(PLACEMENTS)?, number, placed)
}

fn decode(kind: KeyKind, key: &[u8]) -> Result<Hit, Failure> {
    let member = key.get(size_of::<u32>()..);
    member
        .and_then(|member| member::decode(kind, member))
        .ok_or_else(unreadable)
}

/// What cannot be read was damaged: the file is rebuilt.
fn unreadable() -> Failure {
    lost("the file holds an entry that is no value with an id").into()
}

/// Both bounds of a range of keys.
///
/// A member begins with its value, and no value begins with another one. So a member is inside the bounds of a range
/// exactly when its value is.
struct Bounds {
    lower: Bound<Vec<u8>>,
    upper: Bound<Vec<u8>>,
}

impl Bounds {
    fn of(slot: u32, range: &ValueRange) -> Self {
        let upper = range.upper.as_ref();
        Self {
            lower: Bound::Included(under(slot, &range.lower)),
            upper: Bound::Excluded(upper.map_or_else(|| past(slot), |end| under(slot, end))),
        }
    }

    /// What is left of the range after the last entry of the page before.
    fn of_scan(slot: u32, kind: KeyKind, scan: &Scan) -> Self {
        let mut bounds = Self::of(slot, &scan.range);
        let Some((value, id)) = &scan.after else {
            return bounds;
        };
        let last = under(slot, &member::encode(kind, value, id));
        let is_inside = |bound: &Bound<Vec<u8>>| match bound {
            Bound::Included(lower) => last >= *lower,
            Bound::Excluded(upper) => last < *upper,
            Bound::Unbounded => true,
        };
        if scan.descending && is_inside(&bounds.upper) {
            bounds.upper = Bound::Excluded(last);
        } else if !scan.descending && is_inside(&bounds.lower) {
            bounds.lower = Bound::Excluded(last);
        }
        bounds
    }

    fn get(&self) -> (Bound<&[u8]>, Bound<&[u8]>) {
        (as_slice(&self.lower), as_slice(&self.upper))
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(bytes) => Bound::Included(bytes),
        Bound::Excluded(bytes) => Bound::Excluded(bytes),
        Bound::Unbounded => Bound::Unbounded,
    }
}
