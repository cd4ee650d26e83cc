//! From a stored body to one of today: decides which of a type's migrations run, and runs them.

use bytes::Bytes;

use super::{
    envelope::{BodyShape, Opened},
    json,
};
use crate::{
    document::{DocumentSpec, upgrade},
    error::{Code, Error, Result},
    migration::{Object, Versions},
};

/// What a type with these facts writes into the envelopes of its documents.
#[must_use]
pub fn written_by(spec: &DocumentSpec) -> BodyShape {
    let mut shape = BodyShape {
        seal: Some(spec.history.seal),
        ..BodyShape::default()
    };
    for field in spec.fields {
        upgrade::note_versions(field.shape, &mut shape.embedded);
    }
    shape
}

/// The body as a type with these facts has it. `shape` is what the type writes into envelopes.
///
/// Hand-made JSON has no version: the type judges it.
///
/// # Errors
/// - [`Unsupported`](crate::ErrorKind::Unsupported): a newer version, or one that is too old to be read.
/// - [`Corrupt`](crate::ErrorKind::Corrupt): not a JSON object (`SB-CORRUPT`), or a step failed (`SB-MIGRATION`).
pub fn current(spec: &DocumentSpec, shape: &BodyShape, opened: &Opened) -> Result<Bytes> {
    let stored = opened.envelope.schema;
    if is_current(spec, shape, opened) || !opened.has_envelope {
        return Ok(opened.body.clone());
    }
    check_version(spec, stored)?;
    let versions = &opened.envelope.shape.embedded;
    if stored == spec.schema_version && !has_stale_part(spec, versions) {
        return Ok(opened.body.clone());
    }
    let mut object = std::str::from_utf8(&opened.body)
        .map_err(|_| Error::new(Code::CORRUPT, "the body is not UTF-8"))
        .and_then(|text| Object::read(text).map_err(|error| json::corrupt("the body", &error)))?;
    upgrade::document(spec, stored, versions, &mut object)?;
    Ok(object.write().into())
}

/// Whether a program of today could have written the body itself: one comparison.
#[must_use]
pub fn is_current(spec: &DocumentSpec, shape: &BodyShape, opened: &Opened) -> bool {
    let envelope = &opened.envelope;
    envelope.shape.seal == shape.seal && envelope.schema == spec.schema_version
}

/// Another version is never decoded as if it were this one.
fn check_version(spec: &DocumentSpec, stored: u32) -> Result<()> {
    let (current, oldest) = (spec.schema_version, spec.history.readable_from);
    if (oldest..=current).contains(&stored) {
        return Ok(());
    }
    let reads = if oldest == current {
        format!("is at {current}")
    } else {
        format!("reads {oldest} to {current}")
    };
    let text = format!(
        "written at schema version {stored}, but `{}` {reads}",
        spec.type_name
    );
    Err(Error::new(Code::UNSUPPORTED_SCHEMA, text))
}

fn has_stale_part(spec: &DocumentSpec, versions: &Versions) -> bool {
    spec.fields
        .iter()
        .any(|field| upgrade::is_stale(field.shape, versions))
}
