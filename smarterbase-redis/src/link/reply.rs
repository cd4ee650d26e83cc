//! What a failed call means.

use redis::{ErrorKind, RedisError};
use smarterbase_core::port::IndexError;

/// Whether the server itself said this: it is alive.
pub(super) fn is_from_server(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType
    )
}

/// Whether no later call on the same connection can succeed. `READONLY`: a failover made the server a replica.
pub(super) fn needs_new_connection(error: &RedisError) -> bool {
    !is_from_server(error) || matches!(error.code(), Some("READONLY" | "NOAUTH"))
}

/// Whether the server refuses who we are, or what we may do.
pub(super) fn is_denied(error: &RedisError) -> bool {
    error.kind() == ErrorKind::AuthenticationFailed
        || matches!(error.code(), Some("WRONGPASS" | "NOAUTH" | "NOPERM"))
}

/// The failure for the caller. Texts of the server are left out except for our own: they can repeat arguments.
pub(super) fn classify(error: &RedisError, address: &str) -> IndexError {
    if is_denied(error) {
        return IndexError::Refused(denied(address));
    }
    match error.code() {
        Some("EPOCH") => IndexError::Lost(error.detail().unwrap_or("no mark").to_owned()),
        Some(
            code @ ("OOM" | "LOADING" | "MASTERDOWN" | "READONLY" | "BUSY" | "MISCONF" | "TRYAGAIN"
            | "NOREPLICAS"),
        ) => IndexError::Unavailable(format!("Redis at {address}: {code}")),
        Some(code) => IndexError::Corrupt(format!("Redis at {address} answers {code}")),
        None if is_from_server(error) => {
            IndexError::Corrupt(format!("Redis at {address}: {}", error.category()))
        }
        None => IndexError::Unavailable(format!("Redis at {address}: {}", error.category())),
    }
}

pub(super) fn denied(address: &str) -> String {
    format!(
        "Redis at {address} refuses the user, the password, or the permission to run scripts and INFO"
    )
}
