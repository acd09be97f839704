//! The builder's source: finds scenes in a STAC catalogue and reads windows
//! of their Cloud Optimized GeoTIFF files.

mod audit;
pub mod cog;
mod config;
mod error;
mod footprint;
pub mod harmonize;
mod profile;
mod query;
mod retry;
mod scene;
mod signing;
mod stac;
mod traffic;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

pub use self::audit::{Audit, Suspicion};
pub use self::cog::{Cog, CogError, CogLevel, CogSample, Decoder, Fetched, ReadPlan, SampleType};
pub use self::config::SourceConfig;
pub use self::error::SourceError;
pub use self::profile::Profile;
pub use self::scene::{Scene, SceneBand};
pub use self::traffic::Traffic;
/// Where an asset lies.
pub use crate::storage::Location as AssetHref;

use self::cog::ByteReader;
use self::query::Query;
use self::retry::RetryPolicy;
use self::scene::{Reason, Skipped};
use self::signing::Signer;
use self::stac::{Catalogue, Search};
use crate::compute::Compute;
use crate::grid::Bounds;
use crate::storage::{Location, Storage};

/// Which scenes and which of their assets a cube is built from.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// The root of a STAC API, or an `ItemCollection`, or a static Catalog or
    /// Collection, as an http(s) address or an absolute path.
    pub stac: String,
    /// Only items of this collection.
    #[serde(default)]
    pub collection: Option<String>,
    /// Only items with such properties, in the terms of the STAC API query
    /// extension: `{"eo:cloud_cover": {"lt": 60}}`.
    #[serde(default)]
    pub query: Option<serde_json::Value>,
    /// How the archive names and scales its assets; by default what addresses,
    /// collections and properties tell.
    #[serde(default)]
    pub profile: Option<Profile>,
    /// The bands, in the order of [`Scene::bands`].
    pub bands: Vec<BandSpec>,
    /// The image that tells which pixels are of use.
    #[serde(default)]
    pub mask: Option<MaskSpec>,
}

/// A band of the cube and the asset it comes from.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BandSpec {
    /// The band's name in the cube.
    pub name: String,
    /// The asset's key in the items; by default the name itself, or else what
    /// the profile knows by this name.
    pub asset: Option<String>,
    /// What numbers are multiplied by, whatever the profile says.
    pub scale: Option<f64>,
    /// What is added then, in digital numbers, whatever the metadata says.
    pub offset: Option<f64>,
}

/// The asset that masks come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaskSpec {
    /// The asset's key in the items; by default the profile's.
    pub asset: Option<String>,
}

/// An image, and the host that was named when it was opened: what one catalogue may
/// have read, another may not.
type Opened = (Option<Arc<str>>, AssetHref);

/// Finds scenes and reads their images. Clones share connections, opened
/// images and the bound on reads at once.
#[derive(Clone, Debug)]
pub struct SceneSource {
    config: Arc<SourceConfig>,
    compute: Compute,
    storage: Storage,
    signer: Signer,
    retry: RetryPolicy,
    headers: moka::future::Cache<Opened, Arc<Cog>>,
    reads: Arc<Semaphore>,
    traffic: Arc<Traffic>,
}

impl SceneSource {
    /// A source that decodes on the threads of `compute`. It connects to public
    /// addresses and to what the configuration allows; [`SceneSource::of_catalogue`]
    /// adds the catalogue of a recipe.
    ///
    /// # Errors
    /// If the TLS library cannot be set up.
    pub fn new(config: SourceConfig, compute: Compute) -> Result<Self, SourceError> {
        let storage = Storage::new(config.http()).map_err(SourceError::Client)?;
        let headers = moka::future::Cache::builder()
            .max_capacity(config.header_cache_bytes)
            .weigher(|_, cog: &Arc<Cog>| cog.weight())
            .build();
        Ok(Self {
            retry: config.retry(),
            signer: Signer::new(&storage, &config.planetary_computer_sas),
            reads: Arc::new(Semaphore::new(config.concurrency.max(1))),
            config: Arc::new(config),
            compute,
            storage,
            headers,
            traffic: Arc::default(),
        })
    }

    /// The same source for the recipe whose catalogue is at this address or path,
    /// with a count of its own. It also connects to the host of that address, and
    /// to no other that is within some network.
    #[must_use]
    pub fn of_catalogue(&self, stac: &str) -> Self {
        Self {
            storage: self.storage.naming(stac),
            ..self.counted()
        }
    }

    /// The same source with a count of its own.
    #[must_use]
    pub fn counted(&self) -> Self {
        Self {
            traffic: Arc::default(),
            ..self.clone()
        }
    }

