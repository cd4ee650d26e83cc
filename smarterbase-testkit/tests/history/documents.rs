//! Anomalies that one document shows, without any cycle.

use smarterbase_testkit::history::{
    AnomalyKind,
    Operation::{Append, Read},
    Transaction, check,
};

use crate::{X, accept, only};

#[test]
fn nothing_at_all_is_accepted() {
    accept(&[]);
    accept(&[Transaction::committed(0, 0..1, [])]);
}

#[test]
fn a_read_of_an_aborted_append_is_g1a() {
    let history = |first: fn(u64, _, _) -> _| {
        [
            first(0, 0..10, [Append(X, 1)]),
            Transaction::committed(1, 20..30, [Read(X, vec![1])]),
        ]
    };
    let text = only(AnomalyKind::G1a, &history(Transaction::aborted));
    let expected = [
        "G1a",
        "  T0: process 0, 0 to 10, aborted: append k0 1",
        "  T1: process 1, 20 to 30, committed: read k0 [1]",
        "  T1 read k0 with a 1 of a transaction that was aborted",
    ];
    assert_eq!(text, expected.join("\n"));
    accept(&history(Transaction::committed));
}

#[test]
fn many_reads_of_one_aborted_append_are_one_anomaly() {
    let read = |at| Transaction::committed(1, at..at + 1, [Read(X, vec![1])]);
    only(
        AnomalyKind::G1a,
        &[
            Transaction::aborted(0, 0..10, [Append(X, 1)]),
            read(20),
            read(30),
        ],
    );
}

#[test]
fn a_read_between_two_appends_of_a_transaction_is_g1b() {
    let history = |seen: &[u64]| {
        [
            Transaction::committed(0, 0..30, [Append(X, 1), Append(X, 2)]),
            Transaction::committed(1, 10..20, [Read(X, seen.to_vec())]),
            Transaction::committed(2, 40..50, [Read(X, vec![1, 2])]),
        ]
    };
    let text = only(AnomalyKind::G1b, &history(&[1]));
    let reason = "T1 read k0 up to 1 of T0, which also appended 2";
    assert!(text.ends_with(reason), "{text}");
    accept(&history(&[]));
    accept(&history(&[1, 2]));
}

#[test]
fn a_value_that_is_read_twice_is_a_duplicate() {
    let history = |seen: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1)]),
            Transaction::committed(1, 20..30, [Read(X, seen.to_vec())]),
        ]
    };
    let text = only(AnomalyKind::DuplicateValue, &history(&[1, 1]));
    let reason = "T1 read k0 with a 1 twice, which was appended once";
    assert!(text.ends_with(reason), "{text}");
    accept(&history(&[1]));
}

#[test]
fn a_value_that_nobody_appended_is_found() {
    let history = |seen: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1)]),
            Transaction::committed(1, 20..30, [Read(X, seen.to_vec())]),
        ]
    };
    let text = only(AnomalyKind::UnwrittenRead, &history(&[1, 2]));
    let reason = "T1 read k0 with a 2 that nobody appended";
    assert!(text.ends_with(reason), "{text}");
    accept(&history(&[1]));
}

#[test]
fn reads_that_fork_are_an_incompatible_order() {
    let history = |seen: &[u64]| {
        [
            Transaction::committed(0, 0..50, [Append(X, 1)]),
            Transaction::committed(1, 0..50, [Append(X, 2)]),
            Transaction::committed(2, 0..50, [Read(X, vec![1, 2])]),
            Transaction::committed(3, 0..50, [Read(X, seen.to_vec())]),
        ]
    };
    let text = only(AnomalyKind::IncompatibleOrder, &history(&[2, 1]));
    let reason = "T2 read k0 [1, 2], T3 read k0 [2, 1]: neither begins with the other";
    assert!(text.ends_with(reason), "{text}");
    accept(&history(&[1]));
}

#[test]
fn what_only_a_fork_shows_is_not_lost() {
    only(
        AnomalyKind::IncompatibleOrder,
        &[
            Transaction::committed(0, 0..10, [Append(X, 3)]),
            Transaction::committed(1, 0..50, [Append(X, 1), Append(X, 2)]),
            Transaction::committed(2, 20..50, [Read(X, vec![3])]),
            Transaction::committed(3, 20..50, [Read(X, vec![1, 2])]),
        ],
    );
}

