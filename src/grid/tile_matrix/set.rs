//! The tile matrix sets that tiles are served in.
//!
//! `sets/*.json` are the definitions that morecantile 7.1.0 (MIT) has, byte by byte:
//! those of OGC (schemas.opengis.net/tms/2.0/json/examples/tilematrixset), and for New
//! Zealand and its Antarctic those of GDAL. All number their rows from the north.

use std::{ops::RangeInclusive, sync::LazyLock};

use super::matrix::{TileMatrix, matrices};
use crate::grid::{Bounds, Epsg};

/// A tile matrix set that tiles are served in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "their names are those that OGC gave them")]
pub enum TileMatrixSet {
    WebMercatorQuad,
    WorldCRS84Quad,
    WGS1984Quad,
    WorldMercatorWGS84Quad,
    CDB1GlobalGrid,
    GNOSISGlobalGrid,
    CanadianNad83Lcc,
    EuropeanEtrs89LaeaQuad,
    LINZAntarticaMapTilegrid,
    NZTM2000Quad,
    UPSAntarcticWGS84Quad,
    UPSArcticWGS84Quad,
    UTM31WGS84Quad,
}

/// What a set is in a few words.
struct Row {
    id: &'static str,
    system: Epsg,
    /// West, south, east, north.
    area: [f64; 4],
    document: &'static str,
}

macro_rules! row {
    ($id:literal, $system:expr, $area:expr) => {
        Row {
            id: $id,
            system: $system,
            area: $area,
            document: include_str!(concat!("sets/", $id, ".json")),
        }
    };
}

const WORLD: [f64; 4] = [-180.0, -90.0, 180.0, 90.0];

/// The matrices of all sets, in the order of [`TileMatrixSet::ALL`].
static MATRICES: LazyLock<[Vec<TileMatrix>; 13]> =
    LazyLock::new(|| TileMatrixSet::ALL.map(|set| matrices(set.document())));

impl TileMatrixSet {
    /// All of them, that of every web map first.
    pub const ALL: [Self; 13] = [
        Self::WebMercatorQuad,
        Self::WorldCRS84Quad,
        Self::WGS1984Quad,
        Self::WorldMercatorWGS84Quad,
        Self::CDB1GlobalGrid,
        Self::GNOSISGlobalGrid,
        Self::CanadianNad83Lcc,
        Self::EuropeanEtrs89LaeaQuad,
        Self::LINZAntarticaMapTilegrid,
        Self::NZTM2000Quad,
        Self::UPSAntarcticWGS84Quad,
        Self::UPSArcticWGS84Quad,
        Self::UTM31WGS84Quad,
    ];

    /// Areas are the areas of use of the systems in the EPSG registry.
    const fn row(self) -> Row {
        match self {
            Self::WebMercatorQuad => row!(
                "WebMercatorQuad",
                Epsg::WEB_MERCATOR,
                [-180.0, -85.06, 180.0, 85.06]
            ),
            // CRS84 is WGS 84 with the longitude first, as coordinates are here anyway.
            Self::WorldCRS84Quad => row!("WorldCRS84Quad", Epsg::WGS84, WORLD),
            Self::WGS1984Quad => row!("WGS1984Quad", Epsg::WGS84, WORLD),
            Self::WorldMercatorWGS84Quad => row!(
                "WorldMercatorWGS84Quad",
                Epsg(3395),
                [-180.0, -80.0, 180.0, 84.0]
            ),
            Self::CDB1GlobalGrid => row!("CDB1GlobalGrid", Epsg::WGS84, WORLD),
            Self::GNOSISGlobalGrid => row!("GNOSISGlobalGrid", Epsg::WGS84, WORLD),
            Self::CanadianNad83Lcc => row!(
                "CanadianNAD83_LCC",
                Epsg(3978),
                [-141.01, 38.21, -40.73, 86.46]
            ),
            Self::EuropeanEtrs89LaeaQuad => row!(
                "EuropeanETRS89_LAEAQuad",
                Epsg(3035),
                [-35.58, 24.6, 44.83, 84.73]
            ),
            // Beyond 180 degrees, as it crosses the antimeridian.
            Self::LINZAntarticaMapTilegrid => row!(
                "LINZAntarticaMapTilegrid",
                Epsg(5482),
                [150.0, -90.0, 210.0, -76.0]
            ),
            Self::NZTM2000Quad => {
                row!("NZTM2000Quad", Epsg(2193), [166.37, -47.33, 178.63, -34.1])
            }
            Self::UPSAntarcticWGS84Quad => row!(
                "UPSAntarcticWGS84Quad",
                Epsg(5042),
                [-180.0, -90.0, 180.0, -60.0]
            ),
            Self::UPSArcticWGS84Quad => row!(
                "UPSArcticWGS84Quad",
                Epsg(5041),
                [-180.0, 60.0, 180.0, 90.0]
            ),
            Self::UTM31WGS84Quad => row!("UTM31WGS84Quad", Epsg(32631), [0.0, 0.0, 6.0, 84.0]),
        }
    }

