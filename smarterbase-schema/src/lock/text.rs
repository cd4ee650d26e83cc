//! The text of a lock: a small part of TOML with one fact per line, so that merges are merges of lines.

use super::{Broken, Kind, Lock, Origin, Sealed};
use crate::{
    digest,
    shape::{Form, Part, Shape},
};

/// Everything below the seal.
pub(super) fn write(lock: &Lock) -> String {
    let mut text = String::new();
    line(&mut text, "kind", lock.kind.name());
    line(&mut text, "name", &lock.name);
    line(&mut text, "crate", &lock.crate_name);
    for sealed in &lock.versions {
        write_version(&mut text, sealed);
    }
    text
}

fn write_version(text: &mut String, sealed: &Sealed) {
    let (version, shape) = (sealed.version, &sealed.shape);
    text.push_str(&format!("\n[v{version}]\n"));
    line(text, "form", shape.form.name());
    if let Some(key) = &shape.key {
        line(text, "key", key);
    }
    let representation = &shape.representation;
    for (name, value) in [
        ("tag", &representation.tag),
        ("content", &representation.content),
    ] {
        if let Some(value) = value {
            line(text, name, value);
        }
    }
    if representation.untagged {
        line(text, "untagged", "yes");
    }
    if let Some(steps) = sealed.steps {
        line(text, "steps", &digest::hex(steps));
    }
    line(text, "digest", &digest::hex(shape.digest()));
    text.push_str(&format!("\n[v{version}.{}]\n", table(shape.form)));
    for part in &shape.parts {
        line(text, &part.name, &part.ty);
    }
    if !sealed.origins.is_empty() {
        text.push_str(&format!("\n[v{version}.{ORIGINS}]\n"));
        text.push_str(&origins(&sealed.origins));
    }
}

/// The table that says where fields come from.
const ORIGINS: &str = "origins";

/// `full_name = "v1 name"`: the version whose steps made the values, and the name that the field had then.
pub(super) fn origins(origins: &[Origin]) -> String {
    let mut text = String::new();
    for Origin {
        field,
        name,
        touched,
    } in origins
    {
        line(&mut text, field, &format!("v{touched} {name}"));
    }
    text
}

fn origin(field: String, text: &str) -> Option<Origin> {
    let (touched, name) = text.strip_prefix('v')?.split_once(' ')?;
    Some(Origin {
        field,
        name: name.to_owned(),
        touched: number(touched)?,
    })
}

/// A number as we write it.
fn number(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|number: &u32| number.to_string() == text && *number > 0)
}

const fn table(form: Form) -> &'static str {
    match form {
        Form::Enum => "variants",
        Form::Struct | Form::Tuple | Form::Newtype => "fields",
    }
}

fn line(text: &mut String, name: &str, value: &str) {
    let is_bare = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let name = if is_bare {
        name.to_owned()
    } else {
        quoted(name)
    };
    text.push_str(&format!("{name} = {}\n", quoted(value)));
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_control() => {
                quoted.push_str(&format!("\\u{:04X}", u32::from(letter)));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Where the reader stands.
enum Section {
    Head,
    Version,
    Parts,
    Origins,
}

/// Whether the versions of a lock must have the digests that stand in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Digests {
    Checked,
    Ignored,
}

/// Reads what [`write`] writes; comments and blank lines may stand anywhere.
pub(super) fn read(body: &str, digests: Digests) -> Result<Lock, Broken> {
    let mut reading = Reading {
        head: [None, None, None],
        versions: Vec::new(),
        section: Section::Head,
    };
    for (position, text) in body.lines().enumerate() {
        let text = text.trim();
        // The seal is the first line.
        let broken = |what| Broken::Line(position + 2, what);
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match text.strip_prefix('[') {
            Some(section) => reading.enter(section).map_err(broken)?,
            None => {
                let (name, value) = fact(text).ok_or(broken("not `name = \"value\"`"))?;
                reading.take(name, value).map_err(broken)?;
            }
        }
    }
    reading.finish(digests)
}

struct Reading {
    /// `kind`, `name` and `crate`.
    head: [Option<String>; 3],
    versions: Vec<Claimed>,
    section: Section,
}

/// A version, and the digest that the lock says it has.
struct Claimed {
    sealed: Sealed,
    digest: Option<u64>,
}

const HEAD: [&str; 3] = ["kind", "name", "crate"];

impl Reading {
    fn enter(&mut self, section: &str) -> Result<(), &'static str> {
        let name = section.strip_suffix(']').ok_or("a section ends with `]`")?;
        let (number, table) = name
            .split_once('.')
            .map_or((name, None), |(number, table)| (number, Some(table)));
        let number: u32 = number
            .strip_prefix('v')
            .and_then(|number| number.parse().ok())
            .ok_or("a section is `[v1]`, `[v1.fields]`, `[v1.variants]` or `[v1.origins]`")?;
        match (table, self.versions.last()) {
            (None, last) => {
                if last.is_some_and(|last| last.sealed.version + 1 != number) || number == 0 {
                    return Err("versions follow each other without a gap");
                }
                self.section = Section::Version;
                self.versions.push(Claimed {
                    sealed: Sealed {
                        version: number,
                        shape: Shape::new(Form::Struct),
                        steps: None,
                        origins: Vec::new(),
                    },
                    digest: None,
                });
                Ok(())
            }
            (Some(table), Some(last))
                if last.sealed.version == number
                    && table == self::table(last.sealed.shape.form) =>
            {
                self.section = Section::Parts;
                Ok(())
            }
            (Some(ORIGINS), Some(last)) if last.sealed.version == number => {
                self.section = Section::Origins;
                Ok(())
            }
            _ => Err("the parts of a version follow it"),
        }
    }

    fn take(&mut self, name: String, value: String) -> Result<(), &'static str> {
        if matches!(self.section, Section::Head) {
            let place = HEAD
                .iter()
                .position(|known| *known == name)
                .ok_or("a lock begins with `kind`, `name` and `crate`")?;
            self.head[place] = Some(value);
            return Ok(());
        }
        let last = self
            .versions
            .last_mut()
            .ok_or("no version has begun here")?;
        if matches!(self.section, Section::Parts) {
            if last.sealed.shape.part(&name).is_some() {
                return Err("this part stands here twice");
            }
            last.sealed.shape.parts.push(Part { name, ty: value });
            return Ok(());
        }
        if matches!(self.section, Section::Origins) {
            return last.take_origin(name, &value);
        }
        last.take(&name, value)
    }

    fn finish(self, digests: Digests) -> Result<Lock, Broken> {
        for claimed in &self.versions {
            if digests == Digests::Checked && claimed.digest != Some(claimed.sealed.shape.digest())
            {
                return Err(Broken::Line(1, "a version does not have its digest"));
            }
        }
        let [kind, name, crate_name] = self.head;
        let missing = Broken::Line(1, "`kind`, `name` and `crate` are needed");
        let kind = kind.as_deref().and_then(|kind| {
            [Kind::Document, Kind::Embedded]
                .into_iter()
                .find(|known| known.name() == kind)
        });
        Ok(Lock {
            kind: kind.ok_or(missing.clone())?,
            name: name.ok_or(missing.clone())?,
            crate_name: crate_name.ok_or(missing)?,
            versions: self
                .versions
                .into_iter()
                .map(|claimed| claimed.sealed)
                .collect(),
        })
    }
}

