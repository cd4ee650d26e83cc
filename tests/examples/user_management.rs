//! `user_management`: one account for each person, however often and in whatever letters they register.

use super::program::{Ran, example, run};

fn users(url: &str, arguments: &[&str]) -> Ran {
    run(example("user_management")
        .args(["--url", url])
        .args(arguments))
}

#[test]
fn accounts_are_unique_in_memory_and_in_a_folder() {
    let ran = users("memory:", &["--people", "80"]).succeeded();
    let told = "80 accounts, 160 were told that the address is taken";
    assert!(ran.stdout.contains(told), "{}", ran.stdout);
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().to_str().unwrap();
    let ran = users(url, &["--people", "20"]).succeeded();
    assert!(
        ran.stdout.contains("all 25 checks passed"),
        "{}",
        ran.stdout
    );
    users(url, &[]).failed_with("the store holds accounts already");
}

#[test]
fn a_rush_in_which_everybody_registers_once_proves_nothing() {
    let ran = users("memory:", &["--spellings", "1"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    let weak = "  FAILED  addresses that were taken: 0: too weak";
    assert!(ran.stdout.contains(weak), "{}", ran.stdout);
    assert!(
        ran.stdout.ends_with("1 of 25 checks failed\n"),
        "{}",
        ran.stdout
    );
}
