//! Anomalies that only several documents, or the clock, show: cycles.

use smarterbase_testkit::history::{
    AnomalyKind,
    Operation::{Append, Read},
    Transaction,
};

use crate::{X, Y, accept, only};

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
fn an_append_before_one_that_was_done_earlier_is_g0_realtime() {
    let history = |x: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1)]),
            Transaction::committed(1, 20..30, [Append(X, 2)]),
            Transaction::committed(2, 40..50, [Read(X, x.to_vec())]),
        ]
    };
    let text = only(AnomalyKind::G0RealTime, &history(&[2, 1]));
    let expected = [
        "G0-realtime: a cycle of 2 transactions",
        "  T0: process 0, 0 to 10, committed: append k0 1",
        "  T1: process 1, 20 to 30, committed: append k0 2",
        "  T0 -rt-> T1: T0 was done at 10, T1 began at 20",
        "  T1 -ww-> T0: T0 appended 1 to k0 after 2 of T1",
    ];
    assert_eq!(text, expected.join("\n"));
    accept(&history(&[1, 2]));
}

#[test]
fn a_read_from_the_future_is_g1c_realtime() {
    let history = |end| {
        [
            Transaction::committed(0, 0..end, [Read(X, vec![1])]),
            Transaction::committed(1, 20..30, [Append(X, 1)]),
        ]
    };
    let text = only(AnomalyKind::G1cRealTime, &history(19));
    assert!(text.contains("T0 -rt-> T1: T0 was done at 19, T1 began at 20"));
    assert!(text.contains("T1 -wr-> T0: T0 read k0 with 1 of T1"));
    accept(&history(20));
}

#[test]
fn a_stale_read_is_g_single_realtime() {
    let history = |begin| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1)]),
            Transaction::committed(1, begin..30, [Read(X, vec![])]),
            Transaction::committed(2, 40..50, [Read(X, vec![1])]),
        ]
    };
    let text = only(AnomalyKind::GSingleRealTime, &history(11));
    assert!(text.contains("T0 -rt-> T1: T0 was done at 10, T1 began at 11"));
    assert!(text.contains("T1 -rw-> T0: T1 read k0 without 1 of T0"));
    accept(&history(10));
}

/// The read-only anomaly that rule 4 of the protocol's safety argument is about.
#[test]
fn a_later_read_that_misses_a_transaction_with_an_older_view_is_g2_realtime() {
    let history = |begin| {
        [
            Transaction::committed(0, 0..50, [Read(X, vec![]), Append(Y, 1)]),
            Transaction::committed(1, 10..20, [Append(X, 2)]),
            Transaction::committed(2, begin..40, [Read(Y, vec![])]),
            Transaction::committed(3, 60..70, [Read(X, vec![2]), Read(Y, vec![1])]),
        ]
    };
    let text = only(AnomalyKind::G2RealTime, &history(30));
    let expected = [
        "G2-realtime: a cycle of 3 transactions",
        "  T0: process 0, 0 to 50, committed: read k0 [], append k1 1",
        "  T1: process 1, 10 to 20, committed: append k0 2",
        "  T2: process 2, 30 to 40, committed: read k1 []",
        "  T0 -rw-> T1: T0 read k0 without 2 of T1",
        "  T1 -rt-> T2: T1 was done at 20, T2 began at 30",
        "  T2 -rw-> T0: T2 read k1 without 1 of T0",
    ];
    assert_eq!(text, expected.join("\n"));
    accept(&history(20));
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

#[test]
fn anomalies_far_from_each_other_are_told_apart() {
    let pair = |key, at: u64| {
        let update =
            |value| Transaction::committed(0, at..at + 5, [Read(key, vec![]), Append(key, value)]);
        [
            update(1),
            update(2),
            Transaction::committed(1, at + 6..at + 9, [Read(key, vec![1, 2])]),
        ]
    };
    let verdict = smarterbase_testkit::history::check(&[pair(X, 0), pair(Y, 10)].concat());
    let kinds: Vec<_> = verdict.anomalies.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [AnomalyKind::GSingle; 2], "{verdict}");
}
