//! Transactions that read a range and add to it, beside others that do.

use super::{
    client::Program,
    explorer::holds,
    plain::Aim,
    scenario::{document, inserts, plainly, ranged, scans, transaction, z},
    shape::Shape,
    world::Faults,
};
use smarterbase_core::{format::Key, protocol::Shipped};

fn crash() -> Faults {
    Faults {
        crashes: 1,
        ..Faults::default()
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

/// What can be in the range.
fn range() -> [Key; 2] {
    [z(), document(3)]
}

fn run(name: &str, faults: Faults, programs: Vec<Program>) {
    let inserted = [(0, z()), (1, document(3))];
    holds(name, ranged::<Shipped>(0, &inserted, faults, programs));
}

#[test]
fn two_transactions_that_add_to_a_range_they_read_are_serial() {
    let pair = || vec![inserts(z(), &range()), inserts(document(3), &range())];
    run("two inserts", crash(), pair());
    run("two inserts, a loss", one_loss(), pair());
}

#[test]
fn a_transaction_that_reads_a_range_is_serial_with_plain_inserts() {
    let plain = || plainly(document(3), Aim::Insert);
    run(
        "insert, plain insert",
        Faults {
            crashes: 1,
            ..one_loss()
        },
        vec![inserts(z(), &range()), plain()],
    );
    run(
        "insert, plain insert, scan",
        Faults::default(),
        vec![inserts(z(), &range()), plain(), scans(&range())],
    );
}

#[test]
fn a_transaction_that_adds_again_is_serial() {
    let again = transaction(Shape::default().writing(&[z()]).ranging(&range()).trying(2));
    run(
        "insert twice, plain insert",
        Faults::default(),
        vec![again, plainly(document(3), Aim::Insert)],
    );
}
