//! Google Cloud Storage, through its XML API.

use async_trait::async_trait;
use http::{HeaderName, header::AUTHORIZATION};
use object_store::{
    ObjectStore,
    client::HttpRequest,
    gcp::{GoogleCloudStorage, GoogleCloudStorageBuilder, GoogleConfigKey},
    list::PaginatedListStore,
    path::Path,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use smarterbase_core::error::Result;

use super::{Service, cannot_build, client_settings, no_retries, wrong_credentials};
use crate::{
    conditional_delete, config::ObjectStoreOptions, credentials::Source,
    exchange::WatchedConnector, version::Condition,
};

/// Source: <https://cloud.google.com/storage/docs/xml-api/reference-headers#xgoogifgenerationmatch>.
const GENERATION_MATCH: HeaderName = HeaderName::from_static("x-goog-if-generation-match");

/// The service's own address.
const ENDPOINT: &str = "https://storage.googleapis.com";

pub(super) fn build(
    bucket: &str,
    options: &ObjectStoreOptions,
    connector: WatchedConnector,
) -> Result<Box<dyn Service>> {
    let mut builder = with_credentials(&options.credentials.0)?
        .with_bucket_name(bucket)
        .with_retry(no_retries())
        .with_http_connector(connector);
    for (key, value) in client_settings(options) {
        builder = builder.with_config(GoogleConfigKey::Client(key), value);
    }
    if let Some(endpoint) = &options.endpoint {
        let allows_http = options.allows_http().to_string();
        let allow_http = object_store::ClientConfigKey::AllowHttp;
        builder = builder
            .with_base_url(endpoint)
            .with_config(GoogleConfigKey::Client(allow_http), allows_http);
    }
    let endpoint = builder.get_config_value(&GoogleConfigKey::BaseUrl);
    let endpoint = endpoint.unwrap_or_else(|| ENDPOINT.to_owned());
    let store = builder
        .build()
        .map_err(|_| cannot_build("Google Cloud Storage"))?;
    Ok(Box::new(Google {
        store,
        bucket_url: format!("{}/{bucket}", endpoint.trim_end_matches('/')),
    }))
}

fn with_credentials(source: &Source) -> Result<GoogleCloudStorageBuilder> {
    let builder = GoogleCloudStorageBuilder::new();
    match source {
        Source::Environment => Ok(GoogleCloudStorageBuilder::from_env()),
        Source::ServiceAccount(json) => Ok(builder.with_service_account_key(json.expose())),
        Source::BearerToken(token) => Ok(builder.with_bearer_token(token.expose())),
        _ => Err(wrong_credentials(
            "gs",
            "a service account, a bearer token or the environment",
        )),
    }
}

#[derive(Debug)]
struct Google {
    store: GoogleCloudStorage,
    bucket_url: String,
}

#[async_trait]
impl Service for Google {
    fn objects(&self) -> &dyn ObjectStore {
        &self.store
    }

    fn lists(&self) -> &dyn PaginatedListStore {
        &self.store
    }

    /// A plain request with the bearer token: signing a URL would cost a request of its own on machines whose identity
    /// has no private key.
    async fn conditional_delete(
        &self,
        path: &Path,
        condition: &Condition,
    ) -> object_store::Result<HttpRequest> {
        let generation = conditional_delete::generation(condition)?;
        let credential = self.store.credentials().get_credential().await?;
        let bearer = format!("Bearer {}", credential.bearer);
        let bearer = conditional_delete::secret_header(&bearer)?;
        let key = utf8_percent_encode(path.as_ref(), NON_ALPHANUMERIC);
        let url = format!("{}/{key}", self.bucket_url);
        let headers = [(GENERATION_MATCH, generation), (AUTHORIZATION, bearer)];
        conditional_delete::request(&url, &headers)
    }
}
