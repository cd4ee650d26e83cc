//! `schema export`: the last version of every type, for other languages and for people.

mod json_schema;
mod mermaid;
mod typescript;

use std::path::Path;

use anyhow::{Context, bail};
use clap::ValueEnum;
use smarterbase_schema::{Kind, Lock, Part, Shape, Type, shape::members};

use crate::{
    blocks::{Look, Messages},
    folder,
};

/// What the types are written as.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// One JSON Schema (draft 2020-12) with a definition for each type
    JsonSchema,
    /// TypeScript declarations of what JSON.parse gives
    Typescript,
    /// A Mermaid class diagram
    Mermaid,
}

/// The types of a folder of locks; with `drafts`, as the crates have them now.
pub(crate) fn export(
    schema: &Path,
    format: Format,
    drafts: bool,
    cargo: &[String],
) -> anyhow::Result<String> {
    let mut locks = folder::locks(schema, None)?;
    if drafts {
        add_drafts(&mut locks, cargo)?;
    }
    if locks.is_empty() {
        bail!("there is no lock in `{}`", schema.display());
    }
    let world = World { locks };
    Ok(match format {
        Format::JsonSchema => json_schema::write(&world),
        Format::Typescript => typescript::write(&world),
        Format::Mermaid => mermaid::write(&world),
    })
}

fn add_drafts(locks: &mut Vec<Lock>, cargo: &[String]) -> anyhow::Result<()> {
    let look = Look {
        arguments: cargo,
        messages: Messages::Shown,
        deny_drafts: false,
    };
    let found = look.run()?;
    if !found.compiles {
        bail!("the crates do not compile, so nothing was exported");
    }
    for block in found.blocks {
        locks.retain(|lock| (lock.kind, &lock.name) != (block.today.kind, &block.today.name));
        locks.push(block.today);
    }
    Ok(())
}

/// Every type, and what a name in one of them means.
struct World {
    locks: Vec<Lock>,
}

/// What a stored value is, without the many names that Rust has for it.
enum Value<'a> {
    Text(Option<&'static str>),
    Boolean,
    Integer {
        unsigned: bool,
    },
    Number,
    Null,
    Duration,
    /// Another type of the world, by its stored name.
    Named(&'a str),
    Optional(Type),
    /// How many elements, where it is always so many.
    List(Type, Option<u64>),
    Set(Type),
    Map(Type),
    Tuple(Vec<Type>),
    /// What stands here is nowhere written: it is opaque, any JSON, or named otherwise than it is stored.
    Anything,
}

impl World {
    /// The documents, then the embedded types, each with its last version.
    fn types(&self) -> impl Iterator<Item = (&Lock, &Shape)> {
        let of = |kind| {
            self.locks
                .iter()
                .filter(move |lock| lock.kind == kind)
                .filter_map(|lock| Some((lock, &lock.last()?.shape)))
        };
        of(Kind::Document).chain(of(Kind::Embedded))
    }

    fn value(&self, ty: &Type) -> Value<'_> {
        // Arrays lose their length in the canonical form.
        if let Type::Array(part, length) = ty {
            return Value::List((**part).clone(), length.parse().ok());
        }
        match ty.canonical() {
            Type::Tuple(parts) if parts.is_empty() => Value::Null,
            Type::Tuple(parts) => Value::Tuple(parts),
            Type::Array(part, _) => Value::List(*part, None),
            Type::Other(_) => Value::Anything,
            Type::Path { name, parameters } => self.path(&name, parameters),
        }
    }

    fn path(&self, name: &str, mut parameters: Vec<Type>) -> Value<'_> {
        match (name, parameters.pop()) {
            ("Option", Some(part)) => Value::Optional(part),
            ("Box", Some(part)) => self.value(&part),
            ("Vec", Some(part)) => Value::List(part, None),
            ("Set", Some(part)) => Value::Set(part),
            ("Map", Some(part)) => Value::Map(part),
            ("String" | "char" | "PathBuf" | "SocketAddr" | "IpAddr", _) => Value::Text(None),
            ("Uuid" | "Id", _) => Value::Text(Some("uuid")),
            ("Timestamp", _) => Value::Text(Some("date-time")),
            ("Ipv4Addr", _) => Value::Text(Some("ipv4")),
            ("Ipv6Addr", _) => Value::Text(Some("ipv6")),
            ("bool", _) => Value::Boolean,
            ("f32" | "f64", _) => Value::Number,
            ("Duration", _) => Value::Duration,
            ("u8" | "u16" | "u32" | "u64" | "u128" | "usize", _) => {
                Value::Integer { unsigned: true }
            }
            ("i8" | "i16" | "i32" | "i64" | "i128" | "isize", _) => {
                Value::Integer { unsigned: false }
            }
            ("NonZeroU8" | "NonZeroU16" | "NonZeroU32" | "NonZeroU64", _) => {
                Value::Integer { unsigned: true }
            }
            _ => self.named(name),
        }
    }

    fn named(&self, path: &str) -> Value<'_> {
        let name = path.rsplit("::").next().unwrap_or(path);
        let found = self
            .locks
            .iter()
            .find(|lock| lock.kind == Kind::Embedded && lock.name == name);
        found.map_or(Value::Anything, |lock| Value::Named(&lock.name))
    }
}

/// What stands in a variant.
enum Content {
    Unit,
    Members(Vec<Part>),
    Value(Type),
}

fn content(variant: &Part) -> Content {
    match variant.ty.as_str() {
        "()" => Content::Unit,
        text if text.starts_with('{') => Content::Members(
            members(text)
                .into_iter()
                .map(|(name, ty)| Part::new(name, &ty))
                .collect(),
        ),
        _ => Content::Value(variant.parsed()),
    }
}

/// The type of a part; nothing is known of one that is not tracked.
fn type_of(part: &Part) -> Option<Type> {
    (!part.is_opaque()).then(|| part.parsed())
}

/// A type's name in other languages: `order-lines` is `OrderLines`.
fn type_name(lock: &Lock) -> String {
    lock.name
        .split(['-', '_'])
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string());
            first.unwrap_or_default() + letters.as_str()
        })
        .collect()
}

fn pretty(value: &serde_json::Value) -> anyhow::Result<String> {
    serde_json::to_string_pretty(value).context("it is JSON")
}
