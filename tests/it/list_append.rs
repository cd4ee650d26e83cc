//! Random histories of transactions on lists, simulated: every fault of a store, crashes, virtual time, and a seed for all
//! of it. Each history is checked for every anomaly up to strict serializability.
//!
//! `LIST_APPEND_SEED=<seed>` replays one history, `LIST_APPEND=<n>` runs so many.

use std::sync::Arc;

use smarterbase::{Limits, Result, TransactionLimits, prelude::*};
use smarterbase_core::port::Rng;
use smarterbase_testkit::{
    Fault, FaultStore, SeededRng,
    history::{self, Key, Recorder, Running},
    invariant,
    sweep::{Latencies, LatentStore, World},
};

const CLIENTS: u64 = 3;
const STEPS: u64 = 5;
const LISTS: u64 = 4;
const FAULTS: [Fault; 8] = [
    Fault::FailBefore,
    Fault::LoseReply,
    Fault::LoseReply,
    Fault::ApplyLater,
    Fault::ApplyLater,
    Fault::Reject,
    Fault::Throttle,
    Fault::CrashAfter,
];

/// A list. The groups are what ranges are read by; the last appended value is unique, as it is in the history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "lists")]
struct List {
    #[key]
    id: u64,
    #[index]
    group: u64,
    #[unique]
    last: Option<u64>,
    values: Vec<u64>,
}

impl List {
    fn new(id: u64) -> Self {
        Self {
            id,
            group: id % 2,
            last: None,
            values: Vec::new(),
        }
    }

    fn push(&mut self, value: u64) {
        self.values.push(value);
        self.last = Some(value);
    }
}

struct Client {
    db: Db,
    rng: SeededRng,
    number: u64,
    recorder: Recorder,
}

impl Client {
    fn draw(&self, below: u64) -> u64 {
        let rng: &dyn Rng = &self.rng;
        rng.below(below)
    }

    async fn live(&self) {
        for step in 0..STEPS {
            let value = (self.number * 100 + step) * 1_000;
            match self.draw(12) {
                0..=6 => self.transaction(value).await,
                7 => self.snapshot().await,
                8..=9 => self.plain_append(value).await,
                10 => self.strict_read().await,
                _ => self.wait_free_read().await,
            }
        }
    }

    /// One to four steps: reads, appends, and reads of a whole group.
    async fn transaction(&self, value: u64) {
        let steps: Vec<(u64, u64)> = (0..1 + self.draw(4))
            .map(|_| (self.draw(8), self.draw(LISTS)))
            .collect();
        let running = self.recorder.begin(self.number);
        let (running_ref, steps) = (&running, &steps);
        let done = self.db.transaction(|tx| async move {
            running_ref.restart();
            for (position, (kind, list)) in steps.iter().enumerate() {
                // Nothing that another attempt wrote may ever be seen.
                let value = value + u64::from(tx.attempt()) * 10 + position as u64;
                match kind {
                    0..=3 => append(&tx, running_ref, *list, value).await?,
                    4..=6 => read(&tx, running_ref, *list).await?,
                    _ => read_group(&tx, running_ref, list % 2).await?,
                }
            }
            Ok(())
        });
        let done = done.await;
        end(running, done);
    }

    async fn snapshot(&self) {
        let running = self.recorder.begin(self.number);
        let running_ref = &running;
        let read = self.db.snapshot(|tx| async move {
            running_ref.restart();
            read_group(&tx, running_ref, 0).await?;
            read_group(&tx, running_ref, 1).await
        });
        let read = read.await;
        end(running, read);
    }

    async fn plain_append(&self, value: u64) {
        let list = self.draw(2);
        let running = self.recorder.begin(self.number);
        running.append(Key(list), value);
        let appended = List::update(&self.db, &list, |list| {
            list.push(value);
            Ok(())
        });
        end(running, appended.await.map(drop));
    }

    async fn strict_read(&self) {
        let list = self.draw(LISTS);
        let running = self.recorder.begin(self.number);
        let found = List::get(&self.db, &list).strict().await;
        end(running, found.map(|found| (list, found)));
    }

    async fn wait_free_read(&self) {
        let list = self.draw(LISTS);
        let running = self.recorder.begin_wait_free_read(self.number);
        let found = List::get(&self.db, &list).await;
        end(running, found.map(|found| (list, found)));
    }
}

/// What a finished call tells the history.
trait Told {
    fn tell(self, running: &Running);
}

impl Told for () {
    fn tell(self, _running: &Running) {}
}

impl Told for (u64, Option<Stored<List>>) {
    fn tell(self, running: &Running) {
        running.read(Key(self.0), values(self.1.as_ref()));
    }
}

