//! The shortest cycle of a pattern in a component.

use std::collections::{BTreeMap, VecDeque};

use super::{
    component::ranks,
    cycle::{Cycle, Hop, Pattern},
    graph::{Classes, Dependency, Edge, Graph},
};

/// The shortest cycle in each component.
///
/// A walk that meets a transaction twice is no cycle and is passed over. It is made of shorter cycles, one of a stronger
/// kind among them, so something is always found. Beside that one, a walk that was passed over can hide the shortest
/// cycle of a kind that needs several edges of a kind. So can the size of a component: once a cycle is known, the search
/// for a shorter one ends after a million steps, which most histories never reach.
pub(super) fn shortest(graph: &Graph, pattern: Pattern, components: &[Vec<usize>]) -> Vec<Cycle> {
    let mut search = Search::new(graph, pattern);
    let cycles = components
        .iter()
        .filter_map(|component| search.run(component));
    cycles.collect()
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
    /// No node reaches one of a greater rank without the anchor.
    ranks: Vec<usize>,
    is_member: Vec<bool>,
    /// In which round a node was last seen, by what had been met.
    seen: Vec<[usize; 4]>,
    round: usize,
    /// The lowest rank from which an anchor leads to the start of the round.
    lowest: usize,
    /// Every step of the round.
    trail: Vec<Step>,
    best: Option<Vec<Hop>>,
}

impl<'a> Search<'a> {
    /// How much is spent on a shorter cycle than the known one.
    const MOST_STEPS: usize = 1_000_000;

    fn new(graph: &'a Graph, pattern: Pattern) -> Self {
        Self {
            graph,
            pattern,
            ranks: ranks(graph, pattern.rest),
            is_member: vec![false; graph.len()],
            seen: vec![[0; 4]; graph.len()],
            round: 0,
            lowest: 0,
            trail: Vec::new(),
            best: None,
        }
    }

    /// Searches breadth first from what anchors lead to, until no cycle can be shorter. A cycle begins with its smallest
    /// transaction.
    fn run(&mut self, component: &[usize]) -> Option<Cycle> {
        self.mark(component, true);
        let mut steps = 0;
        for (start, lowest) in self.starts(component) {
            if self.best.is_some() && steps > Self::MOST_STEPS {
                break;
            }
            self.lowest = lowest;
            self.explore(start);
            steps += self.trail.len();
        }
        self.mark(component, false);
        let mut hops = self.best.take()?;
        let smallest = (0..hops.len()).min_by_key(|at| hops[*at].from);
        hops.rotate_left(smallest.unwrap_or(0));
        let kind = self.pattern.kind;
        Some(Cycle { kind, hops })
    }

    fn mark(&mut self, component: &[usize], is_member: bool) {
        for node in component {
            self.is_member[*node] = is_member;
        }
    }

    /// What anchors lead to and may lead back, with the lowest rank of where those anchors are.
    fn starts(&self, component: &[usize]) -> BTreeMap<usize, usize> {
        let mut starts = BTreeMap::new();
        for &node in component {
            let rank = self.ranks[node];
            for edge in self.graph.edges(node) {
                let is_anchor = edge.class() == self.pattern.anchor && self.is_member[edge.to];
                if is_anchor && rank <= self.ranks[edge.to] {
                    let lowest = starts.entry(edge.to).or_insert(rank);
                    *lowest = rank.min(*lowest);
                }
            }
        }
        starts
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
            if self.is_too_long(step.length) || self.close(at, start) {
                return;
            }
            if self.is_new(&step) {
                self.leave(at, &mut queue);
            }
        }
    }

    /// Whether an anchor behind so many steps closes no shorter cycle than the best one.
    fn is_too_long(&self, length: usize) -> bool {
        let best = self.best.as_ref().map_or(usize::MAX, Vec::len);
        best == self.pattern.least_length() || length + 1 >= best
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
            let is_passage = edge.why == Dependency::Passage;
            let length = step.length + usize::from(!is_passage);
            if !self.is_useful(edge) || self.is_too_long(length) {
                continue;
            }
            self.trail.push(Step {
                node: edge.to,
                met: step.met.and(edge.class().both(self.pattern.needed)),
                length,
                came: Some((at, *edge)),
            });
            match is_passage {
                true => queue.push_front(self.trail.len() - 1),
                false => queue.push_back(self.trail.len() - 1),
            }
        }
    }

    fn is_useful(&self, edge: &Edge) -> bool {
        self.is_member[edge.to]
            && self.pattern.rest.contains(edge.class())
            && self.ranks[edge.to] >= self.lowest
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

#[cfg(test)]
mod tests;
