use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use smarterbase_core::format::lower::{LATEST, fold};

/// sha256 over every line `<character>\t<folded>\n`, in the order of the characters.
const TABLE_1: &str = "88445e6fd98d1666100b6d4b7fb8dbd555e842e5ff6e7614155e9e218e41e0e0";

#[test]
fn s11_table_1_never_changes() {
    let mut hash = Sha256::new();
    for character in '\0'..=char::MAX {
        let character = character.to_string();
        hash.update(format!("{character}\t{}\n", fold(1, &character)));
    }
    assert_eq!(HEXLOWER.encode(&hash.finalize()), TABLE_1);
    assert_eq!(
        LATEST, 1,
        "a new table gets a number, a file and a sha256 of its own"
    );
}

#[test]
fn letters_become_lower_case_character_by_character() {
    for (text, folded) in [
        ("", ""),
        ("Ada@Example.ORG", "ada@example.org"),
        ("ÄÖÜẞ ß", "äöüß ß"),
        ("İstanbul", "i\u{307}stanbul"),
        ("ΟΔΟΣ ς", "οδοσ ς"),
        ("ЁЖ ǅ Ⅷ Ⓐ Ａ", "ёж ǆ ⅷ ⓐ ａ"),
        ("\u{10400}\u{1e900}", "\u{10428}\u{1e922}"),
        ("ﬁ 東京 \0 🦀", "ﬁ 東京 \0 🦀"),
    ] {
        assert_eq!(fold(1, text), folded);
        assert_eq!(fold(1, folded), folded, "folding twice is folding once");
    }
}

/// How the table was made: the characters that `char::to_lowercase` of Rust 1.95 maps to one other character, as runs of
/// equal distance. Here the same is done with the table's own mapping, so that the runs stay what this function makes.
fn runs(lower: impl Fn(char) -> Option<char>) -> Vec<(u32, u32, u32, i32)> {
    let mut runs: Vec<(u32, u32, u32, i32)> = Vec::new();
    for character in '\0'..=char::MAX {
        let Some(lower) = lower(character).filter(|lower| *lower != character) else {
            continue;
        };
        let point = u32::from(character);
        let distance = i32::try_from(i64::from(u32::from(lower)) - i64::from(point)).unwrap();
        match runs.last_mut() {
            Some((first, last, step, same))
                if *same == distance && *first == *last && point - *last <= 2 =>
            {
                *step = point - *last;
                *last = point;
            }
            Some((first, last, step, same))
                if *same == distance && *first != *last && point - *last == *step =>
            {
                *last = point
            }
            _ => runs.push((point, point, 1, distance)),
        }
    }
    runs
}

#[test]
fn the_stored_runs_are_what_the_generator_makes() {
    let source = include_str!("../../src/format/lower/table_v1.rs");
    let one_character = |character: char| {
        let folded = fold(1, &character.to_string());
        let mut characters = folded.chars();
        characters.next().filter(|_| characters.next().is_none())
    };
    let runs = runs(one_character);
    assert_eq!(runs.len(), 185);
    for (first, last, step, distance) in runs {
        let row = format!("({first:#06x}, {last:#06x}, {step}, {distance}),");
        assert!(source.contains(&row), "{row}");
    }
}
