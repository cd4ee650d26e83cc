//! The definition of what the checker must accept: try every order.

use std::collections::BTreeMap;

use smarterbase_testkit::history::{Key, Operation, Outcome, RealTime, Transaction};

/// Which orders are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Orders {
    /// Those that respect the clock.
    Timed,
    /// All of them.
    Any,
}

/// Whether some of the unknown transactions and all of the committed ones can have run one after the other.
pub(crate) fn explains(history: &[Transaction], orders: Orders) -> bool {
    let (certain, rest): (Vec<_>, Vec<_>) = history
        .iter()
        .filter(|transaction| transaction.outcome != Outcome::Aborted)
        .partition(|transaction| transaction.outcome == Outcome::Committed);
    (0..1 << rest.len()).any(|chosen: u32| {
        let is_chosen = |(at, _): &(usize, _)| chosen & (1 << at) != 0;
        let chosen = rest
            .iter()
            .enumerate()
            .filter(is_chosen)
            .map(|(_, one)| *one);
        let all = certain.iter().copied().chain(chosen).collect();
        continues(&BTreeMap::new(), all, orders)
    })
}

type State = BTreeMap<Key, Vec<u64>>;

/// Whether what is left can run from this state on, in some order.
fn continues(state: &State, left: Vec<&Transaction>, orders: Orders) -> bool {
    let is_next = |one: &&Transaction| {
        orders == Orders::Any || !left.iter().any(|other| is_before(other, one))
    };
    left.is_empty()
        || left.iter().enumerate().any(|(at, one)| {
            let mut others = left.clone();
            others.remove(at);
            let after = is_next(one).then(|| run(state, one)).flatten();
            after.is_some_and(|after| continues(&after, others, orders))
        })
}

/// What the transaction makes of a state; `None` when it must have read something else.
fn run(state: &State, transaction: &Transaction) -> Option<State> {
    let mut state = state.clone();
    for operation in &transaction.operations {
        let document = state.entry(operation.key()).or_default();
        match operation {
            Operation::Append(_, value) => document.push(*value),
            Operation::Read(_, values) if document == values => {}
            Operation::Read(..) => return None,
        }
    }
    Some(state)
}

fn is_before(one: &Transaction, other: &Transaction) -> bool {
    let is_done =
        one.outcome == Outcome::Committed && one.completed.is_some_and(|done| done < other.invoked);
    let strict = |transaction: &Transaction| transaction.real_time == RealTime::Strict;
    is_done && ((strict(one) && strict(other)) || shares_document(one, other))
}

fn shares_document(one: &Transaction, other: &Transaction) -> bool {
    let touches = |key| {
        other
            .operations
            .iter()
            .any(|operation| operation.key() == key)
    };
    one.operations
        .iter()
        .any(|operation| touches(operation.key()))
}
