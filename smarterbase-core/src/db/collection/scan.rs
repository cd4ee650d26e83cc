//! The documents of a collection by id, narrowed by conditions on their JSON.

use std::{
    cmp::Ordering,
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::Value;

use super::{JsonCollection, JsonDocument, ways};
use crate::{
    db::request::measured_request,
    document::Scalar,
    error::{Code, Error, Result},
    format::{
        index_key::exact_scalar,
        path::EncodedId,
        stored_type::{self, StoredType},
    },
    operation::{
        Collection, View,
        outage::Fallback,
        profile::{Access, Complexity, trace, trace::Measured},
        read,
    },
    port::Object,
    query::{
        Cursor,
        access::IsReady,
        candidates::{Candidates, Next},
        cursor,
        id_walk::IdWalk,
        known::Known,
        overlay, plan,
        scan::{FEW, over_budget},
    },
};

/// One page of results. Short only at the end.
#[derive(Debug)]
pub struct JsonPage {
    /// The documents, in the order of their ids.
    pub items: Vec<JsonDocument>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Cursor>,
}

/// The documents of a collection by id, narrowed by conditions. Where the type published its indexes and one of them fits (its
/// leading fields compared by [`eq`](Self::eq) or [`has`](Self::has), then one by the others), its entries name the documents
/// that are read; else every document is. Either way each is judged by its JSON, and for one page at most
/// [`Limits::scan_documents`](crate::operation::limits::Limits::scan_documents) are read in a scan, or in vain by an index.
///
/// No index is used for `null`, since a missing member may have a default that only the type knows; nor for a field that a
/// migration step made or changed, since documents of older versions keep what they had until they are migrated.
///
/// A field is a stored name, or names joined by `.` for members of members. Values compare as in an index: numbers with
/// numbers, text by its code points, times as times where the published type says that they are.
#[derive(Debug)]
#[must_use = "a query does nothing until its results are asked for"]
pub struct JsonQuery<'a> {
    collection: &'a JsonCollection,
    tests: Vec<Test>,
    after: Option<Cursor>,
    fallback: Option<Fallback>,
    failure: Option<Error>,
}

/// One condition: how the value of a field compares with `bytes`.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) path: Vec<String>,
    pub(super) ty: Option<StoredType>,
    pub(super) compare: Compare,
    pub(super) value: Value,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compare {
    Equal,
    Has,
    AtLeast,
    Above,
    AtMost,
    Below,
}

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident => $compare:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(self, field: &str, value: &impl Serialize) -> Self {
            self.test(field, Compare::$compare, value)
        }
    )*};
}

impl<'a> JsonQuery<'a> {
    pub(super) fn new(collection: &'a JsonCollection) -> Self {
        Self {
            collection,
            tests: Vec::new(),
            after: None,
            fallback: None,
            failure: None,
        }
    }

    conditions! {
        /// The field has this value; `null` is also a missing one.
        eq => Equal;
        /// The field is a list with this element.
        has => Has;
        /// The field has a value of this kind that is not below this one.
        at_least => AtLeast;
        /// The field has a value of this kind above this one.
        above => Above;
        /// The field has a value of this kind that is not above this one.
        at_most => AtMost;
        /// The field has a value of this kind below this one.
        below => Below;
    }

    /// Goes on where the page with this cursor ended.
    pub fn after(mut self, cursor: impl Into<Cursor>) -> Self {
        self.after = Some(cursor.into());
        self
    }

