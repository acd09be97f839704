use serde_json::json;

use super::*;
use crate::source::profile::Product;
use crate::source::testing::test_data;
use crate::source::{BandSpec, MaskSpec};
use crate::storage::Location;

fn spec() -> SourceSpec {
    let band = |name: &str| BandSpec {
        name: name.to_owned(),
        ..BandSpec::default()
    };
    SourceSpec {
        stac: "/data/items.json".to_owned(),
        collection: None,
        query: None,
        profile: None,
        bands: vec![band("red"), band("green")],
        mask: Some(MaskSpec {
            asset: Some("scl".to_owned()),
        }),
    }
}

/// An item as Earth Search has them, with some properties in place of its own.
fn item(id: &str, properties: &Value) -> Item {
    let mut value = json!({
        "id": id,
        "type": "Feature",
        "collection": "sentinel-2-l2a",
        "bbox": [15.0, 45.0, 16.4, 46.0],
        "properties": {
            "datetime": "2023-08-15T09:58:11.662Z",
            "platform": "sentinel-2a",
            "grid:code": "MGRS-33TWL",
            "s2:datatake_id": "GS2A_20230815T095031_042547_N05.09",
            "s2:datastrip_id": "S2A_OPER_MSI_L2A_DS_2APS_20230815T155057_S20230815T095630_N05.09",
            "s2:processing_baseline": "05.09",
            "s2:generation_time": "2023-08-15T15:50:57Z",
            "earthsearch:boa_offset_applied": true,
        },
        "assets": {
            "red": {"href": "B04.tif", "eo:bands": [{"name": "B04", "common_name": "red"}]},
            "green": {"href": "B03.tif"},
            "scl": {"href": "SCL.tif"},
        },
    });
    let own = value["properties"].as_object_mut().unwrap();
    own.extend(properties.as_object().unwrap().clone());
    own.retain(|_, value| !value.is_null());
    let mut item: Item = serde_json::from_value(value).unwrap();
    item.document = Some(Location::Local("/data/items.json".into()));
    item
}

fn reversed(items: &[Item]) -> Vec<Item> {
    items.iter().rev().cloned().collect()
}

fn ids(selection: &Selection) -> Vec<&str> {
    selection.scenes.iter().map(|s| s.id.as_str()).collect()
}

#[test]
fn a_scene_has_the_assets_of_the_spec_in_its_order() {
    let selection = select(&[item("a", &json!({}))], &spec()).unwrap();
    let [scene] = &selection.scenes[..] else {
        panic!("one scene")
    };
    let at = |name: &str| AssetHref::Local(format!("/data/{name}").into());
    let assets: Vec<&AssetHref> = scene.bands.iter().map(|band| &band.asset).collect();
    assert_eq!(assets, [&at("B04.tif"), &at("B03.tif")]);
    assert_eq!(scene.mask, Some(at("SCL.tif")));
    assert_eq!(scene.overpass, "GS2A_20230815T095031_042547");
    assert_eq!(scene.processing_baseline.as_deref(), Some("05.09"));
    let [red, _] = &scene.bands[..] else {
        panic!("two bands")
    };
    assert_eq!((red.gain, red.offset, red.nodata), (1.0, 0.0, Some(0.0)));
    assert_eq!(red.offset_rule, "earthsearch:boa_offset_applied is true");
    assert_eq!(scene.mask_profile, Some("scl-default"));
    assert_eq!(scene.profile, Profile::EarthSearch);
}

#[test]
fn an_item_without_an_asset_is_left_out_and_told() {
    let mut lacking = item("b", &json!({"grid:code": "MGRS-33TWM"}));
    lacking.assets.remove("scl");
    let selection = select(&[lacking, item("a", &json!({}))], &spec()).unwrap();
    assert_eq!(ids(&selection), ["a"]);
    assert_eq!(
        selection.skipped,
        [Skipped {
            item: "b".to_owned(),
            reason: Reason::NoAsset("scl".to_owned())
        }]
    );
    assert_eq!(select(&[], &spec()).unwrap(), Selection::default());
}

