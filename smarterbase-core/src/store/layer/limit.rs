//! How many calls run at once: at most so many, fewer when the store asks for less.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt, Capabilities, CasStore, Changed, Clock, Expect, ListPage, Object, StoreError,
        StoreErrorKind,
    },
};

/// A store with a bounded number of calls at once, in the order in which they came.
///
/// Being throttled halves the bound, never below 1, and once per wave: a call that began before the last halving does
/// not halve again. As many good answers in a row as the bound is high raise it by 1, up to where it started.
#[derive(Clone, Debug)]
pub struct Limited {
    inner: Arc<dyn CasStore>,
    places: Arc<Places>,
    patience: Option<(Arc<dyn Clock>, Duration)>,
}

#[derive(Debug)]
struct Places {
    free: Semaphore,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// How many calls may run at once.
    bound: usize,
    /// How many places must still be taken away, from calls that run.
    owed: usize,
    /// Good answers since the bound last changed.
    good: usize,
    /// How often the bound was halved.
    halvings: u64,
}

/// The place of one running call.
struct Place<'a> {
    places: &'a Places,
    permit: Option<SemaphorePermit<'a>>,
    halvings: u64,
}

impl Limited {
    /// At most `most` calls of `inner` at once; 0 counts as 1.
    #[must_use]
    pub fn new(inner: Arc<dyn CasStore>, most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        let state = State {
            bound: most,
            owed: 0,
            good: 0,
            halvings: 0,
        };
        Self {
            inner,
            places: Arc::new(Places {
                free: Semaphore::new(most),
                most,
                state: Mutex::new(state),
            }),
            patience: None,
        }
    }

    /// How many calls may run at once now.
    #[must_use]
    pub fn bound(&self) -> usize {
        self.places.state().bound
    }

    /// A put waits for a place as long as an attempt may take, and is not sent afterwards: what it was planned on would
    /// be too old (rule S1).
    #[must_use]
    pub fn with_patience(mut self, clock: Arc<dyn Clock>, patience: Duration) -> Self {
        self.patience = Some((clock, patience));
        self
    }

    async fn place_in_time(&self) -> Option<Place<'_>> {
        let Some((clock, patience)) = &self.patience else {
            return Some(self.place().await);
        };
        let place = std::pin::pin!(self.place());
        match select(place, clock.sleep(*patience)).await {
            Either::Left((place, _)) => Some(place),
            Either::Right(_) => None,
        }
    }

    async fn place(&self) -> Place<'_> {
        let places = &*self.places;
        let permit = places.free.acquire().await;
        Place {
            places,
            permit: Some(permit.expect("the semaphore is never closed")),
            halvings: places.state().halvings,
        }
    }
}

impl Places {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn halve(&self, seen: u64) {
        let mut state = self.state();
        if state.halvings > seen {
            return;
        }
        let less = state.bound - (state.bound / 2).max(1);
        state.bound -= less;
        state.owed += less - self.free.forget_permits(less);
        state.good = 0;
        state.halvings += 1;
    }

    fn praise(&self) {
        let mut state = self.state();
        state.good += 1;
        if state.good < state.bound || state.bound == self.most {
            return;
        }
        state.good = 0;
        state.bound += 1;
        match state.owed {
            0 => self.free.add_permits(1),
            _ => state.owed -= 1,
        }
    }
}

impl Place<'_> {
    fn heard(&self, error: Option<&StoreError>) {
        match error.map(|error| error.kind) {
            None => self.places.praise(),
            Some(StoreErrorKind::Throttled) => self.places.halve(self.halvings),
            Some(_) => {}
        }
    }

    fn answered<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        self.heard(answer.as_ref().err());
        answer
    }

    fn attempted(&self, attempt: Attempt) -> Attempt {
        match &attempt {
            Attempt::Applied(_) | Attempt::Rejected => self.heard(None),
            Attempt::Unknown(error) | Attempt::Refused(error) => self.heard(Some(error)),
        }
        attempt
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(permit) = self.permit.take() else {
            return;
        };
        let mut state = self.places.state();
        if state.owed > 0 {
            state.owed -= 1;
            permit.forget();
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl CasStore for Limited {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &Key) -> Result<Option<Object>, StoreError> {
        let place = self.place().await;
        place.answered(self.inner.get(key).await)
    }

    async fn get_if_changed(&self, key: &Key, version: &Version) -> Result<Changed, StoreError> {
        let place = self.place().await;
        place.answered(self.inner.get_if_changed(key, version).await)
    }

    async fn put(&self, key: &Key, expect: &Expect, body: Bytes) -> Attempt {
        let Some(place) = self.place_in_time().await else {
            let message = "too many requests are waiting; this one was not sent";
            return Attempt::Refused(StoreError::new(StoreErrorKind::Throttled, message));
        };
        place.attempted(self.inner.put(key, expect, body).await)
    }

    async fn delete_if(&self, key: &Key, version: &Version) -> Attempt {
        let place = self.place().await;
        place.attempted(self.inner.delete_if(key, version).await)
    }

    async fn delete_retired(&self, key: &Key) -> Result<(), StoreError> {
        let place = self.place().await;
        place.answered(self.inner.delete_retired(key).await)
    }

    async fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<ListPage, StoreError> {
        let place = self.place().await;
        place.answered(self.inner.list(prefix, after, limit).await)
    }
}
