//! Changes that wait for a transaction. Whoever finds nobody at it applies what is there, all in one.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
};

use redb::Durability;
use tokio::sync::{OwnedRwLockReadGuard, OwnedSemaphorePermit, oneshot};

use super::{Inner, apply::Tables, session::Session, tables::Failure};
use crate::port::IndexError;

/// How many changes share a transaction at most.
const BATCH: usize = 256;

type Work = Box<dyn FnOnce(&mut Tables<'_>) -> Result<String, Failure> + Send>;
type Answer = Result<String, IndexError>;

/// One change, and who waits for it.
pub(super) struct Job {
    work: Work,
    ticket: Ticket,
}

/// Who waits, and what is held until then.
struct Ticket {
    reply: oneshot::Sender<Answer>,
    held: (OwnedRwLockReadGuard<Session>, OwnedSemaphorePermit),
}

#[derive(Default)]
pub(super) struct Queue {
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Job>,
    is_drained: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = self.line();
        f.debug_struct("Queue")
            .field("jobs", &line.jobs.len())
            .field("is_drained", &line.is_drained)
            .finish()
    }
}

impl Job {
    pub(super) fn new(
        work: impl FnOnce(&mut Tables<'_>) -> Result<String, Failure> + Send + 'static,
        session: OwnedRwLockReadGuard<Session>,
        place: OwnedSemaphorePermit,
    ) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        let ticket = Ticket {
            reply,
            held: (session, place),
        };
        let work = Box::new(work);
        (Self { work, ticket }, answer)
    }
}

impl Queue {
    /// Adds a job. Whether somebody has to be sent to apply it.
    pub(super) fn push(&self, job: Job) -> bool {
        let mut line = self.line();
        line.jobs.push_back(job);
        !std::mem::replace(&mut line.is_drained, true)
    }

    /// The next jobs; after an empty answer nobody is at it any more.
    fn take(&self) -> Vec<Job> {
        let mut line = self.line();
        let count = line.jobs.len().min(BATCH);
        line.is_drained = count > 0;
        line.jobs.drain(..count).collect()
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().expect("no panic while holding the lock")
    }
}

impl Inner {
    /// Applies what waits until nothing does.
    pub(super) fn drain(self: &Arc<Self>) {
        loop {
            let jobs = self.queue.take();
            if jobs.is_empty() {
                return;
            }
            self.apply_together(jobs);
        }
    }

    fn apply_together(&self, jobs: Vec<Job>) {
        let (works, tickets): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.work, job.ticket)).unzip();
        let outcome = self.file.write(Durability::None, self.now(), |tables| {
            run_all(works, tables)
        });
        self.transactions.fetch_add(1, Ordering::Release);
        match outcome {
            Ok(answers) => {
                for (ticket, answer) in tickets.into_iter().zip(answers) {
                    ticket.answer(answer);
                }
            }
            Err(error) => {
                for ticket in tickets {
                    ticket.answer(Err(again(&error)));
                }
            }
        }
    }
}

impl Ticket {
    fn answer(self, answer: Answer) {
        drop(self.held);
        // Whoever asked may be gone.
        drop(self.reply.send(answer));
    }
}

/// A refusal is the answer to one; a failure of the file ends the transaction of all.
fn run_all(works: Vec<Work>, tables: &mut Tables<'_>) -> Result<Vec<Answer>, Failure> {
    let answers = works.into_iter().map(|work| match work(tables) {
        Ok(text) => Ok(Ok(text)),
        Err(Failure::Answer(error)) => Ok(Err(error)),
        Err(Failure::File(error)) => Err(Failure::File(error)),
    });
    answers.collect()
}

/// The same error for everybody.
fn again(error: &IndexError) -> IndexError {
    match error {
        IndexError::Lost(text) => IndexError::Lost(text.clone()),
        error => IndexError::Unavailable(error.to_string()),
    }
}
