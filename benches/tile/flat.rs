//! The whole of a large float32 array without overviews in one tile, in a
//! process of its own, so that its memory can be told.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Instant,
};

use anyhow::Context as _;
use cubetiler::{
    catalog::Catalog, compute::Compute, grid::TileAddress, source::SourceConfig, storage::Storage,
};

use super::{Kind, process, tiles};

/// The argument with which this program runs itself.
pub(crate) const ARGUMENT: &str = "--flat";

/// Cells of 0.02 degrees all around the globe, in chunks.
const ROWS: usize = 9000;
const COLS: usize = 18_000;
const CHUNK: usize = 1500;

/// What one tile of it may take.
const MOST_SECONDS: f64 = 0.7;
const MOST_MIB: f64 = 150.0;

/// How often it is made; the middle one of the times counts.
const REPEATS: usize = 5;

/// Prints a table.
pub(crate) fn report(folder: &Path) -> anyhow::Result<()> {
    let path = write(folder)?;
    let mut runs = Vec::new();
    for _ in 0..REPEATS {
        let run = Command::new(std::env::current_exe()?)
            .arg(ARGUMENT)
            .arg(&path)
            .output()?;
        let text = String::from_utf8(run.stdout)?;
        let (seconds, mib) = text.trim().split_once(' ').context("no answer")?;
        runs.push((seconds.parse::<f64>()?, mib.parse::<f64>()?));
    }
    runs.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let seconds = runs[runs.len() / 2].0;
    let mib = runs.iter().map(|(_, mib)| *mib).fold(0.0, f64::max);
    let row = |what: &str, found: f64, most: f64| {
        let verdict = if found <= most { "PASS" } else { "over" };
        println!("| {what} | {found:.2} | {most} | {verdict} |");
    };
    println!("\n| zoom 0 of {COLS} x {ROWS} float32 without overviews | found | at most | |");
    println!("| --- | ---: | ---: | --- |");
    row("seconds", seconds, MOST_SECONDS);
    row("memory of the process, MiB", mib, MOST_MIB);
    Ok(())
}

/// Makes the tile once, and prints how long it took and the most memory.
pub(crate) async fn measure(path: &Path) -> anyhow::Result<()> {
    let storage = Storage::new(SourceConfig::default().http())?;
    let catalog = Catalog::default();
    let compute = Compute::for_this_machine();
    catalog.open_any("flat", path, &storage, &compute).await?;
    let catalog = Arc::new(catalog);
    let request = Kind {
        name: "flat",
        variables: &["t"],
        colormap: Some("viridis"),
        least: [0.0; 2],
    }
    .request(TileAddress::new(0, 0, 0)?);
    let tiles = tiles(&catalog);
    let begun = Instant::now();
    let entry = catalog.external("flat").context("it is not open")?;
    let prepared = tiles.prepare_external(&entry, &request).await?;
    std::hint::black_box(tiles.render_external(prepared).await?);
    let seconds = begun.elapsed().as_secs_f64();
    println!("{seconds} {}", process::peak_memory()?);
    Ok(())
}

/// The path of the store, which is written if it is not there: Zarr v3, as
/// xarray writes it, temperatures in steps of a hundredth with the noise of a
/// sensor.
fn write(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("bench-flat-1");
    if path.exists() {
        return Ok(path);
    }
    let partial = folder.join("bench-flat-1.partial");
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    let axis = |origin: f64, step: f64, len: usize| -> Vec<u8> {
        let values = (0..len).map(|n| origin + step * (n as f64 + 0.5));
        values.flat_map(f64::to_le_bytes).collect()
    };
    array(&partial, "lat", &[ROWS], &[ROWS], "float64", &["lat"])?;
    fs::write(
        partial.join("lat/c/0"),
        zstd::encode_all(&axis(90.0, -0.02, ROWS)[..], 1)?,
    )?;
    array(&partial, "lon", &[COLS], &[COLS], "float64", &["lon"])?;
    fs::write(
        partial.join("lon/c/0"),
        zstd::encode_all(&axis(-180.0, 0.02, COLS)[..], 1)?,
    )?;
    array(
        &partial,
        "t",
        &[ROWS, COLS],
        &[CHUNK, CHUNK],
        "float32",
        &["lat", "lon"],
    )?;
    for row in 0..ROWS / CHUNK {
        fs::create_dir_all(partial.join(format!("t/c/{row}")))?;
        for col in 0..COLS / CHUNK {
            let values = draw(row * CHUNK, col * CHUNK);
            let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
            let file = partial.join(format!("t/c/{row}/{col}"));
            fs::write(file, zstd::encode_all(&bytes[..], 1)?)?;
        }
    }
    let group = r#"{"zarr_format": 3, "node_type": "group", "attributes": {}}"#;
    fs::write(partial.join("zarr.json"), group)?;
    fs::rename(&partial, &path)?;
    Ok(path)
}

fn array(
    root: &Path,
    name: &str,
    shape: &[usize],
    chunk: &[usize],
    data_type: &str,
    dimensions: &[&str],
) -> anyhow::Result<()> {
    let document = serde_json::json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default"},
        "fill_value": 0.0,
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "little"}},
            {"name": "zstd", "configuration": {"level": 1, "checksum": false}},
        ],
        "dimension_names": dimensions,
        "attributes": {},
    });
    fs::create_dir_all(root.join(name).join("c"))?;
    fs::write(root.join(name).join("zarr.json"), document.to_string())?;
    Ok(())
}

/// Kelvin, warmest at the equator.
#[expect(clippy::cast_possible_truncation, reason = "a sample has 32 bits")]
fn draw(row: usize, col: usize) -> Vec<f32> {
    let mut state = (row * COLS + col) as u64 | 1;
    let mut values = Vec::with_capacity(CHUNK * CHUNK);
    for y in row..row + CHUNK {
        let latitude = (90.0 - 0.02 * y as f64).to_radians();
        for _ in 0..CHUNK {
            // xorshift64 (Marsaglia 2003).
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let noise = f64::from((state >> 56) as u8) / 100.0;
            let kelvin = ((250.0 + 50.0 * latitude.cos()) * 100.0).round() / 100.0 + noise;
            values.push(kelvin as f32);
        }
    }
    values
}
