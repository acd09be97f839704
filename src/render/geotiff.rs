//! Values with their place in the world, as a `GeoTIFF` (OGC 19-008r4) that GDAL,
//! QGIS and rasterio read: one plane a variable, compressed by deflate.

use std::io::Cursor;

use bytes::Bytes;
use libdeflater::{CompressionLvl, Compressor};
use tiff::{
    TiffError,
    encoder::TiffEncoder,
    tags::{
        CompressionMethod, ExtraSamples, PhotometricInterpretation, PlanarConfiguration, Predictor,
        SampleFormat, Tag,
    },
};

use super::encode::EncodeError;
use crate::{
    grid::{Epsg, Grid, Shape, Window},
    raster::Raster,
};

/// The values of a file.
#[derive(Clone, Debug)]
pub enum Planes {
    /// As a cube stores them, and the value that is no data.
    Stored(Vec<Raster<u16>>, u16),
    /// As they were computed; NaN is no data.
    Computed(Vec<Raster<f32>>),
}

/// Bytes of a strip before it is compressed, about.
const STRIP: usize = 1 << 18;

/// The tag of names and other texts, which is GDAL's own.
const GDAL_METADATA: u16 = 42112;

/// GeoTIFF's keys and what they may be (OGC 19-008r4, 7.5 and annex).
const MODEL_TYPE: u16 = 1024;
const RASTER_TYPE: u16 = 1025;
const GEODETIC_CRS: u16 = 2048;
const PROJECTED_CRS: u16 = 3072;
const PROJECTED: u16 = 1;
const GEOGRAPHIC: u16 = 2;
const PIXEL_IS_AREA: u16 = 1;

impl Planes {
    fn len(&self) -> usize {
        match self {
            Self::Stored(rasters, _) => rasters.len(),
            Self::Computed(rasters) => rasters.len(),
        }
    }

    fn nodata(&self) -> String {
        match self {
            Self::Stored(_, nodata) => nodata.to_string(),
            Self::Computed(_) => "nan".to_owned(),
        }
    }

    /// Bits, sample format and predictor.
    fn format(&self) -> (u16, SampleFormat, Predictor) {
        match self {
            Self::Stored(..) => (16, SampleFormat::Uint, Predictor::Horizontal),
            Self::Computed(_) => (32, SampleFormat::IEEEFP, Predictor::None),
        }
    }

    /// The bytes of some rows of a plane, in this machine's order as the encoder
    /// writes its files.
    fn rows(&self, plane: usize, rows: std::ops::Range<usize>) -> Vec<u8> {
        match self {
            Self::Stored(rasters, _) => {
                let raster = &rasters[plane];
                let mut bytes = Vec::with_capacity(rows.len() * raster.shape.cols * 2);
                for row in rows {
                    let mut last = 0_u16;
                    for sample in raster.row(row) {
                        bytes.extend(sample.wrapping_sub(last).to_ne_bytes());
                        last = *sample;
                    }
                }
                bytes
            }
            Self::Computed(rasters) => {
                let values = rows.flat_map(|row| rasters[plane].row(row));
                values.flat_map(|value| value.to_ne_bytes()).collect()
            }
        }
    }
}

