//! The text for `elle-cli`.

use smarterbase_testkit::history::{
    Operation::{Append, Read},
    Transaction, to_edn,
};

use crate::{X, Y};

#[test]
fn a_history_is_exported_event_by_event() {
    let history = [
        Transaction::committed(0, 0..20, [Append(X, 1), Read(Y, vec![2, 3])]),
        Transaction::aborted(1, 5..20, [Append(X, 4)]),
        Transaction::unknown(2, 20, [Append(X, 5), Read(Y, vec![2])]),
        Transaction::wait_free_read(3, 0..10, X, []),
    ];
    let expected = [
        "{:index 0, :type :invoke, :process 0, :time 0, :f :txn, :value [[:append 0 1] [:r 1 nil]]}",
        "{:index 1, :type :invoke, :process 1, :time 5, :f :txn, :value [[:append 0 4]]}",
        "{:index 2, :type :invoke, :process 2, :time 20, :f :txn, :value [[:append 0 5] [:r 1 nil]]}",
        "{:index 3, :type :ok, :process 0, :time 20, :f :txn, :value [[:append 0 1] [:r 1 [2 3]]]}",
        "{:index 4, :type :fail, :process 1, :time 20, :f :txn, :value [[:append 0 4]]}",
        "{:index 5, :type :info, :process 2, :time 20, :f :txn, :value [[:append 0 5] [:r 1 nil]]}",
        "",
    ];
    assert_eq!(to_edn(&history), expected.join("\n"));
}
