//! The checkpoint of an import: made once, moved on by compare-and-swap.

use super::{Engine, engine::store_failure};
use crate::{
    document::Version,
    error::{Code, Error, Result},
    format::{Envelope, import::ImportCheckpoint, path},
    port::Object,
    protocol::{PutMachine, PutOutcome},
};

/// A checkpoint as it is in the store.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    pub(crate) value: ImportCheckpoint,
    base: Option<(Version, Envelope)>,
}

/// The checkpoint with this name; a new one that is not in the store yet when there is none.
pub(crate) async fn load(engine: &Engine, collection: &str, name: &str) -> Result<Checkpoint> {
    let key = path::import(collection, name);
    match engine.store.get(&key).await.map_err(store_failure)? {
        Some(object) => open(object),
        None => Ok(begin(engine, collection, name)),
    }
}

fn open(object: Object) -> Result<Checkpoint> {
    let (envelope, value) = ImportCheckpoint::open(&object.bytes)?;
    let base = Some((object.version, envelope));
    Ok(Checkpoint { value, base })
}

fn begin(engine: &Engine, collection: &str, name: &str) -> Checkpoint {
    let value = ImportCheckpoint {
        collection: collection.to_owned(),
        import: name.to_owned(),
        seed: engine.nonce(),
        started: engine.now(),
        items: 0,
        created: 0,
        existed: 0,
        failed: 0,
        ids: String::new(),
        finished: false,
        unknown: Default::default(),
    };
    Checkpoint { value, base: None }
}

impl Checkpoint {
    /// Writes `next` in its place.
    ///
    /// # Errors
    /// - [`Conflict`](crate::ErrorKind::Conflict): somebody else moved it on.
    /// - [`Unavailable`](crate::ErrorKind::Unavailable), [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown): the store does
    ///   not answer.
    pub(crate) async fn swap(&mut self, engine: &Engine, next: ImportCheckpoint) -> Result<()> {
        let key = path::import(&next.collection, &next.import);
        let before = self.base.as_ref().map(|(_, envelope)| envelope);
        let envelope = Envelope::next(before, engine.nonce(), engine.nonce());
        let machine: PutMachine =
            PutMachine::new(key, self.base.clone(), envelope.clone(), &next.body());
        match engine.drive(machine).await {
            PutOutcome::Applied(Some(version)) => {
                self.base = Some((version, envelope));
                self.value = next;
                Ok(())
            }
            PutOutcome::Applied(None) | PutOutcome::Lost(_) => Err(moved_on()),
            PutOutcome::Refused(error) => Err(store_failure(error)),
            PutOutcome::Unknown(error) => {
                let text = "the checkpoint may or may not have been moved on; run the import again";
                Err(Error::new(Code::OUTCOME_UNKNOWN, text).with_source(error))
            }
        }
    }
}

fn moved_on() -> Error {
    let text = "another process runs an import of this name";
    Error::new(Code::CONTENTION, text)
}
