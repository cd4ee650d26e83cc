//! Lock files: the sealed versions of one type, as they are checked in.

mod text;

use std::{borrow::Cow, fmt};

use crate::{
    digest,
    replay::{self, Between, Link, Problem},
    shape::Shape,
    step::Step,
};

/// The sealed versions of one type: `schema/<name>.toml`, or `schema/embedded/<name>.toml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Whether the type is a document or stands inside of documents.
    pub kind: Kind,
    /// The stored name: the collection, or the name of the embedded type.
    pub name: String,
    /// The crate that defines the type. Other crates of the same package (tests, examples) have nothing to do with the lock.
    pub crate_name: String,
    /// The sealed versions, ascending and without gaps.
    pub versions: Vec<Sealed>,
}

/// What a lock is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `#[derive(Document)]`.
    Document,
    /// `#[derive(Embedded)]`.
    Embedded,
}

/// One sealed version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its number, from 1.
    pub version: u32,
    /// What the type looked like.
    pub shape: Shape,
    /// The digest of the steps that led here from the version before; the first one has none.
    pub steps: Option<u64>,
    /// Where fields come from: those of a document that are not called as they were in version 1, or whose values a step
    /// made. Definitions of indexes hold it, so it must outlive the steps that `min_version` drops.
    pub origins: Vec<Origin>,
}

/// Where a field comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The stored name of the field.
    pub field: String,
    /// The name that it had when its values were made.
    pub name: String,
    /// The version whose steps made its values; 1 when none did.
    pub touched: u32,
}

/// Why a text is not a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The first line is no seal, or not that of the lines below it: somebody edited them.
    Seal,
    /// A line that no lock has, counted from 1, and what is wrong with it.
    Line(usize, &'static str),
}

impl Lock {
    /// Reads a lock. Its seal must fit.
    ///
    /// # Errors
    /// [`Broken`]: the text was edited, or is no lock.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        let (seal, body) = split_seal(text).ok_or(Broken::Seal)?;
        if seal != digest::hex(digest::of(&normalized(body))) {
            return Err(Broken::Seal);
        }
        text::read(body, text::Digests::Checked)
    }

    /// Reads a lock without asking for its seal or its digests, to repair one that was edited on purpose.
    ///
    /// # Errors
    /// [`Broken::Line`]: the text is no lock.
    pub fn parse_unsealed(text: &str) -> Result<Self, Broken> {
        let body = split_seal(text).map_or(text, |(_, body)| body);
        text::read(body, text::Digests::Ignored)
    }

    /// The text of the lock, with its seal in the first line.
    #[must_use]
    pub fn write(&self) -> String {
        let body = text::write(self);
        format!("{SEAL}{}\n{body}", digest::hex(digest::of(&body)))
    }

    /// Adds the version that these steps lead to; the first version needs none.
    ///
    /// # Errors
    /// Every mistake in the steps, as [`replay::replay`].
    pub fn add(&mut self, shape: Shape, steps: &[Step]) -> Result<(), Vec<Problem>> {
        let sealed = match self.last() {
            None => Sealed::first(shape),
            Some(before) => {
                let between = Between {
                    from: before.version,
                    before: &before.shape,
                    after: &shape,
                };
                let link = replay::replay(between, steps)?;
                before.followed_by(self.kind, shape, &link)
            }
        };
        self.versions.push(sealed);
        Ok(())
    }

    /// The file of the lock below the folder `schema`.
    #[must_use]
    pub fn path(kind: Kind, name: &str) -> String {
        match kind {
            Kind::Document => format!("{name}.toml"),
            Kind::Embedded => format!("embedded/{name}.toml"),
        }
    }

    /// The last sealed version.
    #[must_use]
    pub fn last(&self) -> Option<&Sealed> {
        self.versions.last()
    }

    /// The sealed version with this number.
    #[must_use]
    pub fn version(&self, version: u32) -> Option<&Sealed> {
        self.versions
            .iter()
            .find(|sealed| sealed.version == version)
    }
}

/// How the first line begins.
const SEAL: &str = "# seal ";

/// The first line of a lock's text: it changes whenever anything in the lock does.
#[must_use]
pub fn seal_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn split_seal(text: &str) -> Option<(&str, &str)> {
    let (first, body) = text.split_once('\n')?;
    let seal = first.trim_end_matches('\r').strip_prefix(SEAL)?;
    Some((seal, body))
}

/// A checkout may have made other line ends of ours.
fn normalized(body: &str) -> Cow<'_, str> {
    if body.contains('\r') {
        body.replace("\r\n", "\n").into()
    } else {
        body.into()
    }
}

impl Sealed {
    fn first(shape: Shape) -> Self {
        Self {
            version: 1,
            shape,
            steps: None,
            origins: Vec::new(),
        }
    }

    fn followed_by(&self, kind: Kind, shape: Shape, link: &Link) -> Self {
        let version = self.version + 1;
        let origin = |field: &str| link.origin(field, version, &|name| self.origin(name));
        Self {
            version,
            steps: Some(link.digest()),
            origins: Origin::all(kind, &shape, origin),
            shape,
        }
    }

    /// Where a field of this version comes from.
    #[must_use]
    pub fn origin(&self, field: &str) -> Origin {
        let known = self.origins.iter().find(|origin| origin.field == field);
        known.cloned().unwrap_or_else(|| Origin::first(field))
    }

    /// The lines below `[vN.origins]`.
    #[must_use]
    pub fn origin_lines(&self) -> String {
        text::origins(&self.origins)
    }
}

impl Origin {
    /// What a lock says about the fields of a shape: the origins that do not go without saying. Definitions hold the version of
    /// an embedded type and not the names of its parts, so that a lock of one says nothing.
    pub fn all(kind: Kind, shape: &Shape, of: impl Fn(&str) -> Self) -> Vec<Self> {
        if kind == Kind::Embedded {
            return Vec::new();
        }
        let origins = shape.parts.iter().map(|part| of(&part.name));
        origins.filter(|origin| !origin.is_first()).collect()
    }

    /// A field of version 1 that nothing has changed.
    #[must_use]
    pub fn first(field: &str) -> Self {
        Self {
            field: field.to_owned(),
            name: field.to_owned(),
            touched: 1,
        }
    }

    /// Whether it goes without saying.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.touched == 1 && self.name == self.field
    }
}

impl Kind {
    /// The word that stands in locks.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Embedded => "embedded",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seal => f.write_str("its seal does not match"),
            Self::Line(line, what) => write!(f, "line {line}: {what}"),
        }
    }
}
impl std::error::Error for Broken {}

#[cfg(test)]
mod tests;
