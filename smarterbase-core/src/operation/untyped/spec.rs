//! The static facts of a type that is not here, made of the catalog and the published schema.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    document::{
        ComponentSpec, DocumentSpec, History, IndexKind, IndexSpec, KeyKind, UnknownMembers,
        index_value::Encoding,
    },
    error::{Code, Error, Result},
    format::{
        catalog::{Catalog, Entry},
        definition::{self, ReadComponent},
        schema::{PublishedSchema, UntypedFacts},
        stored_type::{self, StoredType},
    },
};

/// The facts, and per definition the types of its components' values.
pub(super) struct Made {
    pub(super) spec: &'static DocumentSpec,
    pub(super) components: Vec<Vec<StoredType>>,
}

/// What a spec is made of.
#[derive(Debug)]
struct Facts {
    collection: String,
    version: u32,
    shards: u8,
    key_kind: KeyKind,
    key: String,
    keeps_history: bool,
    indexes: Vec<Index>,
}

#[derive(Debug)]
struct Index {
    name: String,
    kind: IndexKind,
    each: bool,
    components: Vec<Component>,
}

#[derive(Debug)]
struct Component {
    field: String,
    origin: String,
    touched: u32,
    encoding: Encoding,
    lower: Option<u8>,
}

/// Makes the facts. A definition whose entries cannot be made of JSON is left out: writers refuse while it is maintained.
pub(super) fn make(
    name: &str,
    catalog: Option<&Catalog>,
    schema: Option<&PublishedSchema>,
    keeps_history: bool,
) -> Result<Made> {
    let untyped = schema.and_then(|schema| schema.untyped.as_ref());
    let mut facts = Facts {
        collection: name.to_owned(),
        version: schema.map_or(1, |schema| schema.version),
        shards: catalog.map_or(1, |catalog| catalog.shards),
        key_kind: key_kind(catalog)?,
        key: schema.map_or_else(|| "id".to_owned(), |schema| schema.key.clone()),
        keeps_history,
        indexes: Vec::new(),
    };
    let mut components = Vec::new();
    if let (Some(catalog), Some(untyped)) = (catalog, untyped) {
        for (full_name, entry) in &catalog.definitions {
            if let Some((index, types)) = resolve(untyped, full_name, entry) {
                facts.indexes.push(index);
                components.push(types);
            }
        }
    }
    let spec = interned(&facts);
    keep_known(spec, catalog, components)
}

/// Definitions are found again by their names, which hash their texts: where that fails, the text holds something new.
fn keep_known(
    spec: &'static DocumentSpec,
    catalog: Option<&Catalog>,
    components: Vec<Vec<StoredType>>,
) -> Result<Made> {
    let is_same = |index: &IndexSpec| {
        let made = definition::define(spec, index);
        let entry = catalog.and_then(|catalog| catalog.definitions.get(&made.name));
        entry.is_some_and(|entry| entry.text == made.text)
    };
    if spec.indexes.iter().all(is_same) {
        return Ok(Made { spec, components });
    }
    let text = "the catalog holds a definition that this build does not understand";
    Err(Error::new(Code::UNSUPPORTED_FORMAT, text).in_collection(spec.collection))
}

fn key_kind(catalog: Option<&Catalog>) -> Result<KeyKind> {
    let Some(catalog) = catalog else {
        return Ok(KeyKind::Text);
    };
    let kinds = [KeyKind::Uuid, KeyKind::Text, KeyKind::Unsigned];
    let found = kinds
        .into_iter()
        .find(|kind| kind.name() == catalog.key_kind);
    found.ok_or_else(|| {
        let text = "the catalog names a kind of keys that this build does not know";
        Error::new(Code::UNSUPPORTED_FORMAT, text).in_collection(&catalog.collection)
    })
}

/// A definition over fields whose JSON gives its values.
fn resolve(untyped: &UntypedFacts, name: &str, entry: &Entry) -> Option<(Index, Vec<StoredType>)> {
    let read = definition::read(&entry.text).filter(|read| !read.runs_code())?;
    let fields = fields(untyped, name, &read.fields)?;
    let mut types = Vec::new();
    for (field, component) in fields.iter().zip(&read.fields) {
        let ty = untyped.types.get(field)?;
        let ty = match read.each {
            true => stored_type::list_element(ty)?,
            false => ty,
        };
        types.push(
            Some(ty.clone()).filter(|ty| stored_type::is_indexable(ty, &component.encoding))?,
        );
    }
    let is_understood = !fields.is_empty() && (!read.each || fields.len() == 1);
    let components = fields.into_iter().zip(&read.fields);
    let components = components.map(|(field, read_component)| {
        Some(Component {
            field,
            origin: read_component.name.clone(),
            touched: read.touched,
            encoding: encoding(read_component)?,
            lower: read_component.lower,
        })
    });
    let index = Index {
        name: name.rsplit_once('-')?.0.to_owned(),
        kind: entry.kind,
        each: read.each,
        components: components.collect::<Option<_>>()?,
    };
    is_understood.then_some((index, types))
}

/// The fields that a definition is over, by their stored names of today, as a program with the type declares it.
fn fields(untyped: &UntypedFacts, name: &str, components: &[ReadComponent]) -> Option<Vec<String>> {
    let declared = untyped.indexes.get(name)?;
    (declared.len() == components.len()).then(|| declared.clone())
}

fn encoding(component: &ReadComponent) -> Option<Encoding> {
    let names = ["bool", "number", "string", "uuid", "timestamp"];
    let name = names.into_iter().find(|name| *name == component.encoding)?;
    Some(Encoding {
        name,
        optional: component.optional,
        version: component.version,
        converted: false,
    })
}

/// The facts for as long as the process lives, as those of types are. They are made once for each state of a collection's
/// definitions that this process meets, so that their number is bounded by what is in its stores.
fn interned(facts: &Facts) -> &'static DocumentSpec {
    static SPECS: Mutex<BTreeMap<String, &'static DocumentSpec>> = Mutex::new(BTreeMap::new());
    let mut specs = SPECS.lock().unwrap_or_else(PoisonError::into_inner);
    specs
        .entry(format!("{facts:?}"))
        .or_insert_with(|| kept(facts))
}

fn kept(facts: &Facts) -> &'static DocumentSpec {
    let collection = text(&facts.collection);
    let key_field = text(&facts.key);
    Box::leak(Box::new(DocumentSpec {
        type_name: collection,
        collection,
        schema_version: facts.version,
        shards: facts.shards,
        key_field,
        key_kind: facts.key_kind,
        fields: &[],
        computed: &[],
        indexes: facts.indexes.iter().map(index).collect::<Vec<_>>().leak(),
        references: &[],
        unknown: UnknownMembers::Keep,
        keeps_history: facts.keeps_history,
        history: History::none(facts.version),
    }))
}

fn index(index: &Index) -> IndexSpec {
    let component = |component: &Component| ComponentSpec {
        field: text(&component.field),
        origin: text(&component.origin),
        touched: component.touched,
        encoding: component.encoding,
        lower: component.lower,
        computed: None,
    };
    let components: Vec<_> = index.components.iter().map(component).collect();
    IndexSpec {
        name: text(&index.name),
        kind: index.kind,
        each: index.each,
        range: true,
        ttl: None,
        components: components.leak(),
        predicate: None,
    }
}

fn text(text: &str) -> &'static str {
    text.to_owned().leak()
}
