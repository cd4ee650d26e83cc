//! Walking the names below a prefix, page by page.

use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};

use crate::{
    error::{Code, Error, Result},
    format::{Key, Prefix, path::EncodedId},
    operation::{Engine, register},
};

/// Every name below a prefix.
pub(super) fn names(engine: &Engine, prefix: Prefix) -> BoxStream<'_, Result<EncodedId>> {
    let pages = stream::try_unfold(Some(None), move |at| {
        let prefix = prefix.clone();
        async move { next_page(engine, &prefix, at).await }
    });
    pages
        .map_ok(|names| stream::iter(names).map(Ok))
        .try_flatten()
        .boxed()
}

/// The page that begins after a path (`Some(None)`: the first one), and where the one after it does.
async fn next_page(
    engine: &Engine,
    prefix: &Prefix,
    at: Option<Option<Key>>,
) -> Result<Option<(Vec<EncodedId>, Option<Option<Key>>)>> {
    let Some(after) = at else { return Ok(None) };
    let (page, next) = register::names(engine, prefix, after.as_ref()).await?;
    Ok(Some((page, next.map(Some))))
}

/// All of a stream, at most as many as one call may collect.
pub(super) async fn collect<T>(
    engine: &Engine,
    what: &str,
    found: BoxStream<'_, Result<T>>,
) -> Result<Vec<T>> {
    let most = engine.limits.collect;
    let found: Vec<T> = found.take(most.saturating_add(1)).try_collect().await?;
    if found.len() > most {
        let text =
            format!("there are more than {most} {what}; ask for the stream, or raise `collect`");
        return Err(Error::new(Code::TOO_MANY, text));
    }
    Ok(found)
}
