//! Opening a database by URL.

use std::{path::PathBuf, sync::Arc};

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
use smarterbase_core::store::probe::deletes_conditionally;
use smarterbase_core::{
    Error, Result,
    db::{Db, DbBuilder},
    error::Code,
    store::{FileOptions, FileStore, MemoryStore},
};

/// Opens the database at `url`.
///
/// | URL | Store | Feature |
/// |---|---|---|
/// | `./data`, `file:./data`, `file:///var/data` | a folder on a local disk, shared by many processes | |
/// | `memory:` | this process's memory | |
/// | `s3://bucket/prefix` | S3 and what speaks its protocol | `s3` |
/// | `gs://bucket/prefix` | Google Cloud Storage | `gcs` |
/// | `az://account/container/prefix` | Azure Blob Storage | `azure` |
///
/// | Query | Meaning |
/// |---|---|
/// | `redis=<percent-encoded URL>` | indexes in Redis, and a fair queue for locks (feature `redis`): `redis://host`, `redis+cluster://host,host` or `redis+sentinel://host,host?service=name` |
/// | `redis=env` | the same, on the Redis that `REDIS_URL` names, with `REDIS_SENTINEL_PASSWORD` where it names Sentinels; or `REDIS_ADDR`, `REDIS_PASSWORD`, `REDIS_DB` and `REDIS_TLS_ENABLED` |
/// | `index=objects`, `index=redis` or `index=local` | where new collections keep their indexes; `redis` by default where one is given |
/// | `index_path=<path>` | with `index=local` (feature `local-index`): the file of the index; by default `.sb/index.redb` in the folder of the database |
/// | `read_only=true` | nothing may be written |
/// | `in_flight_seconds=60` | the in-flight bound of a database that is made now |
/// | `endpoint`, `region`, `path_style`, … | for object stores, see [`s3`](crate::s3) |
///
/// # Errors
/// - [`Misconfigured`](crate::ErrorKind::Misconfigured): an unknown scheme or setting, or a feature that is not compiled in.
/// - As [`DbBuilder::open`].
pub async fn open(url: impl AsRef<str>) -> Result<Db> {
    builder(url.as_ref())
        .await
        .map_err(|error| error.during("open"))?
        .open()
        .await
}

/// The parts and settings that `url` names, to change more of them before opening.
///
/// # Errors
/// As [`open`].
pub async fn builder(url: &str) -> Result<DbBuilder> {
    let target = Target::parse(url)?;
    let settings = target.settings.clone();
    let index = IndexChoice::of(&target)?;
    let mut builder = connect(target).await?.read_only(settings.read_only);
    if let Some(seconds) = settings.in_flight_seconds {
        builder = builder.in_flight_bound(std::time::Duration::from_secs(seconds));
    }
    if let IndexChoice::Local(place) = &index {
        builder = add_local_index(builder, place, &settings).await?;
    }
    match &settings.redis {
        Some(url) => connect_redis(builder, url, matches!(index, IndexChoice::Redis)).await,
        None => Ok(builder),
    }
}

/// A URL in its parts.
struct Target {
    scheme: String,
    /// Without the scheme and the query.
    location: String,
    /// What the store itself must understand.
    store_query: Vec<(String, String)>,
    settings: Settings,
}

/// Settings of the database, whatever its store.
#[derive(Clone, Default)]
struct Settings {
    redis: Option<String>,
    index: Option<String>,
    index_path: Option<String>,
    read_only: bool,
    in_flight_seconds: Option<u64>,
}

impl Target {
    fn parse(url: &str) -> Result<Self> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (scheme, location) = split_scheme(base);
        let mut target = Self {
            scheme,
            location,
            store_query: Vec::new(),
            settings: Settings::default(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            target.set(key, decode(key, value)?)?;
        }
        Ok(target)
    }

    fn set(&mut self, key: &str, value: String) -> Result<()> {
        match key {
            "redis" => self.settings.redis = Some(value),
            "index" => self.settings.index = Some(value),
            "index_path" => self.settings.index_path = Some(value),
            "read_only" => self.settings.read_only = flag(key, &value)?,
            "in_flight_seconds" => self.settings.in_flight_seconds = Some(number(key, &value)?),
            _ => self.store_query.push((key.to_owned(), value)),
        }
        Ok(())
    }

