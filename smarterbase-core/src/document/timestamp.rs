//! Points in time: UTC, nanoseconds kept, written as RFC 3339.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Code, Error, Result};

/// A point in time: UTC with nanoseconds, from year -9999 to 9999. Stored as RFC 3339 text ending in `Z`.
///
/// ```
/// use smarterbase_core::document::Timestamp;
/// let moment: Timestamp = "2026-11-20T16:52:11.12+02:00".parse().unwrap();
/// assert_eq!(moment.to_string(), "2026-11-20T14:52:11.12Z");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The start of 1970.
    pub const UNIX_EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// The point `seconds` and `nanoseconds` (0 to 999,999,999) after the start of 1970.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid): outside the years -9999 to 9999.
    pub fn from_parts(seconds: i64, nanoseconds: u32) -> Result<Self> {
        let whole = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
        jiff::Timestamp::from_nanosecond(whole)
            .map(Self)
            .map_err(out_of_range)
    }

    /// Whole seconds since 1970, rounded down, and the nanoseconds (0 to 999,999,999) on top.
    #[must_use]
    pub fn to_parts(self) -> (i64, u32) {
        let whole = self.0.as_nanosecond();
        let seconds = whole.div_euclid(1_000_000_000);
        let nanoseconds = whole.rem_euclid(1_000_000_000);
        (
            i64::try_from(seconds).expect("jiff's range fits"),
            u32::try_from(nanoseconds).expect("below 10^9"),
        )
    }

    /// Milliseconds since 1970, rounded towards zero.
    #[must_use]
    pub fn as_milliseconds(self) -> i64 {
        self.0.as_millisecond()
    }

    /// The point `milliseconds` after the start of 1970.
    ///
    /// # Errors
    /// [`Invalid`](crate::ErrorKind::Invalid): outside the years -9999 to 9999.
    pub fn from_milliseconds(milliseconds: i64) -> Result<Self> {
        jiff::Timestamp::from_millisecond(milliseconds)
            .map(Self)
            .map_err(out_of_range)
    }

    /// The point `duration` later, or the last one there is.
    #[must_use]
    pub fn saturating_add(self, duration: std::time::Duration) -> Self {
        Self(
            self.0
                .saturating_add(duration)
                .unwrap_or(jiff::Timestamp::MAX),
        )
    }

    /// The point `duration` earlier, or the first one there is.
    #[must_use]
    pub fn saturating_sub(self, duration: std::time::Duration) -> Self {
        let earlier = self.0.saturating_sub(duration);
        Self(earlier.unwrap_or(jiff::Timestamp::MIN))
    }
}

fn out_of_range(source: jiff::Error) -> Error {
    Error::new(
        Code::INVALID_VALUE,
        "the time is outside the years -9999 to 9999",
    )
    .with_source(source)
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp)
    }
}
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}
impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|source: jiff::Error| {
            Error::new(Code::INVALID_VALUE, "not an RFC 3339 time").with_source(source)
        })
    }
}
impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(|_| E::custom("not an RFC 3339 time"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