#[test]
fn an_asset_that_no_item_has_is_an_error_with_the_name_that_was_meant() {
    let renamed = |from: &str, to: &str| {
        let mut item = item("a", &json!({}));
        let asset = item.assets.remove(from).unwrap();
        item.assets.insert(to.to_owned(), asset);
        select(&[item], &spec()).unwrap_err().to_string()
    };
    assert_eq!(
        renamed("scl", "SCL"),
        "no item that was found has an asset `scl`: did you mean `SCL`?"
    );
    assert!(renamed("red", "B04_10m").ends_with("did you mean `B04_10m`?"));
    assert!(renamed("green", "xyz").ends_with("an asset `green`"));
}

#[test]
fn of_several_processings_of_one_take_the_newest_is_taken() {
    let newer_baseline = json!({
        "s2:processing_baseline": "05.10",
        "s2:datatake_id": "GS2A_20230815T095031_042547_N05.10",
        "s2:datastrip_id": "S2A_OPER_MSI_L2A_DS_S2RP_20240901T000000_S20230815T095630_N05.10",
        "s2:generation_time": "2020-01-01T00:00:00Z",
    });
    let later = json!({"s2:generation_time": "2023-08-16T00:00:00Z"});
    for (properties, newest) in [
        ([json!({}), newer_baseline.clone(), later.clone()], "b"),
        ([later.clone(), json!({}), json!({})], "a"),
        ([json!({}), json!({}), json!({})], "c"),
        // A baseline is not a text: 10.00 is newer than 05.09.
        (
            [json!({"s2:processing_baseline": "10.00"}), later, json!({})],
            "a",
        ),
    ] {
        let items: Vec<Item> = ["a", "b", "c"]
            .iter()
            .zip(&properties)
            .map(|(id, properties)| item(id, properties))
            .collect();
        let forward = select(&items, &spec()).unwrap();
        assert_eq!(ids(&forward), [newest]);
        assert_eq!(forward.skipped.len(), 2);
        let backward = select(&reversed(&items), &spec()).unwrap();
        assert_eq!(forward.scenes, backward.scenes);
    }
}

/// An item of an archive, with assets of these keys.
fn item_of(collection: &str, keys: &[&str], properties: &Value) -> Item {
    let assets: Map<String, Value> = keys
        .iter()
        .map(|key| ((*key).to_owned(), json!({"href": format!("{key}.tif")})))
        .collect();
    let mut properties = properties.clone();
    properties["datetime"] = json!("2023-08-15T09:58:11Z");
    let value = json!({
        "id": "x", "collection": collection, "bbox": [15.0, 45.0, 16.4, 46.0],
        "properties": properties, "assets": assets,
    });
    let mut item: Item = serde_json::from_value(value).unwrap();
    item.document = Some(Location::Local("/data/items.json".into()));
    item
}

/// Red, near infrared and the archive's own mask, by their names alone.
fn by_name(profile: Option<Profile>) -> SourceSpec {
    let band = |name: &str| BandSpec {
        name: name.to_owned(),
        ..BandSpec::default()
    };
    SourceSpec {
        profile,
        bands: vec![band("red"), band("nir")],
        mask: Some(MaskSpec::default()),
        ..spec()
    }
}

fn keys(scene: &Scene) -> Vec<String> {
    let stem = |href: &AssetHref| match href {
        Location::Local(path) => path.file_stem().unwrap().to_string_lossy().into_owned(),
        Location::Http(_) | Location::Bucket(_) => panic!("a local file"),
    };
    let bands = scene.bands.iter().map(|band| stem(&band.asset));
    bands.chain(scene.mask.iter().map(stem)).collect()
}

