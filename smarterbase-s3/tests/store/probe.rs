//! The probe through the real client: which stores it opens for writing, and what it says about the others.

use smarterbase_core::{
    format::database::ProbeReport,
    port::{CasStore, StoreErrorKind, SystemRng},
    store::probe::{deletes_conditionally, failed_required, lists_sorted, probe},
};
use smarterbase_testkit::{
    TestClock,
    server::{
        in_process::InProcessS3,
        s3::{BUCKET, Quirk, S3Server},
    },
};

use crate::place::{in_process, options, options_in_process};

async fn report(store: &dyn CasStore) -> ProbeReport {
    probe(store, &SystemRng, &TestClock::new()).await.unwrap()
}

/// The number of the first required check that failed, and why.
fn refusal(report: &ProbeReport) -> Option<(u8, String)> {
    let check = failed_required(report)?;
    Some((check.number, check.failure.unwrap_or_default()))
}

#[tokio::test]
async fn a_good_store_passes_over_tcp_and_leaves_nothing_behind() {
    let server = S3Server::start().await.unwrap();
    let store = options(&server)
        .with_conditional_delete(true)
        .connect()
        .unwrap();
    let report = report(&store).await;
    assert_eq!(refusal(&report), None);
    assert!(deletes_conditionally(&report) && lists_sorted(&report));
    assert!(server.memory().keys(BUCKET).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_ignores_conditions_is_refused() {
    let store = in_process(&InProcessS3::with_quirk(Quirk::IgnoreConditions));
    let (number, text) = refusal(&report(&store).await).unwrap();
    assert_eq!((number, text.as_str()), (2, "the object was overwritten"));
}

#[tokio::test]
async fn a_store_that_checks_before_it_writes_is_refused() {
    let server = S3Server::start_with_quirk(Quirk::RacyConditions)
        .await
        .unwrap();
    let store = options(&server).connect().unwrap();
    let (number, text) = refusal(&report(&store).await).unwrap();
    // Which of the two races it loses first is up to the race.
    assert!([5, 6].contains(&number), "{number}: {text}");
    assert!(text.ends_with("were told they won"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_wants_no_quotes_is_refused_without_the_switch() {
    let s3 = InProcessS3::with_quirk(Quirk::UnquotedEtags);
    let (number, text) = refusal(&report(&in_process(&s3)).await).unwrap();
    assert_eq!(number, 3);
    assert!(
        text.contains("a condition that holds was rejected"),
        "{text}"
    );
    let unquoting = options_in_process(&s3)
        .with_unquoted_e_tags(true)
        .connect()
        .unwrap();
    assert_eq!(refusal(&report(&unquoting).await), None);
}

#[tokio::test(start_paused = true)]
async fn a_store_with_weak_tags_is_refused_by_name() {
    let store = in_process(&InProcessS3::with_quirk(Quirk::WeakEtags));
    let error = probe(&store, &SystemRng, &TestClock::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unsupported);
    assert!(error.message.contains("weak entity tags"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_deletes_anyway_keeps_conditional_deletes_off() {
    let store = in_process(&InProcessS3::with_quirk(Quirk::IgnoreConditionalDelete));
    let report = report(&store.with_conditional_delete(true)).await;
    assert_eq!(refusal(&report), None, "its puts are fine");
    assert!(!deletes_conditionally(&report));
}
