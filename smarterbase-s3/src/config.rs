//! What a URL and the setters say about a store, before anything is connected.

mod url;

use std::{fmt, sync::Arc, time::Duration};

use object_store::client::{HttpConnector, ReqwestConnector};
use smarterbase_core::error::{Code, Error, Result};

use crate::{Credentials, ObjectStorage, service};

/// Which service holds the objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    S3 { bucket: String },
    Google { bucket: String },
    Azure { account: String, container: String },
}

/// How to reach an object store. `Debug` shows no secret.
///
/// | URL | Service |
/// |---|---|
/// | `s3://bucket/prefix` | S3 and what speaks its protocol |
/// | `gs://bucket/prefix` | Google Cloud Storage |
/// | `az://account/container/prefix` | Azure Blob Storage |
///
/// | Query key | Value |
/// |---|---|
/// | `endpoint` | the service's address, percent-encoded or not; `http://` allows connections without TLS |
/// | `region` | S3: the region, by default from the environment, else `us-east-1` |
/// | `path_style` | S3: `true` for `endpoint/bucket/key`, the default; `false` for `bucket.endpoint/key` |
/// | `unquoted_etags` | S3: `true` for stores that compare entity tags without their quotes |
///
/// ```
/// use smarterbase_s3::ObjectStoreOptions;
/// let options = ObjectStoreOptions::from_url("s3://bucket/app?region=eu-central-1")?;
/// assert_eq!(options.location(), "s3://bucket/app");
/// let error = ObjectStoreOptions::from_url("s3://bucket/app?regoin=eu-central-1").unwrap_err();
/// assert!(error.to_string().contains("regoin"));
/// # Ok::<(), smarterbase_core::Error>(())
/// ```
#[derive(Clone)]
pub struct ObjectStoreOptions {
    pub(crate) place: Place,
    /// Without slashes at its ends; empty for the whole bucket.
    pub(crate) prefix: String,
    /// Without a slash at its end.
    pub(crate) endpoint: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) path_style: Option<bool>,
    pub(crate) credentials: Credentials,
    pub(crate) request_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) unquoted_e_tags: bool,
    pub(crate) conditional_delete: bool,
    pub(crate) max_object_bytes: u64,
    pub(crate) connector: Arc<dyn HttpConnector>,
}

impl ObjectStoreOptions {
    /// The options of a URL, with credentials from the environment.
    ///
    /// # Errors
    /// [`Misconfigured`](smarterbase_core::ErrorKind::Misconfigured): the scheme or a query key is unknown, a part is missing
    /// or not of its form, or the URL holds a user name or a password (credentials do not belong into URLs).
    pub fn from_url(url: &str) -> Result<Self> {
        url::parse(url)
    }

    pub(crate) fn at(place: Place, prefix: String) -> Self {
        Self {
            place,
            prefix,
            endpoint: None,
            region: None,
            path_style: None,
            credentials: Credentials::environment(),
            request_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            unquoted_e_tags: false,
            conditional_delete: false,
            max_object_bytes: 64 << 20,
            connector: Arc::new(ReqwestConnector::default()),
        }
    }

    /// Sets the credentials; by default they come from the environment.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// How long one request may take, connecting and the body included; 10 s by default. Nothing is retried below the
    /// protocol.
    #[must_use]
    pub fn with_request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long connecting may take; 5 s by default.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sends entity tags without their quotes: DigitalOcean Spaces and Ceph up to 16 compare them as text. Without this,
    /// such a store rejects every update.
    #[must_use]
    pub fn with_unquoted_e_tags(mut self, unquoted: bool) -> Self {
        self.unquoted_e_tags = unquoted;
        self
    }

    /// Allows [`delete_if`](smarterbase_core::port::CasStore::delete_if), by default off. Some stores accept the condition and
    /// delete anyway (MinIO, rustfs), so only a store that passed the probe may get this.
    #[must_use]
    pub fn with_conditional_delete(mut self, works: bool) -> Self {
        self.conditional_delete = works;
        self
    }

    /// The largest object that is read, 64 MiB by default; a larger one is
    /// [`Invalid`](smarterbase_core::port::StoreErrorKind::Invalid), before it fills the memory.
    #[must_use]
    pub fn with_max_object_bytes(mut self, bytes: u64) -> Self {
        self.max_object_bytes = bytes;
        self
    }

    /// Sends requests another way than through `reqwest`: through a proxy, or without a network in tests.
    #[must_use]
    pub fn with_http_connector(mut self, connector: impl HttpConnector) -> Self {
        self.connector = Arc::new(connector);
        self
    }

    /// The URL without its query: `s3://bucket/prefix`.
    #[must_use]
    pub fn location(&self) -> String {
        let container = match &self.place {
            Place::S3 { bucket } => format!("s3://{bucket}"),
            Place::Google { bucket } => format!("gs://{bucket}"),
            Place::Azure { account, container } => format!("az://{account}/{container}"),
        };
        match self.prefix.as_str() {
            "" => container,
            prefix => format!("{container}/{prefix}"),
        }
    }

    /// Makes the store. No request is made yet.
    ///
    /// # Errors
    /// [`Misconfigured`](smarterbase_core::ErrorKind::Misconfigured): the credentials do not fit the service or are incomplete,
    /// or this build lacks the service's feature (`aws`, `gcp`, `azure`).
    pub fn connect(self) -> Result<ObjectStorage> {
        let service = service::connect(&self)?;
        Ok(ObjectStorage::new(service, &self))
    }

    /// Whether connections without TLS are allowed.
    pub(crate) fn allows_http(&self) -> bool {
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        endpoint.starts_with("http://")
    }
}

pub(crate) fn misconfigured(message: impl Into<String>) -> Error {
    Error::new(Code::MISCONFIGURED, message)
}

impl fmt::Debug for ObjectStoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreOptions")
            .field("location", &self.location())
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .field("path_style", &self.path_style)
            .field("credentials", &self.credentials)
            .field("request_timeout", &self.request_timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("unquoted_e_tags", &self.unquoted_e_tags)
            .field("conditional_delete", &self.conditional_delete)
            .field("max_object_bytes", &self.max_object_bytes)
            .finish_non_exhaustive()
    }
}
