//! The facade's documentation: a row for every feature, a listed chapter for every file of the guide.

use crate::repository::{files, read};

#[test]
fn every_feature_of_the_facade_has_a_row() {
    let manifest = read("Cargo.toml");
    let features: Vec<&str> = manifest
        .lines()
        .skip_while(|line| *line != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| *name != "default")
        .collect();
    assert!(!features.is_empty());
    for (document, start) in [("src/lib.rs", "//! | `"), ("README.md", "| `")] {
        let text = read(document);
        for feature in &features {
            let row = format!("{start}{feature}` |");
            assert!(text.contains(&row), "{document} has no row for `{feature}`");
        }
    }
}

#[test]
fn every_chapter_of_the_guide_is_a_module() {
    let guide = read("src/guide.rs");
    let chapters = files("src/guide", "md");
    assert!(chapters.len() >= 7, "{chapters:?}");
    for chapter in chapters {
        let name = chapter.strip_prefix("src/guide/").expect("a chapter");
        let module = name.strip_suffix(".md").expect("a page");
        let declared = format!("#[doc = include_str!(\"guide/{name}\")]\npub mod {module} {{}}");
        assert!(guide.contains(&declared), "src/guide.rs lacks\n{declared}");
        assert!(
            guide.contains(&format!("[`{module}`]")),
            "the list of chapters lacks {module}"
        );
    }
}