    /// The URL without what was taken out of it, for the crate that opens the store.
    #[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
    fn store_url(&self) -> String {
        let query: Vec<String> = self
            .store_query
            .iter()
            .map(|(key, value)| format!("{key}={}", encode(value)))
            .collect();
        let separator = if query.is_empty() { "" } else { "?" };
        format!(
            "{}://{}{separator}{}",
            self.scheme,
            self.location,
            query.join("&")
        )
    }

    fn refuse_store_query(&self) -> Result<()> {
        match self.store_query.first() {
            None => Ok(()),
            Some((key, _)) => Err(misconfigured(format!(
                "unknown setting `{key}`; a {} database takes redis, index, index_path, read_only and in_flight_seconds",
                self.scheme
            ))),
        }
    }
}

fn split_scheme(base: &str) -> (String, String) {
    if let Some((scheme, rest)) = base.split_once("://") {
        return (scheme.to_owned(), rest.to_owned());
    }
    match base.split_once(':') {
        Some((scheme @ ("file" | "memory"), rest)) => (scheme.to_owned(), rest.to_owned()),
        _ => ("file".to_owned(), base.to_owned()),
    }
}

async fn connect(target: Target) -> Result<DbBuilder> {
    match target.scheme.as_str() {
        "file" => {
            target.refuse_store_query()?;
            open_folder(&target).await
        }
        "memory" => {
            target.refuse_store_query()?;
            Ok(Db::builder().store(Arc::new(MemoryStore::new())))
        }
        #[cfg(feature = "s3")]
        "s3" => object_storage(&target),
        #[cfg(feature = "gcs")]
        "gs" => object_storage(&target),
        #[cfg(feature = "azure")]
        "az" => object_storage(&target),
        #[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure")))]
        #[allow(
            unreachable_patterns,
            reason = "a scheme whose feature is on was met above"
        )]
        scheme @ ("s3" | "gs" | "az") => Err(misconfigured(format!(
            "this program was built without support for {scheme}: URLs; add the feature `{}` of `smarterbase`",
            feature_of(scheme)
        ))),
        other => Err(misconfigured(format!(
            "unknown scheme `{other}`; use a path, file:, memory:, s3://, gs:// or az://"
        ))),
    }
}

/// The feature that a scheme needs.
#[cfg(not(all(feature = "s3", feature = "gcs", feature = "azure")))]
fn feature_of(scheme: &str) -> &'static str {
    match scheme {
        "gs" => "gcs",
        "az" => "azure",
        _ => "s3",
    }
}

