//! What a change of the cube changes of its tiles, and what clients may keep.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "small numbers"
)]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use cubetiler::{
    cache::CacheConfig,
    catalog::Catalog,
    compute::{Admission, Compute},
    cube::{Cell, Cube, NODATA, Recipe, State, coverage::children, metadata},
    grid::{Bounds, ChunkIndex, Level, Shape, TileAddress, Window},
    http::Access,
    raster::{Raster, Resampling},
    render::{FileFormat, ImageFormat},
    repo::{ChunkRef, Repo},
    tile::{Look, Prepared, Tile, TileError, TileRequest, Tiles},
    zarr::{self, StoredCube},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::Value;

use crate::{bounds::Process, fixture::Server, round_trip::decode};

/// An empty cube at a path, and what it takes to write to it.
pub(crate) async fn create(path: &Path, recipe: &str) -> (Repo, StoredCube) {
    let cube = Cube::new(Recipe::from_toml(recipe).unwrap()).unwrap();
    let repo = Repo::create(path).await.unwrap();
    zarr::create(&repo, &cube).await.unwrap();
    let stored = StoredCube::open(&repo).await.unwrap();
    (repo, stored)
}

/// Samples that look random (xorshift), none of them nodata.
pub(crate) fn noise(seed: u64, shape: Shape) -> Raster<u16> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut raster = Raster::filled(shape, NODATA);
    for sample in &mut raster.data {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *sample = 1 + (state >> 53) as u16;
    }
    raster
}

const CHUNK: usize = 16;
const INNER: usize = 8;
const LEVELS: usize = 3;
const CELL: f64 = 0.01;
const TIMES: [&str; 2] = ["2023-01-01", "2023-02-01"];
const VARIABLES: usize = 3;

/// A side of a tile: at zoom 11 its pixels are as wide as 1.1 cells.
const SIZE: usize = 16;
const ZOOMS: std::ops::RangeInclusive<u64> = 8..=12;

fn recipe(west: f64, north: f64, rows: usize, cols: usize) -> String {
    let far = |from: f64, cells: usize| from + cells as f64 * CELL;
    format!(
        r#"
        [grid]
        bounds = [{west}, {}, {}, {north}]
        resolution = {CELL}
        chunk = {CHUNK}
        inner_chunk = {INNER}
        levels = {LEVELS}
        skip = "none"
        [time]
        start = "2023-01-01"
        end = "2023-02-28"
        [source]
        stac = "https://example.org"
        bands = ["a", "b"]
        "#,
        far(north, 0) - rows as f64 * CELL,
        far(west, cols),
    )
}

/// A full-resolution chunk of one time step.
#[derive(Clone, Debug)]
struct Chunk {
    state: State,
    /// A raster a variable; none where there is no data.
    values: Option<Vec<Raster<u16>>>,
    provenance: u64,
}

type Place = (usize, ChunkIndex);
type LevelPlace = (Level, usize, ChunkIndex);

/// A committed state: what coverage says and what is referred to, of all
/// levels, and the full-resolution chunks that all of it follows from.
#[derive(Clone, Default)]
struct World {
    chunks: BTreeMap<Place, Chunk>,
    cells: BTreeMap<LevelPlace, Cell>,
    references: BTreeMap<(LevelPlace, String), ChunkRef>,
}

/// What a commit does.
#[derive(Clone, Debug)]
enum Change {
    /// New values in all cells of a chunk.
    Draw { time: usize, at: usize, seed: u64 },
    /// A new value in one cell.
    Touch { time: usize, at: usize, seed: u64 },
    /// No data, in a chunk that was looked at.
    Clear { time: usize, at: usize },
    /// A failure, which leaves the pixels of before.
    Fail { time: usize, at: usize },
    /// The values of before, from a build whose scenes were named otherwise.
    Rebuild { time: usize, at: usize },
    /// The values of before in other bytes.
    Recode { time: usize, at: usize },
    /// An earlier state.
    Rollback { to: usize },
}

fn change() -> impl Strategy<Value = Change> {
    let place = || (0..TIMES.len(), any::<usize>());
    prop_oneof![
        4 => (place(), any::<u64>()).prop_map(|((time, at), seed)| Change::Draw { time, at, seed }),
        3 => (place(), any::<u64>()).prop_map(|((time, at), seed)| Change::Touch { time, at, seed }),
        1 => place().prop_map(|(time, at)| Change::Clear { time, at }),
        1 => place().prop_map(|(time, at)| Change::Fail { time, at }),
        2 => place().prop_map(|(time, at)| Change::Rebuild { time, at }),
        2 => place().prop_map(|(time, at)| Change::Recode { time, at }),
        2 => any::<usize>().prop_map(|to| Change::Rollback { to }),
    ]
}

