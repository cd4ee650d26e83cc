//! A collection without its Rust type: what is published of it and what its catalog says, made into what the protocol needs.

mod spec;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

use super::{
    Collection, Engine,
    agreement::fetch_catalog,
    change::Base,
    engine::store_failure,
    read::{self, Fetched},
};
use crate::{
    document::{IndexSink, Scalar},
    error::{Code, Error, Result},
    format::{
        Key, Prefix,
        envelope::BodyShape,
        index_key::{IndexEncoder, IndexEntries},
        path::{self, EncodedId},
        schema::{PublishedSchema, UntypedFacts},
        stored_type::{self, StoredType},
        upgrade,
    },
    migration::Versions,
};

/// The members of a document.
pub(crate) type Members = Map<String, Value>;

/// A collection, and what is known of its documents.
#[derive(Debug)]
pub(crate) struct Untyped {
    pub(crate) collection: Arc<Collection>,
    pub(crate) schema: Option<PublishedSchema>,
    /// Why nothing may be written.
    pub(crate) read_only: Option<&'static str>,
    /// Per ordinal, the type of each component's value; of a list index that of an element.
    components: Vec<Vec<StoredType>>,
}

const NO_SCHEMA: &str = "no version of its type is published (the type is not sealed by a lock), so its documents can only be read";
const NO_FACTS: &str = "only programs of an older build have used its type, which did not say what programs without the type need; so its documents can only be read";
const NO_CATALOG: &str = "no program has written to it yet, so its documents can only be read";

/// Opens a collection by its name: at most two LISTs and two GETs, a GET for each addition to the published version.
pub(crate) async fn open(engine: &Arc<Engine>, name: &str) -> Result<Untyped> {
    if !path::is_collection_name(name) {
        let text = "the name of a collection matches `[a-z][a-z0-9-]*`";
        return Err(Error::new(Code::INVALID, text));
    }
    let catalog = fetch_catalog(engine, name).await?;
    let schema = newest(engine, name).await?;
    if catalog.is_none() && schema.is_none() && !has_any(engine, &folder(name)).await? {
        let text = format!("there is no collection `{name}` in this store");
        return Err(Error::new(Code::NOT_FOUND, text));
    }
    let facts = schema.as_ref().and_then(|schema| schema.untyped.as_ref());
    let keeps_history = facts.is_some_and(|facts| facts.keeps_history)
        || has_any(engine, &path::histories(name)).await?;
    let made = spec::make(name, catalog.as_ref(), schema.as_ref(), keeps_history)?;
    let read_only = match (&schema, facts, &catalog) {
        (None, ..) => Some(NO_SCHEMA),
        (_, None, _) => Some(NO_FACTS),
        (.., None) => Some(NO_CATALOG),
        _ => None,
    };
    Ok(Untyped {
        collection: Collection::untyped(made.spec, shape(facts)),
        components: made.components,
        read_only,
        schema,
    })
}

fn folder(name: &str) -> Prefix {
    Prefix::new(format!("{name}/"))
}

async fn has_any(engine: &Engine, prefix: &Prefix) -> Result<bool> {
    let page = engine.store.list(prefix, None, 1).await;
    Ok(!page.map_err(store_failure)?.objects.is_empty())
}

/// The newest published version, with what programs added to it.
async fn newest(engine: &Engine, name: &str) -> Result<Option<PublishedSchema>> {
    let keys = published(engine, name).await?;
    let Some(version) = keys.iter().map(|(version, _)| *version).max() else {
        return Ok(None);
    };
    let Some(mut schema) = fetch(engine, &path::schema(name, version)).await? else {
        return Ok(None);
    };
    let base = path::schema(name, version);
    for (_, key) in keys
        .iter()
        .filter(|(of, key)| *of == version && *key != base)
    {
        let added = fetch(engine, key).await?;
        let same = added.filter(|added| added.digest == schema.digest);
        if let Some(facts) = same.and_then(|added| added.untyped) {
            schema.untyped = Some(match schema.untyped.take() {
                Some(known) => known.with(&facts),
                None => facts,
            });
        }
    }
    Ok(Some(schema))
}

