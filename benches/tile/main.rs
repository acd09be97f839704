//! What a tile costs, against the least that it can cost.
//!
//! `make bench-tile` writes a cube of 6000 x 6000 cells and six bands, once, and
//! makes all tiles of its native zoom, inside one process and without a server.
//! It reports and judges, and never fails because of a time: machines differ.
//! `--cube` only writes the cube and prints its path. Linux only, for /proc.

#![expect(clippy::print_stdout, reason = "the report is what it is for")]
#![expect(clippy::cast_precision_loss, reason = "thousands of tiles")]

mod cube;
mod flat;
mod floor;
#[path = "../shared/process.rs"]
mod process;

use std::{path::Path, sync::Arc, time::Duration, time::Instant};

use anyhow::Context as _;
use cubetiler::{
    cache::CacheConfig,
    catalog::Catalog,
    compute::{Admission, Compute},
    grid::TileAddress,
    raster::Resampling,
    render::{Colormap, FileFormat, ImageFormat},
    tile::{Look, TileRequest, Tiles},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};

/// Requests under way at once where throughput is measured.
const AT_ONCE: usize = 8;

/// The most that a tile may cost, in times of its floor.
const MOST_TIMES_FLOOR: f64 = 1.3;

/// A kind of tile, and the least tiles a second: cold and warm.
struct Kind {
    name: &'static str,
    variables: &'static [&'static str],
    colormap: Option<&'static str>,
    least: [f64; 2],
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "one band, viridis",
        variables: &["b1"],
        colormap: Some("viridis"),
        least: [600.0, 1500.0],
    },
    Kind {
        name: "RGB",
        variables: &["b3", "b2", "b1"],
        colormap: None,
        least: [500.0, 1000.0],
    },
];

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => {
            let path = runtime.block_on(cube::write(folder))?;
            runtime.block_on(report(&path))?;
            flat::report(folder)
        }
        (Some("--cube"), _) => {
            println!("{}", runtime.block_on(cube::write(folder))?.display());
            Ok(())
        }
        (Some(flat::ARGUMENT), Some(path)) => runtime.block_on(flat::measure(path.as_ref())),
        (Some(other), _) => anyhow::bail!("`{other}` is no argument: there is --cube"),
    }
}

async fn report(path: &Path) -> anyhow::Result<()> {
    let catalog = Catalog::default();
    catalog.open("bench", path.to_owned()).await?;
    let catalog = Arc::new(catalog);
    let addresses = addresses()?;
    println!(
        "{}; `make bench-tile`: {} tiles of 256 x 256\n",
        process::machine()?,
        addresses.len()
    );
    println!("| CPU of a tile, ms | cold | floor | times | warm | floor | times |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for kind in &KINDS {
        let requests: Vec<TileRequest> = addresses.iter().map(|at| kind.request(*at)).collect();
        let floor = floor::measure(&tiles(&catalog), &catalog, &requests).await?;
        let count = requests.len() as f64;
        // Room for shard indexes and coverage, and for a tenth of the chunks.
        let cold = tiles_within(&catalog, 40);
        let cold = cpu(async || {
            for request in &requests {
                make(&cold, request).await?;
            }
            Ok(())
        });
        let cold = cold.await? / count;
        let warm = tiles(&catalog);
        pictures(&warm, &requests).await?;
        let warm = cpu(async || {
            for request in &requests {
                make(&warm, request).await?;
            }
            Ok(())
        });
        let warm = warm.await? / count;
        let row = |found: f64, floor: f64| {
            let times = found / floor;
            let verdict = if times <= MOST_TIMES_FLOOR {
                "PASS"
            } else {
                "over"
            };
            format!(
                "{:.2} | {:.2} | {times:.2}: {verdict}",
                found * 1e3,
                floor * 1e3
            )
        };
        println!(
            "| {} | {} | {} |",
            kind.name,
            row(cold, floor.decode + floor.encode),
            row(warm, floor.encode)
        );
    }
    println!("\n| tiles a second, {AT_ONCE} at a time | cold | warm | kept |");
    println!("| --- | ---: | ---: | ---: |");
    for kind in &KINDS {
        let requests: Vec<TileRequest> = addresses.iter().map(|at| kind.request(*at)).collect();
        let cold = rate(&tiles(&catalog), &requests).await?;
        let warm = tiles(&catalog);
        pictures(&warm, &requests).await?;
        let (warm_rate, kept) = (rate(&warm, &requests).await?, rate(&warm, &requests).await?);
        let row = |found: f64, least: f64| {
            let verdict = if found >= least { "PASS" } else { "under" };
            format!("{found:.0} ({least:.0}: {verdict})")
        };
        println!(
            "| {} | {} | {} | {kept:.0} |",
            kind.name,
            row(cold, kind.least[0]),
            row(warm_rate, kind.least[1])
        );
    }
    println!("\nMost memory: {:.0} MiB", process::peak_memory()?);
    Ok(())
}

