//! From a stored body to one of today: decides which of a type's migrations run, and runs them.

use bytes::Bytes;

use super::{
    envelope::{BodyShape, Opened},
    json,
};
use crate::{
    document::{Adoption, DocumentSpec, seal, upgrade},
    error::{Code, Error, Result},
    migration::{Object, Raw, Versions},
};

/// What a type with these facts writes into the envelopes of its documents.
#[must_use]
pub fn written_by(spec: &DocumentSpec) -> BodyShape {
    let readable_by = spec.history.policy.readable_by;
    let mut shape = BodyShape {
        seal: Some(seal::seal(spec.key_field, spec.fields)),
        readable_by: (1..spec.schema_version)
            .contains(&readable_by)
            .then_some(readable_by),
        ..BodyShape::default()
    };
    for field in spec.fields {
        upgrade::visit(field.shape, &mut |part| {
            shape.embedded.note(part.name, part.version);
        });
    }
    shape
}

/// The body as a type with these facts has it. `shape` is what the type writes into envelopes.
///
/// Hand-made JSON has no version: the type judges it, unless it adopts the documents of another library.
///
/// # Errors
/// - [`Unsupported`](crate::ErrorKind::Unsupported): a newer version, or one that is too old to be read.
/// - [`Corrupt`](crate::ErrorKind::Corrupt): not a JSON object (`SB-CORRUPT`), or a step failed (`SB-MIGRATION`).
pub fn current(spec: &DocumentSpec, shape: &BodyShape, opened: &Opened) -> Result<Bytes> {
    if is_current(spec, shape, opened) {
        return Ok(opened.body.clone());
    }
    if !opened.has_version() {
        return match spec.history.policy.adopt {
            Some(adoption) => adopted(spec, adoption, &opened.body),
            None => Ok(opened.body.clone()),
        };
    }
    let stored = opened.envelope.schema;
    let BodyShape {
        embedded: versions,
        readable_by,
        ..
    } = &opened.envelope.shape;
    check_version(spec, stored, *readable_by)?;
    check_parts(spec, versions)?;
    if stored >= spec.schema_version && !has_stale_part(spec, versions) {
        return Ok(opened.body.clone());
    }
    let mut object = read(&opened.body)?;
    upgrade::document(spec, stored, versions, &mut object)?;
    Ok(object.write().into())
}

/// Whether a program of today could have written the body itself: one comparison.
#[must_use]
pub fn is_current(spec: &DocumentSpec, shape: &BodyShape, opened: &Opened) -> bool {
    let envelope = &opened.envelope;
    envelope.shape.seal == shape.seal && envelope.schema == spec.schema_version
}

/// How a stored document stands to a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// A version of it is lower than the type's, its own or that of an embedded type, and none is higher.
    Older,
    /// No version of it is another one. What a person wrote has none.
    Today,
    /// A version of it is higher than the type's, whatever else is in it.
    Newer,
}

/// How a stored document stands to a type with these facts, by its versions alone: another seal at the same versions is that of
/// another draft, and nobody can say which of two drafts comes first. Whoever writes only [`Older`](Age::Older) documents again
/// raises a version of each and lowers none, so that programs cannot do it in turns.
#[must_use]
pub fn age(spec: &DocumentSpec, shape: &BodyShape, opened: &Opened) -> Age {
    if is_current(spec, shape, opened) {
        return Age::Today;
    }
    if !opened.has_version() {
        return age_of_foreign(spec, opened);
    }
    let versions = &opened.envelope.shape.embedded;
    if check_replaceable(spec, opened).is_err() {
        Age::Newer
    } else if opened.envelope.schema < spec.schema_version || has_stale_part(spec, versions) {
        Age::Older
    } else {
        Age::Today
    }
}

/// What another library wrote waits for its envelope; JSON that a person wrote is left alone.
fn age_of_foreign(spec: &DocumentSpec, opened: &Opened) -> Age {
    let is_newer = || version_of(spec, opened).is_ok_and(|version| version > spec.schema_version);
    match spec.history.policy.adopt {
        None => Age::Today,
        Some(_) if is_newer() => Age::Newer,
        Some(_) => Age::Older,
    }
}

