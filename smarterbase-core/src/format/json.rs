//! JSON objects as ordered members of raw text, and what may be said about JSON that is wrong.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{error::Category, value::RawValue};

use crate::error::{Code, Error};

/// The members of one JSON object in stored order, values as text, duplicates included.
#[derive(Debug)]
pub(crate) struct Members<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads an object. Its whole syntax is checked.
    pub(crate) fn read(text: &'a [u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(text)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(member, _)| member == name)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Writes one JSON object from raw members.
#[derive(Debug, Default)]
pub(crate) struct ObjectWriter(Vec<u8>);

impl ObjectWriter {
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { b'{' } else { b',' });
        serde_json::to_writer(&mut self.0, name).expect("text is JSON, and memory takes it");
        self.0.push(b':');
        self.0.extend_from_slice(value.as_bytes());
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.0.is_empty() {
            self.0.push(b'{');
        }
        self.0.push(b'}');
        self.0
    }
}

/// The error of JSON that cannot be read. serde's own text is left out on purpose: it quotes values
/// (`invalid type: string "secret"`), and values can be secrets.
pub(crate) fn corrupt(what: &str, error: &serde_json::Error) -> Error {
    let trouble = match error.classify() {
        Category::Eof => "ends too early",
        Category::Data => "has another shape than expected",
        Category::Syntax | Category::Io => "is not JSON",
    };
    let (line, column) = (error.line(), error.column());
    Error::new(
        Code::CORRUPT,
        format!("{what} {trouble}, at line {line} column {column}"),
    )
}

/// Whether the text holds nothing but JSON's white space.
pub(crate) fn is_blank(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// The text without JSON's white space at both ends.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let is_ink = |byte: &u8| !is_blank(&[*byte]);
    let start = text.iter().position(is_ink).unwrap_or(text.len());
    let end = text.iter().rposition(is_ink).map_or(start, |last| last + 1);
    &text[start..end]
}