    /// What is done while no index that would find the documents can be used, whatever the database says:
    /// [`Fallback::Never`] is refused (`SB-INDEX-UNAVAILABLE`) instead of reading every document. A listing without conditions
    /// needs no index.
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = Some(fallback);
        self
    }

    fn test(mut self, field: &str, compare: Compare, value: &impl Serialize) -> Self {
        let path: Vec<String> = field.split('.').map(str::to_owned).collect();
        let ty = self.type_of(&path, compare);
        let value = serde_json::to_value(value).ok();
        let bytes = value.as_ref().and_then(|value| encode(ty.as_ref(), value));
        match value.zip(bytes) {
            Some((value, bytes)) => self.tests.push(Test {
                path,
                ty,
                compare,
                value,
                bytes,
            }),
            None => {
                let text = format!("the argument cannot be compared with `{field}`");
                self.failure
                    .get_or_insert(Error::new(Code::INVALID_VALUE, text));
            }
        }
        self
    }

    fn type_of(&self, path: &[String], compare: Compare) -> Option<StoredType> {
        let facts = self.collection.untyped.facts()?;
        let (first, rest) = path.split_first()?;
        let mut ty = facts.types.get(first)?;
        for name in rest {
            ty = ty.member(name)?;
        }
        let ty = match compare {
            Compare::Has => stored_type::list_element(ty)?,
            _ => ty,
        };
        let encodings = ["bool", "number", "string", "uuid", "timestamp"];
        let is_scalar = encodings
            .iter()
            .any(|name| stored_type::is_indexable(ty, name));
        is_scalar.then(|| ty.clone())
    }

    /// One page of at most `size` documents; short only at the end. `.explain()` runs it and tells what it did.
    ///
    /// # Errors
    /// When it is awaited:
    /// - [`Refused`](crate::ErrorKind::Refused) (`SB-BUDGET`): too many documents would be read before the page is full.
    /// - [`Invalid`](crate::ErrorKind::Invalid): a condition or the cursor is none.
    /// - [`Corrupt`](crate::ErrorKind::Corrupt), [`Unavailable`](crate::ErrorKind::Unavailable): as reading;
    ///   `SB-INDEX-UNAVAILABLE` where it [must not scan](Self::fallback).
    pub fn page(self, size: usize) -> FindJsonPage<'a> {
        FindJsonPage { query: self, size }
    }

    /// All documents that meet the conditions, at most as many as one call may collect (1,000). `.explain()` runs it and tells
    /// what it did.
    ///
    /// # Errors
    /// As [`page`](Self::page), and `SB-TOO-MANY`.
    pub fn all(self) -> FindJson<'a> {
        FindJson { query: self }
    }

    fn measured(&self) -> Measured {
        let untyped = &self.collection.untyped;
        let engine = self.collection.view.engine();
        Measured::begin(engine, "list", untyped.collection.name())
    }

    async fn read(mut self, size: usize) -> Result<JsonPage> {
        let collection = self.collection;
        let page = match self.failure.take() {
            Some(failure) => Err(failure),
            None => self.read_page(size.max(1)).await,
        };
        page.map_err(|error| collection.during("list", error))
    }

    async fn read_all(self) -> Result<Vec<JsonDocument>> {
        let collection = self.collection;
        let most = collection.view.limits.collect;
        let page = self.read(most).await?;
        if page.next.is_none() {
            return Ok(page.items);
        }
        let text =
            format!("there are more than {most} documents; ask for pages, or raise `collect`");
        Err(collection.during("list", Error::new(Code::TOO_MANY, text)))
    }

    async fn read_page(self, size: usize) -> Result<JsonPage> {
        let (view, collection) = (&self.collection.view, &self.collection.untyped.collection);
        let after = match &self.after {
            Some(cursor) => Some(cursor::open_id(view, collection, cursor).await?),
            None => None,
        };
        let mut items = self.gather(after, size.saturating_add(1)).await?;
        let has_more = items.len() > size;
        items.truncate(size);
        let next = match items.last() {
            Some(last) if has_more => Some(cursor::seal_id(view, collection, &last.id).await?),
            _ => None,
        };
        Ok(JsonPage { items, next })
    }

    /// Up to `most` documents that meet the conditions.
    async fn gather(&self, after: Option<EncodedId>, most: usize) -> Result<Vec<JsonDocument>> {
        let (view, collection) = (&self.collection.view, &self.collection.untyped.collection);
        let mut ids = Ids {
            own: overlay::ids_after(view, collection, after.as_ref())?,
            source: self.source(after.as_ref(), most).await?,
            last: after,
            fallback: self.fallback,
        };
        let budget = match self.tests.is_empty() {
            true => usize::MAX, // A listing reads what it shows.
            false => view.limits.scan_documents,
        };
        let (mut found, mut read, mut dropped) = (Vec::new(), 0, 0);
        while found.len() < most {
            // Of what an index names, little is read in vain.
            let reads_ahead = !self.tests.is_empty() && (ids.is_scan() || dropped > 0);
            let batch = match reads_ahead {
                true => usize::MAX,
                false => most - found.len(),
            };
            let batch = ids.next(view, collection, batch.min(view.limits.concurrent_reads));
            let batch = batch.await?;
            if batch.is_empty() {
                break;
            }
            let counted = if ids.is_scan() {
                read + batch.len()
            } else {
                dropped
            };
            // A listing reads what it shows.
            if counted > budget && !self.tests.is_empty() {
                return Err(over_budget(collection, budget));
            }
            read += batch.len();
            found.extend(self.load(batch).await?);
            dropped = read - found.len();
        }
        found.truncate(most);
        Ok(found)
    }

    /// Where ids come from: the entries of an index that fits and is ready, else the collection.
    async fn source(&self, after: Option<&EncodedId>, most: usize) -> Result<Source> {
        let untyped = &self.collection.untyped;
        let (view, collection) = (&self.collection.view, &untyped.collection);
        if self.tests.is_empty() {
            let plan = || ("in the order of ids".to_owned(), "everything".to_owned());
            trace::planned(Access::Keys, Complexity::Results, plan);
            return Ok(Source::all(view, collection, after, most));
        }
        let could_help = ways::could_help(untyped, &self.tests);
        let ways = |is_ready: IsReady<'_>| ways::ways(untyped, &self.tests, is_ready);
        let finders = match could_help {
            true => plan::finders(view, collection, ways).await?,
            false => None,
        };
        plan::planned_by_id(finders.as_deref(), || self.describe());
        if let Some(finders) = finders {
            let candidates = Candidates::new(view, collection, finders, after);
            return Ok(Source::Entries(candidates, most.saturating_add(most / 4)));
        }
        if could_help {
            plan::fall_back(view, collection, self.fallback)?;
        }
        Ok(Source::all(view, collection, after, usize::MAX))
    }

    /// As in explanations: fields and kinds of tests, never a value.
    fn describe(&self) -> String {
        let tests: Vec<_> = self.tests.iter().map(Test::describe).collect();
        format!("({}), by id", tests.join(" and "))
    }

    /// Reads documents side by side; gives those that are there and meet the conditions.
    async fn load(&self, ids: Vec<Item>) -> Result<Vec<JsonDocument>> {
        let (view, collection) = (&self.collection.view, &self.collection.untyped.collection);
        let reads = ids.into_iter().map(|(id, known)| async move {
            let fetched = read::fetch_scanned(view, collection, &id, known).await?;
            let Some(fetched) = fetched.filter(read::Fetched::is_live) else {
                return Ok::<_, Error>(None);
            };
            let is_known = fetched.settled.is_decided();
            let document = JsonDocument::new(id.clone(), fetched, is_known)
                .map_err(|error| read::at(collection, &id, error))?;
            let meets = self.meets(&document)?;
            trace::looked_at(1, usize::from(!meets));
            Ok(meets.then_some(document))
        });
        let read: Vec<_> = stream::iter(reads)
            .buffered(view.limits.concurrent_reads)
            .try_collect()
            .await?;
        Ok(read.into_iter().flatten().collect())
    }

    fn meets(&self, document: &JsonDocument) -> Result<bool> {
        if self.tests.is_empty() {
            return Ok(true);
        }
        let collection = &self.collection.untyped.collection;
        let members: Value = document
            .decode()
            .map_err(|error| read::at(collection, &document.id, error))?;
        Ok(self.tests.iter().all(|test| test.is_met(&members)))
    }
}

