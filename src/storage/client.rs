//! The shared client of http, as `object_store` has it sent requests.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use object_store::ClientConfigKey;
use object_store::client::{
    ClientOptions, HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
    HttpService, ReqwestConnector,
};

use super::{HttpStatus, Signature};

/// The shared client as a store's. It signs requests, unseen by the store, which
/// tells addresses in its errors. It turns a refusal into an [`HttpStatus`]
/// in the chain of causes, since the store's own error keeps the status and
/// the wish of the server in private.
#[derive(Clone, Debug)]
pub(super) struct CheckedClient {
    client: reqwest::Client,
    signature: Option<Arc<dyn Signature>>,
}

impl CheckedClient {
    pub(super) fn new(client: reqwest::Client, signature: Option<Arc<dyn Signature>>) -> Self {
        Self { client, signature }
    }

    async fn sign(&self, mut request: HttpRequest) -> Result<HttpRequest, HttpError> {
        let unusable = HttpErrorKind::Unknown;
        if let Some(signature) = &self.signature {
            let query = signature
                .query()
                .await
                .map_err(|error| HttpError::new(unusable, error))?;
            let uri = request.uri();
            let joint = if uri.query().is_some() { '&' } else { '?' };
            *request.uri_mut() = format!("{uri}{joint}{query}")
                .parse()
                .map_err(|error| HttpError::new(unusable, error))?;
        }
        Ok(request)
    }
}

impl HttpConnector for CheckedClient {
    fn connect(&self, _options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for CheckedClient {
    // Written out as `#[async_trait]` would.
    fn call<'a, 'f>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let request = self.sign(request).await?;
            let response = HttpService::call(&self.client, request).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let refusal = HttpStatus::new(status.as_u16(), response.headers(), String::new());
            Err(HttpError::new(HttpErrorKind::Unknown, refusal))
        })
    }
}

/// The shared client as that of a bucket.
#[derive(Clone, Debug)]
pub(super) struct BucketClient(reqwest::Client);

impl BucketClient {
    pub(super) fn new(client: reqwest::Client) -> Self {
        Self(client)
    }
}

impl HttpConnector for BucketClient {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        // Where there is no metadata server to get credentials from, nothing
        // answers; the builders ask for less patience with it.
        let patience = ClientConfigKey::ConnectTimeout;
        let usual = ClientOptions::default().get_config_value(&patience);
        if options.get_config_value(&patience) != usual {
            return ReqwestConnector::default().connect(options);
        }
        Ok(HttpClient::new(self.clone()))
    }
}

impl HttpService for BucketClient {
    // Written out as `#[async_trait]` would.
    fn call<'a, 'f>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        Box::pin(async move {
            let response = HttpService::call(&self.0, request).await?;
            let status = response.status().as_u16();
            if status < 500 && !matches!(status, 408 | 425 | 429) {
                // What a bucket means by it, its store knows.
                return Ok(response);
            }
            let refusal = HttpStatus::new(status, response.headers(), String::new());
            // This kind is tried again.
            Err(HttpError::new(HttpErrorKind::Request, refusal))
        })
    }
}
