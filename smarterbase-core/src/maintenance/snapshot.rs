//! Packing copies of a collection's documents into a few large objects, and removing what is left of old ones.
//!
//! New segments are made beside the old ones, under a generation that nobody used before. The swap of the manifest puts them in
//! the place of the old ones; those are removed then. Whoever still reads them finds them gone, and reads the documents.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    document::Version,
    error::{Code, Error, Result},
    format::{
        Envelope, Key, Nonce,
        path::{self, EncodedId},
        snapshot::{Manifest, SegmentWriter},
    },
    operation::{Collection, Engine, View, engine::store_failure, warm::LeftOut},
    port::{Attempt, Expect, ListPage, Listed, Object},
    protocol::{PutMachine, PutOutcome},
    query::{
        id_walk::IdWalk,
        packed::{self, Packed},
    },
    store::{bodies, probe},
};

/// How far packing is, and what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PackProgress {
    /// How many objects were looked at; tombstones are packed too, since they cost scans as much.
    pub seen: u64,
    /// How many were packed.
    pub packed: u64,
    /// How many of them were taken from the last snapshot, or had been kept by this process.
    pub reused: u64,
    /// How many stay objects alone: larger than 1 MiB, without an envelope, or not one line of JSON.
    pub left_out: u64,
    /// How many segments were written.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Another process packed the collection at the same time, and was faster: its snapshot stands.
    pub is_overtaken: bool,
}

/// How a collection is packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) segment_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Reading larger documents costs about as much as reading their share of a segment.
const LARGEST_PACKED: u64 = 1024 * 1024;

/// How often a segment is sent whose put was not answered.
const PUTS: u32 = 5;

/// How often the manifest is swapped again after somebody else was faster.
const SWAPS: u32 = 8;

/// How long before a segment is sent again.
const PAUSE: Duration = Duration::from_millis(200);

type Report<'a> = &'a mut (dyn FnMut(&PackProgress) + Send);

/// Packs the collection.
pub(crate) async fn pack(
    engine: &Arc<Engine>,
    collection: &Arc<Collection>,
    settings: Settings,
    report: Report<'_>,
) -> Result<PackProgress> {
    engine.check_open()?;
    check_versions(engine)?;
    let before = packed::load(engine, collection).await?;
    let mut packer = Packer::new(engine, collection, settings);
    let filled = packer.fill(before.manifest.clone(), report).await;
    if filled.is_ok() {
        let left_out = std::mem::take(&mut packer.left_out);
        engine.warm.remember_left_out(collection, left_out);
    }
    let replaced = match filled {
        Ok(()) => replace(engine, collection, before.base, &packer.manifest).await,
        Err(error) => Err(error),
    };
    // Of the two generations one is not used any more; a swap of which nothing is known leaves both to a sweep.
    match replaced {
        Ok(true) => remove_segments(engine, before.manifest.as_ref()).await?,
        Ok(false) => {
            packer.progress.is_overtaken = true;
            remove_segments(engine, Some(&packer.manifest)).await?;
        }
        Err(error) => return Err(error),
    }
    Ok(packer.progress)
}

/// Packs the collection in the background, unless this process does so already. Whatever ends it early is logged.
pub(crate) fn begin(engine: &Arc<Engine>, collection: Arc<Collection>) {
    if engine.check_open().is_err() || !engine.warm.begin(&collection) {
        return;
    }
    let engine = engine.clone();
    let tasks = engine.tasks.clone();
    tasks.spawn(async move {
        let closing = engine.closing();
        let mut ignored = |_: &PackProgress| {};
        let packing = pack(&engine, &collection, Settings::default(), &mut ignored);
        if let Some(Err(error)) = closing.run_until_cancelled(packing).await {
            tracing::warn!(collection = collection.name(), %error, "packing a collection ended early");
        }
        engine.warm.end(&collection);
    });
}

/// A snapshot is of use only where a LIST tells which of it is current.
fn check_versions(engine: &Engine) -> Result<()> {
    if probe::lists_versions(&engine.database.probe) {
        return Ok(());
    }
    let text = "the lists of this store were not seen to agree with its reads, so no scan could use a snapshot";
    Err(Error::new(Code::MISCONFIGURED, text))
}

/// Segments in the making. Holds the text of one.
struct Packer {
    engine: Arc<Engine>,
    collection: Arc<Collection>,
    settings: Settings,
    writer: SegmentWriter,
    manifest: Manifest,
    progress: PackProgress,
    left_out: LeftOut,
}

