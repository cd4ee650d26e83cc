//! The bytes of one component: a tag, then bytes in the order of the values.

use sha2::{Digest, Sha256};

use crate::{
    document::Scalar,
    error::{Code, Error, Result},
};

/// The first byte of a component. The order of the tags is the order of the kinds.
mod tag {
    pub(super) const NULL: u8 = 0x00;
    pub(super) const FALSE: u8 = 0x01;
    pub(super) const TRUE: u8 = 0x02;
    pub(super) const NUMBER: u8 = 0x03;
    pub(super) const STRING: u8 = 0x04;
    pub(super) const BYTES: u8 = 0x05;
    pub(super) const UUID: u8 = 0x06;
    pub(super) const TIMESTAMP: u8 = 0x07;
}

/// The smallest byte that is greater than the encoding of `Null`: where present values begin.
pub(super) const FIRST_PRESENT: u8 = tag::FALSE;

/// What follows the content of a string: its end, or the hash of one that was cut. A zero byte inside a string is
/// `00 FF`, so that an end sorts before a cut, and a cut before every longer string.
const END: [u8; 2] = [0x00, 0x00];
const CUT: [u8; 2] = [0x00, 0x01];
const ESCAPED_ZERO: [u8; 2] = [0x00, 0xFF];

/// How many bytes of sha256 a cut component ends with.
const HASH_LENGTH: usize = 16;

/// How many bytes of escaped content a component keeps.
#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// All of them: unique values.
    Uncut,
    /// This many (rule S26).
    Kept(usize),
}

/// The bytes of one component.
#[derive(Debug)]
pub(super) struct Component {
    /// The full encoding, which delimits itself.
    pub(super) bytes: Vec<u8>,
    /// For a component that was cut, how many of the bytes every value in the cut shares: the tag and the kept content.
    pub(super) cut: Option<usize>,
}

/// Encodes a scalar.
pub(super) fn encode(scalar: &Scalar<'_>, limit: Limit) -> Result<Component> {
    let bytes = match scalar {
        Scalar::Null => vec![tag::NULL],
        Scalar::Bool(false) => vec![tag::FALSE],
        Scalar::Bool(true) => vec![tag::TRUE],
        Scalar::Signed(number) => tagged(tag::NUMBER, &integer(i128::from(*number))),
        Scalar::Unsigned(number) => tagged(tag::NUMBER, &integer(i128::from(*number))),
        Scalar::Float(number) => tagged(tag::NUMBER, &float(*number)?),
        Scalar::Text(text) => return Ok(delimited(tag::STRING, text.as_bytes(), limit)),
        Scalar::Bytes(bytes) => return Ok(delimited(tag::BYTES, bytes, limit)),
        Scalar::Uuid(uuid) => tagged(tag::UUID, uuid),
        Scalar::Timestamp(seconds, nanoseconds) => {
            tagged(tag::TIMESTAMP, &timestamp(*seconds, *nanoseconds))
        }
    };
    Ok(Component { bytes, cut: None })
}

fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    [&[tag], body].concat()
}

/// 10 bytes: the largest float that is not above the number, and how far the number is above it (below 2,048). So
/// integers and floats sort together, exactly, over all of `i64`, `u64` and the finite `f64`.
fn number(floor: f64, residue: u16) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&ordered(floor).to_be_bytes());
    bytes[8..].copy_from_slice(&residue.to_be_bytes());
    bytes
}

/// The bits of a float in the order of the floats; both zeros are one.
fn ordered(float: f64) -> u64 {
    let bits = if float == 0.0 { 0 } else { float.to_bits() };
    if bits >> 63 == 1 {
        !bits
    } else {
        bits | 1 << 63
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the loss is what the residue makes up for; a float near an i64 or u64 fits i128"
)]
fn integer(integer: i128) -> [u8; 10] {
    let nearest = integer as f64;
    let floor = if nearest as i128 > integer {
        nearest.next_down()
    } else {
        nearest
    };
    let residue =
        u16::try_from(integer - floor as i128).expect("floats below 2^64 are at most 2,048 apart");
    number(floor, residue)
}

fn float(float: f64) -> Result<[u8; 10]> {
    if float.is_finite() {
        Ok(number(float, 0))
    } else {
        Err(Error::new(
            Code::INVALID_VALUE,
            "a number that is NaN or infinite cannot be indexed",
        ))
    }
}

/// 12 bytes: seconds with the sign flipped, then nanoseconds.
fn timestamp(seconds: i64, nanoseconds: u32) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&(seconds.cast_unsigned() ^ 1 << 63).to_be_bytes());
    bytes[8..].copy_from_slice(&nanoseconds.to_be_bytes());
    bytes
}

/// Text or bytes: the escaped content and its end, or the start of it and its hash (rule S25).
fn delimited(tag: u8, content: &[u8], limit: Limit) -> Component {
    let mut bytes = escape(tag, content);
    let kept = match limit {
        Limit::Kept(limit) if bytes.len() - 1 > limit => 1 + whole_units(&bytes[1..], limit),
        Limit::Kept(_) | Limit::Uncut => {
            bytes.extend(END);
            return Component { bytes, cut: None };
        }
    };
    bytes.extend(END);
    let hash = Sha256::digest(&bytes);
    bytes.truncate(kept);
    bytes.extend(CUT);
    bytes.extend(&hash[..HASH_LENGTH]);
    Component {
        bytes,
        cut: Some(kept),
    }
}

fn escape(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(content.len() + 3);
    escaped.push(tag);
    for byte in content {
        match byte {
            0 => escaped.extend(ESCAPED_ZERO),
            byte => escaped.push(*byte),
        }
    }
    escaped
}

/// How much of the escaped content fits into the limit without splitting a `00 FF`.
fn whole_units(escaped: &[u8], limit: usize) -> usize {
    // A zero byte only ever begins a pair, so a pair is split exactly when the last kept byte is zero.
    if limit > 0 && escaped[limit - 1] == 0 {
        limit - 1
    } else {
        limit
    }
}
