//! Conformance suites, real servers and fault injection for SmarterBase and its backends.

pub mod clock;
pub mod contract;
pub mod fault;
pub mod history;
pub mod index;
pub mod invariant;
pub mod lock_queue;
pub mod record;
pub mod server;
pub mod sweep;

pub use clock::{SeededRng, TestClock};
pub use fault::{Fault, FaultStore};
pub use index::MemoryIndex;
pub use lock_queue::MemoryLockQueue;
pub use record::{Call, CallKind, CallLog, CallOutcome};
