//! Transactions, plain operations and reads of two documents.

use super::{
    client::Program,
    explorer::{holds, is_caught},
    plain::Aim,
    scenario::{
        document, moves, peek, plainly, reads, strict_peek, strict_read, transaction, update,
        world, x, y, z,
    },
    shape::Shape,
    world::Faults,
};
use smarterbase_core::protocol::Shipped;

/// Nobody rests: whoever is in the way is aborted at once.
fn calm() -> Faults {
    Faults::default()
}

/// So many lost or doubled requests, and so many crashes.
fn lossy(budget: u8, crashes: u8) -> Faults {
    Faults {
        budget,
        crashes,
        lost: true,
        duplicate: true,
        ..calm()
    }
}

fn resting(faults: Faults) -> Faults {
    Faults { rests: 1, ..faults }
}

/// So many faults of every kind.
fn any_fault(budget: u8) -> Faults {
    Faults {
        echo: true,
        conflict: true,
        refused: true,
        unread: true,
        slow: true,
        hurry: true,
        ..lossy(budget, 0)
    }
}

fn are_serial(name: &str, faults: Faults, programs: Vec<Program>) {
    holds(name, world::<Shipped>(2, faults, programs));
}

fn both() -> [smarterbase_core::format::Key; 2] {
    [x(), y()]
}

/// Writes both documents, as it read them.
fn changes_both() -> Program {
    moves(&both(), &both())
}

/// Decided by the document.
fn own(key: smarterbase_core::format::Key) -> Program {
    moves(&both(), &[key])
}

/// Reads both, writes one and makes another: decided by a record.
fn recorded(key: smarterbase_core::format::Key, made: u8) -> Program {
    moves(&both(), &[key, document(made)])
}

#[test]
fn two_transactions_that_read_each_other_are_serial() {
    are_serial("skew", resting(lossy(1, 1)), vec![own(x()), own(y())]);
    are_serial("skew, two losses", lossy(2, 0), vec![own(x()), own(y())]);
    let pair = || vec![recorded(x(), 2), recorded(y(), 3)];
    are_serial("recorded skew, a crash", resting(lossy(0, 1)), pair());
    are_serial("recorded skew, a loss", lossy(1, 0), pair());
    are_serial(
        "skew, one recorded",
        resting(lossy(1, 1)),
        vec![own(x()), recorded(y(), 2)],
    );
}

#[test]
fn two_transactions_that_change_the_same_are_serial() {
    let pair = || vec![changes_both(), changes_both()];
    are_serial("two changes, a crash", resting(lossy(0, 1)), pair());
    let loss = Faults {
        duplicate: false,
        ..lossy(1, 0)
    };
    are_serial("two changes, a loss", loss, pair());
}

#[test]
fn a_transaction_beside_a_plain_write_and_a_snapshot_is_serial() {
    let trio = || vec![changes_both(), update(x()), reads(&both())];
    are_serial("change, update, snapshot", calm(), trio());
    are_serial("change, update, snapshot, a crash", lossy(0, 1), trio());
    let trio = || vec![own(x()), update(y()), reads(&both())];
    are_serial("own, update, snapshot", resting(lossy(1, 1)), trio());
    let trio = || vec![recorded(x(), 2), update(y()), reads(&both())];
    are_serial("recorded, update, snapshot", lossy(0, 1), trio());
}

#[test]
fn transactions_of_both_kinds_beside_a_plain_write_are_serial() {
    are_serial(
        "own, change, update",
        calm(),
        vec![own(x()), changes_both(), update(y())],
    );
    are_serial(
        "own, own, update, read",
        lossy(0, 1),
        vec![own(x()), own(y()), update(x()), strict_read(y())],
    );
}

