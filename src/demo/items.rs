//! STAC items for the archive, in the dress of Earth Search v1's `sentinel-2-l2a`.
//!
//! STAC 1.0.0 with the extensions eo, grid, mgrs, processing, projection, raster and view. As in the original, the
//! reflectance offset is already applied to the pixels and still stands in `raster:bands`.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts of pixels become percentages"
)]

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use super::{
    acquisition::{Acquisition, Satellite},
    frame::Frame,
    imagery::Scl,
};

/// The collection all items belong to.
pub(super) const COLLECTION: &str = "sentinel-2-l2a";
/// Said wherever a description goes.
pub(super) const SYNTHETIC: &str = "Synthetic imagery: computed, not observed. It imitates Sentinel-2 L2A and contains no Copernicus data.";

/// An asset of an item: a band or the classification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asset {
    /// Key in the item.
    pub(super) key: &'static str,
    /// File in the item's folder.
    pub(super) file: &'static str,
    /// Number of the band, centre wavelength and width in nanometres, for a band.
    band: Option<(u8, u16, u16)>,
}

/// The bands in the order of a [`super::imagery::BandStack`].
pub(super) const BANDS: [Asset; 4] = [
    Asset {
        key: "red",
        file: "B04.tif",
        band: Some((4, 665, 38)),
    },
    Asset {
        key: "green",
        file: "B03.tif",
        band: Some((3, 560, 45)),
    },
    Asset {
        key: "blue",
        file: "B02.tif",
        band: Some((2, 490, 98)),
    },
    Asset {
        key: "nir",
        file: "B08.tif",
        band: Some((8, 842, 145)),
    },
];
/// The scene classification.
pub(super) const CLASSES: Asset = Asset {
    key: "scl",
    file: "SCL.tif",
    band: None,
};

/// How many pixels of a picture fell into which class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ClassCounts([usize; 12]);

impl ClassCounts {
    /// Counts the values of a classification.
    pub(super) fn of(classes: &[u8]) -> Self {
        let mut counts = [0; 12];
        for &class in classes {
            if let Some(count) = counts.get_mut(usize::from(class)) {
                *count += 1;
            }
        }
        Self(counts)
    }

    /// Pixels with data.
    pub(super) fn valid(&self) -> usize {
        self.0[1..].iter().sum()
    }

    /// Percentage of the pixels with data.
    fn percent(&self, class: Scl) -> f64 {
        rounded(100.0 * self.0[class as usize] as f64 / self.valid().max(1) as f64)
    }

    fn nodata_percent(&self) -> f64 {
        let nodata = self.0[Scl::NoData as usize];
        rounded(100.0 * nodata as f64 / (nodata + self.valid()).max(1) as f64)
    }
}

/// The item's id, such as `S2A_31TGH_20230807_0_L2A`.
pub(super) fn id(frame: &Frame, acquisition: &Acquisition) -> String {
    let day = acquisition.date.format("%Y%m%d");
    format!(
        "{}_{}_{day}_0_L2A",
        acquisition.mission(),
        frame.mgrs_square()
    )
}

/// The item of one picture. Hrefs of its assets are relative to the archive's directory. `position` tells the frames
/// of an acquisition apart: the satellite passes them seconds after each other.
pub(super) fn item(
    frame: &Frame,
    acquisition: &Acquisition,
    position: u32,
    counts: &ClassCounts,
) -> Value {
    let id = id(frame, acquisition);
    let ring: Vec<[f64; 2]> = frame
        .footprint(acquisition)
        .into_iter()
        .map(|(lon, lat)| [degrees(lon), degrees(lat)])
        .collect();
    let mut assets = Map::new();
    for asset in BANDS.into_iter().chain([CLASSES]) {
        assets.insert(asset.key.to_owned(), describe(asset, &id, frame));
    }
    json!({
        "type": "Feature",
        "stac_version": "1.0.0",
        "stac_extensions": [
            "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
            "https://stac-extensions.github.io/mgrs/v1.0.0/schema.json",
            "https://stac-extensions.github.io/grid/v1.0.0/schema.json",
            "https://stac-extensions.github.io/projection/v1.1.0/schema.json",
            "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
            "https://stac-extensions.github.io/view/v1.0.0/schema.json",
            "https://stac-extensions.github.io/processing/v1.1.0/schema.json",
        ],
        "id": id,
        "collection": COLLECTION,
        "bbox": bounding_box(&ring),
        "geometry": { "type": "Polygon", "coordinates": [ring] },
        "properties": properties(frame, acquisition, position, counts),
        "links": [],
        "assets": assets,
    })
}

