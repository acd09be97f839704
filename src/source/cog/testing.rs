//! A TIFF writer for tests, which also writes what no sound writer would.

/// A tag's value.
#[derive(Clone, Debug)]
pub(crate) enum Field {
    Short(Vec<u16>),
    Long(Vec<u32>),
    Double(Vec<f64>),
    Ascii(&'static str),
}

/// One directory of a file and its tiles.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    pub(crate) tags: Vec<(u16, Field)>,
    /// An empty one is left out of the file.
    pub(crate) tiles: Vec<Vec<u8>>,
}

pub(crate) const SUBFILE: u16 = 254;
pub(crate) const WIDTH: u16 = 256;
pub(crate) const HEIGHT: u16 = 257;
pub(crate) const BITS: u16 = 258;
pub(crate) const COMPRESSION: u16 = 259;
pub(crate) const BANDS: u16 = 277;
pub(crate) const TILE_WIDTH: u16 = 322;
pub(crate) const TILE_HEIGHT: u16 = 323;
pub(crate) const TILE_OFFSETS: u16 = 324;
pub(crate) const TILE_LENGTHS: u16 = 325;
pub(crate) const SAMPLE_FORMAT: u16 = 339;
pub(crate) const PIXEL_SCALE: u16 = 33550;
pub(crate) const MATRIX: u16 = 34264;
pub(crate) const GEO_KEYS: u16 = 34735;
pub(crate) const NODATA: u16 = 42113;

/// Rows and columns of the tiles of [`image`].
pub(crate) const TILE: usize = 16;

/// The value of a pixel of [`image`].
pub(crate) fn pixel(row: usize, col: usize) -> u16 {
    u16::try_from(row * 100 + col + 1).unwrap()
}

/// A sound image of `rows` x `cols` uint16 pixels of 10 m in EPSG:32633.
pub(crate) fn image(rows: usize, cols: usize) -> Image {
    let mut tiles = Vec::new();
    for top in (0..rows).step_by(TILE) {
        for left in (0..cols).step_by(TILE) {
            let pixels = (top..top + TILE).flat_map(|r| (left..left + TILE).map(move |c| (r, c)));
            tiles.push(
                pixels
                    .flat_map(|(row, col)| {
                        let inside = row < rows && col < cols;
                        if inside { pixel(row, col) } else { 0xdead }.to_le_bytes()
                    })
                    .collect(),
            );
        }
    }
    let short = |v: usize| Field::Short(vec![u16::try_from(v).unwrap()]);
    Image {
        tags: vec![
            (SUBFILE, Field::Long(vec![0])),
            (WIDTH, short(cols)),
            (HEIGHT, short(rows)),
            (BITS, short(16)),
            (COMPRESSION, short(1)),
            (262, short(1)),
            (BANDS, short(1)),
            (TILE_WIDTH, short(TILE)),
            (TILE_HEIGHT, short(TILE)),
            (SAMPLE_FORMAT, short(1)),
            (PIXEL_SCALE, Field::Double(vec![10.0, 10.0, 0.0])),
            (
                33922,
                Field::Double(vec![0.0, 0.0, 0.0, 500_000.0, 5_100_000.0, 0.0]),
            ),
            (
                GEO_KEYS,
                Field::Short(vec![
                    1, 1, 0, 3, 1024, 0, 1, 1, 1025, 0, 1, 1, 3072, 0, 1, 32633,
                ]),
            ),
            (NODATA, Field::Ascii("0")),
        ],
        tiles,
    }
}

impl Image {
    /// With a tag in place of the one it had.
    pub(crate) fn with(mut self, tag: u16, field: Field) -> Self {
        self.tags.retain(|(other, _)| *other != tag);
        self.tags.push((tag, field));
        self
    }

    pub(crate) fn without(mut self, tag: u16) -> Self {
        self.tags.retain(|(other, _)| *other != tag);
        self
    }
}

/// The bytes of a little-endian TIFF: tiles first, then the directories.
pub(crate) fn tiff(images: &[Image]) -> Vec<u8> {
    let long = |v: usize| u32::try_from(v).unwrap();
    let mut bytes = b"II*\0\0\0\0\0".to_vec();
    let mut placed = Vec::new();
    for image in images {
        let mut image = image.clone();
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for tile in &image.tiles {
            offsets.push(if tile.is_empty() {
                0
            } else {
                long(bytes.len())
            });
            lengths.push(long(tile.len()));
            bytes.extend(tile);
        }
        for (tag, values) in [(TILE_OFFSETS, offsets), (TILE_LENGTHS, lengths)] {
            if !image.tags.iter().any(|(other, _)| *other == tag) {
                image.tags.push((tag, Field::Long(values)));
            }
        }
        image.tags.sort_by_key(|(tag, _)| *tag);
        placed.push(image);
    }
    let mut link = 4;
    for image in placed {
        let directory = long(bytes.len());
        bytes[link..link + 4].copy_from_slice(&directory.to_le_bytes());
        let mut after = bytes.len() + 2 + 12 * image.tags.len() + 4;
        let mut values = Vec::new();
        bytes.extend(u16::try_from(image.tags.len()).unwrap().to_le_bytes());
        for (tag, field) in &image.tags {
            let (kind, count, data): (u16, usize, Vec<u8>) = match field {
                Field::Short(v) => (3, v.len(), v.iter().flat_map(|v| v.to_le_bytes()).collect()),
                Field::Long(v) => (4, v.len(), v.iter().flat_map(|v| v.to_le_bytes()).collect()),
                Field::Double(v) => (
                    12,
                    v.len(),
                    v.iter().flat_map(|v| v.to_le_bytes()).collect(),
                ),
                Field::Ascii(text) => (2, text.len() + 1, [text.as_bytes(), b"\0"].concat()),
            };
            bytes.extend(tag.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend(long(count).to_le_bytes());
            if data.len() <= 4 {
                bytes.extend(data.iter().copied().chain([0; 4]).take(4));
            } else {
                bytes.extend(long(after).to_le_bytes());
                after += data.len();
                values.extend(data);
            }
        }
        link = bytes.len();
        bytes.extend([0; 4]);
        bytes.extend(values);
    }
    bytes
}
