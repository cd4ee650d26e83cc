//! [`CasStore`] over a service: paths, conditions and pages.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use object_store::{
    Attribute, Attributes, GetOptions, GetResult, ObjectMeta, PutMode, PutOptions, PutPayload,
    list::PaginatedListOptions, path::Path,
};
use smarterbase_core::{
    document::{Timestamp, Version},
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, ConditionalDelete, Expect, ListPage, Listed,
        Object, StoreError, StoreErrorKind,
    },
};

use crate::{
    config::ObjectStoreOptions,
    exchange::{Exchange, observe, to_store},
    outcome::{Answer, Failure, Operation},
    service::Connected,
};

/// [`CasStore`] on S3, Google Cloud Storage or Azure Blob Storage. Clones share one connection pool.
///
/// Made by [`ObjectStoreOptions::connect`]. One call is one request (a [`list`](CasStore::list) at most one per 1,000
/// objects, plus what credentials cost now and then); nothing is retried.
#[derive(Clone)]
pub struct ObjectStorage {
    connected: Arc<Connected>,
    /// With a `/` at its end, unless empty.
    root: Arc<str>,
    location: Arc<str>,
    conditional_delete: ConditionalDelete,
    max_object_bytes: u64,
}

impl ObjectStorage {
    pub(crate) fn new(connected: Connected, options: &ObjectStoreOptions) -> Self {
        let root = match options.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        let storage = Self {
            connected: Arc::new(connected),
            root: root.into(),
            location: options.location().into(),
            conditional_delete: ConditionalDelete::Unsupported,
            max_object_bytes: options.max_object_bytes,
        };
        storage.with_conditional_delete(options.conditional_delete)
    }

    /// The same store with [`delete_if`](CasStore::delete_if) allowed or not; it shares the connections.
    ///
    /// A probe opens the store with it, tries a delete with a wrong version on an object of its own, and the database is
    /// opened with what came out.
    #[must_use]
    pub fn with_conditional_delete(mut self, works: bool) -> Self {
        self.conditional_delete = if works {
            ConditionalDelete::Native
        } else {
            ConditionalDelete::Unsupported
        };
        self
    }

    /// The object's path in the bucket. Only `Path::parse` takes a path as it is (rule S23).
    fn path(&self, operation: Operation, key: &Key) -> Result<Path, StoreError> {
        let wrong = || {
            let message = format!("{} {key}: this is no path", operation.as_str());
            StoreError::new(StoreErrorKind::Invalid, message)
        };
        let full = format!("{}{key}", self.root);
        let path = Path::parse(&full).map_err(|_| wrong())?;
        // `parse` drops slashes at the ends: such a key would be read back under another name.
        if path.as_ref() == full {
            Ok(path)
        } else {
            Err(wrong())
        }
    }

    /// One GET, conditional when `known` is given.
    async fn fetch(&self, key: &Key, known: Option<&Version>) -> Result<Changed, StoreError> {
        let path = self.path(Operation::Get, key)?;
        let versions = self.connected.versions;
        let options = GetOptions {
            if_none_match: known.and_then(|version| versions.validator(version)),
            extensions: to_store(),
            ..GetOptions::default()
        };
        let objects = self.connected.service.objects();
        let call = async {
            self.collect(key, objects.get_opts(&path, options).await?)
                .await
        };
        match observe(call).await {
            (Ok(object), _) => Ok(unless_known(object?, known)),
            (Err(error), exchange) => {
                match failure(Operation::Get, key.as_str(), &exchange, &error).into_answer()? {
                    Answer::Missing => Ok(Changed::Gone),
                    Answer::Unchanged => Ok(Changed::Unchanged),
                }
            }
        }
    }

