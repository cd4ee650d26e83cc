//! Anomalies that only several transactions together show: cycles.

use smarterbase_testkit::history::{
    AnomalyKind, Key,
    Operation::{Append, Read},
    Transaction, check,
};

use crate::{X, Y, Z, accept, only};

#[test]
fn writes_that_overtake_each_other_are_g0() {
    let history = |y: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1), Append(Y, 1)]),
            Transaction::committed(1, 0..10, [Append(X, 2), Append(Y, 2)]),
            Transaction::committed(2, 20..30, [Read(X, vec![1, 2]), Read(Y, y.to_vec())]),
        ]
    };
    let text = only(AnomalyKind::G0, &history(&[2, 1]));
    let expected = [
        "G0: a cycle of 2 transactions",
        "  T0: process 0, 0 to 10, committed: append k0 1, append k1 1",
        "  T1: process 1, 0 to 10, committed: append k0 2, append k1 2",
        "  T0 -ww-> T1: T1 appended 2 to k0 after 1 of T0",
        "  T1 -ww-> T0: T0 appended 1 to k1 after 2 of T1",
    ];
    assert_eq!(text, expected.join("\n"));
    accept(&history(&[1, 2]));
}

#[test]
fn transactions_that_see_each_other_are_g1c() {
    let history = |x: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1), Read(Y, vec![2])]),
            Transaction::committed(1, 0..10, [Append(Y, 2), Read(X, x.to_vec())]),
        ]
    };
    let text = only(AnomalyKind::G1c, &history(&[1]));
    let expected = [
        "G1c: a cycle of 2 transactions",
        "  T0: process 0, 0 to 10, committed: append k0 1, read k1 [2]",
        "  T1: process 1, 0 to 10, committed: append k1 2, read k0 [1]",
        "  T0 -wr-> T1: T1 read k0 with 1 of T0",
        "  T1 -wr-> T0: T0 read k1 with 2 of T1",
    ];
    assert_eq!(text, expected.join("\n"));
    accept(&history(&[]));
}

#[test]
fn a_lost_update_is_g_single() {
    let history = |seen: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Read(X, vec![]), Append(X, 1)]),
            Transaction::committed(1, 0..10, [Read(X, seen.to_vec()), Append(X, 2)]),
            Transaction::committed(2, 20..30, [Read(X, vec![1, 2])]),
        ]
    };
    let text = only(AnomalyKind::GSingle, &history(&[]));
    let expected = [
        "G-single: a cycle of 2 transactions",
        "  T0: process 0, 0 to 10, committed: read k0 [], append k0 1",
        "  T1: process 1, 0 to 10, committed: read k0 [], append k0 2",
        "  T0 -ww-> T1: T1 appended 2 to k0 after 1 of T0",
        "  T1 -rw-> T0: T1 read k0 without 1 of T0",
    ];
    assert_eq!(text, expected.join("\n"));
    accept(&history(&[1]));
}

#[test]
fn half_of_a_transaction_is_g_single() {
    let history = |y: &[u64]| {
        [
            Transaction::committed(0, 0..30, [Append(X, 1), Append(Y, 1)]),
            Transaction::committed(1, 10..20, [Read(X, vec![1]), Read(Y, y.to_vec())]),
            Transaction::committed(2, 40..50, [Read(X, vec![1]), Read(Y, vec![1])]),
        ]
    };
    only(AnomalyKind::GSingle, &history(&[]));
    accept(&history(&[1]));
}

#[test]
fn write_skew_is_g2() {
    let history = |y: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Read(X, vec![]), Append(Y, 1)]),
            Transaction::committed(1, 0..10, [Read(Y, y.to_vec()), Append(X, 2)]),
            Transaction::committed(2, 20..30, [Read(X, vec![2]), Read(Y, vec![1])]),
        ]
    };
    let text = only(AnomalyKind::G2, &history(&[]));
    assert!(text.contains("T0 -rw-> T1: T0 read k0 without 2 of T1"));
    assert!(text.contains("T1 -rw-> T0: T1 read k1 without 1 of T0"));
    accept(&history(&[1]));
}

