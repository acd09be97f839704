use serde_json::json;

use super::*;
use crate::source::testing::test_data;
use crate::source::{BandSpec, MaskSpec};
use crate::storage::Location;

fn spec() -> SourceSpec {
    let band = |name: &str| BandSpec {
        name: name.to_owned(),
        asset: name.to_owned(),
    };
    SourceSpec {
        stac: "/data/items.json".to_owned(),
        collection: None,
        query: None,
        bands: vec![band("red"), band("green")],
        mask: Some(MaskSpec {
            asset: "scl".to_owned(),
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

fn ids(selection: &Selection) -> Vec<&str> {
    selection.scenes.iter().map(|s| s.id.as_str()).collect()
}

#[test]
fn a_scene_has_the_assets_of_the_spec_in_its_order() {
    let selection = select(vec![item("a", &json!({}))], &spec()).unwrap();
    let [scene] = &selection.scenes[..] else {
        panic!("one scene")
    };
    let at = |name: &str| AssetHref::Local(format!("/data/{name}").into());
    let assets: Vec<&AssetHref> = scene.bands.iter().map(|band| &band.asset).collect();
    assert_eq!(assets, [&at("B04.tif"), &at("B03.tif")]);
    assert_eq!(scene.mask, Some(at("SCL.tif")));
    assert_eq!(scene.overpass, "GS2A_20230815T095031_042547");
    assert_eq!(scene.processing_baseline.as_deref(), Some("05.09"));
    assert_eq!(scene.bands[0].offset, 0);
    assert_eq!(
        scene.bands[0].offset_rule,
        "earthsearch:boa_offset_applied is true"
    );
}

#[test]
fn an_item_without_an_asset_is_left_out_and_told() {
    let mut lacking = item("b", &json!({"grid:code": "MGRS-33TWM"}));
    lacking.assets.remove("scl");
    let selection = select(vec![lacking, item("a", &json!({}))], &spec()).unwrap();
    assert_eq!(ids(&selection), ["a"]);
    assert_eq!(
        selection.skipped,
        [Skipped {
            item: "b".to_owned(),
            reason: Reason::NoAsset("scl".to_owned())
        }]
    );
    assert_eq!(select(Vec::new(), &spec()).unwrap(), Selection::default());
}

#[test]
fn an_asset_that_no_item_has_is_an_error_with_the_name_that_was_meant() {
    let renamed = |from: &str, to: &str| {
        let mut item = item("a", &json!({}));
        let asset = item.assets.remove(from).unwrap();
        item.assets.insert(to.to_owned(), asset);
        select(vec![item], &spec()).unwrap_err().to_string()
    };
    assert_eq!(
        renamed("scl", "SCL"),
        "no item that was found has an asset `scl`: did you mean `SCL`?"
    );
    assert!(renamed("red", "B04").ends_with("did you mean `B04`?"));
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
        let forward = select(items.clone(), &spec()).unwrap();
        assert_eq!(ids(&forward), [newest]);
        assert_eq!(forward.skipped.len(), 2);
        let backward = select(items.into_iter().rev().collect(), &spec()).unwrap();
        assert_eq!(forward.scenes, backward.scenes);
    }
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
    let selection = select(items, &spec()).unwrap();
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
        select(vec![item], &spec()).unwrap().scenes[0]
            .overpass
            .clone()
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
    let forward = select(items.clone(), &spec()).unwrap();
    assert_eq!(ids(&forward), ["d", "a", "b", "c"]);
    let backward = select(items.into_iter().rev().collect(), &spec()).unwrap();
    assert_eq!(forward, backward);
}

#[test]
fn a_remote_item_with_a_local_asset_is_an_error_that_names_both() {
    let mut item = item("a", &json!({}));
    item.document = Some(Location::parse("https://example.com/search").unwrap());
    if let Some(red) = item.assets.get_mut("red") {
        red.href = "file:///data/B04.tif".to_owned();
    }
    let error = select(vec![item], &spec()).unwrap_err().to_string();
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
