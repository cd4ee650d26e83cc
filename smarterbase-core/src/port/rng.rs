//! Randomness comes in through here, so that a seed replays.

use crate::format::Nonce;

/// Random bytes.
pub trait Rng: Send + Sync + std::fmt::Debug + 'static {
    /// Fills `bytes`. In production from the operating system.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Rng {
    /// A fresh nonce.
    #[must_use]
    pub fn nonce(&self) -> Nonce {
        let mut random = [0; 13];
        self.fill(&mut random);
        Nonce::from_random(random)
    }

    /// A number from 0 to `below - 1`, near enough to uniform for jitter. `below` is at least 1.
    #[must_use]
    pub fn below(&self, below: u64) -> u64 {
        let mut random = [0; 8];
        self.fill(&mut random);
        u64::from_le_bytes(random) % below.max(1)
    }
}
