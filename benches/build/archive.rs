//! An archive to measure with: one month of Sentinel-2-like scenes of one UTM
//! zone, computed and not observed.
//!
//! The shape is that of real ones as far as it costs anything: 41 km a side,
//! red, green and blue as uint16 at 10 m, the classification as uint8 at 20 m,
//! overviews, tiles of 1024, deflate with predictor 2, a compression of about
//! 2.3 to 1, a third of the sky cloudy, and a wedge of nodata in one scene of four.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::Context as _;
use cubetiler::demo::cog::{Blocks, CogWriter, Downsampling, GeoReference, Image, Sample};
use serde_json::{Value, json};

/// Raised when the same archive has other bytes.
const VERSION: u32 = 1;

pub(crate) const SCENES: usize = 24;
pub(crate) const BANDS: [&str; 3] = ["red", "green", "blue"];
pub(crate) const CLASSES: &str = "scl";

/// Pixels along a side, at 10 m.
const SIDE: usize = 4100;
const HALF: usize = SIDE / 2;

/// West, south, east and north of every scene, in degrees, with a little around.
const BOX: [f64; 4] = [8.74, 43.81, 9.26, 44.19];

/// The middle is at 9 degrees east, 44 degrees north.
fn place(cell_size: f64) -> GeoReference {
    GeoReference {
        epsg: 32632,
        origin_x: 479_500.0,
        origin_y: 4_892_400.0,
        cell_size,
    }
}

/// Where an image lies.
pub(crate) fn place_of(asset: &str) -> GeoReference {
    place(if asset == CLASSES { 20.0 } else { 10.0 })
}

/// The path of an image in the archive.
pub(crate) fn file(scene: usize, asset: &str) -> String {
    format!("scene-{scene:02}/{asset}.tif")
}

/// Draws the archive into a folder, unless it is there already.
pub(crate) fn draw(folder: &Path) -> anyhow::Result<PathBuf> {
    let archive = folder.join(format!("bench-archive-{VERSION}"));
    if archive.exists() {
        return Ok(archive);
    }
    let partial = folder.join(format!("bench-archive-{VERSION}.partial"));
    fs::create_dir_all(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
    let land = [(1, 900.0), (2, 1000.0), (3, 700.0)].map(|(seed, mean)| {
        // Octaves that, averaged to 20 m, leave about the entropy of fields and forests.
        let octaves = [(512, 500.0), (128, 250.0), (32, 80.0), (8, 20.0), (4, 4.0)];
        let mut land = texture(seed, SIDE, &octaves);
        for value in &mut land {
            *value += mean;
        }
        land
    });
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| {
        let work = || -> anyhow::Result<()> {
            loop {
                let scene = next.fetch_add(1, Ordering::Relaxed);
                if scene >= SCENES {
                    return Ok(());
                }
                draw_scene(&partial, scene, &land)?;
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .map_err(|_panic| anyhow::anyhow!("a thread that draws panicked"))?
        })
    })?;
    fs::rename(&partial, &archive)?;
    Ok(archive)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "reflectances are clamped to 16 bits, and rows and columns are a few thousand"
)]
fn draw_scene(archive: &Path, scene: usize, land: &[Vec<f32>; 3]) -> anyhow::Result<()> {
    fs::create_dir_all(archive.join(format!("scene-{scene:02}")))?;
    let seed = 100 + scene as u64;
    let clouds = texture(
        seed,
        SIDE,
        &[(700, 100.0), (200, 50.0), (60, 25.0), (12, 8.0)],
    );
    let edge = quantile(&clouds, 0.72 - 0.02 * (scene % 7) as f32);
    let is_empty = |row: usize, col: usize| {
        scene % 4 == 3 && (col as f32) < 0.35 * SIDE as f32 - 0.3 * row as f32
    };
    let writer = CogWriter {
        blocks: Blocks::Tiles(1024),
        ..CogWriter::default()
    };
    for (band, land) in std::iter::zip(BANDS, land) {
        let mut noise = Noise(seed * 31 + band.len() as u64);
        let light = 0.9 + 0.008 * scene as f32;
        let mut samples = Vec::with_capacity(SIDE * SIDE);
        for (n, (land, cloud)) in std::iter::zip(land, &clouds).enumerate() {
            let white = 40.0 * (cloud - edge).clamp(0.0, 120.0);
            let value = land * light + white + 4.0 * noise.normal();
            samples.push(if is_empty(n / SIDE, n % SIDE) {
                0
            } else {
                value.clamp(1.0, 16_000.0) as u16
            });
        }
        write(
            archive,
            &file(scene, band),
            &writer,
            SIDE,
            place(10.0),
            &samples,
        )?;
    }
    let mut classes = Vec::with_capacity(HALF * HALF);
    for row in 0..HALF {
        for col in 0..HALF {
            let at = |row: usize, col: usize| clouds[2 * row * SIDE + 2 * col] - edge;
            let sunward = at((row + 25).min(HALF - 1), (col + 15).min(HALF - 1));
            classes.push(match at(row, col) {
                _ if is_empty(2 * row, 2 * col) => 0,
                thick if thick > 30.0 => 9,
                thin if thin > 0.0 => 8,
                _ if sunward > 0.0 => 3,
                _ if land[0][2 * row * SIDE + 2 * col] > 900.0 => 5,
                _ => 4_u8,
            });
        }
    }
    let writer = CogWriter {
        overviews: Some(Downsampling::Nearest),
        ..writer
    };
    write(
        archive,
        &file(scene, CLASSES),
        &writer,
        HALF,
        place(20.0),
        &classes,
    )
}

