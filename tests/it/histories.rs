//! Random histories: clients that race on a few documents while their stores fail at random.
//!
//! `HISTORY_SEED=<seed>` replays one history, `HISTORIES=<n>` runs so many.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use smarterbase::{Error, prelude::*};
use smarterbase_core::port::{Clock, Rng};
use smarterbase_testkit::{
    Fault, FaultStore, SeededRng, invariant,
    sweep::{Latencies, LatentStore, World},
};

use crate::user::User;

const CLIENTS: u64 = 3;
const STEPS: u64 = 6;
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

/// What a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Done,
    /// It did not happen and never will.
    Refused,
    /// It says that it does not know, or died.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Create,
    Append,
    Delete,
}

/// One step of one client. `mark` is unique to it.
#[derive(Clone, Debug)]
struct Event {
    kind: Kind,
    id: String,
    mark: u64,
    began: Duration,
    ended: Duration,
    told: Told,
}

type Events = Arc<Mutex<Vec<Event>>>;

struct Client {
    db: Db,
    rng: SeededRng,
    number: u64,
    world: World,
    events: Events,
}

impl Client {
    fn draw(&self, below: u64) -> u64 {
        let rng: &dyn Rng = &self.rng;
        rng.below(below)
    }

    async fn live(&self) {
        for step in 0..STEPS {
            let mark = self.number * 1_000 + step;
            let id = format!("u{}", self.draw(3));
            match self.draw(10) {
                0..=2 => {
                    self.step(Kind::Create, &id, mark, self.create(&id, mark))
                        .await
                }
                3..=5 => {
                    self.step(Kind::Append, &id, mark, self.update(&id, mark))
                        .await
                }
                6..=7 => {
                    self.step(Kind::Append, &id, mark, self.save(&id, mark))
                        .await
                }
                8 => self.step(Kind::Delete, &id, mark, self.delete(&id)).await,
                _ => self.look().await,
            }
        }
    }

    /// An event that does not end is one that the client died in.
    async fn step(
        &self,
        kind: Kind,
        id: &str,
        mark: u64,
        act: impl Future<Output = Result<(), Error>>,
    ) {
        let event = Event {
            kind,
            id: id.to_owned(),
            mark,
            began: self.world.clock.elapsed(),
            ended: Duration::MAX,
            told: Told::Unknown,
        };
        let position = {
            let mut events = self.events.lock().unwrap();
            events.push(event);
            events.len() - 1
        };
        let told = match act.await {
            Ok(()) => Told::Done,
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => Told::Unknown,
            Err(_) => Told::Refused,
        };
        let mut events = self.events.lock().unwrap();
        events[position].ended = match told {
            Told::Unknown => Duration::MAX,
            _ => self.world.clock.elapsed(),
        };
        events[position].told = told;
    }

    async fn create(&self, id: &str, mark: u64) -> Result<(), Error> {
        let user = User {
            marks: vec![mark],
            ..self.change(User::new(id))
        };
        User::create(&self.db, user).await.map(drop)
    }

    async fn update(&self, id: &str, mark: u64) -> Result<(), Error> {
        let changed = self.change(User::new(id));
        let updated = User::update(&self.db, &id.to_owned(), |user| {
            user.marks.push(mark);
            user.email.clone_from(&changed.email);
            user.plan.clone_from(&changed.plan);
            Ok(())
        });
        updated.await.map(drop)
    }

    async fn save(&self, id: &str, mark: u64) -> Result<(), Error> {
        let mut user = User::get(&self.db, &id.to_owned()).required().await?;
        user.marks.push(mark);
        user.tags = self.change(User::new(id)).tags;
        user.save(&self.db).await
    }

    async fn delete(&self, id: &str) -> Result<(), Error> {
        User::delete(&self.db, &id.to_owned()).await.map(drop)
    }

