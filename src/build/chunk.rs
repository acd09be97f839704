//! One chunk at one time step: scenes in, uploaded variables out.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::try_join_all, stream};
use serde_json::json;

use super::{
    masks::Masks,
    memory::Memory,
    observation::{Look, Target},
    plan::chunk_bounds,
    stages::{Clock, Stage},
    steps::Steps,
};
use crate::{
    compute::{Compute, ComputeError},
    crs::CrsError,
    cube::{COUNT, Cell, State, metadata},
    grid::{ChunkIndex, Level, Shape, Window},
    raster::{Composite, Kernel, Raster, Stack},
    repo::{ChunkRef, RepoError},
    source::{Scene, SceneSource, SourceError},
    zarr::{CodecError, NewChunk, StoredCube, encode_chunk},
};

/// Raised when the same scenes give other values.
const ALGORITHM: u32 = 2;

/// Overpasses of one chunk that are under way at once: enough to wait for
/// several servers' answers while the CPU is busy.
const CONCURRENT_OVERPASSES: usize = 6;

/// Why a chunk could not be built.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// The catalogue or an image failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A step of one scene failed.
    #[error("item {item}, {asset}")]
    Scene {
        /// The item's id.
        item: String,
        /// Which band, or the mask.
        asset: String,
        /// What happened.
        #[source]
        source: Box<ChunkError>,
    },
    /// An image is in a reference system that cannot be reached.
    #[error(transparent)]
    Crs(#[from] CrsError),
    /// The chunk cannot be encoded.
    #[error("cannot encode the chunk")]
    Codec(#[from] CodecError),
    /// The chunk cannot be written.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// A computation ended early.
    #[error(transparent)]
    Compute(#[from] ComputeError),
    /// It took too long.
    #[error("not done within {seconds} s; it waited for {steps}")]
    TimedOut {
        /// How long it was given.
        seconds: u64,
        /// What was under way.
        steps: String,
    },
}

impl ChunkError {
    /// Whether the same may succeed a little later.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Source(error) => error.is_transient(),
            Self::Scene { source, .. } => source.is_transient(),
            Self::Repo(_) | Self::TimedOut { .. } => true,
            Self::Crs(_) | Self::Codec(_) | Self::Compute(_) => false,
        }
    }

    /// Says whose step failed.
    pub(super) fn of(self, scene: &Scene, asset: &str) -> Self {
        Self::Scene {
            item: scene.id.clone(),
            asset: asset.to_owned(),
            source: Box::new(self),
        }
    }
}

/// A chunk that was built and uploaded, to be committed.
#[derive(Debug)]
pub struct Built {
    /// The time step.
    pub time: usize,
    /// The chunk.
    pub chunk: ChunkIndex,
    /// What coverage will say.
    pub cell: Cell,
    /// The chunk of each variable.
    pub variables: Vec<NewChunk>,
    /// The text of the provenance.
    pub provenance: Option<ChunkRef>,
    /// When the last image was read, the composite made, and all uploaded.
    pub moments: [Instant; 3],
}

/// What it takes to build chunks. Clones share everything.
#[derive(Clone)]
pub(super) struct Workshop {
    pub(super) source: SceneSource,
    pub(super) pool: Compute,
    pub(super) stored: StoredCube,
    /// What reads under way may take.
    pub(super) memory: Memory,
    /// What the observations of one chunk may take, in bytes.
    pub(super) stack_bytes: usize,
    pub(super) clock: Arc<Clock>,
    /// Which pixels are of use.
    pub(super) masks: Arc<Masks>,
    /// How often and how long a chunk is tried.
    pub(super) patience: Patience,
    /// What the chunk at hand waits for.
    pub(super) steps: Arc<Steps>,
}

/// How often and how long a chunk is tried.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// The most seconds of one attempt.
    pub(super) seconds: u64,
    /// Further attempts after a failure that may pass.
    pub(super) retries: u32,
}

