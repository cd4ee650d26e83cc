//! The module order of the engine: a module may use only the modules listed before it.

use std::{collections::BTreeSet, fs, path::Path};

/// Lowest first. `store` and `index` stand side by side.
const ORDER: &[&[&str]] = &[
    &["error"],
    &["migration"],
    &["document"],
    &["format"],
    &["port"],
    &["protocol"],
    &["store", "index"],
    &["operation"],
    &["query"],
    &["maintenance"],
    &["db"],
    &["schema"],
    &["codegen_support"],
];

fn rank(module: &str) -> usize {
    let found = ORDER.iter().position(|layer| layer.contains(&module));
    found
        .unwrap_or_else(|| panic!("the module `{module}` is not in the order: add it to this test"))
}

#[test]
fn modules_use_only_what_stands_before_them() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut violations = Vec::new();
    visit(&source, &mut |path, text| {
        let relative = path.strip_prefix(&source).expect("below src");
        let first = relative
            .iter()
            .next()
            .expect("a file name")
            .to_string_lossy();
        let module = first.trim_end_matches(".rs").to_owned();
        if module == "lib" {
            return;
        }
        for used in used_modules(text) {
            let is_upward =
                rank(&used) > rank(&module) || (rank(&used) == rank(&module) && used != module);
            if is_upward {
                violations.push(format!("{} uses `{used}`", relative.display()));
            }
        }
    });
    assert!(
        violations.is_empty(),
        "modules use what stands after them:\n{}",
        violations.join("\n")
    );
}

#[test]
fn every_module_is_declared_in_the_order() {
    let root = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs"))
        .expect("lib.rs");
    let declared: Vec<&str> = root
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let ranks: Vec<usize> = declared.iter().map(|module| rank(module)).collect();
    assert!(
        ranks.is_sorted(),
        "lib.rs declares the modules out of order: {declared:?}"
    );
    assert_eq!(
        declared.len(),
        ORDER.iter().map(|layer| layer.len()).sum::<usize>()
    );
}

/// The first segments after `crate::`, in paths and in grouped `use` trees.
fn used_modules(text: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (position, _) in text.match_indices("crate::") {
        let before = text[..position].chars().next_back();
        if before.is_some_and(|character| {
            character.is_alphanumeric() || character == '_' || character == '$'
        }) {
            continue;
        }
        let rest = &text[position + "crate::".len()..];
        if let Some(tree) = rest.strip_prefix('{') {
            used.extend(heads(tree));
        } else {
            used.extend(head(rest));
        }
    }
    used
}

/// The first segments of a `use` tree's branches, up to its closing brace.
fn heads(tree: &str) -> BTreeSet<String> {
    let (mut depth, mut heads, mut at_start) = (0, BTreeSet::new(), true);
    for (position, character) in tree.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_start = true,
            character if at_start && character.is_alphabetic() => {
                heads.extend(head(&tree[position..]));
                at_start = false;
            }
            _ => {}
        }
    }
    heads
}

/// A module's name; types and macros at the root (`Error`, `crate::Result`) are of `error`.
fn head(path: &str) -> Option<String> {
    let name: String = path
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let is_module = name.chars().next().is_some_and(char::is_lowercase);
    is_module.then_some(name)
}

fn visit(folder: &Path, see: &mut impl FnMut(&Path, &str)) {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            visit(&path, see);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            see(&path, &fs::read_to_string(&path).expect("a source file"));
        }
    }
}
