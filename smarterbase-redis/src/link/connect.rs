//! One attempt to connect, with the checks that a server must pass.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32},
};

use redis::{
    AsyncConnectionConfig, ConnectionAddr, InfoDict, PushInfo, PushKind, RedisError,
    aio::MultiplexedConnection,
};
use smarterbase_core::{Error, error::Code};
use tokio::time::timeout;

use super::{
    node::{Live, Shared},
    place::Role,
    reply,
};
use crate::script;

/// Why there is no connection.
pub(super) enum ConnectError {
    /// Nobody answers, or a replica, or a server that is still loading: later it may be different.
    Down(String),
    /// The user, the password or a permission.
    Denied(String),
    /// A server that this crate cannot work with.
    Unsupported(String),
    /// A server that may drop any key.
    Evicting(String),
}

impl ConnectError {
    pub(super) fn text(&self) -> &str {
        let (Self::Down(text)
        | Self::Denied(text)
        | Self::Unsupported(text)
        | Self::Evicting(text)) = self;
        text
    }

    /// The error of opening, for what no waiting repairs.
    pub(super) fn into_open_error(self) -> Result<(), Error> {
        match self {
            Self::Denied(text) => Err(Error::new(Code::DENIED, text)),
            Self::Unsupported(text) => Err(Error::new(Code::MISCONFIGURED, text)),
            Self::Down(_) | Self::Evicting(_) => Ok(()),
        }
    }
}

/// Finds the server, connects, checks it and loads the scripts, all within the connect deadline.
pub(super) async fn connect(
    shared: &Arc<Shared>,
    generation: u64,
) -> Result<Arc<Live>, ConnectError> {
    let attempt = async {
        let address = shared.place.find().await?;
        let name = address.to_string();
        let mut connection = dial(shared, address, generation).await?;
        check(shared, &mut connection).await?;
        script::load_all(&mut connection)
            .await
            .map_err(|error| failed(shared, &error))?;
        Ok(Arc::new(Live {
            generation,
            address: name,
            connection,
            timeouts: AtomicU32::new(0),
            is_subscribed: AtomicBool::new(false),
        }))
    };
    timeout(shared.options.connect_deadline, attempt)
        .await
        .unwrap_or_else(|_elapsed| {
            Err(ConnectError::Down(format!(
                "Redis at {}: no answer in time",
                shared.place.name()
            )))
        })
}

/// The connection tells us when it breaks, by a push message that is delivered in order with the replies; so come the
/// messages that wake somebody.
async fn dial(
    shared: &Arc<Shared>,
    address: ConnectionAddr,
    generation: u64,
) -> Result<MultiplexedConnection, ConnectError> {
    let owner = Arc::downgrade(shared);
    let on_push = move |push: PushInfo| {
        match (&push.kind, owner.upgrade()) {
            (PushKind::Disconnection, Some(shared)) => shared.drop_generation(generation),
            (PushKind::Message, Some(shared)) => shared.inbox.receive(push),
            _ => {}
        }
        Ok::<(), ()>(())
    };
    // The deadlines are ours: one for the whole attempt, one for each call.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_push_sender(on_push);
    let client = shared.options.client_at(address);
    client
        .map_err(|error| ConnectError::Unsupported(error.to_string()))?
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(|error| failed(shared, &error))
}

/// Asks by `INFO`, since `CONFIG` is often not allowed.
pub(super) async fn check(
    shared: &Shared,
    connection: &mut MultiplexedConnection,
) -> Result<(), ConnectError> {
    let info: InfoDict = redis::cmd("INFO")
        .query_async(connection)
        .await
        .map_err(|error| failed(shared, &error))?;
    let address = shared.place.name();
    let text = |name: &str| info.get::<String>(name).unwrap_or_default();
    let version = text("redis_version");
    if !is_new_enough(&version) {
        return Err(ConnectError::Unsupported(format!(
            "Redis at {address} is version {version}; 6.2 is needed"
        )));
    }
    // Valkey calls it by another name.
    let mode = [text("redis_mode"), text("server_mode")].concat();
    if let Some(instead) = another_topology(shared.place.role, &mode) {
        return Err(ConnectError::Unsupported(format!(
            "Redis at {address} is {instead}"
        )));
    }
    if text("role") == "slave" {
        return Err(ConnectError::Down(format!(
            "Redis at {address} is a replica"
        )));
    }
    let policy = text("maxmemory_policy");
    if policy.starts_with("allkeys-") {
        return Err(ConnectError::Evicting(format!(
            "Redis at {address} has maxmemory-policy {policy}, which drops index entries; set noeviction or volatile-*"
        )));
    }
    Ok(())
}

/// What the server is instead of what the URL says, and what to write.
fn another_topology(role: Role, mode: &str) -> Option<&'static str> {
    match (mode, role) {
        ("sentinel", _) => Some("a Sentinel: its URL is `redis+sentinel://…?service=…`"),
        ("cluster", Role::Alone) => Some("a node of a cluster: its URL is `redis+cluster://…`"),
        ("cluster", Role::InCluster) | (_, Role::Alone) => None,
        (_, Role::InCluster) => Some("no node of a cluster: its URL is `redis://…`"),
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version
        .split('.')
        .map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next(), numbers.next()) >= (Some(6), Some(2))
}

fn failed(shared: &Shared, error: &RedisError) -> ConnectError {
    let address = shared.place.name();
    if reply::is_denied(error) {
        ConnectError::Denied(reply::denied(address))
    } else {
        ConnectError::Down(format!("Redis at {address}: {}", error.category()))
    }
}

#[cfg(test)]
mod tests {
    use super::is_new_enough;

    #[test]
    fn versions_from_6_2_are_new_enough() {
        for (version, expected) in [
            ("6.2.0", true),
            ("7.0.15", true),
            ("8.0", true),
            ("10.0.0", true),
            ("6.0.16", false),
            ("5.9.9", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }
}
