//! The kinds of cycles, and the shortest one of each.

use super::{
    component::cyclic,
    graph::{Classes, Dependency, Graph},
    shortest::shortest,
    verdict::AnomalyKind,
};

/// One step of a cycle, from a transaction to another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) why: Dependency,
}

/// A cycle of transactions, each of which comes before the next one.
#[derive(Debug)]
pub(super) struct Cycle {
    pub(super) kind: AnomalyKind,
    pub(super) hops: Vec<Hop>,
}

/// What the edges of a cycle are: one `anchor`, and more of `rest`, among them at least one of each in `needed`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pattern {
    pub(super) kind: AnomalyKind,
    pub(super) anchor: Classes,
    pub(super) rest: Classes,
    pub(super) needed: Classes,
}

impl Pattern {
    const WRITES: Classes = Classes::WRITE_WRITE;
    const READS: Classes = Classes::WRITE_WRITE.and(Classes::WRITE_READ);
    const ALL: Classes = Self::READS.and(Classes::READ_WRITE);

    /// Without real time, the strongest first.
    const PLAIN: [Self; 4] = [
        Self::new(AnomalyKind::G0, Classes::WRITE_WRITE, Self::WRITES),
        Self::new(AnomalyKind::G1c, Classes::WRITE_READ, Self::READS),
        Self::new(AnomalyKind::GSingle, Classes::READ_WRITE, Self::READS),
        Self {
            needed: Classes::READ_WRITE,
            ..Self::new(AnomalyKind::G2, Classes::READ_WRITE, Self::ALL)
        },
    ];

    const fn new(kind: AnomalyKind, anchor: Classes, rest: Classes) -> Self {
        Self {
            kind,
            anchor,
            rest,
            needed: Classes::NONE,
        }
    }

    fn with_real_time(self) -> Self {
        let kind = match self.kind {
            AnomalyKind::G0 => AnomalyKind::G0RealTime,
            AnomalyKind::G1c => AnomalyKind::G1cRealTime,
            AnomalyKind::GSingle => AnomalyKind::GSingleRealTime,
            _ => AnomalyKind::G2RealTime,
        };
        Self {
            kind,
            rest: self.rest.and(Classes::REAL_TIME),
            needed: self.needed.and(Classes::REAL_TIME),
            ..self
        }
    }

    fn classes(&self) -> Classes {
        self.anchor.and(self.rest)
    }

    /// No cycle of the pattern has fewer edges.
    pub(super) fn least_length(&self) -> usize {
        1 + self.needed.count().max(1)
    }
}

/// The shortest cycle of each kind in each component. None when there is no cycle at all.
///
/// A kind with real time is left out where the data alone convict: a component with a cycle without real time that is at
/// least as strong.
pub(super) fn find(graph: &Graph) -> Vec<Cycle> {
    let mut found = Vec::new();
    if cyclic(graph, Pattern::ALL.and(Classes::REAL_TIME)).is_empty() {
        return found;
    }
    for pattern in Pattern::PLAIN {
        let components = cyclic(graph, pattern.classes());
        found.extend(shortest(graph, pattern, &components));
    }
    let timed = Pattern::PLAIN.map(|plain| find_timed(graph, plain, &found));
    found.extend(timed.into_iter().flatten());
    found
}

fn find_timed(graph: &Graph, plain: Pattern, found: &[Cycle]) -> Vec<Cycle> {
    let pattern = plain.with_real_time();
    let convicts = |component: &[usize], cycle: &Cycle| {
        let is_inside = |hop: &Hop| component.binary_search(&hop.from).is_ok();
        cycle.kind <= plain.kind && cycle.hops.iter().all(is_inside)
    };
    let mut components = cyclic(graph, pattern.classes());
    components.retain(|component| !found.iter().any(|cycle| convicts(component, cycle)));
    shortest(graph, pattern, &components)
}
