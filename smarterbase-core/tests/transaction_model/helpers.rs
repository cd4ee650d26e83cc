//! Transactions that others finish, and transactions that lock.

use super::{
    client::Program,
    explorer::holds,
    scenario::{
        document, moves, peek, reads, strict_read, transaction, update, with_medic, world, x, y, z,
    },
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

fn changes_both() -> Program {
    moves(&[x(), y()], &[x(), y()])
}

#[test]
fn what_a_dead_owner_committed_is_finished() {
    let faults = Faults {
        rests: 1,
        ..crash()
    };
    let programs = || vec![changes_both(), strict_read(x())];
    holds(
        "a medic, a reader",
        with_medic(world::<Shipped>(2, faults, programs()), 0, true),
    );
    let programs = vec![changes_both(), update(x())];
    holds(
        "a medic, a writer",
        with_medic(world::<Shipped>(2, crash(), programs), 0, true),
    );
    let programs = vec![moves(&[x()], &[x(), z()]), peek(z())];
    holds(
        "a medic, a peek",
        with_medic(world::<Shipped>(2, crash(), programs), 0, true),
    );
}

#[test]
fn a_medic_beside_a_living_owner_does_no_harm() {
    let programs = || vec![changes_both(), strict_read(y())];
    holds(
        "a medic, a loss",
        with_medic(world::<Shipped>(2, one_loss(), programs()), 0, false),
    );
    let programs = vec![changes_both(), update(y())];
    holds(
        "a medic, a writer",
        with_medic(world::<Shipped>(2, Faults::default(), programs), 0, false),
    );
}

fn locks(reads: &[Key], writes: &[Key]) -> Shape {
    Shape::reading(reads).writing(writes).locking(reads)
}

#[test]
fn a_transaction_that_locks_first_is_serial() {
    let locker = || transaction(locks(&[x(), y()], &[x()]));
    holds(
        "lock, update",
        world::<Shipped>(
            2,
            Faults {
                crashes: 1,
                rests: 1,
                ..one_loss()
            },
            vec![locker(), update(y())],
        ),
    );
    holds(
        "lock, change",
        world::<Shipped>(2, crash(), vec![locker(), changes_both()]),
    );
    holds(
        "lock, own",
        world::<Shipped>(2, crash(), vec![locker(), moves(&[x(), y()], &[y()])]),
    );
    holds(
        "lock, snapshot, read",
        world::<Shipped>(
            2,
            crash(),
            vec![locker(), reads(&[x(), y()]), strict_read(x())],
        ),
    );
    let makes = transaction(locks(&[x(), z()], &[x(), z()]));
    holds(
        "lock and make, update",
        world::<Shipped>(2, one_loss(), vec![makes, update(x())]),
    );
}

#[test]
fn two_transactions_that_lock_are_serial() {
    let locker = |written: Key| transaction(locks(&[x(), y()], &[written]));
    holds(
        "two locks",
        world::<Shipped>(2, crash(), vec![locker(x()), locker(y())]),
    );
}

#[test]
fn a_lock_does_not_keep_a_plain_write_of_a_transaction_out() {
    let alone = moves(&[y()], &[y()]);
    let locker = transaction(locks(&[x(), y()], &[x(), document(3)]));
    holds(
        "lock, alone",
        world::<Shipped>(2, one_loss(), vec![locker, alone]),
    );
}