impl Kind {
    fn request(&self, address: TileAddress) -> TileRequest {
        TileRequest {
            address,
            size: 256,
            look: Look {
                variables: self.variables.iter().map(|&name| name.to_owned()).collect(),
                expression: None,
                sel: Vec::new(),
                bidx: Vec::new(),
                rescale: vec![[0.0, 4000.0]],
                coloring: self
                    .colormap
                    .and_then(|name| Some(Colormap::named(name).ok()?.into())),
                resampling: Resampling::Nearest,
                nodata: None,
                background: None,
                format: Some(FileFormat::Image(ImageFormat::Png)),
            },
        }
    }
}

/// The tiles that lie in the cube as a whole, in an order in which neighbours
/// are not near.
fn addresses() -> anyhow::Result<Vec<TileAddress>> {
    let mut found = Vec::new();
    for row in 0..1_u64 << cube::ZOOM {
        let first = TileAddress::new(cube::ZOOM, 0, row)?.lonlat_bounds();
        if !(first.north <= 46.0 && first.south >= 45.0) {
            continue;
        }
        for col in 0..1_u64 << cube::ZOOM {
            let address = TileAddress::new(cube::ZOOM, col, row)?;
            let bounds = address.lonlat_bounds();
            if bounds.west >= 10.0 && bounds.east <= 11.0 {
                found.push(address);
            }
        }
    }
    found.sort_by_key(|at| (at.col().wrapping_mul(7919) ^ at.row().wrapping_mul(104_729)) % 1009);
    Ok(found)
}

/// Tiles with empty caches.
fn tiles(catalog: &Arc<Catalog>) -> Tiles {
    tiles_within(catalog, CacheConfig::default().memory_mib)
}

fn tiles_within(catalog: &Arc<Catalog>, memory_mib: u64) -> Tiles {
    let config = CacheConfig {
        memory_mib,
        ..CacheConfig::default()
    };
    let compute = Compute::for_this_machine();
    Tiles::new(
        Arc::clone(catalog),
        compute,
        Admission::new(64, 1024, Duration::from_mins(1)),
        &config,
    )
}

async fn make(tiles: &Tiles, request: &TileRequest) -> anyhow::Result<()> {
    let prepared = tiles.prepare("bench", request).await?;
    std::hint::black_box(tiles.render(prepared).await?);
    Ok(())
}

/// Reads all chunks, so that they are kept, and finishes no tile.
async fn pictures(tiles: &Tiles, requests: &[TileRequest]) -> anyhow::Result<()> {
    for request in requests {
        let prepared = tiles.prepare("bench", request).await?;
        std::hint::black_box(tiles.picture(prepared).await?);
    }
    Ok(())
}

/// CPU seconds of the process for some work.
async fn cpu(work: impl AsyncFn() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let begun = process::cpu()?;
    work().await?;
    Ok(process::cpu()? - begun)
}

/// Tiles a second.
async fn rate(tiles: &Tiles, requests: &[TileRequest]) -> anyhow::Result<f64> {
    let begun = Instant::now();
    stream::iter(requests.to_vec())
        .map(|request| {
            let tiles = tiles.clone();
            async move {
                tokio::spawn(async move { make(&tiles, &request).await })
                    .await
                    .context("a tile panicked")?
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect::<()>()
        .await?;
    Ok(requests.len() as f64 / begun.elapsed().as_secs_f64())
}