/// One page of a query on JSON: [`JsonPage`].
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindJsonPage<'a> {
    query: JsonQuery<'a>,
    size: usize,
}

/// All documents that a query on JSON finds: `Vec<JsonDocument>`.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindJson<'a> {
    query: JsonQuery<'a>,
}

impl<'a> FindJsonPage<'a> {
    fn session(&self) -> &'a View {
        &self.query.collection.view
    }
}

impl<'a> FindJson<'a> {
    fn session(&self) -> &'a View {
        &self.query.collection.view
    }
}

measured_request!(impl['a] FindJsonPage<'a> => JsonPage, |this| this.query.measured(), async move {
    this.query.read(this.size).await
});

measured_request!(impl['a] FindJson<'a> => Vec<JsonDocument>, |this| this.query.measured(), async move {
    this.query.read_all().await
});

/// Where ids come from, in their order.
enum Source {
    /// Every document of the collection, and what is known of them without reading.
    All(Box<(IdWalk, Known)>),
    /// What entries name, in pages of so many.
    Entries(Candidates, usize),
}

impl Source {
    /// The collection after an id, in LIST pages of at most so many.
    fn all(
        view: &View,
        collection: &Arc<Collection>,
        after: Option<&EncodedId>,
        page: usize,
    ) -> Self {
        let mut known = Known::new(view, collection);
        if page < FEW {
            known.without_snapshot();
        }
        Self::All(Box::new((
            IdWalk::new(view, collection, after, page),
            known,
        )))
    }
}

/// The ids of a source, and inside of a transaction those of what it wrote itself.
struct Ids {
    source: Source,
    own: VecDeque<EncodedId>,
    /// Everything up to here was given.
    last: Option<EncodedId>,
    fallback: Option<Fallback>,
}

/// An id, and its object where that need not be read.
type Item = (EncodedId, Option<Object>);

impl Ids {
    fn is_scan(&self) -> bool {
        matches!(self.source, Source::All(_))
    }

    /// The next ones of the source. What an index cannot give any more is listed.
    async fn listed(
        &mut self,
        view: &View,
        collection: &Arc<Collection>,
        most: usize,
    ) -> Result<Vec<Item>> {
        if let Source::Entries(candidates, page) = &mut self.source {
            match candidates.next(most, *page).await? {
                Next::Some(found) => {
                    return Ok(found.into_iter().map(|one| (one.id, None)).collect());
                }
                Next::Lost => {
                    plan::check_may_scan(view, collection, self.fallback)?;
                    let after = self.last.as_ref();
                    self.source = Source::all(view, collection, after, usize::MAX);
                }
            }
        }
        let Source::All(all) = &mut self.source else {
            return Ok(Vec::new());
        };
        let (walk, known) = all.as_mut();
        let listed = walk.next(most).await?;
        let mut known = known.of(&listed, walk).await;
        let items = listed.into_iter().map(|(id, _)| {
            let known = known.remove(&id);
            (id, known)
        });
        Ok(items.collect())
    }

    async fn next(
        &mut self,
        view: &View,
        collection: &Arc<Collection>,
        most: usize,
    ) -> Result<Vec<Item>> {
        let listed = self.listed(view, collection, most).await?;
        self.last = listed
            .last()
            .map(|(id, _)| id.clone())
            .or_else(|| self.last.take());
        let mut ids: Vec<EncodedId> = listed.iter().map(|(id, _)| id.clone()).collect();
        let mut known: HashMap<_, _> = listed.into_iter().collect();
        let last = ids.last().map(overlay::name);
        let comes = |own: &EncodedId| last.as_ref().is_none_or(|last| overlay::name(own) <= *last);
        while self.own.front().is_some_and(comes) {
            ids.extend(self.own.pop_front());
        }
        ids.sort_by_cached_key(overlay::name);
        ids.dedup();
        let next = ids.into_iter().map(|id| {
            let known = known.remove(&id).flatten();
            (id, known)
        });
        Ok(next.collect())
    }
}

impl Test {
    fn describe(&self) -> String {
        let test = match self.compare {
            Compare::Equal => "=",
            Compare::Has => "has",
            Compare::AtLeast | Compare::Above | Compare::AtMost | Compare::Below => "in a range",
        };
        format!("{} {test}", self.path.join("."))
    }

    /// Whether one value passes.
    pub(super) fn is_equality(&self) -> bool {
        matches!(self.compare, Compare::Equal | Compare::Has)
    }

    fn is_met(&self, members: &Value) -> bool {
        let mut value = Some(members);
        for name in &self.path {
            value = value.and_then(|value| value.get(name));
        }
        let value = value.unwrap_or(&Value::Null);
        match self.compare {
            Compare::Has => {
                let mut elements = value.as_array().into_iter().flatten();
                elements.any(|element| self.encode(element).as_ref() == Some(&self.bytes))
            }
            _ => self.encode(value).is_some_and(|bytes| self.holds(&bytes)),
        }
    }

    fn encode(&self, value: &Value) -> Option<Vec<u8>> {
        encode(self.ty.as_ref(), value)
    }

    fn holds(&self, value: &[u8]) -> bool {
        let order = value.cmp(&self.bytes);
        // The first byte is the kind of the value: both booleans are one.
        let is_same_kind = kind(value) == kind(&self.bytes);
        match self.compare {
            Compare::Equal | Compare::Has => order == Ordering::Equal,
            Compare::AtLeast => is_same_kind && order != Ordering::Less,
            Compare::Above => is_same_kind && order == Ordering::Greater,
            Compare::AtMost => is_same_kind && order != Ordering::Greater,
            Compare::Below => is_same_kind && order == Ordering::Less,
        }
    }
}

fn kind(encoded: &[u8]) -> Option<u8> {
    let first = encoded.first().copied();
    first.map(|tag| if tag == 2 { 1 } else { tag })
}

/// The value's bytes as an index has them; of the published type where it is known.
fn encode(ty: Option<&StoredType>, value: &Value) -> Option<Vec<u8>> {
    let scalar: Option<Scalar<'_>> = match ty {
        Some(ty) => stored_type::scalar(ty, value),
        None => stored_type::plain_scalar(value),
    };
    exact_scalar(&scalar?, None).ok()
}
