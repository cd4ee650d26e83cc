//! An index backend whose calls somebody looks at before they are made, and decides what becomes of each.

use std::sync::Arc;

use async_trait::async_trait;
use smarterbase_core::{
    format::{Nonce, index_key::ValueRange, path::EncodedId},
    port::{
        IndexError, IndexStore,
        index::{
            Announcement, Commit, Connection, Hit, Host, IndexEntry, IndexedCollection, Manifests,
            Placed, Presence, Scan, ScanPage,
        },
    },
};

/// A call of an [`IndexStore`], by its name.
#[allow(missing_docs, reason = "each is the method of the same name")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexCall {
    Attach,
    Detach,
    Instance,
    Begin,
    GoOn,
    Known,
    Extend,
    Announce,
    Commit,
    Scan,
    Count,
    Estimate,
    Manifests,
    RemoveStale,
    Presence,
    Ping,
}

/// What becomes of a call.
#[derive(Debug)]
pub enum Fate {
    /// It is carried out.
    Pass,
    /// It is not carried out, and answered as if there were nothing to find or to do. For every call but `begin`, which has
    /// to name an instance, and `known` and `presence`, which have to say something of each thing asked: they panic.
    Swallow,
    /// It is not carried out, and fails.
    Fail(IndexError),
    /// It is carried out, and fails all the same.
    LoseReply(IndexError),
    /// The client dies before it: it is not carried out, and never ends.
    CrashBefore,
    /// The client dies after it: it is carried out, and never ends.
    CrashAfter,
}

/// Looks at every call before it is made.
#[async_trait]
pub trait Interceptor: Send + Sync + std::fmt::Debug + 'static {
    /// What becomes of this call. It may take its time.
    async fn before(&self, call: IndexCall) -> Fate;
}

/// An index backend as an [`Interceptor`] lets it be seen.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use std::sync::Arc;
/// use smarterbase_core::port::{IndexError, IndexStore};
/// use smarterbase_testkit::{
///     MemoryIndex,
///     index::intercept::{Fate, IndexCall, Intercepted, Interceptor},
/// };
///
/// #[derive(Debug)]
/// struct Deaf;
///
/// #[async_trait::async_trait]
/// impl Interceptor for Deaf {
///     async fn before(&self, call: IndexCall) -> Fate {
///         match call {
///             IndexCall::Ping => Fate::Fail(IndexError::Unavailable("deaf".to_owned())),
///             _ => Fate::Pass,
///         }
///     }
/// }
///
/// let index = Intercepted::new(Arc::new(MemoryIndex::new()), Arc::new(Deaf));
/// assert!(index.ping().await.is_err());
/// # });
/// ```
#[derive(Debug)]
pub struct Intercepted {
    name: &'static str,
    inner: Arc<dyn IndexStore>,
    interceptor: Arc<dyn Interceptor>,
}

impl Intercepted {
    /// A backend under its own name.
    #[must_use]
    pub fn new(inner: Arc<dyn IndexStore>, interceptor: Arc<dyn Interceptor>) -> Self {
        let name = inner.name();
        Self {
            name,
            inner,
            interceptor,
        }
    }

