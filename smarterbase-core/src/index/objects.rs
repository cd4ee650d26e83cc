//! Index entries as empty objects: the query is a LIST. Survives everything, needs no other service.
//!
//! An entry's name is `<value>/<id>.json!<tag>` and is never used twice, so a late duplicate of its creation or removal
//! does no harm. Nothing can be lost, so [`IndexError::Lost`] does not occur.

mod marks;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::try_join_all;

use self::marks::{Marks, Passed};
use crate::{
    format::{
        Key, Nonce, Prefix,
        entry::{self, EntryName},
        index_key::{EncodedValue, ValueRange},
        path::{self, EncodedId},
    },
    port::{
        Attempt, CasStore, Clock, Expect, IndexError, IndexStore, StoreError, StoreErrorKind,
        index::{
            Announcement, Commit, Hit, IndexEntry, IndexedCollection, Outcome, Placed, Presence,
            Scan, ScanPage,
        },
    },
};

/// How often the creation of one entry is sent before the write fails: over 2.3 s, besides the time of the attempts.
const ATTEMPTS: u32 = 8;
/// A LIST answers with at most this many objects.
const LIST_PAGE: usize = 1_000;

/// The index backend `objects`.
#[derive(Clone, Debug)]
pub struct ObjectIndex {
    store: Arc<dyn CasStore>,
    clock: Arc<dyn Clock>,
    marks: Arc<Marks>,
}

impl ObjectIndex {
    /// The name in the catalog, and the name of its only instance.
    pub const NAME: &'static str = "objects";

