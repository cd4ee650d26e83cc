//! Visits every interleaving of small configurations of the shipped step machines, with lost and late requests,
//! duplicates, false rejections and crashes; and asserts that breaking any one rule is noticed.

#[path = "protocol_model/claims.rs"]
mod claims;
#[path = "protocol_model/explorer.rs"]
mod explorer;
#[path = "protocol_model/indexes.rs"]
mod indexes;
#[path = "protocol_model/puts.rs"]
mod puts;
#[path = "protocol_model/world.rs"]
mod world;

use claims::{Aim, Order, Owner};
use explorer::{explore, holds, is_caught};
use indexes::Indexer;
use puts::{Writer, first_version};
use smarterbase_core::{
    format::Key,
    protocol::{Rules, Shipped},
};
use world::{Faults, Program, Said, Versions, World};

fn document(number: u8) -> Key {
    Key::from_stored(format!("users/{number}.json"))
}

/// Every fault of a store, three in all.
fn any_fault() -> Faults {
    Faults {
        budget: 3,
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

fn owners<R: Rules>(order: Order, aims: &[(Aim, u8)], faults: Faults) -> World<Owner<R>> {
    let owners = aims
        .iter()
        .map(|(aim, number)| Owner::new(&document(*number), *aim, order))
        .collect();
    World::new(Vec::new(), owners, faults)
}

fn crash() -> Faults {
    Faults {
        crashes: 1,
        rests: 2,
        ..Faults::default()
    }
}

fn no_crash() -> Faults {
    Faults {
        crashes: 0,
        ..crash()
    }
}

fn lossy() -> Faults {
    Faults {
        budget: 1,
        lost: true,
        echo: true,
        duplicate: true,
        ..no_crash()
    }
}

fn one_holder(name: &str, aims: &[(Aim, u8)], faults: Faults) {
    holds(name, owners::<Shipped>(Order::Engine, aims, faults));
}

use Aim::{Delete, Set, Unset};

const SET_UNSET_SET_SET: &[(Aim, u8)] = &[(Set, 0), (Unset, 0), (Set, 0), (Set, 1)];

#[test]
fn inserters_of_one_value_leave_one_holder() {
    one_holder("2 inserters", &[(Set, 0), (Set, 1)], crash());
    one_holder(
        "3 inserters, a crash",
        &[(Set, 0), (Set, 1), (Set, 2)],
        crash(),
    );
    one_holder("2 inserters, lossy", &[(Set, 0), (Set, 1)], lossy());
}

#[test]
fn one_document_twice_and_another_leave_one_holder() {
    one_holder(
        "same twice, other",
        &[(Set, 0), (Set, 0), (Set, 1)],
        crash(),
    );
}

#[test]
fn a_value_given_back_and_taken_leaves_one_holder() {
    one_holder(
        "set, unset, set other",
        &[(Set, 0), (Unset, 0), (Set, 1)],
        crash(),
    );
    one_holder(
        "set, delete, set other",
        &[(Set, 0), (Delete, 0), (Set, 1)],
        crash(),
    );
}

#[test]
fn a_value_that_wanders_leaves_one_holder() {
    one_holder("set, unset, set, set other", SET_UNSET_SET_SET, no_crash());
    let hurried = Faults {
        rests: 0,
        ..crash()
    };
    one_holder("the same, a crash", SET_UNSET_SET_SET, hurried);
}

#[test]
fn a_value_given_back_twice_leaves_one_holder() {
    let aims = &[(Set, 0), (Unset, 0), (Set, 0), (Set, 1), (Unset, 1)];
    one_holder("set, unset, set, set other, unset other", aims, no_crash());
}

#[test]
fn lost_and_late_requests_leave_one_holder() {
    let twice = Faults {
        budget: 2,
        ..lossy()
    };
    one_holder("2 inserters, 2 losses", &[(Set, 0), (Set, 1)], twice);
    one_holder(
        "set, unset, set other, lossy",
        &[(Set, 0), (Unset, 0), (Set, 1)],
        lossy(),
    );
    one_holder(
        "set, delete, set, lossy",
        &[(Set, 0), (Delete, 0), (Set, 0)],
        lossy(),
    );
}

fn indexers<R: Rules>(
    order: indexes::Order,
    aims: &[indexes::Aim],
    faults: Faults,
) -> World<Indexer<R>> {
    let key = document(0);
    let indexers = aims
        .iter()
        .map(|aim| Indexer::new(&key, *aim, order))
        .collect();
    World::new(Vec::new(), indexers, faults)
}

fn no_entry_missing(name: &str, aims: &[indexes::Aim], faults: Faults) {
    holds(
        name,
        indexers::<Shipped>(indexes::Order::Engine, aims, faults),
    );
}

/// Writers of a, b and a, and two cleaners.
const A_B_A: &[indexes::Aim] = {
    use indexes::Aim::{Clean, Set};
    &[Set(1), Set(2), Set(1), Clean, Clean]
};
const A_DELETE_A: &[indexes::Aim] = {
    use indexes::Aim::{Clean, Delete, Set};
    &[Set(1), Delete, Set(1), Clean]
};

fn one_crash() -> Faults {
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

#[test]
fn no_entry_is_missing() {
    no_entry_missing("a, b, a, 2 cleaners", A_B_A, Faults::default());
    no_entry_missing("a, delete, a, cleaner, a crash", A_DELETE_A, one_crash());
    no_entry_missing("a, delete, a, cleaner, lossy", A_DELETE_A, one_loss());
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

#[test]
fn stealing_without_a_fence_is_caught() {
    let aims = &[(Set, 0), (Set, 1)];
    is_caught(
        "2 inserters",
        owners::<broken::StealsWithoutFence>(Order::Engine, aims, no_crash()),
    );
}

#[test]
fn keeping_an_own_claim_without_a_refresh_is_caught() {
    is_caught(
        "set, unset, set, set other",
        owners::<broken::KeepsOwnClaimAsItIs>(Order::Engine, SET_UNSET_SET_SET, no_crash()),
    );
}

#[test]
fn looking_at_the_claim_after_the_put_is_caught() {
    is_caught(
        "set, unset, set, set other",
        owners::<Shipped>(Order::LookAfterPut, SET_UNSET_SET_SET, no_crash()),
    );
}

#[test]
fn reading_the_version_after_the_claim_is_caught() {
    let aims = &[(Set, 0), (Set, 1)];
    is_caught(
        "2 inserters",
        owners::<Shipped>(Order::VersionAfterClaim, aims, no_crash()),
    );
}

#[test]
fn giving_a_claim_back_while_the_outcome_is_unknown_is_caught() {
    let faults = Faults {
        budget: 2,
        lost: true,
        denied: true,
        ..no_crash()
    };
    let aims = &[(Set, 0), (Set, 1)];
    is_caught(
        "2 inserters",
        owners::<Shipped>(Order::ReleaseWhenUnknown, aims, faults),
    );
    holds(
        "2 inserters, unknown outcomes",
        owners::<Shipped>(Order::Engine, aims, faults),
    );
}

#[test]
fn cleaning_without_the_revision_is_caught() {
    is_caught(
        "a, b, a, 2 cleaners",
        indexers::<broken::CleansByTagsAlone>(indexes::Order::Engine, A_B_A, Faults::default()),
    );
}

#[test]
fn putting_the_document_first_is_caught() {
    let order = indexes::Order::DocumentFirst;
    is_caught(
        "a, b, a",
        indexers::<Shipped>(order, A_B_A, Faults::default()),
    );
}

#[test]
fn names_that_repeat_are_caught() {
    let order = indexes::Order::NamesRepeat;
    is_caught(
        "a, b, a",
        indexers::<Shipped>(order, A_B_A, Faults::default()),
    );
}

#[test]
fn putting_the_document_after_an_unconfirmed_announcement_is_caught() {
    let order = indexes::Order::TrustUnconfirmed;
    is_caught(
        "a, delete, a",
        indexers::<Shipped>(order, A_DELETE_A, one_loss()),
    );
}

#[test]
fn s15_withdrawing_an_announcement_while_the_outcome_is_unknown_is_caught() {
    let faults = Faults {
        budget: 2,
        denied: true,
        ..one_loss()
    };
    let aims = &A_DELETE_A[..2];
    let order = indexes::Order::WithdrawWhenUnknown;
    is_caught("a, delete", indexers::<Shipped>(order, aims, faults));
    no_entry_missing("a, delete, unknown outcomes", aims, faults);
}
