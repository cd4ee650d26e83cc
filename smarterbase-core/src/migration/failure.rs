//! Why a document could not be brought to the version of today.

use std::fmt;

use crate::error::{Code, Error};

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// A step that failed on a document. It is the [`source`](std::error::Error::source) of an error with the code
/// `SB-MIGRATION`.
#[derive(Debug)]
pub struct Failure {
    /// The type whose step failed: the document, or an embedded type in it.
    pub type_name: String,
    /// The version that the step led from; it led to the next one.
    pub from: u32,
    /// The step as it was written: `convert(age)`.
    pub step: String,
    cause: Cause,
}

/// What happened inside of a step.
#[derive(Debug)]
pub enum Cause {
    /// The member is not what the version says.
    NotAsSealed(String),
    /// The member is missing.
    Missing(String),
    /// The step would overwrite a member that the version does not have (rule S28).
    Occupied(String),
    /// The function of the step returned an error.
    Refused(Source),
    /// What the function returned is not JSON.
    NotJson,
    /// The value is none of the variants that the version has.
    NoVariant,
    /// An embedded type inside of the member could not be upgraded.
    Inside(Box<Failure>),
}

impl Failure {
    /// The failure of one step.
    #[must_use]
    pub fn new(type_name: &str, from: u32, step: String, cause: Cause) -> Self {
        // The innermost step says most.
        if let Cause::Inside(inner) = cause {
            return *inner;
        }
        Self {
            type_name: type_name.to_owned(),
            from,
            step,
            cause,
        }
    }

    /// What happened. The user's own error is only in the `source`, since it can hold a value.
    #[must_use]
    pub fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::new(Code::MIGRATION, failure.to_string()).with_source(failure)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            type_name,
            from,
            step,
            cause,
        } = self;
        write!(
            f,
            "cannot upgrade `{type_name}` from version {from} to {}: `{step}`: {cause}",
            from + 1
        )
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsSealed(name) => {
                write!(f, "`{name}` is not what that version says")
            }
            Self::Missing(name) => write!(f, "there is no member `{name}`"),
            Self::Occupied(name) => write!(
                f,
                "there already is a member `{}`, which that version does not have",
                name.escape_debug()
            ),
            Self::Refused(_) => f.write_str("the function returned an error"),
            Self::NotJson => f.write_str("the function returned a value that is not JSON"),
            Self::NoVariant => f.write_str("the value is none of the variants of that version"),
            Self::Inside(inner) => inner.fmt(f),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            Cause::Refused(source) => Some(&**source),
            _ => None,
        }
    }
}
