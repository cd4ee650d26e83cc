//! Writes down what clients do while they run, with the number of each event as its moment.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::transaction::{Key, Operation, Outcome, RealTime, Transaction};

/// A history that is being written. Clones share it; each client has its own process number.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    log: Arc<Mutex<Log>>,
}

#[derive(Debug, Default)]
struct Log {
    events: u64,
    history: Vec<Transaction>,
}

impl Recorder {
    /// Begins a transaction, or a plain write or strict read outside of one. Call it before the first request is sent.
    #[must_use]
    pub fn begin(&self, process: u64) -> Running {
        self.start(process, RealTime::Strict)
    }

    /// Begins one read outside of transactions that does not wait for transactions in flight.
    #[must_use]
    pub fn begin_wait_free_read(&self, process: u64) -> Running {
        self.start(process, RealTime::PerDocument)
    }

    /// What was recorded so far, in the order in which it began. What still runs has an unknown outcome.
    #[must_use]
    pub fn history(&self) -> Vec<Transaction> {
        lock(&self.log).history.clone()
    }

    fn start(&self, process: u64, real_time: RealTime) -> Running {
        let mut log = lock(&self.log);
        log.events += 1;
        let transaction = Transaction {
            real_time,
            ..Transaction::unknown(process, log.events, [])
        };
        log.history.push(transaction);
        Running {
            log: Arc::clone(&self.log),
            number: log.history.len() - 1,
        }
    }
}

/// A transaction that runs. When it is dropped, as with a client that dies, nobody knows what became of it.
#[derive(Debug)]
pub struct Running {
    log: Arc<Mutex<Log>>,
    number: usize,
}

impl Running {
    /// Records that a value is appended.
    pub fn append(&self, key: Key, value: u64) {
        self.record(Operation::Append(key, value));
    }

    /// Records what a read returned.
    pub fn read(&self, key: Key, values: impl Into<Vec<u64>>) {
        self.record(Operation::Read(key, values.into()));
    }

    /// Forgets the operations: a new attempt begins, after one that is known to have failed.
    pub fn restart(&self) {
        self.change(|transaction| transaction.operations.clear());
    }

    /// The client was told that it happened. Call it after the reply is there.
    pub fn committed(self) {
        self.end(Outcome::Committed);
    }

    /// The client was told that it did not happen. A read of the last attempt's appends is found from here on.
    pub fn aborted(self) {
        self.end(Outcome::Aborted);
    }

    fn record(&self, operation: Operation) {
        self.change(|transaction| transaction.operations.push(operation));
    }

    fn end(&self, outcome: Outcome) {
        let mut log = lock(&self.log);
        log.events += 1;
        let moment = log.events;
        let transaction = &mut log.history[self.number];
        transaction.completed = Some(moment);
        transaction.outcome = outcome;
    }

    fn change(&self, change: impl FnOnce(&mut Transaction)) {
        change(&mut lock(&self.log).history[self.number]);
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}