#[test]
fn bands_by_their_common_names_are_found_in_every_archive() {
    let esa = ["B04", "B05", "B08", "B8A", "SCL"];
    let hls = ["B04", "B05", "B08", "B8A", "Fmask"];
    let planetary = Some(Profile::PlanetaryComputer);
    let sentinel = (1.0, 0.0, Some(0.0), "scl-default");
    let hls_scale = (1.0, 0.0, Some(-9999.0), "fmask");
    let landsat = (0.275, -2000.0, Some(0.0), "qa-pixel");
    for (profile, collection, has, wanted, (gain, offset, nodata, mask)) in [
        (
            None,
            "sentinel-2-c1-l2a",
            &["red", "nir", "nir08", "scl"][..],
            ["red", "nir", "scl"],
            (1.0, -1000.0, Some(0.0), "scl-default"),
        ),
        (
            None,
            "sentinel-s2-l2a-cogs",
            &esa,
            ["B04", "B08", "SCL"],
            sentinel,
        ),
        (
            planetary,
            "sentinel-2-l2a",
            &esa,
            ["B04", "B08", "SCL"],
            sentinel,
        ),
        (
            None,
            "HLSS30.v2.0",
            &hls,
            ["B04", "B8A", "Fmask"],
            hls_scale,
        ),
        (
            None,
            "HLSS30.v2.0",
            &["B04", "B08", "Fmask"],
            ["B04", "B08", "Fmask"],
            hls_scale,
        ),
        (
            None,
            "HLSL30.v2.0",
            &hls,
            ["B04", "B05", "Fmask"],
            hls_scale,
        ),
        (
            planetary,
            "hls2-l30",
            &hls,
            ["B04", "B05", "Fmask"],
            hls_scale,
        ),
        (
            None,
            "landsat-c2-l2",
            &["red", "nir08", "qa_pixel"],
            ["red", "nir08", "qa_pixel"],
            landsat,
        ),
        (
            Some(Profile::LandsatC2),
            "mine",
            &["red", "nir08", "qa_pixel"],
            ["red", "nir08", "qa_pixel"],
            landsat,
        ),
        // What the item has wins over what the profile knows.
        (
            planetary,
            "sentinel-2-l2a",
            &["red", "B04", "B08", "SCL"],
            ["red", "B08", "SCL"],
            sentinel,
        ),
    ] {
        let item = item_of(collection, has, &json!({}));
        let selection = select(&[item], &by_name(profile)).unwrap();
        let scene = &selection.scenes[0];
        assert_eq!(keys(scene), wanted, "{collection}");
        for band in &scene.bands {
            assert_eq!((band.gain, band.offset), (gain, offset), "{collection}");
            assert_eq!(band.nodata, nodata, "{collection}");
        }
        assert_eq!(scene.mask_profile, Some(mask), "{collection}");
    }
}

#[test]
fn an_asset_that_a_recipe_names_is_taken_and_no_other() {
    let item = item_of(
        "HLSS30.v2.0",
        &["B04", "B08", "B8A", "Fmask", "mine"],
        &json!({}),
    );
    let mut spec = by_name(None);
    spec.bands[1].asset = Some("B08".to_owned());
    spec.mask = Some(MaskSpec {
        asset: Some("mine".to_owned()),
    });
    let selection = select(std::slice::from_ref(&item), &spec).unwrap();
    assert_eq!(keys(&selection.scenes[0]), ["B04", "B08", "mine"]);
    spec.bands[1].asset = Some("nir".to_owned());
    let error = select(&[item], &spec).unwrap_err().to_string();
    assert!(error.contains("an asset `nir`"), "{error}");
}

#[test]
fn a_mask_without_an_asset_needs_a_known_archive() {
    let item = item_of("mine", &["red", "nir", "clouds"], &json!({}));
    let error = select(&[item], &by_name(None)).unwrap_err().to_string();
    assert!(error.contains("the items of mine"), "{error}");
    assert!(error.contains("`source.profile`"), "{error}");
}

#[test]
fn a_recipe_may_give_scale_and_offset_for_a_band() {
    let item = item_of("mine", &["red", "nir"], &json!({}));
    let mut spec = by_name(None);
    spec.mask = None;
    spec.bands[0].offset = Some(-500.0);
    spec.bands[1].scale = Some(10_000.0);
    let scenes = select(&[item], &spec).unwrap().scenes;
    let [red, nir] = &scenes[0].bands[..] else {
        panic!("two bands")
    };
    assert_eq!((red.gain, red.offset), (1.0, -500.0));
    assert_eq!(red.offset_rule, "the recipe");
    assert_eq!((nir.gain, nir.offset), (10_000.0, 0.0));
    assert_eq!(nir.offset_rule, "none stated");
}

