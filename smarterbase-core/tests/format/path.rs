use proptest::prelude::*;
use smarterbase_core::{
    ErrorKind,
    document::{KeyKind, KeyText},
    format::{
        Key,
        path::{self, EncodedId},
    },
};

use crate::sample::ADA;

fn encode(text: &str) -> smarterbase_core::Result<EncodedId> {
    EncodedId::encode(&KeyText(text.into()))
}

#[test]
fn letters_digits_and_three_marks_stand_for_themselves() {
    let plain = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    assert_eq!(encode(plain).unwrap().as_str(), plain);
}

#[test]
fn everything_else_becomes_lower_case_hex_of_its_utf8() {
    let cases = [
        ("Ada", "%41da"),
        ("a/b", "a%2fb"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("é", "%c3%a9"),
        ("\u{1f980}", "%f0%9f%a6%80"),
        ("\0", "%00"),
        ("~*'()!", "%7e%2a%27%28%29%21"),
        ("a\\b:c", "a%5cb%3ac"),
    ];
    for (plain, encoded) in cases {
        assert_eq!(encode(plain).unwrap().as_str(), encoded);
        assert_eq!(EncodedId::parse(encoded).unwrap().decode().0, plain);
    }
}

#[test]
fn empty_long_and_dotted_ids_are_refused() {
    for text in [
        "",
        "..",
        "a..b",
        "../etc",
        &"x".repeat(201),
        &"/".repeat(67),
    ] {
        let error = encode(text).unwrap_err();
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::Invalid, "SB-INVALID-ID")
        );
    }
    assert!(encode(&"x".repeat(200)).is_ok());
    assert!(encode(&"/".repeat(66)).is_ok());
}

#[test]
fn s24_only_the_minimal_escape_in_lower_case_hex_is_an_id() {
    for other_spelling in [
        "%41DA", "%4Ada", "%61da", "a%2Fb", "a%2", "a%", "a%zz", "A", "a/b", "é", "%ff", "%c3", "",
        "..", "%2e%2e", "a b",
    ] {
        assert_eq!(EncodedId::parse(other_spelling), None, "{other_spelling}");
    }
    assert!(EncodedId::parse("%41da").is_some());
}

#[test]
fn s24_collection_names_are_lower_case_letters_digits_and_hyphens() {
    for name in ["users", "a", "order-lines", "v2"] {
        assert!(path::is_collection_name(name), "{name}");
    }
    for name in ["", "Users", "2nd", "-a", "a_b", "a/b", "a.b", "_sys", "é"] {
        assert!(!path::is_collection_name(name), "{name}");
    }
}

#[test]
fn s24_a_name_that_does_not_encode_to_itself_is_no_document() {
    let is_document = |kind, path: &str| {
        path::parse_document("users", 1, kind, &Key::from_stored(path)).is_some()
    };
    assert!(is_document(KeyKind::Text, "users/%41da.json"));
    for path in [
        "users/%41DA.json",
        "users/%61da.json",
        "users/Ada.json",
        "users/ada",
        "users/ada.JSON",
        "users/a/ada.json",
        "orders/ada.json",
        "users/.json",
        "ada.json",
        "users//ada.json",
        "users/ada.json!1",
        "xusers/ada.json",
        "/users/ada.json",
    ] {
        assert!(!is_document(KeyKind::Text, path), "{path}");
    }
}

#[test]
fn an_id_must_be_a_key_of_the_collections_kind() {
    let is_document = |kind, id: &str| {
        path::parse_document(
            "users",
            1,
            kind,
            &Key::from_stored(format!("users/{id}.json")),
        )
        .is_some()
    };
    assert!(is_document(KeyKind::Uuid, ADA));
    assert!(!is_document(KeyKind::Uuid, &ADA.replace('-', "")));
    assert!(!is_document(KeyKind::Uuid, "ada"));
    assert!(is_document(KeyKind::Unsigned, "00000000000000000042"));
    assert!(is_document(KeyKind::Unsigned, "18446744073709551615"));
    for id in [
        "42",
        "18446744073709551616",
        "0000000000000000004x",
        "-0000000000000000042",
        "000000000000000000042",
    ] {
        assert!(!is_document(KeyKind::Unsigned, id), "{id}");
    }
}

