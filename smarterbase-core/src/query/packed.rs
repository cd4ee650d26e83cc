//! Reading the snapshot of a collection beside a walk through it. Whatever is wrong with it, the walk goes on without.

use std::sync::Arc;

use crate::{
    document::Version,
    error::Result,
    format::{
        Envelope, envelope,
        path::{self, EncodedId},
        snapshot::{Manifest, OpenSegment, Segment},
    },
    operation::{Collection, Engine, engine::store_failure},
    port::{Listed, Object},
    store::bodies,
};

/// The manifest as it is in the store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stored {
    /// The object to replace.
    pub(crate) base: Option<(Version, Envelope)>,
    /// `None`: there is none, or none of this database's.
    pub(crate) manifest: Option<Manifest>,
}

/// The snapshot of a collection, read in the order of ids. Holds one segment at a time.
#[derive(Debug)]
pub(crate) struct Packed {
    engine: Arc<Engine>,
    collection: Arc<Collection>,
    manifest: Option<Manifest>,
    has_looked: bool,
    next: usize,
    current: Option<(String, OpenSegment)>,
}

impl Packed {
    pub(crate) fn new(engine: &Arc<Engine>, collection: &Arc<Collection>) -> Self {
        Self {
            engine: engine.clone(),
            collection: collection.clone(),
            manifest: None,
            has_looked: false,
            next: 0,
            current: None,
        }
    }

    /// As [`new`](Self::new), of a manifest that is known.
    pub(crate) fn of_manifest(
        engine: &Arc<Engine>,
        collection: &Arc<Collection>,
        manifest: Option<Manifest>,
    ) -> Self {
        Self {
            manifest,
            has_looked: true,
            ..Self::new(engine, collection)
        }
    }

    /// Those of the wanted objects that are packed at the version that was listed. They come in the order of ids. A segment is
    /// opened only when at least `worth` are wanted.
    pub(crate) async fn of(
        &mut self,
        wanted: &[&(EncodedId, Listed)],
        worth: usize,
    ) -> Vec<(EncodedId, Object)> {
        let mut found = Vec::new();
        let mut rest = wanted;
        while let Some((id, _)) = rest.first() {
            let covered = self.covered(rest);
            if covered == 0 {
                let is_open = wanted.len() >= worth && self.open_for(id).await;
                if !is_open {
                    rest = &rest[1..];
                }
                continue;
            }
            let (now, later) = rest.split_at(covered);
            found.extend(now.iter().filter_map(|(id, listed)| self.find(id, listed)));
            rest = later;
        }
        found
    }

    /// How many of the first ids are not behind the end of the open segment.
    fn covered(&self, wanted: &[&(EncodedId, Listed)]) -> usize {
        let Some((last, _)) = &self.current else {
            return 0;
        };
        let covered = wanted
            .iter()
            .take_while(|(id, _)| name(id.as_str()) <= *last);
        covered.count()
    }

    fn find(&self, id: &EncodedId, listed: &Listed) -> Option<(EncodedId, Object)> {
        let (_, segment) = self.current.as_ref()?;
        let object = Object {
            bytes: segment.object(&listed.key, &listed.version)?,
            version: listed.version.clone(),
        };
        let is_it = bodies::is_of(&object, listed) && bodies::can_be_kept(&object);
        is_it.then(|| (id.clone(), object))
    }

    /// Opens the segment that may hold the id; `false` when there is none.
    async fn open_for(&mut self, id: &EncodedId) -> bool {
        self.look().await;
        let Some(manifest) = &self.manifest else {
            return false;
        };
        let name_of_id = name(id.as_str());
        let left = &manifest.segments[self.next.min(manifest.segments.len())..];
        let behind = left
            .iter()
            .take_while(|segment| name(&segment.last) < name_of_id);
        self.next += behind.count();
        let Some(segment) = manifest.segments.get(self.next) else {
            return false;
        };
        if name(&segment.first) > name_of_id {
            return false;
        }
        let (last, number) = (name(&segment.last), self.next);
        self.next += 1;
        // One that cannot be read covers its ids all the same: they are read one by one.
        let opened = self.read(manifest, number, segment).await;
        self.current = Some((last, opened.unwrap_or_default()));
        true
    }

    async fn look(&mut self) {
        if self.has_looked {
            return;
        }
        self.has_looked = true;
        match load(&self.engine, &self.collection).await {
            Ok(stored) => self.manifest = stored.manifest,
            Err(error) => self.engine.warm.warn(self.collection.name(), None, &error),
        }
    }

    async fn read(
        &self,
        manifest: &Manifest,
        number: usize,
        segment: &Segment,
    ) -> Option<OpenSegment> {
        let key = path::snapshot_segment(self.collection.name(), manifest.generation, number);
        let read = match self.engine.store.get(&key).await {
            // Somebody removed it: a newer snapshot, or a person.
            Ok(None) => return None,
            Ok(Some(object)) => OpenSegment::read(&object.bytes, segment),
            Err(error) => Err(store_failure(error)),
        };
        let warm = &self.engine.warm;
        read.inspect_err(|error| {
            warm.warn(self.collection.name(), Some(manifest.generation), error);
        })
        .ok()
    }
}

/// Ids compare as `<id>.json` (rule S22).
fn name(id: &str) -> String {
    format!("{id}.json")
}

/// The manifest of a collection. One that is corrupt, or of another database, is as good as none.
///
/// # Errors
/// [`Unavailable`](crate::ErrorKind::Unavailable): the store does not answer.
pub(crate) async fn load(engine: &Engine, collection: &Collection) -> Result<Stored> {
    let key = path::snapshot_manifest(collection.name());
    let Some(object) = engine.store.get(&key).await.map_err(store_failure)? else {
        return Ok(Stored::default());
    };
    let base = match envelope::open(&object.bytes) {
        Ok(opened) => opened.envelope,
        Err(_) => Envelope::first(envelope::fingerprint(&object.bytes)),
    };
    let manifest = match Manifest::open(&object.bytes) {
        Ok((_, manifest)) if is_ours(engine, collection, &manifest) => Some(manifest),
        Ok((_, manifest)) => {
            let error = foreign();
            engine
                .warm
                .warn(collection.name(), Some(manifest.generation), &error);
            None
        }
        Err(error) => {
            engine.warm.warn(collection.name(), None, &error);
            None
        }
    };
    Ok(Stored {
        base: Some((object.version, base)),
        manifest,
    })
}

fn is_ours(engine: &Engine, collection: &Collection, manifest: &Manifest) -> bool {
    manifest.database == engine.database.id && manifest.collection == collection.name()
}

fn foreign() -> crate::error::Error {
    let text = "the snapshot is of another database or collection";
    crate::error::Error::new(crate::error::Code::CORRUPT, text)
}
