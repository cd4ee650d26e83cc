//! What is unknown or was recorded: transactions without a reply.

use smarterbase_testkit::history::{
    AnomalyKind,
    Operation::{Append, Read},
    Outcome, Recorder, Transaction,
};

use crate::{X, Y, Z, accept, only};

#[test]
fn an_unknown_append_may_be_there_or_not() {
    let history = |seen: &[u64]| {
        [
            Transaction::unknown(0, 0, [Append(X, 1)]),
            Transaction::committed(1, 100..110, [Read(X, seen.to_vec())]),
        ]
    };
    accept(&history(&[]));
    accept(&history(&[1]));
}

#[test]
fn an_unknown_append_may_come_late_but_not_before_it_began() {
    let history = |begin| {
        [
            Transaction::committed(1, 0..10, [Read(X, vec![])]),
            Transaction::committed(1, 20..30, [Read(X, vec![1])]),
            Transaction::unknown(0, begin, [Append(X, 1)]),
        ]
    };
    accept(&history(0));
    accept(&history(25));
    only(AnomalyKind::G1cRealTime, &history(31));
}

#[test]
fn an_unknown_transaction_is_seen_whole_or_not_at_all() {
    let history = |y: &[u64]| {
        [
            Transaction::unknown(0, 0, [Append(X, 1), Append(Y, 1)]),
            Transaction::committed(1, 10..20, [Read(X, vec![1]), Read(Y, y.to_vec())]),
        ]
    };
    only(AnomalyKind::GSingle, &history(&[]));
    accept(&history(&[1]));
}

#[test]
fn the_reads_of_an_unknown_transaction_count_once_its_append_was_seen() {
    let history = |seen: &[u64]| {
        [
            Transaction::unknown(0, 5, [Read(Y, vec![9]), Append(X, 1)]),
            Transaction::aborted(1, 0..4, [Append(Y, 9)]),
            Transaction::committed(2, 10..20, [Read(X, seen.to_vec())]),
        ]
    };
    only(AnomalyKind::G1a, &history(&[1]));
    accept(&history(&[]));
}

#[test]
fn an_unknown_transaction_counts_when_another_unknown_one_that_counts_has_seen_it() {
    let history = |seen: &[u64]| {
        [
            Transaction::unknown(0, 5, [Read(Z, vec![9]), Append(Y, 1)]),
            Transaction::unknown(1, 5, [Read(Y, vec![1]), Append(X, 2)]),
            Transaction::aborted(2, 0..4, [Append(Z, 9)]),
            Transaction::committed(3, 10..20, [Read(X, seen.to_vec())]),
        ]
    };
    only(AnomalyKind::G1a, &history(&[2]));
    accept(&history(&[]));
}

#[test]
fn what_an_unknown_transaction_lost_is_not_called_acknowledged() {
    let history = |y: &[u64]| {
        let appends = [Append(X, 1), Append(Y, 1)];
        [
            Transaction {
                outcome: Outcome::Unknown,
                ..Transaction::committed(0, 0..5, appends)
            },
            Transaction::committed(1, 10..20, [Read(X, vec![1]), Read(Y, y.to_vec())]),
        ]
    };
    only(AnomalyKind::GSingle, &history(&[]));
    accept(&history(&[1]));
}

#[test]
fn an_unknown_transaction_that_was_seen_must_be_seen_from_then_on() {
    let history = |begin| {
        [
            Transaction::unknown(0, 0, [Append(X, 1), Append(Y, 1)]),
            Transaction::committed(1, 10..20, [Read(X, vec![1])]),
            Transaction::committed(2, begin..40, [Read(Y, vec![])]),
        ]
    };
    accept(&history(20));
    only(AnomalyKind::GSingleRealTime, &history(21));
}

#[test]
fn an_unknown_transaction_that_saw_itself_only_is_left_out() {
    accept(&[
        Transaction::unknown(0, 0, [Append(X, 1), Read(X, vec![1]), Read(Y, vec![7])]),
        Transaction::committed(1, 10..20, [Read(X, vec![])]),
    ]);
}

#[test]
fn what_an_aborted_transaction_read_means_nothing() {
    accept(&[
        Transaction::aborted(0, 0..10, [Read(X, vec![7, 7])]),
        Transaction::committed(1, 20..30, [Read(X, vec![])]),
    ]);
}

#[test]
fn a_recorder_writes_the_history_of_its_clients() {
    let recorder = Recorder::default();
    let first = recorder.begin(0);
    first.read(X, [8]);
    let second = recorder.begin(1);
    first.restart();
    first.append(X, 1);
    first.committed();
    second.append(Y, 2);
    drop(second);
    let third = recorder.begin_wait_free_read(2);
    third.read(X, [1]);
    third.committed();
    let fourth = recorder.begin(0);
    fourth.aborted();
    let expected = [
        Transaction::committed(0, 1..3, [Append(X, 1)]),
        Transaction::unknown(1, 2, [Append(Y, 2)]),
        Transaction::wait_free_read(2, 4..5, X, [1]),
        Transaction::aborted(0, 6..7, []),
    ];
    assert_eq!(recorder.history(), expected);
    assert_eq!(recorder.history()[1].outcome, Outcome::Unknown);
    accept(&recorder.history());
}
