//! A quick hasher: what is hashed here are small numbers, and nobody attacks.

use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Multiplies and folds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Quick(u64);

impl Hasher for Quick {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            self.write_u64(u64::from_le_bytes(word.try_into().expect("eight bytes")));
        }
        let mut last = [0; 8];
        last[..words.remainder().len()].copy_from_slice(words.remainder());
        self.write_u64(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u128(&mut self, number: u128) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        let wide = u128::from(self.0 ^ number ^ 0x9e37_79b9_7f4a_7c15)
            * u128::from(0xd6e8_feb8_6659_fd93_u64);
        self.0 = (wide as u64) ^ ((wide >> 64) as u64).rotate_left(23);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.write_u64(number as u64);
    }
}

/// What maps of numbers are hashed with.
pub(crate) type Quickly = BuildHasherDefault<Quick>;

/// 128 bits of a few numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Print(Quick, Quick);

impl Default for Print {
    fn default() -> Self {
        Self(Quick(1), Quick(0x517c_c1b7_2722_0a95))
    }
}

impl Print {
    pub(crate) fn add(&mut self, number: u64) {
        self.0.write_u64(number);
        self.1
            .write_u64(number.rotate_left(17) ^ 0x2545_f491_4f6c_dd1d);
    }

    pub(crate) fn number(self) -> u128 {
        u128::from(self.0.0) << 64 | u128::from(self.1.0)
    }
}

impl Hasher for Print {
    fn finish(&self) -> u64 {
        self.0.0 ^ self.1.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
        self.1.write(bytes);
        self.1.write_u8(1);
    }

    fn write_u64(&mut self, number: u64) {
        self.add(number);
    }
}

/// 128 bits of anything.
pub(crate) fn fingerprint(value: &impl Hash) -> u128 {
    let mut print = Print::default();
    value.hash(&mut print);
    print.number()
}