/// Every published object and the version that it is about.
async fn published(engine: &Engine, name: &str) -> Result<Vec<(u32, Key)>> {
    let prefix = path::schemas(name);
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = engine.store.list(&prefix, after.as_ref(), 1_000).await;
        let page = page.map_err(store_failure)?;
        after = page.objects.last().map(|listed| listed.key.clone());
        keys.extend(page.objects.into_iter().filter_map(|listed| {
            let name = listed.key.as_str().strip_prefix(&prefix.to_string())?;
            let name = name.strip_suffix(".json")?;
            let version = name.split_once('-').map_or(name, |(version, _)| version);
            Some((version.parse().ok()?, listed.key.clone()))
        }));
        if !page.has_more || after.is_none() {
            return Ok(keys);
        }
    }
}

async fn fetch(engine: &Engine, key: &Key) -> Result<Option<PublishedSchema>> {
    let object = engine.store.get(key).await.map_err(store_failure)?;
    object
        .map(|object| PublishedSchema::open(&object.bytes))
        .transpose()
}

/// What the envelope says of a body: its embedded types; never a seal, which only the type has.
fn shape(facts: Option<&UntypedFacts>) -> BodyShape {
    let mut embedded = BTreeMap::new();
    if let Some(facts) = facts {
        facts
            .types
            .values()
            .for_each(|ty| ty.note_versions(&mut embedded));
    }
    BodyShape {
        embedded: Versions(embedded),
        readable_by: facts.and_then(|facts| facts.readable_by),
        ..BodyShape::default()
    }
}

impl Untyped {
    pub(crate) fn facts(&self) -> Option<&UntypedFacts> {
        self.schema
            .as_ref()
            .and_then(|schema| schema.untyped.as_ref())
    }

    /// The types of the values of a definition's components; of a list index that of an element.
    pub(crate) fn component_types(&self, ordinal: u16) -> &[StoredType] {
        &self.components[usize::from(ordinal)]
    }

    /// Refuses where nothing may be written.
    pub(crate) fn check_writable(&self, engine: &Engine) -> Result<&UntypedFacts> {
        engine.check_writable()?;
        match (self.read_only, self.facts()) {
            (None, Some(facts)) => Ok(facts),
            (reason, _) => {
                let text = reason.unwrap_or(NO_FACTS);
                let error = Error::new(Code::READ_ONLY, text);
                Err(error.in_collection(self.collection.name()))
            }
        }
    }

    /// The entries of a document with these members.
    pub(crate) fn entries(&self, members: &Members) -> Result<IndexEntries> {
        let spec = self.collection.spec;
        let mut encoder = IndexEncoder::new(spec);
        for ordinal in 0..spec.indexes.len() {
            self.push(ordinal, members, &mut encoder)?;
        }
        encoder.finish()
    }

    /// The entries of a stored document as far as its JSON tells them. What is missing here is announced anew, and what is
    /// left over is found stale by queries.
    fn entries_of_stored(&self, members: &Members) -> IndexEntries {
        let spec = self.collection.spec;
        let mut entries = read::no_entries(&self.collection);
        for ordinal in 0..spec.indexes.len() {
            let mut encoder = IndexEncoder::new(spec);
            let pushed = self.push(ordinal, members, &mut encoder);
            if let Ok(mut of_this) = pushed.and_then(|()| encoder.finish()) {
                entries.values[ordinal] = std::mem::take(&mut of_this.values[ordinal]);
            }
        }
        entries
    }

