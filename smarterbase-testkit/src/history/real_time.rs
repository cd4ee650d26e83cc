//! The edges that follow from the clock: what was done before something else began.
//!
//! All pairs would be a square of edges. Instead, the moments at which something was done are a chain of nodes: a
//! transaction leads into the node of its end, each node into the next one, and the last node before a transaction begins
//! into that transaction. That is at most three edges per transaction and says exactly the same.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    graph::{Dependency, Graph},
    ledger::Ledger,
    transaction::{Key, Operation, RealTime},
};

/// Adds one chain for all strict transactions, and one for each document that was also read wait-free.
///
/// The chain of a document has all its transactions: a wait-free read is ordered against strict ones there.
pub(super) fn add(graph: &mut Graph, ledger: &Ledger<'_>) {
    let is = |real_time| move |number: &usize| ledger.history[*number].real_time == real_time;
    let counted: Vec<_> = ledger.counted().map(|(number, _)| number).collect();
    let strict = counted.iter().copied().filter(is(RealTime::Strict));
    add_chain(graph, ledger, strict);
    let wait_free = counted.iter().copied().filter(is(RealTime::PerDocument));
    let keys: BTreeSet<Key> = wait_free.flat_map(|number| keys(ledger, number)).collect();
    for members in members(ledger, &counted, &keys).into_values() {
        add_chain(graph, ledger, members.into_iter());
    }
}

/// The transactions that touch each of the keys.
fn members(
    ledger: &Ledger<'_>,
    counted: &[usize],
    wanted: &BTreeSet<Key>,
) -> BTreeMap<Key, Vec<usize>> {
    let mut members: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for &number in counted {
        for key in keys(ledger, number).intersection(wanted) {
            members.entry(*key).or_default().push(number);
        }
    }
    members
}

fn keys(ledger: &Ledger<'_>, number: usize) -> BTreeSet<Key> {
    let operations = ledger.history[number].operations.iter();
    operations.map(Operation::key).collect()
}

/// What happens at a moment. Beginnings sort before ends: at one moment neither comes first, so nothing is concluded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Begin,
    End,
}

fn add_chain(graph: &mut Graph, ledger: &Ledger<'_>, members: impl Iterator<Item = usize>) {
    let mut events = Vec::new();
    for number in members {
        let transaction = &ledger.history[number];
        events.push((transaction.invoked, Event::Begin, number));
        let end = transaction.settled();
        events.extend(end.map(|moment| (moment, Event::End, number)));
    }
    events.sort_unstable();
    let mut chain = Chain::default();
    for (_, event, number) in events {
        match event {
            Event::Begin => chain.begin(graph, number),
            Event::End => chain.end(graph, number),
        }
    }
}

#[derive(Default)]
struct Chain {
    last: Option<usize>,
    /// Something began after the last node, so that what ends now needs a new one.
    is_closed: bool,
}

impl Chain {
    fn begin(&mut self, graph: &mut Graph, number: usize) {
        if let Some(last) = self.last {
            graph.add(last, number, Dependency::RealTime);
        }
        self.is_closed = true;
    }

    fn end(&mut self, graph: &mut Graph, number: usize) {
        let node = match self.last {
            Some(last) if !self.is_closed => last,
            last => {
                let node = graph.add_between();
                if let Some(last) = last {
                    graph.add(last, node, Dependency::Passage);
                }
                node
            }
        };
        graph.add(number, node, Dependency::Passage);
        self.last = Some(node);
        self.is_closed = false;
    }
}

#[cfg(test)]
mod tests {
    use super::{Graph, Ledger, add};
    use crate::history::Transaction;

    #[test]
    fn edges_grow_with_the_number_of_transactions_not_with_its_square() {
        let overlapping = |at: u64| Transaction::committed(0, at * 10..at * 10 + 35, []);
        let history: Vec<_> = (0..1_000).map(overlapping).collect();
        let mut graph = Graph::new(history.len());
        add(&mut graph, &Ledger::new(&history));
        let edges = (0..graph.len()).map(|node| graph.edges(node).len());
        assert!(edges.sum::<usize>() <= 3 * history.len());
    }
}
