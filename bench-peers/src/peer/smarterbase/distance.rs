//! How far away the S3 server seems to be.

use std::time::Duration;

use async_trait::async_trait;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService,
        ReqwestConnector,
    },
};

/// How long a request that reads waits before it is sent: GET, HEAD and LIST.
pub(crate) const READ: Duration = Duration::from_millis(10);
/// How long any other request waits: PUT and DELETE.
pub(crate) const WRITE: Duration = Duration::from_millis(20);

/// Requests of `Far` are held back before they are sent, each on its own, so that what runs side by side still does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Distance {
    Near,
    Far,
}

impl HttpConnector for Distance {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        Ok(match self {
            Self::Near => client,
            Self::Far => HttpClient::new(Delayed(client)),
        })
    }
}

#[derive(Debug)]
struct Delayed(HttpClient);

#[async_trait]
impl HttpService for Delayed {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let reads = matches!(request.method().as_str(), "GET" | "HEAD");
        tokio::time::sleep(if reads { READ } else { WRITE }).await;
        self.0.execute(request).await
    }
}
