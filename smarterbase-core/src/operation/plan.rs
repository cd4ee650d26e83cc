//! What a change means for the indexes and the unique values: which entries come and go, which claims.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Collection, Engine,
    agreement::{Agreement, Site},
    change::Change,
};
use crate::{
    document::IndexKind,
    format::{Key, Nonce, claim, entry::Tag, index_key::EncodedValue, path},
    port::{
        IndexStore,
        index::{IndexEntry, IndexedCollection, Placed},
    },
};

/// A change with everything that must be secured before it is put.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) change: Change,
    pub(crate) agreement: Arc<Agreement>,
    pub(crate) backends: Vec<BackendPlan>,
    /// Claims to take before the put.
    pub(crate) gains: Vec<UniqueValue>,
    /// Claims to read before the put and to release after it.
    pub(crate) losses: Vec<UniqueValue>,
    /// Whether a reply must wait for readers with an older copy of the catalog (rule S3).
    pub(crate) changes_entries: bool,
}

/// What one index backend is told.
#[derive(Clone, Debug)]
pub(crate) struct BackendPlan {
    pub(crate) backend: Arc<dyn IndexStore>,
    pub(crate) collection: IndexedCollection,
    pub(crate) placed: Vec<Placed>,
    /// Entries that are not there yet.
    pub(crate) added: Vec<IndexEntry>,
    /// Entries that leave.
    pub(crate) dropped: Vec<IndexEntry>,
    /// Every entry of the new document.
    pub(crate) all: Vec<IndexEntry>,
}

/// One value of one unique definition.
#[derive(Clone, Debug)]
pub(crate) struct UniqueValue {
    pub(crate) ordinal: usize,
    pub(crate) definition: String,
    pub(crate) hash: String,
    pub(crate) claim: Key,
}

impl BackendPlan {
    pub(crate) fn is_unchanged(&self) -> bool {
        self.added.is_empty() && self.dropped.is_empty()
    }
}

/// Plans a change against what was agreed, and completes its envelope.
pub(crate) fn plan(
    engine: &Engine,
    collection: &Collection,
    agreement: Arc<Agreement>,
    mut change: Change,
) -> Plan {
    let mut backends: Vec<BackendPlan> = Vec::new();
    let (mut gains, mut losses) = (Vec::new(), Vec::new());
    change.envelope.catalog = agreement.catalog.envelope.rev;
    change.envelope.index.clear();
    change.envelope.unique.clear();
    for ordinal in 0..collection.definitions.len() {
        match collection.kind(ordinal) {
            IndexKind::Index => {
                for site in agreement.maintained(engine, collection, ordinal) {
                    let entries = diff(collection, ordinal, &site, &change);
                    if site.backend.uses_tags() {
                        entries.list_tags(collection, ordinal, &mut change.envelope.index);
                    }
                    entries.join(&mut backends, site);
                }
            }
            IndexKind::Unique if agreement.claims(collection, ordinal) => {
                let (gain, loss) = claims(collection, ordinal, &change);
                let kept = gain
                    .clone()
                    .or_else(|| value(collection, ordinal, &change.entries.values[ordinal]));
                if let Some(kept) = kept {
                    change.envelope.unique.insert(kept.definition, kept.hash);
                }
                gains.extend(gain);
                losses.extend(loss);
            }
            IndexKind::Unique => {}
        }
    }
    let changes_entries =
        has_new_values(&change) || has_foreign_definitions(collection, &agreement);
    Plan {
        change,
        agreement,
        backends,
        gains,
        losses,
        changes_entries,
    }
}

/// The entries of one definition on one backend, old and new.
struct Diff {
    placed: Placed,
    added: Vec<IndexEntry>,
    dropped: Vec<IndexEntry>,
    all: Vec<IndexEntry>,
}

fn diff(collection: &Collection, ordinal: usize, site: &Site, change: &Change) -> Diff {
    let old = old_entries(collection, ordinal, site, change);
    let mut diff = Diff {
        placed: site.placed.clone(),
        added: Vec::new(),
        dropped: Vec::new(),
        all: Vec::new(),
    };
    let base = change.base.as_ref().map_or(0, |base| base.envelope().rev);
    for value in &change.entries.values[ordinal] {
        let kept = old.iter().find(|entry| entry.value == *value).cloned();
        let is_new = kept.is_none();
        let entry = kept.unwrap_or_else(|| new_entry(site, value, base, change.envelope.write));
        diff.all.push(entry.clone());
        if is_new {
            diff.added.push(entry);
        }
    }
    diff.dropped = old
        .into_iter()
        .filter(|entry| !change.entries.values[ordinal].contains(&entry.value))
        .collect();
    diff
}

