//! Cycles that only the clock closes: serializable, but not strictly.

use smarterbase_testkit::history::{
    AnomalyKind,
    Operation::{Append, Read},
    Transaction, check,
};

use crate::{X, Y, Z, accept, cycles::lost_update, only};

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
fn a_transaction_still_running_does_not_hide_what_was_done_before_it_began() {
    let history = |begin| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1)]),
            Transaction::committed(1, 20..90, [Read(Y, vec![])]),
            Transaction::committed(2, 0..30, [Read(Y, vec![])]),
            Transaction::committed(3, begin..50, [Read(X, vec![])]),
            Transaction::committed(4, 95..99, [Read(X, vec![1])]),
        ]
    };
    only(AnomalyKind::GSingleRealTime, &history(40));
    accept(&history(5));
}

#[test]
fn an_anomaly_without_the_clock_does_not_hide_one_of_the_clock_elsewhere() {
    let stale = [
        Transaction::committed(0, 10..11, [Append(Y, 1)]),
        Transaction::committed(1, 12..13, [Read(Y, vec![])]),
        Transaction::committed(2, 14..15, [Read(Y, vec![1])]),
    ];
    let history = [lost_update(X, 0).to_vec(), stale.to_vec()].concat();
    let kinds = check(&history).kinds();
    let both = [AnomalyKind::GSingle, AnomalyKind::GSingleRealTime];
    assert_eq!(kinds, both.into());
}

#[test]
fn a_stronger_anomaly_of_the_clock_is_shown_beside_a_weaker_one_without_it() {
    let history = [
        Transaction::committed(0, 0..10, [Read(X, vec![]), Append(Y, 1), Append(Z, 1)]),
        Transaction::committed(1, 20..30, [Read(Y, vec![]), Append(X, 1), Append(Z, 2)]),
        Transaction::committed(2, 40..50, [Read(Z, vec![2, 1])]),
    ];
    let kinds = check(&history).kinds();
    assert!(kinds.contains(&AnomalyKind::GSingle), "{kinds:?}");
    assert!(kinds.contains(&AnomalyKind::G0RealTime), "{kinds:?}");
}