/// A hash of the content, as the builder makes it; 0 where there is no data.
fn stamp(values: &[Raster<u16>]) -> u64 {
    let mut bytes = Vec::new();
    for raster in values {
        bytes.extend(raster.data.iter().flat_map(|value| value.to_le_bytes()));
    }
    if bytes.iter().all(|byte| *byte == 0) {
        return 0;
    }
    xxhash_rust::xxh3::xxh3_64(&bytes).max(1)
}

/// A chunk of noise.
fn drawn(seed: u64, shape: Shape) -> Chunk {
    let values = (0..VARIABLES as u64).map(|n| noise(seed ^ (n << 32), shape));
    Chunk {
        state: State::Done,
        values: Some(values.collect()),
        provenance: seed,
    }
}

fn crop(whole: &Raster<u16>, window: Window) -> Raster<u16> {
    let shape = Shape {
        rows: window.rows,
        cols: window.cols,
    };
    let mut part = Raster::filled(shape, NODATA);
    for row in 0..window.rows {
        let from = &whole.row(window.row + row)[window.col..window.col_end()];
        part.row_mut(row).copy_from_slice(from);
    }
    part
}

/// A shard whose inner chunks lie in it the other way round.
fn reversed(stored: &StoredCube, shard: &Bytes) -> Bytes {
    let index_len = usize::try_from(stored.values.index_len().unwrap()).unwrap();
    let tail = shard.slice(shard.len() - index_len..);
    let index = stored.values.shard_index(&tail).unwrap();
    let mut body = Vec::new();
    let mut entries = vec![[u64::MAX; 2]; index.len()];
    for position in (0..index.len()).rev() {
        if let Some(range) = index.get(position) {
            let (from, to) = (range.start as usize, range.end as usize);
            entries[position] = [body.len() as u64, (to - from) as u64];
            body.extend_from_slice(&shard[from..to]);
        }
    }
    let encoded: Vec<u8> = entries
        .iter()
        .flatten()
        .flat_map(|number| number.to_le_bytes())
        .collect();
    let checksum = crc32c::crc32c(&encoded).to_le_bytes();
    [body, encoded, checksum.to_vec()].concat().into()
}

/// A cube, its states, and what its tiles have shown.
struct Trial {
    repo: Repo,
    stored: StoredCube,
    world: World,
    history: Vec<(World, Vec<String>)>,
    tiles: Tiles,
    requests: Vec<TileRequest>,
    shown: BTreeMap<(usize, String), Vec<u8>>,
    _folder: tempfile::TempDir,
}

/// How often each part of the property was put to the test.
#[derive(Default)]
struct Seen {
    changed: usize,
    untouched: usize,
    rolled_back: usize,
    rebuilt: usize,
}

fn tiles(catalog: &Arc<Catalog>) -> Tiles {
    let config = CacheConfig::default();
    let compute = Compute::new(2);
    Tiles::new(
        Arc::clone(catalog),
        compute,
        Admission::new(64, 64, Duration::from_mins(1)),
        &config,
    )
}

async fn catalog(path: PathBuf) -> Arc<Catalog> {
    let catalog = Catalog::default();
    catalog.open("cube", path).await.unwrap();
    Arc::new(catalog)
}

/// All tiles of some zooms, each in a way of its own.
fn requests(of: Bounds) -> Vec<TileRequest> {
    const WAYS: [Resampling; 4] = [
        Resampling::Nearest,
        Resampling::Bilinear,
        Resampling::Cubic,
        Resampling::Average,
    ];
    const SETS: [&[&str]; 3] = [&["a"], &["count"], &["b", "a", "count"]];
    let mut found = Vec::new();
    for zoom in ZOOMS {
        let n = 1_u64 << zoom;
        let cols = (0..n).filter(|col| {
            let tile = TileAddress::new(zoom, *col, 0).unwrap().lonlat_bounds();
            tile.east > of.west && tile.west < of.east
        });
        let cols: Vec<u64> = cols.collect();
        for row in 0..n {
            for col in &cols {
                let address = TileAddress::new(zoom, *col, row).unwrap();
                if !address.lonlat_bounds().overlaps(&of) {
                    break;
                }
                let n = found.len();
                found.push(TileRequest {
                    address,
                    size: SIZE,
                    look: Look {
                        variables: SETS[n / 4 % 3].iter().map(|&v| v.to_owned()).collect(),
                        bidx: Vec::new(),
                        expression: None,
                        sel: vec![format!("time={}", TIMES[n % 7 % 2])],
                        rescale: vec![[0.0, 2048.0]],
                        coloring: None,
                        resampling: WAYS[n % 4],
                        nodata: None,
                        background: None,
                        format: Some(FileFormat::Image(ImageFormat::Png)),
                    },
                });
            }
        }
    }
    found
}