    /// Invariant 3, while everything moves.
    async fn look(&self) {
        let plan = format!("p{}", self.draw(2));
        if let Ok(found) = User::find_by_plan(&self.db, plan.as_str()).await {
            assert!(found.iter().all(|user| user.plan == plan));
        }
        let email = format!("e{}@example.org", self.draw(4));
        if let Ok(Some(found)) = User::find_by_email(&self.db, email.as_str()).await {
            assert_eq!(found.email, email);
        }
    }

    fn change(&self, user: User) -> User {
        let tag = ["a", "b", "c", "d"][usize::try_from(self.draw(4)).unwrap()];
        user.email(&format!("e{}@example.org", self.draw(4)))
            .plan(&format!("p{}", self.draw(2)))
            .tags(&["a", tag])
    }
}

/// Runs one history. Gives what was wrong.
async fn history(seed: u64) -> Vec<String> {
    let world = World::new(seed);
    let observer = world.open(0).await;
    User::create(&observer, User::new("u0").email("e0@example.org"))
        .await
        .unwrap();
    let events = Events::default();
    let latencies = Latencies::CONTRACT;
    let mut lives = Vec::new();
    let mut stores = Vec::new();
    for number in 1..=CLIENTS {
        let client_seed = seed.wrapping_mul(31).wrapping_add(number);
        let latent = LatentStore::random(world.store.clone(), latencies, client_seed);
        let store = FaultStore::random(Arc::new(latent), client_seed, 60, FAULTS);
        let store = Arc::new(store);
        let Ok(db) = world.builder(number, store.clone()).open().await else {
            continue; // It died at once.
        };
        let rng = SeededRng::new(client_seed ^ 0xC11E);
        let (world, events) = (world.clone(), events.clone());
        let client = Client {
            db,
            rng,
            number,
            world,
            events,
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
    tokio::time::sleep(Duration::from_secs(5)).await;
    let recorded = events.lock().unwrap().clone();
    let mut wrong = judge(&observer, &recorded).await;
    wrong.extend(invariant::damage::<User>(&*world.store).await);
    wrong.extend(invariant::wrong_answers::<User>(&observer, &*world.store).await);
    observer.close().await;
    wrong.extend(invariant::damage::<User>(&*world.store).await);
    if !wrong.is_empty() {
        wrong.push(format!("{recorded:#?}"));
        wrong.extend(stores.iter().map(|store| store.log().lines().join("\n")));
    }
    wrong
}

/// Invariant 5: what was acknowledged is there once, what was refused is not.
async fn judge(db: &Db, events: &[Event]) -> Vec<String> {
    let mut wrong = Vec::new();
    for event in events.iter().filter(|event| event.kind != Kind::Delete) {
        let user = User::get(db, &event.id).await.unwrap();
        let times = user.map_or(0, |user| {
            user.marks
                .iter()
                .filter(|mark| **mark == event.mark)
                .count()
        });
        let may_be_deleted = events.iter().any(|other| {
            other.kind == Kind::Delete && other.id == event.id && other.ended >= event.began
        });
        let is_right = match event.told {
            Told::Done => times == 1 || (times == 0 && may_be_deleted),
            Told::Refused => times == 0,
            Told::Unknown => times <= 1,
        };
        if !is_right {
            wrong.push(format!("invariant 5: {event:?} is there {times} times"));
        }
    }
    wrong
}

#[test]
fn random_histories_keep_every_invariant() {
    let replayed = std::env::var("HISTORY_SEED")
        .ok()
        .map(|seed| seed.parse().unwrap());
    let many = std::env::var("HISTORIES").map_or(400, |many| many.parse().unwrap());
    let seeds = match replayed {
        Some(seed) => seed..seed + 1,
        None => 0..many,
    };
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let wrong = runtime.block_on(history(seed));
        assert!(
            wrong.is_empty(),
            "HISTORY_SEED={seed}\n{}",
            wrong.join("\n")
        );
    }
}
