//! The checks themselves: what is asked, and which answer is right.

use std::time::Duration;

use bytes::Bytes;
use futures::future::join_all;

use super::body;
use crate::{
    document::Version,
    format::{Key, Prefix},
    port::{
        Attempt, CasStore, Changed, Clock, ConditionalDelete, Expect, Listed, Object, Rng,
        StoreError,
    },
};

/// How many writers race.
const RACERS: usize = 32;

/// How often a write or a race without an outcome is tried.
const TRIES: u32 = 4;

/// Why a check did not pass.
#[derive(Debug)]
pub(super) enum Failure {
    /// The store did something else than it must.
    Wrong(String),
    /// The store did not answer, or refused.
    NoAnswer(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::NoAnswer(error)
    }
}

pub(super) type Answer<T = ()> = Result<T, Failure>;

fn wrong<T>(text: impl Into<String>) -> Answer<T> {
    Err(Failure::Wrong(text.into()))
}

fn require(is_right: bool, text: &str) -> Answer {
    match is_right {
        true => Ok(()),
        false => wrong(text),
    }
}

/// A store under examination.
pub(super) struct Checks<'a> {
    store: &'a dyn CasStore,
    rng: &'a dyn Rng,
    clock: &'a dyn Clock,
    folder: String,
    used: Vec<Key>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(store: &'a dyn CasStore, rng: &'a dyn Rng, clock: &'a dyn Clock) -> Self {
        Self {
            store,
            rng,
            clock,
            folder: format!("_sys/probe/{}/", rng.nonce()),
            used: Vec::new(),
        }
    }

    /// Removes what the checks left. What cannot be removed stays: nobody looks below `_sys/probe/`.
    pub(super) async fn clean_up(&self) {
        join_all(self.used.iter().map(|key| self.store.delete_retired(key))).await;
    }

    pub(super) async fn create(&mut self) -> Answer {
        let key = self.key("create.json");
        let bytes = self.body("first");
        let version = self.created(&key, &bytes).await?;
        let now = self.present(&key).await?;
        require(now.bytes == bytes, "a read gives other bytes")?;
        require(
            now.version == version,
            "a read gives another version than the put",
        )
    }

    pub(super) async fn create_again(&mut self) -> Answer {
        let key = self.key("create-again.json");
        let first = self.body("first");
        self.created(&key, &first).await?;
        let second = self.body("second");
        let again = self.write(&key, &Expect::Absent, &second).await?;
        require(again.is_none(), "the object was overwritten")?;
        require(
            self.present(&key).await?.bytes == first,
            "the object changed",
        )
    }

    pub(super) async fn swap(&mut self) -> Answer {
        let key = self.key("swap.json");
        let old = self.created(&key, &self.body("first")).await?;
        let second = self.body("second");
        let at_old = Expect::Exactly(old);
        let swapped = self.write(&key, &at_old, &second).await?;
        require(swapped.is_some(), "the right version was rejected")?;
        let late = self.write(&key, &at_old, &self.body("third")).await?;
        require(late.is_none(), "an old version was taken")?;
        require(
            self.present(&key).await?.bytes == second,
            "the object changed",
        )
    }

    pub(super) async fn swap_missing(&mut self) -> Answer {
        let elsewhere = self.key("elsewhere.json");
        let version = self.created(&elsewhere, &self.body("elsewhere")).await?;
        let key = self.key("missing.json");
        let expect = Expect::Exactly(version);
        let swapped = self.write(&key, &expect, &self.body("first")).await?;
        require(swapped.is_none(), "a missing object was swapped")?;
        require(
            self.store.get(&key).await?.is_none(),
            "an object was created",
        )
    }

    pub(super) async fn concurrent_creates(&mut self) -> Answer {
        for round in 0..TRIES {
            let key = self.key(&format!("race-create-{round}.json"));
            if self.race(&key, &Expect::Absent).await? {
                return Ok(());
            }
            self.rest(round).await;
        }
        wrong("of all racers nobody won")
    }

    pub(super) async fn concurrent_swaps(&mut self) -> Answer {
        for round in 0..TRIES {
            let key = self.key(&format!("race-swap-{round}.json"));
            let version = self.created(&key, &self.body("first")).await?;
            if self.race(&key, &Expect::Exactly(version)).await? {
                return Ok(());
            }
            self.rest(round).await;
        }
        wrong("of all racers nobody won")
    }

    /// Whether exactly one of the racers won; false when nobody did (every racer met a conflict).
    async fn race(&self, key: &Key, expect: &Expect) -> Answer<bool> {
        let bodies: Vec<Bytes> = (0..RACERS)
            .map(|racer| self.body(&format!("racer {racer}")))
            .collect();
        let racers = bodies
            .iter()
            .map(|bytes| self.store.put(key, expect, bytes.clone()));
        let mut applied = Vec::new();
        let mut unknown = None;
        for (attempt, bytes) in join_all(racers).await.into_iter().zip(&bodies) {
            match attempt {
                Attempt::Applied(_) => applied.push(bytes),
                Attempt::Rejected => {}
                Attempt::Unknown(error) => unknown = Some(error),
                Attempt::Refused(error) => return Err(error.into()),
            }
        }
        let now = self.store.get(key).await?.map(|object| object.bytes);
        let winner = now.and_then(|now| bodies.iter().find(|bytes| **bytes == now));
        match (applied.as_slice(), winner, unknown) {
            ([], None, Some(error)) => Err(error.into()),
            ([], None, None) => Ok(false),
            ([], Some(_), _) => Ok(true),
            ([only], Some(winner), _) if *only == winner => Ok(true),
            ([_], _, _) => wrong("another object than the winner's is there"),
            (several, _, _) => wrong(format!("{} of {RACERS} were told they won", several.len())),
        }
    }

    pub(super) async fn equal_bytes(&mut self) -> Answer {
        let key = self.key("equal.json");
        let (first, second) = (self.body("first"), self.body("second"));
        let old = self.created(&key, &first).await?;
        let between = self.swapped(&key, &old, &second).await?;
        let new = self.swapped(&key, &between, &first).await?;
        require(old != new, "equal bytes have equal versions")
    }

    pub(super) async fn strong_versions(&mut self) -> Answer {
        let key = self.key("strong.json");
        let version = self.created(&key, &self.body("first")).await?;
        let is_weak = version
            .e_tag
            .as_deref()
            .is_some_and(|tag| tag.starts_with("W/"));
        require(!is_weak, "entity tags are weak")?;
        require(version != Version::default(), "there is no version")
    }

    pub(super) async fn conditional_read(&mut self) -> Answer {
        let key = self.key("read.json");
        let old = self.created(&key, &self.body("first")).await?;
        let unchanged = self.store.get_if_changed(&key, &old).await?;
        require(
            matches!(unchanged, Changed::Unchanged),
            "an unchanged object was sent",
        )?;
        let second = self.body("second");
        self.swapped(&key, &old, &second).await?;
        match self.store.get_if_changed(&key, &old).await? {
            Changed::Now(now) if now.bytes == second => Ok(()),
            _ => wrong("a change was not seen"),
        }
    }

    pub(super) async fn fresh_list(&mut self) -> Answer {
        let key = self.key("list/1.json");
        self.created(&key, &self.body("first")).await?;
        let listed = self.list("list/", None, 10).await?;
        let Some(found) = listed.iter().find(|listed| listed.key == key) else {
            return wrong("a put is not listed at once");
        };
        let now = self.present(&key).await?;
        require(
            found.version == now.version,
            "a list gives another version than a read",
        )?;
        self.store.delete_retired(&key).await?;
        let left = self.list("list/", None, 10).await?;
        require(left.is_empty(), "a removed object is still listed")
    }

    pub(super) async fn sorted_list(&mut self) -> Answer {
        let names = [
            "sorted/a-1.json",
            "sorted/a.json",
            "sorted/a/1.json",
            "sorted/a0.json",
        ];
        for name in names.iter().rev() {
            let key = self.key(name);
            self.created(&key, &self.body(name)).await?;
        }
        let all = self.names(self.list("sorted/", None, 10).await?);
        require(all == names, "the order is not the byte order of paths")?;
        let after = self.key(names[1]);
        let rest = self.names(self.list("sorted/", Some(&after), 10).await?);
        require(
            rest == names[2..],
            "a list does not start where it was told",
        )
    }

    fn names(&self, listed: Vec<Listed>) -> Vec<String> {
        listed
            .iter()
            .filter_map(|listed| listed.key.as_str().strip_prefix(&self.folder))
            .map(str::to_owned)
            .collect()
    }

    pub(super) async fn conditional_delete(&mut self) -> Answer {
        if self.store.capabilities().conditional_delete == ConditionalDelete::Unsupported {
            return wrong("the store says that it cannot");
        }
        let key = self.key("remove.json");
        let old = self.created(&key, &self.body("first")).await?;
        let new = self.swapped(&key, &old, &self.body("second")).await?;
        let at_old = self.store.delete_if(&key, &old).await;
        require(
            self.store.get(&key).await?.is_some(),
            "a removal at an old version removed",
        )?;
        require(
            matches!(at_old, Attempt::Rejected),
            "a removal at an old version was not rejected",
        )?;
        self.store.delete_if(&key, &new).await;
        require(
            self.store.get(&key).await?.is_none(),
            "a removal at the current version removed nothing",
        )
    }

    pub(super) async fn quick_writes(&mut self) -> Answer {
        let key = self.key("quick.json");
        let mut expect = Expect::Absent;
        for number in 1..=5 {
            let bytes = self.body(&format!("write {number}"));
            match self.store.put(&key, &expect, bytes).await {
                Attempt::Applied(version) => expect = Expect::Exactly(version),
                Attempt::Rejected => return wrong(format!("write {number} of 5 met a conflict")),
                Attempt::Unknown(error) | Attempt::Refused(error) => {
                    return wrong(format!("write {number} of 5: {error}"));
                }
            }
        }
        Ok(())
    }

    fn key(&mut self, name: &str) -> Key {
        let key = Key::from_stored(format!("{}{name}", self.folder));
        if !self.used.contains(&key) {
            self.used.push(key.clone());
        }
        key
    }

    fn body(&self, text: &str) -> Bytes {
        body(self.rng.nonce(), text)
    }

    async fn list(&self, name: &str, after: Option<&Key>, limit: usize) -> Answer<Vec<Listed>> {
        let prefix = Prefix::new(format!("{}{name}", self.folder));
        Ok(self.store.list(&prefix, after, limit).await?.objects)
    }

    async fn present(&self, key: &Key) -> Answer<Object> {
        match self.store.get(key).await? {
            Some(object) => Ok(object),
            None => wrong("an object that was put is missing"),
        }
    }

    async fn created(&self, key: &Key, bytes: &Bytes) -> Answer<Version> {
        match self.write(key, &Expect::Absent, bytes).await? {
            Some(version) => Ok(version),
            None => wrong("a new object was rejected"),
        }
    }

    async fn swapped(&self, key: &Key, at: &Version, bytes: &Bytes) -> Answer<Version> {
        let expect = Expect::Exactly(at.clone());
        match self.write(key, &expect, bytes).await? {
            Some(version) => Ok(version),
            None => wrong("the current version was rejected"),
        }
    }

    /// Writes until it is certain what became of it: the version, or `None` when the expectation does not hold.
    async fn write(&self, key: &Key, expect: &Expect, bytes: &Bytes) -> Answer<Option<Version>> {
        let mut last = Failure::Wrong("nothing was written".to_owned());
        for attempt in 0..TRIES {
            match self.store.put(key, expect, bytes.clone()).await {
                Attempt::Applied(version) => return Ok(Some(version)),
                Attempt::Refused(error) => return Err(error.into()),
                Attempt::Unknown(error) => last = error.into(),
                Attempt::Rejected => {
                    last = Failure::Wrong("a condition that holds was rejected".to_owned());
                }
            }
            match self.store.get(key).await? {
                Some(now) if now.bytes == *bytes => return Ok(Some(now.version)),
                now if !holds(expect, now.as_ref()) => return Ok(None),
                _ => self.rest(attempt).await,
            }
        }
        Err(last)
    }

    /// Up to 1.2 s in the end: some stores take one write per second and object.
    async fn rest(&self, attempt: u32) {
        let most = 150 << attempt;
        let pause = most / 2 + self.rng.below(most / 2 + 1);
        self.clock.sleep(Duration::from_millis(pause)).await;
    }
}

fn holds(expect: &Expect, now: Option<&Object>) -> bool {
    match (expect, now) {
        (Expect::Absent, None) => true,
        (Expect::Exactly(version), Some(now)) => now.version == *version,
        _ => false,
    }
}
