use super::*;
use crate::grid::Shape;
use crate::raster::{Raster, Sample, scaled};
use serde_json::json;

/// The scaling of the asset `red` of an item.
fn of(
    product: Product,
    properties: &Value,
    collection: &str,
    asset: &Value,
    operator: Operator,
) -> Scaling {
    scaling(Evidence {
        operator,
        product,
        collection: Some(collection).filter(|id| !id.is_empty()),
        properties: properties.as_object().unwrap(),
        key: "red",
        asset: asset.as_object().unwrap(),
    })
}

/// What Earth Search states for reflectance, whatever its pixels are.
fn minus_a_tenth() -> Value {
    json!({"raster:bands": [{"nodata": 0, "scale": 0.0001, "offset": -0.1}]})
}

/// A number on the common scale.
fn scale<T: Sample>(number: T, missing: T, gain: f64, offset: f64) -> u16 {
    let raster = Raster::filled(Shape { rows: 1, cols: 1 }, number);
    scaled(&raster, missing, gain, offset).data[0]
}

fn apply(dn: u16, gain: f64, offset: f64) -> u16 {
    scale(dn, 0, gain, offset)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a truth table")]
fn each_archive_gets_the_offset_that_its_pixels_need() {
    const APPLIED: &str = "earthsearch:boa_offset_applied is true";
    const NOT_APPLIED: &str = "earthsearch:boa_offset_applied is false";
    const C1: &str = "collection sentinel-2-c1-l2a";
    const NEW: &str = "baseline 04.00 or later";
    const OLD: &str = "baseline before 04.00";
    const STATED: &str = "stated by the asset";
    const NONE: &str = "none stated";
    let tenth = minus_a_tenth();
    let nothing = json!({});
    let es = "earthsearch:payload_id";
    let flag = BOA_OFFSET_APPLIED;
    let pb = "s2:processing_baseline";
    let table = [
        // Earth Search sentinel-2-l2a: the flag is right and the -0.1 is wrong.
        (
            json!({pb: "05.09", flag: true, es: "x"}),
            "sentinel-2-l2a",
            &tenth,
            0,
            APPLIED,
        ),
        (
            json!({pb: "02.14", flag: true, es: "x"}),
            "sentinel-2-l2a",
            &tenth,
            0,
            APPLIED,
        ),
        (
            json!({pb: "04.00", flag: false, es: "x"}),
            "sentinel-2-l2a",
            &tenth,
            -1000,
            NOT_APPLIED,
        ),
        (
            json!({pb: "03.01", flag: false, es: "x"}),
            "sentinel-2-l2a",
            &tenth,
            0,
            OLD,
        ),
        (
            json!({pb: "05.11", es: "x"}),
            "sentinel-2-l2a",
            &tenth,
            -1000,
            STATED,
        ),
        (
            json!({pb: "05.11", es: "x"}),
            "sentinel-2-l2a",
            &nothing,
            0,
            NONE,
        ),
        (
            json!({pb: "02.12", es: "x"}),
            "sentinel-2-l2a",
            &tenth,
            0,
            OLD,
        ),
        // Earth Search sentinel-2-c1-l2a: never subtracted.
        (
            json!({pb: "05.11", es: "x"}),
            "sentinel-2-c1-l2a",
            &tenth,
            -1000,
            C1,
        ),
        (
            json!({pb: "05.00"}),
            "sentinel-2-c1-l2a",
            &nothing,
            -1000,
            C1,
        ),
        (json!({}), "sentinel-2-c1-l2a", &nothing, -1000, C1),
        (
            json!({pb: "05.11", flag: true, es: "x"}),
            "sentinel-2-c1-l2a",
            &tenth,
            0,
            APPLIED,
        ),
        // Planetary Computer and others that keep the pixels of ESA.
        (json!({pb: "02.12"}), "sentinel-2-l2a", &nothing, 0, OLD),
        (json!({pb: "03.01"}), "sentinel-2-l2a", &nothing, 0, OLD),
        (json!({pb: "04.00"}), "sentinel-2-l2a", &nothing, -1000, NEW),
        (json!({pb: "05.10"}), "sentinel-2-l2a", &nothing, -1000, NEW),
        (json!({pb: "10.00"}), "sentinel-2-l2a", &nothing, -1000, NEW),
        (
            json!({"processing:version": "05.11"}),
            "sentinel-2-l2a",
            &nothing,
            -1000,
            NEW,
        ),
        // stactools-sentinel2 once summed the offsets of all bands.
        (
            json!({pb: "04.00"}),
            "",
            &json!({"raster:bands": [{"scale": 0.0001, "offset": -0.7}]}),
            -1000,
            NEW,
        ),
        (json!({pb: "02.09"}), "", &tenth, 0, OLD),
        // Earth Search v0 and others without a baseline.
        (json!({}), "sentinel-s2-l2a-cogs", &nothing, 0, NONE),
        (json!({pb: "unknown"}), "sentinel-2-l2a", &nothing, 0, NONE),
        (
            json!({pb: "unknown"}),
            "sentinel-2-l2a",
            &tenth,
            -1000,
            STATED,
        ),
        // Landsat, in the words of STAC 1.0 and 1.1.
        (
            json!({}),
            "landsat-c2-l2",
            &json!({"raster:bands": [{"scale": 2.75e-5, "offset": -0.2}]}),
            -7273,
            STATED,
        ),
        (
            json!({}),
            "landsat-c2-l2",
            &json!({"bands": [{"raster:scale": 2.75e-5, "raster:offset": -0.2}]}),
            -7273,
            STATED,
        ),
        (
            json!({}),
            "landsat-c2-l2",
            &json!({"raster:scale": 2.75e-5, "raster:offset": -0.2}),
            -7273,
            STATED,
        ),
        // HLS: a scale and no offset.
        (
            json!({}),
            "HLSS30.v2.0",
            &json!({"raster:bands": [{"scale": 0.0001}]}),
            0,
            NONE,
        ),
        // Optical thickness has its own scale and no offset of reflectance.
        (
            json!({pb: "05.11", es: "x"}),
            "sentinel-2-c1-l2a",
            &json!({"raster:bands": [{"scale": 0.001, "offset": 0}]}),
            0,
            STATED,
        ),
        // STAC 1.1 may say it once, for all assets of an item.
        (
            json!({"raster:scale": 0.0001, "raster:offset": -0.1}),
            "",
            &nothing,
            -1000,
            STATED,
        ),
        // What the asset says is nearer.
        (
            json!({"raster:scale": 0.0001, "raster:offset": -0.1}),
            "",
            &json!({"raster:bands": [{"scale": 0.0001, "offset": 0}]}),
            0,
            STATED,
        ),
        // A scale of nothing says nothing.
        (
            json!({}),
            "",
            &json!({"raster:bands": [{"scale": 0.0, "offset": -0.1}]}),
            0,
            NONE,
        ),
    ];
    for (properties, collection, asset, dn, why) in &table {
        // The rules ask the item, and not which archive it is from.
        for product in [Product::Sentinel2, Product::Other] {
            let found = of(product, properties, collection, asset, Operator::default());
            let expected = Scaling {
                gain: 1.0,
                offset: f64::from(*dn),
                rule: why,
            };
            assert_eq!(found, expected, "{properties} {collection} {asset}");
        }
        // The operator knows better, whatever there is.
        for offset in [0.0, -1000.0, 17.0] {
            let operator = Operator {
                offset: Some(offset),
                gain: None,
            };
            let found = of(Product::Sentinel2, properties, collection, asset, operator);
            assert_eq!((found.gain, found.offset), (1.0, offset));
            assert_eq!(found.rule, "the recipe");
        }
    }
}

#[test]
fn products_with_a_scale_of_their_own_come_to_the_common_one() {
    let landsat = json!({"raster:bands": [{"scale": 2.75e-5, "offset": -0.2}]});
    let hls = json!({"raster:bands": [{"scale": 0.0001, "nodata": -9999}]});
    let kelvin = json!({"raster:bands": [{"scale": 0.003_418_02, "offset": 149.0}]});
    let nothing = json!({});
    for (product, asset, gain, offset, rule) in [
        (
            Product::LandsatC2,
            &landsat,
            0.275,
            -2000.0,
            "Landsat Collection 2",
        ),
        (
            Product::LandsatC2,
            &nothing,
            0.275,
            -2000.0,
            "Landsat Collection 2",
        ),
        (Product::LandsatC2, &kelvin, 1.0, 0.0, "not reflectance"),
        (Product::HlsS30, &hls, 1.0, 0.0, "HLS"),
        (Product::HlsL30, &nothing, 1.0, 0.0, "HLS"),
    ] {
        let found = of(product, &nothing, "", asset, Operator::default());
        assert_eq!(found, Scaling { gain, offset, rule });
        let operator = Operator {
            gain: Some(2.0),
            offset: Some(3.0),
        };
        let found = of(product, &nothing, "", asset, operator);
        let rule = "the recipe";
        assert_eq!(
            found,
            Scaling {
                gain: 2.0,
                offset: 3.0,
                rule
            }
        );
    }
    let scl = scaling(Evidence {
        operator: Operator::default(),
        product: Product::Sentinel2,
        collection: None,
        properties: json!({"s2:processing_baseline": "05.09"})
            .as_object()
            .unwrap(),
        key: "SCL",
        asset: &Map::new(),
    });
    assert_eq!((scl.gain, scl.offset), (1.0, 0.0), "classes are no numbers");
}

#[test]
fn landsat_and_sentinel_2_of_one_reflectance_become_one_number() {
    for reflectance in [0.0005, 0.02, 0.1, 0.35, 1.2] {
        let landsat = ((reflectance + 0.2) / LANDSAT_SCALE).round();
        let common = reflectance * 10_000.0;
        let from_landsat = apply(u16::from_f64(landsat), LANDSAT_GAIN, LANDSAT_OFFSET);
        let from_sentinel = apply(u16::from_f64(common + 1000.0), 1.0, -1000.0);
        assert!((f64::from(from_landsat) - common).abs() <= 1.0);
        assert!((f64::from(from_sentinel) - common).abs() <= 0.5);
    }
}

#[test]
fn rounding_is_half_up_and_exact_for_every_number_there_is() {
    for dn in 1..=u16::MAX {
        // 0.275 is 11 fortieths.
        let exact = (i64::from(dn) * 11 - 80_000 + 20).div_euclid(40);
        assert_eq!(
            i64::from(apply(dn, LANDSAT_GAIN, LANDSAT_OFFSET)),
            exact.clamp(1, 65_535),
            "{dn}"
        );
        let shifted = i64::from(dn) - 1000;
        assert_eq!(
            i64::from(apply(dn, 1.0, -1000.0)),
            shifted.clamp(1, 65_535),
            "{dn}"
        );
    }
}

#[test]
fn nodata_stays_nodata_and_dark_pixels_stay_valid() {
    assert_eq!(apply(0, 1.0, -1000.0), 0);
    assert_eq!(apply(0, 1.0, 1000.0), 0);
    assert_eq!(apply(999, 1.0, -1000.0), 1);
    assert_eq!(apply(1000, 1.0, -1000.0), 1);
    assert_eq!(apply(1001, 1.0, -1000.0), 1);
    assert_eq!(apply(1002, 1.0, -1000.0), 2);
    assert_eq!(apply(5, 1.0, 0.0), 5);
    assert_eq!(apply(65_535, 1.0, 1000.0), 65_535);
    assert_eq!(apply(1, 1.0, f64::MIN), 1);
    assert_eq!(apply(1, 1.0, f64::MAX), 65_535);
    assert_eq!(scale(-31_i16, -9999, 1.0, 0.0), 1, "HLS has a sign");
    assert_eq!(apply(2, 0.75, 0.0), 2, "half is rounded up");
}
