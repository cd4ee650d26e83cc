//! Time and randomness that a test owns.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures::future::BoxFuture;
use smarterbase_core::{
    document::Timestamp,
    port::{Clock, Rng},
};
use tokio::time::Instant;

/// Tokio's clock: virtual under `#[tokio::test(start_paused = true)]`, where sleeping takes no real time.
///
/// It starts at 2026-01-01 00:00:00 UTC. Never use paused time together with a real socket: it makes false timeouts.
#[derive(Clone, Copy, Debug)]
pub struct TestClock {
    started: Instant,
}

impl TestClock {
    /// Seconds from 1970 to the first moment of the clock.
    const FIRST: i64 = 1_767_225_600;

    /// A clock that starts now. Must be called inside a tokio runtime.
    #[must_use]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_parts(Self::FIRST, 0)
            .expect("2026 is a year that fits")
            .saturating_add(self.elapsed())
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Random bytes that a seed repeats: SplitMix64.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Debug)]
pub struct SeededRng {
    state: AtomicU64,
}

impl SeededRng {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

    /// The generator of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: AtomicU64::new(seed),
        }
    }

    /// The next 64 bits.
    pub fn next(&self) -> u64 {
        let state = self.state.fetch_add(Self::STEP, Ordering::Relaxed);
        let mut mixed = state.wrapping_add(Self::STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl Rng for SeededRng {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}