/// The schema version of a stored document: what its envelope says, or the member of an adopted one. 0 for JSON that a
/// person wrote.
///
/// # Errors
/// As [`current`].
pub fn version_of(spec: &DocumentSpec, opened: &Opened) -> Result<u32> {
    match spec.history.policy.adopt {
        Some(adoption) if !opened.has_version() => {
            adopted_version(adoption, read(&opened.body)?.get(adoption.version_field))
        }
        _ => Ok(opened.envelope.schema),
    }
}

/// A document of another library goes through the same steps as one of ours. Its version leaves with the first write.
fn adopted(spec: &DocumentSpec, adoption: Adoption, body: &Bytes) -> Result<Bytes> {
    let mut object = read(body)?;
    let member = object.take(adoption.version_field);
    let stored = adopted_version(adoption, member.as_ref().map(|member| &member.value))?;
    check_version(spec, stored, None)?;
    upgrade::document(spec, stored, &Versions::default(), &mut object)?;
    Ok(object.write().into())
}

/// The other library counts from `base`, we count from 1.
fn adopted_version(adoption: Adoption, member: Option<&Raw>) -> Result<u32> {
    let Adoption {
        version_field,
        base,
    } = adoption;
    let Some(member) = member else {
        return Ok(1);
    };
    let number: u32 = member.get().parse().map_err(|_| {
        let text = format!("the version in `{version_field}` is not a whole number");
        Error::new(Code::CORRUPT, text)
    })?;
    number
        .checked_sub(base)
        .and_then(|steps| steps.checked_add(1))
        .ok_or_else(|| {
            let text = format!(
                "`{version_field}` is {number}, but the oldest version that is read is {base}"
            );
            Error::new(Code::UNSUPPORTED_SCHEMA, text)
        })
}

fn read(body: &Bytes) -> Result<Object> {
    std::str::from_utf8(body)
        .map_err(|_| Error::new(Code::CORRUPT, "the body is not UTF-8"))
        .and_then(|text| Object::read(text).map_err(|error| json::corrupt("the body", &error)))
}

/// Another version is never decoded as if it were this one, unless its writer said that it may be.
fn check_version(spec: &DocumentSpec, stored: u32, readable_by: Option<u32>) -> Result<()> {
    let (current, oldest) = (spec.schema_version, spec.history.readable_from);
    let is_readable = readable_by.is_some_and(|readable_by| readable_by <= current);
    if (oldest..=current).contains(&stored) || (stored > current && is_readable) {
        return Ok(());
    }
    Err(unreadable(spec, stored))
}

/// A document of a newer version may be readable; it is never written.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported): the document is of a newer version than the type, or one of its embedded
/// types is.
pub fn check_replaceable(spec: &DocumentSpec, opened: &Opened) -> Result<()> {
    match opened.envelope.schema {
        stored if stored > spec.schema_version => Err(unreadable(spec, stored)),
        _ => check_parts(spec, &opened.envelope.shape.embedded),
    }
}

/// An embedded type has versions of its own, and the document's stays as it is when that one moves on.
fn check_parts(spec: &DocumentSpec, versions: &Versions) -> Result<()> {
    let mut fields = spec.fields.iter();
    match fields.find_map(|field| upgrade::newer_part(field.shape, versions)) {
        None => Ok(()),
        Some(part) => {
            let text = format!(
                "written with version {} of the embedded `{}`, but `{}` reads it up to {}",
                versions.of(part.name),
                part.name,
                spec.type_name,
                part.version
            );
            Err(Error::new(Code::UNSUPPORTED_SCHEMA, text))
        }
    }
}

fn unreadable(spec: &DocumentSpec, stored: u32) -> Error {
    let (current, oldest) = (spec.schema_version, spec.history.readable_from);
    let reads = if oldest == current {
        format!("is at {current}")
    } else {
        format!("reads {oldest} to {current}")
    };
    let text = format!(
        "written at schema version {stored}, but `{}` {reads}",
        spec.type_name
    );
    Error::new(Code::UNSUPPORTED_SCHEMA, text)
}

fn has_stale_part(spec: &DocumentSpec, versions: &Versions) -> bool {
    spec.fields
        .iter()
        .any(|field| upgrade::is_stale(field.shape, versions))
}