fn properties(
    frame: &Frame,
    acquisition: &Acquisition,
    position: u32,
    counts: &ClassCounts,
) -> Value {
    let (lon, lat) = frame.middle();
    let (azimuth, elevation) = acquisition.sun(lon, lat);
    let square = frame.mgrs_square();
    let (zone_and_band, letters) = square.split_at(square.len() - 2);
    let processed = acquisition.processed();
    let compact = |time: DateTime<Utc>| time.format("%Y%m%dT%H%M%S").to_string();
    let mission = acquisition.mission();
    let platform = match acquisition.satellite {
        Satellite::A => "sentinel-2a",
        Satellite::B => "sentinel-2b",
    };
    let sensed =
        acquisition.sensed() + chrono::TimeDelta::milliseconds(662 + 3_416 * i64::from(position));
    let clouds = counts.percent(Scl::CloudMedium)
        + counts.percent(Scl::CloudHigh)
        + counts.percent(Scl::ThinCirrus);
    let general = json!({
        "datetime": sensed.to_rfc3339_opts(SecondsFormat::Millis, true),
        "created": processed.to_rfc3339_opts(SecondsFormat::Millis, true),
        "updated": processed.to_rfc3339_opts(SecondsFormat::Millis, true),
        "description": SYNTHETIC,
        "platform": platform,
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "eo:cloud_cover": rounded(clouds),
        "proj:epsg": frame.zone.epsg(),
        "proj:shape": [frame.rows, frame.columns],
        "proj:transform": transform(frame),
        "mgrs:utm_zone": frame.zone.number(),
        "mgrs:latitude_band": zone_and_band.trim_start_matches(|c: char| c.is_ascii_digit()),
        "mgrs:grid_square": letters,
        "grid:code": format!("MGRS-{square}"),
        "view:sun_azimuth": rounded(azimuth),
        "view:sun_elevation": rounded(elevation),
        "earthsearch:boa_offset_applied": true,
        "processing:software": { "cubetiler demo": env!("CARGO_PKG_VERSION") },
    });
    let sentinel = json!({
        "s2:degraded_msi_data_percentage": 0,
        "s2:nodata_pixel_percentage": counts.nodata_percent(),
        "s2:saturated_defective_pixel_percentage": 0,
        "s2:dark_features_percentage": counts.percent(Scl::Dark),
        "s2:cloud_shadow_percentage": counts.percent(Scl::CloudShadow),
        "s2:vegetation_percentage": counts.percent(Scl::Vegetation),
        "s2:not_vegetated_percentage": counts.percent(Scl::NotVegetated),
        "s2:water_percentage": counts.percent(Scl::Water),
        "s2:unclassified_percentage": 0,
        "s2:medium_proba_clouds_percentage": counts.percent(Scl::CloudMedium),
        "s2:high_proba_clouds_percentage": counts.percent(Scl::CloudHigh),
        "s2:thin_cirrus_percentage": counts.percent(Scl::ThinCirrus),
        "s2:snow_ice_percentage": 0,
        "s2:product_type": "S2MSI2A",
        "s2:processing_baseline": "05.09",
        "s2:product_uri": format!(
            "{mission}_MSIL2A_{}_N0509_R{:03}_T{square}_{}.SAFE",
            compact(acquisition.began()), acquisition.relative_orbit, compact(processed),
        ),
        "s2:generation_time": processed.to_rfc3339_opts(SecondsFormat::Micros, true),
        "s2:datatake_id": acquisition.datatake_id(),
        "s2:datatake_type": "INS-NOBS",
        "s2:sequence": "0",
    });
    merged(general, sentinel)
}

