//! Where the credentials come from.

use crate::secret::Secret;

/// Where the credentials come from. `Debug` prints secrets as `***`.
///
/// ```
/// use smarterbase_s3::Credentials;
/// let credentials = Credentials::access_key("AKIA…", "wJalr…");
/// assert!(!format!("{credentials:?}").contains("wJalr"));
/// ```
#[derive(Clone, Debug)]
pub struct Credentials(pub(crate) Source);

#[derive(Clone, Debug)]
#[cfg_attr(
    not(all(feature = "aws", feature = "gcp", feature = "azure")),
    allow(dead_code, reason = "each service reads its own variants")
)]
pub(crate) enum Source {
    Environment,
    AccessKey {
        id: String,
        secret: Secret,
        session_token: Option<Secret>,
    },
    BearerToken(Secret),
    ServiceAccount(Secret),
    AccountKey(Secret),
    SasToken(Secret),
}

impl Credentials {
    /// What the service's own tools use: environment variables (`AWS_*`, `GOOGLE_*`, `AZURE_*`), else the identity of the
    /// machine, container or workload. The default.
    ///
    /// Sources: the `from_env` of `object_store`'s builders, for
    /// [S3](https://docs.rs/object_store/0.14.2/object_store/aws/struct.AmazonS3Builder.html#method.from_env),
    /// [Google](https://docs.rs/object_store/0.14.2/object_store/gcp/struct.GoogleCloudStorageBuilder.html#method.from_env) and
    /// [Azure](https://docs.rs/object_store/0.14.2/object_store/azure/struct.MicrosoftAzureBuilder.html#method.from_env).
    #[must_use]
    pub fn environment() -> Self {
        Self(Source::Environment)
    }

    /// An access key of S3. The environment is then not read at all, not even for the region.
    #[must_use]
    pub fn access_key(id: impl Into<String>, secret: impl Into<String>) -> Self {
        Self(Source::AccessKey {
            id: id.into(),
            secret: Secret::from(secret),
            session_token: None,
        })
    }

    /// A temporary access key of S3, with the session token that belongs to it.
    #[must_use]
    pub fn session(
        id: impl Into<String>,
        secret: impl Into<String>,
        token: impl Into<String>,
    ) -> Self {
        Self(Source::AccessKey {
            id: id.into(),
            secret: Secret::from(secret),
            session_token: Some(Secret::from(token)),
        })
    }

    /// A bearer token, of Google or of Microsoft Entra. It is not renewed.
    #[must_use]
    pub fn bearer_token(token: impl Into<String>) -> Self {
        Self(Source::BearerToken(Secret::from(token)))
    }

    /// The JSON text of a Google service account key.
    #[must_use]
    pub fn service_account(json: impl Into<String>) -> Self {
        Self(Source::ServiceAccount(Secret::from(json)))
    }

    /// The account key of an Azure storage account, in base64.
    #[must_use]
    pub fn account_key(key: impl Into<String>) -> Self {
        Self(Source::AccountKey(Secret::from(key)))
    }

    /// A shared access signature of Azure, `sv=…&sig=…`.
    #[must_use]
    pub fn sas_token(token: impl Into<String>) -> Self {
        Self(Source::SasToken(Secret::from(token)))
    }
}
