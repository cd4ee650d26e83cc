//! Time comes in through here, so that simulation owns it.

use std::time::Duration;

use futures::future::BoxFuture;

use crate::document::Timestamp;

/// The time of day, a clock that never goes back, and sleeping.
pub trait Clock: Send + Sync + std::fmt::Debug + 'static {
    /// The time of day. Stamps documents; no safety rests on it.
    fn now(&self) -> Timestamp;

    /// Time since a fixed point in this process, never going back, and counting while the machine sleeps where the
    /// system can do that (`CLOCK_BOOTTIME`). Ages and deadlines are measured with it.
    fn elapsed(&self) -> Duration;

    /// Returns after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