#[test]
fn strict_reads_are_in_one_order_with_transactions() {
    are_serial(
        "change, read",
        resting(lossy(2, 1)),
        vec![changes_both(), strict_read(x())],
    );
    are_serial(
        "change, two reads",
        resting(lossy(1, 1)),
        vec![changes_both(), strict_read(x()), strict_read(y())],
    );
    are_serial(
        "own, update, read",
        resting(lossy(1, 1)),
        vec![own(x()), update(y()), strict_read(x())],
    );
    are_serial(
        "skew, read",
        lossy(0, 1),
        vec![recorded(x(), 2), own(y()), strict_read(x())],
    );
}

#[test]
fn wait_free_reads_are_serial_and_linear_per_document() {
    are_serial(
        "change, two peeks",
        resting(lossy(1, 1)),
        vec![changes_both(), peek(x()), peek(y())],
    );
    are_serial(
        "own, update, peek",
        resting(lossy(1, 1)),
        vec![own(x()), update(y()), peek(x())],
    );
    are_serial(
        "recorded, update, peek",
        lossy(1, 0),
        vec![recorded(x(), 2), update(y()), peek(x())],
    );
}

/// As is documented: a write of another document may end, and a wait-free read after it still see what came before.
#[test]
fn wait_free_reads_are_not_strict_across_documents() {
    let programs = vec![own(x()), update(y()), strict_peek(x())];
    is_caught("own, update, peek", world::<Shipped>(2, calm(), programs));
}

#[test]
fn one_document_written_in_a_transaction_is_a_plain_write() {
    let alone = || moves(&[x()], &[x()]);
    are_serial("two alone", resting(lossy(2, 1)), vec![alone(), alone()]);
    are_serial(
        "alone, change, read",
        lossy(0, 1),
        vec![alone(), changes_both(), strict_read(x())],
    );
    are_serial(
        "alone, own, update",
        lossy(1, 0),
        vec![alone(), own(x()), update(x())],
    );
}

#[test]
fn creates_and_deletes_are_serial() {
    let makes = || moves(&[x()], &[x(), z()]);
    let create = || plainly(z(), Aim::Create);
    are_serial(
        "two that make the same",
        lossy(0, 1),
        vec![makes(), makes()],
    );
    are_serial(
        "make, create, read",
        lossy(1, 0),
        vec![makes(), create(), strict_read(z())],
    );
    let deletes = || transaction(Shape::reading(&both()).writing(&[x()]).deleting(&y()));
    are_serial(
        "delete, update",
        resting(lossy(1, 1)),
        vec![deletes(), update(y())],
    );
    are_serial(
        "delete, delete, read",
        lossy(0, 0),
        vec![deletes(), plainly(y(), Aim::Delete), strict_read(y())],
    );
    are_serial(
        "delete, change",
        lossy(0, 1),
        vec![deletes(), changes_both()],
    );
}

#[test]
fn a_transaction_that_runs_again_is_serial() {
    let again = |shape: Shape| transaction(shape.trying(2));
    let changes = || again(Shape::reading(&both()).writing(&both()));
    are_serial(
        "change twice, update",
        lossy(1, 0),
        vec![changes(), update(x())],
    );
    let own = |key| again(Shape::reading(&both()).writing(&[key]));
    are_serial(
        "own twice, own twice",
        lossy(0, 0),
        vec![own(x()), own(y())],
    );
    let makes = again(Shape::reading(&[x()]).writing(&[x(), z()]));
    are_serial(
        "make twice, create",
        lossy(1, 0),
        vec![makes, plainly(z(), Aim::Create)],
    );
}

#[test]
fn every_kind_of_fault_leaves_transactions_serial() {
    are_serial("skew, any fault", any_fault(1), vec![own(x()), own(y())]);
    are_serial(
        "change, update, any fault",
        any_fault(2),
        vec![changes_both(), update(x())],
    );
    are_serial(
        "change, read, any fault",
        any_fault(2),
        vec![changes_both(), strict_read(x())],
    );
    are_serial(
        "recorded skew, any fault",
        any_fault(1),
        vec![recorded(x(), 2), recorded(y(), 3)],
    );
}