    /// The set with this OGC identifier.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|set| set.id() == id)
    }

    /// Its identifier.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.row().id
    }

    /// Its reference system. Coordinates are x and y, or longitude and latitude, whatever
    /// order the system's own axes have.
    #[must_use]
    pub const fn crs(self) -> Epsg {
        self.row().system
    }

    /// The definition as JSON.
    #[must_use]
    pub const fn document(self) -> &'static str {
        self.row().document
    }

    /// Whether a rectangle (EPSG:4326) shares anything with the area that its reference
    /// system is for.
    #[must_use]
    pub fn is_for(self, bounds: Bounds) -> bool {
        let [west, south, east, north] = self.row().area;
        [0.0, 360.0].into_iter().any(|turn| {
            bounds.overlaps(&Bounds {
                west: west - turn,
                south,
                east: east - turn,
                north,
            })
        })
    }

    /// Its matrices, the coarsest first.
    #[must_use]
    pub fn matrices(self) -> &'static [TileMatrix] {
        &MATRICES[self as usize]
    }

    /// The first and the last zoom.
    #[must_use]
    pub fn zooms(self) -> RangeInclusive<i8> {
        let all = self.matrices();
        let zoom = |matrix: Option<&TileMatrix>| matrix.map_or(0, |matrix| matrix.zoom);
        zoom(all.first())..=zoom(all.last())
    }

    /// The matrix of a zoom.
    #[must_use]
    pub fn matrix(self, zoom: i64) -> Option<&'static TileMatrix> {
        // Zooms are without a gap.
        let place = usize::try_from(zoom - i64::from(*self.zooms().start())).ok()?;
        self.matrices().get(place)
    }

    /// Whether tiles are merged towards the poles, which WMTS 1.0 cannot tell.
    #[must_use]
    pub fn is_variable(self) -> bool {
        self.matrices()
            .iter()
            .any(|matrix| !matrix.merged.is_empty())
    }

    /// How many columns of a row are one tile.
    pub(super) fn merged(self, zoom: i8, row: u32) -> u32 {
        // What every map asks for is not looked up.
        let matrix = (self != Self::WebMercatorQuad).then(|| self.matrix(zoom.into()));
        let mut merged = matrix
            .flatten()
            .into_iter()
            .flat_map(|matrix| &matrix.merged);
        merged
            .find(|(rows, _)| rows.contains(&row))
            .map_or(1, |(_, number)| *number)
    }

    /// The first zoom whose pixels are not coarser than a cell, or the last.
    #[must_use]
    pub fn zoom_for_cell(self, cell: f64) -> i8 {
        let fits = |matrix: &&TileMatrix| matrix.cell_size <= cell * (1.0 + 1e-9);
        let found = self.matrices().iter().find(fits);
        found.map_or(*self.zooms().end(), |matrix| matrix.zoom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_embedded_definitions_are_what_is_taken_for_granted_of_them() {
        for set in TileMatrixSet::ALL {
            let document: Value = serde_json::from_str(set.document()).unwrap();
            assert_eq!(document["id"], set.id());
            assert_eq!(TileMatrixSet::named(set.id()), Some(set));
            let crs = document["crs"].as_str().unwrap();
            let code = if set == TileMatrixSet::WorldCRS84Quad {
                "CRS84".to_owned()
            } else {
                set.crs().0.to_string()
            };
            assert!(crs.ends_with(&code), "{crs} is not {code}");
            for (n, matrix) in document["tileMatrices"]
                .as_array()
                .unwrap()
                .iter()
                .enumerate()
            {
                let zoom = i8::try_from(n).unwrap() + set.zooms().start();
                assert_eq!(matrix["id"], zoom.to_string());
                assert_eq!(matrix["tileWidth"], matrix["tileHeight"]);
                let corner = matrix.get("cornerOfOrigin");
                assert!(corner.is_none_or(|corner| corner == "topLeft"));
            }
            let cells = set.matrices().windows(2);
            assert!(
                cells
                    .map(|pair| pair[0].cell_size - pair[1].cell_size)
                    .all(|d| d > 0.0)
            );
        }
        let web = TileMatrixSet::WebMercatorQuad.matrices();
        for (zoom, matrix) in web.iter().enumerate() {
            let side = 1_u32 << zoom;
            assert_eq!([matrix.cols, matrix.rows], [side; 2]);
            let cell = 2.0 * super::super::HALF_SIDE / 256.0 / f64::from(side);
            assert!((matrix.cell_size / cell - 1.0).abs() < 1e-12);
        }
        assert_eq!(TileMatrixSet::named("WebMercator"), None);
    }

    #[test]
    fn a_set_is_for_the_area_of_its_system_also_over_the_antimeridian() {
        let at = |west: f64, south: f64| Bounds {
            west,
            south,
            east: west + 1.0,
            north: south + 1.0,
        };
        let linz = TileMatrixSet::LINZAntarticaMapTilegrid;
        assert!(linz.is_for(at(-170.0, -80.0)) && linz.is_for(at(170.0, -80.0)));
        assert!(!linz.is_for(at(0.0, -80.0)) && !linz.is_for(at(170.0, -40.0)));
        assert!(TileMatrixSet::EuropeanEtrs89LaeaQuad.is_for(at(11.0, 48.0)));
        assert!(TileMatrixSet::WebMercatorQuad.is_for(at(11.0, 48.0)));
    }

    #[test]
    fn a_rectangle_touches_the_tiles_that_it_has_a_part_of() {
        let matrix = TileMatrixSet::WGS1984Quad.matrix(2).unwrap();
        let bounds = |west, south, east, north| Bounds {
            west,
            south,
            east,
            north,
        };
        let touched = |b| matrix.touched(b);
        assert_eq!(touched(bounds(0.0, 45.0, 45.0, 90.0)), Some([4..=4, 0..=0]));
        assert_eq!(
            touched(bounds(-1.0, 44.0, 46.0, 46.0)),
            Some([3..=5, 0..=1])
        );
        assert_eq!(
            touched(bounds(-999.0, -999.0, 999.0, 999.0)),
            Some([0..=7, 0..=3])
        );
        assert_eq!(touched(bounds(181.0, 0.0, 190.0, 1.0)), None);
    }
}
