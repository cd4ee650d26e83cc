//! Rounds of concurrent updates of one indexed field, on any index backend: index and document agree after each, and a value
//! that stays is found throughout.

use futures::future::{join, join_all, try_join_all};
use smarterbase::prelude::*;

/// One field that is fought for, and one that stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Document)]
#[document(name = "lamps")]
pub(crate) struct Lamp {
    #[key]
    pub(crate) id: String,
    #[index]
    pub(crate) colour: String,
    #[index]
    pub(crate) room: String,
    pub(crate) turns: u64,
}

const ROUNDS: u64 = 300;
const RIVALS: u64 = 4;

/// Plays all rounds; `meanwhile` is called before each.
pub(crate) async fn play(dbs: &[Db], mut meanwhile: impl FnMut(u64)) {
    let id = "lamp".to_owned();
    let lamp = Lamp {
        id: id.clone(),
        colour: "white".into(),
        room: "hall".into(),
        turns: 0,
    };
    Lamp::create(&dbs[0], lamp).await.unwrap();
    let mut last = "white".to_owned();
    for round in 0..ROUNDS {
        meanwhile(round);
        let colours: Vec<String> = (0..RIVALS)
            .map(|rival| format!("{round}-{rival}"))
            .collect();
        let updates = colours
            .iter()
            .zip(dbs.iter().cycle())
            .map(async |(colour, db)| {
                Lamp::update(db, &id, |lamp| {
                    lamp.colour.clone_from(colour);
                    lamp.turns += 1;
                    Ok(())
                })
                .await
            });
        let lookups = dbs.iter().map(async |db| {
            for _ in 0..3 {
                let found = Lamp::find_by_room(db, "hall").await.unwrap();
                assert_eq!(found.len(), 1, "round {round}: the room never changed");
            }
        });
        let (updated, _) = join(try_join_all(updates), join_all(lookups)).await;
        updated.unwrap();
        let lamp = Lamp::get(&dbs[0], &id).required().await.unwrap();
        assert_eq!(lamp.turns, (round + 1) * RIVALS, "no update is lost");
        for db in dbs {
            for colour in colours.iter().chain([&last]) {
                let found = Lamp::find_by_colour(db, colour).await.unwrap();
                let expected = usize::from(*colour == lamp.colour);
                assert_eq!(
                    found.len(),
                    expected,
                    "round {round}: {colour}, and it is {}",
                    lamp.colour
                );
            }
        }
        last.clone_from(&lamp.colour);
    }
}
