//! What an error of the operating system means to the engine.

use std::io;

use crate::port::{Attempt, StoreError, StoreErrorKind};

/// Why a write did not come to its end.
#[derive(Debug)]
pub(super) enum Failure {
    /// Before the object changed.
    Before(StoreError),
    /// After the object changed, or at the very step: nobody knows what stays after a power loss.
    After(StoreError),
}

impl Failure {
    /// An error of the operating system before the object changed.
    pub(super) fn before(doing: &str, error: io::Error) -> Self {
        Self::Before(store_error(doing, error))
    }

    /// An error of the operating system after the object changed.
    pub(super) fn after(doing: &str, error: io::Error) -> Self {
        Self::After(store_error(doing, error))
    }
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Before(error) if is_final(error.kind) => Self::Refused(error),
            Failure::Before(error) | Failure::After(error) => Self::Unknown(error),
        }
    }
}

/// Whether asking again, without anything else changing, is pointless.
pub(super) fn is_final(kind: StoreErrorKind) -> bool {
    use StoreErrorKind::{Denied, Full, Invalid, NoSuchStore, ReadOnly, Unsupported};
    matches!(
        kind,
        Denied | Full | Invalid | NoSuchStore | ReadOnly | Unsupported
    )
}

/// Names what was being done. The operating system's text holds no path, and paths hold no field values but encoded ids.
pub(super) fn store_error(doing: &str, error: io::Error) -> StoreError {
    StoreError::new(kind(&error), format!("{doing}: {error}")).with_source(error)
}

fn kind(error: &io::Error) -> StoreErrorKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreErrorKind::Full
        }
        io::ErrorKind::PermissionDenied => StoreErrorKind::Denied,
        io::ErrorKind::ReadOnlyFilesystem => StoreErrorKind::ReadOnly,
        io::ErrorKind::InvalidFilename
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory
        | io::ErrorKind::CrossesDevices => StoreErrorKind::Invalid,
        io::ErrorKind::TimedOut => StoreErrorKind::Timeout,
        _ => StoreErrorKind::Unavailable,
    }
}
