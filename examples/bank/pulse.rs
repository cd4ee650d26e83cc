//! The ticks that the supervisor sends, and the end of its input.

use std::{
    io::BufRead,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

/// What a worker hears from its supervisor.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    tick: AtomicU64,
    is_over: AtomicBool,
}

impl Pulse {
    /// Listens to standard input on a thread of its own.
    pub(crate) fn of_input() -> Arc<Self> {
        let pulse = Arc::new(Self::default());
        let hearing = pulse.clone();
        std::thread::spawn(move || hearing.listen());
        pulse
    }

    fn listen(&self) {
        let lines = std::io::stdin().lock().lines();
        for line in lines.map_while(Result::ok) {
            if let Ok(tick) = line.parse() {
                self.tick.store(tick, Ordering::SeqCst);
            }
        }
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// The last tick that was heard.
    pub(crate) fn tick(&self) -> u64 {
        self.tick.load(Ordering::SeqCst)
    }

    /// Whether the input has ended: on purpose, or because the supervisor died.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }
}
