//! The documents of a collection by id, narrowed by conditions on their JSON.

use std::{cmp::Ordering, collections::VecDeque};

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use serde_json::Value;

use super::{JsonCollection, JsonDocument};
use crate::{
    document::Scalar,
    error::{Code, Error, Result},
    format::{
        index_key::exact_scalar,
        path::EncodedId,
        stored_type::{self, StoredType},
    },
    operation::read,
    port::Object,
    query::{
        Cursor, cursor,
        id_walk::IdWalk,
        known::Known,
        overlay,
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

/// The documents of a collection by id, narrowed by conditions. Every document is read and judged: with conditions at most
/// [`Limits::scan_documents`](crate::operation::limits::Limits::scan_documents) for one page.
///
/// A field is a stored name, or names joined by `.` for members of members. Values compare as in an index: numbers with
/// numbers, text by its code points, times as times where the published type says that they are.
#[derive(Debug)]
#[must_use = "a query does nothing until its results are asked for"]
pub struct JsonQuery<'a> {
    collection: &'a JsonCollection,
    tests: Vec<Test>,
    after: Option<Cursor>,
    failure: Option<Error>,
}

/// One condition: how the value of a field compares with `bytes`.
#[derive(Debug)]
struct Test {
    path: Vec<String>,
    ty: Option<StoredType>,
    compare: Compare,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
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

    fn test(mut self, field: &str, compare: Compare, value: &impl Serialize) -> Self {
        let path: Vec<String> = field.split('.').map(str::to_owned).collect();
        let ty = self.type_of(&path, compare);
        match bytes_of(ty.as_ref(), value) {
            Some(bytes) => self.tests.push(Test {
                path,
                ty,
                compare,
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

    /// One page of at most `size` documents; short only at the end.
    ///
    /// # Errors
    /// - [`Refused`](crate::ErrorKind::Refused) (`SB-BUDGET`): too many documents would be read before the page is full.
    /// - [`Invalid`](crate::ErrorKind::Invalid): a condition or the cursor is none.
    /// - [`Corrupt`](crate::ErrorKind::Corrupt), [`Unavailable`](crate::ErrorKind::Unavailable): as reading.
    pub async fn page(self, size: usize) -> Result<JsonPage> {
        let collection = self.collection;
        let read = self.read(size.max(1));
        read.await.map_err(|error| collection.during("list", error))
    }

    /// All documents that meet the conditions, at most as many as one call may collect (1,000).
    ///
    /// # Errors
    /// As [`page`](Self::page), and `SB-TOO-MANY`.
    pub async fn all(self) -> Result<Vec<JsonDocument>> {
        let collection = self.collection;
        let most = collection.view.limits.collect;
        let page = self.page(most).await?;
        if page.next.is_none() {
            return Ok(page.items);
        }
        let text =
            format!("there are more than {most} documents; ask for pages, or raise `collect`");
        Err(collection.during("list", Error::new(Code::TOO_MANY, text)))
    }

    async fn read(self, size: usize) -> Result<JsonPage> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
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
        let page = if self.tests.is_empty() {
            most
        } else {
            usize::MAX
        };
        let mut ids = Ids {
            own: overlay::ids_after(view, collection, after.as_ref())?,
            walk: IdWalk::new(view, collection, after.as_ref(), page),
            known: Known::new(view, collection),
        };
        if page < FEW {
            ids.known.without_snapshot();
        }
        let budget = match self.tests.is_empty() {
            true => usize::MAX, // A listing reads what it shows.
            false => view.limits.scan_documents,
        };
        let (mut found, mut read) = (Vec::new(), 0);
        while found.len() < most {
            let batch = match self.tests.is_empty() {
                true => most - found.len(),
                false => usize::MAX,
            };
            let batch = ids.next(batch.min(view.limits.concurrent_reads)).await?;
            if batch.is_empty() {
                break;
            }
            read += batch.len();
            if read > budget {
                return Err(over_budget(collection, budget));
            }
            found.extend(self.load(batch).await?);
        }
        found.truncate(most);
        Ok(found)
    }

    /// Reads documents side by side; gives those that are there and meet the conditions.
    async fn load(&self, ids: Vec<Next>) -> Result<Vec<JsonDocument>> {
        let (view, collection) = (&self.collection.view, &self.collection.untyped.collection);
        let reads = ids.into_iter().map(|(id, known)| async move {
            let fetched = read::fetch_scanned(view, collection, &id, known).await?;
            let Some(fetched) = fetched.filter(read::Fetched::is_live) else {
                return Ok::<_, Error>(None);
            };
            let is_known = fetched.settled.is_decided();
            let document = JsonDocument::new(id.clone(), fetched, is_known)
                .map_err(|error| read::at(collection, &id, error))?;
            Ok(self.meets(&document)?.then_some(document))
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

/// The ids of a walk, and inside of a transaction those of what it wrote itself.
struct Ids {
    walk: IdWalk,
    known: Known,
    own: VecDeque<EncodedId>,
}

/// An id, and its object where that need not be read.
type Next = (EncodedId, Option<Object>);

impl Ids {
    async fn next(&mut self, most: usize) -> Result<Vec<Next>> {
        let listed = self.walk.next(most).await?;
        let mut known = self.known.of(&listed, &self.walk).await;
        let mut ids: Vec<EncodedId> = listed.into_iter().map(|(id, _)| id).collect();
        let last = ids.last().map(overlay::name);
        let comes = |own: &EncodedId| last.as_ref().is_none_or(|last| overlay::name(own) <= *last);
        while self.own.front().is_some_and(comes) {
            ids.extend(self.own.pop_front());
        }
        ids.sort_by_cached_key(overlay::name);
        ids.dedup();
        let next = ids.into_iter().map(|id| {
            let known = known.remove(&id);
            (id, known)
        });
        Ok(next.collect())
    }
}

impl Test {
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

fn bytes_of(ty: Option<&StoredType>, value: &impl Serialize) -> Option<Vec<u8>> {
    encode(ty, &serde_json::to_value(value).ok()?)
}

/// The value's bytes as an index has them; of the published type where it is known.
fn encode(ty: Option<&StoredType>, value: &Value) -> Option<Vec<u8>> {
    let scalar: Option<Scalar<'_>> = match ty {
        Some(ty) => stored_type::scalar(ty, value),
        None => stored_type::plain_scalar(value),
    };
    exact_scalar(&scalar?, None).ok()
}
