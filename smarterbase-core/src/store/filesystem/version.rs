//! The version of a file: its modification time and the `put` inside it.

use std::{
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::MetadataExt,
    time::{Duration, SystemTime},
};

use crate::{
    document::{Timestamp, Version},
    format::{Nonce, envelope},
};

/// How many bytes at the beginning of a file hold its `put`.
const HEAD: u64 = 64;

/// A modification time in nanoseconds since 1970.
pub(super) type Modified = i128;

/// The version of one file.
///
/// The time alone could come back (a backup that restores times), the nonce alone could be missing (a file made by
/// hand): both must match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileVersion {
    pub(super) modified: Modified,
    put: Nonce,
}

impl FileVersion {
    /// The version of a file with these bytes.
    pub(super) fn of(metadata: &Metadata, bytes: &[u8]) -> Self {
        Self::at(modified(metadata), bytes)
    }

    /// The version that these bytes have at this time.
    pub(super) fn at(modified: Modified, bytes: &[u8]) -> Self {
        let put = physical(bytes).unwrap_or_else(|| envelope::fingerprint(bytes));
        Self { modified, put }
    }

    /// Reads as much of an open file as its version needs: the head, or all of a file that has no `put`.
    pub(super) fn read(file: &mut File, metadata: &Metadata) -> io::Result<Self> {
        let mut bytes = head(file)?;
        if physical(&bytes).is_none() {
            file.read_to_end(&mut bytes)?;
        }
        Ok(Self::of(metadata, &bytes))
    }

    /// The token that the engine keeps.
    pub(super) fn token(self) -> Version {
        Version::from_e_tag(format!("{}-{}", self.modified, self.put))
    }
}

/// What a LIST says of a file: the whole version where the head tells it, else a token that equals no version.
pub(super) fn hint(file: &mut File, metadata: &Metadata) -> Version {
    let modified = modified(metadata);
    let put = match metadata.len() {
        0 => Some(envelope::fingerprint(b"")),
        _ => head(file).ok().and_then(|head| physical(&head)),
    };
    match put {
        Some(put) => FileVersion { modified, put }.token(),
        None => Version::from_e_tag(modified.to_string()),
    }
}

fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(64);
    file.take(HEAD).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn physical(bytes: &[u8]) -> Option<Nonce> {
    envelope::physical_nonce(&bytes[..bytes.len().min(64)])
}

/// The modification time of a file.
pub(super) fn modified(metadata: &Metadata) -> Modified {
    i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec())
}

/// The time as the engine writes it.
pub(super) fn timestamp(modified: Modified) -> Option<Timestamp> {
    let seconds = i64::try_from(modified.div_euclid(1_000_000_000)).ok()?;
    let nanoseconds = u32::try_from(modified.rem_euclid(1_000_000_000)).ok()?;
    Timestamp::from_parts(seconds, nanoseconds).ok()
}

/// The time as a clock says it.
pub(super) fn from_timestamp(now: Timestamp) -> Modified {
    let (seconds, nanoseconds) = now.to_parts();
    i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
}

/// Sets the modification time of an open file.
pub(super) fn set_modified(file: &File, modified: Modified) -> io::Result<()> {
    let nanoseconds = u64::try_from(modified)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "no time a file can have"))?;
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_nanos(nanoseconds))
}
