//! All documents of a collection, by id.

use std::marker::PhantomData;

use futures::stream::BoxStream;

use super::{query::documents, request};
use crate::{
    db::Session,
    document::{Document, Stored},
    error::{Code, Error, Result},
    format::path::EncodedId,
    query::{Cursor, Page, cursor, scan::Documents},
};

/// All documents in the order of their ids: `.await` gives them all, at most as many as one call may collect.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct List<'a, T> {
    session: Session<'a>,
    types: PhantomData<fn() -> T>,
}

impl<'a, T: Document> List<'a, T> {
    pub(crate) fn new(session: Session<'a>) -> Self {
        Self {
            session,
            types: PhantomData,
        }
    }

    /// One page of at most `size` documents; short only at the end.
    pub fn page(self, size: usize) -> ListDocuments<'a, T> {
        ListDocuments {
            list: self,
            size,
            after: None,
        }
    }

    /// The documents one after the other. Holds at most as many as are read side by side.
    #[must_use = "a stream does nothing until it is polled"]
    pub fn stream(self) -> BoxStream<'a, Result<Stored<T>>> {
        let engine = self.session.view();
        let walk = Documents::new(engine, &engine.collection::<T>(), None).with_budget(usize::MAX);
        documents(walk, engine.limits.concurrent_reads, "list")
    }
}

request!(impl['a, T: Document] List<'a, T> => Vec<Stored<T>>, |this| async move {
    let most = this.session.engine().limits.collect;
    let found = take::<T>(&this.session, None, most.saturating_add(1)).await?;
    if found.len() > most {
        let text = format!("there are more than {most} documents; ask for pages or a stream, or raise `collect`");
        return Err(Error::new(Code::TOO_MANY, text).in_collection(T::SPEC.collection).during("list"));
    }
    Ok(found.into_iter().map(|(_, document)| document).collect())
});

/// One page of all documents, by id.
#[derive(Debug)]
#[must_use = "a request does nothing until it is awaited"]
pub struct ListDocuments<'a, T> {
    list: List<'a, T>,
    size: usize,
    after: Option<Cursor>,
}

impl<T> ListDocuments<'_, T> {
    /// Goes on where the page with this cursor ended.
    pub fn after(mut self, cursor: impl Into<Cursor>) -> Self {
        self.after = Some(cursor.into());
        self
    }
}

request!(impl['a, T: Document] ListDocuments<'a, T> => Page<T>, |this| async move {
    let session = &this.list.session;
    let engine = session.engine();
    let collection = engine.collection::<T>();
    let after = match &this.after {
        Some(cursor) => Some(cursor::open_id(engine, &collection, cursor).await?),
        None => None,
    };
    let size = this.size.max(1);
    let mut found = take::<T>(session, after.as_ref(), size.saturating_add(1)).await?;
    let has_more = found.len() > size;
    found.truncate(size);
    let next = match found.last() {
        Some((last, _)) if has_more => Some(cursor::seal_id(engine, &collection, last).await?),
        _ => None,
    };
    Ok(Page { items: found.into_iter().map(|(_, document)| document).collect(), next })
});

/// Up to `most` documents after `after`. A listing reads what it shows, so it has no budget.
async fn take<T: Document>(
    session: &Session<'_>,
    after: Option<&EncodedId>,
    most: usize,
) -> Result<Vec<(EncodedId, Stored<T>)>> {
    let view = session.view();
    let collection = view.collection::<T>();
    let mut documents = Documents::new(view, &collection, after)
        .with_page(most)
        .with_budget(usize::MAX);
    let mut found = Vec::new();
    while found.len() < most {
        match documents
            .next::<T>(most - found.len())
            .await
            .map_err(|error| error.during("list"))?
        {
            Some(batch) => found.extend(batch),
            None => break,
        }
    }
    Ok(found)
}
