//! 64 bits that stand for a text. They find mistakes, not attackers: whoever can edit a lock can also seal it again.

/// FNV-1a with 64 bits, and a final mix, because FNV alone spreads the last bytes badly.
///
/// Usable in constants: the engine digests the shapes of types while they are compiled.
///
/// Sources: <https://datatracker.ietf.org/doc/html/rfc9923> (FNV-1a); the mix is the finalizer of MurmurHash3.
#[derive(Clone, Copy, Debug)]
pub struct Digest(u64);

impl Digest {
    /// The digest of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds a text and its end, so that `ab`, `c` and `a`, `bc` differ.
    #[must_use]
    pub const fn text(self, text: &str) -> Self {
        // No text in UTF-8 holds this byte.
        self.bytes(text.as_bytes()).bytes(&[0xff])
    }

    /// Adds a number.
    #[must_use]
    pub const fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// One loop without calls: the derive, which digests whole locks, is built without optimization.
    const fn bytes(self, bytes: &[u8]) -> Self {
        let mut state = self.0;
        let mut position = 0;
        while position < bytes.len() {
            state = (state ^ bytes[position] as u64).wrapping_mul(0x0000_0100_0000_01b3);
            position += 1;
        }
        Self(state)
    }

    /// The 64 bits.
    #[must_use]
    pub const fn finish(self) -> u64 {
        let mut bits = self.0;
        bits ^= bits >> 33;
        bits = bits.wrapping_mul(0xff51_afd7_ed55_8ccd);
        bits ^= bits >> 33;
        bits = bits.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        bits ^ (bits >> 33)
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

/// The 64 bits of one text.
#[must_use]
pub const fn of(text: &str) -> u64 {
    Digest::new().text(text).finish()
}

/// 16 digits of lower-case hex.
#[must_use]
pub fn hex(bits: u64) -> String {
    format!("{bits:016x}")
}

#[cfg(test)]
mod tests {
    use super::{Digest, hex, of};

    #[test]
    fn bytes_are_added_as_fnv_1a_does() {
        // The test vectors of RFC 9923 for "a" and "foobar".
        assert_eq!(Digest::new().bytes(b"a").0, 0xaf63_dc4c_8601_ec8c);
        assert_eq!(Digest::new().bytes(b"foobar").0, 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_digest_never_changes() {
        // Locks and documents hold digests: another value would break every one of them.
        assert_eq!(hex(of("")), "1bbd5c813c69a8d7");
    }

    #[test]
    fn the_end_of_a_text_counts() {
        let joined = Digest::new().text("ab").text("c").finish();
        assert_ne!(joined, Digest::new().text("a").text("bc").finish());
    }
}