async fn open_folder(target: &Target) -> Result<DbBuilder> {
    if target.location.is_empty() {
        return Err(misconfigured("the path of the database is empty".into()));
    }
    let options = FileOptions {
        read_only: target.settings.read_only,
        ..FileOptions::default()
    };
    let folder = FileStore::open(PathBuf::from(&target.location), options).await?;
    Ok(Db::builder().store(Arc::new(folder)))
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
fn object_storage(target: &Target) -> Result<DbBuilder> {
    let options = smarterbase_s3::ObjectStoreOptions::from_url(&target.store_url())?;
    let storage = options.connect()?;
    // The probe finds out whether removal at a version works; until it did, nobody relies on it.
    let probed = Arc::new(storage.clone().with_conditional_delete(true));
    Ok(Db::builder().store_chosen_by_probe(probed, move |report| {
        let works = deletes_conditionally(report);
        Arc::new(storage.clone().with_conditional_delete(works))
    }))
}

/// Where new collections keep their indexes.
enum IndexChoice {
    Objects,
    Redis,
    Local(IndexPlace),
}

/// Where a local index lies.
enum IndexPlace {
    File(PathBuf),
    Memory,
}

impl IndexChoice {
    fn of(target: &Target) -> Result<Self> {
        let settings = &target.settings;
        if settings.index_path.is_some() && settings.index.as_deref() != Some("local") {
            return Err(misconfigured("index_path needs index=local".into()));
        }
        match settings.index.as_deref() {
            None if settings.redis.is_some() => Ok(Self::Redis),
            None | Some("objects") => Ok(Self::Objects),
            Some("redis") if settings.redis.is_some() => Ok(Self::Redis),
            Some("redis") => Err(misconfigured(
                "index=redis needs redis=<percent-encoded URL>".into(),
            )),
            Some("local") => IndexPlace::of(target).map(Self::Local),
            Some(other) => Err(misconfigured(format!(
                "unknown index `{other}`; use objects, redis or local"
            ))),
        }
    }
}

impl IndexPlace {
    fn of(target: &Target) -> Result<Self> {
        match (&target.settings.index_path, target.scheme.as_str()) {
            (Some(path), _) => Ok(Self::File(path.into())),
            (None, "file") => Ok(Self::File(
                PathBuf::from(&target.location).join(".sb/index.redb"),
            )),
            (None, "memory") => Ok(Self::Memory),
            (None, scheme) => Err(misconfigured(format!(
                "index=local on {scheme}: needs index_path=<a file on a disk of this machine>"
            ))),
        }
    }
}

#[cfg(feature = "local-index")]
async fn add_local_index(
    builder: DbBuilder,
    place: &IndexPlace,
    settings: &Settings,
) -> Result<DbBuilder> {
    use smarterbase_core::index::{LocalIndex, LocalOptions};
    let options = LocalOptions {
        read_only: settings.read_only,
        ..LocalOptions::default()
    };
    let index = match place {
        IndexPlace::File(path) => LocalIndex::open(path, options).await?,
        IndexPlace::Memory => LocalIndex::in_memory(options).await?,
    };
    Ok(builder.index(Arc::new(index)))
}

#[cfg(not(feature = "local-index"))]
async fn add_local_index(_: DbBuilder, place: &IndexPlace, _: &Settings) -> Result<DbBuilder> {
    let wanted = match place {
        IndexPlace::File(path) => path.display().to_string(),
        IndexPlace::Memory => "memory".to_owned(),
    };
    Err(misconfigured(format!(
        "this program was built without local indexes ({wanted}); add the feature `local-index` of `smarterbase`"
    )))
}

/// Locks always queue up in a Redis that is there; indexes only where that was not ruled out.
#[cfg(feature = "redis")]
async fn connect_redis(builder: DbBuilder, url: &str, has_index: bool) -> Result<DbBuilder> {
    use smarterbase_redis::{RedisIndex, RedisLink, RedisLockQueue, RedisOptions};
    let options = match url {
        "env" => RedisOptions::from_env()?,
        url => RedisOptions::from_url(url)?,
    };
    let link = RedisLink::open(options).await?;
    let builder = builder.lock_queue(Arc::new(RedisLockQueue::new(link.clone())));
    Ok(match has_index {
        true => builder.index(Arc::new(RedisIndex::new(link))),
        false => builder,
    })
}

#[cfg(not(feature = "redis"))]
async fn connect_redis(_: DbBuilder, _: &str, _: bool) -> Result<DbBuilder> {
    Err(misconfigured("this program was built without support for Redis; add the feature `redis` of `smarterbase`".into()))
}

fn flag(key: &str, value: &str) -> Result<bool> {
    match value {
        "" | "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(misconfigured(format!("`{key}` takes true or false"))),
    }
}

fn number(key: &str, value: &str) -> Result<u64> {
    value
        .parse()
        .map_err(|_| misconfigured(format!("`{key}` takes a whole number")))
}

/// Undoes the percent-encoding of a setting.
fn decode(key: &str, value: &str) -> Result<String> {
    let decoded = percent_encoding::percent_decode_str(value).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| misconfigured(format!("`{key}` is not percent-encoded UTF-8")))
}

#[cfg(any(feature = "s3", feature = "gcs", feature = "azure"))]
fn encode(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn misconfigured(text: String) -> Error {
    Error::new(Code::MISCONFIGURED, text)
}