/// Writes the values of a window of a grid, whose planes all have its shape, with the
/// name of each.
///
/// # Errors
/// If they do not fit into a TIFF, whose offsets end at 4 GiB.
pub fn geotiff(
    grid: &Grid,
    window: Window,
    names: &[String],
    planes: &Planes,
) -> Result<Bytes, EncodeError> {
    let (bits, format, predictor) = planes.format();
    let count = planes.len();
    let shape = Shape {
        rows: window.rows,
        cols: window.cols,
    };
    let rows_per_strip = (STRIP / (window.cols * usize::from(bits / 8)).max(1)).max(1);
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file)?;
    let mut directory = encoder.image_directory()?;
    let mut compressor = Compressor::new(CompressionLvl::default());
    let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
    for plane in 0..count {
        for strip in shape.window().strips(rows_per_strip) {
            let bytes = planes.rows(plane, strip.row..strip.row_end());
            let mut packed = vec![0; compressor.zlib_compress_bound(bytes.len())];
            let len = compressor.zlib_compress(&bytes, &mut packed)?;
            offsets.push(
                u32::try_from(directory.write_data(&packed[..len])?).map_err(TiffError::from)?,
            );
            lengths.push(u32::try_from(len).map_err(TiffError::from)?);
        }
    }
    let size = |n: usize| u32::try_from(n).map_err(TiffError::from);
    let samples = u16::try_from(count).map_err(TiffError::from)?;
    directory.write_tag(Tag::ImageWidth, size(window.cols)?)?;
    directory.write_tag(Tag::ImageLength, size(window.rows)?)?;
    directory.write_tag(Tag::BitsPerSample, &vec![bits; count][..])?;
    directory.write_tag(Tag::Compression, CompressionMethod::Deflate)?;
    directory.write_tag(
        Tag::PhotometricInterpretation,
        PhotometricInterpretation::BlackIsZero,
    )?;
    directory.write_tag(Tag::StripOffsets, &offsets[..])?;
    directory.write_tag(Tag::SamplesPerPixel, samples)?;
    directory.write_tag(Tag::RowsPerStrip, size(rows_per_strip)?)?;
    directory.write_tag(Tag::StripByteCounts, &lengths[..])?;
    directory.write_tag(Tag::PlanarConfiguration, PlanarConfiguration::Planar)?;
    directory.write_tag(Tag::Predictor, predictor)?;
    directory.write_tag(Tag::SampleFormat, &vec![format; count][..])?;
    if count > 1 {
        directory.write_tag(
            Tag::ExtraSamples,
            &vec![ExtraSamples::Unspecified; count - 1][..],
        )?;
    }
    let place = grid.transform.window_bounds(window);
    let transform = grid.transform;
    let scale = [transform.cell_width, -transform.cell_height, 0.0];
    directory.write_tag(Tag::ModelPixelScaleTag, &scale[..])?;
    let corner = [0.0, 0.0, 0.0, place.west, place.north, 0.0];
    directory.write_tag(Tag::ModelTiepointTag, &corner[..])?;
    directory.write_tag(Tag::GeoKeyDirectoryTag, &geo_keys(grid.crs)[..])?;
    directory.write_tag(Tag::GdalNodata, &planes.nodata()[..])?;
    directory.write_tag(Tag::Unknown(GDAL_METADATA), &descriptions(names)[..])?;
    directory.finish()?;
    Ok(file.into_inner().into())
}

fn geo_keys(crs: Epsg) -> Vec<u16> {
    // A code that does not fit belongs to no published system.
    let code = u16::try_from(crs.0).unwrap_or(u16::MAX);
    let (model, key) = if crs == Epsg::WGS84 {
        (GEOGRAPHIC, GEODETIC_CRS)
    } else {
        (PROJECTED, PROJECTED_CRS)
    };
    let keys = [
        (MODEL_TYPE, model),
        (RASTER_TYPE, PIXEL_IS_AREA),
        (key, code),
    ];
    // Version 1, revision 1.0, and how many keys there are.
    let mut directory = vec![1, 1, 0, 3];
    for (key, value) in keys {
        directory.extend([key, 0, 1, value]);
    }
    directory
}

/// The names of planes, as GDAL writes and reads them.
fn descriptions(names: &[String]) -> String {
    let escaped = |name: &String| {
        name.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let items: Vec<String> = (names.iter().enumerate())
        .map(|(n, name)| {
            let name = escaped(name);
            format!("<Item name=\"DESCRIPTION\" sample=\"{n}\" role=\"description\">{name}</Item>")
        })
        .collect();
    format!("<GDALMetadata>{}</GDALMetadata>", items.concat())
}