    /// Under another name in catalogs.
    #[must_use]
    pub fn named(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// For calls that may find nothing, or have nothing to do.
    async fn meet<T: Default>(
        &self,
        name: IndexCall,
        call: impl Future<Output = Result<T, IndexError>> + Send,
    ) -> Result<T, IndexError> {
        self.meet_or(name, call, T::default).await
    }

    /// For calls whose answer nobody can make up.
    async fn meet_answered<T>(
        &self,
        name: IndexCall,
        call: impl Future<Output = Result<T, IndexError>> + Send,
    ) -> Result<T, IndexError> {
        let no_answer = || panic!("`{name:?}` must be answered: `Fate::Swallow` is not for it");
        self.meet_or(name, call, no_answer).await
    }

    async fn meet_or<T>(
        &self,
        name: IndexCall,
        call: impl Future<Output = Result<T, IndexError>> + Send,
        nothing: impl FnOnce() -> T + Send,
    ) -> Result<T, IndexError> {
        match self.interceptor.before(name).await {
            Fate::Pass => call.await,
            Fate::Swallow => Ok(nothing()),
            Fate::Fail(error) => Err(error),
            Fate::LoseReply(error) => call.await.and(Err(error)),
            Fate::CrashBefore => std::future::pending().await,
            Fate::CrashAfter => {
                let _unheard = call.await;
                std::future::pending().await
            }
        }
    }
}

// A method of its own for each: one that is forgotten would not be seen by anybody.
#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl IndexStore for Intercepted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn uses_tags(&self) -> bool {
        self.inner.uses_tags()
    }

    async fn attach(&self, host: &Host) -> Result<(), IndexError> {
        self.meet(IndexCall::Attach, self.inner.attach(host)).await
    }

    async fn detach(&self) -> Result<(), IndexError> {
        self.meet(IndexCall::Detach, self.inner.detach()).await
    }

    async fn instance(&self, collection: &IndexedCollection) -> Result<Option<String>, IndexError> {
        let call = self.inner.instance(collection);
        self.meet(IndexCall::Instance, call).await
    }

    async fn begin(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<String, IndexError> {
        let call = self.inner.begin(collection, placed, fresh, replacing);
        self.meet_answered(IndexCall::Begin, call).await
    }

    async fn go_on(
        &self,
        collection: &IndexedCollection,
        fresh: Nonce,
        replacing: Option<&str>,
    ) -> Result<Option<String>, IndexError> {
        let call = self.inner.go_on(collection, fresh, replacing);
        self.meet(IndexCall::GoOn, call).await
    }

    async fn known(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Vec<Option<String>>, IndexError> {
        let call = self.inner.known(collection, placed, ids);
        self.meet_answered(IndexCall::Known, call).await
    }

    async fn extend(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
    ) -> Result<(), IndexError> {
        let call = self.inner.extend(collection, placed);
        self.meet(IndexCall::Extend, call).await
    }

    async fn announce(
        &self,
        collection: &IndexedCollection,
        announcement: &Announcement,
    ) -> Result<(), IndexError> {
        let call = self.inner.announce(collection, announcement);
        self.meet(IndexCall::Announce, call).await
    }

    async fn commit(
        &self,
        collection: &IndexedCollection,
        commit: &Commit,
    ) -> Result<(), IndexError> {
        let call = self.inner.commit(collection, commit);
        self.meet(IndexCall::Commit, call).await
    }

    async fn scan(
        &self,
        collection: &IndexedCollection,
        scan: &Scan,
    ) -> Result<ScanPage, IndexError> {
        let call = self.inner.scan(collection, scan);
        self.meet(IndexCall::Scan, call).await
    }

    async fn count(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        let call = self.inner.count(collection, placed, range);
        self.meet(IndexCall::Count, call).await
    }

    async fn estimate(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        range: &ValueRange,
    ) -> Result<u64, IndexError> {
        let call = self.inner.estimate(collection, placed, range);
        self.meet(IndexCall::Estimate, call).await
    }

    async fn manifests(
        &self,
        collection: &IndexedCollection,
        placed: &[Placed],
        ids: &[EncodedId],
    ) -> Result<Option<Manifests>, IndexError> {
        let call = self.inner.manifests(collection, placed, ids);
        self.meet(IndexCall::Manifests, call).await
    }

    async fn remove_stale(
        &self,
        collection: &IndexedCollection,
        placed: &Placed,
        hit: &Hit,
    ) -> Result<(), IndexError> {
        let call = self.inner.remove_stale(collection, placed, hit);
        self.meet(IndexCall::RemoveStale, call).await
    }

    async fn presence(
        &self,
        collection: &IndexedCollection,
        id: &EncodedId,
        placed: &[Placed],
        entries: &[IndexEntry],
    ) -> Result<Vec<Presence>, IndexError> {
        let call = self.inner.presence(collection, id, placed, entries);
        self.meet_answered(IndexCall::Presence, call).await
    }

    async fn ping(&self) -> Result<(), IndexError> {
        self.meet(IndexCall::Ping, self.inner.ping()).await
    }

    fn connection(&self) -> Connection {
        self.inner.connection()
    }
}

#[cfg(test)]
mod tests {
    use std::{panic::AssertUnwindSafe, sync::Mutex};

    use futures::FutureExt;

    use smarterbase_core::document::{KeyKind, KeyText};

    use super::{
        Arc, EncodedId, Fate, IndexCall, IndexError, IndexStore, IndexedCollection, Intercepted,
        Interceptor, Nonce,
    };
    use crate::MemoryIndex;

    #[derive(Debug, Default)]
    struct Once(Mutex<Option<Fate>>);

    #[async_trait::async_trait]
    impl Interceptor for Once {
        async fn before(&self, call: IndexCall) -> Fate {
            assert_eq!(call, IndexCall::Instance);
            self.0.lock().unwrap().take().unwrap_or(Fate::Pass)
        }
    }

    #[derive(Debug)]
    struct Swallowing;

    #[async_trait::async_trait]
    impl Interceptor for Swallowing {
        async fn before(&self, _: IndexCall) -> Fate {
            Fate::Swallow
        }
    }

    fn collection() -> IndexedCollection {
        IndexedCollection {
            database: Nonce::from_random([7; 13]),
            name: "items".to_owned(),
            shards: 1,
            key_kind: KeyKind::Text,
            instance: String::new(),
        }
    }

    /// How a call ends that meets this fate, if it does; and how often the backend was called.
    fn meet(fate: Fate) -> (Option<Result<Option<String>, String>>, u64) {
        let memory = MemoryIndex::new();
        let once = Arc::new(Once(Mutex::new(Some(fate))));
        let index = Intercepted::new(Arc::new(memory.clone()), once);
        let ended = index.instance(&collection()).now_or_never();
        let ended = ended.map(|ended| ended.map_err(|error| error.to_string()));
        (ended, memory.calls())
    }

    #[test]
    fn every_fate_is_what_it_says() {
        let lost = || IndexError::Unavailable("no".to_owned());
        let failed = Some(Err(lost().to_string()));
        assert_eq!(meet(Fate::Pass), (Some(Ok(None)), 1));
        assert_eq!(meet(Fate::Swallow), (Some(Ok(None)), 0));
        assert_eq!(meet(Fate::Fail(lost())), (failed.clone(), 0));
        assert_eq!(meet(Fate::LoseReply(lost())), (failed, 1));
        assert_eq!(meet(Fate::CrashBefore), (None, 0));
        assert_eq!(meet(Fate::CrashAfter), (None, 1));
    }

    #[test]
    fn calls_that_must_be_answered_cannot_be_swallowed() {
        let index = Intercepted::new(Arc::new(MemoryIndex::new()), Arc::new(Swallowing));
        let collection = collection();
        let fresh = Nonce::from_random([1; 13]);
        let id = EncodedId::encode(&KeyText("1".to_owned())).unwrap();
        let ids = [id.clone()];
        expect_panic(index.begin(&collection, &[], fresh, None));
        expect_panic(index.known(&collection, &[], &ids));
        expect_panic(index.presence(&collection, &id, &[], &[]));
    }

    fn expect_panic<T>(call: impl Future<Output = T>) {
        let ended = AssertUnwindSafe(call).catch_unwind().now_or_never();
        let panic = ended.expect("it ends at once").err().expect("it panics");
        let text = panic.downcast_ref::<String>().expect("it says why");
        assert!(text.contains("must be answered"), "{text}");
    }
}
