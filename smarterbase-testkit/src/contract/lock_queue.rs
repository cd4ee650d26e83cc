//! The promises of [`LockQueue`].
//!
//! ```no_run
//! use std::sync::Arc;
//! use smarterbase_core::port::SystemClock;
//! use smarterbase_testkit::{MemoryLockQueue, contract::lock_queue::Fixture};
//!
//! smarterbase_testkit::lock_queue_contract!(memory, async || {
//!     let queue = Arc::new(MemoryLockQueue::new(Arc::new(SystemClock)));
//!     Fixture::new(queue.clone(), queue, ())
//! });
//! # fn main() {}
//! ```

use std::{any::Any, sync::Arc, time::Duration};

use smarterbase_core::{
    format::Nonce,
    port::{Clock, LockQueue, QueuedLock, SystemClock},
};

/// Longer than any test takes.
const KEEP: Duration = Duration::from_secs(30);
/// Long enough to see that somebody was woken.
const LONG: Duration = Duration::from_secs(10);
/// Long enough to see that nobody was.
const SHORT: Duration = Duration::from_millis(100);

/// An empty queue under test as two processes see it, and what must live as long as it.
#[derive(Debug)]
pub struct Fixture {
    /// One process's queue.
    pub one: Arc<dyn LockQueue>,
    /// Another one's, on the same service.
    pub other: Arc<dyn LockQueue>,
    keep: Option<Box<dyn Any + Send>>,
}

impl Fixture {
    /// A queue as two processes see it.
    #[must_use]
    pub fn new(one: Arc<dyn LockQueue>, other: Arc<dyn LockQueue>, keep: impl Any + Send) -> Self {
        Self {
            one,
            other,
            keep: Some(Box::new(keep)),
        }
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        drop(self.keep.take());
    }
}

/// Makes a module with one `#[tokio::test]` per promise of a lock queue.
///
/// The factory is an async closure without arguments that makes a [`Fixture`](crate::contract::lock_queue::Fixture) of an
/// **empty** queue. It runs once per test. The caller needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! lock_queue_contract {
    ($module:ident, $factory:expr) => {
        $crate::lock_queue_contract!(@tests $module, $factory,
            who_comes_first_is_first,
            entering_again_keeps_the_place,
            the_first_one_is_woken_and_nobody_else,
            a_wake_that_comes_before_the_waiting_is_not_lost,
            one_wake_ends_one_waiting,
            nobody_who_waits_is_no_error,
            waiting_ends_by_itself,
            the_first_one_that_gives_up_passes_on,
            who_took_the_lock_wakes_nobody_when_it_leaves,
            who_gives_up_further_back_wakes_nobody,
            who_leaves_and_comes_back_is_last,
            a_silent_waiter_loses_its_place,
            locks_never_mix,
        );
    };
    (@tests $module:ident, $factory:expr, $($promise:ident,)*) => {
        mod $module {
            #[allow(unused_imports, reason = "the factory may name anything of the file it stands in")]
            use super::*;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $promise() {
                    let fixture: $crate::contract::lock_queue::Fixture = ($factory)().await;
                    $crate::contract::lock_queue::$promise(&fixture).await;
                }
            )*
        }
    };
}

fn nonce(letter: char) -> Nonce {
    Nonce::parse(&letter.to_string().repeat(20)).expect("20 characters of the alphabet")
}

fn lock(name: &str) -> QueuedLock {
    QueuedLock {
        database: nonce('d'),
        name: name.to_owned(),
    }
}

async fn enter(queue: &Arc<dyn LockQueue>, name: &str, waiter: char) -> u64 {
    let entered = queue.enter(&lock(name), nonce(waiter), KEEP).await;
    entered.expect("the queue answers")
}

async fn leave(queue: &Arc<dyn LockQueue>, waiter: char, passes_on: bool) {
    let left = queue.leave(&lock("x"), nonce(waiter), passes_on).await;
    left.expect("the queue answers");
}

async fn wake(queue: &Arc<dyn LockQueue>) {
    queue.wake(&lock("x")).await.expect("the queue answers");
}

async fn waiting(queue: &Arc<dyn LockQueue>, name: &str) -> u64 {
    let waiting = queue.waiting(&lock(name)).await;
    waiting.expect("the queue answers")
}

/// Whether the waiter is woken within the time.
async fn is_woken(queue: &Arc<dyn LockQueue>, waiter: char, within: Duration) -> bool {
    let begun = SystemClock.elapsed();
    queue.wait(nonce(waiter), within).await;
    SystemClock.elapsed() - begun < within
}

/// Places are given in the order in which waiters come, from whatever process.
pub async fn who_comes_first_is_first(queue: &Fixture) {
    assert_eq!(waiting(&queue.one, "x").await, 0);
    assert_eq!(enter(&queue.one, "x", 'a').await, 0);
    assert_eq!(enter(&queue.other, "x", 'b').await, 1);
    assert_eq!(enter(&queue.one, "x", 'c').await, 2);
    assert_eq!(waiting(&queue.other, "x").await, 3);
    leave(&queue.one, 'a', false).await;
    assert_eq!(enter(&queue.other, "x", 'b').await, 0);
    assert_eq!(enter(&queue.one, "x", 'c').await, 1);
}

