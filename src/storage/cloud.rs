//! Buckets by `object_store`: S3, Google Cloud Storage and Azure.

use std::collections::{BTreeSet, HashMap};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, RetryConfig};

use super::FetchError;
use super::bucket::{Bucket, BucketSettings, Environment, Provider};
use super::client::BucketClient;

/// A busy bucket asks now and then to try again, and expects it to be done.
/// More patience is the business of whoever waits for a tile.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
        },
        max_retries: 2,
        retry_timeout: Duration::from_secs(10),
    }
}

/// An open bucket.
#[derive(Clone)]
pub(super) struct Connection {
    pub(super) objects: Arc<dyn ObjectStore>,
    pages: Arc<dyn PaginatedListStore>,
    /// Whether it answers a request for the last bytes of an object.
    pub(super) knows_suffixes: bool,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.objects.fmt(f)
    }
}

/// What lies directly below a place in a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// First parts of keys with more parts.
    pub folders: BTreeSet<String>,
    /// Last parts of keys.
    pub objects: BTreeSet<String>,
}

/// The buckets that are open: one connection each, since it holds what its
/// requests are signed with. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    settings: Arc<BucketSettings>,
    client: reqwest::Client,
    open: Arc<Mutex<HashMap<Bucket, Connection>>>,
}

impl Buckets {
    pub(super) fn new(settings: BucketSettings, client: reqwest::Client) -> Self {
        Self {
            settings: Arc::new(settings),
            client,
            open: Arc::default(),
        }
    }

    /// Those that are found by other settings, none of them open.
    pub(super) fn with(self, settings: BucketSettings) -> Self {
        Self::new(settings, self.client)
    }

    pub(super) fn settings(&self) -> &BucketSettings {
        &self.settings
    }

    /// The bucket that a place is in.
    pub(super) fn connect(&self, place: &Bucket) -> Result<Connection, FetchError> {
        let root = place.root();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = open.get(&root) {
            return Ok(connection.clone());
        }
        let connection = self.build(&root)?;
        open.insert(root, connection.clone());
        Ok(connection)
    }

    fn build(&self, bucket: &Bucket) -> Result<Connection, FetchError> {
        let environment = &self.settings.environment;
        let connector = BucketClient::new(self.client.clone());
        match bucket.provider() {
            Provider::S3 => {
                let s3 = &self.settings.s3;
                let mut builder = known(environment, "AWS_")
                    .fold(AmazonS3Builder::new(), |builder, (key, value)| {
                        builder.with_config(key, value)
                    });
                if !s3.region.is_empty() {
                    builder = builder.with_region(&s3.region);
                }
                if !s3.endpoint.is_empty() {
                    // Servers other than AWS's have no host name for each bucket.
                    builder = builder
                        .with_endpoint(&s3.endpoint)
                        .with_virtual_hosted_style_request(false);
                }
                if s3.anonymous {
                    builder = builder.with_skip_signature(true);
                }
                let store = builder
                    .with_bucket_name(bucket.name())
                    .with_http_connector(connector)
                    .with_retry(retries())
                    .build()?;
                Ok(Connection::of(store, true))
            }
            Provider::Google => {
                let builder = known(environment, "GOOGLE_")
                    .fold(GoogleCloudStorageBuilder::new(), |builder, (key, value)| {
                        builder.with_config(key, value)
                    });
                let store = builder
                    .with_bucket_name(bucket.name())
                    .with_http_connector(connector)
                    .with_retry(retries())
                    .build()?;
                Ok(Connection::of(store, true))
            }
            Provider::Azure => {
                let builder = known(environment, "AZURE_")
                    .fold(MicrosoftAzureBuilder::new(), |builder, (key, value)| {
                        builder.with_config(key, value)
                    });
                let store = builder
                    .with_url(bucket.to_string())
                    .with_http_connector(connector)
                    .with_retry(retries())
                    .build()?;
                Ok(Connection::of(store, false))
            }
        }
    }
}

/// The settings of a provider that the environment has, as its builders read
/// them themselves.
fn known<'a, K: FromStr>(
    environment: &'a Environment,
    prefix: &'a str,
) -> impl Iterator<Item = (K, &'a str)> {
    environment
        .beginning_with(prefix)
        .filter_map(|(name, value)| Some((name.parse().ok()?, value)))
}

impl Connection {
    fn of(store: impl ObjectStore + PaginatedListStore, knows_suffixes: bool) -> Self {
        let pages = Arc::new(store);
        let objects = Arc::clone(&pages);
        Self {
            objects,
            pages,
            knows_suffixes,
        }
    }

    /// What lies directly below a key, in pages of a thousand or so.
    pub(super) async fn list(&self, key: &str, limit: usize) -> Result<Listing, FetchError> {
        let prefix = (!key.is_empty()).then(|| format!("{key}/"));
        let mut listing = Listing::default();
        let mut page_token = None;
        loop {
            let options = PaginatedListOptions {
                delimiter: Some("/".into()),
                page_token: page_token.take(),
                ..PaginatedListOptions::default()
            };
            let page = self
                .pages
                .list_paginated(prefix.as_deref(), options)
                .await?;
            let names = |path: &Path| path.filename().map(str::to_owned);
            let folders = page.result.common_prefixes.iter().filter_map(names);
            listing.folders.extend(folders);
            let objects = page.result.objects.iter();
            let objects = objects.filter_map(|object| names(&object.location));
            listing.objects.extend(objects);
            if listing.folders.len() + listing.objects.len() > limit {
                return Err(FetchError::TooMany { limit });
            }
            page_token = page.page_token.filter(|token| !token.is_empty());
            if page_token.is_none() {
                return Ok(listing);
            }
        }
    }
}
