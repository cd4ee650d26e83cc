//! Histories of any size that are right: transactions run one after the other, and clients saw them overlap.

use std::collections::BTreeMap;

use smarterbase_testkit::history::{Key, Operation, Outcome, RealTime, Transaction};

use crate::small_world::Dice;

/// How large a history is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) transactions: u64,
    pub(crate) keys: u64,
}

/// The moments from one transaction's place in the serial order to the next one's.
const STEP: u64 = 10;
/// How much earlier a transaction begins at most, and how much later it ends. Some ten overlap.
const REACH: u64 = 100;

/// A history in its serial order, with a read of everything at its end.
pub(crate) fn history(dice: &Dice, size: Size) -> Vec<Transaction> {
    let mut state = BTreeMap::new();
    let mut values = 1..;
    let mut history: Vec<_> = (0..size.transactions)
        .map(|number| transaction(dice, size, number, &mut state, &mut values))
        .collect();
    (0..history.len())
        .rev()
        .for_each(|at| delay(dice, at, &mut history));
    history.push(final_read(size, &state));
    history
}

type State = BTreeMap<Key, Vec<u64>>;

fn transaction(
    dice: &Dice,
    size: Size,
    number: u64,
    state: &mut State,
    values: &mut impl Iterator<Item = u64>,
) -> Transaction {
    let place = REACH + number * STEP;
    let during = place - dice.below(REACH)..place + dice.below(REACH);
    let before = state.clone();
    let operations = (0..=dice.below(3)).map(|_| operate(dice, size, state, values));
    let mut transaction =
        Transaction::committed(number % 10, during, operations.collect::<Vec<_>>());
    let is_read = matches!(transaction.operations[..], [Operation::Read(..)]);
    match dice.below(10) {
        0 => {
            transaction.outcome = Outcome::Aborted;
            *state = before;
        }
        1 => {
            transaction.outcome = Outcome::Unknown;
            if dice.one_in(2) {
                *state = before;
            }
        }
        _ if is_read && dice.one_in(2) => transaction.real_time = RealTime::PerDocument,
        _ => {}
    }
    transaction
}

fn operate(
    dice: &Dice,
    size: Size,
    state: &mut State,
    values: &mut impl Iterator<Item = u64>,
) -> Operation {
    let key = Key(dice.below(size.keys));
    let document = state.entry(key).or_default();
    if dice.one_in(2) {
        return Operation::Read(key, document.clone());
    }
    let value = values.next().unwrap();
    document.push(value);
    Operation::Append(key, value)
}

/// Moves a wait-free read to a time after its place in the serial order: as late as the next ones on its document allow,
/// because those must not be done before it begins.
fn delay(dice: &Dice, at: usize, history: &mut [Transaction]) {
    if history[at].real_time == RealTime::Strict {
        return;
    }
    let key = history[at].operations[0].key();
    let touches = |one: &&Transaction| one.operations.iter().any(|other| other.key() == key);
    let next = history[at + 1..].iter().filter(touches);
    let limit = next.filter_map(|one| one.completed).min();
    let latest = limit
        .unwrap_or(u64::MAX)
        .min(history[at].invoked + 5 * REACH);
    let read = &mut history[at];
    let begin = read.invoked + dice.below(latest.saturating_sub(read.invoked) + 1);
    read.invoked = begin;
    read.completed = read.completed.max(Some(begin + dice.below(REACH)));
}

fn final_read(size: Size, state: &State) -> Transaction {
    let end = REACH * 10 + size.transactions * STEP;
    let read = |key| Operation::Read(key, state.get(&key).cloned().unwrap_or_default());
    let reads: Vec<_> = (0..size.keys).map(Key).map(read).collect();
    Transaction::committed(99, end..end + 1, reads)
}
