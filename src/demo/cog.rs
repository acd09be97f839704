//! A writer of cloud optimized `GeoTIFF`s: one band, tiled, deflated, with overviews.
//!
//! The layout follows the TIFF 6.0 specification, the OGC GeoTIFF standard 1.1 (19-008r4) and GDAL's
//! description of its COG driver: a ghost header, every directory at the front (full resolution first), then
//! the pixels from the smallest overview to full resolution. Striped and big-endian files, which are not cloud
//! optimized, exist to put a reader to the test.

#![expect(
    clippy::cast_possible_truncation,
    reason = "tags are numbers the TIFF format bounds to 16 or 32 bits, and `write` rejects files past 4 GiB"
)]

use std::io::{self, Write};

use flate2::{Compression, write::ZlibEncoder};

pub use super::{
    overview::Downsampling,
    tiff::{Endian, Sample},
};
use super::{
    overview::Reduced,
    tiff::{Directory, Tag, Value},
};

/// GDAL's declaration that the file keeps to the COG layout, so that readers may skip work. Every block carries
/// its size before it and repeats its last four bytes after it.
const STRUCTURE: &str = "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n\
                         BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n ";
const BLOCK_LEADER: usize = 4;
const BLOCK_TRAILER: usize = 4;
const FILE_HEADER: usize = 8;
const REDUCED_RESOLUTION: u32 = 1;

/// Why a raster could not be written.
#[derive(Debug, thiserror::Error)]
pub enum CogError {
    /// The raster has no pixels.
    #[error("a raster needs at least one pixel, this one has {width} x {height}")]
    Empty {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The samples do not fill the raster.
    #[error("a raster of {width} x {height} needs as many samples, there are {found}")]
    SampleCount {
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
        /// Samples given.
        found: usize,
    },
    /// TIFF asks for tiles in multiples of 16.
    #[error("a tile size of {0} is not a positive multiple of 16")]
    TileSize(u32),
    /// A strip has to hold at least one row.
    #[error("a strip needs at least one row")]
    EmptyStrip,
    /// Classic TIFF addresses 4 GiB.
    #[error("the file would have {bytes} bytes, classic TIFF ends at 4 GiB")]
    TooLarge {
        /// The size the file would have.
        bytes: usize,
    },
    /// The deflate encoder failed.
    #[error("a block could not be deflated")]
    Deflate(#[source] io::Error),
}

/// How pixels are grouped into compressed blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// Square tiles of this many pixels a side.
    Tiles(u32),
    /// Strips of this many full rows. Such a file is a valid GeoTIFF but not cloud optimized.
    Strips(u32),
}

/// Where a raster lies: north up, square pixels, in a projected CRS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoReference {
    /// EPSG code of the projected CRS.
    pub epsg: u16,
    /// Easting of the outer left edge, in metres.
    pub origin_x: f64,
    /// Northing of the outer top edge, in metres.
    pub origin_y: f64,
    /// Side of a pixel, in metres.
    pub cell_size: f64,
}

/// A one-band raster.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a, T> {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height` x `width` samples, row by row from the north west.
    pub samples: &'a [T],
    /// The value that stands for no data, if there is one.
    pub nodata: Option<T>,
    /// Where the raster lies.
    pub geo_reference: GeoReference,
}

/// The choices a file is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CogWriter {
    /// Grouping of pixels into compressed blocks.
    pub blocks: Blocks,
    /// Deflate level, 0 (store) to 9.
    pub level: u32,
    /// Whether rows are stored as horizontal differences (TIFF predictor 2).
    pub predictor: bool,
    /// How overviews are made. They halve until one fits into a single tile; `None` writes full resolution only.
    pub overviews: Option<Downsampling>,
    /// Byte order.
    pub endian: Endian,
}

impl Default for CogWriter {
    /// Sentinel-2 on AWS: tiles, deflate, predictor 2, averaged overviews.
    fn default() -> Self {
        Self {
            blocks: Blocks::Tiles(512),
            level: 6,
            predictor: true,
            overviews: Some(Downsampling::Average),
            endian: Endian::Little,
        }
    }
}

