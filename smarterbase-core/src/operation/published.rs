//! Before the first document of a type: are its versions the ones that the store knows? What a lock seals is published,
//! create-if-absent; whoever has another shape for a known version is refused. Once per process and type.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use smarterbase_schema::digest;

use super::{Collection, Engine, engine::store_failure};
use crate::{
    document::{DocumentSpec, Standing, Upgrade},
    error::{Code, Error, Result},
    format::{Envelope, Key, path, schema::PublishedSchema},
    port::Object,
    protocol::{PutMachine, PutOutcome},
};

/// Checks and publishes the type's schema, unless this process has done it. One GET for each version that it reads, all of them
/// at once; one PUT for each that nobody has published; a LIST instead for an `unsealed` type.
pub(crate) async fn agree(engine: &Arc<Engine>, collection: &Collection) -> Result<()> {
    if collection.published.initialized() {
        return Ok(());
    }
    let first = async || {
        check(engine, collection).await?;
        begin_upgrade(engine, collection);
        Ok::<_, Error>(())
    };
    let agreed = collection.published.get_or_try_init(first).await;
    agreed
        .copied()
        .map_err(|error| error.in_collection(collection.name()))
}

/// The first use of an eager type upgrades its collection in the background.
fn begin_upgrade(engine: &Arc<Engine>, collection: &Collection) {
    let is_eager = collection.spec.history.policy.upgrade == Upgrade::Eager;
    if let Some(collection) = collection.shared().filter(|_| is_eager)
        && engine.check_writable().is_ok()
    {
        (engine.begin_upgrade)(engine, collection);
    }
}

async fn check(engine: &Arc<Engine>, collection: &Collection) -> Result<()> {
    match collection.spec.history.policy.standing {
        Standing::Untracked => return Ok(()),
        Standing::Unsealed => return check_unsealed(engine, collection).await,
        Standing::Draft(_) => refuse_where_sealed_only(engine, collection)?,
        Standing::Sealed => {}
    }
    check_versions(engine, collection, &known(collection.spec)).await
}

/// A version as this program knows it.
struct Known {
    version: u32,
    digest: String,
    /// What is published of it; nothing of a draft.
    schema: Option<PublishedSchema>,
}

/// Every version that the program can meet: what its lock seals, and the draft of today.
fn known(spec: &DocumentSpec) -> Vec<Known> {
    let policy = &spec.history.policy;
    let draft = match policy.standing {
        Standing::Draft(digest) => Some(Known {
            version: spec.schema_version,
            digest: digest::hex(digest),
            schema: None,
        }),
        Standing::Untracked | Standing::Unsealed | Standing::Sealed => None,
    };
    let sealed = spec.history.sealed().into_iter().map(|sealed| Known {
        version: sealed.version,
        digest: digest::hex(sealed.shape.digest()),
        schema: Some(PublishedSchema::of(spec, &sealed)),
    });
    sealed.chain(draft).collect()
}

/// All versions are asked for at once. Nothing is published before all of them were found to fit.
async fn check_versions(engine: &Engine, collection: &Collection, known: &[Known]) -> Result<()> {
    let found = known.iter().map(|known| fetch(engine, collection, known));
    let found: Vec<_> = side_by_side(engine, found.collect()).await?;
    let (mut missing, mut today) = (Vec::new(), None);
    for (known, found) in known.iter().zip(found) {
        match found {
            Some(published) => {
                compare(collection, known, &published)?;
                let is_today = known.version == collection.spec.schema_version;
                today = today.or(known
                    .schema
                    .as_ref()
                    .filter(|_| is_today)
                    .map(|own| (own, published)));
            }
            None => missing.extend(known.schema.as_ref().map(|schema| (known, schema))),
        }
    }
    if let Some((own, published)) = today {
        add(engine, collection, &published, own).await?;
    }
    if missing.is_empty() || engine.check_writable().is_err() {
        return Ok(());
    }
    let published = missing.iter().map(async |(known, schema)| {
        let published = publish(engine, collection, schema).await?;
        compare(collection, known, &published)
    });
    side_by_side(engine, published.collect()).await.map(drop)
}

async fn side_by_side<Output>(
    engine: &Engine,
    calls: Vec<impl Future<Output = Result<Output>>>,
) -> Result<Vec<Output>> {
    let calls = stream::iter(calls).buffered(engine.limits.concurrent_reads);
    calls.try_collect().await
}

