//! What a failed call means.

use redis::{ErrorKind, RedisError};
use smarterbase_core::port::IndexError;

/// Why a node gave no answer.
#[derive(Debug)]
pub(super) enum Unanswered {
    /// For the caller.
    Failed(IndexError),
    /// Another node of the cluster is to be asked.
    Redirected(Redirect),
}

/// Where a node of a cluster sends a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Redirect {
    /// `host:port`.
    pub(super) to: String,
    /// For this one call: the slot is on its way to that node.
    pub(super) is_asking: bool,
}

impl From<IndexError> for Unanswered {
    fn from(error: IndexError) -> Self {
        Self::Failed(error)
    }
}

impl From<Unanswered> for IndexError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::Failed(error) => error,
            Unanswered::Redirected(redirect) => elsewhere(&redirect),
        }
    }
}

/// Nobody can follow this redirection now.
pub(super) fn elsewhere(redirect: &Redirect) -> IndexError {
    IndexError::Unavailable(format!("Redis: the slot lies at {}", redirect.to))
}

/// What to make of an error that the server at `address` gave, or the connection to it.
pub(super) fn unanswered(error: &RedisError, address: &str) -> Unanswered {
    redirect(error, address).map_or_else(
        || Unanswered::Failed(classify(error, address)),
        Unanswered::Redirected,
    )
}

fn redirect(error: &RedisError, address: &str) -> Option<Redirect> {
    let (to, _slot) = error.redirect_node()?;
    // A node that does not know its own name leaves it out: it is the one that was asked, at another port.
    let to = match to.rsplit_once(':') {
        Some(("", port)) => format!("{}:{port}", host_of(address)),
        _ => to.to_owned(),
    };
    let is_asking = error.code() == Some("ASK");
    Some(Redirect { to, is_asking })
}

/// The host of `host:port`.
pub(super) fn host_of(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(host, _)| host)
}

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
fn classify(error: &RedisError, address: &str) -> IndexError {
    if is_denied(error) {
        return IndexError::Refused(denied(address));
    }
    match error.code() {
        Some("EPOCH") => IndexError::Lost(error.detail().unwrap_or("no mark").to_owned()),
        Some(
            code @ ("OOM" | "LOADING" | "MASTERDOWN" | "READONLY" | "BUSY" | "MISCONF" | "TRYAGAIN"
            | "CLUSTERDOWN" | "NOREPLICAS"),
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
        "Redis at {address} refuses the user, the password, or the permission to run scripts, INFO or CLUSTER SLOTS"
    )
}

#[cfg(test)]
mod tests {
    use redis::{RedisError, parse_redis_value};
    use smarterbase_core::port::IndexError;

    use super::{Redirect, Unanswered, unanswered};

    fn error(line: &str) -> RedisError {
        let value = parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
        value.extract_error().unwrap_err()
    }

    fn redirect(line: &str) -> Redirect {
        match unanswered(&error(line), "one:7000") {
            Unanswered::Redirected(redirect) => redirect,
            Unanswered::Failed(failure) => panic!("{failure}"),
        }
    }

    #[test]
    fn redirections_name_the_node() {
        for (line, to, is_asking) in [
            ("MOVED 3999 127.0.0.1:6381", "127.0.0.1:6381", false),
            ("ASK 3999 node.internal:6381", "node.internal:6381", true),
            ("MOVED 3999 :6381", "one:6381", false),
            ("MOVED 3999 ::1:6381", "::1:6381", false),
        ] {
            let to = to.to_owned();
            assert_eq!(redirect(line), Redirect { to, is_asking }, "{line}");
        }
    }

    #[test]
    fn a_cluster_that_is_busy_with_itself_is_unavailable_and_not_corrupt() {
        for line in ["TRYAGAIN Multiple keys", "CLUSTERDOWN Hash slot not served"] {
            let failure = IndexError::from(unanswered(&error(line), "one:7000"));
            assert!(matches!(failure, IndexError::Unavailable(_)), "{failure}");
        }
    }
}
