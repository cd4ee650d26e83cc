//! Tasks of an engine that run in the background, each at most once at a time.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// The place of one such task.
#[derive(Debug, Default)]
pub(crate) struct Background {
    is_taken: Arc<AtomicBool>,
}

impl Background {
    /// The right to run, for the task to hold; `None` while another one has it.
    pub(crate) fn begin(&self) -> Option<Running> {
        let was_taken = self.is_taken.swap(true, Ordering::Relaxed);
        (!was_taken).then(|| Running(self.is_taken.clone()))
    }

    /// No task begins from now on.
    pub(crate) fn turn_off(&self) {
        self.is_taken.store(true, Ordering::Relaxed);
    }
}

/// Dropped with its task, also where that ends with its runtime: then another one may begin, in the next runtime.
#[derive(Debug)]
pub(crate) struct Running(Arc<AtomicBool>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}