#[test]
fn write_skew_on_appends_that_nobody_reads_is_g2() {
    let history = |y: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Read(X, vec![]), Append(Y, 1)]),
            Transaction::committed(1, 0..10, [Read(Y, y.to_vec()), Append(X, 2)]),
        ]
    };
    only(AnomalyKind::G2, &history(&[]));
    accept(&history(&[1]));
}

#[test]
fn one_update_that_nobody_reads_is_accepted_and_two_are_g2() {
    let update = |value| Transaction::committed(0, 0..10, [Read(X, vec![]), Append(X, value)]);
    let read = Transaction::committed(1, 0..10, [Read(X, vec![])]);
    accept(&[update(1), read.clone()]);
    only(AnomalyKind::G2, &[update(1), update(2), read]);
}

#[test]
fn the_shortest_cycle_is_shown() {
    let rewrite = |process, seen: &[u64], value| {
        Transaction::committed(process, 0..10, [Read(X, seen.to_vec()), Append(X, value)])
    };
    let text = only(
        AnomalyKind::GSingle,
        &[
            rewrite(0, &[], 1),
            rewrite(1, &[1], 2),
            rewrite(2, &[1, 2], 3),
            rewrite(3, &[1, 2], 4),
            Transaction::committed(4, 20..30, [Read(X, vec![1, 2, 3, 4])]),
        ],
    );
    assert!(text.starts_with("G-single: a cycle of 2 transactions"));
    assert!(text.contains("T3 -rw-> T2"), "{text}");
}

/// T0, T1 and T2 are a cycle, T3 and T4 are a shorter one, and T5 leads from the second back to the first.
#[test]
fn the_shortest_cycle_is_shown_when_a_longer_one_begins_earlier() {
    const U: Key = Key(3);
    const V: Key = Key(4);
    const W: Key = Key(5);
    let skew = |process, read, append, value| {
        Transaction::committed(process, 0..10, [Read(read, vec![]), Append(append, value)])
    };
    let history = [
        skew(0, X, Y, 1),
        skew(1, Y, Z, 1),
        skew(2, Z, X, 1),
        Transaction::committed(3, 0..10, [Read(X, vec![1]), Read(W, vec![]), Append(V, 1)]),
        Transaction::committed(4, 0..10, [Read(V, vec![]), Append(W, 1), Append(U, 1)]),
        Transaction::committed(5, 0..10, [Read(Y, vec![]), Read(U, vec![1])]),
    ];
    let text = only(AnomalyKind::G2, &history);
    assert!(text.starts_with("G2: a cycle of 2 transactions"), "{text}");
}

#[test]
fn an_append_that_no_read_shows_can_be_in_a_cycle_of_writes() {
    let history = |y: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1), Append(Y, 1)]),
            Transaction::committed(1, 0..90, [Append(X, 2), Append(Y, 2)]),
            Transaction::committed(2, 20..30, [Read(X, vec![1])]),
            Transaction::committed(3, 20..95, [Read(Y, y.to_vec())]),
        ]
    };
    let kinds = check(&history(&[2, 1])).kinds();
    assert!(kinds.contains(&AnomalyKind::G0), "{kinds:?}");
    accept(&history(&[1, 2]));
}

#[test]
fn anomalies_far_from_each_other_are_told_apart() {
    let verdict = check(&[lost_update(X, 0), lost_update(Y, 10)].concat());
    let kinds: Vec<_> = verdict.anomalies.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [AnomalyKind::GSingle; 2], "{verdict}");
}

/// Two updates of one state, and a read of both.
pub(crate) fn lost_update(key: Key, at: u64) -> [Transaction; 3] {
    let update =
        |value| Transaction::committed(0, at..at + 5, [Read(key, vec![]), Append(key, value)]);
    [
        update(1),
        update(2),
        Transaction::committed(1, at + 6..at + 9, [Read(key, vec![1, 2])]),
    ]
}
