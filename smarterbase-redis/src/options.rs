//! Where Redis is and how long a call may take.

mod address;

use std::{fmt, sync::Arc, time::Duration};

use redis::{
    ConnectionAddr, ConnectionInfo, ProtocolVersion, RedisConnectionInfo, TlsCertificates,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use smarterbase_core::{
    Error, Result,
    error::Code,
    port::{Clock, Rng, SystemClock, SystemRng},
};

/// How long an idle connection waits before the kernel asks whether the other side is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How long the kernel resends unacknowledged bytes before it gives the connection up.
#[cfg(target_os = "linux")]
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(5);

/// Where Redis is and how long a call may take.
///
/// Debug output and errors never hold the password.
///
/// ```
/// use smarterbase_redis::RedisOptions;
/// let options = RedisOptions::from_url("redis://:secret@127.0.0.1:6379/2").unwrap();
/// assert!(!format!("{options:?}").contains("secret"));
/// ```
#[derive(Clone)]
pub struct RedisOptions {
    /// How to connect; to the one server, or to any of several.
    pub(crate) connection: ConnectionInfo,
    pub(crate) topology: Topology,
    /// The one server, the seeds of the cluster, or the Sentinels.
    pub(crate) addresses: Vec<ConnectionAddr>,
    pub(crate) deadline: Duration,
    pub(crate) connect_deadline: Duration,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    sentinel_login: Option<(String, String)>,
    root_certificate: Option<Vec<u8>>,
}

/// What stands at the addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Topology {
    /// One primary.
    One,
    /// Nodes that share the keys.
    Cluster,
    /// Sentinels that say where the primary of this service is.
    Sentinel(String),
}

