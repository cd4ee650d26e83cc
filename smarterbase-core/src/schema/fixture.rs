//! Golden fixtures: for every sealed version of a document, stored objects that the program must read for ever. They lie in
//! `schema/fixtures/<collection>.v<N>.json`, a JSON array of objects or one object.
//!
//! Where an embedded type was sealed anew while the document was not, the file is called `<collection>.v<N>-<8 digits of
//! the seal>.json`.

mod defaults;

use std::{collections::BTreeSet, fs, io::Write as _, path::PathBuf};

use bytes::Bytes;
use serde_json::value::RawValue;
use smarterbase_schema::Kind;

use super::{DocumentType, Schema, lock::Place, sample};
use crate::format::envelope;

/// One file of samples.
#[derive(Debug)]
struct Fixture {
    /// As messages name it.
    shown: String,
    version: u32,
    objects: Vec<Box<RawValue>>,
}

/// Everything that is wrong with the fixtures of a program, one line each: samples that it cannot read, sealed versions
/// that have none although an earlier or the current one must, and values of `add` that are not what they were.
#[must_use]
pub fn problems<S: Schema>(place: &Place) -> Vec<String> {
    S::TYPES
        .iter()
        .flat_map(|document| of_document(place, document))
        .chain(defaults::problems::<S>(place))
        .collect()
}

fn of_document(place: &Place, document: &DocumentType) -> Vec<String> {
    let fixtures = match read(place, document) {
        Ok(fixtures) => fixtures,
        Err(problem) => return vec![problem],
    };
    let unread = fixtures
        .iter()
        .filter(|fixture| fixture.version >= document.spec.history.readable_from)
        .flat_map(|fixture| unreadable(document, fixture));
    unread.chain(missing(place, document, &fixtures)).collect()
}

fn unreadable(document: &DocumentType, fixture: &Fixture) -> Vec<String> {
    let trouble = |object: &RawValue| -> Option<String> {
        let text = object.get();
        match document.decode(text.as_bytes()) {
            Ok(_) => other_seal(document, text),
            // The cause of a step that failed is the user's own error.
            Err(error) => Some(with_causes(&error)),
        }
    };
    fixture
        .objects
        .iter()
        .enumerate()
        .filter_map(|(position, object)| {
            trouble(object).map(|trouble| format!("{}[{position}]: {trouble}", fixture.shown))
        })
        .collect()
}

/// The samples are checked in, so nothing in them is secret.
fn with_causes(error: &crate::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(&format!(": {more}"));
        }
        cause = error.source();
    }
    text
}

/// A sample of today's versions has today's seal. Another one means that something is stored in another way although no
/// version says so: a `type` alias, or a type without a version of its own.
fn other_seal(document: &DocumentType, object: &str) -> Option<String> {
    let opened = envelope::open(&Bytes::copy_from_slice(object.as_bytes())).ok()?;
    let (then, now) = (&opened.envelope.shape, document.body_shape());
    let is_of_today = opened.envelope.schema == document.spec.schema_version
        && then.embedded == now.embedded
        && then.seal.is_some();
    (is_of_today && then.seal != now.seal).then(|| {
        format!(
            "`{}` stores something else than version {} did, although no version changed: an alias, or a type that was not \
             sealed",
            document.spec.collection, document.spec.schema_version
        )
    })
}

/// Sealed versions without samples: all since the first that has some, and the current one.
fn missing(place: &Place, document: &DocumentType, fixtures: &[Fixture]) -> Vec<String> {
    let spec = document.spec;
    let Ok(Some(lock)) = place.lock(Kind::Document, spec.collection) else {
        return Vec::new();
    };
    let has: BTreeSet<u32> = fixtures.iter().map(|fixture| fixture.version).collect();
    let first = has.first().copied().unwrap_or(spec.schema_version);
    let needs = |version: &u32| *version >= first.max(spec.history.readable_from);
    lock.versions
        .iter()
        .map(|sealed| sealed.version)
        .filter(needs)
        .filter(|version| !has.contains(version))
        .map(|version| is_missing(&shown(place, &file_name(spec.collection, version))))
        .collect()
}

fn is_missing(shown: &str) -> String {
    format!("{shown} is missing: run `cargo smarterbase seal`, or restore it from git")
}

/// Writes the samples of the sealed versions of today that have none yet, and what their `add` steps give. Gives a line for
/// each file.
///
/// # Errors
/// A line for each type whose samples cannot be made or written, and for each `add` that gives no fixed value.
pub fn write<S: Schema>(place: &Place) -> Result<Vec<String>, Vec<String>> {
    let samples = S::TYPES
        .iter()
        .filter_map(|document| write_one(place, document).transpose());
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for result in samples.chain(defaults::write::<S>(place)) {
        match result {
            Ok(line) => done.push(line),
            Err(problem) => failed.push(problem),
        }
    }
    if failed.is_empty() {
        Ok(done)
    } else {
        Err(failed)
    }
}