impl CogWriter {
    /// Encodes a raster as the bytes of a file. The same raster and choices give the same bytes.
    ///
    /// # Errors
    /// If the raster, the blocks or the file's size are not what TIFF allows.
    pub fn write<T: Sample>(&self, image: &Image<'_, T>) -> Result<Vec<u8>, CogError> {
        self.validate(image)?;
        let mut levels = vec![self.encode(image.width, image.height, image.samples)?];
        if let Some(method) = self.overviews {
            let fits = match self.blocks {
                Blocks::Tiles(size) => size,
                Blocks::Strips(rows) => rows,
            };
            let mut reduced = Reduced::of(image.width, image.height, image.samples, image.nodata);
            while reduced.width.max(reduced.height) > fits {
                reduced = reduced.halve(method);
                levels.push(self.encode(reduced.width, reduced.height, &reduced.samples)?);
            }
        }
        self.assemble(image, &levels)
    }

    fn validate<T>(&self, image: &Image<'_, T>) -> Result<(), CogError> {
        let (width, height) = (image.width, image.height);
        if width == 0 || height == 0 {
            return Err(CogError::Empty { width, height });
        }
        if image.samples.len() != width as usize * height as usize {
            let found = image.samples.len();
            return Err(CogError::SampleCount {
                width,
                height,
                found,
            });
        }
        match self.blocks {
            Blocks::Tiles(size) if size == 0 || size % 16 != 0 => Err(CogError::TileSize(size)),
            Blocks::Strips(0) => Err(CogError::EmptyStrip),
            Blocks::Tiles(_) | Blocks::Strips(_) => Ok(()),
        }
    }