impl Packer {
    fn new(engine: &Arc<Engine>, collection: &Arc<Collection>, settings: Settings) -> Self {
        Self {
            engine: engine.clone(),
            collection: collection.clone(),
            settings,
            writer: SegmentWriter::default(),
            manifest: empty(engine, collection),
            progress: PackProgress::default(),
            left_out: LeftOut::default(),
        }
    }

    /// Packs every object of the collection.
    async fn fill(&mut self, before: Option<Manifest>, report: Report<'_>) -> Result<()> {
        let view = View::plain(self.engine.clone());
        let mut walk = IdWalk::new(&view, &self.collection, None, usize::MAX);
        let mut packed = Packed::of_manifest(&self.engine, &self.collection, before);
        loop {
            let batch = walk.next(self.engine.limits.concurrent_reads).await?;
            if batch.is_empty() {
                return self.flush().await;
            }
            self.progress.seen += batch.len() as u64;
            let known = self.known(&mut packed, &batch).await;
            self.progress.reused += known.len() as u64;
            for (id, listed, object) in self.read(&batch, known).await? {
                self.push(&id, &listed, object).await?;
            }
            report(&self.progress);
        }
    }

    /// What was packed or kept before at the version that is listed. That is a fact, whatever was written since.
    async fn known(
        &self,
        packed: &mut Packed,
        batch: &[(EncodedId, Listed)],
    ) -> HashMap<EncodedId, Object> {
        let wanted: Vec<_> = batch.iter().collect();
        let mut known: HashMap<_, _> = packed.of(&wanted, 1).await.into_iter().collect();
        if let Some(bodies) = &self.engine.warm.bodies {
            let kept = batch
                .iter()
                .filter_map(|(id, listed)| Some((id.clone(), bodies.recall(listed)?)));
            known.extend(kept);
        }
        known
    }

    /// The objects of a batch in its order; `None` for one that is too large, or gone.
    async fn read(
        &self,
        batch: &[(EncodedId, Listed)],
        mut known: HashMap<EncodedId, Object>,
    ) -> Result<Vec<(EncodedId, Listed, Option<Object>)>> {
        let engine = &self.engine;
        let reads = batch.iter().map(|(id, listed)| {
            let known = known.remove(id);
            async move {
                let object = match known {
                    Some(object) => Some(object),
                    None if listed.size > LARGEST_PACKED => None,
                    None => engine.store.get(&listed.key).await.map_err(store_failure)?,
                };
                Ok((id.clone(), listed.clone(), object))
            }
        });
        let read = stream::iter(reads.collect::<Vec<_>>()).buffered(engine.limits.concurrent_reads);
        let read: Result<_> = read.try_collect().await;
        read.map_err(|error| error.in_collection(self.collection.name()))
    }

    async fn push(
        &mut self,
        id: &EncodedId,
        listed: &Listed,
        object: Option<Object>,
    ) -> Result<()> {
        let key = &listed.key;
        let is_packed = object
            .filter(bodies::can_be_kept)
            .is_some_and(|object| self.writer.push(id, key, &object.version, &object.bytes));
        if is_packed {
            self.progress.packed += 1;
        } else {
            self.progress.left_out += 1;
            self.left_out.add(listed);
        }
        if self.writer.len() >= self.settings.segment_bytes {
            self.flush().await?;
        }
        Ok(())
    }

    /// Writes the segment.
    async fn flush(&mut self) -> Result<()> {
        let Some((bytes, segment)) = std::mem::take(&mut self.writer).finish()? else {
            return Ok(());
        };
        let number = self.manifest.segments.len();
        let key = path::snapshot_segment(self.collection.name(), self.manifest.generation, number);
        self.progress.segments += 1;
        self.progress.bytes += bytes.len() as u64;
        self.manifest.documents += segment.documents;
        self.manifest.segments.push(segment);
        put(&self.engine, &key, bytes).await
    }
}

/// The manifest of a snapshot without segments, of a new generation.
fn empty(engine: &Engine, collection: &Collection) -> Manifest {
    Manifest {
        database: engine.database.id,
        collection: collection.name().to_owned(),
        generation: engine.nonce(),
        packed: engine.now(),
        documents: 0,
        segments: Vec::new(),
        unknown: BTreeMap::new(),
    }
}

/// Puts a segment. Nobody else ever writes under its name, so what lies there is ours.
async fn put(engine: &Engine, key: &Key, bytes: Bytes) -> Result<()> {
    let mut last = None;
    for _ in 0..PUTS {
        match engine.store.put(key, &Expect::Absent, bytes.clone()).await {
            Attempt::Applied(_) | Attempt::Rejected => return Ok(()),
            Attempt::Refused(error) => return Err(store_failure(error)),
            Attempt::Unknown(error) => last = Some(error),
        }
        engine.clock.sleep(PAUSE).await;
    }
    let text = "a segment of the snapshot could not be written";
    let error = last.map_or_else(|| Error::new(Code::UNAVAILABLE, text), store_failure);
    Err(error)
}

