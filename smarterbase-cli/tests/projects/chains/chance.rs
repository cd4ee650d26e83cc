//! Random choices from a seed: printed when a test fails, and set again with `SMARTERBASE_TEST_SEED`.

use std::fmt;

/// splitmix64: <https://prng.di.unimi.it/splitmix64.c>.
pub(crate) struct Chance {
    seed: u64,
    state: u64,
}

impl Chance {
    /// The seed of the environment; else always the same, so that a run of CI tells what the one before told.
    pub(crate) fn of_this_run() -> Self {
        let seed = std::env::var("SMARTERBASE_TEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok())
            .unwrap_or(20_261_127);
        Self { seed, state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn of<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }
}

impl fmt::Display for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SMARTERBASE_TEST_SEED={}", self.seed)
    }
}