impl Trial {
    async fn new(recipe: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cube");
        let (repo, stored) = create(&path, recipe).await;
        let mut trial = Self {
            requests: requests(stored.cube.pyramid().base().bounds()),
            tiles: tiles(&catalog(path).await),
            repo,
            stored,
            world: World::default(),
            history: Vec::new(),
            shown: BTreeMap::new(),
            _folder: folder,
        };
        let etags = trial.look().await;
        trial.history.push((trial.world.clone(), etags));
        // All of the first month, so that there is something to change.
        let mut world = World::default();
        let chunks = trial.stored.cube.pyramid().chunks(Level(0));
        for (n, at) in chunks.chunks_of(chunks.shape.window()).enumerate() {
            let chunk = drawn(n as u64, trial.shape(at));
            world.chunks.insert((0, at), chunk);
        }
        trial.write(world, BTreeSet::new(), false).await;
        let etags = trial.look().await;
        trial.history.push((trial.world.clone(), etags));
        trial
    }

    fn place(&self, time: usize, at: usize) -> Place {
        let chunks = self.stored.cube.pyramid().chunks(Level(0));
        let all: Vec<ChunkIndex> = chunks.chunks_of(chunks.shape.window()).collect();
        (time, all[at % all.len()])
    }

    fn shape(&self, chunk: ChunkIndex) -> Shape {
        let window = self.stored.cube.pyramid().chunks(Level(0)).window(chunk);
        Shape {
            rows: window.rows,
            cols: window.cols,
        }
    }

    /// The chunks of all levels that a chunk is under, itself first.
    fn above(&self, (time, mut chunk): Place) -> Vec<LevelPlace> {
        let mut all = Vec::new();
        for level in self.stored.cube.pyramid().levels() {
            all.push((level, time, chunk));
            chunk = chunk.parent();
        }
        all
    }

    /// All levels of one variable and time step: each cell of an overview is
    /// the north-western one of the four below it.
    fn rasters(&self, world: &World, time: usize, variable: usize) -> Vec<Raster<u16>> {
        let pyramid = self.stored.cube.pyramid();
        let mut levels: Vec<Raster<u16>> = Vec::new();
        for level in pyramid.levels() {
            let mut whole = Raster::filled(pyramid.grid(level).shape, NODATA);
            if let Some(finer) = levels.last() {
                for row in 0..whole.shape.rows {
                    for col in 0..whole.shape.cols {
                        whole.row_mut(row)[col] = finer.row(2 * row)[2 * col];
                    }
                }
            } else {
                let chunks = pyramid.chunks(level);
                for ((_, at), chunk) in world.chunks.iter().filter(|((t, _), _)| *t == time) {
                    let window = chunks.window(*at);
                    for (row, values) in (0..window.rows).zip(
                        (chunk.values.iter())
                            .flat_map(|values| values[variable].data.chunks(window.cols)),
                    ) {
                        whole.row_mut(window.row + row)[window.col..window.col_end()]
                            .copy_from_slice(values);
                    }
                }
            }
            levels.push(whole);
        }
        levels
    }

    /// Commits a change; returns the chunks that it wrote, of all levels.
    async fn commit(&mut self, change: &Change) -> BTreeSet<LevelPlace> {
        let mut world = self.world.clone();
        let mut rewritten = BTreeSet::new();
        let mut is_recoded = false;
        match *change {
            Change::Draw { time, at, seed } => {
                let (time, at) = self.place(time, at);
                let chunk = drawn(seed, self.shape(at));
                world.chunks.insert((time, at), chunk);
            }
            Change::Touch { time, at, seed } => {
                let place = self.place(time, at);
                if let Some(Chunk {
                    values: Some(values),
                    ..
                }) = world.chunks.get_mut(&place)
                {
                    let raster = &mut values[seed as usize % VARIABLES];
                    let n = (seed >> 8) as usize % raster.data.len();
                    raster.data[n] ^= 1 << 10;
                }
            }
            Change::Clear { time, at } => {
                let chunk = Chunk {
                    state: State::AllMasked,
                    values: None,
                    provenance: 0,
                };
                world.chunks.insert(self.place(time, at), chunk);
            }
            Change::Fail { time, at } => {
                if let Some(chunk) = world.chunks.get_mut(&self.place(time, at)) {
                    chunk.state = State::Failed;
                }
            }
            Change::Rebuild { time, at } | Change::Recode { time, at } => {
                let place = self.place(time, at);
                is_recoded = matches!(change, Change::Recode { .. });
                if let Some(chunk) = world.chunks.get_mut(&place) {
                    chunk.provenance ^= u64::from(!is_recoded);
                    rewritten.extend(self.above(place));
                }
            }
            Change::Rollback { to } => {
                let (old, _) = &self.history[to % self.history.len()];
                let old = old.clone();
                return self.go_back(old).await;
            }
        }
        self.write(world, rewritten, is_recoded).await
    }

