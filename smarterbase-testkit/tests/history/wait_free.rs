//! Wait-free reads: linearizable per document, not strict across documents.

use smarterbase_testkit::history::{
    AnomalyKind,
    Operation::{Append, Read},
    Transaction,
};

use crate::{X, Y, accept, only};

/// While T0 is in flight with an older view of X, X is written and then Y is read.
fn read_past_a_transaction_in_flight(read: Transaction) -> [Transaction; 4] {
    [
        Transaction::committed(0, 0..50, [Read(X, vec![]), Append(Y, 1)]),
        Transaction::committed(1, 10..20, [Append(X, 2)]),
        read,
        Transaction::committed(3, 60..70, [Read(X, vec![2]), Read(Y, vec![1])]),
    ]
}

#[test]
fn a_wait_free_read_may_ignore_a_transaction_in_flight_that_a_strict_read_may_not_ignore() {
    let wait_free = Transaction::wait_free_read(2, 30..40, Y, []);
    accept(&read_past_a_transaction_in_flight(wait_free));
    let strict = Transaction::committed(2, 30..40, [Read(Y, vec![])]);
    let history = read_past_a_transaction_in_flight(strict);
    only(AnomalyKind::G2RealTime, &history);
}

#[test]
fn a_wait_free_read_is_not_stale() {
    let history = |begin| {
        [
            Transaction::committed(0, 0..10, [Append(X, 1)]),
            Transaction::wait_free_read(1, begin..30, X, []),
            Transaction::committed(2, 40..50, [Read(X, vec![1])]),
        ]
    };
    only(AnomalyKind::GSingleRealTime, &history(11));
    accept(&history(10));
}

#[test]
fn a_wait_free_read_does_not_go_back_behind_another_one() {
    let history = |begin| {
        [
            Transaction::unknown(0, 0, [Append(X, 1)]),
            Transaction::wait_free_read(1, 10..20, X, [1]),
            Transaction::wait_free_read(2, begin..40, X, []),
        ]
    };
    only(AnomalyKind::GSingleRealTime, &history(21));
    accept(&history(20));
}

#[test]
fn wait_free_reads_of_two_documents_may_be_in_any_order() {
    accept(&[
        Transaction::committed(0, 0..90, [Append(X, 1), Append(Y, 1)]),
        Transaction::wait_free_read(1, 10..20, X, [1]),
        Transaction::wait_free_read(1, 30..40, Y, []),
        Transaction::committed(2, 100..110, [Read(X, vec![1]), Read(Y, vec![1])]),
    ]);
}

#[test]
fn a_wait_free_read_must_have_a_place_in_the_serial_order() {
    let history = |x: &[u64]| {
        [
            Transaction::committed(0, 0..90, [Read(X, x.to_vec()), Append(Y, 1)]),
            Transaction::wait_free_read(1, 0..90, Y, [1]),
            Transaction::committed(2, 0..90, [Append(X, 2)]),
            Transaction::committed(3, 0..90, [Read(Y, vec![1]), Read(X, vec![])]),
        ]
    };
    accept(&history(&[]));
    only(AnomalyKind::GSingle, &history(&[2]));
}

#[test]
#[should_panic(expected = "wait-free, but not one read")]
fn a_wait_free_read_is_one_read() {
    let mut transaction = Transaction::wait_free_read(0, 0..10, X, []);
    transaction.operations.push(Read(Y, vec![]));
    accept(&[transaction]);
}
