//! What the workers meant to do and what they were told, kept outside of them.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Write},
    path::Path,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use smarterbase::{Error, ErrorKind};

/// A pipe takes this many bytes in one piece; a killed writer leaves no half of it. Source: `PIPE_BUF` in
/// <https://man7.org/linux/man-pages/man7/pipe.7.html>.
const ATOMIC: usize = 4_096;

/// One line of a worker's report.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Line {
    /// Sent before the first request of a write.
    Begin(Intent),
    /// Sent when the write was answered.
    End { mark: String, outcome: Outcome },
    /// A query was answered, and every document in it matched.
    Queried,
    /// A read or a query was not answered.
    Unanswered { code: String },
    /// A promise was broken before the worker's eyes.
    Broken { what: String },
}

/// A write that is about to begin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Intent {
    /// Names the write for ever: `<worker>.<incarnation>.<lane>.<number>`.
    pub(crate) mark: String,
    pub(crate) slot: String,
    pub(crate) action: Action,
    /// The revision that it replaces and the mark of that revision, where it read them.
    pub(crate) base: Option<(u64, String)>,
    /// Whether nobody held the nickname just before it is claimed.
    pub(crate) looked_free: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Create,
    Touch,
    Save,
    Claim,
    Update,
    Remove,
}

/// The answer to a write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It is durable, as this revision.
    Applied { revision: u64 },
    /// Refused: the revision moved on.
    Conflict,
    /// Refused: a document with this id exists.
    Exists,
    /// Refused: no document with this id exists.
    Missing,
    /// Refused: another document holds the unique value.
    Unique,
    /// Nothing happened.
    Unavailable { code: String },
    /// It may have happened.
    Unknown { code: String },
}

impl Outcome {
    /// What an error says about the write; `None` for one that must not happen here.
    pub(crate) fn of(error: &Error) -> Option<Self> {
        let code = error.code().to_owned();
        Some(match error.kind() {
            ErrorKind::Conflict if code == "SB-EXISTS" => Self::Exists,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::NotFound => Self::Missing,
            ErrorKind::Unique => Self::Unique,
            ErrorKind::Unavailable => Self::Unavailable { code },
            ErrorKind::OutcomeUnknown => Self::Unknown { code },
            _ => return None,
        })
    }
}

/// A write, and its answer unless the worker was killed before it came.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) intent: Intent,
    pub(crate) outcome: Option<Outcome>,
}

impl Operation {
    /// The revision that it was acknowledged as.
    pub(crate) fn revision(&self) -> Option<u64> {
        match self.outcome {
            Some(Outcome::Applied { revision }) => Some(revision),
            _ => None,
        }
    }

    /// Whether nobody was told if it happened.
    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.outcome, None | Some(Outcome::Unknown { .. }))
    }
}

/// Everything that the workers reported.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    lines: Vec<Line>,
    pub(crate) operations: BTreeMap<String, Operation>,
    pub(crate) acknowledged: u64,
    pub(crate) conflicts: u64,
    pub(crate) lost_races: u64,
    pub(crate) queries: u64,
    pub(crate) unanswered: u64,
    pub(crate) kills: u64,
    pub(crate) broken: Vec<String>,
}

impl Journal {
    pub(crate) fn take(&mut self, line: Line) {
        self.lines.push(line.clone());
        match line {
            Line::Begin(intent) => self.begin(intent),
            Line::End { mark, outcome } => self.end(&mark, outcome),
            Line::Queried => self.queries += 1,
            Line::Unanswered { .. } => self.unanswered += 1,
            Line::Broken { what } => self.broken.push(what),
        }
    }

    fn begin(&mut self, intent: Intent) {
        let operation = Operation {
            intent: intent.clone(),
            outcome: None,
        };
        if self
            .operations
            .insert(intent.mark.clone(), operation)
            .is_some()
        {
            self.broken
                .push(format!("the mark {} was used twice", intent.mark));
        }
    }

    fn end(&mut self, mark: &str, outcome: Outcome) {
        let Some(operation) = self.operations.get_mut(mark) else {
            return self
                .broken
                .push(format!("the write {mark} was answered before it began"));
        };
        match &outcome {
            Outcome::Applied { .. } => self.acknowledged += 1,
            Outcome::Conflict => self.conflicts += 1,
            Outcome::Unique if operation.intent.looked_free => self.lost_races += 1,
            _ => {}
        }
        operation.outcome = Some(outcome);
    }

    /// How many writes have one of these answers.
    pub(crate) fn count(&self, wanted: impl Fn(&Operation) -> bool) -> usize {
        self.operations
            .values()
            .filter(|operation| wanted(operation))
            .count()
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
    if output
        .write_all(&bytes)
        .and_then(|()| output.flush())
        .is_err()
    {
        // Nobody listens any more, so nobody could check what happens from here on.
        std::process::exit(1);
    }
}

fn to_bytes(line: &Line) -> Vec<u8> {
    let mut bytes = serde_json::to_vec(line).expect("a line has only text and numbers");
    bytes.push(b'\n');
    bytes
}
