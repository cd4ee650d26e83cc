//! Deletes documents that are past their time, which TTL indexes name: when asked to, and again and again while the database
//! is open.

use std::{
    ops::Bound,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};

pub use crate::operation::expiry::ExpiryReport;
use crate::{
    document::{Document, Scalar, Timestamp},
    error::{Code, Error, ErrorKind, Result},
    maintenance::cascade,
    operation::{
        Collection, Engine, View, metric,
        outage::Fallback,
        read::{self, Fetched},
        relations::{Expire, Kin},
    },
    query::{
        range::IndexRange,
        selection::Selection,
        walk::{self, Batch, Found},
    },
};

/// How many documents are found at a time.
const PAGE: usize = 256;
/// How many are deleted at the same time.
const AT_ONCE: usize = 8;
/// How many may fail before a look gives up.
const MOST_FAILURES: usize = 16;

/// Deletes what is past its time by any TTL index of a type.
pub(crate) async fn of_type<T: Document>(engine: &Arc<Engine>) -> Result<ExpiryReport> {
    engine.check_open()?;
    let view = View::plain(engine.clone());
    all(&view, T::SPEC.ttls(), by_index::<T>).await
}

async fn all(
    view: &View,
    ttls: impl Iterator<Item = (u16, Duration)>,
    expire: Expire,
) -> Result<ExpiryReport> {
    let mut report = ExpiryReport::default();
    for (ordinal, ttl) in ttls {
        let last = view.now().saturating_sub(ttl);
        report = report.and(expire(view, ordinal, last).await?);
    }
    Ok(report)
}

/// What deletes by a TTL index, for types that have one: for others it need not be compiled.
pub(super) const fn of<T: Document>() -> Option<Expire> {
    match T::SPEC.has_ttl() {
        true => Some(by_index::<T>),
        false => None,
    }
}

/// Deletes what is past its time by one TTL index: what has a moment in it up to `last`.
fn by_index<T: Document>(
    view: &View,
    ordinal: u16,
    last: Timestamp,
) -> BoxFuture<'_, Result<ExpiryReport>> {
    async move {
        let collection = view.collection::<T>();
        let range = up_to::<T>(ordinal, last)?;
        let mut selection = Selection::<T>::by_entry(range.clone());
        // Reading every document each time would cost more than it is worth.
        selection.fallback = Some(Fallback::Never);
        let (mut look, mut after) = (Look::default(), None);
        loop {
            let Batch { found, has_more } =
                walk::page(view, &collection, &selection, after.as_ref(), PAGE).await?;
            after = found.last().map(|found| found.place.clone());
            look.delete_all(view, &collection, &range, found).await?;
            if !has_more {
                return look.failure.map_or(Ok(look.report), Err);
            }
        }
    }
    .boxed()
}

/// One walk along an index. A document that cannot be deleted does not keep it from the others.
#[derive(Default)]
struct Look {
    report: ExpiryReport,
    failures: usize,
    /// The first one.
    failure: Option<Error>,
}

impl Look {
    async fn delete_all<T: Document>(
        &mut self,
        view: &View,
        collection: &Arc<Collection>,
        range: &IndexRange,
        found: Vec<Found<T>>,
    ) -> Result<()> {
        let deletions = found
            .into_iter()
            .map(|found| delete::<T>(view, collection, range, found));
        let mut deletions = stream::iter(deletions).buffer_unordered(AT_ONCE);
        while let Some(deletion) = deletions.next().await {
            match deletion {
                Ok(report) => self.report = self.report.and(report),
                Err(error) => self.note(error)?,
            }
        }
        Ok(())
    }

    fn note(&mut self, error: Error) -> Result<()> {
        self.failures += 1;
        if error.kind() == ErrorKind::Unavailable || self.failures == MOST_FAILURES {
            return Err(error);
        }
        self.failure.get_or_insert(error);
        Ok(())
    }
}

/// The moments up to `last`. A document without one has no end.
fn up_to<T: Document>(ordinal: u16, last: Timestamp) -> Result<IndexRange> {
    let (seconds, nanoseconds) = last.to_parts();
    let bounds = (
        Bound::Included(Scalar::Timestamp(i64::MIN, 0)),
        Bound::Included(Scalar::Timestamp(seconds, nanoseconds)),
    );
    IndexRange::new(T::SPEC, ordinal, &[], Some(bounds))
}

/// Deletes one document, if it is still past its time when it goes.
async fn delete<T: Document>(
    view: &View,
    collection: &Arc<Collection>,
    range: &IndexRange,
    found: Found<T>,
) -> Result<ExpiryReport> {
    let id = found.place.id;
    let still = |fetched: &Fetched| {
        let document = read::decode::<T>(collection, &id, fetched.clone())?;
        Ok(range.first_value(&*document, false)?.is_some())
    };
    let mut report = ExpiryReport::default();
    match cascade::delete::<T>(view, collection, &id, still).await {
        Ok(deleted) => report.deleted = u64::from(deleted),
        Err(error) if is_restricted(&error) => report.restricted = 1,
        Err(error) => return Err(error),
    }
    metric::expired(collection.name(), report.deleted);
    Ok(report)
}

fn is_restricted(error: &Error) -> bool {
    error.code() == Code::RESTRICTED.text()
}

/// Deletes from time to time what is past its time, of every type that the program has told. One task per engine; it ends with
/// the database.
pub(crate) fn watch(engine: &Arc<Engine>, every: Duration) {
    let (clock, ending) = (engine.clock.clone(), engine.outages.ending.clone());
    let engine_of_others = Arc::downgrade(engine);
    engine.tasks.spawn(async move {
        while let Some(pause) = pause(&engine_of_others, every) {
            let slept = ending.run_until_cancelled(clock.sleep(pause)).await;
            let Some(engine) = slept.and_then(|()| engine_of_others.upgrade()) else {
                return;
            };
            if ending.run_until_cancelled(run(&engine)).await.is_none() {
                return;
            }
        }
    });
}

/// Processes that start together do not run in step.
fn pause(engine: &Weak<Engine>, every: Duration) -> Option<Duration> {
    let most = u64::try_from(every.as_millis() / 4).unwrap_or(u64::MAX);
    let jitter = engine.upgrade()?.rng.below(most.max(1));
    Some(every + Duration::from_millis(jitter))
}

/// One that fails does not keep it from the others.
async fn run(engine: &Arc<Engine>) {
    let view = View::plain(engine.clone());
    for kin in engine.relations.types() {
        let Some(expire) = kin.expire else {
            continue;
        };
        if let Err(error) = all(&view, kin.spec.ttls(), expire).await {
            report(kin, &error);
        }
    }
}

fn report(kin: &Kin, error: &Error) {
    let collection = kin.spec.collection;
    if error.code() == Code::INDEX_UNAVAILABLE.text() {
        tracing::debug!(
            collection,
            "a TTL index is not ready, so nothing is deleted by it"
        );
    } else {
        tracing::warn!(collection, %error, "documents that are past their time could not be deleted");
    }
}
