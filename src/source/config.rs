//! How the source behaves towards servers and memory.

use std::time::Duration;

use super::retry::RetryPolicy;
use super::signing::SIGNED_HOSTS;
use crate::storage::{Hosts, HttpSettings};

/// Settings of a [`super::SceneSource`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// How many image reads run at once, and how many documents of a static
    /// catalogue are asked for at once.
    pub concurrency: usize,
    /// Bytes of image directories that are kept to be used again.
    pub header_cache_bytes: u64,
    /// How long a server may be silent before a request counts as failed.
    pub request_timeout_millis: u64,
    /// How often a request is sent at most when it fails for a passing reason.
    pub max_attempts: u32,
    /// Upper bound of the first wait before trying again; it doubles each time.
    pub retry_base_millis: u64,
    /// The longest wait, also where a server asks for a longer one.
    pub retry_longest_millis: u64,
    /// How many redirects of a request are followed.
    pub max_redirects: usize,
    /// Items asked for per page of a search.
    pub page_size: u32,
    /// Pages of one search at most.
    pub max_pages: usize,
    /// Items that a search may match.
    pub max_items: usize,
    /// Bytes of a catalogue document or page at most.
    pub max_document_bytes: u64,
    /// Documents of a static catalogue that are read at most.
    pub max_crawl_documents: usize,
    /// Levels of child catalogues that are followed.
    pub max_crawl_depth: usize,
    /// Bytes that one image read may take, compressed and decoded.
    pub max_read_bytes: usize,
    /// Parts of an image at most this many bytes apart are read in one request.
    pub range_gap_bytes: u64,
    /// Hosts that images and documents may be on beside that of the recipe's
    /// catalogue; if it is empty, any public host.
    pub allowed_hosts: Vec<String>,
    /// Where the Planetary Computer gives signatures for its images:
    /// `{this}/{account}/{container}`.
    pub planetary_computer_sas: String,
    /// Addresses of the proxies that the environment names.
    #[serde(skip)]
    pub proxies: Vec<String>,
}

impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            concurrency: 16,
            header_cache_bytes: 64 << 20,
            request_timeout_millis: 30_000,
            max_attempts: 5,
            retry_base_millis: 250,
            retry_longest_millis: 20_000,
            max_redirects: 5,
            page_size: 100,
            max_pages: 1000,
            max_items: 10_000,
            max_document_bytes: 64 << 20,
            max_crawl_documents: 20_000,
            max_crawl_depth: 8,
            max_read_bytes: 512 << 20,
            range_gap_bytes: 64 << 10,
            allowed_hosts: Vec::new(),
            planetary_computer_sas: "https://planetarycomputer.microsoft.com/api/sas/v1/token"
                .to_owned(),
            proxies: Vec::new(),
        }
    }
}

impl SourceConfig {
    pub(super) fn retry(&self) -> RetryPolicy {
        RetryPolicy {
            attempts: self.max_attempts.max(1),
            base: Duration::from_millis(self.retry_base_millis),
            longest: Duration::from_millis(self.retry_longest_millis),
        }
    }

    /// How servers are talked to.
    #[must_use]
    pub fn http(&self) -> HttpSettings {
        HttpSettings {
            silence: Duration::from_millis(self.request_timeout_millis.max(1)),
            redirects: self.max_redirects,
            hosts: Hosts::new(&self.allowed_hosts, SIGNED_HOSTS, &self.proxies),
        }
    }
}
