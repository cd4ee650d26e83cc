//! Whether a JSON value is what a type says, as serde would read it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::{NonZeroU8, NonZeroU16, NonZeroU32, NonZeroU64},
};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Form, StoredType};
use crate::document::Timestamp;

/// Where a value is not what its type says: the path inside of the field, empty for the field itself. It holds no value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misfit {
    /// `.address.city`, `[2]`.
    pub path: String,
}

type Fit = Result<(), Misfit>;

/// Whether the value is what the type says.
///
/// # Errors
/// Where it is not.
pub fn fits(ty: &StoredType, value: &Value) -> Fit {
    match ty {
        StoredType::Leaf(name) => require(leaf(name, value)),
        StoredType::Generic { of, with } => generic(of, with, value),
        StoredType::Members { members } => object(members, None, value),
        StoredType::Embedded {
            form,
            tag,
            content,
            parts,
            ..
        } => match (form, tag, content) {
            (Form::Struct, ..) => object(parts, None, value),
            (Form::Tuple, ..) => tuple(parts.iter().map(|(_, ty)| ty), value),
            (Form::Newtype, ..) => parts.first().map_or(wrong(), |(_, ty)| fits(ty, value)),
            (Form::Enum, ..) => named(parts, value),
            (Form::Tagged, Some(tag), _) => tagged(parts, tag, value),
            (Form::Adjacent, Some(tag), Some(content)) => adjacent(parts, tag, content, value),
            (Form::Untagged, ..) => require(parts.iter().any(|(_, ty)| fits(ty, value).is_ok())),
            (Form::Tagged | Form::Adjacent | Form::Unknown, ..) => wrong(),
        },
    }
}

fn wrong() -> Fit {
    Err(Misfit::default())
}

fn require(fits: bool) -> Fit {
    if fits { Ok(()) } else { wrong() }
}

fn at(step: impl std::fmt::Display, fit: Fit) -> Fit {
    fit.map_err(|inner| Misfit {
        path: format!("{step}{}", inner.path),
    })
}

fn leaf(name: &str, value: &Value) -> bool {
    fn is<T: DeserializeOwned>(value: &Value) -> bool {
        T::deserialize(value).is_ok()
    }
    let check: fn(&Value) -> bool = match name {
        "opaque" | "Json" => return true,
        "()" => return value.is_null(),
        "bool" => is::<bool>,
        "char" => is::<char>,
        "String" | "PathBuf" => is::<String>,
        "i8" => is::<i8>,
        "i16" => is::<i16>,
        "i32" => is::<i32>,
        "i64" | "isize" => is::<i64>,
        "i128" => is::<i128>,
        "u8" => is::<u8>,
        "u16" => is::<u16>,
        "u32" => is::<u32>,
        "u64" | "usize" => is::<u64>,
        "u128" => is::<u128>,
        "f32" => is::<f32>,
        "f64" => is::<f64>,
        "Uuid" | "Id" => is::<Uuid>,
        "Timestamp" => is::<Timestamp>,
        "Duration" => is::<std::time::Duration>,
        "IpAddr" => is::<IpAddr>,
        "Ipv4Addr" => is::<Ipv4Addr>,
        "Ipv6Addr" => is::<Ipv6Addr>,
        "SocketAddr" => is::<SocketAddr>,
        "NonZeroU8" => is::<NonZeroU8>,
        "NonZeroU16" => is::<NonZeroU16>,
        "NonZeroU32" => is::<NonZeroU32>,
        "NonZeroU64" => is::<NonZeroU64>,
        _ => return false,
    };
    check(value)
}

fn generic(of: &str, with: &[StoredType], value: &Value) -> Fit {
    match (of, with) {
        ("Option", [_]) if value.is_null() => Ok(()),
        ("Option" | "Box", [inner]) => fits(inner, value),
        ("Vec" | "Set" | "Array", [element]) => elements(element, value),
        ("Tuple", parts) => tuple(parts.iter(), value),
        ("Map", [key, inner]) => map(key, inner, value),
        _ => wrong(),
    }
}

fn elements(element: &StoredType, value: &Value) -> Fit {
    let Some(list) = value.as_array() else {
        return wrong();
    };
    let mut all = list.iter().enumerate();
    all.try_for_each(|(position, value)| at(format_args!("[{position}]"), fits(element, value)))
}

