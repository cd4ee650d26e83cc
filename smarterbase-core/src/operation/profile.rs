//! What queries and verbs cost: measured per query, kept for the last ones; of verbs where it is asked for.

pub(crate) mod trace;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::store::layer::Requests;

/// How the documents of a query were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Access {
    /// By their keys.
    Keys,
    /// The entries of an index came in the order of the results.
    IndexOrder,
    /// The entries of one or more indexes named candidates.
    IndexCandidates,
    /// By a unique value.
    UniqueValue,
    /// Every document was read.
    Scan,
    /// As the closure of a transaction did.
    Transaction,
}

/// How the number of requests grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Complexity {
    /// As many as documents are asked for.
    Constant,
    /// With the results that are asked for.
    Results,
    /// With everything that the chosen indexes find, since it had to be sorted.
    Matches,
    /// With the whole collection.
    Collection,
}

/// What one query, verb or transaction did. It holds names of fields and indexes, and never a value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueryProfile {
    /// The verb: `find`, `query`, `scan`, `count`, `save`, `transaction`, …
    pub operation: &'static str,
    /// The collection; empty for a transaction.
    pub collection: &'static str,
    /// How the documents were found.
    pub access: Access,
    /// How the number of requests grows.
    pub complexity: Complexity,
    /// The plan in words: indexes and how they are asked.
    pub plan: String,
    /// What the query asks for, in words.
    pub condition: String,
    /// Requests to the object store, every attempt counted.
    pub requests: Requests,
    /// Those of them that were made after the reply: old entries and claims leave, a transaction's versions take their places.
    pub after_reply: Requests,
    /// Requests to an index that is not kept in the object store.
    pub index_requests: u64,
    /// How many documents were looked at.
    pub candidates: u64,
    /// How many of them did not match: stale entries, and conditions that the index does not know.
    pub dropped: u64,
    /// How many documents the index ruled out besides, by what it knows of their other values: they were not read.
    pub ruled_out: u64,
    /// How many documents were not read since this process had read them before: a LIST showed that they are current.
    pub cached: u64,
    /// How many documents came from the segments of a snapshot.
    pub packed: u64,
    /// Whether an index that the query wanted could not be used.
    pub fell_back: bool,
    /// From the first request to the last result, or the reply.
    pub duration: Duration,
    /// What the requests cost by [`Prices`], in US dollars.
    pub price: f64,
}

/// What requests cost, in US dollars per million. The default is the list price of S3 Standard in us-east-1 (5 for PUT and
/// LIST, 0.4 for GET, nothing for DELETE; <https://aws.amazon.com/s3/pricing>, read in 2026). Transfer and storage are not in
/// it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prices {
    /// Of one million GETs.
    pub gets: f64,
    /// Of one million PUTs.
    pub puts: f64,
    /// Of one million LISTs.
    pub lists: f64,
    /// Of one million DELETEs.
    pub deletes: f64,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            gets: 0.4,
            puts: 5.0,
            lists: 5.0,
            deletes: 0.0,
        }
    }
}

impl Prices {
    /// The price of requests, in US dollars.
    #[must_use]
    pub fn of(&self, requests: &Requests) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "fewer requests than 2^52")]
        let part = |number: u64, price: f64| number as f64 * price / 1e6;
        part(requests.gets, self.gets)
            + part(requests.puts(), self.puts)
            + part(requests.lists, self.lists)
            + part(
                requests.deletes + requests.conditional_deletes,
                self.deletes,
            )
    }
}

/// A result, and what it cost.
#[derive(Clone, Debug)]
pub struct Explained<R> {
    /// What the request gives.
    pub result: R,
    /// What it did for that.
    pub profile: QueryProfile,
}

/// How many profiles are kept.
const KEPT: usize = 1_000;

/// The last 1,000 queries of a database handle, and what they cost. Always on; bounded. Verbs by key and transactions are
/// measured where `.explain()` asks for it, and are not kept here.
#[derive(Debug, Default)]
pub struct Profiler {
    last: Mutex<VecDeque<Arc<QueryProfile>>>,
}

