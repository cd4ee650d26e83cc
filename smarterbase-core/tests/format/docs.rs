//! `docs/format.md` says what the code does: every marked block is checked.

use std::{fs, path::PathBuf};

use smarterbase_core::{
    document::KeyText,
    format::{definition::define, envelope, path::EncodedId},
};
use smarterbase_schema::Lock;

use crate::{fixtures, sample::SPEC, values};

/// One fenced block: what stands after its language, and its lines.
struct Block {
    mark: String,
    text: String,
}

fn page() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/format.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn blocks() -> Vec<Block> {
    let page = page();
    let fenced = page.split("\n```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').expect("a block has lines"))
        .map(|(head, text)| Block {
            mark: head.split_once(' ').map_or("", |(_, mark)| mark).to_owned(),
            text: text.to_owned(),
        })
        .collect()
}

/// The lines of the blocks with this mark; there must be some.
fn lines_of(mark: &str) -> Vec<String> {
    let lines: Vec<String> = blocks()
        .iter()
        .filter(|block| block.mark == mark)
        .flat_map(|block| block.text.lines())
        .map(str::to_owned)
        .collect();
    assert!(!lines.is_empty(), "no block is marked {mark}");
    lines
}

/// The text without the white space that JSON does not mean.
fn minified(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    text.chars()
        .filter(|character| {
            let kept = inside || !character.is_ascii_whitespace();
            if !escaped && *character == '"' {
                inside = !inside;
            }
            escaped = inside && !escaped && *character == '\\';
            kept
        })
        .collect()
}

#[test]
fn every_example_object_is_a_fixture_to_the_byte() {
    let mut checked = 0;
    for block in blocks() {
        let Some(name) = block.mark.strip_prefix("fixture=") else {
            continue;
        };
        let fixture = String::from_utf8(fixtures::read(name).to_vec()).unwrap();
        assert_eq!(minified(&block.text), minified(&fixture), "{name}");
        checked += 1;
    }
    assert_eq!(checked, 25);
}

#[test]
fn the_fixtures_of_sealed_objects_have_no_white_space_to_drop() {
    for name in [
        "document.json",
        "catalog-newer.json",
        "database.json",
        "claim-held.json",
        "cursor-keys.json",
    ] {
        let fixture = String::from_utf8(fixtures::read(name).to_vec()).unwrap();
        assert_eq!(minified(&fixture), fixture, "{name}");
    }
}

#[test]
fn every_block_is_checked_or_only_drawn() {
    let marks: Vec<String> = blocks()
        .into_iter()
        .map(|block| block.mark)
        .filter(|mark| !mark.starts_with("fixture="))
        .collect();
    let expected = [
        "",
        "check=ids",
        "check=definition",
        "check=values",
        "check=values",
        "check=entries",
        "check=claims",
        "check=lock",
        "check=cursor",
    ];
    assert_eq!(marks, expected);
}

#[test]
fn example_ids_are_encoded_so() {
    for line in lines_of("check=ids") {
        let (text, encoded) = line.split_once(" => ").unwrap();
        let text = KeyText(serde_json::from_str(text).unwrap());
        assert_eq!(EncodedId::encode(&text).unwrap().as_str(), encoded);
    }
}

#[test]
fn example_values_are_encoded_so() {
    for line in lines_of("check=values") {
        values::check(&line);
    }
}

#[test]
fn the_example_lock_is_the_fixture_and_is_written_as_it_is_read() {
    let fixture = String::from_utf8(fixtures::read("lock.toml").to_vec()).unwrap();
    assert_eq!(lines_of("check=lock").join("\n") + "\n", fixture);
    let lock = Lock::parse(&fixture).unwrap();
    assert_eq!(lock.write(), fixture);
    assert_eq!(lock.versions[1].origin("full_name").name, "name");
}

#[test]
fn the_example_definition_has_its_name() {
    let definition = define(&SPEC, &SPEC.indexes[0]);
    assert_eq!(
        lines_of("check=definition"),
        [definition.name, definition.text]
    );
}

#[test]
fn example_lines_of_entries_claims_and_cursors_are_lines_of_fixtures() {
    for (mark, fixture) in [
        ("check=entries", "entries.txt"),
        ("check=claims", "claims.txt"),
        ("check=cursor", "cursor.txt"),
    ] {
        let frozen = fixtures::lines(fixture);
        for line in lines_of(mark) {
            assert!(frozen.contains(&line), "{line}");
        }
    }
}

#[test]
fn the_page_names_the_write_id_of_hand_made_json_and_the_place_of_put() {
    let opened = envelope::open(&fixtures::read("document-hand-made.json")).unwrap();
    assert!(page().contains(&format!("`{}`", opened.envelope.write)));
    assert!(page().contains("the 20 bytes at offset 15"));
    assert_eq!(
        &fixtures::read("document.json")[15..35],
        b"pppppppppppppppppppp"
    );
}

#[test]
fn the_page_names_every_member_of_the_envelope() {
    let sealed: serde_json::Value =
        serde_json::from_slice(&fixtures::read("document-intent.json")).unwrap();
    let members = sealed["_sb"].as_object().unwrap().keys();
    for member in members {
        assert!(page().contains(&format!("`{member}`")), "{member}");
    }
}
