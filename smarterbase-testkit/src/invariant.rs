//! The invariants of a database at rest (1, 2, 3 and 5), checked on any store without the engine's own code paths.
//!
//! [`damage`] reads the stored objects and judges them; [`wrong_answers`] asks a database every question that its
//! documents give rise to and compares with a plain evaluation. Both give texts: an empty list means that all is well.

mod census;
mod pending;
mod question;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use smarterbase_core::{
    db::Db,
    document::{Document, IndexKind, Timestamp},
    format::{
        catalog::{Catalog, State},
        claim, definition, path,
    },
    port::{CasStore, index::Hit},
    protocol::stale::{Staleness, judge},
};

pub use self::census::dump;
use self::census::{Census, Resident, documents, entries};

/// What is wrong with the stored objects of `T`'s collection, one line each. Nothing may be in flight.
///
/// # Panics
/// When the store does not answer, or holds something that cannot be decoded.
pub async fn damage<T: Document>(store: &dyn CasStore) -> Vec<String> {
    let Some(catalog) = catalog::<T>(store).await else {
        return Vec::new();
    };
    let census = documents::<T>(store).await;
    let mut found = Vec::new();
    for (ordinal, index) in T::SPEC.indexes.iter().enumerate() {
        let name = definition::define(T::SPEC, index).name;
        let Some(entry) = catalog.definitions.get(&name) else {
            continue;
        };
        let is_indexed = |state| matches!(state, State::Ready);
        match index.kind {
            IndexKind::Unique if entry.state == Some(State::Ready) => {
                check_unique::<T>(store, &census, ordinal, &name, &mut found).await;
            }
            IndexKind::Index
                if entry
                    .backends
                    .get("objects")
                    .is_some_and(|placement| is_indexed(placement.state)) =>
            {
                check_entries::<T>(store, &census, ordinal, &name, &mut found).await;
            }
            _ => {}
        }
    }
    found
}

/// Invariant 1, and what protects it: every holder is named by an effective claim.
async fn check_unique<T: Document>(
    store: &dyn CasStore,
    census: &Census<T>,
    ordinal: usize,
    name: &str,
    found: &mut Vec<String>,
) {
    let mut holders: BTreeMap<Bytes, Vec<&Resident<T>>> = BTreeMap::new();
    for resident in census.live() {
        for value in &resident.values.values[ordinal] {
            holders.entry(value.0.clone()).or_default().push(resident);
            let hash = claim::hash(T::SPEC.collection, name, value);
            let claim = path::claim(T::SPEC.collection, name, &hash);
            let owner = match store.get(&claim).await.expect("the store answers") {
                None => None,
                Some(object) => {
                    let committed = pending::committed(store, &object.bytes).await;
                    claim::owner(&committed.body).expect("a claim")
                }
            };
            if owner.as_deref() != Some(resident.key.as_str()) {
                found.push(format!(
                    "{}: its claim of {name} belongs to {owner:?}",
                    resident.key
                ));
            }
            if resident.envelope.unique.get(name) != Some(&hash) {
                found.push(format!(
                    "{}: does not list its claim of {name}",
                    resident.key
                ));
            }
        }
    }
    for holders in holders.values().filter(|holders| holders.len() > 1) {
        let keys: Vec<_> = holders
            .iter()
            .map(|resident| resident.key.as_str())
            .collect();
        found.push(format!(
            "invariant 1: {} hold one value of {name}",
            keys.join(" and ")
        ));
    }
}

/// Invariant 2: an entry that nobody may remove leads to every value; every listed tag has its entry (rule S7).
async fn check_entries<T: Document>(
    store: &dyn CasStore,
    census: &Census<T>,
    ordinal: usize,
    name: &str,
    found: &mut Vec<String>,
) {
    let hits = entries(store, T::SPEC.collection, name).await;
    for resident in census.live() {
        for value in &resident.values.values[ordinal] {
            let is_there = hits.iter().any(|hit| {
                hit.id == resident.id
                    && hit.value == *value
                    && !is_removable(
                        hit,
                        name,
                        Some(resident),
                        Timestamp::UNIX_EPOCH,
                        Duration::MAX,
                    )
            });
            if !is_there {
                found.push(format!(
                    "invariant 2: {} has no lasting entry in {name}",
                    resident.key
                ));
            }
        }
        let listed = resident.envelope.index.get(name).into_iter().flatten();
        for tag in listed {
            let is_there = hits.iter().any(|hit| {
                hit.id == resident.id
                    && hit
                        .tag
                        .as_ref()
                        .is_some_and(|found| found.to_string() == *tag)
            });
            if !is_there {
                found.push(format!(
                    "{}: lists the tag {tag} of {name}, which has no entry",
                    resident.key
                ));
            }
        }
    }
}

/// Entries that rule S13 lets a reader remove, one line each: garbage that is still there.
///
/// # Panics
/// As [`damage`].
pub async fn garbage<T: Document>(
    store: &dyn CasStore,
    now: Timestamp,
    retention: Duration,
) -> Vec<String> {
    let census = documents::<T>(store).await;
    let mut found = Vec::new();
    for index in T::SPEC
        .indexes
        .iter()
        .filter(|index| index.kind == IndexKind::Index)
    {
        let name = definition::define(T::SPEC, index).name;
        for hit in entries(store, T::SPEC.collection, &name).await {
            let resident = census
                .residents
                .iter()
                .find(|resident| resident.id == hit.id);
            if is_removable(&hit, &name, resident, now, retention) {
                found.push(format!("{name}: {} of {}", tag(&hit), hit.id));
            }
        }
    }
    found
}

fn is_removable<T>(
    hit: &Hit,
    name: &str,
    resident: Option<&Resident<T>>,
    now: Timestamp,
    retention: Duration,
) -> bool {
    let envelope = resident.map(|resident| &resident.envelope);
    judge(hit, name, envelope, now, retention) == Staleness::Remove
}

fn tag(hit: &Hit) -> String {
    hit.tag
        .as_ref()
        .map_or_else(String::new, ToString::to_string)
}

/// Invariant 3 and its other half: every indexed value, every whole index and every unique value is asked for, and the
/// answers must be exactly what a plain evaluation of the stored documents gives, in the same order.
///
/// # Panics
/// As [`damage`].
pub async fn wrong_answers<T: Document>(db: &Db, store: &dyn CasStore) -> Vec<String> {
    let census = documents::<T>(store).await;
    let mut found = Vec::new();
    for (ordinal, index) in T::SPEC.indexes.iter().enumerate() {
        let asked = question::Asked::new(index, ordinal);
        match index.kind {
            IndexKind::Unique => asked.uniques(db, &census, &mut found).await,
            IndexKind::Index => {
                asked.equals(db, &census, &mut found).await;
                asked.everything(db, &census, &mut found).await;
            }
        }
    }
    found
}

async fn catalog<T: Document>(store: &dyn CasStore) -> Option<Catalog> {
    let object = store
        .get(&path::catalog(T::SPEC.collection))
        .await
        .expect("the store answers")?;
    Some(Catalog::open(&object.bytes).expect("a catalog"))
}