fn write<T: Sample>(
    archive: &Path,
    file: &str,
    writer: &CogWriter,
    side: usize,
    geo_reference: GeoReference,
    samples: &[T],
) -> anyhow::Result<()> {
    let side = u32::try_from(side)?;
    let image = Image {
        width: side,
        height: side,
        samples,
        nodata: Some(T::truncate(0)),
        geo_reference,
    };
    let path = archive.join(file);
    fs::write(&path, writer.write(&image)?)
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a catalogue of `scenes` overpasses in each of `months` months from
/// January 2023. There are only so many images: further scenes are the same
/// ones again, as observations of their own.
pub(crate) fn catalogue(archive: &Path, scenes: usize, months: usize) -> anyhow::Result<PathBuf> {
    let mut items = Vec::new();
    for month in 1..=months {
        for scene in 0..scenes {
            // Four a day at most, so that a month has room for them.
            let (day, hour) = (1 + scene % 28, 9 + scene / 28);
            items.push(item(month, day, hour, scene % SCENES));
        }
    }
    let path = archive.join(format!("items-{scenes}-{months}.json"));
    let items = json!({ "type": "FeatureCollection", "features": items });
    fs::write(&path, items.to_string())?;
    Ok(path)
}

fn item(month: usize, day: usize, hour: usize, scene: usize) -> Value {
    let [west, south, east, north] = BOX;
    let asset = |name: &str| json!({ "href": file(scene, name) });
    json!({
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": format!("S2A_32TNP_2023{month:02}{day:02}_{hour}_L2A"),
        "collection": "sentinel-2-l2a",
        "bbox": BOX,
        "geometry": { "type": "Polygon", "coordinates":
            [[[west, south], [east, south], [east, north], [west, north], [west, south]]] },
        "properties": {
            "datetime": format!("2023-{month:02}-{day:02}T{hour:02}:30:00Z"),
            "platform": "sentinel-2a",
            "grid:code": "MGRS-32TNP",
            "s2:datatake_id": format!("GS2A_2023{month:02}{day:02}T{hour:02}3000_042547_N05.09"),
            "s2:processing_baseline": "05.09",
            "earthsearch:boa_offset_applied": true,
        },
        "links": [],
        "assets": {
            "red": asset("red"), "green": asset("green"), "blue": asset("blue"), "scl": asset("scl"),
        },
    })
}

/// The value that a share of a field stays below.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index into a sample of the field"
)]
fn quantile(field: &[f32], share: f32) -> f32 {
    let mut sample: Vec<f32> = field.iter().copied().step_by(97).collect();
    sample.sort_by(f32::total_cmp);
    sample[(share * (sample.len() - 1) as f32) as usize]
}

/// A square of value noise: for each octave random values on a lattice of so
/// many pixels, of that standard deviation, and linear between.
#[expect(clippy::cast_precision_loss, reason = "a few thousand pixels")]
fn texture(seed: u64, side: usize, octaves: &[(usize, f32)]) -> Vec<f32> {
    let mut field = vec![0.0_f32; side * side];
    for (step, deviation) in octaves {
        let nodes = side / step + 2;
        let mut noise = Noise(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ *step as u64);
        let lattice: Vec<f32> = (0..nodes * nodes)
            .map(|_| deviation * noise.normal())
            .collect();
        let mut line = vec![0.0; nodes];
        for (row, field) in field.chunks_exact_mut(side).enumerate() {
            let below = (row % step) as f32 / *step as f32;
            let pair = &lattice[row / step * nodes..][..2 * nodes];
            for (n, value) in line.iter_mut().enumerate() {
                *value = pair[n] + below * (pair[nodes + n] - pair[n]);
            }
            for (col, value) in field.iter_mut().enumerate() {
                let (n, right) = (col / step, (col % step) as f32 / *step as f32);
                *value += line[n] + right * (line[n + 1] - line[n]);
            }
        }
    }
    field
}

/// Random numbers (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
struct Noise(u64);

impl Noise {
    /// About normally distributed: the sum of four uniform numbers.
    fn normal(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        let [a, b, c, d, ..] = bits.to_le_bytes().map(f32::from);
        // Four bytes: mean 510, variance 4 (256^2 - 1) / 12.
        (a + b + c + d - 510.0) / 147.8
    }
}
