//! What is found is compared with every way through small random graphs.

use std::collections::BTreeMap;

use super::{Classes, Cycle, Dependency, Graph};
use crate::{
    SeededRng,
    history::{AnomalyKind, Key, cycle},
};

const TRANSACTIONS: usize = 5;
const KEY: Key = Key(0);
const ALL: [Dependency; 3] = [
    Dependency::WriteWrite {
        key: KEY,
        before: 0,
        after: 1,
    },
    Dependency::WriteRead { key: KEY, value: 0 },
    Dependency::ReadWrite { key: KEY, value: 0 },
];

#[test]
fn no_cycle_is_shorter_than_the_one_that_is_found() {
    let mut found = 0;
    for seed in 0..5_000 {
        let graph = graph(&SeededRng::new(seed));
        let lengths = lengths(&graph);
        let mut cycles = cycle::find(&graph);
        cycles.sort_by_key(|cycle| (cycle.kind, cycle.hops.len()));
        cycles.dedup_by_key(|cycle| cycle.kind);
        // One with the clock may be left out where there is one without it.
        let is_plain = |kind: &AnomalyKind| *kind < AnomalyKind::G0RealTime;
        let has_plain = lengths.keys().any(is_plain);
        cycles.retain(|cycle| !has_plain || is_plain(&cycle.kind));
        for Cycle { kind, hops } in cycles {
            let shortest = lengths.get(&kind);
            assert_eq!(
                Some(&hops.len()),
                shortest,
                "seed {seed}, {kind}: {graph:?}"
            );
            found += 1;
        }
    }
    assert!(found > 1_000, "{found}");
}

#[test]
fn where_there_is_a_cycle_one_at_least_as_strong_is_found() {
    for seed in 0..5_000 {
        let graph = graph(&SeededRng::new(seed));
        let found = cycle::find(&graph).iter().map(|cycle| cycle.kind).min();
        let strongest = lengths(&graph).into_keys().min();
        assert_eq!(found, strongest, "seed {seed}: {graph:?}");
    }
}

/// A few edges, and a chain of moments with a beginning and an end for each transaction.
fn graph(rng: &SeededRng) -> Graph {
    let mut graph = Graph::new(TRANSACTIONS);
    let below = |end: usize| usize::try_from(rng.next() % end as u64).expect("small");
    let moments: Vec<_> = (0..TRANSACTIONS).map(|_| graph.add_between()).collect();
    for pair in moments.windows(2) {
        graph.add(pair[0], pair[1], Dependency::Passage);
    }
    for transaction in 0..TRANSACTIONS {
        let end = below(TRANSACTIONS);
        graph.add(transaction, moments[end], Dependency::Passage);
        let begin = below(end + 1).checked_sub(1);
        begin.into_iter().for_each(|begin| {
            graph.add(moments[begin], transaction, Dependency::RealTime);
        });
    }
    for _ in 0..below(8) {
        graph.add(
            below(TRANSACTIONS),
            below(TRANSACTIONS),
            ALL[below(ALL.len())],
        );
    }
    graph
}

/// The length of the shortest cycle of each kind, by walking every way.
fn lengths(graph: &Graph) -> BTreeMap<AnomalyKind, usize> {
    let mut lengths = BTreeMap::new();
    for start in 0..TRANSACTIONS {
        walk(
            graph,
            start,
            &mut vec![start],
            &mut Vec::new(),
            &mut lengths,
        );
    }
    lengths
}

fn walk(
    graph: &Graph,
    start: usize,
    nodes: &mut Vec<usize>,
    classes: &mut Vec<Classes>,
    lengths: &mut BTreeMap<AnomalyKind, usize>,
) {
    for edge in graph.edges(nodes[nodes.len() - 1]) {
        let is_passage = edge.why == Dependency::Passage;
        classes.extend((!is_passage).then(|| edge.class()));
        if edge.to == start {
            let length = lengths.entry(kind(classes)).or_insert(usize::MAX);
            *length = classes.len().min(*length);
        } else if edge.to >= TRANSACTIONS || !nodes.contains(&edge.to) {
            nodes.push(edge.to);
            walk(graph, start, nodes, classes, lengths);
            nodes.pop();
        }
        classes.truncate(classes.len() - usize::from(!is_passage));
    }
}

fn kind(classes: &[Classes]) -> AnomalyKind {
    let count = |class| classes.iter().filter(|one| **one == class).count();
    let is_timed = count(Classes::REAL_TIME) > 0;
    match (count(Classes::READ_WRITE), count(Classes::WRITE_READ)) {
        (0, 0) if is_timed => AnomalyKind::G0RealTime,
        (0, 0) => AnomalyKind::G0,
        (0, _) if is_timed => AnomalyKind::G1cRealTime,
        (0, _) => AnomalyKind::G1c,
        (1, _) if is_timed => AnomalyKind::GSingleRealTime,
        (1, _) => AnomalyKind::GSingle,
        _ if is_timed => AnomalyKind::G2RealTime,
        _ => AnomalyKind::G2,
    }
}
