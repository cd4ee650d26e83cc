//! What says that a large cascade has begun: `_sys/cascade/<nonce>.json`.

use std::sync::Arc;

use crate::{
    document::Timestamp,
    error::{Code, Error, Result},
    format::{
        Key,
        cascade::Begun,
        path::{self, EncodedId},
    },
    operation::{
        Collection, Engine, View,
        attach::first_envelope,
        engine::store_failure,
        read::{self, Fetched},
        relations::Ancestry,
    },
    protocol::{PutMachine, PutOutcome},
};

/// Says that the cascade has begun, before anything goes. `None`: there is no such document.
pub(super) async fn begin(
    engine: &Arc<Engine>,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Key>> {
    let Some(created) = created(engine, collection, id).await? else {
        return Ok(None);
    };
    let begun = Begun {
        collection: collection.name().to_owned(),
        id: id.as_str().to_owned(),
        created,
    };
    let key = path::cascade(engine.nonce());
    let envelope = first_envelope(&*engine.rng, &*engine.clock);
    let machine: PutMachine = PutMachine::new(key.clone(), None, envelope, &begun.body());
    match engine.drive(machine).await {
        PutOutcome::Applied(_) => Ok(Some(key)),
        PutOutcome::Refused(error) => Err(store_failure(error)),
        // An entry that is there after all is gone on with by whoever resumes cascades.
        PutOutcome::Unknown(error) => {
            let text = "nothing was deleted, but the cascade may have been journaled: `resume_cascades` would carry it out; \
                        delete the document again";
            Err(read::at(
                collection,
                id,
                Error::new(Code::OUTCOME_UNKNOWN, text).with_source(error),
            ))
        }
        PutOutcome::Lost(_) => Err(Error::new(
            Code::UNAVAILABLE,
            "the cascade could not be journaled; nothing was deleted, try again",
        )),
    }
}

/// When the live document with this id was created: another one may have it later.
async fn created(
    engine: &Arc<Engine>,
    collection: &Collection,
    id: &EncodedId,
) -> Result<Option<Option<Timestamp>>> {
    let found = read::peek(engine, collection.key(id)).await?;
    let live = found.filter(Fetched::is_live);
    Ok(live.map(|fetched| fetched.envelope().created))
}

/// The cascade has ended. An entry that stays does no harm: whoever goes on with it finds the document gone, or another one.
pub(super) async fn end(engine: &Engine, key: &Key) {
    if let Err(error) = remove(engine, key).await {
        tracing::debug!(%error, "the journal of a cascade stays");
    }
}

/// Takes back that a cascade has begun, while its document is there.
///
/// # Errors
/// The store does not answer: the entry may stay, and be gone on with.
pub(super) async fn remove(engine: &Engine, key: &Key) -> Result<()> {
    engine
        .store
        .delete_retired(key)
        .await
        .map_err(store_failure)
}

/// Goes on with every cascade whose program died. Gives how many there were. One that fails keeps no other one back.
pub(crate) async fn resume(engine: &Arc<Engine>) -> Result<u64> {
    let (mut resumed, mut failure, mut after) = (0, None, None);
    loop {
        let listed = engine
            .store
            .list(&path::cascades(), after.as_ref(), 1_000)
            .await;
        let listed = listed.map_err(store_failure)?;
        for object in &listed.objects {
            match go_on(engine, &object.key).await {
                Ok(was_there) => resumed += u64::from(was_there),
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        after = listed.objects.last().map(|object| object.key.clone());
        if !listed.has_more {
            return failure.map_or(Ok(resumed), Err);
        }
    }
}

/// Gives whether there was anything to go on with.
async fn go_on(engine: &Arc<Engine>, entry: &Key) -> Result<bool> {
    let Some(found) = engine.store.get(entry).await.map_err(store_failure)? else {
        return Ok(false); // It has ended meanwhile.
    };
    let begun = Begun::open(&found.bytes)?;
    let Some(kin) = engine.relations.kin(&begun.collection) else {
        let text = "a cascade has begun in a collection that is not in the program's list of types";
        return Err(Error::new(Code::MISCONFIGURED, text).in_collection(&begun.collection));
    };
    let id = EncodedId::parse(&begun.id)
        .ok_or_else(|| Error::new(Code::CORRUPT, "the journal of a cascade names no document"))?;
    let view = View::plain(engine.clone());
    let root = path::document(kin.spec.collection, kin.spec.shards, &id);
    let live = read::peek(engine, root).await?.filter(Fetched::is_live);
    let is_it = live.is_some_and(|fetched| fetched.envelope().created == begun.created);
    if is_it {
        let ancestry = Ancestry::of_entry(entry.clone());
        match (kin.delete_root)(&view, &id, &ancestry).await {
            // Somebody may have said no meanwhile: then the document stays, as it would have.
            Err(error) if error.code() != Code::RESTRICTED.text() => return Err(error),
            _ => {}
        }
    }
    end(engine, entry).await;
    Ok(is_it)
}
