//! One unique value, taken and given back by transactions and by plain writes beside each other.

use super::{
    claimer::{Aim, Order},
    client::Program,
    explorer::holds,
    scenario::{claimer, document, gives_up, owned, takes, transaction, world, x, y},
    world::Faults,
};
use smarterbase_core::{format::Key, protocol::Shipped};

fn calm() -> Faults {
    Faults {
        rests: 1,
        ..Faults::default()
    }
}

fn crash() -> Faults {
    Faults {
        crashes: 1,
        ..calm()
    }
}

fn hurried_crash() -> Faults {
    Faults {
        rests: 0,
        ..crash()
    }
}

fn one_loss() -> Faults {
    Faults {
        budget: 1,
        lost: true,
        duplicate: true,
        ..Faults::default()
    }
}

fn plain(key: Key, aim: Aim) -> Program {
    claimer(key, aim, Order::Engine)
}

fn taking(key: Key) -> Program {
    transaction(takes(key))
}

/// With a claim of the first document, which does not hold the value.
fn left_behind(name: &str, faults: Faults, programs: Vec<Program>) {
    holds(name, owned::<Shipped>(2, &x(), false, faults, programs));
}

/// With a first document that holds the value.
fn held(name: &str, faults: Faults, programs: Vec<Program>) {
    holds(name, owned::<Shipped>(2, &x(), true, faults, programs));
}

#[test]
fn a_claim_left_behind_goes_to_one() {
    left_behind(
        "take, set",
        crash(),
        vec![taking(y()), plain(x(), Aim::Set)],
    );
    left_behind(
        "take, set, a loss",
        one_loss(),
        vec![taking(y()), plain(x(), Aim::Set)],
    );
    left_behind(
        "take, take",
        hurried_crash(),
        vec![taking(y()), taking(x())],
    );
    left_behind(
        "take, set, set",
        Faults::default(),
        vec![
            taking(y()),
            plain(x(), Aim::Set),
            plain(document(2), Aim::Set),
        ],
    );
}

#[test]
fn a_new_value_goes_to_one() {
    let new = |name: &str, faults, programs| holds(name, world::<Shipped>(2, faults, programs));
    new(
        "new: take, set",
        crash(),
        vec![taking(y()), plain(x(), Aim::Set)],
    );
    new("new: take, take", crash(), vec![taking(y()), taking(x())]);
    new(
        "new: take twice, set",
        calm(),
        vec![transaction(takes(y()).trying(2)), plain(x(), Aim::Set)],
    );
}

#[test]
fn a_value_given_back_goes_to_one() {
    held(
        "take, unset",
        crash(),
        vec![taking(y()), plain(x(), Aim::Unset)],
    );
    held(
        "take, delete",
        one_loss(),
        vec![taking(y()), plain(x(), Aim::Delete)],
    );
    held(
        "take, give up",
        crash(),
        vec![taking(y()), transaction(gives_up(x(), document(2)))],
    );
    held(
        "set, give up",
        one_loss(),
        vec![
            plain(y(), Aim::Set),
            transaction(gives_up(x(), document(2))),
        ],
    );
}

#[test]
fn a_value_that_wanders_goes_to_one() {
    held(
        "take, unset, set",
        Faults::default(),
        vec![taking(y()), plain(x(), Aim::Unset), plain(x(), Aim::Set)],
    );
}

#[test]
fn a_touch_that_is_overwritten_before_its_transaction_commits_keeps_its_promise() {
    let alone = |key, aim| claimer(key, aim, Order::InTransaction);
    left_behind(
        "take, set alone",
        crash(),
        vec![taking(y()), alone(x(), Aim::Set)],
    );
    left_behind(
        "take, set alone, a loss",
        one_loss(),
        vec![taking(y()), alone(x(), Aim::Set)],
    );
}
