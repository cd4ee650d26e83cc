//! Keys: what identifies a document inside its collection, and how it is written in paths.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::error::{Code, Error, Result};

/// The form of a collection's keys. Fixed when the collection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// [`Id`] or `Uuid`: 36 characters in paths, 16 bytes in index members.
    Uuid,
    /// Text: percent-encoded in paths.
    Text,
    /// An unsigned integer: zero-padded to 20 digits, so that listing order is numeric order.
    Unsigned,
}

impl KeyKind {
    /// The stored name of the kind.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uuid => "uuid",
            Self::Text => "text",
            Self::Unsigned => "unsigned",
        }
    }
}

/// A key's plain text, before the percent-encoding of paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyText(pub String);

/// A type that can be a document's key.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a document key",
    label = "not a key type",
    note = "use `Id<T>`, `Uuid`, `String`, an unsigned integer, or a newtype of one of them with `#[derive(Embedded)]`"
)]
pub trait DocumentKey: Clone + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// The form of the key.
    const KIND: KeyKind;

    /// The plain text of the key: a UUID in lower-case hyphenated form, an integer zero-padded to 20 digits, or the
    /// text itself.
    fn to_text(&self) -> KeyText;

    /// Reads the plain text.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid): the text is not a key of this type.
    fn from_text(text: &str) -> Result<Self>;
}

/// The id of a `T`: a UUID version 7, so that ids sort by creation time.
///
/// ```
/// use smarterbase_core::document::Id;
/// struct User;
/// let id: Id<User> = "0199c7f5-5f0a-7e2b-9c1d-0123456789ab".parse().unwrap();
/// assert_eq!(id.to_string(), "0199c7f5-5f0a-7e2b-9c1d-0123456789ab");
/// ```
pub struct Id<T> {
    uuid: Uuid,
    owner: PhantomData<fn() -> T>,
}

impl<T> Id<T> {
    /// A placeholder: a document created with it gets a fresh id (for fields marked `#[key(auto)]`).
    #[must_use]
    pub const fn auto() -> Self {
        Self::from_uuid(Uuid::nil())
    }

    /// The id with this UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self {
            uuid,
            owner: PhantomData,
        }
    }

    /// The UUID of the id.
    #[must_use]
    pub const fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Whether this is the placeholder of [`Id::auto`].
    #[must_use]
    pub const fn is_auto(&self) -> bool {
        self.uuid.is_nil()
    }
}

impl<T: 'static> DocumentKey for Id<T> {
    const KIND: KeyKind = KeyKind::Uuid;

    fn to_text(&self) -> KeyText {
        self.uuid.to_text()
    }

    fn from_text(text: &str) -> Result<Self> {
        Uuid::from_text(text).map(Self::from_uuid)
    }
}

impl DocumentKey for Uuid {
    const KIND: KeyKind = KeyKind::Uuid;

    fn to_text(&self) -> KeyText {
        KeyText(self.as_hyphenated().to_string())
    }

    fn from_text(text: &str) -> Result<Self> {
        let uuid = Uuid::try_parse(text).map_err(|source| invalid("a UUID").with_source(source))?;
        // One id has one path: only the canonical form is an id.
        if uuid.to_text().0 == text {
            Ok(uuid)
        } else {
            Err(invalid("a lower-case hyphenated UUID"))
        }
    }
}

impl DocumentKey for String {
    const KIND: KeyKind = KeyKind::Text;

    fn to_text(&self) -> KeyText {
        KeyText(self.clone())
    }

    fn from_text(text: &str) -> Result<Self> {
        Ok(text.to_owned())
    }
}

macro_rules! unsigned_keys {
    ($($type:ty),*) => {$(
        impl DocumentKey for $type {
            const KIND: KeyKind = KeyKind::Unsigned;

            fn to_text(&self) -> KeyText {
                KeyText(format!("{self:020}"))
            }

            fn from_text(text: &str) -> Result<Self> {
                let number = text.parse::<$type>().map_err(|source| invalid("an integer").with_source(source))?;
                if number.to_text().0 == text { Ok(number) } else { Err(invalid("an integer of 20 digits")) }
            }
        }
    )*};
}
unsigned_keys!(u8, u16, u32, u64);

fn invalid(expected: &str) -> Error {
    Error::new(Code::INVALID_ID, format!("the id is not {expected}"))
}

// Derives would ask for `T: Clone` and so on, although no `T` is held.
impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.uuid == other.uuid
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.uuid.cmp(&other.uuid)
    }
}
impl<T> std::hash::Hash for Id<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.uuid.hash(state);
    }
}
impl<T> Default for Id<T> {
    fn default() -> Self {
        Self::auto()
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.uuid.as_hyphenated())
    }
}
impl<T> fmt::Display for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.uuid.as_hyphenated().fmt(f)
    }
}
impl<T> FromStr for Id<T> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Uuid::from_text(text).map(Self::from_uuid)
    }
}
impl<T> Serialize for Id<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.uuid.as_hyphenated())
    }
}
impl<'de, T> Deserialize<'de> for Id<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::from_uuid)
    }
}
