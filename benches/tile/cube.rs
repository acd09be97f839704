//! A cube to measure tiles of: 6000 x 6000 cells of six bands, as reflectances
//! of a landscape with the noise of a sensor, computed and not observed.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cubetiler::{
    cube::{Cell, Cube, NODATA, Recipe, State, metadata},
    grid::{ChunkIndex, Grid, Level, Shape, Window},
    raster::Raster,
    repo::Repo,
    zarr::{self, StoredCube},
};

/// Raised when the same cube has other bytes.
const VERSION: u32 = 1;

/// Native zoom: a tile's pixel is as wide as 1.03 cells.
pub(crate) const ZOOM: u64 = 13;

const RECIPE: &str = r#"
    title = "Benchmark"
    [grid]
    bounds = [10.0, 45.0, 11.0, 46.0]
    resolution = 0.00016666666666666666
    chunk = 1200
    inner_chunk = 300
    levels = 3
    skip = "none"
    [time]
    start = "2023-01-01"
    end = "2023-01-31"
    [source]
    stac = "https://example.org"
    bands = ["b1", "b2", "b3", "b4", "b5", "b6"]
"#;

/// The path of the cube, which is written if it is not there.
pub(crate) async fn write(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join(format!("bench-cube-{VERSION}"));
    if path.exists() {
        return Ok(path);
    }
    let partial = folder.join(format!("bench-cube-{VERSION}.partial"));
    if partial.exists() {
        std::fs::remove_dir_all(&partial)?;
    }
    let cube = Cube::new(Recipe::from_toml(RECIPE)?)?;
    let repo = Repo::create(&partial).await?;
    zarr::create(&repo, &cube).await?;
    let stored = StoredCube::open(&repo).await?;
    let mut transaction = repo.transaction().await?;
    for level in cube.pyramid().levels() {
        let (grid, chunks) = (cube.pyramid().grid(level), cube.pyramid().chunks(level));
        let mut cells = Vec::new();
        for chunk in chunks.chunks_of(grid.shape.window()) {
            let window = chunks.window(chunk);
            for (n, variable) in cube.variables().enumerate() {
                let raster = draw(&grid, window, n);
                let path = metadata::variable_path(level, variable);
                let bytes = zarr::encode_chunk(&stored, &raster)?.context("an empty chunk")?;
                let place = [0, chunk.row, chunk.col];
                let reference = transaction.upload(&path, &place, bytes).await?;
                transaction
                    .set_chunk(&path, &place, Some(reference))
                    .await?;
            }
            cells.push((chunk, cell(&cube, level, chunk)));
        }
        zarr::patch_cells(&mut transaction, &stored, level, 0, &cells).await?;
    }
    transaction.commit("Draw").await?;
    std::fs::rename(&partial, &path)?;
    Ok(path)
}

/// What coverage says of a chunk that is complete.
fn cell(cube: &Cube, level: Level, chunk: ChunkIndex) -> Cell {
    let stamp = 1 + (chunk.row * 1000 + chunk.col) as u64;
    let below = cubetiler::cube::coverage::chunks_below(cube.pyramid(), level, chunk);
    Cell {
        share: below,
        ..Cell::base(State::Done, stamp, 0)
    }
}

/// Hills with fields on them, and 3 % of noise.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]
fn draw(grid: &Grid, window: Window, variable: usize) -> Raster<u16> {
    let shape = Shape {
        rows: window.rows,
        cols: window.cols,
    };
    let mut raster = Raster::filled(shape, NODATA);
    for row in 0..window.rows {
        let y = grid.transform.y((window.row + row) as f64 + 0.5) * 60.0;
        for (col, value) in raster.row_mut(row).iter_mut().enumerate() {
            let x = grid.transform.x((window.col + col) as f64 + 0.5) * 60.0;
            let hill = (x * 0.9 + variable as f64).sin() + (y * 0.7).cos() * (x * 0.2).sin();
            let field = hash((x * 3.0) as u64, (y * 3.0) as u64, variable as u64) % 700;
            let noise = hash(
                (window.row + row) as u64,
                (window.col + col) as u64,
                variable as u64,
            ) % 100;
            let level = 1200.0 + 400.0 * hill + field as f64;
            *value = (level * (0.985 + noise as f64 * 0.0003)) as u16;
        }
    }
    raster
}

/// A number that looks random (the finalizer of `SplitMix64`).
fn hash(a: u64, b: u64, c: u64) -> u64 {
    let mut z = a
        .wrapping_mul(0x9E37_79B9_7F4A_7C15)
        .wrapping_add(b.wrapping_mul(0xD1B5_4A32_D192_ED03))
        .wrapping_add(c);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
