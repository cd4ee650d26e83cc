//! Only cursors that were sealed with the key are opened.
#![no_main]

use arbitrary::Arbitrary;
use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use smarterbase_core::format::{
    Nonce,
    cursor::{CursorKeys, Position},
};

#[derive(Arbitrary, Debug)]
struct Input {
    text: String,
    bytes: Vec<u8>,
    query: [u8; 8],
    definition: String,
    descending: bool,
    value: Vec<u8>,
    id: String,
    random: [u8; 12],
    flip: usize,
}

fuzz_target!(|input: Input| {
    let keys = CursorKeys {
        keys: vec![(Nonce::from_random([1; 13]), [2; 32])],
    };
    assert!(keys.decrypt(&input.text).is_err());
    if let Ok(opened) = CursorKeys::open(&Bytes::from(input.bytes)) {
        assert_eq!(
            CursorKeys::open(&opened.seal(Nonce::from_random([3; 13]))).unwrap(),
            opened
        );
    }
    let position = Position {
        query: input.query,
        definition: input.definition,
        descending: input.descending,
        value: input.value.into(),
        id: input.id,
    };
    let cursor = keys.encrypt(&position, input.random);
    assert_eq!(keys.decrypt(&cursor).unwrap(), position);
    let mut changed = cursor.into_bytes();
    let at = input.flip % changed.len();
    changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
    assert!(
        keys.decrypt(std::str::from_utf8(&changed).unwrap())
            .is_err()
    );
});
