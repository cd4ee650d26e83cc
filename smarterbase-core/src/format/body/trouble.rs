//! Why a body is not what the type says, told without any of its values.

use serde_json::error::Category;

use crate::{
    document::DocumentSpec,
    error::{Code, Error},
    format::json::{self, Members},
};

/// The error of a body that does not decode. Names the top-level field where that is known: names of the type are no
/// secrets, everything else in serde's text may be.
pub(super) fn explain(spec: &DocumentSpec, body: &[u8], error: &serde_json::Error) -> Error {
    if error.classify() != Category::Data {
        return json::corrupt("the body", error);
    }
    let place = format!(
        "line {} column {} of the body",
        error.line(),
        error.column()
    );
    if let Some(field) = missing(spec, error) {
        return Error::new(Code::CORRUPT, format!("the body has no member `{field}`"))
            .on_field(field);
    }
    match field_at(spec, body, error) {
        Some(field) => Error::new(
            Code::CORRUPT,
            format!("`{field}` is not what the type says, at {place}"),
        )
        .on_field(field),
        None => Error::new(
            Code::CORRUPT,
            format!("the body is not what the type says, at {place}"),
        ),
    }
}

/// The stored field that serde says is missing.
fn missing(spec: &DocumentSpec, error: &serde_json::Error) -> Option<&'static str> {
    let text = error.to_string();
    let name = text.strip_prefix("missing field `")?.split('`').next()?;
    stored_name(spec, name)
}

fn stored_name(spec: &DocumentSpec, name: &str) -> Option<&'static str> {
    spec.fields
        .iter()
        .find(|field| field.name == name || field.aliases.contains(&name))
        .map(|field| field.name)
}

/// The stored field whose value spans the error's place.
fn field_at(spec: &DocumentSpec, body: &[u8], error: &serde_json::Error) -> Option<&'static str> {
    let place = offset(body, error.line(), error.column())?;
    let members = Members::read(body).ok()?;
    let (name, _) = members.0.iter().find(|(_, value)| {
        let start = value.get().as_ptr() as usize - body.as_ptr() as usize;
        (start..=start + value.get().len()).contains(&place)
    })?;
    stored_name(spec, name)
}

/// The byte at a line and column, both counted from 1.
fn offset(body: &[u8], line: usize, column: usize) -> Option<usize> {
    let before: usize = body
        .split_inclusive(|byte| *byte == b'\n')
        .take(line.checked_sub(1)?)
        .map(<[u8]>::len)
        .sum();
    Some(before + column)
}