    fn push(&self, ordinal: usize, members: &Members, sink: &mut IndexEncoder) -> Result<()> {
        let index = &self.collection.spec.indexes[ordinal];
        let position = u16::try_from(ordinal).expect("a type has few definitions");
        let types = &self.components[ordinal];
        if index.each {
            let component = &index.components[0];
            let list = self.member(members, component.field)?;
            for element in list.and_then(Value::as_array).into_iter().flatten() {
                let value = scalar(component, &types[0], Some(element))?;
                sink.entry(position, &[value]);
            }
            return Ok(());
        }
        let components = index.components.iter().zip(types);
        let scalars: Vec<Scalar<'_>> = components
            .map(|(component, ty)| scalar(component, ty, self.member(members, component.field)?))
            .collect::<Result<_>>()?;
        sink.entry(position, &scalars);
        Ok(())
    }

    /// A member by its stored name. Under another name that the type reads, its value is not looked for: that is the type's
    /// business.
    fn member<'m>(&self, members: &'m Members, field: &str) -> Result<Option<&'m Value>> {
        let aliases = self.facts().and_then(|facts| facts.aliases.get(field));
        if aliases.is_some_and(|aliases| aliases.iter().any(|alias| members.contains_key(alias))) {
            return Err(invalid(field, "is there under an older name"));
        }
        Ok(members.get(field))
    }

    /// What a fetched object is replaced as.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported): it is not of the published version.
    pub(crate) fn base(&self, id: &EncodedId, fetched: &Fetched) -> Result<Base> {
        let opened = &fetched.settled.opened;
        upgrade::check_replaceable(self.collection.spec, opened)
            .map_err(|error| read::at(&self.collection, id, error))?;
        let entries = match fetched.is_live() {
            true => {
                self.check_version(id, fetched)?;
                self.entries_of_stored(&members(&self.collection, id, fetched)?)
            }
            false => read::no_entries(&self.collection),
        };
        Ok(Base {
            settled: fetched.settled.clone(),
            entries,
        })
    }

    /// A document of another version is migrated by programs with the type, and by nobody else.
    fn check_version(&self, id: &EncodedId, fetched: &Fetched) -> Result<()> {
        let (opened, version) = (&fetched.settled.opened, self.collection.spec.schema_version);
        let envelope = &opened.envelope;
        let is_of_today = match opened.has_version() {
            true => {
                envelope.schema == version
                    && envelope.shape.embedded == self.collection.shape.embedded
            }
            false => self.facts().is_some_and(|facts| !facts.adopts),
        };
        if is_of_today {
            return Ok(());
        }
        let text = format!(
            "the document is not as version {version} writes it; only a program with the type migrates it, by reading and saving it"
        );
        Err(read::at(
            &self.collection,
            id,
            Error::new(Code::UNSUPPORTED_SCHEMA, text),
        ))
    }
}

/// The members of a stored document. Of a name that occurs twice, the last one counts.
pub(crate) fn members(
    collection: &Collection,
    id: &EncodedId,
    fetched: &Fetched,
) -> Result<Members> {
    serde_json::from_slice(&fetched.settled.opened.body).map_err(|error| {
        let error = crate::format::json::corrupt("the body", &error);
        read::at(collection, id, error)
    })
}

fn scalar<'m>(
    component: &crate::document::ComponentSpec,
    ty: &StoredType,
    value: Option<&'m Value>,
) -> Result<Scalar<'m>> {
    let value = value.unwrap_or(&Value::Null);
    if value.is_null() && !component.encoding.optional {
        return Err(invalid(component.field, "is missing"));
    }
    if !value.is_null() && stored_type::fits(ty, value).is_err() {
        return Err(invalid(component.field, "is not what its type says"));
    }
    stored_type::scalar(ty, value).ok_or_else(|| invalid(component.field, "cannot be indexed"))
}

/// An error about a member, which does not tell its value.
pub(crate) fn invalid(field: &str, what: &str) -> Error {
    Error::new(Code::INVALID, format!("`{field}` {what}"))
}
