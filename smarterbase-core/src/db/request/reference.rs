//! What documents refer to: one, or many at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    marker::PhantomData,
    sync::Arc,
};

use futures::{StreamExt, TryStreamExt, stream};

use super::{FindMany, request};
use crate::{
    db::Session,
    document::{Document, DocumentKey, KeyText, Reference, Stored},
    error::{Error, Result},
    format::path::EncodedId,
    operation::{Collection, View, read, verb::not_found},
};

/// Reads the document that another one refers to: `Option<Stored<P>>`. It is `None` when there is no reference, and when it
/// leads nowhere.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FetchReference<'a, P> {
    session: Session<'a>,
    key: Option<KeyText>,
    types: PhantomData<fn() -> P>,
}

impl<'a, P> FetchReference<'a, P> {
    /// For the derive.
    #[doc(hidden)]
    pub fn new<T>(
        session: impl Into<Session<'a>>,
        reference: Reference<T, P>,
        document: &T,
    ) -> Self {
        Self {
            session: session.into(),
            key: (reference.read)(document),
            types: PhantomData,
        }
    }
}

impl<P: Document> FetchReference<'_, P> {
    /// What is referred to must be there.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound): there is no reference, or no such document. As
    /// [`get`](crate::db::DocumentExt::get) otherwise.
    pub async fn required(self) -> Result<Stored<P>> {
        let collection = self.session.engine().collection::<P>();
        let Some(key) = &self.key else {
            let text = "there is no reference";
            return Err(Error::new(crate::error::Code::NOT_FOUND, text)
                .in_collection(P::SPEC.collection)
                .during("fetch"));
        };
        let id = EncodedId::encode(key)?;
        self.await?
            .ok_or_else(|| not_found(&collection, &id).during("fetch"))
    }
}

request!(impl['a, P: Document] FetchReference<'a, P> => Option<Stored<P>>, |this| async move {
    let Some(key) = this.key else { return Ok(None) };
    let collection = this.session.engine().collection::<P>();
    let loaded = read::load::<P>(this.session.view(), &collection, &EncodedId::encode(&key)?).await;
    loaded.map_err(|error| error.during("fetch"))
});

impl<T: Document, P: Document> Reference<T, P> {
    /// Reads what these documents refer to, each document once: as many GETs as there are different ones, at most
    /// [`Limits::concurrent_reads`](crate::operation::limits::Limits::concurrent_reads) at the same time.
    pub fn load_many<'a, D>(
        self,
        session: impl Into<Session<'a>>,
        documents: impl IntoIterator<Item = D>,
    ) -> LoadMany<'a, T, P>
    where
        D: AsRef<T>,
    {
        let mut keys = BTreeSet::new();
        for document in documents {
            if let Some(key) = (self.read)(document.as_ref()) {
                keys.insert(key.0);
            }
        }
        LoadMany {
            session: session.into(),
            reference: self,
            keys,
        }
    }
}

/// Reads what many documents refer to: [`Loaded`].
#[must_use = "a request does nothing until it is awaited"]
pub struct LoadMany<'a, T, P> {
    session: Session<'a>,
    reference: Reference<T, P>,
    keys: BTreeSet<String>,
}

impl<T, P> std::fmt::Debug for LoadMany<'_, T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LoadMany({} keys)", self.keys.len())
    }
}

request!(impl['a, T: Document, P: Document] LoadMany<'a, T, P> => Loaded<T, P>, |this| async move {
    let view = this.session.view();
    let found = load(view, &view.collection::<P>(), this.keys).await;
    let found = found.map_err(|error| error.during("load_many"))?;
    Ok(Loaded { reference: this.reference, found })
});

async fn load<P: Document>(
    view: &View,
    collection: &Arc<Collection>,
    keys: BTreeSet<String>,
) -> Result<BTreeMap<String, Arc<Stored<P>>>> {
    let loads: Vec<_> = keys
        .into_iter()
        .map(|key| async move {
            let key = KeyText(key);
            let id = EncodedId::encode(&key)?;
            let document = read::load::<P>(view, collection, &id).await?;
            Ok::<_, Error>(document.map(|document| (key.0, Arc::new(document))))
        })
        .collect();
    let most = view.limits.concurrent_reads;
    let loaded: Vec<_> = stream::iter(loads)
        .buffer_unordered(most)
        .try_collect()
        .await?;
    Ok(loaded.into_iter().flatten().collect())
}

/// Documents that others refer to, by the reference.
pub struct Loaded<T, P: Document> {
    reference: Reference<T, P>,
    found: BTreeMap<String, Arc<Stored<P>>>,
}

impl<T, P: Document> std::fmt::Debug for Loaded<T, P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Loaded({} documents)", self.found.len())
    }
}

impl<T: Document, P: Document> Loaded<T, P> {
    /// What this document refers to; `None` where it refers to nothing, or the reference leads nowhere.
    #[must_use]
    pub fn of(&self, document: &T) -> Option<&Arc<Stored<P>>> {
        self.found.get(&(self.reference.read)(document)?.0)
    }

    /// The document with this key.
    #[must_use]
    pub fn get(&self, key: &P::Key) -> Option<&Arc<Stored<P>>> {
        self.found.get(&key.to_text().0)
    }

    /// How many documents were found.
    #[must_use]
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether none was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Reads what these documents refer to.
    async fn extend(
        &mut self,
        view: &View,
        collection: &Arc<Collection>,
        documents: &[Stored<T>],
    ) -> Result<()> {
        let keys = documents
            .iter()
            .filter_map(|document| (self.reference.read)(document))
            .map(|key| key.0);
        let keys = keys.collect();
        self.found.extend(load(view, collection, keys).await?);
        Ok(())
    }
}

impl<'a, T: Document> FindMany<'a, T> {
    /// Each document together with what it refers to: as many more GETs as there are different ones.
    pub fn with<P: Document>(self, reference: Reference<T, P>) -> FindWith<'a, T, P> {
        FindWith {
            find: self,
            reference,
        }
    }
}

/// Documents with what they refer to: `Vec<(Stored<T>, Option<Arc<Stored<P>>>)>`, at most as many as one call may collect.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindWith<'a, T, P: Document> {
    find: FindMany<'a, T>,
    reference: Reference<T, P>,
}

/// A document and what it refers to.
pub type Pair<T, P> = (Stored<T>, Option<Arc<Stored<P>>>);

request!(impl['a, T: Document, P: Document] FindWith<'a, T, P> => Vec<Pair<T, P>>, |this| async move {
    let view = this.find.session().view().clone();
    let documents = this.find.await?;
    let mut loaded = Loaded { reference: this.reference, found: BTreeMap::new() };
    let extended = loaded.extend(&view, &view.collection::<P>(), &documents).await;
    extended.map_err(|error| error.during("with"))?;
    Ok(documents.into_iter().map(|document| {
        let other = loaded.of(&document).cloned();
        (document, other)
    }).collect())
});
