//! What a new or changed document takes from its surroundings: the time, and random bytes for ids.

use super::{Document, Timestamp};

/// The moment of a write: handed to [`Document::stamp`] so that time and randomness stay replayable.
pub struct Moment<'a> {
    /// The time of the write.
    pub now: Timestamp,
    /// Whether the document is new: `created_at` and automatic keys are set only then.
    pub is_new: bool,
    random: &'a mut dyn FnMut(&mut [u8]),
}

impl<'a> Moment<'a> {
    /// A moment at `now` that draws its random bytes from `random`.
    #[must_use]
    pub fn new(now: Timestamp, is_new: bool, random: &'a mut dyn FnMut(&mut [u8])) -> Self {
        Self {
            now,
            is_new,
            random,
        }
    }

    /// A new time-ordered identifier (UUID version 7, RFC 9562): 48 bits of milliseconds, 74 random bits.
    pub fn new_uuid(&mut self) -> uuid::Uuid {
        let mut random = [0; 10];
        (self.random)(&mut random);
        let milliseconds = u64::try_from(self.now.as_milliseconds()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
    }
}

impl std::fmt::Debug for Moment<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Moment")
            .field("now", &self.now)
            .field("is_new", &self.is_new)
            .finish_non_exhaustive()
    }
}

/// What can be turned into a new document: the document itself, and the struct of `#[document(new(NewUser))]`.
pub trait IntoDocument<T: Document> {
    /// Makes the document; automatic fields are filled by [`Document::stamp`] afterwards.
    fn into_document(self, moment: &mut Moment<'_>) -> T;
}

impl<T: Document> IntoDocument<T> for T {
    fn into_document(self, _moment: &mut Moment<'_>) -> T {
        self
    }
}