fn describe(asset: Asset, id: &str, frame: &Frame) -> Value {
    let common = json!({
        "href": format!("{id}/{}", asset.file),
        "type": "image/tiff; application=geotiff; profile=cloud-optimized",
        "proj:shape": [frame.rows, frame.columns],
        "proj:transform": transform(frame),
        "roles": ["data", "reflectance"],
    });
    let cell_size = frame.cell_size;
    let more = match asset.band {
        Some((number, centre, width)) => json!({
            "title": format!("{} (band {number})", capitalised(asset.key)),
            "gsd": cell_size,
            "eo:bands": [{
                "name": asset.key,
                "common_name": asset.key,
                "description": format!("{} (band {number})", capitalised(asset.key)),
                "center_wavelength": f64::from(centre) / 1000.0,
                "full_width_half_max": f64::from(width) / 1000.0,
            }],
            "raster:bands": [{
                "nodata": 0,
                "data_type": "uint16",
                "bits_per_sample": 15,
                "spatial_resolution": cell_size,
                "scale": 0.0001,
                "offset": -0.1,
            }],
        }),
        None => json!({
            "title": "Scene classification map (SCL)",
            "raster:bands": [{ "nodata": 0, "data_type": "uint8", "spatial_resolution": cell_size }],
        }),
    };
    merged(common, more)
}

/// One object with the members of both.
fn merged(mut object: Value, more: Value) -> Value {
    if let (Value::Object(members), Value::Object(more)) = (&mut object, more) {
        members.extend(more);
    }
    object
}

/// `proj:transform`: the affine map from column and row to easting and northing, by rows.
fn transform(frame: &Frame) -> [f64; 6] {
    [
        frame.cell_size,
        0.0,
        frame.left,
        0.0,
        -frame.cell_size,
        frame.top,
    ]
}

fn bounding_box(ring: &[[f64; 2]]) -> [f64; 4] {
    ring.iter().fold(
        [180.0, 90.0, -180.0, -90.0],
        |[west, south, east, north], &[lon, lat]| {
            [lon.min(west), lat.min(south), lon.max(east), lat.max(north)]
        },
    )
}

fn capitalised(key: &str) -> String {
    match key {
        "nir" => "NIR 1".to_owned(),
        key => key[..1].to_uppercase() + &key[1..],
    }
}

/// Seven decimals, a centimetre on the ground.
fn degrees(value: f64) -> f64 {
    (value * 1e7).round() / 1e7
}

fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{acquisition::summer_2023, plane::Bounds};

    fn sample() -> Value {
        let bounds = Bounds {
            west: 5.4,
            south: 42.75,
            east: 6.9,
            north: 43.65,
        };
        let frame = Frame::covering(bounds, 600.0, 18.0)[0];
        let counts = ClassCounts::of(&[0, 4, 4, 6, 6, 8, 9, 10, 4]);
        item(&frame, &summer_2023()[1], 0, &counts)
    }

    #[test]
    fn an_item_is_named_and_dated_like_the_real_ones() {
        let item = sample();
        assert_eq!(item["id"], "S2A_31TGH_20230807_0_L2A");
        assert_eq!(item["properties"]["datetime"], "2023-08-07T10:38:47.662Z");
        assert_eq!(item["properties"]["grid:code"], "MGRS-31TGH");
        assert_eq!(item["properties"]["mgrs:latitude_band"], "T");
        assert_eq!(
            item["assets"]["red"]["href"],
            "S2A_31TGH_20230807_0_L2A/B04.tif"
        );
    }

    #[test]
    fn cloud_cover_is_the_share_of_cloud_among_pixels_with_data() {
        assert_eq!(sample()["properties"]["eo:cloud_cover"], 37.5);
        assert_eq!(
            sample()["properties"]["s2:nodata_pixel_percentage"],
            rounded(100.0 / 9.0)
        );
    }

    #[test]
    fn the_box_is_that_of_the_geometry() {
        let item = sample();
        let ring = item["geometry"]["coordinates"][0].as_array().unwrap();
        let lons = || ring.iter().map(|point| point[0].as_f64().unwrap());
        assert_eq!(item["bbox"][0].as_f64(), lons().reduce(f64::min));
        assert_eq!(item["bbox"][2].as_f64(), lons().reduce(f64::max));
        assert_eq!(ring.first(), ring.last());
    }
}