#[test]
fn missing_pixels_of_an_unknown_archive_are_those_that_its_items_state() {
    for (fields, nodata) in [
        (json!({}), None),
        (
            json!({"raster:bands": [{"nodata": -32768}]}),
            Some(-32768.0),
        ),
        (json!({"bands": [{"nodata": 255}]}), Some(255.0)),
        (json!({"nodata": 1}), Some(1.0)),
        (json!({"nodata": "other"}), None),
    ] {
        let mut item = item_of("mine", &["red", "nir"], &json!({}));
        if let Some(red) = item.assets.get_mut("red") {
            red.fields = fields.as_object().unwrap().clone();
        }
        let mut spec = by_name(None);
        spec.mask = None;
        let scenes = select(&[item], &spec).unwrap().scenes;
        assert_eq!(scenes[0].bands[0].nodata, nodata, "{fields}");
    }
}

#[test]
fn what_an_item_says_of_its_georeference_is_of_no_matter() {
    let expected = select(&[item("a", &json!({}))], &spec()).unwrap();
    for properties in [
        json!({"proj:epsg": 32760, "proj:transform": [10, 0, 1, 0, -10, 2, 0, 0, 1]}),
        json!({"proj:code": "EPSG:3031", "proj:shape": [1, 1]}),
        json!({"proj:epsg": null, "proj:code": "none", "proj:transform": "?"}),
    ] {
        let mut wrong = item("a", &properties);
        if let Some(red) = wrong.assets.get_mut("red") {
            let own = json!({"proj:transform": [1, 2, 3], "proj:shape": null, "proj:bbox": 7});
            red.fields.extend(own.as_object().unwrap().clone());
        }
        assert_eq!(select(&[wrong], &spec()).unwrap(), expected);
    }
}

#[test]
fn a_later_processing_of_a_landsat_scene_takes_its_place() {
    let processed = |id: &str, created: &str| Item {
        id: id.to_owned(),
        ..item_of(
            "landsat-c2-l2",
            &["red", "nir08", "qa_pixel"],
            &json!({"platform": "landsat-8", "landsat:wrs_path": "190",
                    "landsat:wrs_row": "028", "created": created}),
        )
    };
    let items = [
        processed(
            "LC08_L2SP_190028_20230815_20230816_02_RT",
            "2023-08-16T00:00:00Z",
        ),
        processed(
            "LC08_L2SP_190028_20230815_20230828_02_T1",
            "2023-08-28T00:00:00Z",
        ),
    ];
    let selection = select(&items, &by_name(None)).unwrap();
    assert_eq!(
        ids(&selection),
        ["LC08_L2SP_190028_20230815_20230828_02_T1"]
    );
}

#[test]
fn parts_of_a_split_datatake_and_other_tiles_are_all_kept() {
    let items = vec![
        item("a", &json!({})),
        item(
            "b",
            &json!({"s2:datastrip_id":
                "S2A_OPER_MSI_L2A_DS_2APS_20230815T160000_S20230815T095800_N05.09"}),
        ),
        item("c", &json!({"grid:code": "MGRS-33TWM"})),
        item("d", &json!({"grid:code": null, "s2:mgrs_tile": "33TWN"})),
        item("e", &json!({"grid:code": null})),
        item("f", &json!({"grid:code": null})),
    ];
    let selection = select(&items, &spec()).unwrap();
    assert_eq!(ids(&selection), ["a", "b", "c", "d", "e", "f"]);
    assert!(
        selection
            .scenes
            .iter()
            .all(|s| s.overpass == "GS2A_20230815T095031_042547")
    );
}

#[test]
fn without_a_datatake_an_overpass_is_a_platform_and_a_solar_day() {
    let overpass = |bbox: [f64; 4], datetime: &str| {
        let mut item = item(
            "a",
            &json!({"s2:datatake_id": null, "platform": "LANDSAT_8", "datetime": datetime}),
        );
        item.bbox = Some(bbox.to_vec());
        select(&[item], &spec()).unwrap().scenes[0].overpass.clone()
    };
    let here = |west: f64, east: f64, time| overpass([west, 10.0, east, 11.0], time);
    // 10:30 in the morning of the 15th, in New Zealand, Zagreb and Hawaii.
    assert_eq!(
        here(174.0, 176.0, "2023-08-14T22:50:00Z"),
        "landsat_8_2023-08-15"
    );
    assert_eq!(
        here(15.0, 16.0, "2023-08-15T09:30:00Z"),
        "landsat_8_2023-08-15"
    );
    assert_eq!(
        here(-157.0, -155.0, "2023-08-15T20:54:00Z"),
        "landsat_8_2023-08-15"
    );
    // Across the antimeridian, at 179 degrees west of its centre.
    assert_eq!(
        here(178.0, -179.0, "2023-08-14T22:30:00Z"),
        "landsat_8_2023-08-15"
    );
    assert_eq!(
        here(179.0, -177.0, "2023-08-15T22:30:00Z"),
        "landsat_8_2023-08-15"
    );
}

