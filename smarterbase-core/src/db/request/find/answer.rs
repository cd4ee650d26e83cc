//! What a finder or a query can be asked for: a page, the first ones, keys, counts, deletions.

use super::{FindMany, documents};
use crate::{
    db::{Session, request::measured_request},
    document::{Document, Stored},
    error::{Code, Error},
    maintenance::cascade,
    operation::{read, verb::encode_key},
    query::{Cursor, Page, cursor, walk::Found},
};

/// One page of a finder or a query.
#[must_use = "a request does nothing until it is awaited"]
#[derive(Debug)]
pub struct FindPage<'a, T> {
    pub(super) find: FindMany<'a, T>,
    pub(super) size: usize,
    pub(super) after: Option<Cursor>,
}

impl<T> FindPage<'_, T> {
    /// Goes on where the page with this cursor ended.
    pub fn after(mut self, cursor: impl Into<Cursor>) -> Self {
        self.after = Some(cursor.into());
        self
    }

    /// Goes on after the cursor, if there is one.
    pub fn after_opt(mut self, cursor: Option<Cursor>) -> Self {
        self.after = cursor;
        self
    }
}

measured_request!(impl['a, T: Document] FindPage<'a, T> => Page<T>, |this| this.find.measured(), async move {
    let engine = this.find.session.engine();
    let collection = engine.collection::<T>();
    let selection = this.find.selection()?;
    let after = match &this.after {
        Some(cursor) => Some(cursor::open(engine, &collection, selection, cursor).await?),
        None => None,
    };
    let batch = this.find.batch(after.as_ref(), this.size.max(1)).await?;
    let next = match batch.found.last() {
        Some(last) if batch.has_more => Some(cursor::seal(engine, &collection, selection, &last.place).await?),
        _ => None,
    };
    Ok(Page { items: documents(batch), next })
});

/// The first documents: `Vec<Stored<T>>`.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindLimited<'a, T> {
    pub(super) find: FindMany<'a, T>,
    pub(super) most: usize,
}

measured_request!(impl['a, T: Document] FindLimited<'a, T> => Vec<Stored<T>>, |this| this.find.measured(), async move {
    this.find.limited(this.most).await
});

/// The first document: `Option<Stored<T>>`.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindFirst<'a, T> {
    pub(super) find: FindMany<'a, T>,
}

measured_request!(impl['a, T: Document] FindFirst<'a, T> => Option<Stored<T>>, |this| this.find.measured(), async move {
    Ok(this.find.limited(1).await?.pop())
});

/// The only document. None is `NotFound`, several are `Refused` (`SB-TOO-MANY`).
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindOnly<'a, T> {
    pub(super) find: FindMany<'a, T>,
}

measured_request!(impl['a, T: Document] FindOnly<'a, T> => Stored<T>, |this| this.find.measured(), async move {
    let batch = this.find.batch(None, 1).await?;
    if batch.has_more {
        let text = "more than one document matches";
        return Err(Error::new(Code::TOO_MANY, text).in_collection(T::SPEC.collection).during(this.find.operation));
    }
    documents(batch).pop().ok_or_else(|| {
        Error::new(Code::NOT_FOUND, "no document matches").in_collection(T::SPEC.collection).during(this.find.operation)
    })
});

/// Whether any document matches: `bool`.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindAny<'a, T> {
    pub(super) find: FindMany<'a, T>,
}

measured_request!(impl['a, T: Document] FindAny<'a, T> => bool, |this| this.find.measured(), async move {
    Ok(!this.find.limited(1).await?.is_empty())
});

type Compare<'a, T> = Box<dyn Fn(&T, &T) -> std::cmp::Ordering + Send + Sync + 'a>;

/// The documents in the order of a comparison: `Vec<Stored<T>>`, at most as many as one call may collect.
#[must_use = "a request does nothing until it is awaited"]
pub struct FindSorted<'a, T> {
    pub(super) find: FindMany<'a, T>,
    pub(super) compare: Compare<'a, T>,
    pub(super) most: Option<usize>,
}

