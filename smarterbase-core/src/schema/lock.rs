//! Whether the locks of a package say what its types store at run time.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use smarterbase_schema::{Form, Kind, Lock, Part, Sealed};

use super::{DocumentType, Schema};
use crate::document::{EmbeddedForm, EmbeddedSpec, Shape, seal::is_stored_as};

/// The package that a list of types stands in.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The folder of the package's manifest.
    pub package: &'static str,
    /// The folder of the locks below it, `schema`.
    pub folder: &'static str,
    /// The crate, as locks name it.
    pub crate_name: &'static str,
}

impl Place {
    /// The folder of the locks.
    #[must_use]
    pub fn locks(&self) -> PathBuf {
        Path::new(self.package).join(self.folder)
    }

    /// The lock of a type, when it is there and belongs to this crate: the types of other crates have theirs.
    ///
    /// # Errors
    /// A file that is no lock, named.
    pub fn lock(&self, kind: Kind, name: &str) -> Result<Option<Lock>, String> {
        let file = Lock::path(kind, name);
        let Ok(text) = fs::read_to_string(self.locks().join(&file)) else {
            return Ok(None);
        };
        match Lock::parse(&text) {
            Ok(lock) => Ok(Some(lock).filter(|lock| lock.crate_name == self.crate_name)),
            Err(broken) => Err(format!("{}/{file}: {broken}", self.folder)),
        }
    }

    fn is_home_of(&self, document: &DocumentType) -> bool {
        document.rust_path().split("::").next() == Some(self.crate_name)
    }
}

/// Everything that is not as the locks say, one line each; nothing when all is well.
#[must_use]
pub fn problems<S: Schema>(place: &Place) -> Vec<String> {
    let documents = S::TYPES
        .iter()
        .filter_map(|document| of_document(place, document).err());
    let embedded = embedded::<S>();
    let embedded = embedded
        .values()
        .filter_map(|spec| of_embedded(place, spec).err());
    documents.chain(embedded).collect()
}

fn of_document(place: &Place, document: &DocumentType) -> Result<(), String> {
    let (name, version) = (document.spec.collection, document.spec.schema_version);
    let Some(lock) = place.lock(Kind::Document, name)? else {
        return missing(place, document);
    };
    let Some(sealed) = sealed_now(&lock, version)? else {
        return Ok(());
    };
    let fields: Vec<(&str, &Shape)> = document
        .spec
        .fields
        .iter()
        .map(|field| (field.name, field.shape))
        .collect();
    same_names(name, sealed, &fields)?;
    same_types(name, sealed, &fields)
}

/// A first version may be a draft. Everything later was sealed once.
fn missing(place: &Place, document: &DocumentType) -> Result<(), String> {
    let (name, version) = (document.spec.collection, document.spec.schema_version);
    if version == 1 || !place.is_home_of(document) {
        return Ok(());
    }
    Err(format!(
        "`{name}` is at version {version}, but {}/{} is not there or belongs to another crate",
        place.folder,
        Lock::path(Kind::Document, name)
    ))
}

fn of_embedded(place: &Place, spec: &EmbeddedSpec) -> Result<(), String> {
    let Some(lock) = place.lock(Kind::Embedded, spec.name)? else {
        return Ok(());
    };
    let Some(sealed) = sealed_now(&lock, spec.version)? else {
        return Ok(());
    };
    let is_enum = matches!(spec.form, EmbeddedForm::Enum(_));
    if is_enum != (sealed.shape.form == Form::Enum) {
        return Err(format!(
            "`{}` is no {} any more",
            spec.name,
            sealed.shape.form.name()
        ));
    }
    if spec.parts.iter().any(|(name, _)| *name == "@untagged") {
        return Ok(());
    }
    same_names(spec.name, sealed, spec.parts)?;
    same_types(spec.name, sealed, spec.parts)
}

/// The sealed version that the type is at; `None` for a draft.
fn sealed_now(lock: &Lock, version: u32) -> Result<Option<&Sealed>, String> {
    let last = lock.last().map_or(0, |last| last.version);
    if version == last {
        return Ok(lock.last());
    }
    if version == last + 1 {
        return Ok(None);
    }
    Err(format!(
        "`{}` is at version {version}, but {last} is the last sealed one",
        lock.name
    ))
}

fn same_names(name: &str, sealed: &Sealed, parts: &[(&str, &Shape)]) -> Result<(), String> {
    let more = parts
        .iter()
        .find(|(part, _)| sealed.shape.part(part).is_none());
    if let Some((part, _)) = more {
        return Err(format!(
            "`{name}` stores `{part}`, which its sealed version {} does not have",
            sealed.version
        ));
    }
    let is_stored = |part: &&Part| parts.iter().any(|(stored, _)| *stored == part.name);
    match sealed.shape.parts.iter().find(|part| !is_stored(part)) {
        None => Ok(()),
        Some(part) => Err(format!(
            "`{name}` does not store `{}`, which its sealed version {} has",
            part.name, sealed.version
        )),
    }
}

/// Compares what a lock says with a name that means the same everywhere. What stands behind other names, the samples hold.
fn same_types(name: &str, sealed: &Sealed, parts: &[(&str, &Shape)]) -> Result<(), String> {
    for (part, shape) in parts {
        let Some(said) = sealed.shape.part(part).filter(|said| is_checkable(said)) else {
            continue;
        };
        if !is_stored_as(shape, &said.canonical()) {
            return Err(format!(
                "`{name}.{part}` is `{}` in its sealed version {}, but not in the program",
                said.ty, sealed.version
            ));
        }
    }
    Ok(())
}

fn is_checkable(part: &Part) -> bool {
    !part.is_opaque() && !part.ty.starts_with('{') && part.parsed().is_known()
}

/// Every embedded type in the documents, by its stored name.
pub(super) fn embedded<S: Schema>() -> BTreeMap<&'static str, &'static EmbeddedSpec> {
    let mut found = BTreeMap::new();
    for document in S::TYPES {
        for field in document.spec.fields {
            collect(field.shape, &mut found);
        }
    }
    found
}

fn collect(shape: &'static Shape, found: &mut BTreeMap<&'static str, &'static EmbeddedSpec>) {
    match shape {
        Shape::Leaf(_) | Shape::Opaque => {}
        Shape::Generic(_, parameters) => parameters.iter().for_each(|part| collect(part, found)),
        Shape::Members(parts) => parts.iter().for_each(|(_, part)| collect(part, found)),
        Shape::Embedded(spec) => {
            found.insert(spec.name, spec);
            spec.parts.iter().for_each(|(_, part)| collect(part, found));
        }
    }
}
