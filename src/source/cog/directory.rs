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
/// The most values of all tags of a file, two for each tile.
const MOST_VALUES: u64 = 2 << 20;

/// `NewSubfileType` bits (TIFF 6.0, section 8).
const REDUCED: u32 = 1;
const MASK: u32 = 4;

/// `RasterPixelIsPoint` of `GTRasterTypeGeoKey`.
const PIXEL_IS_POINT: u16 = 2;

pub(super) async fn open(href: Location, reader: ByteReader) -> Result<Cog, CogError> {
    let header = HeaderReader::new(reader.clone());
    // The TIFF reader panics at some directories that break the rules.
    let (order, directories) = AssertUnwindSafe(directories(&header))
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
        order,
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

async fn directories(
    header: &HeaderReader,
) -> Result<(Endianness, Vec<ImageFileDirectory>), CogError> {
    let magic = header.bytes(0..4).await?;
    if !matches!(&magic[..], b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+") {
        return Err(CogError::NotTiff);
    }
    let mut reader = TiffMetadataReader::try_open(header).await?;
    let mut directories = Vec::new();
    let mut seen = HashSet::new();
    let mut values = 0;
    while let Some(offset) = reader.next_ifd_offset() {
        if !seen.insert(offset) || directories.len() == MOST_DIRECTORIES {
            return Err(CogError::Malformed(
                "its directories go round in a circle or are too many".to_owned(),
            ));
        }
        values += check(header, offset, reader.bigtiff(), reader.endianness()).await?;
        if values > MOST_VALUES {
            return Err(CogError::Malformed(format!(
                "its directories have more than {MOST_VALUES} values"
            )));
        }
        directories.extend(reader.read_next_ifd(header).await?);
    }
    Ok((reader.endianness(), directories))
}

/// Looks at the sizes that a directory states. The TIFF reader makes room for
/// as much as these say before it reads the first byte of it. Gives the number
/// of values.
async fn check(
    header: &HeaderReader,
    offset: u64,
    big: bool,
    endianness: Endianness,
) -> Result<u64, CogError> {
    let (count_length, entry_length, word) = if big {
        (8, 20_usize, 8_usize)
    } else {
        (2, 12, 4)
    };
    let entries = offset.saturating_add(count_length);
    let tags = number(&header.bytes(offset..entries).await?, endianness);
    if tags > MOST_TAGS {
        return Err(CogError::Malformed(format!("a directory has {tags} tags")));
    }
    let end = entries.saturating_add(tags * entry_length as u64);
    let bytes = header.bytes(entries..end).await?;
    let size = header.size().await.unwrap_or_default();
    let mut values: u64 = 0;
    for entry in bytes.chunks_exact(entry_length) {
        let (tag, kind) = (
            number(&entry[..2], endianness),
            number(&entry[2..4], endianness),
        );
        let length = value_length(kind)
            .ok_or_else(|| CogError::Malformed(format!("tag {tag} has the unknown type {kind}")))?;
        let count = number(&entry[4..4 + word], endianness);
        values = values.saturating_add(count);
        if values > MOST_VALUES {
            return Err(CogError::Malformed(format!(
                "tag {tag} of a directory has {count} values"
            )));
        }
        let place = number(&entry[4 + word..], endianness);
        let end = place.saturating_add(count * length);
        if count * length > word as u64 && end > size {
            return Err(CogError::Truncated { end, size });
        }
    }
    Ok(values)
}

/// Bytes of a value of a type (TIFF 6.0, section 2, and `BigTIFF`).
fn value_length(kind: u64) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}

fn number(bytes: &[u8], endianness: Endianness) -> u64 {
    let digit = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
    match endianness {
        Endianness::LittleEndian => bytes.iter().rev().fold(0, digit),
        Endianness::BigEndian => bytes.iter().fold(0, digit),
    }
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