/// A waiter that says that it is still there stays where it is.
pub async fn entering_again_keeps_the_place(queue: &Fixture) {
    enter(&queue.one, "x", 'b').await;
    enter(&queue.other, "x", 'a').await;
    for _ in 0..3 {
        assert_eq!(enter(&queue.one, "x", 'b').await, 0);
        assert_eq!(enter(&queue.other, "x", 'a').await, 1);
    }
    assert_eq!(waiting(&queue.one, "x").await, 2);
}

/// A wake reaches the first waiter in whatever process, and no other.
pub async fn the_first_one_is_woken_and_nobody_else(queue: &Fixture) {
    enter(&queue.other, "x", 'a').await;
    enter(&queue.one, "x", 'b').await;
    enter(&queue.other, "x", 'c').await;
    let waker = async {
        SystemClock.sleep(SHORT).await;
        wake(&queue.one).await;
    };
    let (first, second, third, ()) = tokio::join!(
        is_woken(&queue.other, 'a', LONG),
        is_woken(&queue.one, 'b', SHORT * 4),
        is_woken(&queue.other, 'c', SHORT * 4),
        waker
    );
    assert_eq!((first, second, third), (true, false, false));
}

/// Between entering and waiting a waiter is woken all the same.
pub async fn a_wake_that_comes_before_the_waiting_is_not_lost(queue: &Fixture) {
    enter(&queue.one, "x", 'a').await;
    wake(&queue.other).await;
    assert!(is_woken(&queue.one, 'a', LONG).await);
}

/// Who was woken waits again.
pub async fn one_wake_ends_one_waiting(queue: &Fixture) {
    enter(&queue.one, "x", 'a').await;
    wake(&queue.one).await;
    assert!(is_woken(&queue.one, 'a', LONG).await);
    assert!(!is_woken(&queue.one, 'a', SHORT).await);
}

/// An empty queue is woken, left and counted without an error.
pub async fn nobody_who_waits_is_no_error(queue: &Fixture) {
    wake(&queue.one).await;
    leave(&queue.one, 'a', true).await;
    assert_eq!(waiting(&queue.one, "x").await, 0);
}

/// Nobody waits for longer than it said.
pub async fn waiting_ends_by_itself(queue: &Fixture) {
    enter(&queue.one, "x", 'a').await;
    assert!(!is_woken(&queue.one, 'a', SHORT).await);
}

/// A waiter that was woken and goes away does not take the wake with it.
pub async fn the_first_one_that_gives_up_passes_on(queue: &Fixture) {
    enter(&queue.one, "x", 'a').await;
    enter(&queue.other, "x", 'b').await;
    wake(&queue.one).await;
    leave(&queue.one, 'a', true).await;
    assert!(is_woken(&queue.other, 'b', LONG).await);
}

/// The next one is not woken before the lock is free.
pub async fn who_took_the_lock_wakes_nobody_when_it_leaves(queue: &Fixture) {
    enter(&queue.one, "x", 'a').await;
    enter(&queue.other, "x", 'b').await;
    leave(&queue.one, 'a', false).await;
    assert!(!is_woken(&queue.other, 'b', SHORT).await);
}

/// Who was not first had no wake to pass on.
pub async fn who_gives_up_further_back_wakes_nobody(queue: &Fixture) {
    enter(&queue.one, "x", 'a').await;
    enter(&queue.other, "x", 'b').await;
    leave(&queue.other, 'b', true).await;
    assert!(!is_woken(&queue.one, 'a', SHORT).await);
    assert_eq!(waiting(&queue.one, "x").await, 1);
}

/// A place that was given up is gone.
pub async fn who_leaves_and_comes_back_is_last(queue: &Fixture) {
    enter(&queue.one, "x", 'a').await;
    enter(&queue.one, "x", 'b').await;
    leave(&queue.one, 'a', true).await;
    assert_eq!(enter(&queue.one, "x", 'a').await, 1);
}

/// A process that died does not keep the others waiting.
pub async fn a_silent_waiter_loses_its_place(queue: &Fixture) {
    let silent = queue.one.enter(&lock("x"), nonce('a'), SHORT).await;
    assert_eq!(silent, Ok(0));
    assert_eq!(enter(&queue.other, "x", 'b').await, 1);
    SystemClock.sleep(SHORT * 2).await;
    assert_eq!(enter(&queue.other, "x", 'b').await, 0);
    wake(&queue.one).await;
    assert!(is_woken(&queue.other, 'b', LONG).await);
    assert_eq!(waiting(&queue.one, "x").await, 1);
}

/// Queues of other names and of other databases are other queues.
pub async fn locks_never_mix(queue: &Fixture) {
    enter(&queue.one, "x", 'a').await;
    assert_eq!(enter(&queue.one, "y", 'b').await, 0);
    let elsewhere = QueuedLock {
        database: nonce('e'),
        ..lock("x")
    };
    let entered = queue.other.enter(&elsewhere, nonce('c'), KEEP).await;
    assert_eq!(entered, Ok(0));
    wake(&queue.one).await;
    assert!(!is_woken(&queue.one, 'b', SHORT).await);
    assert!(!is_woken(&queue.other, 'c', SHORT).await);
    assert!(is_woken(&queue.one, 'a', LONG).await);
}
