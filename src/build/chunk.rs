//! One chunk at one time step: scenes in, uploaded variables out.

use std::sync::Arc;

use bytes::Bytes;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use serde_json::json;

use super::observation::{Target, Warped};
use crate::{
    compute::{Compute, ComputeError},
    crs::CrsError,
    cube::{COUNT, Cell, State, metadata, recipe::Rule},
    grid::{ChunkIndex, Level, Shape, Window},
    raster::{Composite, Raster, Stack},
    repo::{ChunkRef, RepoError},
    source::{Scene, SceneSource, SourceError},
    zarr::{CodecError, NewChunk, StoredCube, encode_chunk},
};

/// Raised when the same scenes give other values.
const ALGORITHM: u32 = 1;

/// Scenes of one chunk that are read and warped at once.
const CONCURRENT_SCENES: usize = 4;

/// The most memory that the observations of one chunk take, in bytes. A chunk
/// with more of them is composited in strips of rows.
const STACK_BYTES: usize = 128 * 1024 * 1024;

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
}

impl ChunkError {
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
}

/// What it takes to build chunks.
#[derive(Clone)]
pub(super) struct Workshop {
    pub(super) source: SceneSource,
    pub(super) compute: Compute,
    pub(super) stored: StoredCube,
}

impl Workshop {
    /// Builds a chunk from the scenes of its time step, which may be more than
    /// overlap it. Scenes are in the order of their overpasses and ids.
    pub(super) async fn build(
        &self,
        time: usize,
        chunk: ChunkIndex,
        scenes: &[Scene],
    ) -> Result<Built, ChunkError> {
        let cube = &self.stored.cube;
        let window = cube.pyramid().chunks(Level(0)).window(chunk);
        let bounds = cube.pyramid().base().transform.window_bounds(window);
        let scenes: Vec<&Scene> = scenes.iter().filter(|s| s.overlaps(&bounds)).collect();
        let overpasses: Vec<&[&Scene]> = scenes.chunk_by(|a, b| a.overpass == b.overpass).collect();
        let mut composite = Composite {
            bands: vec![Raster::filled(shape(window), 0); cube.bands().len()],
            count: Raster::filled(shape(window), 0),
        };
        let mut used = vec![false; scenes.len()];
        let row_bytes = (window.cols * size_of::<u16>())
            .saturating_mul(cube.bands().len() * overpasses.len().max(1));
        for strip in window.strips(STACK_BYTES / row_bytes.max(1)) {
            let part = self.composite(strip, &overpasses, &mut used).await?;
            let rows = strip.row - window.row..strip.row_end() - window.row;
            for (whole, part) in std::iter::zip(&mut composite.bands, &part.bands) {
                paste(whole, rows.clone(), part);
            }
            paste(&mut composite.count, rows, &part.count);
        }
        let used: Vec<&Scene> = std::iter::zip(scenes, used)
            .filter_map(|(scene, used)| used.then_some(scene))
            .collect();
        self.upload(time, chunk, composite, &used).await
    }

    /// Composites a strip; marks the scenes that have data in it.
    async fn composite(
        &self,
        strip: Window,
        overpasses: &[&[&Scene]],
        used: &mut [bool],
    ) -> Result<Composite, ChunkError> {
        let cube = &self.stored.cube;
        let target = Target::new(*cube.pyramid().base(), strip);
        let reads: Vec<_> = overpasses
            .iter()
            .flat_map(|scenes| scenes.iter())
            .map(|scene| {
                target
                    .observe(&self.source, &self.compute, scene, cube.recipe())
                    .boxed()
            })
            .collect();
        // Ordered, so that what follows does not depend on which read was fast.
        let mut warped = stream::iter(reads).buffered(CONCURRENT_SCENES);
        let mut stack = Stack::new(target.shape(), cube.bands().len());
        let mut at = 0;
        for scenes in overpasses {
            let mut observation: Option<Vec<Raster<u16>>> = None;
            for _ in *scenes {
                let scene = warped.try_next().await?.flatten();
                if let Some(Warped { bands, has_data }) = scene.filter(|w| w.has_data) {
                    used[at] |= has_data;
                    match &mut observation {
                        None => observation = Some(bands),
                        Some(first) => fuse(first, &bands),
                    }
                }
                at += 1;
            }
            if let Some(observation) = observation {
                stack.push(observation);
            }
        }
        let rule = cube.recipe().composite.rule;
        let reduce = move || match rule {
            Rule::Median => stack.median(),
        };
        Ok(self.compute.run(reduce).await?)
    }

    async fn upload(
        &self,
        time: usize,
        chunk: ChunkIndex,
        composite: Composite,
        used: &[&Scene],
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
            self.compute.run(move || stamp(&rasters)).await?
        };
        let place = [time, chunk.row, chunk.col];
        let mut variables = Vec::with_capacity(rasters.len());
        for (n, variable) in cube.variables().enumerate() {
            let (stored, rasters) = (self.stored.clone(), Arc::clone(&rasters));
            let bytes = self
                .compute
                .run(move || encode_chunk(&stored, &rasters[n]))
                .await??;
            let path = metadata::variable_path(Level(0), variable);
            let reference = match bytes {
                Some(bytes) => Some(self.stored.snapshot.upload(&path, &place, bytes).await?),
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

    fn provenance(&self, used: &[&Scene]) -> String {
        let recipe = self.stored.cube.recipe();
        let scenes: Vec<_> = used
            .iter()
            .map(|scene| {
                json!({
                    "id": scene.id,
                    "overpass": scene.overpass,
                    "baseline": scene.processing_baseline,
                    "offsets": scene.bands.iter().map(|b| b.offset).collect::<Vec<_>>(),
                    "offset_rules": scene.bands.iter().map(|b| b.offset_rule).collect::<Vec<_>>(),
                })
            })
            .collect();
        json!({
            "algorithm": ALGORITHM,
            "recipe": format!("{:016x}", recipe.pixel_hash()),
            "scenes": scenes,
        })
        .to_string()
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

/// Adds to an observation what a further scene of the same overpass sees. A
/// pixel that both see is taken, in all bands, from the first.
fn fuse(first: &mut [Raster<u16>], further: &[Raster<u16>]) {
    for (band, other) in std::iter::zip(first, further) {
        // Valid in all bands or in none, so band by band is scene by scene.
        for (value, other) in std::iter::zip(&mut band.data, &other.data) {
            if *value == 0 {
                *value = *other;
            }
        }
    }
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
