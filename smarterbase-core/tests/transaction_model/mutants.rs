//! Every rule that a transaction lives by is broken once, and that is noticed.

use super::{
    broken,
    claimer::{Aim, Order},
    explorer::is_caught,
    scenario::{
        claimer, document, inserts, moves, owned, peek, ranged, reads, strict_read, takes,
        transaction, update, world, x, y, z,
    },
    world::{Faults, World},
};
use smarterbase_core::protocol::{Rules, Shipped};

fn calm() -> Faults {
    Faults::default()
}

fn one_loss() -> Faults {
    Faults {
        budget: 1,
        lost: true,
        ..calm()
    }
}

/// Each reads both documents and writes one.
fn skew<R: Rules>() -> World<R> {
    let programs = vec![moves(&[x(), y()], &[x()]), moves(&[x(), y()], &[y()])];
    world(2, calm(), programs)
}

/// The same, decided by records.
fn recorded_skew<R: Rules>() -> World<R> {
    let programs = vec![
        moves(&[x(), y()], &[x(), z()]),
        moves(&[x(), y()], &[y(), document(3)]),
    ];
    world(2, calm(), programs)
}

#[test]
fn validating_nothing_is_caught() {
    is_caught("skew", skew::<broken::ValidatesNothing>());
    is_caught("recorded skew", recorded_skew::<broken::ValidatesNothing>());
}

#[test]
fn validating_before_placing_is_caught() {
    is_caught("skew", skew::<broken::ValidatesFirst>());
    is_caught("recorded skew", recorded_skew::<broken::ValidatesFirst>());
}

#[test]
fn ignoring_undecided_writes_is_caught() {
    is_caught("skew", skew::<broken::IgnoresUndecided>());
    is_caught("recorded skew", recorded_skew::<broken::IgnoresUndecided>());
}

#[test]
fn ignoring_undecided_writes_when_only_reading_is_caught() {
    let programs =
        |written: &[_]| vec![moves(&[x(), y()], written), update(y()), reads(&[x(), y()])];
    let own = world::<broken::IgnoresUndecidedWhenReading>(2, calm(), programs(&[x()]));
    is_caught("decided by the document", own);
    let record = world::<broken::IgnoresUndecidedWhenReading>(2, calm(), programs(&[x(), z()]));
    is_caught("decided by a record", record);
}

#[test]
fn trusting_that_there_is_no_record_is_caught() {
    let programs = vec![moves(&[x(), y()], &[x(), y()]), peek(x())];
    is_caught(
        "a transaction and a reader",
        world::<broken::TrustsAbsent>(2, calm(), programs),
    );
}

#[test]
fn validating_by_an_aborted_record_alone_is_caught() {
    // The update makes a second record of the name that the first transaction has given back.
    let programs = vec![
        moves(&[x(), y()], &[x(), z()]),
        moves(&[x(), y()], &[y(), document(3)]),
        update(x()),
    ];
    is_caught("skew", world::<broken::TrustsAborted>(2, calm(), programs));
}

#[test]
fn reading_by_an_aborted_record_alone_is_caught() {
    let programs = vec![
        moves(&[x(), y()], &[x(), y()]),
        strict_read(x()),
        strict_read(x()),
    ];
    is_caught(
        "readers",
        world::<broken::TrustsAborted>(2, calm(), programs),
    );
}

#[test]
fn rolling_back_to_the_old_bytes_is_caught() {
    let programs = vec![moves(&[x(), y()], &[x(), z()]), update(x()), update(y())];
    is_caught(
        "a late put",
        world::<broken::RestoresOldBytes>(2, one_loss(), programs),
    );
}

#[test]
fn giving_up_a_record_without_a_fence_is_caught() {
    let programs = vec![moves(&[x(), y()], &[x(), y()])];
    is_caught(
        "alone",
        world::<broken::GivesUpWithoutFence>(2, one_loss(), programs),
    );
}

#[test]
fn announcing_after_the_validation_is_caught() {
    let programs = vec![
        inserts(z(), &[z(), document(3)]),
        inserts(document(3), &[z(), document(3)]),
    ];
    let all = [(0, z()), (1, document(3))];
    is_caught(
        "two inserts",
        ranged::<broken::AnnouncesLate>(0, &all, calm(), programs),
    );
}

#[test]
fn taking_a_claim_without_touching_its_former_owner_is_caught() {
    let programs = vec![
        transaction(takes(y()).without_touch()),
        claimer(x(), Aim::Set, Order::Engine),
    ];
    is_caught(
        "a claim left behind",
        owned::<Shipped>(2, &x(), false, calm(), programs),
    );
}

#[test]
fn reading_the_version_after_the_claim_is_caught() {
    let programs = vec![
        transaction(takes(y())),
        claimer(x(), Aim::Set, Order::VersionAfterClaim),
    ];
    is_caught(
        "a claim left behind",
        owned::<Shipped>(2, &x(), false, calm(), programs),
    );
}

#[test]
fn looking_at_the_claim_after_the_put_is_caught() {
    let programs = vec![
        transaction(takes(y())),
        claimer(x(), Aim::Unset, Order::LookAfterPut),
        claimer(x(), Aim::Set, Order::Engine),
    ];
    is_caught(
        "a value that wanders",
        owned::<Shipped>(2, &x(), true, calm(), programs),
    );
}
