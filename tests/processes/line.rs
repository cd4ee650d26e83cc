//! What a worker tells its parent: one line per event, written before the next request is sent.
//!
//! `<event> <time in ns> <operation>…`, where the event is `begin` (an attempt, with what it appends), `commit`, `fail` or
//! `unknown`, and an operation `a<list>=<value>` or `r<list>=<values, by commas>`. Times are of the machine's clock since its
//! start, so those of two processes compare.

use smarterbase_testkit::history::{Key, Operation};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Begin,
    Commit,
    Fail,
    Unknown,
}

const NAMES: [(Event, &str); 4] = [
    (Event::Begin, "begin"),
    (Event::Commit, "commit"),
    (Event::Fail, "fail"),
    (Event::Unknown, "unknown"),
];

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) event: Event,
    pub(crate) time: u64,
    pub(crate) operations: Vec<Operation>,
}

impl Line {
    pub(crate) fn write(&self) -> String {
        let named = NAMES.iter().find(|(event, _)| *event == self.event);
        let mut text = format!("{} {}", named.unwrap().1, self.time);
        for operation in &self.operations {
            text.push(' ');
            text.push_str(&operation_text(operation));
        }
        text
    }

    /// `None` for a line that a killed process did not end.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let name = words.next()?;
        let event = NAMES.iter().find(|(_, known)| *known == name)?.0;
        Some(Self {
            event,
            time: words.next()?.parse().ok()?,
            operations: words.map(operation).collect::<Option<_>>()?,
        })
    }
}

fn operation_text(operation: &Operation) -> String {
    match operation {
        Operation::Append(Key(list), value) => format!("a{list}={value}"),
        Operation::Read(Key(list), values) => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            format!("r{list}={}", values.join(","))
        }
    }
}

fn operation(text: &str) -> Option<Operation> {
    let (list, values) = text.get(1..)?.split_once('=')?;
    let list = Key(list.parse().ok()?);
    let values: Result<Vec<u64>, _> = match values {
        "" => Ok(Vec::new()),
        values => values.split(',').map(str::parse).collect(),
    };
    let values = values.ok()?;
    match text.as_bytes()[0] {
        b'a' => Some(Operation::Append(list, *values.first()?)),
        b'r' => Some(Operation::Read(list, values)),
        _ => None,
    }
}
