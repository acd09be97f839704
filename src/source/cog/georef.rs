//! Where a GeoTIFF's pixels are (OGC 19-008r4, GeoTIFF 1.1).

use super::CogError;
use crate::grid::{Epsg, GeoTransform};

/// The tags that place an image.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Placement<'a> {
    /// `ModelPixelScaleTag`.
    pub(super) scale: Option<&'a [f64]>,
    /// `ModelTiepointTag`.
    pub(super) tiepoint: Option<&'a [f64]>,
    /// `ModelTransformationTag`, four rows of four.
    pub(super) matrix: Option<&'a [f64]>,
    /// Whether coordinates are of pixel centres (`RasterPixelIsPoint`).
    pub(super) pixel_is_point: bool,
}

impl Placement<'_> {
    /// Pixel to world, pixels as areas.
    pub(super) fn transform(&self) -> Result<GeoTransform, CogError> {
        let mut transform = if let Some(matrix) = self.matrix {
            let [width, shear_x, _, x, shear_y, height, _, y, ..] = *matrix else {
                return Err(CogError::NoGeoreference);
            };
            if shear_x != 0.0 || shear_y != 0.0 {
                return Err(CogError::Rotated);
            }
            GeoTransform {
                origin_x: x,
                origin_y: y,
                cell_width: width,
                cell_height: height,
            }
        } else {
            let (Some([width, height, ..]), Some([col, row, _, x, y, ..])) =
                (self.scale, self.tiepoint)
            else {
                return Err(CogError::NoGeoreference);
            };
            GeoTransform {
                origin_x: x - col * width,
                origin_y: y + row * height,
                cell_width: *width,
                cell_height: -height,
            }
        };
        if self.pixel_is_point {
            transform.origin_x = transform.x(-0.5);
            transform.origin_y = transform.y(-0.5);
        }
        let sound = [transform.origin_x, transform.origin_y]
            .iter()
            .all(|v| v.is_finite())
            && transform.cell_width.is_normal()
            && transform.cell_height.is_normal();
        if sound {
            Ok(transform)
        } else {
            Err(CogError::NoGeoreference)
        }
    }
}

/// The code in `ProjectedCRSGeoKey`, or else in `GeodeticCRSGeoKey`. 0 stands
/// for undefined and 32767 for one that is described by parameters instead.
pub(super) fn epsg(projected: Option<u16>, geodetic: Option<u16>) -> Result<Epsg, CogError> {
    match projected.or(geodetic) {
        None | Some(0 | 32767) => Err(CogError::NoCrs),
        Some(code) => Ok(Epsg(code.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UTM: Placement<'_> = Placement {
        scale: Some(&[10.0, 10.0, 0.0]),
        tiepoint: Some(&[0.0, 0.0, 0.0, 499_980.0, 5_100_000.0, 0.0]),
        matrix: None,
        pixel_is_point: false,
    };

    #[test]
    fn scale_and_tiepoint_place_the_north_west_corner() {
        let transform = UTM.transform().unwrap();
        assert_eq!(
            (transform.x(1.0), transform.y(1.0)),
            (499_990.0, 5_099_990.0)
        );
        let inside = Placement {
            tiepoint: Some(&[2.0, 3.0, 0.0, 500_000.0, 5_099_970.0, 0.0]),
            ..UTM
        };
        assert_eq!(inside.transform().unwrap(), transform);
    }

    #[test]
    fn a_matrix_says_the_same_unless_it_turns_the_image() {
        let matrix = |shear| {
            [
                10.0,
                shear,
                0.0,
                499_980.0,
                0.0,
                -10.0,
                0.0,
                5_100_000.0,
                0.0,
                0.0,
                0.0,
                0.0,
                0.0,
                0.0,
                0.0,
                1.0,
            ]
        };
        let transform = |matrix: [f64; 16]| {
            let placement = Placement {
                matrix: Some(&matrix),
                ..Placement::default()
            };
            placement.transform()
        };
        assert_eq!(transform(matrix(0.0)).unwrap(), UTM.transform().unwrap());
        assert!(matches!(transform(matrix(0.1)), Err(CogError::Rotated)));
    }

    #[test]
    fn coordinates_of_pixel_centres_are_moved_to_the_corner() {
        let point = Placement {
            pixel_is_point: true,
            ..UTM
        };
        let transform = point.transform().unwrap();
        assert_eq!(
            (transform.origin_x, transform.origin_y),
            (499_975.0, 5_100_005.0)
        );
    }

    #[test]
    fn an_image_without_a_place_or_a_known_system_is_refused() {
        let none = Placement::default();
        assert!(matches!(none.transform(), Err(CogError::NoGeoreference)));
        let flat = Placement {
            scale: Some(&[10.0, 0.0, 0.0]),
            ..UTM
        };
        assert!(matches!(flat.transform(), Err(CogError::NoGeoreference)));
        assert_eq!(epsg(Some(32633), Some(4326)).unwrap(), Epsg(32633));
        assert_eq!(epsg(None, Some(4326)).unwrap(), Epsg(4326));
        assert!(matches!(
            epsg(Some(32767), Some(4326)),
            Err(CogError::NoCrs)
        ));
        assert!(matches!(epsg(None, None), Err(CogError::NoCrs)));
    }
}