    /// What was asked of servers through this source and its clones.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// How long to wait after so many failures of something that is tried
    /// again as a whole.
    #[must_use]
    pub fn pause(&self, failures: u32) -> std::time::Duration {
        self.retry.pause(failures)
    }

    /// The scenes that overlap `bounds` (degrees, EPSG:4326; `west` > `east`
    /// crosses the antimeridian) and were taken from `start` until before
    /// `end`, sorted by overpass and id. Of several processings of one take
    /// the newest is given. Items that lack an asset are left out with a
    /// warning.
    ///
    /// # Errors
    /// If the catalogue cannot be read to its end, or if no item has an asset
    /// of the spec.
    pub async fn search(
        &self,
        spec: &SourceSpec,
        bounds: Bounds,
        start: DateTime<Utc>,
        end: DateTime<Utc>,
    ) -> Result<Vec<Scene>, SourceError> {
        let root = Location::parse(&spec.stac).map_err(|source| SourceError::Location {
            what: "the source's `stac`".to_owned(),
            source,
        })?;
        let query = spec.query.as_ref().map(Query::parse).transpose()?;
        let search = Search {
            collection: spec.collection.clone(),
            query: query.unwrap_or_default(),
            boxes: footprint::split(bounds),
            start,
            end,
        };
        let catalogue = Catalogue {
            storage: &self.storage,
            config: &self.config,
            retry: self.retry,
            compute: &self.compute,
            traffic: &self.traffic,
        };
        let items = catalogue.items(&root, &search).await?;
        let selection = scene::select(&items, spec)?;
        for Skipped { item, reason } in &selection.skipped {
            match reason {
                Reason::NoAsset(_) | Reason::NoTime => {
                    tracing::warn!(%item, %reason, "an item is left out");
                }
                Reason::Older(_) => tracing::debug!(%item, %reason, "an item is left out"),
            }
        }
        let to_sign = |scene: &&Scene| scene.profile == Profile::PlanetaryComputer;
        for scene in selection.scenes.iter().filter(to_sign) {
            let images = scene.bands.iter().map(|band| &band.asset);
            images
                .chain(&scene.mask)
                .for_each(|image| self.signer.admit(image));
        }
        Ok(selection.scenes)
    }

    /// Opens an image, or takes it from those that were opened before. Images
    /// in a container that a search found under the Planetary Computer's profile
    /// are read with its signature, which is no part of their address.
    ///
    /// # Errors
    /// If its directories cannot be read; the next call tries again.
    pub async fn open(&self, href: &AssetHref) -> Result<Arc<Cog>, SourceError> {
        let key = (self.storage.named_host().cloned(), href.clone());
        self.headers
            .try_get_with(key, self.open_anew(href))
            .await
            .map_err(|source| SourceError::Image {
                step: "opening",
                href: href.to_string(),
                // The cache shares the error among all who waited for it.
                source: Arc::clone(&source),
            })
    }

    async fn open_anew(&self, href: &AssetHref) -> Result<Arc<Cog>, CogError> {
        let object = match self.signer.signature(href) {
            Some(signature) => self.storage.signed_object(href, signature),
            None => self.storage.object(href),
        };
        let object = object.map_err(|source| CogError::Fetch {
            attempts: 0,
            source,
        })?;
        let _permit = self.reads.acquire().await;
        let reader = ByteReader {
            object,
            retry: self.retry,
            gap: self.config.range_gap_bytes,
            traffic: Arc::clone(&self.traffic),
        };
        Cog::open(href.clone(), reader).await.map(Arc::new)
    }

    /// Reads the tiles of a plan, in merged requests.
    ///
    /// # Errors
    /// If they take more memory than one read may, or cannot be fetched.
    pub async fn fetch(&self, cog: &Cog, plan: ReadPlan) -> Result<Fetched, SourceError> {
        let _permit = self.reads.acquire().await;
        cog.fetch(plan, self.config.max_read_bytes, &self.traffic)
            .await
            .map_err(|source| SourceError::image("reading", cog, source))
    }
}

#[cfg(test)]
mod testing;

/// Asks an http address for anything; an answer that is not a success is an
/// error. For health checks.
///
/// # Errors
/// If there is no answer within five seconds, or a bad one.
pub async fn ask(url: &str) -> Result<(), reqwest::Error> {
    let client = reqwest::Client::builder()
        .timeout(std::time::Duration::from_secs(5))
        .build()?;
    client.get(url).send().await?.error_for_status()?;
    Ok(())
}

#[cfg(test)]
mod tests;