    /// Compresses every block of one level, row by row.
    fn encode<T: Sample>(&self, width: u32, height: u32, samples: &[T]) -> Result<Level, CogError> {
        let (block_width, block_height) = match self.blocks {
            Blocks::Tiles(size) => (size, size),
            Blocks::Strips(rows) => (width, rows.min(height)),
        };
        let mut blocks = Vec::new();
        for top in (0..height).step_by(block_height as usize) {
            // A strip ends with the raster; a tile is always whole, its surplus repeats the edge.
            let rows = match self.blocks {
                Blocks::Tiles(_) => block_height,
                Blocks::Strips(_) => block_height.min(height - top),
            };
            for left in (0..width).step_by(block_width as usize) {
                let mut raw = Vec::new();
                for row in (top..top + rows).map(|row| row.min(height - 1)) {
                    let row = &samples[row as usize * width as usize..][..width as usize];
                    let inside = &row[left as usize..(left + block_width).min(width) as usize];
                    self.put_row(inside, block_width as usize, &mut raw);
                }
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(self.level));
                encoder.write_all(&raw).map_err(CogError::Deflate)?;
                blocks.push(encoder.finish().map_err(CogError::Deflate)?);
            }
        }
        Ok(Level {
            width,
            height,
            blocks,
        })
    }

    fn put_row<T: Sample>(&self, inside: &[T], width: usize, out: &mut Vec<u8>) {
        let edge = inside[inside.len() - 1];
        let mut previous = T::truncate(0);
        for column in 0..width {
            let sample = inside.get(column).copied().unwrap_or(edge);
            let stored = if self.predictor {
                sample.difference(previous)
            } else {
                sample
            };
            stored.put(self.endian, out);
            previous = sample;
        }
    }

    /// Lays out header, directories and blocks, then writes them.
    fn assemble<T: Sample>(
        &self,
        image: &Image<'_, T>,
        levels: &[Level],
    ) -> Result<Vec<u8>, CogError> {
        let ghost = self.ghost();
        let (leader, trailer) = if ghost.is_empty() {
            (0, 0)
        } else {
            (BLOCK_LEADER, BLOCK_TRAILER)
        };

        // The size of a directory does not depend on the offsets in it, so zeros measure it.
        let mut directories_at = Vec::with_capacity(levels.len());
        let mut end = FILE_HEADER + ghost.len();
        for (index, level) in levels.iter().enumerate() {
            directories_at.push(end);
            let zeros = vec![0; level.blocks.len()];
            end += self
                .directory(image, index, level, &zeros)
                .encode(self.endian, end, 0)
                .len();
        }
        let mut offsets: Vec<Vec<u32>> = vec![Vec::new(); levels.len()];
        for (index, level) in levels.iter().enumerate().rev() {
            for block in &level.blocks {
                offsets[index].push((end + leader) as u32);
                end += leader + block.len() + trailer;
            }
        }
        if u32::try_from(end).is_err() {
            return Err(CogError::TooLarge { bytes: end });
        }

        let mut file = Vec::with_capacity(end);
        file.extend_from_slice(match self.endian {
            Endian::Little => b"II",
            Endian::Big => b"MM",
        });
        self.endian.put_u16(42, &mut file);
        self.endian.put_u32(directories_at[0] as u32, &mut file);
        file.extend_from_slice(ghost.as_bytes());
        for (index, level) in levels.iter().enumerate() {
            let next = directories_at.get(index + 1).copied().unwrap_or(0);
            let directory = self.directory(image, index, level, &offsets[index]);
            file.extend(directory.encode(self.endian, file.len(), next as u32));
        }
        for block in levels.iter().rev().flat_map(|level| &level.blocks) {
            if leader > 0 {
                file.extend_from_slice(&(block.len() as u32).to_le_bytes());
            }
            file.extend_from_slice(block);
            if trailer > 0 {
                // A zlib stream ends in a 4 byte checksum, so there are always four bytes to repeat.
                file.extend_from_slice(&block[block.len() - trailer..]);
            }
        }
        Ok(file)
    }

    /// GDAL writes the ghost header into little-endian tiled files only, and it would lie about any other.
    fn ghost(&self) -> String {
        match (self.blocks, self.endian) {
            (Blocks::Tiles(_), Endian::Little) => {
                format!(
                    "GDAL_STRUCTURAL_METADATA_SIZE={:06} bytes\n{STRUCTURE}",
                    STRUCTURE.len()
                )
            }
            (Blocks::Tiles(_) | Blocks::Strips(_), Endian::Little | Endian::Big) => String::new(),
        }
    }

    fn directory<T: Sample>(
        &self,
        image: &Image<'_, T>,
        index: usize,
        level: &Level,
        offsets: &[u32],
    ) -> Directory {
        let counts = level
            .blocks
            .iter()
            .map(|block| block.len() as u32)
            .collect();
        let mut entries = vec![
            (
                Tag::NewSubfileType,
                Value::Longs(vec![if index == 0 { 0 } else { REDUCED_RESOLUTION }]),
            ),
            (Tag::ImageWidth, Value::Longs(vec![level.width])),
            (Tag::ImageLength, Value::Longs(vec![level.height])),
            (Tag::BitsPerSample, Value::Shorts(vec![T::BITS])),
            (Tag::Compression, Value::Shorts(vec![8])), // deflate in a zlib wrapper
            (Tag::PhotometricInterpretation, Value::Shorts(vec![1])), // 0 is black
            (Tag::SamplesPerPixel, Value::Shorts(vec![1])),
            (Tag::PlanarConfiguration, Value::Shorts(vec![1])), // bands interleaved by pixel
            (
                Tag::Predictor,
                Value::Shorts(vec![if self.predictor { 2 } else { 1 }]),
            ),
            (Tag::SampleFormat, Value::Shorts(vec![T::FORMAT])),
        ];
        match self.blocks {
            Blocks::Tiles(size) => entries.extend([
                (Tag::TileWidth, Value::Longs(vec![size])),
                (Tag::TileLength, Value::Longs(vec![size])),
                (Tag::TileOffsets, Value::Longs(offsets.to_vec())),
                (Tag::TileByteCounts, Value::Longs(counts)),
            ]),
            Blocks::Strips(rows) => entries.extend([
                (Tag::StripOffsets, Value::Longs(offsets.to_vec())),
                (
                    Tag::RowsPerStrip,
                    Value::Longs(vec![rows.min(level.height)]),
                ),
                (Tag::StripByteCounts, Value::Longs(counts)),
            ]),
        }
        if index == 0 {
            entries.extend(geo_entries(image.geo_reference));
        }
        if let Some(nodata) = image.nodata {
            let number: i32 = nodata.into();
            entries.push((Tag::GdalNodata, Value::Ascii(number.to_string())));
        }
        entries.sort_by_key(|&(tag, _)| tag);
        Directory(entries)
    }
}

