//! The pinned lower-case tables of `#[unique(lower)]`: stored definitions must not change when std's Unicode does.
//!
//! Each character is mapped by itself. The rule for a sigma at the end of a word, which looks at the neighbours, is not
//! applied: `Σ` always becomes `σ`, and `ς` stays.

mod table_v1;

/// The newest table.
pub const LATEST: u8 = 1;

/// First and last character of a run, the step between its characters, and how far their lower-case forms are away.
type Run = (u32, u32, u32, i32);

/// Folds `text` with the table of this version.
///
/// # Panics
/// When there is no such table: the derive only names [`LATEST`] or older ones, and old ones ship for ever.
#[must_use]
pub fn fold(version: u8, text: &str) -> String {
    assert!(version == 1, "there is no lower-case table {version}");
    let mut folded = String::with_capacity(text.len());
    for character in text.chars() {
        push_lower(&mut folded, character);
    }
    folded
}

fn push_lower(folded: &mut String, character: char) {
    if character.is_ascii() {
        return folded.push(character.to_ascii_lowercase());
    }
    match table_v1::LONGER.iter().find(|(from, _)| *from == character) {
        Some((_, lower)) => folded.push_str(lower),
        None => folded.push(simple(table_v1::RUNS, character)),
    }
}

fn simple(runs: &[Run], character: char) -> char {
    let point = u32::from(character);
    let position = runs.partition_point(|(_, last, ..)| *last < point);
    match runs.get(position) {
        Some((first, _, step, offset))
            if *first <= point && (point - first).is_multiple_of(*step) =>
        {
            point
                .checked_add_signed(*offset)
                .and_then(char::from_u32)
                .expect("the table maps characters to characters")
        }
        _ => character,
    }
}
