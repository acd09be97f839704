use super::*;
use serde_json::json;

fn origin<'a>(
    host: &'a str,
    collection: &'a str,
    properties: &'a Map<String, Value>,
) -> Origin<'a> {
    Origin {
        host: Some(host).filter(|host| !host.is_empty()),
        collection: Some(collection).filter(|id| !id.is_empty()),
        id: "x",
        properties,
    }
}

#[test]
fn a_profile_is_told_by_the_address_the_properties_or_the_collection() {
    let nothing = Map::new();
    let flagged = json!({"earthsearch:boa_offset_applied": true});
    let flagged = flagged.as_object().unwrap();
    let earth_search = "earth-search.aws.element84.com";
    let planetary = "planetarycomputer.microsoft.com";
    for (host, collection, properties, profile, product) in [
        (
            earth_search,
            "sentinel-2-l2a",
            &nothing,
            Profile::EarthSearch,
            Product::Sentinel2,
        ),
        (
            "",
            "sentinel-2-l2a",
            flagged,
            Profile::EarthSearch,
            Product::Sentinel2,
        ),
        (
            "",
            "sentinel-2-c1-l2a",
            &nothing,
            Profile::EarthSearch,
            Product::Sentinel2,
        ),
        (
            "",
            "sentinel-s2-l2a-cogs",
            &nothing,
            Profile::EarthSearch,
            Product::Sentinel2,
        ),
        (
            earth_search,
            "landsat-c2-l2",
            &nothing,
            Profile::EarthSearch,
            Product::LandsatC2,
        ),
        (
            planetary,
            "sentinel-2-l2a",
            &nothing,
            Profile::PlanetaryComputer,
            Product::Sentinel2,
        ),
        (
            planetary,
            "hls2-s30",
            &nothing,
            Profile::PlanetaryComputer,
            Product::HlsS30,
        ),
        (
            planetary,
            "landsat-c2-l2",
            &nothing,
            Profile::PlanetaryComputer,
            Product::LandsatC2,
        ),
        ("", "HLSS30.v2.0", &nothing, Profile::Hls, Product::HlsS30),
        ("", "HLSL30_2.0", &nothing, Profile::Hls, Product::HlsL30),
        ("", "hls2-l30", &nothing, Profile::Hls, Product::HlsL30),
        (
            "",
            "landsat-c2-l2",
            &nothing,
            Profile::LandsatC2,
            Product::LandsatC2,
        ),
        (
            "",
            "landsat-c2l2-sr",
            &nothing,
            Profile::LandsatC2,
            Product::LandsatC2,
        ),
        (
            "example.com",
            "sentinel-2-l2a",
            &nothing,
            Profile::Generic,
            Product::Other,
        ),
        ("", "", &nothing, Profile::Generic, Product::Other),
        // A host that only looks like it gets no signatures.
        (
            "planetarycomputer.microsoft.com.example.com",
            "",
            &nothing,
            Profile::Generic,
            Product::Other,
        ),
    ] {
        let origin = origin(host, collection, properties);
        assert_eq!(Profile::of(origin), profile, "{host} {collection}");
        assert_eq!(profile.product(origin), product, "{host} {collection}");
    }
}

#[test]
fn an_item_of_hls_without_a_collection_tells_its_half_by_its_id() {
    let nothing = Map::new();
    let of = |id| {
        Profile::Hls.product(Origin {
            id,
            ..origin("", "", &nothing)
        })
    };
    assert_eq!(of("HLS.L30.T35UNQ.2022078T092029.v2.0"), Product::HlsL30);
    assert_eq!(of("HLS.S30.T35UNQ.2022078T092029.v2.0"), Product::HlsS30);
}

#[test]
fn every_known_product_has_red_near_infrared_and_a_mask() {
    for product in [
        Product::Sentinel2,
        Product::HlsS30,
        Product::HlsL30,
        Product::LandsatC2,
    ] {
        assert!(!product.assets("nir").is_empty(), "{product:?}");
        assert!(product.mask().is_some(), "{product:?}");
        assert!(product.nodata().is_some(), "{product:?}");
    }
    assert_eq!(Product::Other.assets("red"), [""; 0]);
    assert_eq!(Product::Other.mask(), None);
}

#[test]
fn what_is_not_reflectance_is_known_by_its_key() {
    for (product, key, expected) in [
        (Product::Sentinel2, "B04", true),
        (Product::Sentinel2, "red_20m", true),
        (Product::Sentinel2, "SCL", false),
        (Product::Sentinel2, "aot_60m", false),
        (Product::LandsatC2, "nir08", true),
        (Product::LandsatC2, "SR_B4.TIF", true),
        (Product::LandsatC2, "lwir11", false),
        (Product::LandsatC2, "qa_pixel", false),
    ] {
        assert_eq!(product.is_reflectance(key), expected, "{key}");
    }
}

#[test]
fn a_profile_is_written_as_in_a_recipe() {
    for (text, profile) in [
        ("earth-search", Profile::EarthSearch),
        ("planetary-computer", Profile::PlanetaryComputer),
        ("hls", Profile::Hls),
        ("landsat-c2", Profile::LandsatC2),
        ("generic", Profile::Generic),
    ] {
        let read: Profile = serde_json::from_value(json!(text)).unwrap();
        assert_eq!(read, profile);
        assert_eq!(serde_json::to_value(profile).unwrap(), json!(text));
    }
}
