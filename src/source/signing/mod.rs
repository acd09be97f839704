//! Signatures for the images of the Planetary Computer. They lie in Azure's blob
//! storage, whose containers are read with a shared access signature that
//! anybody gets for a while.
//! See <https://planetarycomputer.microsoft.com/docs/concepts/sas/>.

use std::collections::HashSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::storage::{FetchError, Location, Signature, SignatureError, Storage};

/// Where the images are that need a signature.
pub(super) const SIGNED_HOSTS: &[&str] = &["*.blob.core.windows.net"];

/// A signature that is not good for so long any more is not used.
const MARGIN: Duration = Duration::from_mins(1);

/// Bytes of an answer at most.
const MOST_ANSWER: u64 = 64 << 10;

/// What one signature is good for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Container {
    account: String,
    name: String,
}

impl Container {
    /// The container of an image; `None` if it is not in Azure's blob storage,
    /// or if its address has a signature already.
    fn of(location: &Location) -> Option<Self> {
        let Location::Http(url) = location else {
            return None;
        };
        if url.query_pairs().any(|(key, _)| key == "sig") {
            return None;
        }
        let account = url.host_str()?.strip_suffix(".blob.core.windows.net")?;
        let name = url.path_segments()?.next()?;
        (!account.is_empty() && !account.contains('.') && !name.is_empty()).then(|| Self {
            account: account.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl std::fmt::Display for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.account, self.name)
    }
}

/// A shared access signature.
struct Token {
    query: Arc<str>,
    expiry: DateTime<Utc>,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("expiry", &self.expiry)
            .finish_non_exhaustive()
    }
}

/// Keeps a token until shortly before it expires.
struct UntilExpiry;

impl moka::Expiry<Container, Arc<Token>> for UntilExpiry {
    fn expire_after_create(
        &self,
        _container: &Container,
        token: &Arc<Token>,
        _created_at: std::time::Instant,
    ) -> Option<Duration> {
        let left = (token.expiry - Utc::now()).to_std().unwrap_or_default();
        Some(left.saturating_sub(MARGIN))
    }
}

/// Signs requests for images in containers that are known to need it. Clones
/// share tokens; those who need the same one at once wait for one request.
#[derive(Clone, Debug)]
pub(super) struct Signer {
    storage: Storage,
    endpoint: Arc<str>,
    containers: Arc<RwLock<HashSet<Container>>>,
    tokens: moka::future::Cache<Container, Arc<Token>>,
}

impl Signer {
    pub(super) fn new(storage: &Storage, endpoint: &str) -> Self {
        Self {
            storage: storage.naming(endpoint),
            endpoint: endpoint.trim_end_matches('/').into(),
            containers: Arc::default(),
            tokens: moka::future::Cache::builder()
                .max_capacity(1000)
                .expire_after(UntilExpiry)
                .build(),
        }
    }

    /// From now on signs requests for what is in the container of an image.
    pub(super) fn admit(&self, image: &Location) {
        let Some(container) = Container::of(image) else {
            return;
        };
        let is_known = |containers: &HashSet<Container>| containers.contains(&container);
        if !is_known(
            &self
                .containers
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        ) {
            self.containers
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(container);
        }
    }

    /// What signs the requests for an image, if they are to be signed.
    pub(super) fn signature(&self, image: &Location) -> Option<Arc<dyn Signature>> {
        let container = Container::of(image)?;
        let containers = self
            .containers
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        containers.contains(&container).then(|| {
            Arc::new(ContainerSignature {
                signer: self.clone(),
                container,
            }) as Arc<dyn Signature>
        })
    }

    async fn token(&self, container: &Container) -> Result<Arc<Token>, SignatureError> {
        self.tokens
            .try_get_with_by_ref(container, self.fetch(container))
            .await
            .map_err(|source| SignatureError {
                place: container.to_string(),
                source,
            })
    }

    /// Asks once: whoever reads the image tries again, and thereby this.
    async fn fetch(&self, container: &Container) -> Result<Arc<Token>, FetchError> {
        #[derive(serde::Deserialize)]
        struct Answer {
            #[serde(rename = "msft:expiry")]
            expiry: DateTime<Utc>,
            token: String,
        }
        let unreadable = |reason: String| FetchError::Unreadable(reason.into());
        let Container { account, name } = container;
        let url = format!("{}/{account}/{name}", self.endpoint)
            .parse()
            .map_err(|error| {
                unreadable(format!("`planetary_computer_sas` is no address: {error}"))
            })?;
        let request = self.storage.request(reqwest::Method::GET, url);
        let answer = self.storage.send(request, MOST_ANSWER).await?;
        // The parser's message would show what it read.
        let Ok(Answer { expiry, token }) = serde_json::from_slice(&answer) else {
            return Err(unreadable(
                "the answer has no `token` with a `msft:expiry`".to_owned(),
            ));
        };
        tracing::debug!(%container, %expiry, "a signature was given");
        Ok(Arc::new(Token {
            query: token.trim_start_matches('?').into(),
            expiry,
        }))
    }
}

/// The signature for one container, as it is now.
#[derive(Clone, Debug)]
struct ContainerSignature {
    signer: Signer,
    container: Container,
}

impl Signature for ContainerSignature {
    fn query(&self) -> BoxFuture<'static, Result<Arc<str>, SignatureError>> {
        let this = self.clone();
        async move {
            let token = this.signer.token(&this.container).await?;
            Ok(Arc::clone(&token.query))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