impl Claimed {
    fn take(&mut self, name: &str, value: String) -> Result<(), &'static str> {
        let shape = &mut self.sealed.shape;
        match name {
            "form" => shape.form = Form::named(&value).ok_or("not a form")?,
            "key" => shape.key = Some(value),
            "tag" => shape.representation.tag = Some(value),
            "content" => shape.representation.content = Some(value),
            "untagged" => shape.representation.untagged = value == "yes",
            "steps" => self.sealed.steps = Some(bits(&value).ok_or("not a digest")?),
            "digest" => self.digest = Some(bits(&value).ok_or("not a digest")?),
            _ => return Err("a version has no such fact"),
        }
        Ok(())
    }

    fn take_origin(&mut self, field: String, text: &str) -> Result<(), &'static str> {
        let Sealed { shape, origins, .. } = &mut self.sealed;
        if shape.part(&field).is_none() || origins.iter().any(|known| known.field == field) {
            return Err("an origin is that of a field, once");
        }
        origins.push(origin(field, text).ok_or("not `\"v1 name\"`")?);
        Ok(())
    }
}

fn bits(hex: &str) -> Option<u64> {
    u64::from_str_radix(hex, 16)
        .ok()
        .filter(|bits| digest::hex(*bits) == hex)
}

/// `name = "value"` just as [`line`] writes it, without escapes. The derive, which is built without optimization, reads most
/// lines in this way at a third of the cost.
fn plain_fact(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| byte == b' ')?;
    let (name, rest) = text.split_at(end);
    let value = rest.strip_prefix(" = \"")?.strip_suffix('"')?;
    let has = |text: &str, byte| text.as_bytes().contains(&byte);
    let is_odd = has(name, b'"') || has(name, b'=') || has(value, b'"') || has(value, b'\\');
    (!is_odd).then_some((name, value))
}

/// `name = "value"`.
fn fact(text: &str) -> Option<(String, String)> {
    if let Some((name, value)) = plain_fact(text) {
        return Some((name.to_owned(), value.to_owned()));
    }
    let (name, rest) = match text.starts_with('"') {
        true => unquoted(text)?,
        false => {
            let end = text.find('=')?;
            let name = text[..end].trim_end_matches(' ');
            if name.contains(' ') {
                return None;
            }
            (name.to_owned(), &text[end..])
        }
    };
    let value = rest.trim_start().strip_prefix('=')?.trim_start();
    let (value, rest) = unquoted(value)?;
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some((name, value))
}

/// The content of a basic string at the front of `text`, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let (content, rest) = text.strip_prefix('"')?.split_once('"')?;
    if content.contains('\\') {
        return unescaped(text);
    }
    Some((content.to_owned(), rest))
}

/// The same letter by letter, of a string with escapes.
fn unescaped(text: &str) -> Option<(String, &str)> {
    let mut content = String::new();
    let mut letters = text.strip_prefix('"')?.char_indices();
    while let Some((position, letter)) = letters.next() {
        match letter {
            '"' => return Some((content, &text[position + 2..])),
            '\\' => match letters.next()?.1 {
                'u' => {
                    let digits: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                    content.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                letter @ ('"' | '\\') => content.push(letter),
                _ => return None,
            },
            letter => content.push(letter),
        }
    }
    None
}
