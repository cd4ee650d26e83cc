//! Writers that know what every query must answer.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use smarterbase::prelude::*;
use smarterbase_testkit::SeededRng;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use crate::model::{Parcel, Process};

/// How many documents a writer owns.
const OWNED: u64 = 100;
/// How many texts of each kind of failure are kept.
const KEPT: usize = 5;

/// What all writers did and saw.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) writes: usize,
    pub(crate) queries: usize,
    pub(crate) failed_writes: Vec<String>,
    pub(crate) failed_queries: Vec<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) slowest_write: Duration,
    pub(crate) slowest_query: Duration,
    /// Where every document is.
    places: BTreeMap<String, String>,
}

/// The writers at work.
pub(crate) struct Traffic {
    writers: Vec<JoinHandle<Totals>>,
    is_over: CancellationToken,
    scanned: Arc<AtomicU64>,
}

impl Traffic {
    /// Fills the store, and lets the writers begin.
    pub(crate) async fn begin(
        processes: &[Process; 2],
        writers: u64,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let is_over = CancellationToken::new();
        let scanned = Arc::new(AtomicU64::new(0));
        let mut handles = Vec::new();
        for number in 0..writers {
            let mut writer = Writer {
                name: format!("writer-{number}"),
                random: SeededRng::new(seed.wrapping_add(number << 32)),
                own: processes[usize::from(number % 2 == 1)].db.clone(),
                other: processes[usize::from(number % 2 == 0)].db.clone(),
                moves: 0,
                scanned: scanned.clone(),
                totals: Totals::default(),
            };
            writer.fill().await?;
            let is_over = is_over.clone();
            handles.push(tokio::spawn(async move {
                while !is_over.is_cancelled() {
                    writer.round().await;
                    sleep(Duration::from_millis(10)).await;
                }
                writer.totals
            }));
        }
        Ok(Self {
            writers: handles,
            is_over,
            scanned,
        })
    }

    /// How many queries fell back so far.
    pub(crate) fn scanned(&self) -> u64 {
        self.scanned.load(Ordering::Relaxed)
    }

    pub(crate) async fn end(self) -> anyhow::Result<Totals> {
        self.is_over.cancel();
        let mut totals = Totals::default();
        for writer in self.writers {
            totals.add(writer.await?);
        }
        Ok(totals)
    }
}

struct Writer {
    name: String,
    random: SeededRng,
    own: Db,
    other: Db,
    moves: u64,
    scanned: Arc<AtomicU64>,
    totals: Totals,
}

impl Writer {
    async fn fill(&mut self) -> Result<(), Error> {
        for number in 0..OWNED {
            let parcel = Parcel {
                id: format!("{}-{number:03}", self.name),
                owner: self.name.clone(),
                place: format!("{}-depot-{number}", self.name),
                moves: 0,
            };
            let created = Parcel::create(&self.own, parcel).await?;
            self.totals
                .places
                .insert(created.id.clone(), created.place.clone());
        }
        Ok(())
    }

    /// Moves a parcel, and asks the other process where it is, where it was, and for all that never changed.
    async fn round(&mut self) {
        let id = format!("{}-{:03}", self.name, self.random.next() % OWNED);
        self.moves += 1;
        let place = format!("{}-place-{}", self.name, self.moves);
        let before = self.totals.places[&id].clone();
        if !self.move_to(&id, &place).await {
            return;
        }
        self.expect(&place, &[&id]).await;
        self.expect(&before, &[]).await;
        if self.moves.is_multiple_of(10) {
            self.expect_all().await;
        }
    }

    async fn move_to(&mut self, id: &str, place: &str) -> bool {
        let began_at = Instant::now();
        let moved = Parcel::update(&self.own, &id.to_owned(), |parcel| {
            parcel.place = place.to_owned();
            parcel.moves += 1;
            Ok(())
        })
        .await;
        self.totals.writes += 1;
        self.totals.slowest_write = self.totals.slowest_write.max(began_at.elapsed());
        match moved {
            Ok(_) => {
                self.totals.places.insert(id.to_owned(), place.to_owned());
                true
            }
            Err(error) => {
                note(&mut self.totals.failed_writes, format!("{id}: {error}"));
                false
            }
        }
    }

    async fn expect(&mut self, place: &str, expected: &[&str]) {
        let asked = Parcel::find_by_place(&self.other, place).explain();
        self.compare(place, asked.await, expected).await;
    }

    async fn expect_all(&mut self) {
        let owner = self.name.clone();
        let ids: Vec<String> = self.totals.places.keys().cloned().collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let asked = Parcel::find_by_owner(&self.other, &owner).explain();
        self.compare(&owner, asked.await, &ids).await;
    }

    async fn compare(
        &mut self,
        what: &str,
        answer: Result<smarterbase::profile::Explained<Vec<Stored<Parcel>>>, Error>,
        expected: &[&str],
    ) {
        self.totals.queries += 1;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return note(&mut self.totals.failed_queries, format!("{what}: {error}")),
        };
        let profile = answer.profile;
        self.totals.slowest_query = self.totals.slowest_query.max(profile.duration);
        self.scanned
            .fetch_add(u64::from(profile.fell_back), Ordering::Relaxed);
        let found: Vec<&str> = answer
            .result
            .iter()
            .map(|parcel| parcel.id.as_str())
            .collect();
        if found != expected {
            let text = format!(
                "{what}: found {} parcels, expected {}",
                found.len(),
                expected.len()
            );
            note(&mut self.totals.wrong, text);
        }
    }
}

impl Totals {
    fn add(&mut self, other: Self) {
        self.writes += other.writes;
        self.queries += other.queries;
        self.slowest_write = self.slowest_write.max(other.slowest_write);
        self.slowest_query = self.slowest_query.max(other.slowest_query);
        self.failed_writes.extend(other.failed_writes);
        self.failed_queries.extend(other.failed_queries);
        self.wrong.extend(other.wrong);
        self.places.extend(other.places);
    }

    /// Asks for every document by its place, when nothing moves any more. Gives how many are not where they must be.
    pub(crate) async fn audit(&self, processes: &[Process; 2]) -> anyhow::Result<usize> {
        let mut wrong = 0;
        for (id, place) in &self.places {
            for process in processes {
                let found = Parcel::find_by_place(&process.db, place).await?;
                let is_right = found.len() == 1 && found[0].id == *id && found[0].place == *place;
                wrong += usize::from(!is_right);
            }
        }
        Ok(wrong)
    }
}

/// Keeps the first few.
fn note(texts: &mut Vec<String>, text: String) {
    if texts.len() < KEPT {
        texts.push(text);
    }
}