impl Workshop {
    /// Computes on the pool and counts the time for a stage.
    pub(super) async fn compute<T, F>(&self, stage: Stage, work: F) -> Result<T, ComputeError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let clock = Arc::clone(&self.clock);
        self.pool.run(move || clock.time(stage, work)).await
    }

    /// How a band is put on the grid.
    pub(super) fn kernel(&self, band: &str) -> Kernel {
        self.stored.cube.recipe().composite.resampling.of(band)
    }

    /// Builds a chunk from the scenes of its time step, which may be more than
    /// overlap it. Scenes are in the order of their overpasses and ids. What
    /// may pass is tried again, with growing random pauses.
    pub(super) async fn build(
        &self,
        time: usize,
        chunk: ChunkIndex,
        scenes: &[Scene],
    ) -> Result<Built, ChunkError> {
        let mut failures = 0;
        loop {
            let workshop = Self {
                steps: Arc::default(),
                ..self.clone()
            };
            let error = match workshop.attempt_in_time(time, chunk, scenes).await {
                Err(error) if error.is_transient() && failures < self.patience.retries => error,
                result => return result,
            };
            failures += 1;
            let wait = self.source.pause(failures);
            tracing::info!(row = chunk.row, col = chunk.col, failures, ?wait, %error, "a chunk is tried again");
            tokio::time::sleep(wait).await;
        }
    }

    async fn attempt_in_time(
        &self,
        time: usize,
        chunk: ChunkIndex,
        scenes: &[Scene],
    ) -> Result<Built, ChunkError> {
        let seconds = self.patience.seconds;
        let mut attempt = pin!(self.attempt(time, chunk, scenes));
        let limit = Duration::from_secs(seconds);
        match tokio::time::timeout(limit, attempt.as_mut()).await {
            Ok(result) => result,
            // The attempt is still there, so its steps are.
            Err(_elapsed) => Err(ChunkError::TimedOut {
                seconds,
                steps: self.steps.describe(),
            }),
        }
    }

    async fn attempt(
        &self,
        time: usize,
        chunk: ChunkIndex,
        scenes: &[Scene],
    ) -> Result<Built, ChunkError> {
        let cube = &self.stored.cube;
        let window = cube.pyramid().chunks(Level(0)).window(chunk);
        let places = chunk_bounds(cube, chunk, self.masks.halo())?;
        let is_here = |scene: &&Scene| places.iter().any(|place| scene.overlaps(place));
        let scenes: Vec<&Scene> = scenes.iter().filter(is_here).collect();
        let overpasses: Vec<&[&Scene]> = scenes.chunk_by(|a, b| a.overpass == b.overpass).collect();
        let mut composite = Composite {
            bands: vec![Raster::filled(shape(window), 0); cube.bands().len()],
            count: Raster::filled(shape(window), 0),
        };
        let mut looks = vec![Look::default(); scenes.len()];
        let mut read = Instant::now();
        for strip in window.strips(self.rows_at_once(window.cols, overpasses.len())) {
            let stack = self.read(strip, &overpasses, &mut looks).await?;
            read = Instant::now();
            let part = self.reduce(stack).await?;
            let rows = strip.row - window.row..strip.row_end() - window.row;
            for (whole, part) in std::iter::zip(&mut composite.bands, &part.bands) {
                paste(whole, rows.clone(), part);
            }
            paste(&mut composite.count, rows, &part.count);
        }
        let seen: Vec<(&Scene, Look)> = std::iter::zip(scenes, looks)
            .filter(|(_, look)| look.saw)
            .collect();
        let composited = Instant::now();
        let built = self.upload(time, chunk, composite, &seen).await?;
        Ok(Built {
            moments: [read, composited, Instant::now()],
            ..built
        })
    }

    /// Rows of a chunk whose observations fit into memory together.
    fn rows_at_once(&self, cols: usize, overpasses: usize) -> usize {
        /// Two tables of positions; of overpasses under way the classes, and
        /// which cells are of use and wanted.
        const OTHER: usize = 2 * size_of::<(f64, f64)>()
            + CONCURRENT_OVERPASSES * (size_of::<u16>() + 2 * size_of::<bool>());
        let samples = self.stored.cube.bands().len() * overpasses;
        let row_bytes = cols.saturating_mul(samples * size_of::<u16>() + OTHER);
        (self.stack_bytes / row_bytes.max(1)).max(1)
    }

    /// Reads the observations of a strip, and adds to what is known of each
    /// scene.
    async fn read(
        &self,
        strip: Window,
        overpasses: &[&[&Scene]],
        looks: &mut [Look],
    ) -> Result<Stack, ChunkError> {
        let cube = &self.stored.cube;
        let target = Target::new(*cube.pyramid().base(), strip, self.masks.halo());
        let observations: Vec<_> = overpasses
            .iter()
            .map(|scenes| target.observe(self, scenes).boxed())
            .collect();
        // Ordered, so that what follows does not depend on which read was fast.
        let mut observations = stream::iter(observations).buffered(CONCURRENT_OVERPASSES);
        let mut stack = Stack::new(target.shape(), cube.bands().len());
        let mut looks = looks.iter_mut();
        while let Some(observation) = observations.try_next().await? {
            // In this order: zip takes from the first before it knows that the
            // second has ended.
            for (now, look) in std::iter::zip(&observation.looks, &mut looks) {
                look.add(now);
            }
            if let Some(bands) = observation.bands {
                stack.push(bands);
            }
        }
        Ok(stack)
    }

    /// Reduces a stack on all threads of the pool.
    async fn reduce(&self, stack: Stack) -> Result<Composite, ChunkError> {
        let reducer = self.stored.cube.reducer();
        let (shape, stack) = (stack.shape(), Arc::new(stack));
        let rows = shape.rows.div_ceil(self.pool.threads()).max(1);
        let parts = shape.window().strips(rows).map(|part| {
            let (stack, reducer) = (Arc::clone(&stack), reducer.clone());
            self.compute(Stage::Reduce, move || {
                stack.reduce(&reducer, part.row..part.row_end())
            })
        });
        let mut parts = try_join_all(parts).await?.into_iter();
        let first = parts.next().unwrap_or_else(|| Composite {
            bands: Vec::new(),
            count: Raster::filled(shape, 0),
        });
        Ok(parts.fold(first, Composite::below))
    }

    async fn upload(
        &self,
        time: usize,
        chunk: ChunkIndex,
        composite: Composite,
        used: &[(&Scene, Look)],
    ) -> Result<Built, ChunkError> {
        let cube = &self.stored.cube;
        let has_values = composite.count.data.iter().any(|count| *count != 0);
        let state = match (used.is_empty(), has_values) {
            (true, _) => State::NoScenes,
            (false, false) => State::AllMasked,
            (false, true) => State::Done,
        };
        let text = (state != State::NoScenes).then(|| self.provenance(used));
        let mut rasters = composite.bands;
        rasters.push(composite.count);
        let rasters = Arc::new(rasters);
        let stamp = {
            let rasters = Arc::clone(&rasters);
            self.compute(Stage::Encode, move || stamp(&rasters)).await?
        };
        let place = [time, chunk.row, chunk.col];
        let mut variables = Vec::with_capacity(rasters.len());
        for (n, variable) in cube.variables().enumerate() {
            let (stored, rasters) = (self.stored.clone(), Arc::clone(&rasters));
            let bytes = self
                .compute(Stage::Encode, move || encode_chunk(&stored, &rasters[n]))
                .await??;
            let path = metadata::variable_path(Level(0), variable);
            let reference = match bytes {
                Some(bytes) => {
                    let uploading = self.stored.snapshot.upload(&path, &place, bytes);
                    Some(self.clock.wait(Stage::Upload, uploading).await?)
                }
                None => None,
            };
            variables.push(NewChunk {
                variable: variable.to_owned(),
                reference,
            });
        }
        debug_assert_eq!(cube.variables().last(), Some(COUNT));
        let (hash, provenance) = match text {
            None => (0, None),
            Some(text) => {
                let hash = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
                (hash, self.upload_text(&place, text).await?)
            }
        };
        Ok(Built {
            time,
            chunk,
            cell: Cell::base(state, if has_values { stamp } else { 0 }, hash),
            variables,
            provenance,
            moments: [Instant::now(); 3],
        })
    }

    async fn upload_text(
        &self,
        place: &[usize],
        text: String,
    ) -> Result<Option<ChunkRef>, ChunkError> {
        let encoded: Option<Bytes> = self.stored.provenance.encode(vec![text], &String::new())?;
        match encoded {
            Some(bytes) => {
                let path = metadata::provenance_path();
                Ok(Some(
                    self.stored.snapshot.upload(&path, place, bytes).await?,
                ))
            }
            None => Ok(None),
        }
    }

    fn provenance(&self, used: &[(&Scene, Look)]) -> String {
        let recipe = self.stored.cube.recipe();
        let scenes = used
            .iter()
            .map(|(scene, look)| self.scene_record(scene, look));
        json!({
            "algorithm": ALGORITHM,
            "recipe": format!("{:016x}", recipe.pixel_hash()),
            "scenes": scenes.collect::<Vec<_>>(),
        })
        .to_string()
    }

    fn scene_record(&self, scene: &Scene, look: &Look) -> serde_json::Value {
        let bands: serde_json::Map<_, _> = std::iter::zip(self.stored.cube.bands(), &scene.bands)
            .enumerate()
            .map(|(n, (name, band))| {
                let baseline = scene.processing_baseline.as_deref();
                let audit = look.audits.get(n);
                let suspicion = audit.and_then(|audit| audit.verdict(band.offset, baseline));
                if let Some(suspicion) = suspicion {
                    tracing::warn!(item = scene.id, band = name, %suspicion, "an offset is doubtful");
                }
                let mut record = json!({
                    "gain": band.gain, "offset": band.offset, "rule": band.offset_rule,
                });
                if let Some(suspicion) = suspicion {
                    record["suspicion"] = json!(suspicion.to_string());
                }
                (name.to_owned(), record)
            })
            .collect();
        json!({
            "id": scene.id,
            "overpass": scene.overpass,
            "baseline": scene.processing_baseline,
            "bands": bands,
        })
    }
}

/// The content stamp of a chunk: a hash of the values of all its variables,
/// the count last. Never 0, which says that there are none.
pub(super) fn stamp(variables: &[Raster<u16>]) -> u64 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    for raster in variables {
        for row in raster.data.chunks(raster.shape.cols.max(1)) {
            let bytes: Vec<u8> = row.iter().flat_map(|value| value.to_le_bytes()).collect();
            hasher.update(&bytes);
        }
    }
    hasher.digest().max(1)
}

fn shape(window: Window) -> Shape {
    Shape {
        rows: window.rows,
        cols: window.cols,
    }
}

fn paste(whole: &mut Raster<u16>, rows: std::ops::Range<usize>, part: &Raster<u16>) {
    let cols = whole.shape.cols;
    whole.data[rows.start * cols..rows.end * cols].copy_from_slice(&part.data);
}
