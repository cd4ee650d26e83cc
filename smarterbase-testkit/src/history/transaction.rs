//! What a client did and what it was told: one transaction of a history.

use std::{fmt, ops::Range};

/// A document of the workload. Its content is a list, empty before the first append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u64);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Puts a value at the end of a document. No value may be appended twice to one document in a whole history.
    Append(Key, u64),
    /// Returns the document as it was found, first value first.
    Read(Key, Vec<u64>),
}

impl Operation {
    /// The document that is read or changed.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Append(key, _) | Self::Read(key, _) => *key,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append(key, value) => write!(f, "append {key} {value}"),
            Self::Read(key, values) => write!(f, "read {key} {}", Brief(values)),
        }
    }
}

/// A list, without its beginning when it is long: what went wrong is near the end.
pub(super) struct Brief<'a>(pub(super) &'a [u64]);

impl Brief<'_> {
    const SHOWN: usize = 8;
}

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = self.0.len().saturating_sub(Self::SHOWN);
        let shown: Vec<_> = self.0[hidden..].iter().map(u64::to_string).collect();
        match hidden {
            0 => write!(f, "[{}]", shown.join(", ")),
            _ => write!(f, "[{hidden} more, {}]", shown.join(", ")),
        }
    }
}

/// What the client knows about the end of its transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client was told that all of it happened.
    Committed,
    /// The client was told that nothing of it happened. What it read means nothing.
    Aborted,
    /// Nobody told. It counts as committed, with all that it read, when somebody else saw one of its appends, and is left
    /// out otherwise. It may take effect at any time after it began.
    Unknown,
}

/// Across which documents an operation respects real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealTime {
    /// All: transactions, plain writes, strict reads.
    Strict,
    /// Its own document only: a wait-free read outside of transactions.
    PerDocument,
}

/// A transaction, or a plain read or write, which is a transaction of one operation.
///
/// Moments are readings of one clock that all processes share: nanoseconds, or, better, numbers of events as
/// [`Recorder`](super::Recorder) gives them. Of two events at one moment neither comes first, so a clock that stands
/// still hides anomalies but never invents one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Who ran it. For the reader of a verdict only: order comes from the moments.
    pub process: u64,
    /// The moment before its first request was sent.
    pub invoked: u64,
    /// The moment after its reply was there; `None` while there is none.
    pub completed: Option<u64>,
    /// What the reply said.
    pub outcome: Outcome,
    /// How strict it is.
    pub real_time: RealTime,
    /// What it did, in order. Of several attempts only the last one.
    pub operations: Vec<Operation>,
}

impl Transaction {
    /// A strict transaction that was acknowledged at the end of `during`.
    #[must_use]
    pub fn committed(
        process: u64,
        during: Range<u64>,
        operations: impl Into<Vec<Operation>>,
    ) -> Self {
        Self {
            process,
            invoked: during.start,
            completed: Some(during.end),
            outcome: Outcome::Committed,
            real_time: RealTime::Strict,
            operations: operations.into(),
        }
    }

    /// A strict transaction whose client was told that it did not happen.
    #[must_use]
    pub fn aborted(
        process: u64,
        during: Range<u64>,
        operations: impl Into<Vec<Operation>>,
    ) -> Self {
        Self {
            outcome: Outcome::Aborted,
            ..Self::committed(process, during, operations)
        }
    }

    /// A strict transaction whose client never learned what became of it.
    #[must_use]
    pub fn unknown(process: u64, invoked: u64, operations: impl Into<Vec<Operation>>) -> Self {
        Self {
            completed: None,
            outcome: Outcome::Unknown,
            ..Self::committed(process, invoked..invoked, operations)
        }
    }

    /// One read outside of transactions that does not wait for transactions in flight: linearizable per document, not
    /// strict across documents. [`history`](super) says what is concluded from it.
    #[must_use]
    pub fn wait_free_read(
        process: u64,
        during: Range<u64>,
        key: Key,
        values: impl Into<Vec<u64>>,
    ) -> Self {
        Self {
            real_time: RealTime::PerDocument,
            ..Self::committed(process, during, [Operation::Read(key, values.into())])
        }
    }

    /// The moment from which on its effect is certain, if there is one.
    pub(super) fn settled(&self) -> Option<u64> {
        self.completed
            .filter(|_| self.outcome == Outcome::Committed)
    }

    fn end(&self) -> String {
        self.completed
            .map_or_else(|| "no reply".to_owned(), |moment| format!("to {moment}"))
    }
}

impl fmt::Display for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outcome = match self.outcome {
            Outcome::Committed => "committed",
            Outcome::Aborted => "aborted",
            Outcome::Unknown => "unknown",
        };
        let wait_free = match self.real_time {
            RealTime::Strict => "",
            RealTime::PerDocument => ", wait-free",
        };
        let operations: Vec<_> = self.operations.iter().map(Operation::to_string).collect();
        let (process, invoked, end) = (self.process, self.invoked, self.end());
        let operations = operations.join(", ");
        write!(
            f,
            "process {process}, {invoked} {end}, {outcome}{wait_free}: {operations}"
        )
    }
}