fn tuple<'a>(parts: impl ExactSizeIterator<Item = &'a StoredType>, value: &Value) -> Fit {
    let list = value.as_array().filter(|list| list.len() == parts.len());
    let Some(list) = list else {
        return wrong();
    };
    let mut all = parts.zip(list).enumerate();
    all.try_for_each(|(position, (ty, value))| at(format_args!("[{position}]"), fits(ty, value)))
}

/// The names of members are the keys, as text or as the text of a number.
fn map(key: &StoredType, inner: &StoredType, value: &Value) -> Fit {
    let Some(object) = value.as_object() else {
        return wrong();
    };
    object.iter().try_for_each(|(name, value)| {
        let as_text = fits(key, &Value::String(name.clone()));
        let as_number = || fits(key, &serde_json::from_str(name).unwrap_or(Value::Null));
        // The name is a key, and keys are values: it is not told.
        as_text
            .or_else(|_| as_number())
            .map_err(|_| Misfit::default())?;
        at(".*", fits(inner, value))
    })
}

/// An object with these members and no other ones, but for `tag`.
fn object(members: &[(String, StoredType)], tag: Option<&str>, value: &Value) -> Fit {
    let Some(object) = value.as_object() else {
        return wrong();
    };
    for (name, ty) in members {
        match object.get(name) {
            Some(value) => at(format_args!(".{name}"), fits(ty, value))?,
            None => at(format_args!(".{name}"), require(ty.is_optional()))?,
        }
    }
    let is_known = |name: &String| {
        Some(name.as_str()) == tag || members.iter().any(|(known, _)| known == name)
    };
    require(object.keys().all(is_known))
}

fn variant<'a>(parts: &'a [(String, StoredType)], name: &str) -> Option<&'a StoredType> {
    let found = parts.iter().find(|(variant, _)| variant == name);
    found.map(|(_, ty)| ty).filter(|_| name != UNTAGGED)
}

/// What stands for the name of a variant that is written without one.
const UNTAGGED: &str = "@untagged";

fn is_unit(ty: &StoredType) -> bool {
    matches!(ty, StoredType::Leaf(name) if name == "()")
}

fn untagged_part(parts: &[(String, StoredType)], value: &Value) -> Fit {
    let mut untagged = parts.iter().filter(|(name, _)| name == UNTAGGED);
    require(untagged.any(|(_, ty)| fits(ty, value).is_ok()))
}

/// `"free"`, `{"team":…}`.
fn named(parts: &[(String, StoredType)], value: &Value) -> Fit {
    let fit = match value {
        Value::String(name) => require(variant(parts, name).is_some_and(is_unit)),
        Value::Object(object) if object.len() == 1 => {
            let (name, content) = object.iter().next().expect("it has one member");
            match variant(parts, name) {
                Some(ty) => at(format_args!(".{name}"), fits(ty, content)),
                None => wrong(),
            }
        }
        _ => wrong(),
    };
    fit.or_else(|misfit| untagged_part(parts, value).map_err(|_| misfit))
}

fn text_member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

/// `{"kind":"team",…}`.
fn tagged(parts: &[(String, StoredType)], tag: &str, value: &Value) -> Fit {
    let object_of = value.as_object();
    let named = object_of.and_then(|object| text_member(object, tag));
    let Some(ty) = named.and_then(|name| variant(parts, name)) else {
        return untagged_part(parts, value);
    };
    match ty {
        unit if is_unit(unit) => object(&[], Some(tag), value),
        StoredType::Members { members } => object(members, Some(tag), value),
        StoredType::Embedded {
            form: Form::Struct,
            parts,
            ..
        } => object(parts, Some(tag), value),
        inner => {
            let mut rest = value.clone();
            rest.as_object_mut().map(|object| object.remove(tag));
            fits(inner, &rest)
        }
    }
}

/// `{"kind":"team","data":…}`.
fn adjacent(parts: &[(String, StoredType)], tag: &str, content: &str, value: &Value) -> Fit {
    let object = value.as_object();
    let found =
        object.and_then(|object| Some((object, variant(parts, text_member(object, tag)?)?)));
    let Some((object, ty)) = found else {
        return untagged_part(parts, value);
    };
    require(object.keys().all(|name| name == tag || name == content))?;
    match object.get(content) {
        Some(value) => at(format_args!(".{content}"), fits(ty, value)),
        None => require(is_unit(ty)),
    }
}

#[cfg(test)]
mod tests;