    /// Derives coverage and overviews of a world and commits what is not yet
    /// so, or is to be written again.
    async fn write(
        &mut self,
        mut world: World,
        mut rewritten: BTreeSet<LevelPlace>,
        is_recoded: bool,
    ) -> BTreeSet<LevelPlace> {
        let pyramid = *self.stored.cube.pyramid();
        let names: Vec<String> = self.stored.cube.variables().map(str::to_owned).collect();
        let mut transaction = self.repo.transaction().await.unwrap();
        for time in 0..TIMES.len() {
            let rasters: Vec<_> = (0..VARIABLES)
                .map(|variable| self.rasters(&world, time, variable))
                .collect();
            for level in pyramid.levels() {
                let chunks = pyramid.chunks(level);
                let mut patches = Vec::new();
                for at in chunks.chunks_of(chunks.shape.window()) {
                    let values: Vec<_> = rasters
                        .iter()
                        .map(|levels| crop(&levels[level.0], chunks.window(at)))
                        .collect();
                    let stamp = stamp(&values);
                    let cell = if level == Level(0) {
                        world
                            .chunks
                            .get(&(time, at))
                            .map_or_else(Cell::default, |c| {
                                Cell::base(c.state, stamp, c.provenance)
                            })
                    } else {
                        let below = children(&pyramid, level, at);
                        let finer = Level(level.0 - 1);
                        let cells = below.map(|at| world.cells[&(finer, time, at)]);
                        Cell::overview(cells.collect::<Vec<_>>(), stamp)
                    };
                    let place = (level, time, at);
                    let before = world.cells.insert(place, cell).unwrap_or_default();
                    if before == cell && !rewritten.contains(&place) {
                        continue;
                    }
                    rewritten.insert(place);
                    patches.push((at, cell));
                    for (name, raster) in names.iter().zip(&values) {
                        let path = metadata::variable_path(level, name);
                        let index = [time, at.row, at.col];
                        let key = (place, name.clone());
                        world.references.remove(&key);
                        let mut reference = None;
                        if let Some(shard) = zarr::encode_chunk(&self.stored, raster).unwrap() {
                            let shard = if is_recoded {
                                reversed(&self.stored, &shard)
                            } else {
                                shard
                            };
                            let new = transaction.upload(&path, &index, shard).await.unwrap();
                            world.references.insert(key, new.clone());
                            reference = Some(new);
                        }
                        let set = transaction.set_chunk(&path, &index, reference);
                        set.await.unwrap();
                    }
                }
                zarr::patch_cells(&mut transaction, &self.stored, level, time, &patches)
                    .await
                    .unwrap();
            }
        }
        transaction.commit("Change").await.unwrap();
        self.world = world;
        rewritten
    }

    /// Commits the references and the coverage of an earlier state.
    async fn go_back(&mut self, old: World) -> BTreeSet<LevelPlace> {
        let mut transaction = self.repo.transaction().await.unwrap();
        let names: Vec<String> = self.stored.cube.variables().map(str::to_owned).collect();
        let mut rewritten = BTreeSet::new();
        let cells = self.world.cells.keys().chain(old.cells.keys());
        for place in cells.copied().collect::<BTreeSet<LevelPlace>>() {
            let (level, time, at) = place;
            let cell = old.cells.get(&place).copied().unwrap_or_default();
            for name in &names {
                let reference = old.references.get(&(place, name.clone())).cloned();
                let path = metadata::variable_path(level, name);
                let index = [time, at.row, at.col];
                let set = transaction.set_chunk(&path, &index, reference);
                set.await.unwrap();
            }
            let patch = [(at, cell)];
            zarr::patch_cells(&mut transaction, &self.stored, level, time, &patch)
                .await
                .unwrap();
            rewritten.insert(place);
        }
        transaction.commit("Roll back").await.unwrap();
        self.world = old;
        rewritten
    }

