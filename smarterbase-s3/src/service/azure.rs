//! Azure Blob Storage.

use std::fmt;

use async_trait::async_trait;
use http::{
    HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, IF_MATCH},
};
use object_store::{
    ObjectStore,
    azure::{AzureConfigKey, AzureCredential, MicrosoftAzure, MicrosoftAzureBuilder, split_sas},
    client::HttpRequest,
    list::PaginatedListStore,
    path::Path,
    signer::Signer,
};
use smarterbase_core::error::Result;
use url::Url;

use super::{Service, cannot_build, client_settings, no_retries, wrong_credentials};
use crate::{
    conditional_delete::{self, SIGNATURE_LIFETIME, unusable},
    config::ObjectStoreOptions,
    credentials::Source,
    exchange::WatchedConnector,
    version::Condition,
};

const VERSION: HeaderName = HeaderName::from_static("x-ms-version");
/// The version of the service that `object_store` 0.14.2 speaks.
const VERSION_VALUE: HeaderValue = HeaderValue::from_static("2023-11-03");

pub(super) fn build(
    account: &str,
    container: &str,
    options: &ObjectStoreOptions,
    connector: WatchedConnector,
) -> Result<Box<dyn Service>> {
    let mut builder = with_credentials(&options.credentials.0)?
        .with_account(account)
        .with_container_name(container)
        .with_retry(no_retries())
        .with_http_connector(connector);
    for (key, value) in client_settings(options) {
        builder = builder.with_config(AzureConfigKey::Client(key), value);
    }
    if let Some(endpoint) = &options.endpoint {
        builder = builder
            .with_endpoint(endpoint.clone())
            .with_allow_http(options.allows_http());
    }
    let endpoint = builder
        .get_config_value(&AzureConfigKey::Endpoint)
        .unwrap_or_else(|| format!("https://{account}.blob.core.windows.net"));
    let container_url = Url::parse(&format!("{}/{container}", endpoint.trim_end_matches('/')))
        .map_err(|_| cannot_build("Azure Blob Storage"))?;
    let store = builder
        .build()
        .map_err(|_| cannot_build("Azure Blob Storage"))?;
    Ok(Box::new(Azure {
        store,
        container_url,
    }))
}

fn with_credentials(source: &Source) -> Result<MicrosoftAzureBuilder> {
    let builder = MicrosoftAzureBuilder::new();
    match source {
        Source::Environment => Ok(MicrosoftAzureBuilder::from_env()),
        Source::AccountKey(key) => Ok(builder.with_access_key(key.expose())),
        Source::BearerToken(token) => Ok(builder.with_bearer_token_authorization(token.expose())),
        Source::SasToken(token) => {
            let pairs = split_sas(token.expose()).map_err(|_| cannot_build("az"))?;
            Ok(builder.with_sas_authorization(pairs))
        }
        _ => Err(wrong_credentials(
            "az",
            "an account key, a shared access signature, a bearer token or the environment",
        )),
    }
}

struct Azure {
    store: MicrosoftAzure,
    container_url: Url,
}

/// The client's own `Debug` prints a shared access signature.
impl fmt::Debug for Azure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Azure({})", self.container_url)
    }
}

#[async_trait]
impl Service for Azure {
    fn objects(&self) -> &dyn ObjectStore {
        &self.store
    }

    fn lists(&self) -> &dyn PaginatedListStore {
        &self.store
    }

    async fn conditional_delete(
        &self,
        path: &Path,
        condition: &Condition,
    ) -> object_store::Result<HttpRequest> {
        let e_tag = conditional_delete::e_tag(condition)?;
        self.signed_delete(path, vec![(IF_MATCH, e_tag)]).await
    }

    async fn delete(&self, path: &Path) -> object_store::Result<Option<HttpRequest>> {
        self.signed_delete(path, Vec::new()).await.map(Some)
    }
}

impl Azure {
    /// With an account key a signed URL, else the URL with the token or the signature that there is.
    async fn signed_delete(
        &self,
        path: &Path,
        mut headers: Vec<(HeaderName, HeaderValue)>,
    ) -> object_store::Result<HttpRequest> {
        let credential = self.store.credentials().get_credential().await?;
        let mut url = self.url(path)?;
        match &*credential {
            AzureCredential::AccessKey(_) => {
                let lifetime = SIGNATURE_LIFETIME;
                url = self
                    .store
                    .signed_url(Method::DELETE, path, lifetime)
                    .await?;
            }
            AzureCredential::SASToken(pairs) => {
                url.query_pairs_mut().extend_pairs(pairs);
            }
            AzureCredential::BearerToken(token) => {
                let bearer = conditional_delete::secret_header(&format!("Bearer {token}"))?;
                headers.extend([(AUTHORIZATION, bearer), (VERSION, VERSION_VALUE)]);
            }
        }
        conditional_delete::request(url.as_str(), &headers)
    }

    fn url(&self, path: &Path) -> object_store::Result<Url> {
        let mut url = self.container_url.clone();
        url.path_segments_mut()
            .map_err(|()| unusable("the endpoint takes no path"))?
            .extend(path.as_ref().split('/'));
        Ok(url)
    }
}
