//! Tests that documents name exist, and the table of rules is whole.

use std::collections::BTreeSet;

use crate::repository::{documents, files, read};

/// How many safety rules there are.
const RULES: u32 = 33;

#[test]
fn every_test_that_the_consistency_page_names_exists() {
    let functions = functions();
    let text = read("docs/consistency.md");
    let mut named = 0;
    for span in text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|span| is_test_name(span))
    {
        named += 1;
        assert!(functions.contains(span), "no function is named `{span}`");
    }
    assert!(named > 40, "only {named} tests are named");
}

#[test]
fn every_rule_has_a_row_that_names_a_test_or_says_that_there_is_none() {
    let text = read("docs/consistency.md");
    for rule in 1..=RULES {
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| S{rule} |")))
            .unwrap_or_else(|| panic!("docs/consistency.md has no row for S{rule}"));
        let held_by = row.rsplit('|').nth(1).expect("a last column").trim();
        let names_one = held_by.split('`').skip(1).step_by(2).any(is_test_name);
        let is_open =
            held_by.starts_with("no test of its own yet") || held_by.starts_with("not built yet");
        assert!(names_one != is_open, "S{rule}: {held_by}");
    }
}

#[test]
fn every_event_that_the_operating_page_lists_is_in_the_sources() {
    let page = read("docs/operating.md");
    let sources: String = files("", "rs").iter().map(|file| read(file)).collect();
    let rows = page.lines().filter(|line| {
        ["| error | `", "| warn | `", "| debug | `"]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let mut events = 0;
    for row in rows {
        let message = row.split('`').nth(1).expect("a message");
        events += 1;
        assert!(
            sources.contains(&format!("\"{message}\"")),
            "no event says {message:?}"
        );
    }
    assert!(events > 5, "the table of events was not found");
}

#[test]
fn a_rule_that_a_document_names_is_one_of_the_table() {
    for document in documents() {
        for word in read(&document).split(|letter: char| !letter.is_ascii_alphanumeric()) {
            let number = word
                .strip_prefix('S')
                .and_then(|rest| rest.parse::<u32>().ok());
            // `S3` is also a service.
            if let Some(number) = number.filter(|_| word.len() == 3) {
                assert!((1..=RULES).contains(&number), "{document} names {word}");
            }
        }
    }
}

/// Names of tests are statements: several words.
fn is_test_name(span: &str) -> bool {
    let is_identifier = span
        .chars()
        .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    is_identifier && span.matches('_').count() >= 3
}

/// The name of every function in the sources.
fn functions() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in files("", "rs") {
        let text = read(&file);
        for after in text.split("fn ").skip(1) {
            let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
            let end = after.find(|letter| !is_word(letter)).unwrap_or(after.len());
            if after[end..].starts_with(['(', '<']) {
                names.insert(after[..end].to_owned());
            }
        }
    }
    assert!(names.len() > 1_000, "the sources were not read");
    names
}
