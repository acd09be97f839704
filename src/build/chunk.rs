//! One chunk at one time step: scenes in, uploaded variables out.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, future::try_join_all, stream};

use super::{
    error::ChunkError,
    masks::Masks,
    observation::{Look, Target},
    plan::chunk_bounds,
    provenance,
    stages::{Clock, Stage},
    steps::Steps,
};
use crate::{
    compute::{Compute, ComputeError, Memory},
    cube::{COUNT, Cell, State, metadata},
    grid::{ChunkIndex, Level, Shape, Window},
    raster::{Composite, Kernel, Raster, Stack},
    repo::ChunkRef,
    source::{Scene, SceneSource},
    zarr::{NewChunk, StoredCube, encode_chunk},
};

/// Overpasses of one chunk that are under way at once: enough to wait for
/// several servers' answers while the CPU is busy.
const CONCURRENT_OVERPASSES: usize = 6;

/// A chunk that was built and uploaded, to be committed.
#[derive(Debug)]
pub struct Built {
    /// The time step.
    pub time: usize,
    /// The chunk.
    pub chunk: ChunkIndex,
    /// Scenes that it is made of.
    pub scenes: usize,
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
    /// Who is told what is done with it.
    pub(super) watch: Watch,
}

/// Is told the steps of a chunk as they begin.
#[derive(Clone, Default)]
pub(super) struct Watch(Option<Arc<dyn Fn(&'static str) + Send + Sync>>);

impl Watch {
    pub(super) fn new(tell: impl Fn(&'static str) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    pub(super) fn tell(&self, step: &'static str) {
        if let Some(tell) = &self.0 {
            tell(step);
        }
    }
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
        self.watch.tell("reading");
        for strip in window.strips(self.rows_at_once(window.cols, overpasses.len())) {
            let stack = self.read(strip, &overpasses, &mut looks).await?;
            read = Instant::now();
            let mut row = strip.row - window.row;
            for part in self.reduce(stack).await? {
                for (whole, part) in std::iter::zip(&mut composite.bands, &part.bands) {
                    paste(whole, row, part);
                }
                paste(&mut composite.count, row, &part.count);
                row += part.count.shape.rows;
            }
        }
        let seen: Vec<(&Scene, Look)> = std::iter::zip(scenes, looks)
            .filter(|(_, look)| look.saw)
            .collect();
        self.watch.tell("writing");
        self.upload(time, chunk, composite, &seen, read).await
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

    /// Reduces a stack on all threads of the pool: its rows in parts, from the
    /// north.
    async fn reduce(&self, stack: Stack) -> Result<Vec<Composite>, ChunkError> {
        let reducer = self.stored.cube.reducer();
        let (shape, stack) = (stack.shape(), Arc::new(stack));
        let rows = shape.rows.div_ceil(self.pool.threads()).max(1);
        let parts = shape.window().strips(rows).map(|part| {
            let (stack, reducer) = (Arc::clone(&stack), reducer.clone());
            self.compute(Stage::Reduce, move || {
                stack.reduce(&reducer, part.row..part.row_end())
            })
        });
        Ok(try_join_all(parts).await?)
    }

    async fn upload(
        &self,
        time: usize,
        chunk: ChunkIndex,
        composite: Composite,
        used: &[(&Scene, Look)],
        read: Instant,
    ) -> Result<Built, ChunkError> {
        let composited = Instant::now();
        let cube = &self.stored.cube;
        let has_values = composite.count.data.iter().any(|count| *count != 0);
        let state = match (used.is_empty(), has_values) {
            (true, _) => State::NoScenes,
            (false, false) => State::AllMasked,
            (false, true) => State::Done,
        };
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
        let (hash, provenance) = if state == State::NoScenes {
            (0, None)
        } else {
            let text = provenance::of_chunk(cube, used);
            provenance::upload(&self.stored, time, chunk, text).await?
        };
        Ok(Built {
            time,
            chunk,
            scenes: used.len(),
            cell: Cell::base(state, if has_values { stamp } else { 0 }, hash),
            variables,
            provenance,
            moments: [read, composited, Instant::now()],
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

/// Puts rows into a raster of as many columns, from `row` on.
fn paste(whole: &mut Raster<u16>, row: usize, part: &Raster<u16>) {
    let start = row * whole.shape.cols;
    whole.data[start..start + part.data.len()].copy_from_slice(&part.data);
}
