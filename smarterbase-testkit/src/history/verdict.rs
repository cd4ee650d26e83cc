//! What is said about a history: the kinds of anomalies, and each one found as readable text.

use std::{
    collections::{BTreeSet, HashSet},
    fmt,
};

use super::transaction::{Key, Transaction};

/// What can be wrong, the most telling first.
///
/// The names are those of Adya and of Elle; a cycle is named by what its edges are: *ww* (appended after), *wr* (read
/// what was appended), *rw* (read what was there before the append) and real time (was done before the other began).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnomalyKind {
    /// A transaction does not see its own appends or what it read before, or sees an append that it makes only later.
    Internal,
    /// A read holds a value that nobody appended.
    UnwrittenRead,
    /// A read holds a value twice.
    DuplicateValue,
    /// A read holds an append of an aborted transaction.
    G1a,
    /// A read ends between the appends of another transaction.
    G1b,
    /// Two reads of a document of which neither begins with the other, or appends in another order than their
    /// transaction made them in.
    IncompatibleOrder,
    /// An acknowledged append is in no read, although a read began after the acknowledgement.
    LostAppend,
    /// A cycle of *ww*.
    G0,
    /// A cycle of *ww* and *wr*.
    G1c,
    /// A cycle with exactly one *rw*: lost updates, read skew.
    GSingle,
    /// A cycle with two *rw* or more: write skew.
    G2,
    /// [`G0`](Self::G0) with real time.
    G0RealTime,
    /// [`G1c`](Self::G1c) with real time: a read from the future.
    G1cRealTime,
    /// [`GSingle`](Self::GSingle) with real time: a stale read.
    GSingleRealTime,
    /// [`G2`](Self::G2) with real time.
    G2RealTime,
}

impl AnomalyKind {
    /// The name that a verdict prints, such as `G-single-realtime`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::UnwrittenRead => "unwritten-read",
            Self::DuplicateValue => "duplicate-value",
            Self::G1a => "G1a",
            Self::G1b => "G1b",
            Self::IncompatibleOrder => "incompatible-order",
            Self::LostAppend => "lost-append",
            Self::G0 => "G0",
            Self::G1c => "G1c",
            Self::GSingle => "G-single",
            Self::G2 => "G2",
            Self::G0RealTime => "G0-realtime",
            Self::G1cRealTime => "G1c-realtime",
            Self::GSingleRealTime => "G-single-realtime",
            Self::G2RealTime => "G2-realtime",
        }
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that no strictly serial execution explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What it is.
    pub kind: AnomalyKind,
    /// The transactions that show it, as positions in the history. A cycle begins with the smallest.
    pub transactions: Vec<usize>,
    /// The transactions with their operations, and the reasons; a line each.
    pub text: String,
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Every anomaly that was found in a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Ordered by kind. Empty when a strictly serial order explains the history.
    pub anomalies: Vec<Anomaly>,
}

impl Verdict {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.anomalies.is_empty()
    }

    /// The kinds that were found, each once.
    #[must_use]
    pub fn kinds(&self) -> BTreeSet<AnomalyKind> {
        self.anomalies.iter().map(|anomaly| anomaly.kind).collect()
    }

    /// Asserts that nothing was found.
    ///
    /// # Panics
    /// With the text of the verdict, when something was.
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 10;
        writeln!(f, "anomalies: {}", self.anomalies.len())?;
        for anomaly in self.anomalies.iter().take(SHOWN) {
            writeln!(f, "\n{anomaly}")?;
        }
        match self.anomalies.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "\nand {more} more"),
        }
    }
}

/// Collects anomalies while a history is checked.
pub(super) struct Findings<'a> {
    history: &'a [Transaction],
    anomalies: Vec<Anomaly>,
    reported: HashSet<(AnomalyKind, Key, u64)>,
}

impl<'a> Findings<'a> {
    pub(super) fn new(history: &'a [Transaction]) -> Self {
        Self {
            history,
            anomalies: Vec::new(),
            reported: HashSet::new(),
        }
    }

    /// Reports something about one value, or about one transaction, of a document. The second report about it is dropped:
    /// a hundred reads of one aborted append are one anomaly.
    pub(super) fn report_once(
        &mut self,
        kind: AnomalyKind,
        (key, about): (Key, u64),
        transactions: Vec<usize>,
        reason: String,
    ) {
        if self.reported.insert((kind, key, about)) {
            self.report(kind, transactions, vec![reason]);
        }
    }

    pub(super) fn report(
        &mut self,
        kind: AnomalyKind,
        transactions: Vec<usize>,
        reasons: Vec<String>,
    ) {
        let heading = match reasons.len() {
            1 => kind.to_string(),
            edges => format!("{kind}: a cycle of {edges} transactions"),
        };
        let described = transactions
            .iter()
            .map(|&number| format!("T{number}: {}", self.history[number]));
        let lines = std::iter::once(heading)
            .chain(described.chain(reasons).map(|line| format!("  {line}")));
        let text = lines.collect::<Vec<_>>().join("\n");
        self.anomalies.push(Anomaly {
            kind,
            transactions,
            text,
        });
    }

    pub(super) fn verdict(mut self) -> Verdict {
        self.anomalies.sort_by_key(|anomaly| anomaly.kind);
        Verdict {
            anomalies: self.anomalies,
        }
    }
}
