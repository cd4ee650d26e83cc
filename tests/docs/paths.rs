//! Every path that a document names exists, and every link leads somewhere.

use std::path::Path;

use crate::repository::{documents, is_at_the_top, read, root};

#[test]
fn every_path_that_a_document_names_exists() {
    let mut missing = Vec::new();
    let mut checked = 0;
    for document in documents() {
        let text = without_blocks(&read(&document));
        for span in code_spans(&text).filter(|span| is_path(span)) {
            checked += 1;
            if !is_of_the_reader(span) && !exists(&document, span) {
                missing.push(format!("{document} names `{span}`"));
            }
        }
    }
    assert!(checked > 50, "only {checked} paths were found");
    assert!(missing.is_empty(), "\n{}", missing.join("\n"));
}

/// What the examples make, and what a reader has in a project of their own.
fn is_of_the_reader(span: &str) -> bool {
    span == "./data" || span.starts_with("schema/")
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = without_blocks(&read(&document));
        for target in links(&text).filter(|target| !target.contains("://")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = match path {
                "" => document.clone(),
                _ => beside(&document, path),
            };
            let leads = root().join(&file).exists()
                && (anchor.is_empty() || headings(&read(&file)).any(|slug| slug == anchor));
            if !leads {
                broken.push(format!("{document} links to {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 250, "README.md has {lines} lines, at most 250");
}

#[test]
fn a_wrong_path_and_a_wrong_link_would_be_found() {
    assert!(is_path("docs/nothing.md") && !exists("README.md", "docs/nothing.md"));
    assert!(is_path("smarterbase-core/src/nothing.rs"));
    assert!(!is_path("users/ada.json") && !is_path("docs/<name>.md"));
    assert_eq!(links("see [it](a.md#b)").collect::<Vec<_>>(), ["a.md#b"]);
    assert!(headings("# One\n## What `it` costs").any(|slug| slug == "what-it-costs"));
}

/// Whether an inline code span names a file or folder of the repository. `<name>`, `*` and `NNNN` stand for something, and
/// `mod.rs` for what there must not be.
fn is_path(span: &str) -> bool {
    let is_pattern = ["<", "*", "NNNN", "…", " ", "://", "mod.rs"]
        .iter()
        .any(|mark| span.contains(mark));
    let names_source = [".rs", ".md", ".toml"]
        .iter()
        .any(|extension| span.ends_with(extension));
    let first = span.split('/').next().unwrap_or_default();
    !is_pattern && (names_source || (span.contains('/') && is_at_the_top(first)))
}

/// From the root, or beside the document.
fn exists(document: &str, span: &str) -> bool {
    root().join(span).exists() || root().join(beside(document, span)).exists()
}

fn beside(document: &str, path: &str) -> String {
    let folder = Path::new(document).parent().unwrap_or(Path::new(""));
    folder.join(path).to_string_lossy().into_owned()
}

/// The text without fenced blocks: those are examples.
fn without_blocks(text: &str) -> String {
    let mut is_inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_inside = !is_inside;
        } else if !is_inside {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

fn code_spans(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// What stands in `](…)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        // Links of rustdoc name items.
        .filter(|target| !target.contains("::"))
}

/// The anchors of the headings, as the usual renderers make them.
fn headings(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter_map(|letter| match letter {
                    ' ' => Some('-'),
                    letter if letter.is_alphanumeric() || "-_".contains(letter) => Some(letter),
                    _ => None,
                })
                .collect()
        })
}