#[test]
fn sixteen_shards_are_folders_named_by_the_first_digit_of_the_ids_hash() {
    // sha256("ada") = fdee…, sha256("/") = 8a5e…: of the plain text, not of the encoded one.
    let ada = encode("ada").unwrap();
    assert_eq!(
        path::document("users", 16, &ada).as_str(),
        "users/f/ada.json"
    );
    let slash = encode("/").unwrap();
    assert_eq!(path::shard_of(16, &slash), 0x8);
    assert_eq!(path::documents("users", 16, 0xa).as_str(), "users/a/");
}

#[test]
fn a_document_in_the_folder_of_another_shard_is_no_document() {
    let found: Vec<String> = "0123456789abcdef"
        .chars()
        .map(|shard| format!("users/{shard}/ada.json"))
        .filter(|path| {
            path::parse_document("users", 16, KeyKind::Text, &Key::from_stored(path.as_str()))
                .is_some()
        })
        .collect();
    let right = path::document("users", 16, &encode("ada").unwrap());
    assert_eq!(found, [right.as_str()]);
    assert_eq!(
        path::parse_document(
            "users",
            16,
            KeyKind::Text,
            &Key::from_stored("users/ada.json")
        ),
        None
    );
}

#[test]
fn every_kind_of_object_has_its_place() {
    assert_eq!(
        path::document("users", 1, &encode("ada").unwrap()).as_str(),
        "users/ada.json"
    );
    assert_eq!(path::documents("users", 1, 0).as_str(), "users/");
    assert_eq!(
        path::claim("users", "email-77aa01c3", "00ff").as_str(),
        "_unique/users/email-77aa01c3/00ff.json"
    );
    assert_eq!(
        path::entries("users", "plan-1f0c9a2b").as_str(),
        "_index/users/plan-1f0c9a2b/"
    );
    assert_eq!(
        path::catalog("users").as_str(),
        "_sys/collection/users.json"
    );
    assert_eq!(path::database().as_str(), "_sys/format.json");
    assert_eq!(path::cursor_keys().as_str(), "_sys/cursor-keys.json");
    assert_eq!(path::local_index().as_str(), "_sys/local-index.json");
}

proptest! {
    #[test]
    fn s22_listing_order_is_the_order_of_encoded_id_and_suffix(left in "\\PC{1,12}", right in "\\PC{1,12}") {
        let (Ok(left), Ok(right)) = (encode(&left), encode(&right)) else { return Ok(()) };
        let by_path = path::document("users", 1, &left).cmp(&path::document("users", 1, &right));
        prop_assert_eq!(by_path, format!("{left}.json").cmp(&format!("{right}.json")));
    }

    #[test]
    fn every_id_comes_back_from_its_path(text in any::<String>(), shards in prop_oneof![Just(1_u8), Just(16)]) {
        let Ok(id) = encode(&text) else {
            prop_assert!(text.is_empty() || text.contains("..") || text.len() > 200 / 3);
            return Ok(());
        };
        prop_assert_eq!(&id.decode().0, &text);
        prop_assert!(id.as_str().bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'%')));
        let key = path::document("users", shards, &id);
        prop_assert_eq!(path::parse_document("users", shards, KeyKind::Text, &key), Some(id));
    }

    #[test]
    fn one_text_has_one_encoding(encoded in "[a-z%0-9A-F.]{0,12}") {
        if let Some(id) = EncodedId::parse(&encoded) {
            let again = encode(&id.decode().0).unwrap();
            prop_assert_eq!(again.as_str(), encoded);
        }
    }
}
