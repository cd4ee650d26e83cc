//! What says that a large cascade has begun: `_sys/cascade/<nonce>.json`.

use std::sync::Arc;

use crate::{
    error::{Code, Error, Result},
    format::{
        Key,
        cascade::Begun,
        path::{self, EncodedId},
    },
    operation::{Engine, View, attach::first_envelope, engine::store_failure},
    protocol::{PutMachine, PutOutcome},
};

/// Says that the cascade has begun, before anything goes.
pub(super) async fn begin(engine: &Arc<Engine>, collection: &str, id: &EncodedId) -> Result<Key> {
    let begun = Begun {
        collection: collection.to_owned(),
        id: id.as_str().to_owned(),
    };
    let key = path::cascade(engine.nonce());
    let envelope = first_envelope(&*engine.rng, &*engine.clock);
    let machine: PutMachine = PutMachine::new(key.clone(), None, envelope, &begun.body());
    match engine.drive(machine).await {
        PutOutcome::Applied(_) => Ok(key),
        PutOutcome::Refused(error) | PutOutcome::Unknown(error) => Err(store_failure(error)),
        PutOutcome::Lost(_) => Err(Error::new(
            Code::UNAVAILABLE,
            "the cascade could not be journaled; nothing was deleted, try again",
        )),
    }
}

/// The cascade has ended. An entry that stays does no harm: whoever goes on with it finds nothing left.
pub(super) async fn end(engine: &Engine, key: &Key) {
    if let Err(error) = engine.store.delete_retired(key).await {
        tracing::debug!(%error, "the journal of a cascade stays");
    }
}

/// Goes on with every cascade whose program died. Gives how many there were.
pub(crate) async fn resume(engine: &Arc<Engine>) -> Result<u64> {
    let listed = engine.store.list(&path::cascades(), None, 1_000).await;
    let mut resumed = 0;
    for object in listed.map_err(store_failure)?.objects {
        let Some(found) = engine.store.get(&object.key).await.map_err(store_failure)? else {
            continue; // It has ended meanwhile.
        };
        let begun = Begun::open(&found.bytes)?;
        go_on(engine, &begun).await?;
        end(engine, &object.key).await;
        resumed += 1;
    }
    Ok(resumed)
}

async fn go_on(engine: &Arc<Engine>, begun: &Begun) -> Result<()> {
    let Some(kin) = engine.relations.kin(&begun.collection) else {
        let text = "a cascade has begun in a collection that is not in the program's list of types";
        return Err(Error::new(Code::MISCONFIGURED, text).in_collection(&begun.collection));
    };
    let id = EncodedId::parse(&begun.id)
        .ok_or_else(|| Error::new(Code::CORRUPT, "the journal of a cascade names no document"))?;
    match (kin.delete_root)(&View::plain(engine.clone()), &id).await {
        // Somebody may have said no meanwhile: then the document stays, as it would have.
        Err(error) if error.code() == Code::RESTRICTED.text() => Ok(()),
        other => other.map(drop),
    }
}
