//! The conformance probe: what a store really does, whatever it says.
//!
//! Header support is common, atomic support is not, and a store that ignores a condition silently is the dangerous one.
//! So a database is opened for writing only after checks 1 to 6 passed; the others tell what may be relied on.

mod check;

use bytes::Bytes;

use self::check::{Answer, Checks};
use crate::{
    format::{
        Nonce,
        database::{ProbeCheck, ProbeReport},
    },
    port::{CasStore, Clock, Rng, StoreError},
};

/// The version of the probe: a report of another version is out of date.
pub const PROBE_VERSION: u32 = 1;

/// The last check that a store must pass to be written to.
const LAST_REQUIRED: u8 = 6;

/// The check that says whether [`delete_if`](CasStore::delete_if) can be relied on.
const CONDITIONAL_DELETE: u8 = 12;

/// The check that says whether a LIST is sorted and starts where it is told.
const SORTED_LIST: u8 = 11;

/// The check that says whether versions are strong.
const STRONG_VERSIONS: u8 = 8;

/// The check that says whether a LIST shows every write at once, at the version that a read gives.
const FRESH_LIST: u8 = 10;

/// Runs the 13 checks, about 150 requests below `_sys/probe/<nonce>/`, which it removes at the end.
///
/// | Checks | |
/// |---|---|
/// | 1–4 | a create of a new and of an existing object; a swap at the right, at an old version, of a missing object |
/// | 5, 6 | 32 creates, and 32 swaps from one version, at once: exactly one is applied |
/// | 7, 8 | equal bytes have versions of their own; versions are strong |
/// | 9 | conditional reads |
/// | 10, 11 | a LIST is fresh and agrees with reads; it is sorted and starts where it is told |
/// | 12 | conditional removal |
/// | 13 | five quick writes of one object |
///
/// # Errors
/// The store did not answer, or refused the permission: nothing is known, and nothing should be kept. An answer that is
/// wrong is no error but a failed check.
pub async fn probe(
    store: &dyn CasStore,
    rng: &dyn Rng,
    clock: &dyn Clock,
) -> Result<ProbeReport, StoreError> {
    let mut checks = Checks::new(store, rng, clock);
    let mut report = ProbeReport {
        version: PROBE_VERSION,
        checks: Vec::new(),
    };
    let outcome = run(&mut checks, &mut report).await;
    checks.clean_up().await;
    outcome.map(|()| report)
}

async fn run(checks: &mut Checks<'_>, report: &mut ProbeReport) -> Result<(), StoreError> {
    macro_rules! run {
        ($($number:literal $name:literal => $check:ident;)*) => {$(
            let failure = text_of(checks.$check().await)?;
            report.checks.push(ProbeCheck { number: $number, name: $name.to_owned(), failure });
        )*};
    }
    run! {
        1 "a create of a new object is applied" => create;
        2 "a create over an object is rejected" => create_again;
        3 "a swap is applied at the current version only" => swap;
        4 "a swap of a missing object is rejected" => swap_missing;
        5 "concurrent creates have one winner" => concurrent_creates;
        6 "concurrent swaps have one winner" => concurrent_swaps;
        7 "equal bytes have versions of their own" => equal_bytes;
        8 "versions are strong" => strong_versions;
        9 "a conditional read tells whether the object changed" => conditional_read;
        10 "a list is fresh and agrees with reads" => fresh_list;
        11 "a list is sorted and starts where it is told" => sorted_list;
        12 "a conditional removal at an old version leaves the object" => conditional_delete;
        13 "quick writes of one object are taken" => quick_writes;
    }
    Ok(())
}

/// The text of a failed check.
fn text_of(answer: Answer) -> Result<Option<String>, StoreError> {
    match answer {
        Ok(()) => Ok(None),
        Err(check::Failure::Wrong(text)) => Ok(Some(text)),
        Err(check::Failure::NoAnswer(error)) => Err(error),
    }
}

/// The first failed check that a store must pass to be written to. A report that lacks one of them fails it.
#[must_use]
pub fn failed_required(report: &ProbeReport) -> Option<ProbeCheck> {
    (1..=LAST_REQUIRED).find_map(|number| match check(report, number) {
        Some(check) => check.failure.is_some().then(|| check.clone()),
        None => Some(ProbeCheck {
            number,
            name: "a required check".to_owned(),
            failure: Some("the report does not hold it".to_owned()),
        }),
    })
}

/// Whether conditional removal was seen to work.
#[must_use]
pub fn deletes_conditionally(report: &ProbeReport) -> bool {
    has_passed(report, CONDITIONAL_DELETE)
}

/// Whether lists were seen to be sorted and to start where they were told.
#[must_use]
pub fn lists_sorted(report: &ProbeReport) -> bool {
    has_passed(report, SORTED_LIST)
}

/// Whether a LIST was seen to show every write at once, at the version that a read gives, and versions to be strong: then what
/// was read at a version is what lies there for as long as a LIST shows that version.
#[must_use]
pub fn lists_versions(report: &ProbeReport) -> bool {
    has_passed(report, STRONG_VERSIONS) && has_passed(report, FRESH_LIST)
}

fn has_passed(report: &ProbeReport, number: u8) -> bool {
    check(report, number).is_some_and(|check| check.failure.is_none())
}

fn check(report: &ProbeReport, number: u8) -> Option<&ProbeCheck> {
    report.checks.iter().find(|check| check.number == number)
}

/// An object of the probe: as the engine writes them, with a `put` first.
fn body(put: Nonce, text: &str) -> Bytes {
    Bytes::from(format!(
        r#"{{"_sb":{{"put":"{put}","format":1}},"probe":"{text}"}}"#
    ))
}
