//! What is done with the documents of one type, without its Rust type.

use futures::{FutureExt, future::BoxFuture};

use serde_json::Value;

use super::{delete_under, tree::referrer};
use crate::{
    document::{Document, DocumentKey, KeyKind, OnDelete, Scalar},
    error::{Code, Error, ErrorKind, Result},
    format::{index_key::EncodedValue, path::EncodedId},
    maintenance::expire,
    operation::{
        Collection, Engine, View,
        read::{self, Fetched},
        relations::{Ancestry, Kin, Node, Referrer},
        verb::{remove, untyped::encode_text, update},
    },
    query::{
        range::IndexRange,
        selection::{Place, Selection},
        walk,
    },
};

impl Kin {
    /// What is done with documents of type `T`.
    pub(crate) const fn of<T: Document>() -> Self {
        Self {
            spec: T::SPEC,
            collection: Engine::collection::<T>,
            find: find::<T>,
            parents: parents::<T>,
            delete: delete_referrer::<T>,
            delete_tree: delete_tree::<T>,
            nullify: nullify::<T>,
            delete_root: delete_root::<T>,
            expire: expire::of::<T>(),
        }
    }
}

/// The key of a document, as references to it are indexed.
pub(super) fn scalar_of(kind: KeyKind, id: &EncodedId) -> Scalar<'static> {
    let text = id.decode().0;
    let scalar = match kind {
        KeyKind::Uuid => uuid::Uuid::try_parse(&text)
            .ok()
            .map(|uuid| Scalar::Uuid(*uuid.as_bytes())),
        KeyKind::Unsigned => text.parse().ok().map(Scalar::Unsigned),
        KeyKind::Text => None,
    };
    scalar.unwrap_or(Scalar::Text(text.into()))
}

fn range<T: Document>(referrer: &Referrer) -> Result<IndexRange> {
    let target = std::slice::from_ref(&referrer.target);
    IndexRange::new(T::SPEC, referrer.reference.ordinal, target, None)
}

/// Whether a document still refers as it did: who moved to another one meanwhile stays.
fn refers<'a, T: Document>(
    collection: &'a Collection,
    id: &'a EncodedId,
    range: &'a IndexRange,
) -> impl Fn(&Fetched) -> Result<bool> + Send + Sync + 'a {
    move |fetched| {
        let document = read::decode::<T>(collection, id, fetched.clone())?;
        Ok(range.first_value(&*document, false)?.is_some())
    }
}

fn find<'a, T: Document>(
    view: &'a View,
    referrer: &'a Referrer,
    after: Option<&'a EncodedId>,
    most: usize,
) -> BoxFuture<'a, Result<Vec<EncodedId>>> {
    async move {
        let range = range::<T>(referrer)?;
        let after = after.map(|id| Place {
            value: EncodedValue(range.entries.lower.clone()),
            id: id.clone(),
        });
        let selection = Selection::<T>::by_entry(range);
        let collection = view.collection::<T>();
        let batch = walk::page(view, &collection, &selection, after.as_ref(), most).await?;
        let found = batch.found.into_iter();
        Ok(found.map(|found| found.place.id).collect())
    }
    .boxed()
}

fn parents<'a, T: Document>(
    view: &'a View,
    id: &'a EncodedId,
) -> BoxFuture<'a, Result<Vec<(Node, Referrer)>>> {
    async move {
        let collection = view.collection::<T>();
        let fetched = read::fetch(view, &collection, id).await?;
        let Some(fetched) = read::live(&collection, id, fetched)? else {
            return Ok(Vec::new());
        };
        let document = read::decode::<T>(&collection, id, fetched)?;
        let members = serde_json::to_value(&*document).unwrap_or_default();
        let mut parents = Vec::new();
        for reference in T::SPEC.references {
            let key = match &members[reference.field] {
                Value::String(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            let target = view.relations.kin(reference.target);
            let target = target.filter(|_| reference.on_delete == OnDelete::Cascade);
            if let Some(target) = target {
                let key = encode_text(&collection, target.spec.key_kind, &key)?;
                let node = (target.spec.collection, key.as_str().to_owned());
                parents.push((node, referrer(target.spec, &key, reference)));
            }
        }
        Ok(parents)
    }
    .boxed()
}

fn delete_referrer<'a, T: Document>(
    view: &'a View,
    id: &'a EncodedId,
    referrer: &'a Referrer,
) -> BoxFuture<'a, Result<bool>> {
    async move {
        let (collection, range) = (view.collection::<T>(), range::<T>(referrer)?);
        let refers = refers::<T>(&collection, id, &range);
        remove::delete_where::<T>(view, &collection, id, refers).await
    }
    .boxed()
}

fn nullify<'a, T: Document>(
    view: &'a View,
    id: &'a EncodedId,
    referrer: &'a Referrer,
) -> BoxFuture<'a, Result<bool>> {
    async move {
        let (collection, range) = (view.collection::<T>(), range::<T>(referrer)?);
        let key = T::Key::from_text(&id.decode().0)?;
        let mut refers = false;
        let cleared = update::update::<T>(view, &collection, &key, |document| {
            refers = range.first_value(document, false)?.is_some();
            if refers {
                *document = without(document, referrer.reference.field)?;
            }
            Ok(())
        });
        match cleared.await {
            Ok(_) => Ok(refers),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
    .boxed()
}

/// The document with `null` in a field.
fn without<T: Document>(document: &T, field: &'static str) -> Result<T> {
    let failed = |_| {
        let text = "the document cannot be read with `null` in its reference";
        Error::new(Code::INVALID, text)
            .in_collection(T::SPEC.collection)
            .on_field(field)
    };
    let mut members = serde_json::to_value(document).map_err(failed)?;
    members[field] = serde_json::Value::Null;
    serde_json::from_value(members).map_err(failed)
}

fn delete_tree<'a, T: Document>(
    view: &'a View,
    id: &'a EncodedId,
    referrer: &'a Referrer,
    ancestry: &'a Ancestry<'a>,
) -> BoxFuture<'a, Result<bool>> {
    async move {
        let (collection, range) = (view.collection::<T>(), range::<T>(referrer)?);
        let refers = refers::<T>(&collection, id, &range);
        delete_under::<T>(view, &collection, id, &refers, ancestry).await
    }
    .boxed()
}

fn delete_root<'a, T: Document>(
    view: &'a View,
    id: &'a EncodedId,
    ancestry: &'a Ancestry<'a>,
) -> BoxFuture<'a, Result<bool>> {
    async move {
        let collection = view.collection::<T>();
        delete_under::<T>(view, &collection, id, &|_: &Fetched| Ok(true), ancestry).await
    }
    .boxed()
}
