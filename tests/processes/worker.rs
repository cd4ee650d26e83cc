//! One process: random transactions on a few lists, until it is killed.

use std::{io::Write, path::PathBuf, sync::Arc, sync::Mutex, time::Duration};

use smarterbase::{Limits, Result, TransactionLimits, prelude::*};
use smarterbase_core::{
    port::{Clock, Rng, SystemClock},
    store::{FileOptions, FileStore},
};
use smarterbase_testkit::{
    SeededRng,
    history::{Key, Operation},
};

use crate::line::{Event, Line};

/// How many lists there are.
pub(crate) const LISTS: u64 = 4;

/// A list; the group is what ranges are read by.
#[derive(Clone, Debug, Serialize, Deserialize, Document)]
#[document(name = "lists")]
pub(crate) struct List {
    #[key]
    id: u64,
    #[index]
    group: u64,
    #[unique]
    last: Option<u64>,
    pub(crate) values: Vec<u64>,
}

/// What a worker is started with.
#[derive(Debug)]
pub(crate) struct Arguments {
    folder: PathBuf,
    number: u64,
}

const FOLDER: &str = "LIST_APPEND_FOLDER";
const NUMBER: &str = "LIST_APPEND_WORKER";

impl Arguments {
    pub(crate) fn from_environment() -> Option<Self> {
        Some(Self {
            folder: std::env::var_os(FOLDER)?.into(),
            number: std::env::var(NUMBER).ok()?.parse().ok()?,
        })
    }

    pub(crate) fn environment(
        folder: &std::path::Path,
        number: u64,
    ) -> [(&'static str, String); 2] {
        let folder = folder.to_str().unwrap().to_owned();
        [(FOLDER, folder), (NUMBER, number.to_string())]
    }
}

pub(crate) fn run(arguments: Arguments) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let db = open(&arguments.folder).await;
        let worker = Worker {
            rng: SeededRng::new(arguments.number),
            number: arguments.number,
            db,
        };
        for step in 0.. {
            worker.step(step).await;
        }
    });
}

/// A folder without fsync: a killed process loses nothing that the system has.
pub(crate) async fn open(folder: &std::path::Path) -> Db {
    let options = FileOptions {
        fsync: false,
        ..FileOptions::default()
    };
    let store = FileStore::open(folder, options).await.unwrap();
    let limits = Limits {
        transactions: TransactionLimits {
            // Processes die all the time here; the others must not wait for them.
            lease: Duration::from_millis(300),
            ..TransactionLimits::default()
        },
        ..Limits::default()
    };
    Db::builder()
        .store(Arc::new(store))
        .limits(limits)
        .open()
        .await
        .unwrap()
}

struct Worker {
    db: Db,
    rng: SeededRng,
    number: u64,
}

#[derive(Clone, Copy)]
enum Action {
    Append(u64),
    Read(u64),
    ReadGroup(u64),
}

impl Worker {
    fn draw(&self, below: u64) -> u64 {
        let rng: &dyn Rng = &self.rng;
        rng.below(below)
    }

    async fn step(&self, step: u64) {
        let actions: Vec<Action> = (0..1 + self.draw(4))
            .map(|_| match self.draw(6) {
                0..=2 => Action::Append(self.draw(LISTS)),
                3..=4 => Action::Read(self.draw(LISTS)),
                _ => Action::ReadGroup(self.draw(2)),
            })
            .collect();
        let value = (self.number * 100_000 + step) * 1_000;
        let operations = Mutex::new(Vec::new());
        let (actions, operations_ref) = (&actions, &operations);
        let done = self.db.transaction(|tx| async move {
            let value = value + u64::from(tx.attempt()) * 10;
            tell(Event::Begin, appends(actions, value));
            operations_ref.lock().unwrap().clear();
            for (position, action) in actions.iter().enumerate() {
                let done = act(&tx, *action, value + position as u64).await?;
                operations_ref.lock().unwrap().extend(done);
            }
            Ok(())
        });
        let done = done.await;
        let operations = operations.into_inner().unwrap();
        match done {
            Ok(()) => tell(Event::Commit, operations),
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                tell(Event::Unknown, operations)
            }
            Err(_) => tell(Event::Fail, operations),
        }
    }
}

fn tell(event: Event, operations: Vec<Operation>) {
    let time = u64::try_from(SystemClock.elapsed().as_nanos()).unwrap();
    let line = Line {
        event,
        time,
        operations,
    };
    let mut output = std::io::stdout().lock();
    // The parent may be gone; then so is this process, soon.
    let _ = writeln!(output, "{}", line.write()).and_then(|()| output.flush());
}

fn appends(actions: &[Action], value: u64) -> Vec<Operation> {
    let append = |(position, action): (usize, &Action)| match action {
        Action::Append(list) => Some(Operation::Append(Key(*list), value + position as u64)),
        Action::Read(_) | Action::ReadGroup(_) => None,
    };
    actions.iter().enumerate().filter_map(append).collect()
}

async fn act(tx: &Tx, action: Action, value: u64) -> Result<Vec<Operation>> {
    match action {
        Action::Append(list) => {
            append(tx, list, value).await?;
            Ok(vec![Operation::Append(Key(list), value)])
        }
        Action::Read(list) => {
            let found = List::get(tx, &list).await?;
            Ok(vec![read(list, found.as_ref())])
        }
        Action::ReadGroup(group) => {
            let found = List::find_by_group(tx, group).await?;
            let lists = (0..LISTS).filter(|list| list % 2 == group);
            let read = |list| read(list, found.iter().find(|found| found.id == list));
            Ok(lists.map(read).collect())
        }
    }
}

pub(crate) fn read(list: u64, found: Option<&Stored<List>>) -> Operation {
    Operation::Read(
        Key(list),
        found.map_or_else(Vec::new, |found| found.values.clone()),
    )
}

/// The first one to append makes the list; somebody else may have, so it is read first.
async fn append(tx: &Tx, list: u64, value: u64) -> Result<()> {
    match List::get(tx, &list).await? {
        Some(mut found) => {
            found.values.push(value);
            found.last = Some(value);
            found.save(tx).await
        }
        None => {
            let new = List {
                id: list,
                group: list % 2,
                last: Some(value),
                values: vec![value],
            };
            List::create(tx, new).await.map(drop)
        }
    }
}
