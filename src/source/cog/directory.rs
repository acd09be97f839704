//! From TIFF directories to the levels of a [`Cog`].

use std::any::Any;
use std::collections::HashSet;
use std::panic::AssertUnwindSafe;

use async_tiff::ImageFileDirectory;
use async_tiff::metadata::TiffMetadataReader;
use async_tiff::reader::Endianness;
use async_tiff::tags::Predictor;
use futures::FutureExt;

use super::bytes::HeaderReader;
use super::georef::{Placement, epsg};
use super::{ByteReader, Cog, CogError, CogLevel, SampleType, decode};
use crate::grid::{GeoTransform, Shape};
use crate::storage::Location;

/// The most rows or columns of a tile.
const MOST_TILE_SIDE: u32 = 8192;
/// The most directories of a file. Each overview halves the image.
const MOST_DIRECTORIES: usize = 64;
/// The most tags of a directory; TIFF has not that many.
const MOST_TAGS: u64 = 4096;

/// `NewSubfileType` bits (TIFF 6.0, section 8).
const REDUCED: u32 = 1;
const MASK: u32 = 4;

/// `RasterPixelIsPoint` of `GTRasterTypeGeoKey`.
const PIXEL_IS_POINT: u16 = 2;

pub(super) async fn open(href: Location, reader: ByteReader) -> Result<Cog, CogError> {
    let header = HeaderReader::new(reader.clone());
    // The TIFF reader panics at some directories that break the rules.
    let directories = AssertUnwindSafe(directories(&header))
        .catch_unwind()
        .await
        .map_err(|panic| CogError::Malformed(panic_text(panic.as_ref())))??;
    let size = header.size().await.unwrap_or_default();

    let mut images = directories.into_iter();
    let base = images
        .next()
        .ok_or_else(|| CogError::Malformed("it has no image".to_owned()))?;
    let keys = base.geo_key_directory();
    let placement = Placement {
        scale: base.model_pixel_scale(),
        tiepoint: base.model_tiepoint(),
        matrix: base.model_transformation(),
        pixel_is_point: keys.and_then(|keys| keys.raster_type) == Some(PIXEL_IS_POINT),
    };
    let transform = placement.transform()?;
    let crs = epsg(
        keys.and_then(|keys| keys.projected_type),
        keys.and_then(|keys| keys.geographic_type),
    )?;
    let nodata = base
        .gdal_nodata()
        .and_then(|text| text.trim_matches(['\0', ' ']).parse().ok());
    let samples = sample_type(&base)?;
    let mut levels = vec![level(base, transform)?];

    let overviews = images.filter(|image| {
        let kind = image.new_subfile_type().unwrap_or_default();
        kind & REDUCED != 0 && kind & MASK == 0
    });
    for overview in overviews {
        if sample_type(&overview)? != samples {
            return Err(CogError::Malformed(
                "an overview has other samples than the image".to_owned(),
            ));
        }
        let overview = level(overview, transform)?;
        levels.push(CogLevel {
            transform: over(transform, levels[0].shape, overview.shape),
            ..overview
        });
    }
    levels[1..].sort_by_key(|level| std::cmp::Reverse((level.shape.cols, level.shape.rows)));
    Ok(Cog {
        href,
        crs,
        samples,
        nodata,
        levels,
        size,
        reader,
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("its directory breaks the rules of TIFF")
        .to_owned()
}

async fn directories(header: &HeaderReader) -> Result<Vec<ImageFileDirectory>, CogError> {
    let magic = header.bytes(0..4).await?;
    if !matches!(&magic[..], b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+") {
        return Err(CogError::NotTiff);
    }
    let mut reader = TiffMetadataReader::try_open(header).await?;
    let mut directories = Vec::new();
    let mut seen = HashSet::new();
    while let Some(offset) = reader.next_ifd_offset() {
        if !seen.insert(offset) || directories.len() == MOST_DIRECTORIES {
            return Err(CogError::Malformed(
                "its directories go round in a circle or are too many".to_owned(),
            ));
        }
        if reader.bigtiff() {
            // The reader makes room for as many tags as this says.
            let bytes = header.bytes(offset..offset.saturating_add(8)).await?;
            let mut count = [0; 8];
            count.copy_from_slice(&bytes);
            let count = match reader.endianness() {
                Endianness::LittleEndian => u64::from_le_bytes(count),
                Endianness::BigEndian => u64::from_be_bytes(count),
            };
            if count > MOST_TAGS {
                return Err(CogError::Malformed(format!("a directory has {count} tags")));
            }
        }
        directories.extend(reader.read_next_ifd(header).await?);
    }
    Ok(directories)
}

fn sample_type(image: &ImageFileDirectory) -> Result<SampleType, CogError> {
    if image.samples_per_pixel() != 1 {
        return Err(CogError::Bands(image.samples_per_pixel()));
    }
    let (format, bits) = image
        .sample_format()
        .first()
        .zip(image.bits_per_sample().first())
        .ok_or_else(|| CogError::Malformed("it states no sample type".to_owned()))?;
    SampleType::of(*format, *bits).ok_or_else(|| CogError::Unsupported {
        what: "sample type",
        found: format!("{format:?} of {bits} bits"),
        supported: "unsigned of 8 and 16, signed of 16 and floating point of 32 bits",
    })
}

/// Checks a directory and keeps it as a level.
fn level(image: ImageFileDirectory, transform: GeoTransform) -> Result<CogLevel, CogError> {
    let (Some(tile_width), Some(tile_height)) = (image.tile_width(), image.tile_height()) else {
        return Err(CogError::Striped);
    };
    let sides = 1..=MOST_TILE_SIDE;
    if !sides.contains(&tile_width) || !sides.contains(&tile_height) {
        return Err(CogError::Unsupported {
            what: "tile size",
            found: format!("{tile_width} x {tile_height}"),
            supported: "1 to 8192 rows and columns",
        });
    }
    if !decode::METHODS.contains(&image.compression()) {
        return Err(CogError::Unsupported {
            what: "compression",
            found: format!("{:?}", image.compression()),
            supported: "none, deflate, LZW and ZSTD",
        });
    }
    let floating = sample_type(&image)? == SampleType::F32;
    if image.predictor() == Some(Predictor::FloatingPoint) && !floating {
        return Err(CogError::Malformed(
            "it has a predictor for floating point, but integers".to_owned(),
        ));
    }
    let side = |pixels: u32| {
        usize::try_from(pixels)
            .map_err(|error| CogError::Malformed(format!("its size {pixels}: {error}")))
    };
    let shape = Shape {
        rows: side(image.image_height())?,
        cols: side(image.image_width())?,
    };
    let tile = Shape {
        rows: side(tile_height)?,
        cols: side(tile_width)?,
    };
    let across = shape.cols.div_ceil(tile.cols);
    let tiles = across.checked_mul(shape.rows.div_ceil(tile.rows));
    let listed = |list: Option<&[u64]>| list.map(<[u64]>::len);
    if shape.window().is_empty()
        || tiles.is_none()
        || listed(image.tile_offsets()) != tiles
        || listed(image.tile_byte_counts()) != tiles
    {
        return Err(CogError::Malformed(format!(
            "an image of {} rows and {} columns does not list as many tiles as it needs",
            shape.rows, shape.cols
        )));
    }
    Ok(CogLevel {
        shape,
        transform,
        tile,
        directory: image,
    })
}

/// The transform of an overview: it covers what the image covers.
#[expect(
    clippy::cast_precision_loss,
    reason = "pixel counts are far below 2^52"
)]
fn over(base: GeoTransform, full: Shape, reduced: Shape) -> GeoTransform {
    GeoTransform {
        cell_width: base.cell_width * (full.cols as f64 / reduced.cols as f64),
        cell_height: base.cell_height * (full.rows as f64 / reduced.rows as f64),
        ..base
    }
}