    /// Asks for all tiles: each is what it is without any cache, and one
    /// `ETag` never names two pictures.
    async fn look(&mut self) -> Vec<String> {
        let path = self.repo.path().to_owned();
        let fresh = tiles(&catalog(path).await);
        let mut etags = Vec::new();
        for (n, request) in self.requests.iter().enumerate() {
            let prepared = self.tiles.prepare("cube", request).await.unwrap();
            let etag = prepared.etag();
            assert_eq!(
                prepared.is_complete(),
                (prepared.coverage() - 1.0).abs() < 1e-9,
                "{request:?} is whole if all of it was built"
            );
            // Not all of them, so that some of a chunk's parts are read later.
            let kept = if (n / 2 + self.history.len()).is_multiple_of(2) {
                Some(self.tiles.render(prepared).await.unwrap())
            } else {
                None
            };
            let anew = fresh.prepare("cube", request).await.unwrap();
            assert_eq!(etag, anew.etag());
            let anew = fresh.render(anew).await.unwrap();
            let (pixels, _) = decode(&anew.bytes);
            assert!(
                kept.is_none_or(|kept| kept.bytes == anew.bytes),
                "{request:?} of a cache is not what the cube holds"
            );
            let shown = self
                .shown
                .entry((n, etag.clone()))
                .or_insert(pixels.clone());
            assert!(*shown == pixels, "{request:?} has new pixels and {etag}");
            etags.push(etag);
        }
        etags
    }

    /// Whether a tile certainly has nothing to do with some chunks.
    fn is_apart(&self, request: &TileRequest, chunks: &BTreeSet<LevelPlace>) -> bool {
        /// Cells around a tile that its resampling may look at.
        const REACH: usize = 3;
        let pyramid = self.stored.cube.pyramid();
        let tile = request.address.lonlat_bounds();
        let shared = pyramid.base().bounds().intersection(&tile).unwrap();
        let width = (tile.east - tile.west) / request.size as f64;
        let height = width * shared.south.midpoint(shared.north).to_radians().cos();
        // Which of two levels it is near the border between them is not the
        // question here.
        let level = |share: f64| pyramid.level_for(width * share, height * share).0;
        let levels = level(0.95)..=level(1.05);
        let step = TIMES.iter().position(|t| request.look.sel[0].ends_with(t));
        !chunks.iter().any(|(level, t, at)| {
            let (grid, window) = (pyramid.grid(*level), pyramid.chunks(*level).window(*at));
            let around = window.padded(REACH, grid.shape);
            levels.contains(&level.0)
                && Some(*t) == step
                && grid.transform.window_bounds(around).overlaps(&tile)
        })
    }

    async fn step(&mut self, change: &Change, seen: &mut Seen) {
        let states = self.history.len();
        let before = self.history[states - 1].1.clone();
        let pixels =
            |trial: &Self, n: usize, etag: &String| trial.shown[&(n, etag.clone())].clone();
        let rewritten = self.commit(change).await;
        let after = self.look().await;
        for (n, request) in self.requests.iter().enumerate() {
            let (old, new) = (&before[n], &after[n]);
            if pixels(self, n, old) != pixels(self, n, new) {
                assert_ne!(old, new, "{request:?} changed");
                seen.changed += 1;
            }
            if self.is_apart(request, &rewritten) {
                assert_eq!(old, new, "{request:?} did not change by {change:?}");
                seen.untouched += 1;
            }
        }
        match change {
            Change::Rollback { to } => {
                assert!(after == self.history[to % states].1, "rolled back");
                seen.rolled_back += 1;
            }
            Change::Rebuild { .. } | Change::Recode { .. } => {
                assert!(after == before, "built again: {change:?}");
                seen.rebuilt += usize::from(!rewritten.is_empty());
            }
            Change::Draw { .. }
            | Change::Touch { .. }
            | Change::Clear { .. }
            | Change::Fail { .. } => {}
        }
        self.history.push((self.world.clone(), after));
    }
}

#[test]
fn a_commit_changes_the_etags_of_exactly_the_tiles_that_it_should() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config {
        cases: 12,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let place = (5.0..6.0_f64, 44.0..52.0_f64, 20..44_usize, 20..44_usize);
    let changes = prop::collection::vec(change(), 10);
    let seen = RefCell::new(Seen::default());
    TestRunner::new(config)
        .run(&(place, changes), |((west, north, rows, cols), changes)| {
            let mut so_far = seen.take();
            runtime.block_on(async {
                let mut trial = Trial::new(&recipe(west, north, rows, cols)).await;
                for change in &changes {
                    trial.step(change, &mut so_far).await;
                }
            });
            seen.replace(so_far);
            Ok(())
        })
        .unwrap();
    let seen = seen.into_inner();
    assert!(seen.changed > 100 && seen.untouched > 100, "it tests much");
    assert!(seen.rolled_back > 5 && seen.rebuilt > 5, "and all of it");
}

