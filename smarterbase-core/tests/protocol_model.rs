//! Visits every interleaving of small configurations of the shipped step machines, with lost and late requests,
//! duplicates, false rejections and crashes; and asserts that breaking any one rule is noticed.

#[path = "protocol_model/explorer.rs"]
mod explorer;
#[path = "protocol_model/puts.rs"]
mod puts;
#[path = "protocol_model/world.rs"]
mod world;

use explorer::{explore, holds, is_caught};
use puts::{Writer, first_version};
use smarterbase_core::{
    format::Key,
    protocol::{Rules, Shipped},
};
use world::{Faults, Program, Said, Versions, World};

fn document(number: u8) -> Key {
    Key::from_stored(format!("users/{number}.json"))
}

/// Every fault of a store, two in all.
fn any_fault() -> Faults {
    Faults {
        budget: 2,
        rests: 1,
        lost: true,
        echo: true,
        conflict: true,
        duplicate: true,
        denied: true,
        unread: true,
        crashes: 0,
    }
}

fn two_updates<R: Rules>(faults: Faults) -> World<Writer<R>> {
    let key = document(0);
    let writers = vec![Writer::update(&key, 1), Writer::update(&key, 1)];
    World::new(vec![(key, first_version())], writers, faults)
}

fn two_creates<R: Rules>(faults: Faults) -> World<Writer<R>> {
    let key = document(0);
    let writers = vec![Writer::create(&key), Writer::create(&key)];
    World::new(Vec::new(), writers, faults)
}

fn three_updates<R: Rules>(faults: Faults) -> World<Writer<R>> {
    let key = document(0);
    let writers = vec![
        Writer::update(&key, 1),
        Writer::update(&key, 1),
        Writer::update(&key, 2),
    ];
    World::new(vec![(key, first_version())], writers, faults)
}

/// The first writer was told a false 409; before it looks, the second one is there twice, after which the store calls the
/// version as it did before.
fn versions_that_come_back<R: Rules>() -> World<Writer<R>> {
    let key = document(0);
    let writers = vec![Writer::update(&key, 1), Writer::update(&key, 2)];
    let faults = Faults {
        rests: 2,
        ..Faults::default()
    };
    World::new(vec![(key, first_version())], writers, faults)
        .with_versions(Versions::Parity)
        .with_conflict_for(0)
        .with_all_of(1)
}

#[test]
fn racing_updates_are_told_the_truth() {
    holds("two updates", two_updates::<Shipped>(any_fault()));
    let crash = Faults {
        budget: 1,
        crashes: 1,
        ..any_fault()
    };
    holds("three updates, a crash", three_updates::<Shipped>(crash));
}

#[test]
fn racing_creates_are_told_the_truth() {
    holds("two creates", two_creates::<Shipped>(any_fault()));
}

#[test]
fn a_writer_is_certain_when_nothing_goes_wrong() {
    let undisturbed = Faults {
        rests: 2,
        ..Faults::default()
    };
    let report = explore(three_updates::<Shipped>(undisturbed), |world| {
        for program in world.programs() {
            let (_, _, said) = program.said().expect("everybody said something");
            assert_ne!(said, Said::Unknown);
        }
    });
    assert_eq!(report.violation, None);
}

#[test]
fn a_version_that_comes_back_is_not_the_base() {
    holds(
        "versions that come back",
        versions_that_come_back::<Shipped>(),
    );
}

/// Types that break one rule each.
mod broken {
    use smarterbase_core::protocol::Rules;

    macro_rules! broken {
        ($($name:ident: $rule:ident;)*) => {$(
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            pub(crate) struct $name;
            impl Rules for $name {
                const $rule: bool = false;
            }
        )*};
    }
    broken! {
        GivesUpWithoutFence: FENCE_BEFORE_GIVING_UP;
        FenceRestoresOldBytes: FENCE_HAS_NEW_NONCE;
        TrustsRejected: READ_BACK_WHEN_REJECTED;
        TrustsVersions: COMPARE_NONCES;
        StealsWithoutFence: FENCE_BEFORE_STEALING;
        KeepsOwnClaimAsItIs: REFRESH_OWN_CLAIM;
        CleansByTagsAlone: CLEAN_BY_REVISION;
    }
}

#[test]
fn giving_up_without_a_fence_is_caught() {
    is_caught(
        "update",
        two_updates::<broken::GivesUpWithoutFence>(any_fault()),
    );
    is_caught(
        "create",
        two_creates::<broken::GivesUpWithoutFence>(any_fault()),
    );
}

#[test]
fn a_fence_that_restores_the_old_bytes_is_caught() {
    is_caught(
        "update",
        two_updates::<broken::FenceRestoresOldBytes>(any_fault()),
    );
}

#[test]
fn taking_rejected_for_lost_is_caught() {
    is_caught("update", two_updates::<broken::TrustsRejected>(any_fault()));
    is_caught("create", two_creates::<broken::TrustsRejected>(any_fault()));
}

#[test]
fn trusting_a_version_without_its_nonce_is_caught() {
    is_caught(
        "update",
        versions_that_come_back::<broken::TrustsVersions>(),
    );
}
