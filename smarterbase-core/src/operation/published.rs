//! Before the first document of a type: is its shape the one that the store knows? A sealed version is published,
//! create-if-absent; whoever has another shape for a known version is refused. Once per process and type.

use std::sync::Arc;

use super::{Collection, Engine, engine::store_failure};
use crate::{
    document::{SealedShape, Standing, Upgrade},
    error::{Code, Error, Result},
    format::{Envelope, Key, path, schema::PublishedSchema},
    port::Object,
    protocol::{PutMachine, PutOutcome},
};

/// Checks and publishes the type's schema, unless this process has done it. One GET; one PUT when nobody has published the
/// version; a LIST instead for an `unsealed` type.
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
        Standing::Untracked => Ok(()),
        Standing::Unsealed => check_unsealed(engine, collection).await,
        Standing::Draft(digest) => check_draft(engine, collection, digest).await,
        Standing::Sealed(shape) => check_sealed(engine, collection, &shape).await,
    }
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

async fn check_draft(engine: &Engine, collection: &Collection, digest: u64) -> Result<()> {
    refuse_where_sealed_only(engine, collection)?;
    match fetch(engine, collection).await? {
        Some(published) if published.digest != smarterbase_schema::digest::hex(digest) => {
            Err(drift(collection, &published, None))
        }
        _ => Ok(()),
    }
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

async fn check_sealed(engine: &Engine, collection: &Collection, shape: &SealedShape) -> Result<()> {
    let own = PublishedSchema::of(collection.spec, shape);
    let published = match fetch(engine, collection).await? {
        Some(published) => published,
        None if engine.check_writable().is_err() => return Ok(()),
        None => publish(engine, collection, &own).await?,
    };
    if published.digest != own.digest {
        return Err(drift(collection, &published, Some(&own)));
    }
    add(engine, collection, &published, &own).await
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
    if engine
        .store
        .get(&key)
        .await
        .map_err(store_failure)?
        .is_some()
    {
        return Ok(());
    }
    put(engine, key, own).await.map(drop)
}

async fn fetch(engine: &Engine, collection: &Collection) -> Result<Option<PublishedSchema>> {
    let key = path::schema(collection.name(), collection.spec.schema_version);
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
    let key = path::schema(collection.name(), collection.spec.schema_version);
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

fn drift(
    collection: &Collection,
    published: &PublishedSchema,
    own: Option<&PublishedSchema>,
) -> Error {
    let (name, version) = (collection.spec.type_name, collection.spec.schema_version);
    let place = path::schema(collection.name(), version);
    let which = own.map_or_else(String::new, |own| {
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
