//! Where a server is, and what it must be.

use redis::ConnectionAddr;

use super::{connect::ConnectError, sentinel::Sentinels};
use crate::RedisOptions;

/// Where a server is found.
pub(super) struct Place {
    name: String,
    pub(super) role: Role,
    way: Way,
}

/// What the server must say of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A primary with all keys.
    Alone,
    /// A primary with the keys of some slots.
    InCluster,
}

enum Way {
    Fixed(ConnectionAddr),
    /// Wherever the Sentinels say that the primary is now.
    Elected(Sentinels),
}

impl Place {
    /// The one server of the options.
    pub(super) fn alone(options: &RedisOptions) -> Self {
        Self::fixed(options.connection.addr().clone(), Role::Alone)
    }

    /// A node of a cluster.
    pub(super) fn in_cluster(address: ConnectionAddr) -> Self {
        Self::fixed(address, Role::InCluster)
    }

    pub(super) fn elected(sentinels: Sentinels) -> Self {
        Self {
            name: sentinels.name(),
            role: Role::Alone,
            way: Way::Elected(sentinels),
        }
    }

    fn fixed(address: ConnectionAddr, role: Role) -> Self {
        Self {
            name: address.to_string(),
            role,
            way: Way::Fixed(address),
        }
    }

    /// For people: `host:port`, or the service and its Sentinels.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether somebody may say tomorrow that it is elsewhere.
    pub(super) fn may_move(&self) -> bool {
        matches!(self.way, Way::Elected(_))
    }

    /// Where the server is now.
    pub(super) async fn find(&self) -> Result<ConnectionAddr, ConnectError> {
        match &self.way {
            Way::Fixed(address) => Ok(address.clone()),
            Way::Elected(sentinels) => sentinels.find().await,
        }
    }
}
