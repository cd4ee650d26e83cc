//! Documents that no step could upgrade: moved aside with the error, and put back once their steps are mended.

use std::sync::Arc;

use crate::{
    ErrorKind,
    document::Document,
    error::{Error, Result},
    format::{
        Envelope, Key, envelope,
        path::{self, EncodedId},
        quarantine::Quarantined,
    },
    operation::{
        Collection, Engine, View,
        change::{Base, Change},
        engine::store_failure,
        read::{self, Fetched},
        write::{Verdict, write_now},
    },
    protocol::{KeepMachine, Settled},
};

/// How many documents a report names. The others are counted, and lie in the quarantine with their errors.
pub const NAMED: usize = 100;

/// Documents that were moved aside, or that stay there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadDocuments {
    /// How many there are.
    pub count: u64,
    /// The first ones, at most [`NAMED`].
    pub first: Vec<BadDocument>,
}

impl BadDocuments {
    pub(crate) fn add(&mut self, bad: BadDocument) {
        self.count += 1;
        if self.first.len() < NAMED {
            self.first.push(bad);
        }
    }
}

/// A document that was moved aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadDocument {
    /// Its encoded id.
    pub id: String,
    /// The path of the copy.
    pub place: String,
    /// What could not be done. It holds no value of a field.
    pub error: String,
}

/// What putting documents back did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// How many documents are back in their places.
    pub restored: u64,
    /// Those that still cannot be upgraded, with the error of today.
    pub bad: BadDocuments,
}

/// Copies the document, create-if-absent, and then swaps a tombstone that names the copy into its place: whatever fails in
/// between, nothing is lost, and the next run goes on. `None`: somebody wrote the document meanwhile; the copy of what it
/// was stays.
pub(crate) async fn move_aside(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    id: &EncodedId,
    fetched: &Fetched,
    error: &Error,
) -> Result<Option<BadDocument>> {
    let (rev, write) = (fetched.envelope().rev, fetched.envelope().write);
    let place = path::quarantined(collection.name(), id, rev, write);
    copy(engine, collection, id, fetched, error, &place)
        .await
        .map_err(|error| read::at(collection, id, error))?;
    let change = Change::quarantine(engine, collection, id, fetched, &place);
    match write_now(engine, collection, change).await? {
        Verdict::Lost(_) => Ok(None),
        Verdict::Written(_) => {
            tracing::warn!(collection = collection.name(), id = id.as_str(), %error, "a document that cannot be upgraded was moved aside");
            Ok(Some(bad(id, &place, error)))
        }
    }
}

fn bad(id: &EncodedId, place: &Key, error: &Error) -> BadDocument {
    BadDocument {
        id: id.as_str().to_owned(),
        place: place.as_str().to_owned(),
        error: error.to_string(),
    }
}

/// A copy that is there already is the same: its path names the version.
async fn copy(
    engine: &Engine,
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
    error: &Error,
    place: &Key,
) -> Result<()> {
    let now = engine.now();
    let copy = Quarantined::of(collection.name(), id.as_str(), &fetched.bytes, error, now)?;
    let bytes = Envelope::first(engine.nonce()).seal(&copy.body());
    let kept = engine.drive(KeepMachine::new(place.clone(), bytes)).await;
    kept.map_err(store_failure)
}

/// Puts every document back that can be upgraded by now.
pub(crate) async fn restore<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
) -> Result<RestoreReport> {
    engine.check_writable()?;
    let prefix = path::quarantine(collection.name());
    let mut report = RestoreReport::default();
    let mut after = None;
    loop {
        let page = engine.store.list(&prefix, after.as_ref(), 1_000).await;
        let page = page.map_err(store_failure)?;
        for listed in &page.objects {
            restore_one::<T>(engine, collection, &listed.key, &mut report).await?;
        }
        after = page.objects.last().map(|listed| listed.key.clone());
        if !page.has_more || after.is_none() {
            return Ok(report);
        }
    }
}

async fn restore_one<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    place: &Key,
    report: &mut RestoreReport,
) -> Result<()> {
    let Some(object) = engine.store.get(place).await.map_err(store_failure)? else {
        return Ok(());
    };
    let copy = match Quarantined::open(&object.bytes) {
        Ok(copy) => copy,
        Err(error) => {
            report.bad.add(unreadable(place, &error));
            return Ok(());
        }
    };
    let Some(id) = EncodedId::parse(&copy.id) else {
        return Ok(());
    };
    let view = View::plain(engine.clone());
    let current = read::fetch_to_replace(&view, collection, &id).await?;
    // Only the copy that the tombstone names: a copy from before somebody wrote the document is history.
    let Some(current) = current.filter(|current| current.quarantined().as_ref() == Some(place))
    else {
        return Ok(());
    };
    match put_back::<T>(engine, collection, &id, &current, &copy).await {
        Ok(Verdict::Written(_)) => report.restored += 1,
        Ok(Verdict::Lost(_)) => {}
        Err(error) if ends_all(&error) => return Err(error),
        Err(error) => report.bad.add(bad(&id, place, &error)),
    }
    Ok(())
}

/// Whether an error is not about the one document.
fn ends_all(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Unavailable
            | ErrorKind::OutcomeUnknown
            | ErrorKind::Denied
            | ErrorKind::Refused
            | ErrorKind::Misconfigured
    )
}

/// A copy that is none; the folder that it lies in is named after the document.
fn unreadable(place: &Key, error: &Error) -> BadDocument {
    let mut folders = place.as_str().rsplit('/');
    BadDocument {
        id: folders.nth(1).unwrap_or_default().to_owned(),
        place: place.as_str().to_owned(),
        error: error.to_string(),
    }
}

async fn put_back<T: Document>(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    id: &EncodedId,
    current: &Fetched,
    copy: &Quarantined,
) -> Result<Verdict> {
    let bytes = copy.document.get().to_owned().into();
    let opened = envelope::open(&bytes).map_err(|error| read::at(collection, id, error))?;
    let stored = Fetched {
        settled: Settled {
            opened,
            ..current.settled.clone()
        },
        bytes,
    };
    let unknown = read::unknown_members(collection, id, &stored)?;
    let document = read::decode::<T>(collection, id, stored.clone())?;
    let base = Base::of::<T>(collection, id, current)?;
    let mut change = Change::write(engine, collection, id, Some(base), &*document, &unknown)?;
    change.envelope.created = stored.envelope().created;
    write_now(engine, collection, change).await
}
