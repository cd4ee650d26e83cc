//! The parts of a graph in which every node reaches every other one: every cycle is inside of one of them.

use super::graph::{Classes, Graph};

/// The components with a cycle of these kinds of dependencies, each sorted.
///
/// Tarjan's algorithm with a stack of its own: chains of real time are as long as the history.
pub(super) fn cyclic(graph: &Graph, classes: Classes) -> Vec<Vec<usize>> {
    let mut found = Search::new(graph, classes).run().found;
    found.retain(|component| component.len() > 1);
    found
        .iter_mut()
        .for_each(|component| component.sort_unstable());
    found
}

/// A number for each node, such that no node reaches one with a greater number.
pub(super) fn ranks(graph: &Graph, classes: Classes) -> Vec<usize> {
    let mut ranks = vec![0; graph.len()];
    let found = Search::new(graph, classes).run().found;
    for (rank, component) in found.into_iter().enumerate() {
        component.into_iter().for_each(|node| ranks[node] = rank);
    }
    ranks
}

#[derive(Clone, Copy, Default)]
struct Node {
    /// When it was met first, counted.
    order: Option<usize>,
    /// The earliest open node that it is known to reach.
    reaches: usize,
    is_open: bool,
}

struct Search<'a> {
    graph: &'a Graph,
    classes: Classes,
    nodes: Vec<Node>,
    met: usize,
    /// Nodes whose component is not complete.
    open: Vec<usize>,
    /// The way from the first node to the current one: each node, and which of its edges comes next.
    way: Vec<(usize, usize)>,
    /// What a component reaches is found before it.
    found: Vec<Vec<usize>>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph, classes: Classes) -> Self {
        Self {
            graph,
            classes,
            nodes: vec![Node::default(); graph.len()],
            met: 0,
            open: Vec::new(),
            way: Vec::new(),
            found: Vec::new(),
        }
    }

    fn run(mut self) -> Self {
        for node in 0..self.graph.len() {
            if self.nodes[node].order.is_none() {
                self.visit(node);
            }
        }
        self
    }

    fn visit(&mut self, first: usize) {
        self.enter(first);
        while let Some((node, next)) = self.way.last_mut() {
            let node = *node;
            let edge = self.graph.edges(node).get(*next);
            *next += 1;
            match edge {
                None => self.leave(node),
                Some(edge) if self.classes.contains(edge.class()) => self.follow(node, edge.to),
                Some(_) => {}
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.nodes[node] = Node {
            order: Some(self.met),
            reaches: self.met,
            is_open: true,
        };
        self.met += 1;
        self.open.push(node);
        self.way.push((node, 0));
    }

    fn follow(&mut self, from: usize, to: usize) {
        match self.nodes[to].order {
            None => self.enter(to),
            Some(order) if self.nodes[to].is_open => self.reach(from, order),
            Some(_) => {}
        }
    }

    fn reach(&mut self, node: usize, order: usize) {
        let reaches = &mut self.nodes[node].reaches;
        *reaches = order.min(*reaches);
    }

    fn leave(&mut self, node: usize) {
        self.way.pop();
        let reaches = self.nodes[node].reaches;
        if let Some(&(parent, _)) = self.way.last() {
            self.reach(parent, reaches);
        }
        if self.nodes[node].order == Some(reaches) {
            self.close(node);
        }
    }

    /// Everything that was opened since `root` is its component.
    fn close(&mut self, root: usize) {
        let start = self.open.iter().rposition(|node| *node == root);
        let component = self.open.split_off(start.expect("an open node"));
        for &node in &component {
            self.nodes[node].is_open = false;
        }
        self.found.push(component);
    }
}
