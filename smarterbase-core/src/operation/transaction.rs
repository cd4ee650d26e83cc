//! Transactions: run the closure ▸ commit what it did ▸ again, when others were faster.
//!
//! The closure reads and writes through an `Attempt`, which remembers what was read and holds back what is written.
//! Nothing is sent before the closure has ended well; then `commit` does, in one of three ways.

pub(crate) mod attempt;
pub(crate) mod claims;
pub(crate) mod clear;
pub(crate) mod commit;
mod conclude;
pub mod counters;
pub(crate) mod lock;
pub(crate) mod once;
pub(crate) mod range;
pub(crate) mod stage;
mod surroundings;
pub(crate) mod turns;

pub(crate) use attempt::Attempt;
pub use counters::{TransactionCounters, TransactionCounts};

use std::{future::Future, sync::Arc, time::Duration};

use self::{
    attempt::{Closed, Kind},
    commit::Verdict,
    lock::MOST_LOCKS,
    turns::{Allowance, Turn},
};
use super::Engine;
use crate::{
    error::{Code, Error, ErrorKind, Result},
    format::{Key, Nonce, intent::Priority, path},
    protocol::{SettleMachine, commit::Lost},
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
    let mut to_lock = Vec::new();
    let mut turn = None;
    for number in 0..limits.attempts.max(1) {
        let attempt = Attempt::begin(engine, &identity, number, kind);
        attempt.lock(std::mem::take(&mut to_lock), until).await;
        let ended = body(attempt.clone()).await;
        let closed = attempt.close();
        let touched = closed.touched();
        let fences: Vec<Key> = closed
            .fences
            .iter()
            .map(|fence| fence.key.clone())
            .collect();
        let lost = match end(engine, closed, ended, &mut turn, until).await? {
            Ended::Committed(value) => return Ok(value),
            Ended::Lost(lost) => Some(lost),
            Ended::Overtaken => None,
        };
        engine.transactions.note_conflict(lost.as_ref());
        if let Some(fence) = lost
            .as_ref()
            .and_then(Lost::key)
            .filter(|key| fences.contains(key))
        {
            return Err(fenced_off(fence));
        }
        if engine.clock.elapsed() >= until {
            break;
        }
        if kind == Kind::ReadWrite {
            to_lock = what_to_lock(engine, number + 1, touched, lost.as_ref());
        }
        rest(engine, number, lost, &to_lock).await;
    }
    Err(gave_up(limits.attempts))
}

/// Waits for the turn of what is ready to be committed, and keeps it for the attempts that follow. `false`: a transaction
/// of this process that went before changed what this one read, and the commit could only fail.
async fn queue(
    engine: &Engine,
    closed: &Closed,
    turn: &mut Option<Arc<Turn>>,
    until: Duration,
) -> bool {
    let uses = closed.uses();
    let is_in_turn = turn.as_ref().is_some_and(|turn| turn.covers(&uses));
    // Who holds something and waits could wait for somebody who waits for that: a lock is not held in a queue, nor a turn.
    if closed.only_reads() || is_in_turn || !closed.locks.is_empty() {
        return true;
    }
    *turn = None;
    let taken = engine
        .turns
        .take(uses, Allowance::until(engine, until))
        .await;
    let is_current = !taken.is_outdated();
    *turn = Some(Arc::new(taken));
    is_current
}

/// What the attempt with this number locks before it runs: where the one before it lost, so that it does not lose there
/// again; after several, all that was touched, unless it is too much.
fn what_to_lock(engine: &Engine, number: u32, touched: Vec<Key>, lost: Option<&Lost>) -> Vec<Key> {
    if number >= OPTIMISTIC_ATTEMPTS && touched.len() <= MOST_LOCKS {
        engine.transactions.note_escalation();
        return touched;
    }
    let key = lost.and_then(Lost::key).filter(|_| touched.len() > 1);
    key.into_iter().cloned().collect()
}

enum Ended<R> {
    Committed(R),
    /// Others were faster.
    Lost(Lost),
    /// So was a transaction of this process, in the turn before: nothing was sent.
    Overtaken,
}

/// Commits what a closure did that ended well; one that ended with an error is checked, so that nobody hears of an error
/// that only comes of reads which do not fit together.
async fn end<R>(
    engine: &Arc<Engine>,
    closed: Closed,
    ended: Result<R>,
    turn: &mut Option<Arc<Turn>>,
    until: Duration,
) -> Result<Ended<R>> {
    match ended {
        Ok(_) if !queue(engine, &closed, turn, until).await => {
            clear::abandon(engine, closed).await;
            Ok(Ended::Overtaken)
        }
        Ok(value) => Ok(
            match commit::commit(engine, closed.in_turn(turn.clone())).await? {
                Verdict::Committed => Ended::Committed(value),
                Verdict::Lost(lost) => Ended::Lost(lost),
            },
        ),
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

/// The lock is not the caller's any more, and no further attempt changes that.
fn fenced_off(lock: &Key) -> Error {
    let text = "the transaction is fenced by a lock that moved on; nothing was written";
    let error = Error::new(Code::LOCK_LOST, text);
    match path::parse_lock(lock) {
        Some(name) => super::lock::at(&name, error),
        None => error,
    }
}

fn gave_up(attempts: u32) -> Error {
    let text = format!(
        "the transaction kept losing against others; gave up (at most {attempts} attempts), nothing was written"
    );
    Error::new(Code::CONTENTION, text).during("transaction")
}

/// Between two attempts.
async fn rest(engine: &Engine, number: u32, lost: Option<Lost>, to_lock: &[Key]) {
    match lost {
        // It reads anew, in its turn.
        None => {}
        // Locking waits.
        Some(Lost::Behind(key, _)) if to_lock.contains(&key) => {}
        Some(Lost::Behind(key, intent)) => let_pass(engine, key, intent).await,
        Some(_) => back_off(engine, number).await,
    }
}

/// Waits, with no intent of its own anywhere, until the transaction is decided whose intent is in the way. Should that fail, the next attempt
/// finds out.
async fn let_pass(engine: &Engine, key: Key, intent: Nonce) {
    let settling: SettleMachine = SettleMachine::replace(key, engine.settler());
    drop(engine.drive(settling.until_gone(intent)).await);
}

/// Full jitter, 10 ms × 2^n up to 1 s.
async fn back_off(engine: &Engine, attempt: u32) {
    let longest = (10_000_u64 << attempt.min(7)).min(1_000_000);
    let pause = Duration::from_micros(engine.rng.below(longest));
    engine.clock.sleep(pause).await;
}
