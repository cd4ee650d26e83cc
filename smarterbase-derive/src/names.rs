//! Names: which ones are allowed, which ones are made, and which one was probably meant.

use heck::ToKebabCase;
use proc_macro2::Ident;

/// The name of an identifier, without `r#`.
pub(crate) fn plain(ident: &Ident) -> String {
    let text = ident.to_string();
    match text.strip_prefix("r#") {
        Some(plain) => plain.to_owned(),
        None => text,
    }
}

/// `BlogPost` and `blog_post` become `blog-post`.
pub(crate) fn kebab(name: &str) -> String {
    name.to_kebab_case()
}

/// Whether a collection or an index may have this name: `[a-z][a-z0-9-]*`.
pub(crate) fn is_stored_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first.is_ascii_lowercase())
        && characters.all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '-')
}

/// Whether `name` can follow `find_by_`.
pub(crate) fn is_method_part(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|next| next == '_' || next.is_alphanumeric())
}

/// The candidate that differs from `word` in at most two letters, if one does; the nearest, then the first.
pub(crate) fn nearest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= 2 && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The number of letters to insert, remove or replace (Levenshtein).
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::{is_stored_name, kebab, nearest};

    #[test]
    fn names_become_kebab_case() {
        for (name, expected) in [
            ("User", "user"),
            ("BlogPost", "blog-post"),
            ("HTTPServer", "http-server"),
            ("created_at", "created-at"),
            ("orgId", "org-id"),
        ] {
            assert_eq!(kebab(name), expected);
        }
    }

    #[test]
    fn stored_names_are_lower_case_letters_digits_and_hyphens() {
        for name in ["users", "blog-post", "a1"] {
            assert!(is_stored_name(name), "{name}");
        }
        for name in ["", "Users", "blog_post", "1a", "-a", "ü", "a/b", "_sb"] {
            assert!(!is_stored_name(name), "{name}");
        }
    }

    #[test]
    fn the_nearest_name_within_two_letters_is_suggested() {
        let candidates = ["range", "each", "lower", "name"];
        assert_eq!(nearest("rang", &candidates), Some("range"));
        assert_eq!(nearest("ecah", &candidates), Some("each"));
        assert_eq!(nearest("nmae", &candidates), Some("name"));
        assert_eq!(nearest("unique", &candidates), None);
    }
}
