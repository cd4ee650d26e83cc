//! What the engine asks of the outside: one trait per service, required methods only.

pub mod clock;
pub mod index;
pub mod lock_queue;
pub mod rng;
pub mod store;
pub mod system;

pub use clock::Clock;
pub use index::{IndexError, IndexStore};
pub use lock_queue::{LockQueue, LockQueueError, QueuedLock};
pub use rng::Rng;
pub use store::{
    Attempt, Capabilities, CasStore, Changed, ConditionalDelete, Expect, ListPage, Listed, Object,
    StoreError, StoreErrorKind,
};
pub use system::{SystemClock, SystemRng};
