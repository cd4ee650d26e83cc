//! The three services: building their clients, and what `object_store` does not do for them.

#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "azure")]
mod azure;
#[cfg(feature = "gcp")]
mod gcp;

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt, stream};
use object_store::{
    ClientConfigKey, ObjectStore, RetryConfig,
    client::{HttpClient, HttpRequest},
    list::PaginatedListStore,
    path::Path,
};
use smarterbase_core::error::{Error, Result};

use crate::{
    config::{ObjectStoreOptions, Place, misconfigured},
    exchange::WatchedConnector,
    version::{Condition, VersionRules},
};

/// What the store needs of a service.
#[async_trait]
pub(crate) trait Service: std::fmt::Debug + Send + Sync + 'static {
    /// Gets, puts and deletes.
    fn objects(&self) -> &dyn ObjectStore;

    /// Lists pages.
    fn lists(&self) -> &dyn PaginatedListStore;

    /// A signed `DELETE` of the object that is done only under `condition`, for [`Connected::send`].
    async fn conditional_delete(
        &self,
        path: &Path,
        condition: &Condition,
    ) -> object_store::Result<HttpRequest>;

    /// A signed `DELETE` of the object, where `object_store` would send a batch instead of that.
    async fn delete(&self, path: &Path) -> object_store::Result<Option<HttpRequest>> {
        let _ = path;
        Ok(None)
    }
}

/// A service, and the way to it.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(crate) service: Box<dyn Service>,
    /// The watched client that the service uses itself.
    pub(crate) http: HttpClient,
    pub(crate) versions: VersionRules,
}

impl Connected {
    /// Sends a request of the service's. Any status but success is an error; which one it is, the exchange tells.
    pub(crate) async fn send(&self, request: HttpRequest) -> object_store::Result<()> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| {
            let store = "http";
            object_store::Error::Generic { store, source }
        };
        let response = self.http.execute(request).await;
        let status = response.map_err(|error| failed(error.into()))?.status();
        if status.is_success() {
            Ok(())
        } else {
            Err(failed("the status is no success".into()))
        }
    }

    /// Deletes the object by one plain `DELETE`.
    pub(crate) async fn delete(&self, path: &Path) -> object_store::Result<()> {
        if let Some(request) = self.service.delete(path).await? {
            return self.send(request).await;
        }
        let paths = stream::iter([Ok(path.clone())]).boxed();
        let mut deleted = self.service.objects().delete_stream(paths);
        deleted
            .next()
            .await
            .map_or(Ok(()), |result| result.map(|_| ()))
    }
}

/// Builds the client of the place.
pub(crate) fn connect(options: &ObjectStoreOptions) -> Result<Connected> {
    let connector = WatchedConnector::new(Arc::clone(&options.connector));
    let service = build(options, &connector)?;
    let http = connector
        .latest()
        .ok_or_else(|| misconfigured("the service made no client"))?;
    let versions = VersionRules {
        by_generation: matches!(options.place, Place::Google { .. }),
        unquoted_e_tags: options.unquoted_e_tags,
    };
    Ok(Connected {
        service,
        http,
        versions,
    })
}

fn build(options: &ObjectStoreOptions, connector: &WatchedConnector) -> Result<Box<dyn Service>> {
    match &options.place {
        #[cfg(feature = "aws")]
        Place::S3 { bucket } => aws::build(bucket, options, connector.clone()),
        #[cfg(feature = "gcp")]
        Place::Google { bucket } => gcp::build(bucket, options, connector.clone()),
        #[cfg(feature = "azure")]
        Place::Azure { account, container } => {
            azure::build(account, container, options, connector.clone())
        }
        #[allow(
            unreachable_patterns,
            reason = "reached when a service's feature is off"
        )]
        _ => Err(misconfigured(format!(
            "this build cannot reach {}: its feature (aws, gcp, azure) is off",
            options.location()
        ))),
    }
}

/// The settings of the HTTP client, for every builder's `with_config`.
fn client_settings(options: &ObjectStoreOptions) -> [(ClientConfigKey, String); 2] {
    let milliseconds = |time: std::time::Duration| format!("{}ms", time.as_millis().max(1));
    [
        (
            ClientConfigKey::Timeout,
            milliseconds(options.request_timeout),
        ),
        (
            ClientConfigKey::ConnectTimeout,
            milliseconds(options.connect_timeout),
        ),
    ]
}

/// Nothing is sent twice below the protocol: a put that `object_store` repeats answers about its own first attempt.
fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        retry_timeout: std::time::Duration::ZERO,
        ..RetryConfig::default()
    }
}

/// Credentials of another service than the URL's.
fn wrong_credentials(service: &str, takes: &str) -> Error {
    misconfigured(format!("{service} takes {takes}"))
}

/// A builder's error without its text, which can hold parts of a credential.
fn cannot_build(service: &str) -> Error {
    misconfigured(format!(
        "the client of {service} cannot be made: a credential or a setting is incomplete or not of its form"
    ))
}
