//! The state behind one lock, and the one place where an object changes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use s3s::{S3Result, dto::ETag, s3_error};

use super::{
    BUCKET,
    bucket::{Bucket, StoredObject},
    condition::WriteCondition,
    multipart::Upload,
    quirk::Quirk,
};

/// How long a server with [`Quirk::RacyConditions`] waits between its check and its write: long enough that racers meet
/// in it on a machine that is busy with other tests.
const RACE_WINDOW: Duration = Duration::from_millis(50);

/// An S3 in memory: what a server holds, shared by its clones.
///
/// It starts with one empty bucket, [`BUCKET`](super::BUCKET). It forgets nothing and keeps no versions.
#[derive(Clone, Debug)]
pub struct MemoryS3 {
    state: Arc<Mutex<State>>,
    quirk: Option<Quirk>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) buckets: BTreeMap<String, Bucket>,
    /// Multipart uploads in progress, by upload id.
    pub(super) uploads: BTreeMap<String, Upload>,
    /// The number of uploads ever begun; the next one's id.
    pub(super) uploads_begun: u64,
}

impl Default for MemoryS3 {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryS3 {
    /// An S3 that behaves as AWS documents.
    #[must_use]
    pub fn new() -> Self {
        let buckets = BTreeMap::from([(BUCKET.to_owned(), Bucket::new())]);
        let state = State {
            buckets,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            quirk: None,
        }
    }

    /// An S3 that differs from AWS in one way.
    #[must_use]
    pub fn with_quirk(quirk: Quirk) -> Self {
        Self {
            quirk: Some(quirk),
            ..Self::new()
        }
    }

    /// The body stored under `key`, without a request.
    #[must_use]
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        self.lock()
            .buckets
            .get(bucket)?
            .get(key)
            .map(|object| object.body.clone())
    }

    /// Every key of `bucket` in the order of its bytes, without a request.
    #[must_use]
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        self.lock()
            .buckets
            .get(bucket)
            .map(|bucket| bucket.keys().cloned().collect())
            .unwrap_or_default()
    }

    /// Stores `body` under `key` unasked, as another program would.
    pub fn put(&self, bucket: &str, key: &str, body: impl Into<Bytes>) {
        let object = StoredObject::new(body.into(), Default::default());
        self.lock()
            .buckets
            .entry(bucket.to_owned())
            .or_default()
            .insert(key.to_owned(), object);
    }

    /// Removes `key` unasked, if it is there.
    pub fn remove(&self, bucket: &str, key: &str) {
        if let Some(bucket) = self.lock().buckets.get_mut(bucket) {
            bucket.remove(key);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nothing panics while it holds the state")
    }

    pub(super) fn quirk(&self) -> Option<Quirk> {
        self.quirk
    }

    /// The tag of `object` as this server tells it.
    pub(super) fn tag(&self, object: &StoredObject) -> ETag {
        match self.quirk {
            Some(Quirk::WeakEtags) => ETag::Weak(object.tag.clone()),
            _ => ETag::Strong(object.tag.clone()),
        }
    }

    /// Stores `object` if `condition` holds, and answers its tag. Check and write are one step under the lock.
    pub(super) async fn commit(
        &self,
        bucket: &str,
        key: String,
        object: StoredObject,
        condition: &WriteCondition,
    ) -> S3Result<ETag> {
        if self.quirk == Some(Quirk::RacyConditions) {
            self.check(self.lock().bucket(bucket)?, &key, condition)?;
            tokio::time::sleep(RACE_WINDOW).await;
            return self.commit_now(bucket, key, object, &WriteCondition::default());
        }
        self.commit_now(bucket, key, object, condition)
    }

    fn commit_now(
        &self,
        bucket: &str,
        key: String,
        object: StoredObject,
        condition: &WriteCondition,
    ) -> S3Result<ETag> {
        let tag = self.tag(&object);
        let mut state = self.lock();
        let bucket = state.bucket(bucket)?;
        self.check(bucket, &key, condition)?;
        bucket.insert(key, object);
        Ok(tag)
    }

    fn check(&self, bucket: &Bucket, key: &str, condition: &WriteCondition) -> S3Result<()> {
        let current = bucket.get(key).map(|object| self.tag(object));
        condition.check(current.as_ref(), self.quirk)
    }
}

impl State {
    /// The bucket called `name`.
    pub(super) fn bucket(&mut self, name: &str) -> S3Result<&mut Bucket> {
        self.buckets
            .get_mut(name)
            .ok_or_else(|| s3_error!(NoSuchBucket))
    }

    /// A copy of the object under `key`; its body is shared, not copied.
    pub(super) fn object(&mut self, bucket: &str, key: &str) -> S3Result<StoredObject> {
        self.bucket(bucket)?
            .get(key)
            .cloned()
            .ok_or_else(|| s3_error!(NoSuchKey))
    }
}