    /// Reads the body. The inner result is what no transport decides.
    async fn collect(
        &self,
        key: &Key,
        result: GetResult,
    ) -> object_store::Result<Result<Object, StoreError>> {
        let size = result.meta.size;
        if size > self.max_object_bytes {
            let limit = self.max_object_bytes;
            let message = format!("get {key}: the object has {size} bytes, the limit is {limit}");
            return Ok(Err(StoreError::new(StoreErrorKind::Invalid, message)));
        }
        let meta = result.meta.clone();
        let bytes = result.bytes().await?;
        if bytes.len() as u64 != size {
            let message = format!("get {key}: {} of {size} bytes arrived", bytes.len());
            return Ok(Err(StoreError::new(StoreErrorKind::Unavailable, message)));
        }
        let version = self.connected.versions.read(meta.e_tag, meta.version);
        Ok(Ok(Object { version, bytes }))
    }

    /// The mode of a put, or why there is none.
    fn mode(&self, expect: &Expect) -> Result<(Operation, PutMode), StoreError> {
        match expect {
            Expect::Absent => Ok((Operation::Create, PutMode::Create)),
            Expect::Exactly(version) => {
                let condition = self.connected.versions.condition(version)?;
                Ok((Operation::Update, PutMode::Update(condition.into())))
            }
        }
    }

    async fn try_put(
        &self,
        key: &Key,
        expect: &Expect,
        body: Bytes,
    ) -> Result<Attempt, StoreError> {
        let (operation, mode) = self.mode(expect).map_err(|error| at(error, "put", key))?;
        let path = self.path(operation, key)?;
        let options = PutOptions {
            mode,
            attributes: attributes(key),
            extensions: to_store(),
            ..PutOptions::default()
        };
        let objects = self.connected.service.objects();
        let call = objects.put_opts(&path, PutPayload::from(body), options);
        Ok(match observe(call).await {
            (Ok(put), _) => Attempt::Applied(self.connected.versions.read(put.e_tag, put.version)),
            (Err(error), exchange) => {
                failure(operation, key.as_str(), &exchange, &error).into_attempt()
            }
        })
    }

    async fn try_delete_if(&self, key: &Key, version: &Version) -> Result<Attempt, StoreError> {
        if self.conditional_delete == ConditionalDelete::Unsupported {
            let message = format!("delete {key}: conditional deletes are off for this store");
            return Err(StoreError::new(StoreErrorKind::Unsupported, message));
        }
        let path = self.path(Operation::DeleteIf, key)?;
        let condition = self.connected.versions.condition(version);
        let condition = condition.map_err(|error| at(error, "delete", key))?;
        let call = async {
            let request = self.connected.service.conditional_delete(&path, &condition);
            let request = request.await?;
            self.connected.send(request).await
        };
        Ok(match observe(call).await {
            (Ok(()), _) => Attempt::Applied(Version::default()),
            (Err(error), exchange) => {
                failure(Operation::DeleteIf, key.as_str(), &exchange, &error).into_attempt()
            }
        })
    }
}

/// A service that does not know `If-None-Match` sends the object again.
fn unless_known(object: Object, known: Option<&Version>) -> Changed {
    if known == Some(&object.version) {
        Changed::Unchanged
    } else {
        Changed::Now(object)
    }
}

/// For people who open an object with the service's own tools.
fn attributes(key: &Key) -> Attributes {
    let mut attributes = Attributes::new();
    if key.as_str().ends_with(".json") {
        attributes.insert(Attribute::ContentType, "application/json".into());
    }
    attributes
}

fn at(mut error: StoreError, operation: &str, key: &Key) -> StoreError {
    error.message = format!("{operation} {key}: {}", error.message);
    error
}

fn failure<'a>(
    operation: Operation,
    path: &'a str,
    exchange: &'a Exchange,
    error: &'a object_store::Error,
) -> Failure<'a> {
    Failure {
        operation,
        path,
        exchange,
        error: Some(error),
    }
}

