//! The composition root: parts into a server, and a server until it is told
//! to stop.

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use tokio::net::TcpListener;

use crate::{
    build::{Builder, JobError, JobSettings, Jobs, LedgerError},
    catalog::{Catalog, CatalogError, CreateError, Entry},
    compute::{Admission, Compute},
    config::{Config, ConfigError, TokensError},
    external::{ExternalError, Gate},
    http::{self, Access, AppState, AuditError, Connections, Guard, Peer},
    source::{SceneSource, SourceError},
    storage::{FetchError, HttpSettings, Storage},
    telemetry,
    tile::Tiles,
};

/// Why a server or builder cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A cube cannot be opened.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// Settings are about cubes that are not there.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No cubes can be made.
    #[error(transparent)]
    Home(#[from] CreateError),
    /// Nothing can be read over http.
    #[error("cannot set up the reading of stores")]
    Storage(#[source] FetchError),
    /// A place that requests may name stores below is none.
    #[error("`server.zarr_urls` lists what is neither a folder nor an address")]
    ZarrUrls(#[source] ExternalError),
    /// The source cannot be set up.
    #[error("cannot set up the reading of catalogues and images")]
    Source(#[from] SourceError),
    /// Tokens that cannot be meant so.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// What is done cannot be noted.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The jobs of before cannot be had.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The jobs of before cannot go on.
    #[error("cannot go on with the jobs of before")]
    Jobs(#[from] JobError),
    /// The listener failed.
    #[error("the server failed")]
    Serve(#[source] std::io::Error),
}

/// A server that is ready to listen.
#[derive(Debug)]
pub struct App {
    state: Arc<AppState>,
}

/// The name under which the command line opens the one cube that it works on.
const ONLY_CUBE: &str = "cube";

/// How long a tile waits for its turn before it is sent away.
const PATIENCE: Duration = Duration::from_secs(10);

/// Opens a single cube with a builder for it.
///
/// # Errors
/// If the cube cannot be opened or the source not be set up.
pub async fn workshop(config: &Config, store: PathBuf) -> Result<(Arc<Entry>, Builder), AppError> {
    let catalog = Catalog::default();
    let entry = catalog.open(ONLY_CUBE, store).await?;
    let compute = Compute::for_this_machine();
    let source = SceneSource::new(config.source.clone(), compute.clone())?;
    Ok((entry, Builder::new(source, compute, config.build.clone())))
}

impl App {
    /// Opens the configured cubes. `access` says who may do everything, beside what
    /// the tokens of the configuration allow.
    ///
    /// # Errors
    /// If tokens are wrong, a cube cannot be opened or the source not be set up.
    pub async fn new(config: &Config, access: Access) -> Result<Self, AppError> {
        config.check_tokens()?;
        config.check_cubes()?;
        let guard = Guard::new(&access, config);
        if guard.locks_everybody_out() {
            return Err(TokensError::NobodyMayRead.into());
        }
        let mut catalog = Catalog::new(
            Duration::from_secs(config.cache.check_seconds),
            config.bucket_settings(),
        );
        // Builds compute on a pool of their own, one place narrower than the
        // machine, so that tiles are not starved by them.
        let tiles = Compute::for_this_machine();
        let builds = Compute::new(tiles.threads().saturating_sub(1));
        let storage = Storage::new(config.source.http())
            .map_err(AppError::Storage)?
            .with_buckets(config.bucket_settings());
        for (name, path) in &config.cubes {
            let storage = storage.naming(&path.to_string_lossy());
            catalog.open_any(name, path, &storage, &tiles).await?;
        }
        let server = &config.server;
        if !server.cubes_dir.as_os_str().is_empty() {
            catalog.settle(&server.cubes_dir).await?;
        }
        let gate = Gate::new(&server.zarr_urls).map_err(AppError::ZarrUrls)?;
        // What strangers name is read from where it is named, and nowhere else.
        let http = HttpSettings {
            redirects: 0,
            ..config.source.http()
        };
        let guests = Storage::new(http).map_err(AppError::Storage)?;
        let guests = guests.with_buckets(config.bucket_settings());
        let catalog = Arc::new(catalog.welcoming(gate, guests, tiles.clone()));
        let admission = Admission::new(server.concurrent_tiles, server.waiting_tiles, PATIENCE);
        let source = SceneSource::new(config.source.clone(), builds.clone())?;
        let builder = Builder::new(source, builds, config.build.clone());
        let tiles = Tiles::new(Arc::clone(&catalog), tiles, admission, &config.cache);
        let settings = if guard.is_on() {
            config.job_settings()
        } else {
            JobSettings::default()
        };
        let guard = Arc::new(guard.noting_in(settings.folder.as_deref())?);
        let jobs = Jobs::open(builder, catalog, settings)?;
        if guard.is_on() {
            // Else it only reads.
            jobs.resume().await?;
            jobs.keep_fresh();
        }
        Ok(Self {
            state: Arc::new(AppState {
                tiles,
                jobs,
                guard,
                server: Arc::new(config.server.clone()),
                metrics: telemetry::count(),
            }),
        })
    }

    /// Serves on a listener until `shutdown` ends: requests under way are
    /// answered, and jobs stop at a committed chunk.
    ///
    /// # Errors
    /// If the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), AppError> {
        let jobs = self.state.jobs.clone();
        let patience = Duration::from_secs(self.state.server.request_seconds);
        let connections = Connections::new(listener, patience);
        let router = http::router(&self.state);
        let service = router.into_make_service_with_connect_info::<Peer>();
        axum::serve(connections, service)
            .with_graceful_shutdown(shutdown)
            .await
            .map_err(AppError::Serve)?;
        jobs.shut_down().await;
        Ok(())
    }
}
