//! Counters for whoever collects them: the facade `metrics`, behind the feature of that name. Without it each is nothing.
//!
//! Labels are names of collections, definitions and backends; never an id or a value.

use super::drift::DriftKind;

/// `smarterbase_index_drift_total`: found by a verification.
pub(crate) fn drifted(kind: DriftKind, collection: &str, definition: &str, place: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!(
        "smarterbase_index_drift_total",
        "kind" => kind.name(),
        "collection" => collection.to_owned(),
        "definition" => definition.to_owned(),
        "place" => place,
    )
    .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (kind, collection, definition, place);
}

/// `smarterbase_index_repaired_total`: put right.
pub(crate) fn repaired(collection: &str, definition: &str, place: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!(
        "smarterbase_index_repaired_total",
        "collection" => collection.to_owned(),
        "definition" => definition.to_owned(),
        "place" => place,
    )
    .increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = (collection, definition, place);
}

/// `smarterbase_index_fallbacks_total`: a query that an index should have answered.
pub(crate) fn fell_back(collection: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("smarterbase_index_fallbacks_total", "collection" => collection).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = collection;
}

/// `smarterbase_expired_documents_total`: deleted because a TTL index said so.
pub(crate) fn expired(collection: &'static str, documents: u64) {
    #[cfg(feature = "metrics")]
    metrics::counter!("smarterbase_expired_documents_total", "collection" => collection)
        .increment(documents);
    #[cfg(not(feature = "metrics"))]
    let _ = (collection, documents);
}

/// `smarterbase_monitor_runs_total`: a run of the monitor over all collections ended.
pub(crate) fn monitored(outcome: &'static str) {
    #[cfg(feature = "metrics")]
    metrics::counter!("smarterbase_monitor_runs_total", "outcome" => outcome).increment(1);
    #[cfg(not(feature = "metrics"))]
    let _ = outcome;
}