/// The entries that the replaced document has on the backend. Where entries have tags, only a value whose tag the
/// document lists has one; without a tag it is announced anew (rules S7, S14).
fn old_entries(
    collection: &Collection,
    ordinal: usize,
    site: &Site,
    change: &Change,
) -> Vec<IndexEntry> {
    let Some(base) = &change.base else {
        return Vec::new();
    };
    let values = &base.entries.values[ordinal];
    let untagged = |value: &EncodedValue| IndexEntry {
        placed: site.placed.clone(),
        value: value.clone(),
        tag: None,
    };
    if !site.backend.uses_tags() {
        return values.iter().map(untagged).collect();
    }
    let Some(tags) = base
        .envelope()
        .index
        .get(&collection.definitions[ordinal].name)
    else {
        return Vec::new();
    };
    if tags.len() != values.len() {
        return Vec::new();
    }
    let tagged = |(value, tag): (&EncodedValue, &String)| {
        let tag = Tag::parse(tag).filter(|tag| tag.matches(value))?;
        Some(IndexEntry {
            tag: Some(tag),
            ..untagged(value)
        })
    };
    values.iter().zip(tags).filter_map(tagged).collect()
}

fn new_entry(site: &Site, value: &EncodedValue, base: u64, write: Nonce) -> IndexEntry {
    let tag = site
        .backend
        .uses_tags()
        .then(|| Tag::new(base, write, value));
    IndexEntry {
        placed: site.placed.clone(),
        value: value.clone(),
        tag,
    }
}

impl Diff {
    /// Lists the tags in the envelope, in the order of the sorted distinct values.
    fn list_tags(
        &self,
        collection: &Collection,
        ordinal: usize,
        index: &mut BTreeMap<String, Vec<String>>,
    ) {
        let tags = self
            .all
            .iter()
            .filter_map(|entry| entry.tag.as_ref().map(ToString::to_string))
            .collect();
        index.insert(collection.definitions[ordinal].name.clone(), tags);
    }

    /// Adds the entries to the plan of their backend.
    fn join(self, backends: &mut Vec<BackendPlan>, site: Site) {
        let found = backends
            .iter_mut()
            .find(|plan| plan.collection.instance == site.collection.instance);
        let plan = match found {
            Some(plan) => plan,
            None => backends.push_mut(BackendPlan {
                backend: site.backend,
                collection: site.collection,
                placed: Vec::new(),
                added: Vec::new(),
                dropped: Vec::new(),
                all: Vec::new(),
            }),
        };
        plan.placed.push(self.placed);
        plan.added.extend(self.added);
        plan.dropped.extend(self.dropped);
        plan.all.extend(self.all);
    }
}

/// The claim to take and the claim to give up; neither when the stored hash is the same (rule S12).
fn claims(
    collection: &Collection,
    ordinal: usize,
    change: &Change,
) -> (Option<UniqueValue>, Option<UniqueValue>) {
    let definition = &collection.definitions[ordinal].name;
    let new = value(collection, ordinal, &change.entries.values[ordinal]);
    let old = change
        .base
        .as_ref()
        .and_then(|base| base.envelope().unique.get(definition));
    match (&new, old) {
        (Some(new), Some(old)) if new.hash == *old => (None, None),
        (_, old) => (
            new.clone(),
            old.map(|hash| with_hash(collection, ordinal, hash.clone())),
        ),
    }
}

/// The value of a unique definition; `None` when a component is `None`.
fn value(collection: &Collection, ordinal: usize, values: &[EncodedValue]) -> Option<UniqueValue> {
    let definition = &collection.definitions[ordinal].name;
    let hash = claim::hash(collection.name(), definition, values.first()?);
    Some(with_hash(collection, ordinal, hash))
}

pub(crate) fn with_hash(collection: &Collection, ordinal: usize, hash: String) -> UniqueValue {
    let definition = collection.definitions[ordinal].name.clone();
    let claim = path::claim(collection.name(), &definition, &hash);
    UniqueValue {
        ordinal,
        definition,
        hash,
        claim,
    }
}

/// Whether the catalog has definitions that this program does not know: the document may get values in them.
fn has_foreign_definitions(collection: &Collection, agreement: &Agreement) -> bool {
    let is_known = |name: &String| {
        collection
            .definitions
            .iter()
            .any(|known| known.name == *name)
    };
    !agreement.catalog.definitions.keys().all(is_known)
}

/// Whether the document gets an index value that it did not have, in any definition.
fn has_new_values(change: &Change) -> bool {
    change
        .entries
        .values
        .iter()
        .enumerate()
        .any(|(ordinal, values)| {
            let old = change
                .base
                .as_ref()
                .map(|base| &base.entries.values[ordinal]);
            values
                .iter()
                .any(|value| !old.is_some_and(|old| old.contains(value)))
        })
}
