//! One page for each error code.

use smarterbase::Error;
use smarterbase_core::error::Code;

use crate::repository::{files, read};

const FOLDER: &str = "docs/errors";

#[test]
fn every_code_has_a_page_and_no_page_is_left_over() {
    let mut pages = files(FOLDER, "md");
    pages.retain(|page| !page.ends_with("/README.md"));
    let mut expected: Vec<String> = Code::ALL.iter().map(|code| page(*code)).collect();
    expected.sort();
    assert_eq!(pages, expected);
}

#[test]
fn every_page_names_its_kind_and_shows_its_message() {
    for code in Code::ALL {
        let text = read(&page(*code));
        let error = Error::new(*code, "x");
        let retryable = if error.is_retryable() { "yes" } else { "no" };
        let facts = format!("**Kind:** `{:?}` · **Retryable:** {retryable}", code.kind());
        let needed = [
            format!("# {}\n", code.text()),
            facts,
            format!(" [{}]\n```", code.text()),
            "## What happened\n".to_owned(),
            "## What is guaranteed about the data\n".to_owned(),
            "## What to do\n".to_owned(),
        ];
        for needed in needed {
            assert!(text.contains(&needed), "{} lacks {needed:?}", page(*code));
        }
    }
}

#[test]
fn the_index_lists_every_code_with_its_kind_and_its_first_sentence() {
    let index = read("docs/errors/README.md");
    for code in Code::ALL {
        let text = read(&page(*code));
        let summary = text.lines().nth(2).expect("a first sentence");
        let row = format!(
            "| [{0}]({0}.md) | `{1:?}` | {summary} |",
            code.text(),
            code.kind()
        );
        assert!(index.contains(&row), "docs/errors/README.md lacks {row}");
    }
}

fn page(code: Code) -> String {
    format!("{FOLDER}/{}.md", code.text())
}
