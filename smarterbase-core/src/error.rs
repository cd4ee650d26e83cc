//! What went wrong, and what the caller can do about it.
//!
//! One opaque [`Error`]: its [`kind`](Error::kind) says what to do, its [`code`](Error::code) is stable and has a page
//! under `docs/errors/`, its text is one line and never holds the value of a field, since values can be secrets.

pub mod code;
pub mod kind;

pub use code::Code;
pub use kind::ErrorKind;

use std::fmt;

/// The result of every operation of SmarterBase.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The error of every operation.
///
/// The text reads outermost first, `save users/0199…: unique field "email" is held by users/0198…`. It is not an API;
/// [`kind`](Self::kind) and [`code`](Self::code) are.
pub struct Error(Box<Inner>);

struct Inner {
    code: Code,
    operation: Option<&'static str>,
    collection: Option<String>,
    id: Option<String>,
    message: String,
    field: Option<String>,
    holder: Option<String>,
    violations: Vec<Violation>,
    source: Option<Source>,
}

/// One rule that a document broke: the field, the rule, and a text that holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field, `address.street` or `lines[2].amount`.
    pub field: String,
    /// The rule's name, for example `email` or `length`.
    pub rule: String,
    /// A text for people, when the rule has one.
    pub message: Option<String>,
}

impl Error {
    /// Makes an error of the kind that `code` belongs to. `message` must not hold the value of a field.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            code,
            operation: None,
            collection: None,
            id: None,
            message: message.into(),
            field: None,
            holder: None,
            violations: Vec::new(),
            source: None,
        }))
    }

    /// An application's own error, to leave an update or a transaction without a change.
    ///
    /// It comes back unchanged: [`downcast`](Self::downcast) returns it.
    ///
    /// ```
    /// use smarterbase_core::{Error, ErrorKind};
    /// #[derive(Debug, PartialEq)]
    /// struct Overdrawn;
    /// impl std::fmt::Display for Overdrawn {
    ///     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("overdrawn") }
    /// }
    /// impl std::error::Error for Overdrawn {}
    ///
    /// let error = Error::abort(Overdrawn);
    /// assert_eq!(error.kind(), ErrorKind::Aborted);
    /// assert_eq!(error.downcast::<Overdrawn>().unwrap(), Overdrawn);
    /// ```
    #[must_use]
    pub fn abort(error: impl Into<Source>) -> Self {
        Self::new(Code::ABORTED, "the application gave up").with_source(error)
    }

    /// The same error once more, without what caused it.
    pub(crate) fn repeated(&self) -> Self {
        let inner = &*self.0;
        Self(Box::new(Inner {
            code: inner.code,
            operation: inner.operation,
            collection: inner.collection.clone(),
            id: inner.id.clone(),
            message: inner.message.clone(),
            field: inner.field.clone(),
            holder: inner.holder.clone(),
            violations: inner.violations.clone(),
            source: None,
        }))
    }

    /// What the caller can do.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.code.kind()
    }

    /// The stable code, `SB-…`, with a page of its own under `docs/errors/`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        self.0.code.text()
    }

    /// Whether doing the same again, later, can succeed without anything else changing.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind().is_retryable()
    }

    /// The collection that the operation was about.
    #[must_use]
    pub fn collection(&self) -> Option<&str> {
        self.0.collection.as_deref()
    }

    /// The encoded id of the document that the operation was about.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.id.as_deref()
    }

    /// The field that broke a rule: for [`ErrorKind::Unique`] the unique field.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// For [`ErrorKind::Unique`]: the encoded id of the document that holds the value.
    #[must_use]
    pub fn holder(&self) -> Option<&str> {
        self.0.holder.as_deref()
    }

    /// Every rule that the document broke, for [`ErrorKind::Invalid`].
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    /// The application's own error of [`Error::abort`].
    ///
    /// # Errors
    /// Gives the error back when it holds none, or one of another type.
    pub fn downcast<E: std::error::Error + 'static>(mut self) -> Result<E, Self> {
        match self.0.source.take() {
            Some(source) => source
                .downcast::<E>()
                .map(|error| *error)
                .map_err(|source| {
                    self.0.source = Some(source);
                    self
                }),
            None => Err(self),
        }
    }

    /// Adds what was being done (`save`, `open`), unless it is known already.
    #[must_use]
    pub fn during(mut self, operation: &'static str) -> Self {
        self.0.operation.get_or_insert(operation);
        self
    }

    /// Adds the collection, unless it is known already.
    #[must_use]
    pub fn in_collection(mut self, collection: impl Into<String>) -> Self {
        self.0.collection.get_or_insert_with(|| collection.into());
        self
    }

    /// Adds the document, unless it is known already.
    #[must_use]
    pub fn at(mut self, collection: impl Into<String>, id: impl Into<String>) -> Self {
        self.0.collection.get_or_insert_with(|| collection.into());
        self.0.id.get_or_insert_with(|| id.into());
        self
    }

    /// Adds the field that the error is about.
    #[must_use]
    pub fn on_field(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Adds the document that holds a unique value.
    #[must_use]
    pub fn held_by(mut self, holder: impl Into<String>) -> Self {
        self.0.holder = Some(holder.into());
        self
    }

    /// Adds the rules that the document broke.
    #[must_use]
    pub fn with_violations(mut self, violations: Vec<Violation>) -> Self {
        self.0.violations = violations;
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_context(f)?;
        f.write_str(&self.0.message)?;
        for (position, violation) in self.0.violations.iter().enumerate() {
            let separator = if position == 0 { ": " } else { ", " };
            write!(f, "{separator}{} ({})", violation.field, violation.rule)?;
        }
        write!(f, " [{}]", self.code())
    }
}

impl Error {
    /// `save users/0199…: `, as far as it is known.
    fn write_context(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            operation,
            collection,
            id,
            ..
        } = &*self.0;
        let place = match (collection, id) {
            (Some(collection), Some(id)) => format!("{collection}/{id}"),
            (Some(collection), None) => collection.clone(),
            (None, _) => String::new(),
        };
        match (operation, place.as_str()) {
            (None, "") => Ok(()),
            (Some(operation), "") => write!(f, "{operation}: "),
            (None, place) => write!(f, "{place}: "),
            (Some(operation), place) => write!(f, "{operation} {place}: "),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.kind())
            .field("code", &self.code())
            .field("text", &self.to_string())
            .field("source", &self.0.source)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn std::error::Error + 'static))
    }
}