    /// Entries in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn CasStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            marks: Arc::default(),
        }
    }

    async fn create_all(
        &self,
        collection: &str,
        id: &EncodedId,
        entries: &[IndexEntry],
    ) -> Result<(), IndexError> {
        try_join_all(
            entries
                .iter()
                .map(|entry| self.create(collection, id, entry)),
        )
        .await?;
        Ok(())
    }

    /// Creates one entry. Its name belongs to this write alone, so whatever is there is it.
    async fn create(
        &self,
        collection: &str,
        id: &EncodedId,
        entry: &IndexEntry,
    ) -> Result<(), IndexError> {
        let key = entry_key(collection, id, entry)?;
        for attempt in 0.. {
            let failure = match self.store.put(&key, &Expect::Absent, Bytes::new()).await {
                Attempt::Applied(_) => return Ok(()),
                Attempt::Refused(error) => return Err(failed(error)),
                Attempt::Unknown(error) => error,
                // Rule S19: read back. An S3 409 also says so of a name that nobody has.
                Attempt::Rejected => match self.store.get(&key).await {
                    Ok(Some(_)) => return Ok(()),
                    Ok(None) => StoreError::new(StoreErrorKind::Unavailable, "409 Conflict"),
                    Err(error) => return Err(failed(error)),
                },
            };
            if attempt + 1 == ATTEMPTS {
                return Err(failed(failure));
            }
            self.clock.sleep(pause(attempt)).await;
        }
        unreachable!("the last attempt returns")
    }

    async fn remove_all(
        &self,
        collection: &str,
        id: &EncodedId,
        entries: &[IndexEntry],
    ) -> Result<(), IndexError> {
        let removals = entries
            .iter()
            .filter(|entry| entry.tag.is_some())
            .map(|entry| async move {
                let key = entry_key(collection, id, entry)?;
                self.store.delete_retired(&key).await.map_err(failed)
            });
        try_join_all(removals).await?;
        Ok(())
    }

    async fn count_while(
        &self,
        prefix: &Prefix,
        range: &ValueRange,
        go_on: fn() -> Walk,
    ) -> Result<u64, IndexError> {
        let mut entries = 0;
        let count = |_| {
            entries += 1;
            go_on()
        };
        self.walk(prefix, range, None, LIST_PAGE, count).await?;
        Ok(entries)
    }

    /// Walks the entries of a range in order, page by page, until `visit` says stop.
    async fn walk(
        &self,
        prefix: &Prefix,
        range: &ValueRange,
        start: Option<Key>,
        page: usize,
        mut visit: impl FnMut(Hit) -> Walk + Send,
    ) -> Result<Walked, IndexError> {
        let listed_prefix = narrowest_prefix(prefix, range);
        let mut after = Some(start.unwrap_or_else(|| entry::seek(prefix, &range.lower)));
        let mut walked = Walked::default();
        loop {
            let mut is_enough = false;
            let listed = self
                .store
                .list(&listed_prefix, after.as_ref(), page)
                .await
                .map_err(failed)?;
            walked.requests += 1;
            for object in &listed.objects {
                let Some(name) = EntryName::parse(prefix, &object.key) else {
                    continue;
                };
                if is_past(range, &name.value.0) {
                    return Ok(walked);
                }
                if name.value.0 < range.lower || !name.tag.matches(&name.value) {
                    continue; // Rule S14: a tag of another value is no tag.
                }
                let hit = Hit {
                    value: name.value,
                    id: name.id,
                    tag: Some(name.tag),
                    last_modified: object.last_modified,
                };
                match visit(hit) {
                    Walk::On => {}
                    Walk::Enough => is_enough = true,
                    Walk::Stop => return Ok(walked),
                }
            }
            match listed.objects.last() {
                Some(_) if listed.has_more && is_enough => {
                    walked.has_more = true;
                    return Ok(walked);
                }
                Some(last) if listed.has_more => after = Some(last.key.clone()),
                _ => return Ok(walked),
            }
        }
    }

    async fn scan_up(&self, prefix: &Prefix, scan: &Scan) -> Result<ScanPage, IndexError> {
        let start = scan
            .after
            .as_ref()
            .map(|(value, id)| after_all_tags(prefix, value, id));
        let mut page = ScanPage::default();
        // One more than asked tells whether more follow.
        let size = (scan.limit + 1).min(LIST_PAGE);
        let walked = self.walk(prefix, &scan.range, start, size, |hit| {
            if page.hits.len() == scan.limit {
                page.has_more = true;
                return Walk::Stop;
            }
            page.hits.push(hit);
            match page.hits.len() < scan.limit {
                true => Walk::On,
                false => Walk::Enough,
            }
        });
        let walked = walked.await?;
        page.requests = walked.requests;
        page.has_more |= walked.has_more;
        Ok(page)
    }

    /// A LIST goes upwards only: the whole range is walked and its last part kept, from a mark on where there is one.
    async fn scan_down(&self, prefix: &Prefix, scan: &Scan) -> Result<ScanPage, IndexError> {
        let mut requests = 0;
        if let Some((value, id)) = self.marks.before(prefix, scan) {
            let start = after_all_tags(prefix, &value, &id);
            let (page, _) = self.last_of(prefix, scan, Some(start)).await?;
            // More than the page lies behind the mark, so nothing before it belongs to the page.
            if page.has_more {
                return Ok(page);
            }
            requests = page.requests;
            self.marks.forget(prefix, scan);
        }
        let (mut page, passed) = self.last_of(prefix, scan, None).await?;
        self.marks.keep(prefix, scan, passed);
        page.requests += requests;
        Ok(page)
    }

    /// The last entries of what follows `start`, and what was passed on the way. Memory is bounded by the limit.
    async fn last_of(
        &self,
        prefix: &Prefix,
        scan: &Scan,
        start: Option<Key>,
    ) -> Result<(ScanPage, Passed), IndexError> {
        let mut kept = std::collections::VecDeque::new();
        let mut has_more = false;
        let mut passed = Passed::default();
        let walked = self
            .walk(prefix, &scan.range, start, LIST_PAGE, |hit| {
                let position = (&hit.value, hit.id.as_str());
                if scan
                    .after
                    .as_ref()
                    .is_some_and(|(value, id)| !precedes(position, (value, id.as_str())))
                {
                    return Walk::Stop;
                }
                passed.pass(&hit.value, &hit.id);
                kept.push_back(hit);
                if kept.len() > scan.limit {
                    kept.pop_front();
                    has_more = true;
                }
                Walk::On
            })
            .await?;
        let page = ScanPage {
            hits: kept.into_iter().rev().collect(),
            has_more,
            requests: walked.requests,
        };
        Ok((page, passed))
    }
}

enum Walk {
    On,
    /// Go on to the end of the page that is there, to see whether more follow.
    Enough,
    Stop,
}

/// How a walk ended.
#[derive(Default)]
struct Walked {
    requests: u32,
    /// Whether it ended at a page's end while more objects follow.
    has_more: bool,
}

#[async_trait]
impl IndexStore for ObjectIndex {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn uses_tags(&self) -> bool {
        true
    }

    async fn instance(
        &self,
        _collection: &IndexedCollection,
    ) -> Result<Option<String>, IndexError> {
        Ok(Some(Self::NAME.to_owned()))
    }

    async fn begin(
        &self,
        _: &IndexedCollection,
        _: &[Placed],
        _: Nonce,
        _: Option<&str>,
    ) -> Result<String, IndexError> {
        Ok(Self::NAME.to_owned())
    }

