//! Tiny histories of a database that is sometimes broken: mixed isolation, dirty aborts, and then evidence tampered with.

use std::collections::BTreeMap;

use smarterbase_testkit::{
    SeededRng,
    history::{Key, Operation, Outcome, RealTime, Transaction},
};

use crate::tampering;

/// Random choices of one seed.
pub(crate) struct Dice(SeededRng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(SeededRng::new(seed))
    }

    pub(crate) fn below(&self, end: u64) -> u64 {
        self.0.next() % end
    }

    pub(crate) fn one_in(&self, sides: u64) -> bool {
        self.below(sides) == 0
    }

    pub(crate) fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length.max(1) as u64)).unwrap()
    }

    pub(crate) fn pick<'a, T>(&self, all: &'a mut [T]) -> Option<&'a mut T> {
        all.get_mut(self.index(all.len()))
    }
}

/// How a transaction is kept apart from others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Isolation {
    /// Everything happens at one moment.
    Serial,
    /// Reads what is committed, appends at its end.
    Committed,
    /// Reads what was committed when it began, appends at its end.
    Snapshot,
    /// As `Snapshot`, of any moment before.
    Stale,
    /// Reads and appends as it goes; an abort leaves its appends there.
    Dirty,
}

/// A transaction while the world runs.
struct Client {
    transaction: Transaction,
    program: Vec<Operation>,
    isolation: Isolation,
    /// Whether an unknown outcome was in truth a commit.
    is_applied: bool,
    snapshot: State,
}

type State = BTreeMap<Key, Vec<u64>>;

/// What the database knows.
struct World {
    /// What transactions see.
    state: State,
    /// What wait-free reads see: a transaction that is decided but not yet over is not in it.
    settled: State,
    past: Vec<State>,
}

/// The documents of the world.
const KEYS: u64 = 2;
/// When everything is over.
pub(crate) const END: u64 = 40;

/// Up to five transactions that ran at once, and a read of everything. Many seeds are of a correct database.
pub(crate) fn history(dice: &Dice) -> Vec<Transaction> {
    let is_correct = dice.one_in(3);
    let count = 1 + dice.below(5);
    let mut values = 1..;
    let mut clients: Vec<_> = (0..count)
        .map(|process| client(dice, process, is_correct, &mut values))
        .collect();
    let state = run(dice, &mut clients);
    let mut history: Vec<_> = clients.into_iter().map(|one| one.transaction).collect();
    history.push(final_read(&state));
    for _ in 0..dice.below(3).saturating_sub(u64::from(is_correct)) {
        tampering::change(dice, &mut history);
    }
    history
}

fn client(
    dice: &Dice,
    process: u64,
    is_correct: bool,
    values: &mut impl Iterator<Item = u64>,
) -> Client {
    let program = program(dice, values);
    let isolation = match dice.below(8) {
        _ if is_correct => Isolation::Serial,
        0 => Isolation::Dirty,
        1 => Isolation::Committed,
        2 => Isolation::Snapshot,
        3 => Isolation::Stale,
        _ => Isolation::Serial,
    };
    let (first, second) = (dice.below(END), dice.below(END));
    let during = first.min(second)..first.max(second);
    let mut transaction = match dice.below(8) {
        0 => Transaction::aborted(process, during, []),
        1 => Transaction::unknown(process, during.start, []),
        2 => Transaction {
            outcome: Outcome::Unknown,
            ..Transaction::committed(process, during, [])
        },
        _ => Transaction::committed(process, during, []),
    };
    let is_read = matches!(program[..], [Operation::Read(..)]);
    if is_read && dice.one_in(2) {
        transaction.real_time = RealTime::PerDocument;
    }
    Client {
        transaction,
        program,
        isolation,
        is_applied: dice.one_in(2),
        snapshot: State::new(),
    }
}

fn program(dice: &Dice, values: &mut impl Iterator<Item = u64>) -> Vec<Operation> {
    let operation = |_| {
        let key = Key(dice.below(KEYS));
        match dice.one_in(2) {
            true => Operation::Read(key, Vec::new()),
            false => Operation::Append(key, values.next().unwrap()),
        }
    };
    (0..=dice.below(3)).map(operation).collect()
}

