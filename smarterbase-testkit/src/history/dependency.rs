//! The edges that follow from the data: who appended after whom, who read whom, who read too early for whom.

use super::{
    document::Append,
    graph::{Dependency, Graph},
    ledger::Ledger,
    order::Order,
};

/// Adds the edges of one document.
pub(super) fn add(graph: &mut Graph, ledger: &Ledger<'_>, order: &Order<'_>) {
    let writer = |value| {
        let writer = ledger.writer(order.key, value);
        writer.expect("only appended values are in an order")
    };
    let chain: Vec<_> = order
        .values
        .iter()
        .map(|&value| Append {
            writer: writer(value),
            value,
        })
        .collect();
    add_writes(graph, order, &chain);
    add_reads(graph, order, &chain);
    add_reads_before_unseen(graph, order);
}

/// *ww*: from each append to the next one, and from the last one to those that no read shows.
fn add_writes(graph: &mut Graph, order: &Order<'_>, chain: &[Append]) {
    let known = chain.windows(2).map(|pair| (pair[0], pair[1]));
    let last = chain.last().into_iter();
    let unseen = last.flat_map(|last| order.unseen.iter().map(|append| (*last, *append)));
    for (before, after) in known.chain(unseen) {
        let why = Dependency::WriteWrite {
            key: order.key,
            before: before.value,
            after: after.value,
        };
        graph.add(before.writer, after.writer, why);
    }
}

/// *wr*: from the append that a read ends with. *rw*: to the append that follows.
fn add_reads(graph: &mut Graph, order: &Order<'_>, chain: &[Append]) {
    let key = order.key;
    for view in &order.views {
        let (read, missed) = chain.split_at(view.values.len());
        if let Some(&Append { writer, value }) = read.last() {
            graph.add(writer, view.reader, Dependency::WriteRead { key, value });
        }
        if let Some(&Append { writer, value }) = missed.first() {
            graph.add(view.reader, writer, Dependency::ReadWrite { key, value });
        }
    }
}

/// *rw*: from the longest reads to the appends that no read shows, through one node, since both may be many.
///
/// A reader that appended one of them itself must not reach itself through the node. It gets its own edges: two such
/// readers are an anomaly, so a correct history has one per document at most.
fn add_reads_before_unseen(graph: &mut Graph, order: &Order<'_>) {
    let node = graph.add_between();
    add_unseen(graph, node, order);
    let is_whole = |length: usize| length == order.values.len();
    let longest = order
        .views
        .iter()
        .filter(|view| is_whole(view.values.len()));
    for reader in longest.map(|view| view.reader) {
        match order.unseen.iter().any(|append| append.writer == reader) {
            true => add_unseen(graph, reader, order),
            false => graph.add(reader, node, Dependency::Passage),
        }
    }
}

fn add_unseen(graph: &mut Graph, from: usize, order: &Order<'_>) {
    let key = order.key;
    for &Append { writer, value } in &order.unseen {
        graph.add(from, writer, Dependency::ReadWrite { key, value });
    }
}