/// Two chunks beside each other, of which the western one is built.
const HALF: &str = r#"
    [grid]
    bounds = [5.0, 44.36, 6.28, 45.0]
    resolution = 0.01
    chunk = 64
    inner_chunk = 32
    levels = 1
    skip = "none"
    [time]
    start = "2023-01-01"
    end = "2023-01-31"
    [source]
    stac = "https://example.org"
    bands = ["a"]
    [style]
    rescale = [[0.0, 2048.0]]
"#;

/// The tile at a place.
fn address(zoom: u32, longitude: f64, latitude: f64) -> TileAddress {
    let n = f64::from(2_u32.pow(zoom));
    let mercator = latitude.to_radians().tan().asinh() / std::f64::consts::PI;
    let col = (longitude + 180.0) / 360.0 * n;
    let row = (1.0 - mercator) / 2.0 * n;
    TileAddress::new(u64::from(zoom), col as u64, row as u64).unwrap()
}

/// The address of the tile at a place.
pub(crate) fn tile_at(zoom: u32, longitude: f64, latitude: f64) -> String {
    let at = address(zoom, longitude, latitude);
    format!("{}/{}/{}", at.zoom(), at.col(), at.row())
}

/// A tile of the western chunk alone, and one of the eastern chunk alone.
fn whole() -> String {
    format!("/cubes/formula/{}.png", tile_at(10, 5.4, 44.7))
}

fn hole() -> String {
    format!("/cubes/formula/{}.png", tile_at(10, 6.1, 44.7))
}

/// Writes a chunk of [`HALF`] and says that it is done.
async fn build(repo: &Repo, stored: &StoredCube, chunk: ChunkIndex, seed: u64) {
    let mut transaction = repo.transaction().await.unwrap();
    let shape = Shape { rows: 64, cols: 64 };
    let values = [noise(seed, shape), noise(!seed, shape)];
    for (name, raster) in stored.cube.variables().zip(&values) {
        let path = metadata::variable_path(Level(0), name);
        let index = [0, chunk.row, chunk.col];
        let shard = zarr::encode_chunk(stored, raster).unwrap().unwrap();
        let reference = transaction.upload(&path, &index, shard).await.unwrap();
        let set = transaction.set_chunk(&path, &index, Some(reference));
        set.await.unwrap();
    }
    let cell = Cell::base(State::Done, stamp(&values), 1);
    zarr::patch_cells(&mut transaction, stored, Level(0), 0, &[(chunk, cell)])
        .await
        .unwrap();
    transaction.commit("Build").await.unwrap();
}

/// The path of a cube of two chunks, in a folder.
pub(crate) async fn half(folder: &Path) -> PathBuf {
    let path = folder.join("cube");
    let (repo, stored) = create(&path, HALF).await;
    build(&repo, &stored, ChunkIndex { row: 0, col: 0 }, 7).await;
    path
}

/// Empties the files of chunks; what is small lies in manifests.
fn lose_pixels(store: &Path) {
    let files = std::fs::read_dir(store.join("chunks")).unwrap();
    let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty());
    for file in files {
        std::fs::write(file, []).unwrap();
    }
}

