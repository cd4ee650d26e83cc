//! Deletes documents that are past their time, which TTL indexes name: when asked to, and again and again while the database
//! is open.
//!
//! The index names candidates; each is judged when it goes, inside of what deletes it. Nothing is kept of a deletion that was left
//! half way: the index names the document again.

mod watch;

use std::{ops::Bound, sync::Arc, time::Duration};

use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};

pub(crate) use self::watch::watch;
pub use crate::operation::expiry::ExpiryReport;
use crate::{
    document::{Document, Scalar, Timestamp},
    error::{Code, Error, ErrorKind, Result},
    maintenance::cascade,
    operation::{
        Collection, Engine, View,
        expiry::Held,
        metric,
        read::{self, Fetched},
        relations::Expire,
    },
    query::{
        index_walk::{self, Candidate, Source, Wanted},
        range::IndexRange,
    },
};

/// How many documents are found at a time.
const PAGE: usize = 256;
/// How many are deleted at the same time.
const AT_ONCE: usize = 8;
/// How many may fail before a look gives up.
const MOST_FAILURES: usize = 16;

/// What deletes by a TTL index, for types that have one: for others it need not be compiled.
pub(super) const fn of<T: Document>() -> Option<Expire> {
    match T::SPEC.has_ttl() {
        true => Some(by_index::<T>),
        false => None,
    }
}

/// Deletes what is past its time by any TTL index of a type.
pub(crate) async fn of_type<T: Document>(engine: &Arc<Engine>) -> Result<ExpiryReport> {
    engine.check_open()?;
    let ended = by_every_index(engine, T::SPEC.ttls(), by_index::<T>, &Held::default()).await;
    ended.failure.map_or(Ok(ended.report), Err)
}

/// What became of something, and the first error; what was done before it is done.
#[derive(Default)]
struct Ended {
    report: ExpiryReport,
    failure: Option<Error>,
    failures: usize,
    /// Whether going on is of no use.
    gives_up: bool,
}

/// One index that is not ready, or fails, keeps no other one back.
async fn by_every_index(
    engine: &Arc<Engine>,
    ttls: impl Iterator<Item = (u16, Duration)>,
    expire: Expire,
    held: &Held,
) -> Ended {
    let view = View::plain(engine.clone()).without_scans();
    held.forget_old(view.clock.elapsed());
    let mut ended = Ended::default();
    for (ordinal, ttl) in ttls {
        let last = view.now().saturating_sub(ttl);
        match expire(&view, ordinal, last, held).await {
            Ok(report) => ended.report = ended.report.and(report),
            Err(error) => ended.failure = ended.failure.or(Some(error)),
        }
    }
    ended
}

/// Deletes what is past its time by one TTL index: what has a moment in it up to `last`.
fn by_index<'a, T: Document>(
    view: &'a View,
    ordinal: u16,
    last: Timestamp,
    held: &'a Held,
) -> BoxFuture<'a, Result<ExpiryReport>> {
    async move {
        let look = Look {
            view,
            collection: &view.collection::<T>(),
            range: up_to::<T>(ordinal, last)?,
            held,
        };
        let ended = look.delete_all::<T>().await?;
        ended.failure.map_or(Ok(ended.report), Err)
    }
    .boxed()
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

/// One walk along a TTL index.
struct Look<'a> {
    view: &'a View,
    collection: &'a Arc<Collection>,
    range: IndexRange,
    held: &'a Held,
}

impl Look<'_> {
    /// Page by page. A document that cannot be deleted does not keep it from the others.
    async fn delete_all<T: Document>(&self) -> Result<Ended> {
        let wanted = Wanted {
            range: &self.range,
            demands: &[],
            descending: false,
        };
        let (mut ended, mut after) = (Ended::default(), None);
        loop {
            let asked = index_walk::ask(self.view, self.collection, &wanted, after.as_ref(), PAGE);
            let answer = asked.await?.ok_or_else(|| self.not_ready())?;
            let candidates = Vec::from(index_walk::group(answer.page.hits));
            for wave in candidates.chunks(AT_ONCE) {
                let deletions = wave.iter().map(|one| self.delete::<T>(&answer.source, one));
                ended.note_all(join_all(deletions).await);
                if ended.gives_up {
                    return Ok(ended);
                }
            }
            after = answer.last;
            if !answer.page.has_more {
                return Ok(ended);
            }
        }
    }

    /// Deletes one document, if it is still past its time when it goes; counts nothing where it is too early to try it again.
    async fn delete<T: Document>(
        &self,
        source: &Source,
        candidate: &Candidate,
    ) -> Result<ExpiryReport> {
        let (id, now) = (&candidate.place.id, self.view.clock.elapsed());
        if self.held.holds(id, now) {
            return Ok(ExpiryReport::default());
        }
        let deleted = self.delete_now::<T>(source, candidate).await;
        match &deleted {
            Ok(report) if report.restricted == 0 => self.held.release(id),
            // It is not the document's fault.
            Err(error) if concerns_all(error) => {}
            _ => self.held.hold(id, now),
        }
        deleted
    }

    async fn delete_now<T: Document>(
        &self,
        source: &Source,
        candidate: &Candidate,
    ) -> Result<ExpiryReport> {
        let (view, collection, id) = (self.view, self.collection, &candidate.place.id);
        let still = |fetched: &Fetched| {
            let document = read::decode::<T>(collection, id, fetched.clone())?;
            Ok(self.range.first_value(&*document, false)?.is_some())
        };
        let mut report = ExpiryReport::default();
        match cascade::delete_while::<T>(view, collection, id, still, true).await {
            Ok(true) => report.deleted = 1,
            Ok(false) => self.sweep::<T>(source, candidate).await?,
            Err(error) if error.code() == Code::RESTRICTED.text() => report.restricted = 1,
            Err(error) => return Err(error),
        }
        metric::expired(collection.name(), report.deleted);
        Ok(report)
    }

    /// An entry that named a document in vain may be one that is left over.
    async fn sweep<T: Document>(&self, source: &Source, candidate: &Candidate) -> Result<()> {
        let entries: Vec<_> = candidate.entries.iter().map(|hit| (source, hit)).collect();
        let id = &candidate.place.id;
        index_walk::load::<T>(self.view, self.collection, id, &entries).await?;
        Ok(())
    }

    fn not_ready(&self) -> Error {
        let index = self.range.spec.indexes[usize::from(self.range.ordinal)].name;
        let text = format!(
            "the TTL index {index} is not ready, and documents are not read one by one for it; a new one is built by \
             `rebuild_indexes`, one that was lost by itself"
        );
        Error::new(Code::INDEX_UNAVAILABLE, text).in_collection(self.collection.name())
    }
}

impl Ended {
    fn note_all(&mut self, deletions: Vec<Result<ExpiryReport>>) {
        for deletion in deletions {
            match deletion {
                Ok(report) => self.report = self.report.and(report),
                Err(error) => self.note(error),
            }
        }
    }

    fn note(&mut self, error: Error) {
        self.failures += 1;
        self.gives_up |= self.failures >= MOST_FAILURES || concerns_all(&error);
        self.failure.get_or_insert(error);
    }
}

/// Whether the next document would fail as well.
fn concerns_all(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Denied | ErrorKind::Misconfigured => true,
        // Of this document, or of what depends on it.
        ErrorKind::Unavailable => ![Code::INDEX_UNAVAILABLE, Code::CONTENTION]
            .iter()
            .any(|code| error.code() == code.text()),
        _ => false,
    }
}