    async fn extend(&self, _: &IndexedCollection, _: &[Placed]) -> Result<(), IndexError> {
        Ok(())
    }

    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), IndexError> {
        self.create_all(&collection.name, &announcement.id, &announcement.entries)
            .await
    }

    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), IndexError> {
        match commit.outcome {
            Outcome::Restore => {
                self.create_all(&collection.name, &commit.id, &commit.entries)
                    .await?;
                self.remove_all(&collection.name, &commit.id, &commit.dropped)
                    .await
            }
            Outcome::Put | Outcome::Delete | Outcome::Abort => {
                self.remove_all(&collection.name, &commit.id, &commit.dropped)
                    .await
            }
        }
    }

    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> Result<ScanPage, IndexError> {
        let prefix = path::entries(&collection.name, &scan.placed.definition);
        if scan.descending {
            self.scan_down(&prefix, scan).await
        } else {
            self.scan_up(&prefix, scan).await
        }
    }

    async fn count(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        let prefix = path::entries(&collection.name, &placed.definition);
        self.count_while(&prefix, range, || Walk::On).await
    }

    /// One LIST.
    async fn estimate(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        let prefix = path::entries(&collection.name, &placed.definition);
        self.count_while(&prefix, range, || Walk::Enough).await
    }

    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError> {
        let Some(tag) = hit.tag.clone() else {
            return Ok(());
        };
        let name = EntryName {
            value: hit.value.clone(),
            id: hit.id.clone(),
            tag,
        };
        let key = name.key(&collection.name, &placed.definition);
        self.store.delete_retired(&key).await.map_err(failed)
    }

    /// One GET for each entry.
    async fn presence(
        &self,
        collection: &IndexedCollection,
        id: &EncodedId,
        _: &[Placed],
        entries: &[IndexEntry],
    ) -> Result<Vec<Presence>, IndexError> {
        let looks = entries.iter().map(|entry| async move {
            let key = entry_key(&collection.name, id, entry)?;
            let found = self.store.get(&key).await.map_err(failed)?;
            Ok(found.map_or(Presence::Missing, |_| Presence::Kept))
        });
        try_join_all(looks).await
    }
}

fn entry_key(collection: &str, id: &EncodedId, entry: &IndexEntry) -> Result<Key, IndexError> {
    let tag = entry
        .tag
        .clone()
        .ok_or_else(|| IndexError::Corrupt("an object entry needs a tag".into()))?;
    let name = EntryName {
        value: entry.value.clone(),
        id: id.clone(),
        tag,
    };
    Ok(name.key(collection, &entry.placed.definition))
}

/// The folder of the one value that the range holds, else the folder of the definition.
fn narrowest_prefix(prefix: &Prefix, range: &ValueRange) -> Prefix {
    if range.exact {
        entry::folder(prefix, &range.lower)
    } else {
        prefix.clone()
    }
}

/// A path after every entry of this value and document, and before every other: `~` is greater than any tag.
fn after_all_tags(prefix: &Prefix, value: &EncodedValue, id: &EncodedId) -> Key {
    Key::from_stored(format!("{}{id}.json!~", entry::folder(prefix, &value.0)))
}

fn is_past(range: &ValueRange, value: &Bytes) -> bool {
    range.upper.as_ref().is_some_and(|upper| value >= upper)
}

fn precedes(left: (&EncodedValue, &str), right: (&EncodedValue, &str)) -> bool {
    // Ids compare as `<id>.json` does (rule S22).
    (left.0, format!("{}.json", left.1)) < (right.0, format!("{}.json", right.1))
}

/// 20 ms, 40 ms, … at most 1 s.
fn pause(attempt: u32) -> Duration {
    Duration::from_millis(20 << attempt).min(Duration::from_secs(1))
}

/// The store's own text is left out: it can name the path, and the path of an entry holds the value.
fn failed(error: StoreError) -> IndexError {
    let text = match error.kind {
        StoreErrorKind::Unavailable => "no answer, or a server error",
        StoreErrorKind::Timeout => "no answer in time",
        StoreErrorKind::Throttled => "too many requests",
        StoreErrorKind::Denied => "access denied",
        StoreErrorKind::NoSuchStore => "the bucket or folder does not exist",
        StoreErrorKind::Full => "full",
        StoreErrorKind::ReadOnly => "read-only",
        StoreErrorKind::Invalid => "the name of an entry was refused",
        StoreErrorKind::Unsupported => "not supported",
    };
    IndexError::Store(StoreError::new(
        error.kind,
        format!("index entries: {text}"),
    ))
}
