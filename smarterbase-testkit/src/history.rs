//! Whether a serial order explains what clients saw: a checker for histories of transactions on lists.
//!
//! The workload has documents that are lists. A transaction appends values to some, each value once per document, and
//! reads others. A read then tells the order of all appends before it, so dependencies need no guessing, and a cycle of
//! them is proof that no serial order exists. [`check`] takes a whole [`Transaction`] log, finds every
//! [kind](AnomalyKind) of anomaly up to violations of strict serializability, and explains each with the shortest cycle.
//!
//! End a workload with a transaction that reads every document: what no read shows cannot be judged. With such a read the
//! check is exact: it finds an anomaly if and only if no strictly serial order explains the history.
//!
//! ```
//! use smarterbase_testkit::history::{AnomalyKind, Key, Operation, Transaction, check};
//!
//! let counter = Key(1);
//! let stale = check(&[
//!     Transaction::committed(0, 0..10, [Operation::Append(counter, 7)]),
//!     Transaction::committed(1, 20..30, [Operation::Read(counter, vec![])]),
//!     Transaction::committed(2, 40..50, [Operation::Read(counter, vec![7])]),
//! ]);
//! assert!(stale.kinds().contains(&AnomalyKind::GSingleRealTime), "{stale}");
//! ```
//!
//! # What is concluded from a wait-free read
//!
//! A wait-free read *R* of a document *d* returns what was committed at some moment *t* while it ran, and ignores a
//! transaction *V* in flight on *d*, whose place in the serial order can be before *t*. So *R* has its place right before
//! the first such *V*, or at *t* when there is none: a place that can be before *R* began. Therefore
//!
//! - its *wr* and *rw* edges hold: it is serializable as a transaction of one operation;
//! - whatever was done with *d* before *R* began comes before *R*: it was done before *V* took hold of *d*. What begins
//!   with *d* after *R* ended comes after *R*. These edges hold for strict transactions and other wait-free reads alike;
//! - no real time holds between *R* and what happened to other documents, not even in the same process.
//!
//! Only one read of one document is such an operation. Reads of several documents outside of transactions are several.
//!
//! # Sources
//!
//! - Kingsbury, Alvaro, "Elle: inferring isolation anomalies from experimental observations", VLDB 2020.
//! - Adya, "Weak consistency: a generalized theory and optimistic implementations for distributed transactions", 1999.

mod component;
mod cycle;
mod defect;
mod dependency;
mod document;
mod edn;
mod explain;
mod graph;
mod ledger;
mod lost;
mod order;
mod real_time;
mod recorder;
mod shortest;
mod transaction;
mod verdict;

pub use self::{
    edn::to_edn,
    recorder::{Recorder, Running},
    transaction::{Key, Operation, Outcome, RealTime, Transaction},
    verdict::{Anomaly, AnomalyKind, Verdict},
};
use self::{graph::Graph, ledger::Ledger, verdict::Findings};

/// Finds everything that no strictly serial order of the committed transactions explains.
///
/// Five thousand transactions take some 50 ms in an optimized build, some 400 ms without: time grows with the sizes of
/// all reads together, edges with the number of operations. A cycle among thousands of transactions takes a few times
/// that.
///
/// # Panics
/// When the history is impossible: a value is appended twice to one document, a transaction ends before it begins, a
/// committed one has no end, or a wait-free one is not one read.
#[must_use]
pub fn check(history: &[Transaction]) -> Verdict {
    let ledger = Ledger::new(history);
    let mut findings = Findings::new(history);
    let mut graph = Graph::new(history.len());
    for document in document::gather(&ledger, &mut findings) {
        let order = order::infer(&ledger, &document, &mut findings);
        dependency::add(&mut graph, &ledger, &order);
    }
    real_time::add(&mut graph, &ledger);
    for cycle in cycle::find(&graph) {
        explain::report(&cycle, history, &mut findings);
    }
    findings.verdict()
}