/// Swaps the manifest; `false` when somebody else was faster.
async fn replace(
    engine: &Engine,
    collection: &Collection,
    base: Option<(Version, Envelope)>,
    manifest: &Manifest,
) -> Result<bool> {
    let key = path::snapshot_manifest(collection.name());
    let before = base.as_ref().map(|(_, envelope)| envelope);
    let envelope = Envelope::next(before, engine.nonce(), engine.nonce());
    let machine: PutMachine = PutMachine::new(key, base, envelope, &manifest.body());
    match engine.drive(machine).await {
        PutOutcome::Applied(_) => Ok(true),
        PutOutcome::Lost(_) => Ok(false),
        PutOutcome::Refused(error) => Err(store_failure(error)),
        PutOutcome::Unknown(error) => {
            let text = "the snapshot may or may not have been replaced; pack it again";
            Err(Error::new(Code::OUTCOME_UNKNOWN, text).with_source(error))
        }
    }
}

/// Removes the segments of a manifest that is not used any more.
async fn remove_segments(engine: &Engine, manifest: Option<&Manifest>) -> Result<()> {
    let Some(manifest) = manifest else {
        return Ok(());
    };
    let keys = (0..manifest.segments.len())
        .map(|number| path::snapshot_segment(&manifest.collection, manifest.generation, number));
    remove(engine, keys.collect()).await
}

async fn remove(engine: &Engine, keys: Vec<Key>) -> Result<()> {
    let removing = keys
        .iter()
        .map(|key| engine.store.delete_retired(key))
        .collect::<Vec<_>>();
    let removed = stream::iter(removing).buffer_unordered(engine.limits.concurrent_reads);
    removed.try_collect().await.map_err(store_failure)
}

/// Takes the snapshot of a collection out of use, and removes every segment. Gives how many there were. Whoever packs
/// meanwhile is overtaken, also where there was no snapshot yet: nothing from before this call comes back.
pub(crate) async fn drop_all(engine: &Arc<Engine>, collection: &Arc<Collection>) -> Result<u64> {
    engine.check_open()?;
    for _ in 0..SWAPS {
        let before = packed::load(engine, collection).await?;
        let nothing = empty(engine, collection);
        if replace(engine, collection, before.base, &nothing).await? {
            return remove_where(engine, collection, |_, _| true).await;
        }
    }
    let text = "the snapshot keeps changing; is it packed again and again?";
    Err(Error::new(Code::CONTENTION, text).in_collection(collection.name()))
}

/// Removes segments that no manifest names and that are older than the retention time: what is left of runs that ended early.
/// One LIST where there is none.
pub(crate) async fn sweep(engine: &Arc<Engine>, collection: &Collection) -> Result<u64> {
    let is_old = |listed: &Listed| {
        let written = listed.last_modified;
        written.is_some_and(|written| written.saturating_add(engine.retention) < engine.now())
    };
    let page = list(engine, collection, None).await?;
    if !page.objects.iter().any(is_old) {
        return Ok(0);
    }
    let current = packed::load(engine, collection).await?.manifest;
    let current = current.map(|manifest| manifest.generation);
    remove_where(engine, collection, |generation, listed| {
        Some(generation) != current && is_old(listed)
    })
    .await
}

/// Removes the segments of which `is_dead` says so, and gives how many there were.
async fn remove_where(
    engine: &Engine,
    collection: &Collection,
    is_dead: impl Fn(Nonce, &Listed) -> bool,
) -> Result<u64> {
    let (mut after, mut removed) = (None, 0);
    loop {
        let page = list(engine, collection, after.as_ref()).await?;
        let is_dead = |listed: &&Listed| {
            let generation = path::parse_snapshot_segment(collection.name(), &listed.key);
            generation.is_some_and(|generation| is_dead(generation, listed))
        };
        let dead: Vec<Key> = page
            .objects
            .iter()
            .filter(is_dead)
            .map(|listed| listed.key.clone())
            .collect();
        removed += dead.len() as u64;
        remove(engine, dead).await?;
        after = page.objects.last().map(|listed| listed.key.clone());
        if !page.has_more {
            return Ok(removed);
        }
    }
}

async fn list(engine: &Engine, collection: &Collection, after: Option<&Key>) -> Result<ListPage> {
    let prefix = path::snapshots(collection.name());
    let page = engine.store.list(&prefix, after, 1_000).await;
    page.map_err(|error| store_failure(error).in_collection(collection.name()))
}
