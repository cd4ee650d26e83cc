//! The last failure of a store that a machine met: kept until it is known whether it matters.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use crate::{
    error::{Code, Error},
    port::{StoreError, StoreErrorKind},
};

/// A [`StoreError`] that can be cloned and compared (by kind), so that machines can.
#[derive(Clone, Debug)]
pub(super) struct Trouble(Arc<StoreError>);

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self(Arc::new(error))
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        Arc::try_unwrap(trouble.0).unwrap_or_else(|shared| {
            Self::new(shared.kind, shared.message.clone()).with_source(shared)
        })
    }
}

impl PartialEq for Trouble {
    fn eq(&self, other: &Self) -> bool {
        self.0.kind == other.0.kind
    }
}
impl Eq for Trouble {}
impl Hash for Trouble {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.kind.hash(state);
    }
}

/// The error of an operation that changed nothing because its store failed.
#[must_use]
pub fn nothing_happened(error: StoreError) -> Error {
    let code = match error.kind {
        StoreErrorKind::Unavailable | StoreErrorKind::Timeout | StoreErrorKind::Throttled => {
            Code::UNAVAILABLE
        }
        StoreErrorKind::Denied => Code::DENIED,
        StoreErrorKind::NoSuchStore => Code::NO_SUCH_STORE,
        StoreErrorKind::Full => Code::FULL,
        StoreErrorKind::ReadOnly => Code::READ_ONLY,
        StoreErrorKind::Invalid => Code::INVALID,
        StoreErrorKind::Unsupported => Code::UNSUPPORTED,
    };
    Error::new(code, error.to_string()).with_source(error)
}
