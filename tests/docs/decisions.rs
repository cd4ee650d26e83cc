//! The pages of decisions: numbered without a gap, all of one form, all in the index.

use crate::repository::{files, read};

#[test]
fn decisions_are_numbered_and_have_one_form() {
    let index = read("docs/decisions/README.md");
    let mut pages = files("docs/decisions", "md");
    pages.retain(|page| !page.ends_with("/README.md"));
    assert!(pages.len() >= 5, "{pages:?}");
    for (position, page) in pages.iter().enumerate() {
        let name = page
            .strip_prefix("docs/decisions/")
            .expect("a page of the folder");
        assert!(name.starts_with(&format!("{:04}-", position + 1)), "{page}");
        assert!(
            index.contains(&format!("]({name})")),
            "the index lacks {name}"
        );
        let text = read(page);
        for heading in [
            "## Problem\n",
            "## Choice\n",
            "## Alternatives\n",
            "## Cost\n",
        ] {
            assert!(text.contains(heading), "{page} lacks {heading:?}");
        }
        assert!(text.lines().count() <= 80, "{page} is longer than a page");
    }
}