fn compare(collection: &Collection, known: &Known, published: &PublishedSchema) -> Result<()> {
    if published.digest == known.digest {
        return Ok(());
    }
    Err(drift(collection, known, published))
}

async fn check_unsealed(engine: &Engine, collection: &Collection) -> Result<()> {
    refuse_where_sealed_only(engine, collection)?;
    let prefix = path::schemas(collection.name());
    let page = engine.store.list(&prefix, None, 1).await;
    if page.map_err(store_failure)?.objects.is_empty() {
        return Ok(());
    }
    let text = format!(
        "`{}` is `unsealed`, but sealed versions of it are published in this store",
        collection.spec.type_name
    );
    Err(Error::new(Code::SCHEMA_DRIFT, text))
}

fn refuse_where_sealed_only(engine: &Engine, collection: &Collection) -> Result<()> {
    if !engine.database.sealed_only {
        return Ok(());
    }
    let text = format!(
        "version {} of `{}` is not sealed, and this store takes only what is (run `cargo smarterbase seal`)",
        collection.spec.schema_version, collection.spec.type_name
    );
    Err(Error::new(Code::SCHEMA_DRIFT, text))
}

/// Publishes what programs without the type need beside the version, where the version does not say it: an older build
/// published it, or the definitions of this program are others. One GET then, and one PUT once.
async fn add(
    engine: &Engine,
    collection: &Collection,
    published: &PublishedSchema,
    own: &PublishedSchema,
) -> Result<()> {
    if !published.lacks(own) || engine.check_writable().is_err() {
        return Ok(());
    }
    let key = path::schema_addition(collection.name(), &own.addition_name());
    let there = engine.store.get(&key).await.map_err(store_failure)?;
    if there.is_some() {
        return Ok(());
    }
    put(engine, key, own).await.map(drop)
}

async fn fetch(
    engine: &Engine,
    collection: &Collection,
    known: &Known,
) -> Result<Option<PublishedSchema>> {
    let key = path::schema(collection.name(), known.version);
    let object = engine.store.get(&key).await.map_err(store_failure)?;
    object.as_ref().map(open).transpose()
}

fn open(object: &Object) -> Result<PublishedSchema> {
    PublishedSchema::open(&object.bytes)
}

/// Publishes the version; gives what is there afterwards, which is somebody else's when they were faster.
async fn publish(
    engine: &Engine,
    collection: &Collection,
    own: &PublishedSchema,
) -> Result<PublishedSchema> {
    let key = path::schema(collection.name(), own.version);
    put(engine, key, own).await
}

async fn put(engine: &Engine, key: Key, own: &PublishedSchema) -> Result<PublishedSchema> {
    let envelope = Envelope::first(engine.nonce());
    let machine: PutMachine = PutMachine::new(key, None, envelope, &own.body());
    match engine.drive(machine).await {
        PutOutcome::Applied(_) => Ok(own.clone()),
        PutOutcome::Lost(Some(object)) => open(&object),
        PutOutcome::Lost(None) => Err(Error::new(
            Code::UNAVAILABLE,
            "the published schema was removed while it was read",
        )),
        PutOutcome::Refused(error) | PutOutcome::Unknown(error) => Err(store_failure(error)),
    }
}

fn drift(collection: &Collection, known: &Known, published: &PublishedSchema) -> Error {
    let (name, version) = (collection.spec.type_name, known.version);
    let place = path::schema(collection.name(), version);
    let which = known.schema.as_ref().map_or_else(String::new, |own| {
        format!(" ({})", differing(published, own))
    });
    let text = format!(
        "version {version} of `{name}` is not the one that was published in {place}{which}; give the change a version of its \
         own"
    );
    Error::new(Code::SCHEMA_DRIFT, text)
}

/// The names of the fields that are not alike.
fn differing(published: &PublishedSchema, own: &PublishedSchema) -> String {
    let names = published.fields.keys().chain(own.fields.keys());
    let mut names: Vec<&str> = names
        .filter(|name| published.fields.get(*name) != own.fields.get(*name))
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    names.dedup();
    match names.is_empty() {
        true => "its key or its form differs".to_owned(),
        false => format!("different: {}", names.join(", ")),
    }
}