/// A moment of a client: its beginning, one operation, or its end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Begin,
    Operate(usize),
    End,
}

fn run(dice: &Dice, clients: &mut [Client]) -> State {
    let mut events: Vec<_> = clients
        .iter()
        .enumerate()
        .flat_map(|(number, client)| moments(dice, number, client))
        .collect();
    events.sort_unstable();
    let mut world = World {
        state: State::new(),
        settled: State::new(),
        past: vec![State::new()],
    };
    for (_, moment, number) in events {
        clients[number].advance(moment, &mut world, dice);
        world.past.push(world.state.clone());
    }
    world.state
}

fn moments(dice: &Dice, number: usize, client: &Client) -> Vec<(u64, Moment, usize)> {
    let begin = client.transaction.invoked;
    let end = client.transaction.completed.unwrap_or(END);
    let mut times: Vec<_> = client
        .program
        .iter()
        .map(|_| begin + dice.below(end - begin + 1))
        .collect();
    times.sort_unstable();
    let operations = times.into_iter().enumerate();
    let operations = operations.map(|(at, time)| (time, Moment::Operate(at), number));
    [(begin, Moment::Begin, number), (end, Moment::End, number)]
        .into_iter()
        .chain(operations)
        .collect()
}

impl Client {
    fn is_committed(&self) -> bool {
        match self.transaction.outcome {
            Outcome::Committed => true,
            Outcome::Aborted => false,
            Outcome::Unknown => self.is_applied,
        }
    }

    fn advance(&mut self, moment: Moment, world: &mut World, dice: &Dice) {
        let is_serial = self.isolation == Isolation::Serial;
        match moment {
            Moment::Begin if self.isolation == Isolation::Stale => {
                self.snapshot = world.past[dice.index(world.past.len())].clone();
            }
            Moment::Begin => self.snapshot = world.state.clone(),
            Moment::Operate(0) if is_serial => {
                self.snapshot = match self.transaction.real_time {
                    RealTime::Strict => world.state.clone(),
                    RealTime::PerDocument => world.settled.clone(),
                };
                (0..self.program.len()).for_each(|at| self.operate(at, world));
                self.publish(&mut world.state);
            }
            Moment::Operate(_) if is_serial => {}
            Moment::Operate(at) => self.operate(at, world),
            Moment::End => {
                if !is_serial && self.isolation != Isolation::Dirty {
                    self.publish(&mut world.state);
                }
                self.publish(&mut world.settled);
            }
        }
    }

    fn operate(&mut self, at: usize, world: &mut World) {
        let mut operation = self.program[at].clone();
        match &mut operation {
            Operation::Read(key, values) => *values = self.see(*key, world),
            Operation::Append(key, value) if self.isolation == Isolation::Dirty => {
                world.state.entry(*key).or_default().push(*value);
            }
            Operation::Append(..) => {}
        }
        self.transaction.operations.push(operation);
    }

    fn see(&self, key: Key, world: &World) -> Vec<u64> {
        let source = match self.isolation {
            Isolation::Committed | Isolation::Dirty => &world.state,
            Isolation::Serial | Isolation::Snapshot | Isolation::Stale => &self.snapshot,
        };
        let mut values = source.get(&key).cloned().unwrap_or_default();
        if self.isolation != Isolation::Dirty {
            values.extend(self.appended(key));
        }
        values
    }

    fn appended(&self, key: Key) -> impl Iterator<Item = u64> {
        let operations = self.transaction.operations.iter();
        operations.filter_map(move |operation| match operation {
            Operation::Append(to, value) if *to == key => Some(*value),
            _ => None,
        })
    }

    fn publish(&self, state: &mut State) {
        if self.is_committed() {
            for key in (0..KEYS).map(Key) {
                state.entry(key).or_default().extend(self.appended(key));
            }
        }
    }
}

/// A strict read of everything, after everything.
fn final_read(state: &State) -> Transaction {
    let read = |key| Operation::Read(key, state.get(&key).cloned().unwrap_or_default());
    let reads: Vec<_> = (0..KEYS).map(Key).map(read).collect();
    Transaction::committed(99, END + 1..END + 2, reads)
}
