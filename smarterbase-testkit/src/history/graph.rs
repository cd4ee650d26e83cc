//! Which transaction must come before which other one, and why.

use super::transaction::Key;

/// Why one transaction comes before another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dependency {
    /// Nothing by itself: the way into a node between transactions. The edge out of there has the reason.
    Passage,
    /// *ww*: `before` was appended before `after`.
    WriteWrite { key: Key, before: u64, after: u64 },
    /// *wr*: `value` was read.
    WriteRead { key: Key, value: u64 },
    /// *rw*: `value` was not there yet when the document was read.
    ReadWrite { key: Key, value: u64 },
    /// It was done before the other one began.
    RealTime,
}

impl Dependency {
    fn class(self) -> Classes {
        match self {
            Self::Passage => Classes::NONE,
            Self::WriteWrite { .. } => Classes::WRITE_WRITE,
            Self::WriteRead { .. } => Classes::WRITE_READ,
            Self::ReadWrite { .. } => Classes::READ_WRITE,
            Self::RealTime => Classes::REAL_TIME,
        }
    }
}

/// A set of kinds of dependencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Classes(u8);

impl Classes {
    pub(super) const NONE: Self = Self(0);
    pub(super) const WRITE_WRITE: Self = Self(1);
    pub(super) const WRITE_READ: Self = Self(2);
    pub(super) const READ_WRITE: Self = Self(4);
    pub(super) const REAL_TIME: Self = Self(8);

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn count(self) -> usize {
        self.0.count_ones() as usize
    }

    pub(super) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// One step from a node to another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) to: usize,
    pub(super) why: Dependency,
}

impl Edge {
    pub(super) fn class(&self) -> Classes {
        self.why.class()
    }
}

/// The transactions of a history by their positions, then nodes between them, which keep the number of edges linear.
#[derive(Debug)]
pub(super) struct Graph {
    edges: Vec<Vec<Edge>>,
}

impl Graph {
    pub(super) fn new(transactions: usize) -> Self {
        Self {
            edges: vec![Vec::new(); transactions],
        }
    }

    /// A new node between transactions.
    pub(super) fn add_between(&mut self) -> usize {
        self.edges.push(Vec::new());
        self.edges.len() - 1
    }

    /// Says that `from` comes before `to`. A transaction that depends on itself says nothing.
    pub(super) fn add(&mut self, from: usize, to: usize, why: Dependency) {
        if from != to {
            self.edges[from].push(Edge { to, why });
        }
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.edges.len()
    }

    /// The steps from a node.
    pub(super) fn edges(&self, from: usize) -> &[Edge] {
        &self.edges[from]
    }
}
