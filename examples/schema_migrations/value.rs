//! A JSON value to compare: members in any order, numbers digit by digit.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A value whose numbers are their text, so that `0.10` is not `0.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Object(BTreeMap<String, Value>),
    List(Vec<Value>),
    Text(String),
    /// A number, `true`, `false` or `null`, as it stands there.
    Literal(String),
}

impl Value {
    pub(crate) fn parse(text: &str) -> serde_json::Result<Self> {
        let raw: &RawValue = serde_json::from_str(text)?;
        Self::read(raw)
    }

    fn read(raw: &RawValue) -> serde_json::Result<Self> {
        let text = raw.get();
        Ok(match text.as_bytes().first() {
            Some(b'{') => {
                let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text)?;
                let members = members
                    .into_iter()
                    .map(|(name, raw)| Ok((name, Self::read(&raw)?)));
                Self::Object(members.collect::<serde_json::Result<_>>()?)
            }
            Some(b'[') => {
                let items: Vec<Box<RawValue>> = serde_json::from_str(text)?;
                let items = items.iter().map(|raw| Self::read(raw));
                Self::List(items.collect::<serde_json::Result<_>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            _ => Self::Literal(text.to_owned()),
        })
    }

    pub(crate) fn number(number: u64) -> Self {
        Self::Literal(number.to_string())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members()?.get(name)
    }

    pub(crate) fn members(&self) -> Option<&BTreeMap<String, Self>> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_number(&self) -> Option<u64> {
        match self {
            Self::Literal(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Puts a member in its place, or takes it away.
    pub(crate) fn set(&mut self, name: &str, value: Option<Self>) {
        if let Self::Object(members) = self {
            match value {
                Some(value) => members.insert(name.to_owned(), value),
                None => members.remove(name),
            };
        }
    }
}