/// `ModelPixelScale`, `ModelTiepoint` and the `GeoKeyDirectory` of a projected CRS.
fn geo_entries(at: GeoReference) -> [(Tag, Value); 3] {
    let keys = [
        [1, 1, 0, 3],          // version 1.1.0, three keys
        [1024, 0, 1, 1],       // GTModelType: projected
        [1025, 0, 1, 1],       // GTRasterType: pixel is area
        [3072, 0, 1, at.epsg], // ProjectedCSType
    ];
    [
        (
            Tag::ModelPixelScale,
            Value::Doubles(vec![at.cell_size, at.cell_size, 0.0]),
        ),
        (
            Tag::ModelTiepoint,
            Value::Doubles(vec![0.0, 0.0, 0.0, at.origin_x, at.origin_y, 0.0]),
        ),
        (Tag::GeoKeyDirectory, Value::Shorts(keys.concat())),
    ]
}

/// The compressed blocks of one resolution.
struct Level {
    width: u32,
    height: u32,
    blocks: Vec<Vec<u8>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::ZlibDecoder;
    use std::io::Read;

    const AT: GeoReference = GeoReference {
        epsg: 32631,
        origin_x: 700_000.0,
        origin_y: 4_800_000.0,
        cell_size: 60.0,
    };

    fn image<T>(width: u32, samples: &[T], nodata: Option<T>) -> Image<'_, T> {
        let height = u32::try_from(samples.len()).unwrap() / width;
        Image {
            width,
            height,
            samples,
            nodata,
            geo_reference: AT,
        }
    }

    fn tiles(size: u32) -> CogWriter {
        CogWriter {
            blocks: Blocks::Tiles(size),
            ..CogWriter::default()
        }
    }

    fn u16_at(file: &[u8], at: usize) -> usize {
        u16::from_le_bytes([file[at], file[at + 1]]).into()
    }

    fn u32_at(file: &[u8], at: usize) -> usize {
        u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize
    }

    /// Where each directory of a little-endian file starts.
    fn directories(file: &[u8]) -> Vec<usize> {
        let mut found = Vec::new();
        let mut at = u32_at(file, 4);
        while at != 0 {
            found.push(at);
            at = u32_at(file, at + 2 + 12 * u16_at(file, at));
        }
        found
    }

    /// The short or long values of a tag.
    fn tag(file: &[u8], directory: usize, wanted: usize) -> Vec<usize> {
        let entry = (0..u16_at(file, directory))
            .map(|index| directory + 2 + 12 * index)
            .find(|&entry| u16_at(file, entry) == wanted)
            .unwrap();
        let (size, count) = (
            if u16_at(file, entry + 2) == 3 { 2 } else { 4 },
            u32_at(file, entry + 4),
        );
        let values = if size * count <= 4 {
            entry + 8
        } else {
            u32_at(file, entry + 8)
        };
        (0..count)
            .map(|index| {
                if size == 2 {
                    u16_at(file, values + 2 * index)
                } else {
                    u32_at(file, values + 4 * index)
                }
            })
            .collect()
    }

    fn block(file: &[u8], directory: usize, index: usize) -> Vec<u8> {
        let (offset, length) = (
            tag(file, directory, 324)[index],
            tag(file, directory, 325)[index],
        );
        let mut raw = Vec::new();
        ZlibDecoder::new(&file[offset..offset + length])
            .read_to_end(&mut raw)
            .unwrap();
        raw
    }

    #[test]
    fn directories_come_before_data_and_the_smallest_overview_before_the_rest() {
        let samples = vec![7_u16; 100 * 40];
        let file = tiles(16).write(&image(100, &samples, Some(0))).unwrap();
        let directories = directories(&file);
        let sizes: Vec<_> = directories
            .iter()
            .map(|&at| (tag(&file, at, 256)[0], tag(&file, at, 257)[0]))
            .collect();
        assert_eq!(sizes, [(100, 40), (50, 20), (25, 10), (13, 5)]);
        assert!(directories.is_sorted());
        let first_block: Vec<_> = directories
            .iter()
            .map(|&at| tag(&file, at, 324)[0])
            .collect();
        assert!(first_block.is_sorted_by(|left, right| left > right));
        assert!(
            first_block
                .iter()
                .all(|block| block > directories.last().unwrap())
        );
    }

    #[test]
    fn a_block_is_led_by_its_size_and_trailed_by_its_last_bytes() {
        let samples: Vec<u16> = (0..32 * 32).collect();
        let file = tiles(16).write(&image(32, &samples, None)).unwrap();
        let full = directories(&file)[0];
        for (offset, length) in tag(&file, full, 324).into_iter().zip(tag(&file, full, 325)) {
            assert_eq!(u32_at(&file, offset - 4), length);
            assert_eq!(
                file[offset + length - 4..offset + length],
                file[offset + length..offset + length + 4]
            );
        }
    }

    #[test]
    fn the_predictor_stores_differences_along_the_row_modulo_the_sample() {
        let samples = [vec![5_u8, 3, 3, 255], vec![0; 12]].concat();
        let file = tiles(16).write(&image(4, &samples, None)).unwrap();
        assert_eq!(
            block(&file, directories(&file)[0], 0)[..6],
            [5, 254, 0, 252, 0, 0]
        );
    }

    #[test]
    fn overviews_average_what_holds_data_and_ignore_nodata() {
        // 2 x 2 quads: (10, 20, 0, 0) and (1, 2, 2, 2), the rest nodata.
        let mut samples = vec![0_u16; 32 * 32];
        for (index, value) in [(0, 10), (1, 20), (2, 1), (3, 2), (34, 2), (35, 2)] {
            samples[index] = value;
        }
        let writer = CogWriter {
            predictor: false,
            ..tiles(16)
        };
        let file = writer.write(&image(32, &samples, Some(0))).unwrap();
        let overview = block(&file, directories(&file)[1], 0);
        assert_eq!(overview[..6], [15, 0, 2, 0, 0, 0]);
    }

    #[test]
    fn signed_samples_are_declared_and_averaged_below_zero_too() {
        // 2 x 2 quads: (-5, -2, nodata, nodata) and (-1, 0, 0, 0), the rest nodata.
        let mut samples = vec![-9999_i16; 32 * 32];
        for (index, value) in [(0, -5), (1, -2), (2, -1), (3, 0), (34, 0), (35, 0)] {
            samples[index] = value;
        }
        let writer = CogWriter {
            predictor: false,
            ..tiles(16)
        };
        let file = writer.write(&image(32, &samples, Some(-9999))).unwrap();
        let [full, half] = directories(&file)[..] else {
            panic!("two levels");
        };
        assert_eq!(tag(&file, full, 339), [2]);
        let means = block(&file, half, 0);
        let mean = |n: usize| i16::from_le_bytes([means[2 * n], means[2 * n + 1]]);
        assert_eq!([mean(0), mean(1), mean(2)], [-3, 0, -9999]);
        assert!(file.windows(6).any(|bytes| bytes == b"-9999\0"));
    }

    #[test]
    fn overviews_of_classes_take_an_existing_class() {
        let samples: Vec<u8> = (0..32 * 32)
            .map(|index| if index % 2 == 0 { 4 } else { 6 })
            .collect();
        let writer = CogWriter {
            predictor: false,
            overviews: Some(Downsampling::Nearest),
            ..tiles(16)
        };
        let file = writer.write(&image(32, &samples, Some(0))).unwrap();
        assert!(
            block(&file, directories(&file)[1], 0)
                .iter()
                .all(|&class| class == 4)
        );
    }

    #[test]
    fn a_big_endian_file_says_so_and_claims_no_cloud_optimized_layout() {
        let writer = CogWriter {
            endian: Endian::Big,
            ..tiles(16)
        };
        let file = writer.write(&image(2, &[1_u16, 2, 3, 4], None)).unwrap();
        assert_eq!(file[..8], [b'M', b'M', 0, 42, 0, 0, 0, 8]);
    }

    #[test]
    fn impossible_rasters_are_refused_with_their_reason() {
        let message = |writer: CogWriter, width, samples: &[u16]| {
            writer
                .write(&Image {
                    width,
                    height: 2,
                    samples,
                    nodata: None,
                    geo_reference: AT,
                })
                .unwrap_err()
                .to_string()
        };
        assert!(message(tiles(100), 2, &[0; 4]).contains("100 is not a positive multiple of 16"));
        assert!(
            message(tiles(16), 2, &[0; 5]).contains("2 x 2 needs as many samples, there are 5")
        );
        assert!(message(tiles(16), 0, &[]).contains("0 x 2"));
        let strips = CogWriter {
            blocks: Blocks::Strips(0),
            ..tiles(16)
        };
        assert!(message(strips, 2, &[0; 4]).contains("at least one row"));
    }
}
