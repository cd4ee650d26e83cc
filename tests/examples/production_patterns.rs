//! `production_patterns`: it survives failing requests, answers without an index, and names the full scan that it made.

use super::program::{Ran, example, run};

fn patterns(arguments: &[&str]) -> Ran {
    run(example("production_patterns").args(arguments))
}

#[test]
fn the_profile_names_the_full_scan_and_a_rebuilt_index_answers_the_same() {
    let ran = patterns(&["--rebuild", "--seed", "7"]).succeeded();
    for text in [
        "the profile of 76 queries",
        "scan of articles: title contains",
        "120 read, 108 of them in vain",
        "since no index is ready",
        "  ok      an index gives the same answer",
    ] {
        assert!(ran.stdout.contains(text), "{text}: {}", ran.stdout);
    }
}

#[test]
fn the_patterns_hold_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let ran = patterns(&["--url", url, "--faults", "400"]).succeeded();
    assert!(
        ran.stdout.ends_with("all 31 checks passed\n"),
        "{}",
        ran.stdout
    );
}

#[test]
fn payments_without_a_failing_request_prove_nothing() {
    let ran = patterns(&["--faults", "0"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    let weak = "  FAILED  requests that failed: 0: too weak";
    assert!(ran.stdout.contains(weak), "{}", ran.stdout);
}
