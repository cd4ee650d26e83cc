//! What the workers meant to do and what they were told, kept outside of them.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    path::Path,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use smarterbase::{Error, ErrorKind};

use crate::{model::Sighting, orders::Order};

/// A pipe takes this many bytes in one piece; a killed writer leaves no half of it. Source: `PIPE_BUF` in
/// <https://man7.org/linux/man-pages/man7/pipe.7.html>.
const ATOMIC: usize = 4_096;

/// One line of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// The supervisor is about to send this tick to every worker. What comes before this line in the journal was over by
    /// then; what a worker begins after it has heard the tick begins later. So real time needs no clock.
    Tick(u64),
    /// Sent before the first request of an order.
    Begin { order: Order, tick: u64 },
    /// Sent when the order was answered.
    End {
        mark: String,
        outcome: Outcome,
        effort: Effort,
    },
    /// A snapshot was answered, and the sum in it was right.
    Looked(Look),
    /// A snapshot was not answered.
    Unanswered { code: String },
    /// What happened in a worker since its last line of this kind.
    Counted(Counts),
    /// The supervisor ended a worker with `kill -9`.
    Killed,
    /// A promise was broken before the worker's eyes.
    Broken { what: String },
}

/// The answer to an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It is durable.
    Applied,
    /// It did not happen and never will, for this reason.
    Refused { code: String },
    /// It may have happened.
    Unknown { code: String },
}

impl Outcome {
    /// What an error says about the order; `None` for one that must not happen here.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        let code = error.code().to_owned();
        match error.kind() {
            ErrorKind::OutcomeUnknown => Some(Self::Unknown { code }),
            ErrorKind::Aborted
            | ErrorKind::Conflict
            | ErrorKind::NotFound
            | ErrorKind::Unavailable
            | ErrorKind::Unique => Some(Self::Refused { code }),
            _ => None,
        }
    }
}

/// What an answer took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Effort {
    pub(crate) microseconds: u64,
    /// How often it ran, where it was answered well.
    pub(crate) attempts: u32,
}

/// What a snapshot saw.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Look {
    pub(crate) mark: String,
    pub(crate) tick: u64,
    /// Whether it saw every account, so that the sum was checked.
    pub(crate) is_whole: bool,
    pub(crate) seen: Vec<Sighting>,
    pub(crate) effort: Effort,
}

/// What a worker counts, as far as it was not killed before it told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) committed: u64,
    pub(crate) conflicts: u64,
    pub(crate) wounded: u64,
    pub(crate) escalated: u64,
    pub(crate) faults: u64,
    pub(crate) requests: u64,
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.committed += more.committed;
        self.conflicts += more.conflicts;
        self.wounded += more.wounded;
        self.escalated += more.escalated;
        self.faults += more.faults;
        self.requests += more.requests;
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            committed: self.committed - earlier.committed,
            conflicts: self.conflicts - earlier.conflicts,
            wounded: self.wounded - earlier.wounded,
            escalated: self.escalated - earlier.escalated,
            faults: self.faults - earlier.faults,
            requests: self.requests - earlier.requests,
        }
    }
}

/// An order, and its answer unless the worker was killed before it came.
#[derive(Clone, Debug)]
pub(crate) struct Entered {
    pub(crate) order: Order,
    /// The last tick that the worker had heard before it began.
    pub(crate) began: u64,
    pub(crate) answer: Option<Answer>,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) outcome: Outcome,
    pub(crate) effort: Effort,
    /// The last tick that had been sent when the answer was heard of.
    pub(crate) ended: u64,
}

impl Entered {
    pub(crate) fn is_applied(&self) -> bool {
        self.outcome() == Some(&Outcome::Applied)
    }

    /// Whether nobody was told if it happened.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.outcome(), None | Some(Outcome::Unknown { .. }))
    }

    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.answer.as_ref().map(|answer| &answer.outcome)
    }
}

/// Everything that the workers reported.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    lines: Vec<Line>,
    pub(crate) tick: u64,
    pub(crate) orders: BTreeMap<String, Entered>,
    /// Snapshots, and the last tick that had been sent when their answers were heard of.
    pub(crate) looks: Vec<(Look, u64)>,
    pub(crate) acknowledged: u64,
    pub(crate) unanswered: u64,
    pub(crate) kills: u64,
    pub(crate) counts: Counts,
    pub(crate) broken: Vec<String>,
}

impl Journal {
    pub(crate) fn take(&mut self, line: Line) {
        self.lines.push(line.clone());
        match line {
            Line::Tick(tick) => self.tick = tick,
            Line::Begin { order, tick } => self.begin(order, tick),
            Line::End {
                mark,
                outcome,
                effort,
            } => self.end(&mark, outcome, effort),
            Line::Looked(look) => self.looks.push((look, self.tick)),
            Line::Unanswered { .. } => self.unanswered += 1,
            Line::Counted(counts) => self.counts.add(counts),
            Line::Killed => self.kills += 1,
            Line::Broken { what } => self.broken.push(what),
        }
    }

    fn begin(&mut self, order: Order, began: u64) {
        let mark = order.mark.clone();
        let entered = Entered {
            order,
            began,
            answer: None,
        };
        if self.orders.insert(mark.clone(), entered).is_some() {
            self.broken.push(format!("the mark {mark} was used twice"));
        }
    }

    fn end(&mut self, mark: &str, outcome: Outcome, effort: Effort) {
        let Some(entered) = self.orders.get_mut(mark) else {
            let text = format!("the order {mark} was answered before it began");
            return self.broken.push(text);
        };
        self.acknowledged += u64::from(outcome == Outcome::Applied);
        entered.answer = Some(Answer {
            outcome,
            effort,
            ended: self.tick,
        });
    }

    /// Keeps the journal, one JSON object per line.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        for line in &self.lines {
            bytes.extend(to_bytes(line));
        }
        std::fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
    }

    /// Reads what [`write`](Self::write) kept.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let context = || format!("cannot read the journal {}", file.display());
        let mut journal = Self::default();
        for line in io::BufReader::new(std::fs::File::open(file).with_context(context)?).lines() {
            let line = serde_json::from_str(&line.with_context(context)?).with_context(context)?;
            journal.take(line);
        }
        Ok(journal)
    }
}

/// Sends one line to the supervisor. It is out of this process when the call returns.
pub(crate) fn send(line: &Line) {
    let bytes = to_bytes(line);
    assert!(
        bytes.len() <= ATOMIC,
        "a line of the journal fits into a pipe in one piece"
    );
    let mut output = io::stdout().lock();
    let sent = output.write_all(&bytes).and_then(|()| output.flush());
    if sent.is_err() {
        // Nobody listens any more, so nobody could check what happens from here on.
        std::process::exit(1);
    }
}

fn to_bytes(line: &Line) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("a line has only text and numbers");
    bytes.push(b'\n');
    bytes
}
