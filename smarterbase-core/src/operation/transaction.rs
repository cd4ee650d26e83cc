//! Transactions: run the closure ▸ commit what it did ▸ again, when others were faster.
//!
//! The closure reads and writes through an `Attempt`, which remembers what was read and holds back what is written.
//! Nothing is sent before the closure has ended well; then `commit` does, in one of three ways.

pub(crate) mod attempt;
pub(crate) mod claims;
pub(crate) mod clear;
pub(crate) mod commit;
pub mod counters;
pub(crate) mod lock;
pub(crate) mod range;
pub(crate) mod stage;

pub(crate) use attempt::Attempt;
pub use counters::{TransactionCounters, TransactionCounts};

use std::{future::Future, sync::Arc, time::Duration};

use self::{
    attempt::{Closed, Kind},
    commit::Verdict,
};
use super::Engine;
use crate::{
    error::{Code, Error, ErrorKind, Result},
    format::{Key, Nonce, intent::Priority},
    protocol::commit::Lost,
};

/// After so many conflicts an attempt locks first what the one before it touched.
const OPTIMISTIC_ATTEMPTS: u32 = 3;

/// Who a transaction is: the same in every attempt.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) transaction: Nonce,
    pub(crate) priority: Priority,
}

impl Identity {
    fn new(engine: &Engine) -> Self {
        let transaction = engine.nonce();
        let begun = u64::try_from(engine.now().as_milliseconds()).unwrap_or(0);
        Self {
            transaction,
            priority: Priority(begun, transaction.as_str().to_owned()),
        }
    }
}

/// Runs `body` until its attempt commits, or it gives up.
pub(crate) async fn run<R, F, Fut>(engine: &Arc<Engine>, kind: Kind, mut body: F) -> Result<R>
where
    F: FnMut(Arc<Attempt>) -> Fut,
    Fut: Future<Output = Result<R>>,
{
    if kind == Kind::ReadWrite {
        engine.check_writable()?;
    }
    let limits = engine.limits.transactions;
    let identity = Identity::new(engine);
    let until = engine.clock.elapsed() + limits.deadline;
    let mut touched = Vec::new();
    for number in 0..limits.attempts.max(1) {
        let attempt = Attempt::begin(engine, &identity, number, kind);
        if number >= OPTIMISTIC_ATTEMPTS && kind == Kind::ReadWrite {
            engine.transactions.note_escalation();
            attempt.lock(std::mem::take(&mut touched), until).await;
        }
        let ended = body(attempt.clone()).await;
        let closed = attempt.close();
        touched = closed.touched();
        match end(engine, closed, ended).await? {
            Ended::Committed(value) => return Ok(value),
            Ended::Lost(lost) => engine.transactions.note_conflict(lost),
        }
        if engine.clock.elapsed() >= until {
            break;
        }
        back_off(engine, number).await;
    }
    Err(gave_up(limits.attempts, &touched))
}

enum Ended<R> {
    Committed(R),
    Lost(Lost),
}

/// Commits what a closure did that ended well; one that ended with an error is checked, so that nobody hears of an error
/// that only comes of reads which do not fit together.
async fn end<R>(engine: &Arc<Engine>, closed: Closed, ended: Result<R>) -> Result<Ended<R>> {
    match ended {
        Ok(value) => Ok(match commit::commit(engine, closed).await? {
            Verdict::Committed => Ended::Committed(value),
            Verdict::Lost(lost) => Ended::Lost(lost),
        }),
        Err(error) if !depends_on_reads(&error) => {
            clear::abandon(engine, closed).await;
            Err(error)
        }
        // Where the check itself fails, its failure is the answer: nobody knows whether the error is one.
        Err(error) => match commit::check(engine, closed).await? {
            Verdict::Lost(lost) => Ok(Ended::Lost(lost)),
            Verdict::Committed => Err(error),
        },
    }
}

/// Whether an error can come of what the closure read. A store that does not answer is not better the next time.
fn depends_on_reads(error: &Error) -> bool {
    !matches!(
        error.kind(),
        ErrorKind::Unavailable
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Denied
            | ErrorKind::Misconfigured
    )
}

fn gave_up(attempts: u32, touched: &[Key]) -> Error {
    let text = format!(
        "the transaction kept losing against others on {} objects; gave up (at most {attempts} attempts), nothing was \
         written",
        touched.len()
    );
    Error::new(Code::CONTENTION, text).during("transaction")
}

/// Full jitter, 10 ms × 2^n up to 1 s.
async fn back_off(engine: &Engine, attempt: u32) {
    let longest = (10_000_u64 << attempt.min(7)).min(1_000_000);
    let pause = Duration::from_micros(engine.rng.below(longest));
    engine.clock.sleep(pause).await;
}
