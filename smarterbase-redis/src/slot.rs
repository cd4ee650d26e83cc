//! Which slot of a cluster a key lies in.

/// How many slots every cluster has.
pub(crate) const SLOTS: u16 = 16_384;

/// The slot of a key: of its hash tag, where it has one.
///
/// Source: <https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model>.
pub(crate) fn of(key: &[u8]) -> u16 {
    crc16(tag(key).unwrap_or(key)) % SLOTS
}

/// What stands between the first `{` and the first `}` after it, unless that is nothing.
fn tag(key: &[u8]) -> Option<&[u8]> {
    let open = key.iter().position(|byte| *byte == b'{')?;
    let rest = &key[open + 1..];
    let close = rest.iter().position(|byte| *byte == b'}')?;
    (close > 0).then(|| &rest[..close])
}

/// CRC-16/XMODEM: polynomial 0x1021, nothing inverted or reflected.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _bit| {
            let carry = if crc & 0x8000 == 0 { 0 } else { 0x1021 };
            (crc << 1) ^ carry
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{crc16, of};

    #[test]
    fn the_check_value_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
    }

    #[test]
    fn slots_are_what_a_server_says() {
        // `CLUSTER KEYSLOT` of Redis 7.0.
        for (key, slot) in [("foo", 12_182), ("bar", 5_061), ("hello", 866), ("", 0)] {
            assert_eq!(of(key.as_bytes()), slot, "{key}");
        }
    }

    #[test]
    fn a_hash_tag_decides_alone() {
        assert_eq!(of(b"sb:{foo}:ep"), of(b"foo"));
        assert_eq!(of(b"{foo}{bar}"), of(b"foo"));
        assert_eq!(of(b"x{{foo}}"), of(b"{foo"));
        for key in ["foo{}{bar}", "foo{bar", "foo}bar{"] {
            assert_eq!(
                of(key.as_bytes()),
                super::crc16(key.as_bytes()) % super::SLOTS,
                "{key}"
            );
        }
    }
}
