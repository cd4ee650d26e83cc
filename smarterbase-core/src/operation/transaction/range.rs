//! Ranges that a transaction read: asked again when it commits, they must not show anything new.
//!
//! What the transaction itself is about to put there is not new. What it read or writes is, when the version that it read was
//! not found in the range and belongs there: the range and the document were read at different moments.
//!
//! Entries are announced before the document that needs them is put, and before the transaction that does so validates.
//! So whoever adds to a range after it was asked again comes after this transaction; whoever did so before is found.

use std::{collections::BTreeSet, sync::Arc};

use super::commit::Document;
use crate::{
    format::{Key, Prefix, index_key::EncodedValue, path::EncodedId},
    operation::{
        Collection, Engine,
        agreement::{self, Site},
    },
    port::{
        IndexError, ListPage, StoreError,
        index::{Scan, ScanPage},
    },
};

/// What a range showed when it was read.
#[derive(Clone, Debug)]
pub(crate) enum Range {
    /// Entries of an index.
    Index(Box<IndexRange>),
    /// Objects in a folder.
    List(ListRange),
}

/// A place among the entries of an index: value, then `<id>.json` (rule S22).
type Place = (EncodedValue, String);

#[derive(Clone, Debug)]
pub(crate) struct IndexRange {
    collection: Arc<Collection>,
    ordinal: usize,
    site: Site,
    scan: Scan,
    seen: BTreeSet<Place>,
    /// The last place that was looked at; `None`: everything to the end.
    last: Option<Place>,
}

#[derive(Clone, Debug)]
pub(crate) struct ListRange {
    collection: Arc<Collection>,
    prefix: Prefix,
    after: Option<Key>,
    seen: BTreeSet<Key>,
    /// The last path that was looked at; `None`: everything to the end.
    last: Option<Key>,
}

/// The objects that are there now and were not before; `None`: the range cannot be asked as it was.
type Found = Result<Option<Vec<Key>>, StoreError>;

impl Range {
    /// What an index answered.
    pub(crate) fn of_index(
        collection: &Arc<Collection>,
        ordinal: usize,
        site: &Site,
        scan: &Scan,
        page: &ScanPage,
    ) -> Self {
        let place = |hit: &crate::port::index::Hit| place(&hit.value, &hit.id);
        Self::Index(Box::new(IndexRange {
            collection: collection.clone(),
            ordinal,
            site: site.clone(),
            scan: scan.clone(),
            seen: page.hits.iter().map(place).collect(),
            last: page.hits.last().filter(|_| page.has_more).map(place),
        }))
    }

    /// What a LIST answered.
    pub(crate) fn of_list(
        collection: &Arc<Collection>,
        prefix: &Prefix,
        after: Option<&Key>,
        page: &ListPage,
    ) -> Self {
        let keys = page.objects.iter().map(|object| object.key.clone());
        Self::List(ListRange {
            collection: collection.clone(),
            prefix: prefix.clone(),
            after: after.cloned(),
            last: keys.clone().next_back().filter(|_| page.has_more),
            seen: keys.collect(),
        })
    }

    /// How many places it holds, and itself.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Index(range) => range.seen.len() + 1,
            Self::List(range) => range.seen.len() + 1,
        }
    }

    /// Asks again. `own` are the documents that the transaction writes.
    pub(crate) async fn rescan(&self, engine: &Arc<Engine>, own: &[Document]) -> Found {
        match self {
            Self::Index(range) => range.rescan(engine, own).await,
            Self::List(range) => range.rescan(engine).await,
        }
    }
}

fn place(value: &EncodedValue, id: &EncodedId) -> Place {
    (value.clone(), format!("{id}.json"))
}

impl IndexRange {
    async fn rescan(&self, engine: &Arc<Engine>, own: &[Document]) -> Found {
        let mut scan = self.scan.clone();
        let mut found = Vec::new();
        loop {
            let Some(page) = self.page(engine, &scan).await? else {
                return Ok(None);
            };
            let new = page
                .hits
                .iter()
                .filter(|hit| self.is_new(&hit.value, &hit.id))
                .filter(|hit| !self.is_own(own, &hit.value, &hit.id));
            found.extend(new.map(|hit| self.collection.key(&hit.id)));
            match page.hits.last() {
                Some(hit) if page.has_more && self.is_within(&place(&hit.value, &hit.id)) => {
                    scan.after = Some((hit.value.clone(), hit.id.clone()));
                }
                _ => return Ok(Some(found)),
            }
        }
    }

    /// A page of the index, believed under the same conditions as when it was first asked (rule S4).
    async fn page(
        &self,
        engine: &Arc<Engine>,
        scan: &Scan,
    ) -> Result<Option<ScanPage>, StoreError> {
        let Ok(agreement) = agreement::current(engine, &self.collection).await else {
            return Ok(None);
        };
        let site = agreement.ready(engine, &self.collection, self.ordinal);
        let is_same = site.is_some_and(|site| {
            site.placed == self.site.placed
                && site.collection.instance == self.site.collection.instance
        });
        if !is_same {
            return Ok(None);
        }
        match self.site.backend.scan(&self.site.collection, scan).await {
            Ok(page) => Ok(agreement.is_current(engine).then_some(page)),
            Err(IndexError::Store(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn is_new(&self, value: &EncodedValue, id: &EncodedId) -> bool {
        let place = place(value, id);
        self.is_within(&place) && !self.seen.contains(&place)
    }

    /// Whether the entry is one that the transaction announced: the version that it replaces does not have the value.
    fn is_own(&self, own: &[Document], value: &EncodedValue, id: &EncodedId) -> bool {
        let is_it = |document: &&Document| {
            document.collection.name() == self.collection.name()
                && document.secured.plan.change.id == *id
        };
        let Some(document) = own.iter().find(is_it) else {
            return false;
        };
        let base = document.secured.plan.change.base.as_ref();
        !base.is_some_and(|base| base.entries.values[self.ordinal].contains(value))
    }

    fn is_within(&self, place: &Place) -> bool {
        self.last
            .as_ref()
            .is_none_or(|last| match self.scan.descending {
                true => place >= last,
                false => place <= last,
            })
    }
}

impl ListRange {
    async fn rescan(&self, engine: &Engine) -> Found {
        let mut after = self.after.clone();
        let mut found = Vec::new();
        loop {
            let page = engine
                .store
                .list(&self.prefix, after.as_ref(), 1_000)
                .await?;
            let mut keys = page.objects.iter().map(|object| &object.key);
            let new = keys.clone().filter(|key| self.is_new(key));
            found.extend(new.cloned());
            match keys.next_back() {
                Some(key) if page.has_more && self.is_within(key) => after = Some(key.clone()),
                _ => return Ok(Some(found)),
            }
        }
    }

    /// Only a document can be new: anything else in the folder is no result of a scan.
    fn is_new(&self, key: &Key) -> bool {
        self.is_within(key) && !self.seen.contains(key) && self.collection.id_of(key).is_some()
    }

    fn is_within(&self, key: &Key) -> bool {
        self.last.as_ref().is_none_or(|last| key <= last)
    }
}
