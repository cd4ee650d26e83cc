//! Looks from time to time, while the database is open, for what is past its time.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Weak},
    time::Duration,
};

use futures::{FutureExt, StreamExt, stream};

use super::by_every_index;
use crate::operation::{
    Engine,
    background::Running,
    expiry::Held,
    relations::{Expire, Kin},
};

/// How many types are looked after at the same time.
const TYPES_AT_ONCE: usize = 4;
/// Programs that do not run for long look once as well.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// A type with a TTL index.
struct Mortal {
    kin: Kin,
    expire: Expire,
    held: Held,
}

/// Deletes what is past its time, of every type that the program has told. One task per engine; it ends with the database, and
/// with its runtime.
pub(crate) fn watch(engine: &Arc<Engine>, every: Duration, running: Running) {
    let (clock, ending) = (engine.clock.clone(), engine.outages.ending.clone());
    let (weak, mortals) = (Arc::downgrade(engine), mortals(engine));
    engine.tasks.spawn(async move {
        let _running = running;
        let mut pause = jitter(&weak, every.min(FIRST_LOOK) * 4);
        loop {
            let slept = ending.run_until_cancelled(clock.sleep(pause)).await;
            let Some(engine) = slept.and_then(|()| weak.upgrade()) else {
                return;
            };
            let look = ending.run_until_cancelled(look(&engine, &mortals)).await;
            if look.is_none() {
                return;
            }
            pause = every + jitter(&weak, every);
        }
    });
}

fn mortals(engine: &Engine) -> Vec<Mortal> {
    let types = engine.relations.types().iter();
    let mortal = |kin: &Kin| {
        Some(Mortal {
            kin: *kin,
            expire: kin.expire?,
            held: Held::default(),
        })
    };
    types.filter_map(mortal).collect()
}

/// Up to a quarter: processes that start together do not run in step.
fn jitter(engine: &Weak<Engine>, of: Duration) -> Duration {
    let most = u64::try_from(of.as_millis() / 4).unwrap_or(u64::MAX);
    let engine = engine.upgrade();
    engine.map_or(of, |engine| {
        Duration::from_millis(engine.rng.below(most.max(1)))
    })
}

/// A type that fails, or whose own code panics, keeps no other one back.
async fn look(engine: &Arc<Engine>, mortals: &[Mortal]) {
    let looks = mortals.iter().map(|mortal| {
        let look = AssertUnwindSafe(look_at(engine, mortal)).catch_unwind();
        look.map(|ended| {
            if ended.is_err() {
                let collection = mortal.kin.spec.collection;
                tracing::error!(
                    collection,
                    "looking for documents that are past their time panicked"
                );
            }
        })
    });
    let looks: Vec<_> = looks.collect();
    stream::iter(looks)
        .buffer_unordered(TYPES_AT_ONCE)
        .collect::<()>()
        .await;
}

async fn look_at(engine: &Arc<Engine>, mortal: &Mortal) {
    let (collection, ttls) = (mortal.kin.spec.collection, mortal.kin.spec.ttls());
    let ended = by_every_index(engine, ttls, mortal.expire, &mortal.held).await;
    if let Some(error) = ended.failure {
        tracing::warn!(collection, %error, "documents that are past their time could not be deleted");
    }
}