impl RedisOptions {
    /// Where Redis is:
    ///
    /// | URL | Means |
    /// |---|---|
    /// | `redis://[user:password@]host[:port][/database]` | one server |
    /// | `redis+cluster://[user:password@]host[:port][,host[:port]…]` | a cluster; some of its nodes are enough |
    /// | `redis+sentinel://[user:password@]host[:port][,host[:port]…][/database]?service=name` | the primary that these Sentinels name, port 26379 unless given |
    ///
    /// `rediss` in the place of `redis` is TLS, to every server. User and password are for the servers that hold data; Sentinels
    /// are told [others](Self::with_sentinel_login), or none. At most 64 hosts.
    ///
    /// ```
    /// use smarterbase_redis::RedisOptions;
    /// for url in [
    ///     "redis+cluster://:secret@10.0.0.1:7000,10.0.0.2:7000",
    ///     "redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/0?service=mymaster",
    /// ] {
    ///     RedisOptions::from_url(url).unwrap();
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Misconfigured`](smarterbase_core::ErrorKind::Misconfigured): not such a URL. The text does not repeat it, since
    /// it may hold the password.
    pub fn from_url(url: &str) -> Result<Self> {
        match address::Several::parse(url)? {
            Some(several) => Ok(Self::several(several)),
            None => {
                let (connection, _) = address::one(url)?;
                let address = connection.addr().clone();
                Ok(Self::new(connection, Topology::One, vec![address]))
            }
        }
    }

    fn several(several: address::Several) -> Self {
        let addresses = several.addresses;
        Self::new(several.connection, several.topology, addresses)
    }

    /// The Redis that the environment names, as `redis=env` in the URL of a database does:
    ///
    /// | Variable | Meaning |
    /// |---|---|
    /// | `REDIS_URL` | everything, as for [`from_url`](Self::from_url); of the others only the next two are looked at then |
    /// | `REDIS_SENTINEL_PASSWORD` | what Sentinels want to hear, where `REDIS_URL` names some; as it is, without any encoding |
    /// | `REDIS_SENTINEL_USER` | the user for it, the default one unless set |
    /// | `REDIS_ADDR` | `host[:port]` |
    /// | `REDIS_PASSWORD` | as it is, without any encoding |
    /// | `REDIS_DB` | the number of the database, 0 by default |
    /// | `REDIS_TLS_ENABLED` | `true` or `false`, the default |
    ///
    /// An empty variable is one that is not set.
    ///
    /// # Errors
    /// [`Misconfigured`](smarterbase_core::ErrorKind::Misconfigured): neither `REDIS_URL` nor `REDIS_ADDR` is set, or a variable
    /// cannot be read. The text names the variable and never its value.
    pub fn from_env() -> Result<Self> {
        Self::from_variables(|name| match std::env::var(name) {
            Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => {
                Err(misconfigured(format!("{name} is not UTF-8")))
            }
        })
    }

    fn from_variables(variable: impl Fn(&str) -> Result<Option<String>>) -> Result<Self> {
        if let Some(url) = variable("REDIS_URL")? {
            return Self::from_url(&url)?.with_sentinel_variables(variable);
        }
        let address = variable("REDIS_ADDR")?
            .ok_or_else(|| misconfigured("neither REDIS_URL nor REDIS_ADDR is set"))?;
        // Anything else would become another part of the URL.
        if address.contains(['/', '@', '?', '#', '\\']) || address.contains(char::is_whitespace) {
            return Err(misconfigured("REDIS_ADDR is not `host[:port]`"));
        }
        let scheme = if is_tls_enabled(variable("REDIS_TLS_ENABLED")?)? {
            "rediss"
        } else {
            "redis"
        };
        let database = database_number(variable("REDIS_DB")?)?;
        let mut options = Self::from_url(&format!("{scheme}://{address}/{database}"))?;
        if let Some(password) = variable("REDIS_PASSWORD")? {
            let settings = options
                .connection
                .redis_settings()
                .clone()
                .set_password(password);
            options.connection = options.connection.set_redis_settings(settings);
        }
        Ok(options)
    }

    fn with_sentinel_variables(
        self,
        variable: impl Fn(&str) -> Result<Option<String>>,
    ) -> Result<Self> {
        if !matches!(self.topology, Topology::Sentinel(_)) {
            return Ok(self);
        }
        let user = variable("REDIS_SENTINEL_USER")?;
        match variable("REDIS_SENTINEL_PASSWORD")? {
            Some(password) => Ok(self.with_sentinel_login(user.unwrap_or_default(), password)),
            None if user.is_none() => Ok(self),
            None => Err(misconfigured(
                "REDIS_SENTINEL_USER is set without REDIS_SENTINEL_PASSWORD",
            )),
        }
    }

    fn new(connection: ConnectionInfo, topology: Topology, addresses: Vec<ConnectionAddr>) -> Self {
        let settings = connection
            .redis_settings()
            .clone()
            .set_protocol(ProtocolVersion::RESP3)
            .set_lib_name("smarterbase", env!("CARGO_PKG_VERSION"));
        Self {
            connection: connection
                .set_redis_settings(settings)
                .set_tcp_settings(tcp_settings()),
            topology,
            addresses,
            sentinel_login: None,
            deadline: Duration::from_millis(250),
            connect_deadline: Duration::from_millis(500),
            clock: Arc::new(SystemClock),
            rng: Arc::new(SystemRng),
            root_certificate: None,
        }
    }

    /// How long one call may take, 250 ms unless set. A call that took longer may still be carried out.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long one attempt to connect may take, 500 ms unless set.
    #[must_use]
    pub fn with_connect_deadline(mut self, deadline: Duration) -> Self {
        self.connect_deadline = deadline;
        self
    }

    /// The one certificate authority (PEM) to trust for `rediss://`, instead of those of the operating system.
    #[must_use]
    pub fn with_root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificate = Some(pem.into());
        self
    }

    /// The user, empty for the default one, and the password that Sentinels want; none unless set.
    #[must_use]
    pub fn with_sentinel_login(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.sentinel_login = Some((user.into(), password.into()));
        self
    }

    /// The clock that times the circuit breaker and pauses; the system's unless set.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The randomness that spreads pauses, as before another attempt to connect; the system's unless set.
    #[must_use]
    pub fn with_rng(mut self, rng: Arc<dyn Rng>) -> Self {
        self.rng = rng;
        self
    }

    /// `host:port`, of each, for people.
    pub(crate) fn address(&self) -> String {
        let each: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        each.join(",")
    }

    /// An address as those of the options are: with TLS or without.
    pub(crate) fn address_of(&self, host: &str, port: u16) -> ConnectionAddr {
        let mut address = self.connection.addr().clone();
        match &mut address {
            ConnectionAddr::Tcp(its_host, its_port)
            | ConnectionAddr::TcpTls {
                host: its_host,
                port: its_port,
                ..
            } => (*its_host, *its_port) = (host.to_owned(), port),
            _ => address = ConnectionAddr::Tcp(host.to_owned(), port),
        }
        address
    }

    /// A client for a server at this address; opens no connection.
    pub(crate) fn client_at(&self, address: ConnectionAddr) -> Result<redis::Client> {
        self.client(self.connection.clone().set_addr(address))
    }

    /// A client for each Sentinel; opens no connection.
    pub(crate) fn sentinel_clients(&self) -> Result<Vec<redis::Client>> {
        let mut settings = RedisConnectionInfo::default();
        if let Some((user, password)) = &self.sentinel_login {
            settings = settings.set_password(password);
            if !user.is_empty() {
                settings = settings.set_username(user);
            }
        }
        let connection = self.connection.clone().set_redis_settings(settings);
        let addresses = self.addresses.iter().cloned();
        addresses
            .map(|address| self.client(connection.clone().set_addr(address)))
            .collect()
    }

    fn client(&self, connection: ConnectionInfo) -> Result<redis::Client> {
        if self.uses_tls() {
            install_crypto_provider();
        }
        let certificates = TlsCertificates {
            client_tls: None,
            root_cert: self.root_certificate.clone(),
        };
        let client = if self.uses_tls() && self.root_certificate.is_some() {
            redis::Client::build_with_tls(connection, certificates)
        } else {
            redis::Client::open(connection)
        };
        client.map_err(|error| misconfigured(format!("the Redis settings: {}", error.category())))
    }

    /// Waits about as long: half of it is fixed, half is spread, so that many processes do not come back at the same moment.
    pub(crate) async fn pause(&self, wait: Duration) {
        let half = wait / 2;
        let spread = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        let jitter = Duration::from_millis(self.rng.below(spread + 1));
        self.clock.sleep(half + jitter).await;
    }

    fn uses_tls(&self) -> bool {
        matches!(self.connection.addr(), ConnectionAddr::TcpTls { .. })
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("address", &self.address())
            .field("topology", &self.topology)
            .field("tls", &self.uses_tls())
            .field("database", &self.connection.redis_settings().db())
            .field(
                "has_password",
                &self.connection.redis_settings().password().is_some(),
            )
            .field("deadline", &self.deadline)
            .field("connect_deadline", &self.connect_deadline)
            .finish_non_exhaustive()
    }
}

