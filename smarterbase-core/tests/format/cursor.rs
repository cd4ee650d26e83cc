use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use proptest::prelude::*;
use smarterbase_core::{
    ErrorKind,
    format::cursor::{CursorKeys, Position},
};

use crate::sample::nonce;

fn keys() -> CursorKeys {
    CursorKeys {
        keys: vec![(nonce('2'), [2; 32]), (nonce('1'), [1; 32])],
    }
}

fn position() -> Position {
    Position {
        query: *b"12345678",
        definition: "plan-1f0c9a2b".into(),
        descending: true,
        value: Bytes::from_static(b"\x04secret\0\0"),
        id: "ada".into(),
    }
}

#[track_caller]
fn assert_refused(keys: &CursorKeys, cursor: &str) {
    let error = keys.decrypt(cursor).expect_err(cursor);
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Invalid, "SB-INVALID-CURSOR")
    );
}

#[test]
fn a_cursor_comes_back_and_shows_nothing() {
    let cursor = keys().encrypt(&position(), [7; 12]);
    assert_eq!(keys().decrypt(&cursor).unwrap(), position());
    assert!(
        cursor
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_')
    );
    let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"));
}

#[test]
fn a_cursor_of_an_older_key_is_still_read() {
    let older = CursorKeys {
        keys: keys().keys[1..].to_vec(),
    };
    let cursor = older.encrypt(&position(), [7; 12]);
    assert_eq!(keys().decrypt(&cursor).unwrap(), position());
    assert_refused(&older, &keys().encrypt(&position(), [7; 12]));
}

#[test]
fn a_cursor_of_another_database_is_refused() {
    let mut foreign = keys();
    foreign.keys[0].1 = [9; 32];
    assert_refused(&keys(), &foreign.encrypt(&position(), [7; 12]));
    assert_refused(
        &CursorKeys { keys: Vec::new() },
        &keys().encrypt(&position(), [7; 12]),
    );
}

#[test]
fn every_changed_bit_and_every_truncation_is_refused() {
    let cursor = BASE64URL_NOPAD
        .decode(keys().encrypt(&position(), [7; 12]).as_bytes())
        .unwrap();
    for bit in 0..cursor.len() * 8 {
        let mut changed = cursor.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_refused(&keys(), &BASE64URL_NOPAD.encode(&changed));
    }
    for end in 0..cursor.len() {
        assert_refused(&keys(), &BASE64URL_NOPAD.encode(&cursor[..end]));
    }
    assert_refused(
        &keys(),
        &BASE64URL_NOPAD.encode(&[&cursor[..], b"\0"].concat()),
    );
}

#[test]
fn text_that_is_no_base64url_is_refused() {
    let cursor = keys().encrypt(&position(), [7; 12]);
    for text in [
        "",
        "=",
        " ",
        "é",
        &format!("{cursor}="),
        &format!(" {cursor}"),
        &cursor.replace('A', "+"),
    ] {
        assert_refused(&keys(), text);
    }
}

#[test]
fn the_keys_come_back_and_do_not_show_themselves() {
    let bytes = keys().seal(nonce('p'));
    assert_eq!(CursorKeys::open(&bytes).unwrap(), keys());
    assert_eq!(format!("{:?}", keys()), "CursorKeys { keys: 2 }");
}

#[test]
fn malformed_keys_are_corrupt_and_do_not_show_themselves() {
    let whole = String::from_utf8(keys().seal(nonce('p')).to_vec()).unwrap();
    let key = "02".repeat(32);
    for (right, wrong) in [
        (key.as_str(), "0202"),
        (key.as_str(), "hunter2"),
        (&format!("\"{key}\""), "\"hunter2\":1"),
        (r#""keys""#, r#""key""#),
    ] {
        let error = CursorKeys::open(&Bytes::from(whole.replacen(right, wrong, 1))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(!error.to_string().contains("hunter2"));
    }
    let none = CursorKeys { keys: Vec::new() }.seal(nonce('p'));
    assert_eq!(
        CursorKeys::open(&none).unwrap_err().kind(),
        ErrorKind::Corrupt
    );
}

proptest! {
    #[test]
    fn every_position_comes_back(
        query in any::<[u8; 8]>(), definition in "[a-z-]{0,20}", descending in any::<bool>(),
        value in prop::collection::vec(any::<u8>(), 0..150), id in "\\PC{0,20}", random in any::<[u8; 12]>(),
    ) {
        let position = Position { query, definition, descending, value: value.into(), id };
        prop_assert_eq!(keys().decrypt(&keys().encrypt(&position, random)).unwrap(), position);
    }

    #[test]
    fn any_text_is_refused(cursor in "[A-Za-z0-9_-]{0,200}") {
        prop_assert!(keys().decrypt(&cursor).is_err());
    }
}