#[async_trait]
impl CasStore for ObjectStorage {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            conditional_delete: self.conditional_delete,
            sorted_list: true,
            location: self.location.to_string(),
            is_volatile: false,
        }
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        match self.fetch(key, None).await? {
            Changed::Now(object) => Ok(Some(object)),
            Changed::Gone | Changed::Unchanged => Ok(None),
        }
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        self.fetch(key, Some(version)).await
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        self.try_put(key, expect, body)
            .await
            .unwrap_or_else(Attempt::Refused)
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        self.try_delete_if(key, version)
            .await
            .unwrap_or_else(Attempt::Refused)
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        let operation = Operation::DeleteRetired;
        let path = self.path(operation, key)?;
        let (deleted, exchange) = observe(self.connected.delete(&path)).await;
        match deleted {
            Ok(()) => Ok(()),
            Err(error) => failure(operation, key.as_str(), &exchange, &error)
                .into_answer()
                .map(|_| ()),
        }
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        if !(1..=1_000).contains(&limit) {
            let message = format!("list {prefix}: a page has 1 to 1,000 objects, not {limit}");
            return Err(StoreError::new(StoreErrorKind::Invalid, message));
        }
        let mut page = ListPage::default();
        let mut token = None;
        loop {
            let (objects, next) = self.list_once(prefix, after, limit, token).await?;
            self.append(&mut page, objects, prefix, after)?;
            page.has_more = next.is_some() || page.objects.len() > limit;
            page.objects.truncate(limit);
            // A page may be short, or empty where the service ignores `after`; only a token says that there is more.
            match next {
                Some(next) if page.objects.len() < limit => token = Some(next),
                _ => return Ok(page),
            }
        }
    }
}

impl ObjectStorage {
    /// One LIST request. Returns the token of the next page, if there is one.
    async fn list_once(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
        page_token: Option<String>,
    ) -> Result<(Vec<ObjectMeta>, Option<String>), StoreError> {
        let full = format!("{}{prefix}", self.root);
        let options = PaginatedListOptions {
            offset: after.map(|key| format!("{}{key}", self.root)),
            max_keys: Some(limit),
            page_token,
            extensions: to_store(),
            ..PaginatedListOptions::default()
        };
        let prefix_or_all = (!full.is_empty()).then_some(full.as_str());
        let lists = self.connected.service.lists();
        match observe(lists.list_paginated(prefix_or_all, options)).await {
            (Ok(listed), _) => Ok((listed.result.objects, listed.page_token)),
            (Err(error), exchange) => {
                let failure = failure(Operation::List, prefix.as_str(), &exchange, &error);
                failure.into_answer().map(|_| (Vec::new(), None))
            }
        }
    }

    /// Takes over what belongs to the page.
    fn append(
        &self,
        page: &mut ListPage,
        objects: Vec<ObjectMeta>,
        prefix: &Prefix,
        after: Option<&Key>,
    ) -> Result<(), StoreError> {
        for object in objects {
            let Some(listed) = self.listed(object, prefix) else {
                continue;
            };
            if after.is_some_and(|after| listed.key <= *after) {
                continue;
            }
            let last = page.objects.last();
            if last.is_some_and(|last| listed.key <= last.key) {
                let message = format!("list {prefix}: the store's LIST is not in path order");
                return Err(StoreError::new(StoreErrorKind::Unsupported, message));
            }
            page.objects.push(listed);
        }
        Ok(())
    }

    /// The object of a LIST below `prefix`; `None` for the marker `prefix` itself, which some tools make.
    fn listed(&self, object: ObjectMeta, prefix: &Prefix) -> Option<Listed> {
        let key = object.location.as_ref().strip_prefix(&*self.root)?;
        if !key.starts_with(prefix.as_str()) {
            return None;
        }
        let seconds = object.last_modified.timestamp();
        let nanoseconds = object.last_modified.timestamp_subsec_nanos();
        Some(Listed {
            key: Key::from_stored(key),
            version: self.connected.versions.read(object.e_tag, object.version),
            size: object.size,
            last_modified: Timestamp::from_parts(seconds, nanoseconds).ok(),
        })
    }
}

impl fmt::Debug for ObjectStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStorage")
            .field("location", &self.location)
            .field("conditional_delete", &self.conditional_delete)
            .finish_non_exhaustive()
    }
}