/// Redis' own client leaves Nagle's algorithm on and keepalive off.
fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE));
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(TCP_USER_TIMEOUT);
    settings
}

/// rustls needs one provider per process; another library may have installed its own already, which is as good.
fn install_crypto_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _lost_the_race = rustls::crypto::ring::default_provider().install_default();
    }
}

fn is_tls_enabled(value: Option<String>) -> Result<bool> {
    match value.map(|value| value.to_ascii_lowercase()).as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        Some(_) => Err(misconfigured(
            "REDIS_TLS_ENABLED is neither `true` nor `false`",
        )),
    }
}

fn database_number(value: Option<String>) -> Result<u32> {
    value.map_or(Ok(0), |value| {
        let number = value.parse();
        number.map_err(|_| misconfigured("REDIS_DB is no number"))
    })
}

pub(crate) fn misconfigured(message: impl Into<String>) -> Error {
    Error::new(Code::MISCONFIGURED, message)
}

#[cfg(test)]
mod tests {
    use smarterbase_core::ErrorKind;

    use super::RedisOptions;

    fn from(variables: &[(&str, &str)]) -> smarterbase_core::Result<RedisOptions> {
        RedisOptions::from_variables(|name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            Ok(found.map(|(_, value)| (*value).to_owned()))
        })
    }

    #[test]
    fn the_url_of_the_environment_wins() {
        let options = from(&[("REDIS_URL", "redis://one:1/3"), ("REDIS_ADDR", "two:2")]).unwrap();
        assert_eq!(options.address(), "one:1");
        assert_eq!(options.connection.redis_settings().db(), 3);
    }

    #[test]
    fn the_single_variables_are_read() {
        let options = from(&[
            ("REDIS_ADDR", "cache.internal:6380"),
            ("REDIS_PASSWORD", "p@ss/word"),
            ("REDIS_DB", "4"),
            ("REDIS_TLS_ENABLED", "true"),
        ])
        .unwrap();
        assert_eq!(options.address(), "cache.internal:6380");
        assert!(options.uses_tls());
        assert_eq!(options.connection.redis_settings().db(), 4);
        assert_eq!(
            options.connection.redis_settings().password(),
            Some("p@ss/word")
        );
    }

    #[test]
    fn without_single_variables_the_plain_server_is_meant() {
        let options = from(&[("REDIS_ADDR", "10.0.0.7:6380")]).unwrap();
        assert_eq!(options.address(), "10.0.0.7:6380");
        assert_eq!(options.connection.redis_settings().db(), 0);
        assert!(!options.uses_tls() && options.connection.redis_settings().password().is_none());
        let named = from(&[("REDIS_ADDR", "cache"), ("REDIS_TLS_ENABLED", "False")]).unwrap();
        assert_eq!(
            (named.address().as_str(), named.uses_tls()),
            ("cache:6379", false)
        );
    }

    #[test]
    fn a_variable_that_cannot_be_read_is_named_and_not_shown() {
        for (name, value) in [
            ("REDIS_DB", "sesame"),
            ("REDIS_DB", "-1"),
            ("REDIS_TLS_ENABLED", "sesame"),
            ("REDIS_ADDR", "user:sesame@host"),
            ("REDIS_ADDR", "host/3?sesame"),
            ("REDIS_ADDR", "two hosts"),
        ] {
            let address = ("REDIS_ADDR", "cache");
            let error = from(&[(name, value), address]).unwrap_err();
            let text = format!("{error} {error:?}");
            assert_eq!(error.kind(), ErrorKind::Misconfigured, "{text}");
            assert!(text.contains(name) && !text.contains("sesame"), "{text}");
        }
    }

    /// What each Sentinel is told.
    fn sentinel_logins(options: &RedisOptions) -> Vec<(Option<String>, Option<String>)> {
        let clients = options.sentinel_clients().unwrap();
        let logins = clients.iter().map(|client| {
            let settings = client.get_connection_info().redis_settings();
            let text = |part: Option<&str>| part.map(ToOwned::to_owned);
            (text(settings.username()), text(settings.password()))
        });
        logins.collect()
    }

    #[test]
    fn the_login_of_sentinels_is_read_beside_the_url() {
        let url = ("REDIS_URL", "redis+sentinel://:data@one,two?service=x");
        let password = ("REDIS_SENTINEL_PASSWORD", "p@ss/word");
        let user = ("REDIS_SENTINEL_USER", "ada");
        let told = Some("p@ss/word".to_owned());
        for (variables, expected) in [
            (vec![url], (None, None)),
            (vec![url, password], (None, told.clone())),
            (vec![url, password, user], (Some("ada".to_owned()), told)),
        ] {
            let options = from(&variables).unwrap();
            assert_eq!(sentinel_logins(&options), [expected.clone(), expected]);
            let settings = options.connection.redis_settings();
            assert_eq!(settings.password(), Some("data"));
        }
    }

    #[test]
    fn a_user_of_sentinels_without_a_password_is_misconfigured_and_not_shown() {
        let url = ("REDIS_URL", "redis+sentinel://one?service=x");
        let user = ("REDIS_SENTINEL_USER", "sesame");
        let error = from(&[url, user]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured);
        let text = format!("{error} {error:?}");
        assert!(text.contains(user.0) && !text.contains("sesame"), "{text}");
        // Where nobody is told it, it is not looked at.
        from(&[("REDIS_URL", "redis://one"), user]).unwrap();
    }

    #[test]
    fn an_empty_environment_is_misconfigured() {
        assert_eq!(from(&[]).unwrap_err().kind(), ErrorKind::Misconfigured);
    }

    #[test]
    fn neither_debug_nor_an_error_holds_the_password() {
        for url in [
            "redis://:secret@host/0",
            "rediss://user:secret@host:1/0",
            "redis://:secret@host/none",
            "redis://:secret@host:99999",
            "http://:secret@host",
            "redis+sentinel://:secret@host/primary",
            "redis+sentinel://:secret@host",
            "redis+sentinel://:secret@host?service=",
            "redis+sentinel://:secret@host?service=primary",
            "redis+sentinel://:secret@host?secret=secret",
            "redis+cluster://:secret@one,two",
            "redis+cluster://:secret@one,two/1",
            "redis+cluster://:secret@one,two:secret",
            "redis+cluster://:secret@one,,two",
            "redis+cluster://:secret@one#secret",
            ":secret@redis+cluster://one",
            "rediss://:secret@host#insecure",
            "secret",
        ] {
            let text = format!("{:?}", RedisOptions::from_url(url));
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn the_login_of_sentinels_is_not_shown() {
        let options = RedisOptions::from_url("redis+sentinel://host?service=primary").unwrap();
        let text = format!("{:?}", options.with_sentinel_login("user", "secret"));
        assert!(!text.contains("secret"), "{text}");
    }

    #[test]
    fn certificates_are_always_verified() {
        for url in ["rediss://host#insecure", "rediss+cluster://host#insecure"] {
            let error = RedisOptions::from_url(url).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Misconfigured);
        }
    }
}
