//! Lock files: the sealed versions of one type, as they are checked in.

mod text;

use std::fmt;

use crate::{digest, shape::Shape};

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
fn normalized(body: &str) -> String {
    body.replace("\r\n", "\n")
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
