//! One process that is killed: a few lanes, each doing one thing after the other.

use std::{process::ExitCode, time::Duration};

use smarterbase::{Error, ErrorKind, Result, prelude::*};
use tokio::time::{Instant, sleep};

use crate::{
    chance::Chance,
    journal::{Counts, Effort, Line, Look, Outcome, send},
    look,
    options::WorkerOptions,
    orders::Order,
    pulse::Pulse,
    store::Faulty,
};

/// How many orders a process has in flight.
const LANES: u64 = 2;
/// How long a late write is on its way at the most, and how often a worker tells what it counted.
const BEAT: Duration = Duration::from_millis(50);

/// Works until the supervisor closes the input.
pub(crate) async fn run(options: WorkerOptions) -> anyhow::Result<ExitCode> {
    let pulse = Pulse::of_input();
    let faulty = Faulty::default();
    let part = [options.number.into(), options.incarnation.into()];
    let seed = Chance::new(options.seed, &part).below(u64::MAX);
    let db = faulty.open(&options.url, seed, options.faults).await?;
    let mut counter = Counter::new(&db, &faulty);
    let lanes = (0..LANES).map(|number| Lane::new(&db, &options, number, &pulse).run());
    tokio::select! {
        _ = futures::future::join_all(lanes) => {}
        never = counter.tell_again_and_again() => match never {},
    }
    counter.tell();
    db.close().await;
    faulty.release_delayed().await;
    Ok(ExitCode::SUCCESS)
}

/// Tells what happened, and lets late writes arrive.
struct Counter<'a> {
    db: Db,
    faulty: &'a Faulty,
    told: Counts,
}

impl<'a> Counter<'a> {
    fn new(db: &Db, faulty: &'a Faulty) -> Self {
        Self {
            db: db.clone(),
            faulty,
            told: Counts::default(),
        }
    }

    async fn tell_again_and_again(&mut self) -> std::convert::Infallible {
        loop {
            sleep(BEAT).await;
            self.faulty.release_delayed().await;
            self.tell();
        }
    }

    fn tell(&mut self) {
        let counts = self.count();
        if counts != self.told {
            send(&Line::Counted(counts.since(self.told)));
            self.told = counts;
        }
    }

    fn count(&self) -> Counts {
        let transactions = self.db.transaction_counts();
        Counts {
            committed: transactions.committed,
            conflicts: transactions.conflicts,
            wounded: transactions.wounded,
            escalated: transactions.escalated,
            faults: self.faulty.hits(),
            requests: self.db.request_counts().snapshot().total(),
        }
    }
}

struct Lane<'a> {
    db: &'a Db,
    chance: Chance,
    name: String,
    number: u64,
    pulse: &'a Pulse,
}

impl<'a> Lane<'a> {
    fn new(db: &'a Db, options: &WorkerOptions, number: u64, pulse: &'a Pulse) -> Self {
        let part = [options.number.into(), options.incarnation.into(), number];
        Self {
            db,
            chance: Chance::new(options.seed, &part),
            name: format!("{}.{}.{number}", options.number, options.incarnation),
            number: 0,
            pulse,
        }
    }

    async fn run(mut self) {
        while !self.pulse.is_over() {
            if self.chance.one_in(8) {
                self.look().await;
            } else {
                self.order().await;
            }
        }
    }

    fn mark(&mut self) -> String {
        self.number += 1;
        format!("{}.{}", self.name, self.number)
    }

    /// Reports an order, carries it out, and reports its answer.
    async fn order(&mut self) {
        let order = Order::random(self.mark(), &mut self.chance);
        let mark = order.mark.clone();
        send(&Line::Begin {
            order: order.clone(),
            tick: self.pulse.tick(),
        });
        let start = Instant::now();
        let answer = order.carry_out(self.db).await;
        let effort = effort(start, answer.as_ref().copied().unwrap_or(1));
        let outcome = outcome(&mark, answer);
        send(&Line::End {
            mark,
            outcome,
            effort,
        });
    }

    async fn look(&mut self) {
        let mark = self.mark();
        let tick = self.pulse.tick();
        let start = Instant::now();
        let is_whole = self.chance.one_in(6);
        let looked = match is_whole {
            true => look::at_everything(self.db, self.chance.one_in(2)).await,
            false => look::at_some(self.db, &mut self.chance).await,
        };
        let line = match looked {
            Ok((seen, attempts)) => Line::Looked(Look {
                mark,
                tick,
                is_whole,
                seen,
                effort: effort(start, attempts),
            }),
            Err(error) => unanswered(&mark, &error),
        };
        send(&line);
    }
}

fn effort(start: Instant, attempts: u32) -> Effort {
    Effort {
        microseconds: u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX),
        attempts,
    }
}

fn outcome(mark: &str, answer: Result<u32>) -> Outcome {
    let error = match answer {
        Ok(_) => return Outcome::Applied,
        Err(error) => error,
    };
    Outcome::of(&error).unwrap_or_else(|| {
        send(&Line::Broken {
            what: format!("the order {mark} failed: {error}"),
        });
        let code = error.code().to_owned();
        Outcome::Unknown { code }
    })
}

/// A snapshot may fail while the store is away or when others keep winning, and never for another reason: a wrong sum is an
/// error of the closure, which never comes out when the reads did not fit together.
fn unanswered(mark: &str, error: &Error) -> Line {
    match error.kind() {
        ErrorKind::Unavailable | ErrorKind::Conflict => Line::Unanswered {
            code: error.code().to_owned(),
        },
        _ => Line::Broken {
            what: format!("the snapshot {mark} failed: {}", look::why(error)),
        },
    }
}