async fn ask(
    server: &Server,
    method: Method,
    path: &str,
    headers: &[(&'static str, &str)],
) -> (StatusCode, HeaderMap, Bytes) {
    let mut request = (server.client).request(method, format!("{}{path}", server.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    (status, headers, answer.bytes().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_the_tile_is_told_so_before_any_pixel_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let store = half(folder.path()).await;
    let first = Server::start(store.clone(), Access::Off, "").await;
    let (status, headers, _) = ask(&first, Method::GET, &whole(), &[]).await;
    assert_eq!(status, 200);
    let etag = headers["etag"].to_str().unwrap();
    lose_pixels(&store);
    let second = Server::start(store, Access::Off, "").await;
    let weak = format!("W/{etag}");
    let many = format!("\"other\", {weak} , \"more\"");
    for tags in [etag, &weak, &many, "*"] {
        for method in [Method::GET, Method::HEAD] {
            let known = [("if-none-match", tags)];
            let (status, told, body) = ask(&second, method, &whole(), &known).await;
            assert_eq!((status.as_u16(), body.len()), (304, 0), "{tags}");
            for name in [
                "etag",
                "cache-control",
                "x-cube-coverage",
                "x-cube-revision",
                "x-cube-time",
                "access-control-allow-origin",
            ] {
                assert_eq!(told.get(name), headers.get(name), "{name}");
            }
            let length = told.get("content-length");
            assert!(length.is_none(), "not the picture's length: {length:?}");
        }
    }
    // Who has another tile gets this one, or hears that it cannot be read.
    for tags in ["\"other\"", "", etag.trim_matches('"')] {
        let known = [("if-none-match", tags)];
        let (status, told, _) = ask(&second, Method::GET, &whole(), &known).await;
        assert_eq!(status, 502, "{tags}");
        assert_eq!(told["cache-control"], "no-store");
        assert!(told.get("etag").is_none());
        let (status, _, _) = ask(&first, Method::GET, &whole(), &known).await;
        assert_eq!(status, 200, "{tags}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_answer_says_how_long_it_may_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(half(folder.path()).await, Access::Off, "").await;
    let (_, headers, _) = ask(&server, Method::GET, &whole(), &[]).await;
    let revision = headers["x-cube-revision"].to_str().unwrap();
    let asked = "public, max-age=0, must-revalidate";
    let ever = "public, max-age=31536000, immutable";
    for (path, status, kept, coverage) in [
        (whole(), 200, asked, Some("1.0000")),
        (
            format!("{}?revision={revision}", whole()),
            200,
            ever,
            Some("1.0000"),
        ),
        (
            format!("{}?revision=other", whole()),
            200,
            asked,
            Some("1.0000"),
        ),
        (hole(), 200, "no-store", Some("0.0000")),
        (
            format!("{}?revision={revision}", hole()),
            200,
            "no-store",
            Some("0.0000"),
        ),
        (format!("{}?variable=no", whole()), 400, "no-store", None),
        (
            "/cubes/formula/10/0/0.png".to_owned(),
            404,
            "no-store",
            None,
        ),
        (format!("{}?tilesize=20000", whole()), 413, "no-store", None),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let (found, headers, _) = ask(&server, method, &path, &[]).await;
            assert_eq!(found.as_u16(), status, "{path}");
            assert_eq!(headers["cache-control"], kept, "{path}");
            assert_eq!(headers.contains_key("etag"), kept != "no-store", "{path}");
            let told = headers.get("x-cube-coverage");
            assert_eq!(told.map(|v| v.to_str().unwrap()), coverage, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tile_that_is_built_in_part_tells_how_much_and_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(half(folder.path()).await, Access::Off, "").await;
    let path = format!("/cubes/formula/{}.png", tile_at(5, 5.6, 44.7));
    let (_, headers, _) = ask(&server, Method::GET, &path, &[]).await;
    assert_eq!(headers["cache-control"], "no-store");
    let share: f64 = headers["x-cube-coverage"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((share - 0.5).abs() < 0.02, "{share} of it is built");
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_get_without_the_picture_and_no_header_changes_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(half(folder.path()).await, Access::Off, "").await;
    for path in [whole(), hole(), format!("{}?nothing=1", whole())] {
        let (status, mut head, body) = ask(&server, Method::HEAD, &path, &[]).await;
        assert!(body.is_empty());
        let (with, mut get, picture) = ask(&server, Method::GET, &path, &[]).await;
        assert_eq!(status, with);
        for headers in [&mut head, &mut get] {
            headers.remove("date");
            headers
                .remove("x-request-id")
                .expect("every answer has one");
        }
        assert_eq!(head, get, "{path}");
        assert_eq!(get["content-length"], picture.len().to_string().as_str());
        let sent = [
            ("accept-encoding", "gzip, br"),
            ("origin", "https://example.org"),
            ("accept", "image/webp"),
        ];
        let (_, headers, again) = ask(&server, Method::GET, &path, &sent).await;
        assert_eq!(headers["access-control-allow-origin"], "*", "{path}");
        if status == 200 {
            assert_eq!(picture, again, "{path}");
            assert_eq!(headers.get("etag"), get.get("etag"));
            // A cache need not tell requests for a tile apart.
            assert!(headers.get("vary").is_none(), "{headers:?}");
            assert!(headers.get("content-encoding").is_none());
        }
    }
    let (_, headers, _) = ask(
        &server,
        Method::GET,
        "/cubes",
        &[("accept-encoding", "gzip")],
    )
    .await;
    assert_eq!(
        headers["vary"], "accept-encoding",
        "as a document is sent in two ways"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_for_commits_that_fails_fails_no_tile_and_the_next_sees_them() {
    async fn ask(tiles: &Tiles, request: &TileRequest) -> Result<(Prepared, Tile), TileError> {
        let prepared = tiles.prepare("cube", request).await?;
        let again = tiles.prepare("cube", request).await?;
        Ok((again, tiles.render(prepared).await?))
    }
    let folder = tempfile::tempdir().unwrap();
    let store = half(folder.path()).await;
    // Every request looks for commits.
    let tiles = tiles(&catalog(store.clone()).await);
    let mut request = requests(Bounds {
        west: 5.5,
        south: 44.5,
        east: 5.8,
        north: 44.8,
    })
    .swap_remove(0);
    request.look.variables = vec!["a".to_owned()];
    request.look.sel.clear();
    request.address = address(5, 5.6, 44.7);
    request.size = 256;
    let (before, picture) = ask(&tiles, &request).await.unwrap();

    let away = folder.path().join("away");
    std::fs::rename(&store, &away).unwrap();
    let (without, same) = ask(&tiles, &request).await.unwrap();
    assert_eq!(without.etag(), before.etag());
    assert_eq!(picture.bytes, same.bytes);

    std::fs::remove_dir_all(&store).ok();
    std::fs::rename(&away, &store).unwrap();
    let repo = Repo::open(&store).await.unwrap();
    let stored = StoredCube::open(&repo).await.unwrap();
    build(&repo, &stored, ChunkIndex { row: 0, col: 1 }, 8).await;
    let (after, _) = ask(&tiles, &request).await.unwrap();
    assert_ne!(after.revision(), before.revision());
    assert_ne!(after.etag(), before.etag());
}

/// All addresses in a document.
fn addresses(document: &Value, found: &mut Vec<String>) {
    match document {
        Value::String(text) if text.contains("://") => found.push(text.clone()),
        Value::Array(parts) => parts.iter().for_each(|part| addresses(part, found)),
        Value::Object(parts) => parts.values().for_each(|part| addresses(part, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_every_link_leads_back_to_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let cube = [("formula", half(folder.path()).await)];
    let forwarded = [
        ("x-forwarded-proto", "https"),
        (
            "x-forwarded-host",
            "maps.example.org:8443, inner.example.org",
        ),
        ("x-forwarded-prefix", "/eo/v1/"),
    ];
    let standard = [(
        "forwarded",
        "for=192.0.2.1;proto=https;host=\"maps.example.org:8443\", for=10.0.0.1;proto=http;host=inner",
    )];
    let trusted: &[(&str, &str)] = &[("SERVER__TRUST_FORWARDED", "true")];
    let prefixed: &[(&str, &str)] = &[("SERVER__ROOT_PATH", "/eo/v1")];
    let both: &[(&str, &str)] = &[
        ("SERVER__TRUST_FORWARDED", "true"),
        ("SERVER__ROOT_PATH", "/eo/v1"),
    ];
    let public: &[(&str, &str)] = &[
        ("SERVER__PUBLIC_URL", "https://example.org/eo/v1"),
        ("SERVER__TRUST_FORWARDED", "true"),
    ];
    let outside = "https://maps.example.org:8443/eo/v1";
    for (settings, headers, expected) in [
        (trusted, &forwarded[..], Some(outside)),
        (both, &standard[..], Some(outside)),
        (public, &forwarded[..], Some("https://example.org/eo/v1")),
        (prefixed, &forwarded[..], None),
    ] {
        let server = Process::serve(&cube, settings);
        let here = server.url.trim_end_matches("/eo/v1").to_owned();
        let own = format!("{here}/eo/v1");
        let base = expected.unwrap_or(&own);
        let mut found = Vec::new();
        for path in [
            "/cubes",
            "/cubes/formula",
            "/cubes/formula/WebMercatorQuad/tilejson.json?variable=a",
        ] {
            let mut request = server.client.get(format!("{here}{path}"));
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let document: Value = request.send().await.unwrap().json().await.unwrap();
            addresses(&document, &mut found);
        }
        assert!(found.len() >= 5, "{found:?}");
        for link in found {
            let rest = link.strip_prefix(base);
            let rest = rest.unwrap_or_else(|| panic!("{link} is not under {base}"));
            // The proxy takes its prefix off; without one the server knows it.
            let at = tile_at(10, 5.4, 44.7);
            let rest = rest.replace("{z}/{x}/{y}", &at);
            let inner = format!("{here}{rest}");
            let status = server.client.get(&inner).send().await.unwrap().status();
            assert_eq!(status, 200, "{inner}");
        }
    }
}