impl<T> std::fmt::Debug for FindSorted<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FindSorted").finish_non_exhaustive()
    }
}

impl<T> FindSorted<'_, T> {
    /// The first `most` of them; all are read, and twice as many held.
    pub fn limit(mut self, most: usize) -> Self {
        self.most = Some(most);
        self
    }
}

measured_request!(impl['a, T: Document] FindSorted<'a, T> => Vec<Stored<T>>, |this| this.find.measured(), async move {
    let collect = this.find.session.engine().limits.collect;
    let (most, too_many) = (this.most.unwrap_or(collect), this.find.too_many(collect));
    let mut found = Vec::new();
    let mut walk = this.find.walk()?;
    loop {
        let batch = walk.next().await.map_err(|error| error.during("sort_by"))?;
        if batch.is_empty() {
            break;
        }
        found.extend(batch.into_iter().map(|next| next.document));
        if this.most.is_none() && found.len() > most {
            return Err(too_many);
        }
        if found.len() >= most.max(1).saturating_mul(2) {
            found.sort_by(|left, right| (this.compare)(left, right));
            found.truncate(most);
        }
    }
    found.sort_by(|left, right| (this.compare)(left, right));
    found.truncate(most);
    Ok(found)
});

/// The keys of the documents that match: `Vec<T::Key>`, at most as many as one call may collect.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct FindKeys<'a, T> {
    pub(super) find: FindMany<'a, T>,
}

measured_request!(impl['a, T: Document] FindKeys<'a, T> => Vec<T::Key>, |this| this.find.measured(), async move {
    Ok(this.find.all().await?.iter().map(|document| document.key().clone()).collect())
});

/// Counts documents exactly.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct Count<'a, T> {
    pub(super) find: FindMany<'a, T>,
}

measured_request!(impl['a, T: Document] Count<'a, T> => u64, |this| this.find.measured_as("count"), async move {
    this.find.walk()?.count().await.map_err(|error| error.during("count"))
});

/// About how many documents match: `u64`. Counts entries, so stale ones and conditions without an index make it too large;
/// what no index finds is an error.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct EstimateCount<'a, T> {
    pub(super) find: FindMany<'a, T>,
}

measured_request!(impl['a, T: Document] EstimateCount<'a, T> => u64, |this| this.find.measured_as("count_estimate"), async move {
    this.find.walk()?.count_estimate().await.map_err(|error| error.during("count_estimate"))
});

/// Deletes documents one by one: gives how many went. A failure stops it; what went is gone.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct DeleteMany<'a, T> {
    pub(super) find: FindMany<'a, T>,
}

measured_request!(impl['a, T: Document] DeleteMany<'a, T> => u64, |this| this.find.measured(), async move {
    let view = this.find.session.view().clone();
    let collection = view.collection::<T>();
    let mut walk = this.find.walk()?;
    let mut deleted = 0;
    loop {
        let found = walk.next().await.map_err(|error| error.during("delete"))?;
        if found.is_empty() {
            return Ok(deleted);
        }
        for Found { document, place } in found {
            let id = encode_key(&collection, document.key())?;
            // It must still match when it goes: somebody may have changed it meanwhile.
            let still = |fetched: &read::Fetched| {
                let current = read::decode::<T>(&collection, &place.id, fetched.clone())?;
                Ok(walk.selection().place(&current, &place.id)?.is_some())
            };
            let gone = cascade::delete_while::<T>(&view, &collection, &id, still, false).await;
            deleted += u64::from(gone.map_err(|error| error.during("delete"))?);
        }
    }
});

macro_rules! sessions {
    ($($name:ident,)*) => {$(
        impl<'a, T: Document> $name<'a, T> {
            fn session(&self) -> &Session<'a> {
                self.find.session()
            }
        }
    )*};
}
sessions! {
    FindPage,
    FindLimited,
    FindFirst,
    FindOnly,
    FindAny,
    FindSorted,
    FindKeys,
    Count,
    EstimateCount,
    DeleteMany,
}
