//! The formats of files: pictures, and the samples themselves.

use std::str::FromStr;

use super::ImageFormat;

/// What a file is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// A picture of the samples.
    Image(ImageFormat),
    /// The samples.
    Samples(SampleFormat),
}

/// A format of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SampleFormat {
    /// `GeoTIFF` (OGC 19-008r4), see [`super::geotiff`].
    GeoTiff,
    /// numpy's own, see [`super::npy()`].
    Npy,
    /// The same without the band that is the mask.
    NpyWithoutMask,
}

/// An extension that names no format.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("unknown format \"{0}\"; use png, jpg, jpeg, webp, tif or npy")]
pub struct UnknownFileFormat(String);

impl FileFormat {
    /// The media type for the `Content-Type` header.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Image(format) => format.content_type(),
            Self::Samples(SampleFormat::GeoTiff) => "image/tiff; application=geotiff",
            // As `TiTiler` has it: there is no registered type.
            Self::Samples(SampleFormat::Npy | SampleFormat::NpyWithoutMask) => {
                "application/x-binary"
            }
        }
    }
}

impl FromStr for FileFormat {
    type Err = UnknownFileFormat;

    /// Reads a file extension without its dot, in any case.
    fn from_str(extension: &str) -> Result<Self, UnknownFileFormat> {
        match extension.to_ascii_lowercase().as_str() {
            "tif" | "tiff" => Ok(Self::Samples(SampleFormat::GeoTiff)),
            "npy" => Ok(Self::Samples(SampleFormat::Npy)),
            image => (image.parse().map(Self::Image))
                .map_err(|_no_image| UnknownFileFormat(extension.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_in_any_case_names_a_format_or_is_told_what_does() {
        for (extension, kind) in [
            ("png", "image/png"),
            ("JPEG", "image/jpeg"),
            ("webp", "image/webp"),
            ("tif", "image/tiff; application=geotiff"),
            ("TIFF", "image/tiff; application=geotiff"),
            ("npy", "application/x-binary"),
        ] {
            let format: FileFormat = extension.parse().unwrap();
            assert_eq!(format.content_type(), kind, "{extension}");
        }
        let error = "bmp".parse::<FileFormat>().unwrap_err().to_string();
        assert!(
            error.contains("\"bmp\"") && error.contains("npy"),
            "{error}"
        );
    }
}