fn values(list: Option<&Stored<List>>) -> Vec<u64> {
    list.map_or_else(Vec::new, |list| list.values.clone())
}

/// An outcome that nobody knows is what a history has until it is told.
fn end<T: Told>(running: Running, result: Result<T>) {
    match result {
        Ok(told) => {
            told.tell(&running);
            running.committed();
        }
        Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {}
        Err(_) => running.aborted(),
    }
}

async fn append(tx: &Tx, running: &Running, list: u64, value: u64) -> Result<()> {
    match List::get(tx, &list).await? {
        Some(mut found) => {
            found.push(value);
            found.save(tx).await?;
        }
        None => {
            let mut new = List::new(list);
            new.push(value);
            List::create(tx, new).await?;
        }
    }
    running.append(Key(list), value);
    Ok(())
}

async fn read(tx: &Tx, running: &Running, list: u64) -> Result<()> {
    let found = List::get(tx, &list).await?;
    running.read(Key(list), values(found.as_ref()));
    Ok(())
}

/// A list that is not in the range is read as well: it is empty.
async fn read_group(tx: &Tx, running: &Running, group: u64) -> Result<()> {
    let found = List::find_by_group(tx, group).await?;
    for list in (0..LISTS).filter(|list| list % 2 == group) {
        let found = found.iter().find(|found| found.id == list);
        running.read(Key(list), values(found));
    }
    Ok(())
}

/// Runs one history. Gives what was wrong.
async fn history(seed: u64) -> Vec<String> {
    let world = World::new(seed);
    let observer = world.open(0).await;
    for list in 0..2 {
        List::create(&observer, List::new(list)).await.unwrap();
    }
    let recorder = Recorder::default();
    let mut lives = Vec::new();
    let mut stores = Vec::new();
    for number in 1..=CLIENTS {
        let client_seed = seed.wrapping_mul(37).wrapping_add(number);
        let latent = LatentStore::random(world.store.clone(), Latencies::CONTRACT, client_seed);
        let store = Arc::new(FaultStore::random(
            Arc::new(latent),
            client_seed,
            25,
            FAULTS,
        ));
        let opened = world
            .builder(number, store.clone())
            .limits(limits())
            .open()
            .await;
        let Ok(db) = opened else {
            continue; // It died at once.
        };
        let client = Client {
            db,
            rng: SeededRng::new(client_seed ^ 0xA11E),
            number,
            recorder: recorder.clone(),
        };
        stores.push(store.clone());
        lives.push(async move {
            tokio::select! {
                biased;
                () = store.crash() => {}
                () = client.live() => client.db.close().await,
            }
        });
    }
    futures::future::join_all(lives).await;
    for store in &stores {
        store.release_delayed().await;
    }
    // What crashed clients had sent has arrived.
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    read_everything(&observer, &recorder).await;
    let mut wrong = Vec::new();
    let mut recorded = recorder.history();
    // Who died, or failed, before it did anything says nothing.
    recorded.retain(|transaction| !transaction.operations.is_empty());
    let verdict = history::check(&recorded);
    if !verdict.is_clean() {
        wrong.push(verdict.to_string());
    }
    wrong.extend(invariant::damage::<List>(&*world.store).await);
    wrong.extend(invariant::wrong_answers::<List>(&observer, &*world.store).await);
    observer.close().await;
    if !wrong.is_empty() {
        wrong.extend(stores.iter().map(|store| store.log().lines().join("\n")));
    }
    wrong
}

/// Dead transactions are not waited for long, so that the clients go on.
fn limits() -> Limits {
    Limits {
        transactions: TransactionLimits {
            lease: std::time::Duration::from_secs(1),
            ..TransactionLimits::default()
        },
        ..Limits::default()
    }
}

async fn read_everything(observer: &Db, recorder: &Recorder) {
    let running = recorder.begin(0);
    let running_ref = &running;
    let read = observer.snapshot(|tx| async move {
        running_ref.restart();
        for list in 0..LISTS {
            read(&tx, running_ref, list).await?;
        }
        Ok(())
    });
    let read = read.await;
    end(running, read);
}

fn run(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let wrong = runtime.block_on(history(seed));
    assert!(
        wrong.is_empty(),
        "LIST_APPEND_SEED={seed}\n{}",
        wrong.join("\n")
    );
}

#[test]
fn random_transactions_are_strictly_serializable() {
    if let Ok(seed) = std::env::var("LIST_APPEND_SEED") {
        return run(seed.parse().unwrap());
    }
    let many: u64 = std::env::var("LIST_APPEND").map_or(2_000, |many| many.parse().unwrap());
    let threads = std::thread::available_parallelism().map_or(2, usize::from) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || (thread..many).step_by(threads as usize).for_each(run));
        }
    });
}
