//! The URL of a Redis, of a cluster, or of Sentinels.

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use smarterbase_core::Result;
use url::{Url, form_urlencoded};

use super::{Topology, misconfigured};

/// How many hosts a URL may name.
const HOSTS: usize = 64;
/// Where a Sentinel listens when nobody says otherwise.
const SENTINEL_PORT: u16 = 26_379;

/// What a URL with several hosts says.
#[derive(Debug)]
pub(super) struct Several {
    /// User, password and database; the address is the first one.
    pub(super) connection: ConnectionInfo,
    pub(super) topology: Topology,
    pub(super) addresses: Vec<ConnectionAddr>,
}

impl Several {
    /// Reads the URL of a cluster or of Sentinels; `None` where it is neither.
    pub(super) fn parse(url: &str) -> Result<Option<Self>> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Ok(None);
        };
        match scheme {
            "redis+cluster" => Self::cluster("redis", rest).map(Some),
            "rediss+cluster" => Self::cluster("rediss", rest).map(Some),
            "redis+sentinel" => Self::sentinels("redis", rest).map(Some),
            "rediss+sentinel" => Self::sentinels("rediss", rest).map(Some),
            _ => Ok(None),
        }
    }

    fn cluster(scheme: &str, rest: &str) -> Result<Self> {
        if rest.contains('?') {
            return Err(misconfigured("the URL of a Redis cluster has no settings"));
        }
        let (connection, addresses) = hosts(scheme, rest, None)?;
        if connection.redis_settings().db() != 0 {
            return Err(misconfigured("a Redis cluster has database 0 alone"));
        }
        Ok(Self {
            connection,
            topology: Topology::Cluster,
            addresses,
        })
    }

    fn sentinels(scheme: &str, rest: &str) -> Result<Self> {
        let (hosts_and_database, query) = rest.split_once('?').unwrap_or((rest, ""));
        let service = service(query)?;
        let (connection, addresses) = hosts(scheme, hosts_and_database, Some(SENTINEL_PORT))?;
        Ok(Self {
            connection,
            topology: Topology::Sentinel(service),
            addresses,
        })
    }
}

/// The one setting of a URL of Sentinels.
fn service(query: &str) -> Result<String> {
    let mut service = None;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key != "service" {
            let text = "the URL of Redis Sentinels has the setting `service` and no other";
            return Err(misconfigured(text));
        }
        service = Some(value.into_owned()).filter(|value| !value.is_empty());
    }
    service.ok_or_else(|| {
        misconfigured("the URL of Redis Sentinels names no service: add `?service=mymaster`")
    })
}

/// `[user:password@]host[:port][,host[:port]…][/database]`: one URL for each host.
fn hosts(
    scheme: &str,
    rest: &str,
    port: Option<u16>,
) -> Result<(ConnectionInfo, Vec<ConnectionAddr>)> {
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, _)) if login.contains('@') => {
            let text = "the login of a Redis URL stands once, before the first host; write `@` in it as %40";
            return Err(misconfigured(text));
        }
        Some((login, hosts)) => (format!("{login}@"), hosts),
        None => (String::new(), authority),
    };
    if hosts.split(',').count() > HOSTS {
        return Err(misconfigured("the Redis URL has more than 64 hosts"));
    }
    let mut connections = Vec::new();
    for host in hosts.split(',') {
        let (connection, has_port) = one(&format!("{scheme}://{login}{host}/{database}"))?;
        let port = port.filter(|_| !has_port);
        connections.push(match port {
            Some(port) => at_port(connection, port),
            None => connection,
        });
    }
    let addresses = connections.iter().map(|found| found.addr().clone());
    let addresses = addresses.collect();
    let first = connections.into_iter().next();
    let first = first.ok_or_else(|| misconfigured("the Redis URL has no host"))?;
    Ok((first, addresses))
}

fn at_port(connection: ConnectionInfo, port: u16) -> ConnectionInfo {
    let mut address = connection.addr().clone();
    if let ConnectionAddr::Tcp(_, its) | ConnectionAddr::TcpTls { port: its, .. } = &mut address {
        *its = port;
    }
    connection.set_addr(address)
}

/// Reads the URL of one server, and whether it names a port.
pub(super) fn one(url: &str) -> Result<(ConnectionInfo, bool)> {
    let url = Url::parse(url).map_err(|_| misconfigured("the Redis URL cannot be read"))?;
    check(&url)?;
    let has_port = url.port().is_some();
    let connection = url.into_connection_info();
    let connection = connection
        .map_err(|error| misconfigured(format!("the Redis URL: {}", error.category())))?;
    Ok((connection, has_port))
}

/// Only what is tested is accepted, and never TLS without verification.
fn check(url: &Url) -> Result<()> {
    match url.scheme() {
        "redis" | "rediss" if url.fragment().is_some() => Err(misconfigured(
            "the Redis URL has a fragment; certificates are always verified",
        )),
        "redis" | "rediss" => Ok(()),
        other => Err(misconfigured(format!(
            "`{other}:` is no Redis URL: use `redis:`, `rediss:`, `redis+cluster:` or `redis+sentinel:`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::{Several, Topology};

    fn several(url: &str) -> Several {
        Several::parse(url).unwrap().unwrap()
    }

    fn addresses(several: &Several) -> Vec<String> {
        several.addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_cluster_has_seeds_and_one_login() {
        let cluster = several("redis+cluster://ada:p%40ss@one:7000,two,[::1]:7002/0");
        assert_eq!(cluster.topology, Topology::Cluster);
        assert_eq!(addresses(&cluster), ["one:7000", "two:6379", "::1:7002"]);
        let settings = cluster.connection.redis_settings();
        assert_eq!(settings.username(), Some("ada"));
        assert_eq!(settings.password(), Some("p@ss"));
    }

    #[test]
    fn sentinels_have_a_service_a_database_and_a_port_of_their_own() {
        let found = several("redis+sentinel://one,two:7000/3?service=my%20service");
        assert_eq!(found.topology, Topology::Sentinel("my service".to_owned()));
        assert_eq!(addresses(&found), ["one:26379", "two:7000"]);
        assert_eq!(found.connection.redis_settings().db(), 3);
    }

    #[test]
    fn a_login_before_each_host_is_misconfigured_and_not_shown() {
        for url in [
            "redis+cluster://ada:secret@one,ada:secret@two",
            "redis+cluster://ada:sec@ret@one",
            "redis+sentinel://ada:secret@one,ada:secret@two?service=x",
        ] {
            let error = Several::parse(url).unwrap_err().to_string();
            assert!(error.contains("%40"), "{error}");
            let is_shown = ["ada", "sec", "one"]
                .iter()
                .any(|part| error.contains(part));
            assert!(!is_shown, "{error}");
        }
    }

    #[test]
    fn what_neither_a_cluster_nor_sentinels_can_mean_is_misconfigured() {
        let many = format!("redis+cluster://{}", ["host"; 65].join(","));
        for url in [
            "redis+cluster://",
            "redis+cluster://one,,two",
            "redis+cluster://one:port",
            "redis+cluster://one/1",
            "redis+cluster://one?service=x",
            "redis+cluster://one#insecure",
            "redis+sentinel://one",
            "redis+sentinel://one?service=",
            "redis+sentinel://one?master=x",
            "redis+sentinel://one/zero?service=x",
            many.as_str(),
        ] {
            assert!(Several::parse(url).is_err(), "{url}");
        }
    }
}