#[test]
fn scenes_are_in_the_same_order_whatever_the_order_of_the_items() {
    let items: Vec<Item> = [("c", 2), ("a", 1), ("b", 2), ("d", 0)]
        .iter()
        .map(|(id, day)| {
            item(
                id,
                &json!({"s2:datatake_id": format!("GS2A_2023080{day}T095031_042547_N05.09"),
                        "grid:code": id}),
            )
        })
        .collect();
    let forward = select(&items, &spec()).unwrap();
    assert_eq!(ids(&forward), ["d", "a", "b", "c"]);
    let backward = select(&reversed(&items), &spec()).unwrap();
    assert_eq!(forward, backward);
}

#[test]
fn a_remote_item_with_a_local_asset_is_an_error_that_names_both() {
    let mut item = item("a", &json!({}));
    item.document = Some(Location::parse("https://example.com/search").unwrap());
    if let Some(red) = item.assets.get_mut("red") {
        red.href = "file:///data/B04.tif".to_owned();
    }
    let error = select(&[item], &spec()).unwrap_err().to_string();
    assert!(error.starts_with("asset `red` of item a: "), "{error}");
}

/// All items below a folder of real ones, with the file each is from.
fn items_below(folder: &std::path::Path, items: &mut Vec<(String, Value)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            items_below(&path, items);
        } else if path
            .extension()
            .is_some_and(|e| e == "json" || e == "geojson")
        {
            let mut document: Value =
                serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let name = path.display().to_string();
            if document["type"] == "Feature" {
                items.push((name, document));
            } else if let Value::Array(features) = document["features"].take() {
                items.extend(features.into_iter().map(|item| (name.clone(), item)));
            }
        }
    }
}

#[test]
fn real_items_of_many_archives_are_read() {
    let Some(folder) = test_data() else {
        return;
    };
    let mut items = Vec::new();
    items_below(&folder.join("stac-items"), &mut items);
    assert!(items.len() > 40, "{}", items.len());
    for (file, value) in items {
        let item: Item = serde_json::from_value(value).unwrap_or_else(|e| panic!("{file}: {e}"));
        let parts = footprint(item.bbox.as_deref(), item.geometry.as_ref());
        assert!((1..=2).contains(&parts.len()), "{file}");
        for part in parts {
            // Degrees get short towards the poles: none is wider than 10 on the equator.
            let latitude = part.south.midpoint(part.north).to_radians();
            let wide = (part.east - part.west) * latitude.cos();
            assert!(
                (-180.0..=180.0).contains(&part.west) && wide < 10.0,
                "{file}: {part:?}"
            );
        }
        if let Some(datetime) = item.datetime() {
            assert!(!overpass(&item, datetime, &[]).contains("_N0"), "{file}");
        }
    }
}

#[test]
fn real_items_of_known_archives_have_their_bands_by_common_names() {
    let Some(folder) = test_data() else {
        return;
    };
    let mut items = Vec::new();
    items_below(
        &folder.join("stac-items/pystac-client_extracted"),
        &mut items,
    );
    let mut seen = std::collections::BTreeSet::new();
    for (file, value) in items {
        // What the document they were cut from would tell.
        let profile = file
            .contains("planetarycomputer_")
            .then_some(Profile::PlanetaryComputer);
        let item: Item = serde_json::from_value(value).unwrap();
        let Some(collection) = item.collection.clone().filter(|id| !id.ends_with("l1c")) else {
            continue;
        };
        let chosen = Chosen::of(&item, &by_name(profile));
        assert_eq!(chosen.lacking(), None, "{file} {}", item.id);
        let product = chosen.product;
        assert_eq!(product == Product::LandsatC2, collection == "landsat-c2-l2");
        seen.insert(collection);
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [
            "landsat-c2-l2",
            "sentinel-2-c1-l2a",
            "sentinel-2-l2a",
            "sentinel-s2-l2a-cogs"
        ]
    );
}
