//! S3 and what speaks its protocol.

use async_trait::async_trait;
use http::{Method, header::IF_MATCH};
use object_store::{
    ObjectStore,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    client::HttpRequest,
    list::PaginatedListStore,
    path::Path,
    signer::{SignedUrlOptions, Signer},
};
use smarterbase_core::error::Result;

use super::{Service, cannot_build, client_settings, no_retries, wrong_credentials};
use crate::{
    conditional_delete::{self, SIGNATURE_LIFETIME},
    config::{ObjectStoreOptions, misconfigured},
    credentials::Source,
    exchange::WatchedConnector,
    version::Condition,
};

pub(super) fn build(
    bucket: &str,
    options: &ObjectStoreOptions,
    connector: WatchedConnector,
) -> Result<Box<dyn Service>> {
    let mut builder = with_credentials(&options.credentials.0)?
        .with_bucket_name(bucket)
        .with_retry(no_retries())
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // The bulk delete is another request with other permissions, and some stores lack it.
        .with_disable_bulk_delete(true)
        .with_http_connector(connector);
    for (key, value) in client_settings(options) {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    if let Some(region) = &options.region {
        builder = builder.with_region(region);
    }
    let store = with_endpoint(builder, bucket, options)?
        .build()
        .map_err(|_| cannot_build("s3"))?;
    Ok(Box::new(S3(store)))
}

fn with_credentials(source: &Source) -> Result<AmazonS3Builder> {
    match source {
        Source::Environment => Ok(AmazonS3Builder::from_env()),
        Source::AccessKey {
            id,
            secret,
            session_token,
        } => {
            let builder = AmazonS3Builder::new()
                .with_access_key_id(id)
                .with_secret_access_key(secret.expose());
            Ok(match session_token {
                Some(token) => builder.with_token(token.expose()),
                None => builder,
            })
        }
        _ => Err(wrong_credentials("s3", "an access key or the environment")),
    }
}

fn with_endpoint(
    mut builder: AmazonS3Builder,
    bucket: &str,
    options: &ObjectStoreOptions,
) -> Result<AmazonS3Builder> {
    if let Some(path_style) = options.path_style {
        builder = builder.with_virtual_hosted_style_request(!path_style);
    }
    let Some(endpoint) = &options.endpoint else {
        return Ok(builder);
    };
    let endpoint = match options.path_style {
        Some(false) => in_host(bucket, endpoint)?,
        _ => endpoint.clone(),
    };
    // The more specific setting wins inside the builder, and the environment may have set it.
    Ok(builder
        .with_config(AmazonS3ConfigKey::S3Endpoint, endpoint)
        .with_allow_http(options.allows_http()))
}

/// `https://host` with the bucket before the host, which the builder expects to be there already.
fn in_host(bucket: &str, endpoint: &str) -> Result<String> {
    let (scheme, host) = endpoint
        .split_once("://")
        .ok_or_else(|| misconfigured("`endpoint` has no scheme"))?;
    Ok(format!("{scheme}://{bucket}.{host}"))
}

#[derive(Debug)]
struct S3(AmazonS3);

#[async_trait]
impl Service for S3 {
    fn objects(&self) -> &dyn ObjectStore {
        &self.0
    }

    fn lists(&self) -> &dyn PaginatedListStore {
        &self.0
    }

    /// A presigned request; the condition is part of the signature.
    ///
    /// Source: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html>.
    async fn conditional_delete(
        &self,
        path: &Path,
        condition: &Condition,
    ) -> object_store::Result<HttpRequest> {
        let e_tag = conditional_delete::e_tag(condition)?;
        let options = SignedUrlOptions::default().with_signed_header(IF_MATCH, e_tag.clone());
        let url = self
            .0
            .signed_url_opts(Method::DELETE, path, SIGNATURE_LIFETIME, &options)
            .await?;
        conditional_delete::request(url.as_str(), &[(IF_MATCH, e_tag)])
    }
}