/// Queries of one kind together.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct QuerySummary {
    /// The verb.
    pub operation: &'static str,
    /// The collection.
    pub collection: &'static str,
    /// How the documents were found.
    pub access: Access,
    /// How many queries there were.
    pub queries: usize,
    /// Half of them took at most so long.
    pub p50: Duration,
    /// 95 of 100 took at most so long.
    pub p95: Duration,
    /// 99 of 100 took at most so long.
    pub p99: Duration,
    /// Requests to the object store, of all of them.
    pub requests: u64,
    /// The price of all of them, in US dollars.
    pub price: f64,
}

impl Profiler {
    fn record(&self, profile: QueryProfile) {
        let mut last = self.last.lock().expect("no panic while holding the lock");
        if last.len() == KEPT {
            last.pop_front();
        }
        last.push_back(Arc::new(profile));
    }

    /// The last queries, the oldest first.
    #[must_use]
    pub fn recent(&self) -> Vec<Arc<QueryProfile>> {
        let last = self.last.lock().expect("no panic while holding the lock");
        last.iter().cloned().collect()
    }

    /// Those that took at least so long.
    #[must_use]
    pub fn slow(&self, at_least: Duration) -> Vec<Arc<QueryProfile>> {
        self.those(|profile| profile.duration >= at_least)
    }

    /// Those that read every document.
    #[must_use]
    pub fn full_scans(&self) -> Vec<Arc<QueryProfile>> {
        self.those(|profile| profile.access == Access::Scan)
    }

    /// Those that could not use an index that they wanted.
    #[must_use]
    pub fn fallbacks(&self) -> Vec<Arc<QueryProfile>> {
        self.those(|profile| profile.fell_back)
    }

    fn those(&self, wanted: impl Fn(&QueryProfile) -> bool) -> Vec<Arc<QueryProfile>> {
        let mut recent = self.recent();
        recent.retain(|profile| wanted(profile));
        recent
    }

    /// The last queries by verb, collection and access, with percentiles of their durations.
    #[must_use]
    pub fn summary(&self) -> Vec<QuerySummary> {
        let mut kinds: BTreeMap<_, Vec<Arc<QueryProfile>>> = BTreeMap::new();
        for profile in self.recent() {
            let kind = (profile.operation, profile.collection, profile.access);
            kinds.entry(kind).or_default().push(profile);
        }
        kinds
            .into_values()
            .map(|profiles| summarized(&profiles))
            .collect()
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.last
            .lock()
            .expect("no panic while holding the lock")
            .clear();
    }
}

fn summarized(profiles: &[Arc<QueryProfile>]) -> QuerySummary {
    let mut durations: Vec<_> = profiles.iter().map(|profile| profile.duration).collect();
    durations.sort_unstable();
    let first = &profiles[0];
    QuerySummary {
        operation: first.operation,
        collection: first.collection,
        access: first.access,
        queries: profiles.len(),
        p50: percentile(&durations, 50),
        p95: percentile(&durations, 95),
        p99: percentile(&durations, 99),
        requests: profiles
            .iter()
            .map(|profile| profile.requests.total())
            .sum(),
        price: profiles.iter().map(|profile| profile.price).sum(),
    }
}

/// The smallest value that so many of 100 are at most. The values are sorted, and there is one at least.
fn percentile(sorted: &[Duration], of_100: usize) -> Duration {
    let rank = (sorted.len() * of_100).div_ceil(100).max(1);
    sorted[rank - 1]
}

#[cfg(test)]
mod tests {
    use super::{Duration, percentile};

    #[test]
    fn percentiles_are_values_that_occurred() {
        let sorted: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&sorted, 50), Duration::from_millis(100));
        assert_eq!(percentile(&sorted, 99), Duration::from_millis(198));
        assert_eq!(percentile(&sorted[..1], 50), Duration::from_millis(1));
    }
}