fn write_one(place: &Place, document: &DocumentType) -> Result<Option<String>, String> {
    let spec = document.spec;
    let Some(lock) = place.lock(Kind::Document, spec.collection)? else {
        return Ok(None);
    };
    let is_draft = lock
        .last()
        .is_none_or(|last| last.version != spec.schema_version);
    let Some(name) = free_name(place, document, &read(place, document)?).filter(|_| !is_draft)
    else {
        return Ok(None);
    };
    let samples = sample::documents(spec);
    for sample in &samples {
        document.decode(sample.as_bytes()).map_err(|error| {
            format!(
                "no sample of `{}` version {} can be made ({}): write {} by hand, with documents that were stored",
                spec.collection,
                spec.schema_version,
                with_causes(&error),
                shown(place, &name)
            )
        })?;
    }
    let text = format!("[\n{}\n]\n", samples.join(",\n"));
    save(place, &format!("fixtures/{name}"), &text)?;
    Ok(Some(format!("wrote {}", shown(place, &name))))
}

/// The file that the samples of today belong in; `None` when they are there.
fn free_name(place: &Place, document: &DocumentType, fixtures: &[Fixture]) -> Option<String> {
    let spec = document.spec;
    let seal = document.body_shape().seal_text().unwrap_or_default();
    let of_now: Vec<&Fixture> = fixtures
        .iter()
        .filter(|fixture| fixture.version == spec.schema_version)
        .collect();
    let is_there = |fixture: &&Fixture| {
        fixture
            .objects
            .iter()
            .any(|object| has_shape(document, object))
    };
    if of_now.iter().any(is_there) {
        return None;
    }
    let plain = file_name(spec.collection, spec.schema_version);
    if folder(place).join(&plain).exists() {
        return Some(plain.replace(".json", &format!("-{}.json", &seal[..8])));
    }
    Some(plain)
}

/// Whether a sample is of today's versions, embedded ones included.
fn has_shape(document: &DocumentType, object: &RawValue) -> bool {
    envelope::open(&Bytes::copy_from_slice(object.get().as_bytes())).is_ok_and(|opened| {
        let (then, now) = (opened.envelope.shape, document.body_shape());
        then.seal.is_none() || then.embedded == now.embedded
    })
}

/// Writes a file below the folder of the locks, whole or not at all: half a file would be no fixture, and one that is there is
/// not written again.
fn save(place: &Place, file: &str, text: &str) -> Result<(), String> {
    let path = place.locks().join(file);
    let new = path.with_extension("json.new");
    let write = || {
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        let mut file = fs::File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &path)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&new);
        format!("{}/{file}: {error}", place.folder)
    })
}

/// The fixtures of one collection, by version.
fn read(place: &Place, document: &DocumentType) -> Result<Vec<Fixture>, String> {
    let Ok(entries) = fs::read_dir(folder(place)) else {
        return Ok(Vec::new());
    };
    let names: BTreeSet<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let mut fixtures = Vec::new();
    for name in names {
        if let Some(version) = version_of(&name, document.spec.collection) {
            fixtures.push(Fixture {
                shown: shown(place, &name),
                version,
                objects: objects(place, &name)?,
            });
        }
    }
    fixtures.sort_by_key(|fixture| fixture.version);
    Ok(fixtures)
}

fn objects(place: &Place, name: &str) -> Result<Vec<Box<RawValue>>, String> {
    let text = fs::read_to_string(folder(place).join(name))
        .map_err(|error| format!("{}: {error}", shown(place, name)))?;
    let one = || serde_json::from_str(&text).map(|object| vec![object]);
    let objects: Vec<Box<RawValue>> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(&text),
        false => one(),
    }
    .map_err(|error| format!("{} is no JSON: {error}", shown(place, name)))?;
    if objects.is_empty() {
        return Err(format!("{} holds no document", shown(place, name)));
    }
    Ok(objects)
}

/// `users.v3.json`.
fn file_name(collection: &str, version: u32) -> String {
    format!("{collection}.v{version}.json")
}

/// The version in `users.v3.json` or `users.v3-0123abcd.json`, when the file is of this collection.
fn version_of(file: &str, collection: &str) -> Option<u32> {
    let rest = file.strip_prefix(collection)?.strip_prefix(".v")?;
    let version = rest.strip_suffix(".json")?;
    let digits = version
        .split_once('-')
        .map_or(version, |(digits, _)| digits);
    digits.parse().ok()
}

fn folder(place: &Place) -> PathBuf {
    place.locks().join("fixtures")
}

fn shown(place: &Place, name: &str) -> String {
    format!("{}/fixtures/{name}", place.folder)
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn the_name_of_a_file_says_collection_and_version() {
        assert_eq!(version_of("users.v3.json", "users"), Some(3));
        assert_eq!(version_of("users.v12-0123abcd.json", "users"), Some(12));
        for other in [
            "users-old.v3.json",
            "users.json",
            "users.v3.txt",
            "users.vx.json",
        ] {
            assert_eq!(version_of(other, "users"), None, "{other}");
        }
    }
}