#[test]
fn appends_in_another_order_than_they_were_made_in_are_an_incompatible_order() {
    let history = |seen: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1), Append(X, 2)]),
            Transaction::committed(1, 0..10, [Append(X, 3)]),
            Transaction::committed(2, 20..30, [Read(X, seen.to_vec())]),
        ]
    };
    let text = only(AnomalyKind::IncompatibleOrder, &history(&[2, 1, 3]));
    let reason = "T0 appended [1, 2] to k0, where they are as [2, 1]";
    assert!(text.ends_with(reason), "{text}");
    accept(&history(&[1, 2, 3]));
}

#[test]
fn an_acknowledged_append_that_a_later_read_lacks_is_lost() {
    let history = |read_at: u64| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1)]),
            Transaction::committed(1, 0..12, [Append(X, 2)]),
            Transaction::committed(2, read_at..30, [Read(X, vec![1])]),
        ]
    };
    let text = only(AnomalyKind::LostAppend, &history(13));
    let expected = [
        "lost-append",
        "  T1: process 1, 0 to 12, committed: append k0 2",
        "  T2: process 2, 13 to 30, committed: read k0 [1]",
        "  T1 was done at 12 with the append of 2 to k0, and no read shows it, not even T2 at 13",
    ];
    assert_eq!(text, expected.join("\n"));
    accept(&history(12));
}

#[test]
fn a_transaction_that_misses_its_own_append_is_internal() {
    let history = |seen: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1), Read(X, seen.to_vec())]),
            Transaction::committed(1, 20..30, [Read(X, vec![1])]),
        ]
    };
    let text = only(AnomalyKind::Internal, &history(&[]));
    let reason = "T0 read k0 [] after it had appended [1]";
    assert!(text.ends_with(reason), "{text}");
    accept(&history(&[1]));
}

#[test]
fn a_transaction_that_reads_two_states_is_internal() {
    let history = |seen: &[u64]| {
        let reads = [Read(X, vec![]), Read(X, seen.to_vec())];
        [
            Transaction::committed(0, 0..30, reads),
            Transaction::committed(1, 10..20, [Append(X, 1)]),
            Transaction::committed(2, 40..50, [Read(X, vec![1])]),
        ]
    };
    let text = only(AnomalyKind::Internal, &history(&[1]));
    let reason = "T0 read k0 [1] after it had found [] and appended []";
    assert!(text.ends_with(reason), "{text}");
    accept(&history(&[]));
}

#[test]
fn a_transaction_that_sees_its_own_future_is_internal() {
    let history = |seen: &[u64]| {
        [
            Transaction::committed(0, 0..10, [Read(X, seen.to_vec()), Append(X, 1)]),
            Transaction::committed(1, 20..30, [Read(X, vec![1])]),
        ]
    };
    let text = only(AnomalyKind::Internal, &history(&[1]));
    let reason = "T0 read k0 [1] before it had appended all of that";
    assert!(text.ends_with(reason), "{text}");
    accept(&history(&[]));
}

#[test]
fn the_beginning_of_a_long_list_is_not_printed() {
    let values: Vec<u64> = (1..=20).collect();
    let appends: Vec<_> = values.iter().map(|value| Append(X, *value)).collect();
    let seen = [values, vec![99]].concat();
    let text = only(
        AnomalyKind::UnwrittenRead,
        &[
            Transaction::committed(0, 0..10, appends),
            Transaction::committed(1, 20..30, [Read(X, seen)]),
        ],
    );
    let read = "committed: read k0 [13 more, 14, 15, 16, 17, 18, 19, 20, 99]";
    assert!(text.contains(read), "{text}");
}

#[test]
#[should_panic(expected = "1 is appended twice to k0")]
fn a_value_must_be_appended_once() {
    let transaction = Transaction::committed(0, 0..10, [Append(X, 1)]);
    let _ = check(&[transaction.clone(), transaction]);
}
