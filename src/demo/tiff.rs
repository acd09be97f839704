//! The bytes of a classic TIFF: byte orders, samples, tags and directories (TIFF 6.0, section 2).

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts and offsets are those of a file that its writer keeps under 4 GiB, and samples keep their low bits"
)]

/// Byte order of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endian {
    /// `II`, what nearly every writer produces.
    #[default]
    Little,
    /// `MM`.
    Big,
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
    impl Sealed for i16 {}
}

/// A whole number: `u8`, `u16` or `i16`.
pub trait Sample: sealed::Sealed + Copy + Eq + Into<i32> {
    /// Bits of a sample.
    const BITS: u16;
    /// The TIFF `SampleFormat`: 1 unsigned, 2 in two's complement.
    const FORMAT: u16;
    /// Keeps the low bits of a value.
    fn truncate(value: i32) -> Self;
    /// The difference modulo 2^`BITS`, which the horizontal predictor stores.
    #[must_use]
    fn difference(self, previous: Self) -> Self;
    /// Appends the sample in a byte order.
    fn put(self, endian: Endian, out: &mut Vec<u8>);
}

impl Sample for u8 {
    const BITS: u16 = 8;
    const FORMAT: u16 = 1;
    fn truncate(value: i32) -> Self {
        value as Self
    }
    fn difference(self, previous: Self) -> Self {
        self.wrapping_sub(previous)
    }
    fn put(self, _: Endian, out: &mut Vec<u8>) {
        out.push(self);
    }
}

impl Sample for u16 {
    const BITS: u16 = 16;
    const FORMAT: u16 = 1;
    fn truncate(value: i32) -> Self {
        value as Self
    }
    fn difference(self, previous: Self) -> Self {
        self.wrapping_sub(previous)
    }
    fn put(self, endian: Endian, out: &mut Vec<u8>) {
        out.extend_from_slice(&match endian {
            Endian::Little => self.to_le_bytes(),
            Endian::Big => self.to_be_bytes(),
        });
    }
}

impl Sample for i16 {
    const BITS: u16 = 16;
    const FORMAT: u16 = 2;
    fn truncate(value: i32) -> Self {
        value as Self
    }
    fn difference(self, previous: Self) -> Self {
        self.wrapping_sub(previous)
    }
    fn put(self, endian: Endian, out: &mut Vec<u8>) {
        self.cast_unsigned().put(endian, out);
    }
}

impl Endian {
    pub(super) fn put_u16(self, value: u16, out: &mut Vec<u8>) {
        value.put(self, out);
    }

    pub(super) fn put_u32(self, value: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        });
    }

    fn put_f64(self, value: f64, out: &mut Vec<u8>) {
        out.extend_from_slice(&match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        });
    }
}

/// What an entry of a directory says, by its names in TIFF 6.0, `GeoTIFF` 1.1 and, for the last, GDAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u16)]
pub(super) enum Tag {
    NewSubfileType = 254,
    ImageWidth = 256,
    ImageLength = 257,
    BitsPerSample = 258,
    Compression = 259,
    PhotometricInterpretation = 262,
    StripOffsets = 273,
    SamplesPerPixel = 277,
    RowsPerStrip = 278,
    StripByteCounts = 279,
    PlanarConfiguration = 284,
    Predictor = 317,
    TileWidth = 322,
    TileLength = 323,
    TileOffsets = 324,
    TileByteCounts = 325,
    SampleFormat = 339,
    ModelPixelScale = 33550,
    ModelTiepoint = 33922,
    GeoKeyDirectory = 34735,
    GdalNodata = 42113,
}

/// The value of a tag.
pub(super) enum Value {
    Ascii(String),
    Shorts(Vec<u16>),
    Longs(Vec<u32>),
    Doubles(Vec<f64>),
}

impl Value {
    /// The TIFF field type and the count of values.
    fn kind(&self) -> (u16, usize) {
        match self {
            Self::Ascii(text) => (2, text.len() + 1), // with the terminating zero
            Self::Shorts(values) => (3, values.len()),
            Self::Longs(values) => (4, values.len()),
            Self::Doubles(values) => (12, values.len()),
        }
    }

    fn bytes(&self, endian: Endian) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Ascii(text) => {
                out.extend_from_slice(text.as_bytes());
                out.push(0);
            }
            Self::Shorts(values) => values
                .iter()
                .for_each(|&value| endian.put_u16(value, &mut out)),
            Self::Longs(values) => values
                .iter()
                .for_each(|&value| endian.put_u32(value, &mut out)),
            Self::Doubles(values) => values
                .iter()
                .for_each(|&value| endian.put_f64(value, &mut out)),
        }
        out
    }
}

/// An image file directory: its tags in ascending order.
pub(super) struct Directory(pub(super) Vec<(Tag, Value)>);

impl Directory {
    /// The directory at byte `at` of the file, followed by the values that do not fit into an entry. `next` is
    /// where the next directory starts, 0 for none.
    pub(super) fn encode(&self, endian: Endian, at: usize, next: u32) -> Vec<u8> {
        let mut entries = Vec::new();
        let mut outside = Vec::new();
        let outside_at = at + 2 + 12 * self.0.len() + 4;
        endian.put_u16(self.0.len() as u16, &mut entries);
        for (tag, value) in &self.0 {
            let (kind, count) = value.kind();
            endian.put_u16(*tag as u16, &mut entries);
            endian.put_u16(kind, &mut entries);
            endian.put_u32(count as u32, &mut entries);
            let mut bytes = value.bytes(endian);
            if bytes.len() <= 4 {
                bytes.resize(4, 0);
                entries.extend(bytes);
            } else {
                endian.put_u32((outside_at + outside.len()) as u32, &mut entries);
                outside.extend(bytes);
                // TIFF wants values on word boundaries.
                if outside.len() % 2 == 1 {
                    outside.push(0);
                }
            }
        }
        endian.put_u32(next, &mut entries);
        entries.extend(outside);
        entries
    }
}
