//! The shortest cycle of a pattern in a component.

use std::collections::VecDeque;

use super::{
    cycle::{Cycle, Hop, Pattern},
    graph::{Classes, Dependency, Edge, Graph},
};

/// Searches breadth first from every transaction of the component. The cycle begins with its smallest transaction.
///
/// A walk that meets a transaction twice is no cycle and is passed over. It is made of shorter cycles, all of them of
/// stronger kinds, or of the same kind and found from elsewhere.
pub(super) fn shortest(graph: &Graph, component: &[usize], pattern: Pattern) -> Option<Cycle> {
    let mut search = Search::new(graph, component, pattern);
    let transactions = component.iter().filter(|node| graph.is_transaction(**node));
    transactions.for_each(|start| search.explore(*start));
    let mut hops = search.best?;
    let smallest = (0..hops.len()).min_by_key(|at| hops[*at].from);
    hops.rotate_left(smallest.unwrap_or(0));
    let kind = pattern.kind;
    Some(Cycle { kind, hops })
}

/// A node, how it was reached, and which of the needed edges are behind.
#[derive(Clone, Copy)]
struct Step {
    node: usize,
    met: Classes,
    /// Transactions behind it.
    length: usize,
    /// The step before, as a position in the trail, and the edge from there.
    came: Option<(usize, Edge)>,
}

struct Search<'a> {
    graph: &'a Graph,
    pattern: Pattern,
    is_member: Vec<bool>,
    /// In which round a node was last seen, by what had been met.
    seen: Vec<[usize; 4]>,
    round: usize,
    /// Every step of the round.
    trail: Vec<Step>,
    best: Option<Vec<Hop>>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph, component: &[usize], pattern: Pattern) -> Self {
        let mut is_member = vec![false; graph.len()];
        component.iter().for_each(|node| is_member[*node] = true);
        Self {
            graph,
            pattern,
            is_member,
            seen: vec![[0; 4]; graph.len()],
            round: 0,
            trail: Vec::new(),
            best: None,
        }
    }

    /// Looks for a way from `start` to the source of an anchor that leads back to it.
    fn explore(&mut self, start: usize) {
        self.round += 1;
        self.trail = vec![Step {
            node: start,
            met: Classes::NONE,
            length: 0,
            came: None,
        }];
        let mut queue = VecDeque::from([0]);
        while let Some(at) = queue.pop_front() {
            let step = self.trail[at];
            if self.is_too_long(&step) || self.close(at, start) {
                return;
            }
            if self.is_new(&step) {
                self.leave(at, &mut queue);
            }
        }
    }

    fn is_too_long(&self, step: &Step) -> bool {
        let best = self.best.as_ref();
        best.is_some_and(|best| step.length + 1 >= best.len())
    }

    /// Marks what has been seen.
    fn is_new(&mut self, step: &Step) -> bool {
        let met = |class| usize::from(step.met.contains(class));
        let layer = met(Classes::READ_WRITE) + 2 * met(Classes::REAL_TIME);
        let round = &mut self.seen[step.node][layer];
        std::mem::replace(round, self.round) != self.round
    }

    /// Puts what follows into the queue: at its end, or at its front when no transaction is passed.
    fn leave(&mut self, at: usize, queue: &mut VecDeque<usize>) {
        let step = self.trail[at];
        for edge in self.graph.edges(step.node) {
            if !self.is_member[edge.to] || !self.pattern.rest.contains(edge.class()) {
                continue;
            }
            let is_passage = edge.why == Dependency::Passage;
            self.trail.push(Step {
                node: edge.to,
                met: step.met.and(edge.class().both(self.pattern.needed)),
                length: step.length + usize::from(!is_passage),
                came: Some((at, *edge)),
            });
            match is_passage {
                true => queue.push_front(self.trail.len() - 1),
                false => queue.push_back(self.trail.len() - 1),
            }
        }
    }

    /// Keeps the cycle that an anchor closes here, if there is one.
    fn close(&mut self, at: usize, start: usize) -> bool {
        let step = self.trail[at];
        let is_anchor = |edge: &&Edge| edge.to == start && edge.class() == self.pattern.anchor;
        let anchor = self.graph.edges(step.node).iter().find(is_anchor);
        let Some(anchor) = anchor.filter(|_| step.met.contains(self.pattern.needed)) else {
            return false;
        };
        let hops = self.hops(at, anchor);
        let is_cycle = is_simple(&hops);
        if is_cycle {
            self.best = Some(hops);
        }
        is_cycle
    }

    fn hops(&self, at: usize, anchor: &Edge) -> Vec<Hop> {
        let mut edges = vec![*anchor];
        let mut at = at;
        while let Some((before, edge)) = self.trail[at].came {
            edges.push(edge);
            at = before;
        }
        let mut from = anchor.to;
        let reasons = edges.into_iter().rev();
        let reasons = reasons.filter(|edge| edge.why != Dependency::Passage);
        let hop = |Edge { to, why }| Hop {
            from: std::mem::replace(&mut from, to),
            to,
            why,
        };
        reasons.map(hop).collect()
    }
}

fn is_simple(hops: &[Hop]) -> bool {
    let mut transactions: Vec<_> = hops.iter().map(|hop| hop.from).collect();
    transactions.sort_unstable();
    transactions.windows(2).all(|pair| pair[0] != pair[1])
}
