//! Rule S7 while indexes come and go.

use serde_json::Value;
use smarterbase::prelude::*;
use smarterbase_testkit::{MemoryIndex, SeededRng, invariant, sweep::World};

use super::Shelved;
use crate::outage::{Item, Process, item};

/// One step of [`s07_each_listed_tag_has_its_entry_whatever_happens_to_the_indexes`].
struct Chaos {
    random: SeededRng,
    indexes: [MemoryIndex; 2],
    processes: Vec<Process>,
    /// Without a server, so that it builds entries in objects.
    alone: Db,
    /// Without a server, and of an older program.
    older: Db,
}

impl Chaos {
    fn below(&self, count: u64) -> usize {
        usize::try_from(self.random.next() % count).unwrap()
    }

    async fn disturb(&self) {
        let (process, index) = (&self.processes[self.below(3)], &self.indexes[self.below(2)]);
        match self.below(10) {
            0 => index.flush(),
            1 => index.take_away(true),
            2 => process.index.cut_off(true),
            3 => index.evict_indexes(),
            4 => drop(process.db.rebuild_indexes::<Item>().await),
            5 => drop(process.db.verify_indexes().of::<Item>().repair().await),
            6 | 7 => drop(self.alone.rebuild_indexes::<Item>().await),
            _ => self.mend(),
        }
    }

    fn mend(&self) {
        let indexes = self.indexes.iter();
        indexes.for_each(|index| index.take_away(false));
        let processes = self.processes.iter();
        processes.for_each(|process| process.index.cut_off(false));
    }

    async fn write(&self) {
        let id = item(u32::try_from(self.below(6)).unwrap()).id;
        let shelf = format!("shelf-{}", self.below(3));
        if self.below(4) == 0 {
            let moved = Shelved::update(&self.older, &id, |item| {
                item.shelf.clone_from(&shelf);
                item.weight = 1_000 + item.weight % 3;
                Ok(())
            });
            moved.await.unwrap();
            return;
        }
        let db = match self.below(4) {
            3 => &self.alone,
            number => &self.processes[number].db,
        };
        let moved = Item::update(db, &id, |item| {
            item.shelf.clone_from(&shelf);
            item.weight = 1_000 + (item.weight + 1) % 3;
            Ok(())
        });
        moved.await.unwrap();
    }
}

/// Entries lie in objects and in an index that can be lost; two servers, a process with objects alone, an older program that takes
/// two definitions out of use, rebuilds and repairs in between. Watches `old_entries` in `operation/plan.rs`.
#[tokio::test(start_paused = true)]
async fn s07_each_listed_tag_has_its_entry_whatever_happens_to_the_indexes() {
    for seed in 0..12 {
        let world = World::new(seed);
        let objects = world.open(9).await;
        Item::create(&objects, item(0)).await.unwrap();
        objects.close().await;
        let indexes = [MemoryIndex::new(), MemoryIndex::new()];
        let mut processes = Vec::new();
        for client in 0..3 {
            let index = &indexes[usize::from(client == 2)];
            processes.push(Process::start(&world, client, index).await);
        }
        processes[0].db.rebuild_indexes::<Item>().await.unwrap();
        processes[0].fill(1..6).await;
        let without = |client| {
            let builder = world.builder(client, world.store.clone());
            builder.abandon_missing_backends(true).open()
        };
        let (alone, older) = (without(3).await.unwrap(), without(4).await.unwrap());
        let chaos = Chaos {
            random: SeededRng::new(seed),
            indexes,
            processes,
            alone,
            older,
        };
        for step in 0..40 {
            chaos.disturb().await;
            chaos.write().await;
            assert_eq!(
                tags_without_entry(&world).await,
                Vec::<String>::new(),
                "seed {seed}, step {step}"
            );
        }
        chaos.mend();
        chaos.older.close().await;
        chaos.alone.close().await;
        chaos.processes[0]
            .db
            .rebuild_indexes::<Item>()
            .await
            .unwrap();
        let wrong = invariant::wrong_answers::<Item>(&chaos.processes[0].db, &*world.store).await;
        assert_eq!(wrong, Vec::<String>::new(), "seed {seed}");
        for process in chaos.processes {
            process.db.close().await;
        }
        assert_eq!(
            invariant::damage::<Item>(&*world.store).await,
            Vec::<String>::new(),
            "seed {seed}"
        );
    }
}

/// Tags that a document lists, and that no object is named after.
async fn tags_without_entry(world: &World) -> Vec<String> {
    let dump = invariant::dump(&*world.store).await;
    let mut missing = Vec::new();
    for (path, bytes) in dump.iter().filter(|(path, _)| path.starts_with("items/")) {
        let document: Value = serde_json::from_slice(bytes).unwrap();
        let file = path.strip_prefix("items/").unwrap();
        let Some(listed) = document["_sb"]["index"].as_object() else {
            continue;
        };
        for (definition, tags) in listed {
            for tag in tags.as_array().unwrap() {
                let (start, end) = (
                    format!("_index/items/{definition}/"),
                    format!("/{file}!{}", tag.as_str().unwrap()),
                );
                if !dump
                    .keys()
                    .any(|key| key.starts_with(&start) && key.ends_with(&end))
                {
                    missing.push(format!("{path}: {definition} {tag}"));
                }
            }
        }
    }
    missing
}
