//! Rule S32 while an index is lost: what it knows of documents rules none out that matches.

use std::time::Duration;

use smarterbase::prelude::*;
use smarterbase_testkit::{MemoryIndex, SeededRng, index::Backup, sweep::World};

use crate::outage::{Item, Mortal, Process, item};

/// What is at least as heavy is not looked for in [`s32_what_an_index_knew_before_it_was_lost_rules_nothing_out`].
const LIGHT: u32 = 4;

/// Documents as they are, and as two indexes together find them.
struct Ledger {
    processes: [Process; 2],
    index: MemoryIndex,
    random: SeededRng,
    items: Vec<Item>,
}

impl Ledger {
    fn below(&self, count: u64) -> usize {
        usize::try_from(self.random.next() % count).unwrap()
    }

    fn disturb(&self, before: &mut Backup) {
        match self.below(24) {
            0 => self.index.flush(),
            1 => self.index.restart_from(before),
            2 => *before = self.index.backup(),
            3 => self.index.evict_indexes(),
            4 => self.index.take_away(true),
            5 | 6 => self.index.take_away(false),
            _ => {}
        }
    }

    /// Moves one document. Its process may stand still before or after the put: then its entries are announced only.
    async fn change(&mut self, store: &Mortal) {
        let chosen = self.below(self.items.len() as u64);
        let mut next = self.items[chosen].clone();
        next.shelf = format!("shelf-{}", self.below(3));
        next.weight = u32::try_from(self.below(9)).unwrap();
        let moment = self.below(4);
        match moment {
            0 => store.stop_at_put("items/"),
            1 => store.stop_after_put("items/"),
            _ => {}
        }
        let before = std::mem::replace(&mut self.items[chosen], next.clone());
        let moving = Item::update(&self.processes[0].db, &before.id, |item| {
            *item = next.clone();
            Ok(())
        });
        let (moved, ()) = tokio::join!(moving, async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            match moment {
                0 => self.check(&self.processes[1].db, Some(&before.id)).await,
                1 if store.stands_still() => self.check(&self.processes[1].db, None).await,
                _ => {}
            }
            store.go_on();
        });
        moved.unwrap();
    }

    /// Whether each document that is light and on a shelf is found, and no other; the one in motion may be either.
    async fn check(&self, db: &Db, in_motion: Option<&str>) {
        for shelf in ["shelf-0", "shelf-1", "shelf-2"] {
            let query = Item::query(db).filter(|item| item.shelf.eq(shelf) & item.weight.lt(LIGHT));
            let found = query.await.unwrap();
            let ids = |items: &mut dyn Iterator<Item = &Item>| -> Vec<String> {
                let settled = items.filter(|item| Some(item.id.as_str()) != in_motion);
                settled.map(|item| item.id.clone()).collect()
            };
            let mut there = self
                .items
                .iter()
                .filter(|item| item.shelf == shelf && item.weight < LIGHT);
            assert_eq!(
                ids(&mut found.iter().map(|found| &**found)),
                ids(&mut there)
            );
        }
    }

    fn ruled_out(&self) -> u64 {
        let profiles = self
            .processes
            .iter()
            .flat_map(|process| process.db.profiler().recent());
        profiles.map(|query| query.ruled_out).sum()
    }
}

/// Two indexes rule candidates out by what the server knows of each document, while it is emptied, set back, evicts and is away.
/// Watches `rule_out` in `query/sieve.rs`, and that a manifest tells what is announced.
#[tokio::test(start_paused = true)]
async fn s32_what_an_index_knew_before_it_was_lost_rules_nothing_out() {
    let mut ruled_out = 0;
    for seed in 0..8 {
        let world = World::new(seed);
        let index = MemoryIndex::new();
        let store = Mortal::over(world.store.clone());
        let start = async |client, store| {
            let builder = world
                .builder(client, store)
                .in_flight_bound(Duration::from_secs(1));
            Process::with(&world, builder, index.from_another_process()).await
        };
        let processes = [
            start(0, store.clone()).await,
            start(1, world.store.clone()).await,
        ];
        processes[0].fill(0..30).await;
        let mut before = index.backup();
        let items = (0..30).map(item).collect();
        let mut ledger = Ledger {
            processes,
            index: index.clone(),
            random: SeededRng::new(seed),
            items,
        };
        for _ in 0..80 {
            ledger.disturb(&mut before);
            ledger.change(&store).await;
            for process in &ledger.processes {
                ledger.check(&process.db, None).await;
            }
            let pause = Duration::from_millis(250) * u32::try_from(ledger.below(20)).unwrap();
            tokio::time::sleep(pause).await;
        }
        ruled_out += ledger.ruled_out();
        for process in ledger.processes {
            process.db.close().await;
        }
    }
    assert!(ruled_out > 1_000, "only {ruled_out} were ruled out");
}
