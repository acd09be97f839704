//! Cubes as a Web Map Service.

use std::process::Command;

use cubetiler::{config::Config, http::Access};
use reqwest::{Response, header};
use serde_json::{Value, json};

use crate::{
    external::write_plain,
    fixture::{CELL, Local, NORTH, SIDE, Server, WEST},
    reference::script,
    round_trip::decode,
    support::{cubetiler, python, succeed},
    titiler_cube,
};

/// All of a map of the whole cube, a pixel a cell, but its service.
fn whole(version: &str) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let side = SIDE as f64 * CELL;
    let (east, south) = (WEST + side, NORTH - side);
    let place = match version {
        "1.3.0" => format!("CRS=EPSG:4326&BBOX={south},{WEST},{NORTH},{east}"),
        _ => format!("SRS=EPSG:4326&BBOX={WEST},{south},{east},{NORTH}"),
    };
    format!(
        "SERVICE=WMS&VERSION={version}&REQUEST=GetMap&LAYERS=formula&STYLES=&FORMAT=image/png&{place}\
         &WIDTH={SIDE}&HEIGHT={SIDE}"
    )
}

async fn served() -> (Local, Server) {
    let local = Local::new();
    let store = local.create("cube");
    succeed(&mut cubetiler(&["build", &store]));
    let server = Server::start(store.into(), Access::Off, "").await;
    (local, server)
}

/// Red, green, blue and alpha of every pixel.
async fn pixels(answer: Response) -> Vec<[u8; 4]> {
    let status = answer.status();
    let bytes = answer.bytes().await.unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&bytes));
    let mut decoder = png::Decoder::new(std::io::Cursor::new(&bytes[..]));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut data).unwrap();
    let samples = info.color_type.samples();
    data[..info.buffer_size()]
        .chunks_exact(samples)
        .map(|pixel| match *pixel {
            [gray, alpha] => [gray, gray, gray, alpha],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => panic!("{samples} samples"),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_of_either_version_has_the_cells_of_the_cube() {
    let (_local, server) = served().await;
    let style = "variable=red&rescale=1000,2000";
    let preview = server
        .get(&format!("/cubes/formula/preview.png?{style}"))
        .await;
    let expected = pixels(preview).await;
    assert_eq!(expected.len(), SIDE * SIDE);
    assert!(expected.iter().any(|pixel| pixel[3] == 255));
    for version in ["1.3.0", "1.1.1"] {
        for service in ["/wms", "/cubes/formula/wms"] {
            for time in [
                "",
                "&TIME=2023-08-01",
                "&time=2023-08-01T00:00:00Z",
                "&TIME=current",
                "&TIME=2023-08-01/2023-08-31",
                "&TIME=2023-01-01/2023-12-31/P1M",
            ] {
                let path = format!(
                    "{service}?{}&TRANSPARENT=TRUE&{style}{time}",
                    whole(version)
                );
                let answer = server.get(&path).await;
                assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/png");
                assert!(answer.headers().contains_key("etag"));
                assert_eq!(pixels(answer).await, expected, "{path}");
            }
        }
    }
    // The order of the other version shows another place, where there is nothing.
    let turned = whole("1.1.1")
        .replace("1.1.1", "1.3.0")
        .replace("SRS", "CRS");
    let nothing = server
        .get(&format!("/wms?{turned}&TRANSPARENT=TRUE&{style}"))
        .await;
    assert!(pixels(nothing).await.iter().all(|pixel| *pixel == [0; 4]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_nowhere_has_the_colour_of_the_background_unless_it_is_transparent() {
    let (_local, server) = served().await;
    let map = whole("1.3.0").replace("5.905", "5.705");
    let style = "variable=red&rescale=1000,2000";
    for (query, expected) in [
        ("", [255, 255, 255, 255]),
        ("&BGCOLOR=0xFF0080", [255, 0, 128, 255]),
        ("&TRANSPARENT=true&BGCOLOR=0xFF0080", [0, 0, 0, 0]),
    ] {
        let shown = pixels(server.get(&format!("/wms?{map}&{style}{query}")).await).await;
        // The west of the map is beside the cube.
        assert_eq!(shown[SIDE * SIDE / 2], expected, "{query}");
        let inside = shown[SIDE * SIDE / 2 + SIDE - 8];
        assert_eq!((inside[3], inside[0] == inside[1]), (255, true), "{query}");
    }
    let answer = server
        .get(&format!(
            "/wms?{}&{style}",
            map.replace("image/png", "image/jpeg")
        ))
        .await;
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "image/jpeg");
    let answer = server
        .get(&format!(
            "/wms?{}&{style}",
            map.replace("image/png", "image/tiff")
        ))
        .await;
    assert_eq!(
        answer.headers()[header::CONTENT_TYPE],
        "image/tiff; application=geotiff"
    );
    assert_eq!(
        answer.headers()["content-crs"],
        "<http://www.opengis.net/def/crs/EPSG/0/4326>"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_style_is_a_name_of_a_colormap_and_parameters_of_tiles_win() {
    let (_local, server) = served().await;
    let map = whole("1.3.0") + "&TRANSPARENT=TRUE&variable=red&rescale=1000,2000";
    let named = server
        .get(&format!(
            "/wms?{}",
            map.replace("STYLES=", "STYLES=viridis")
        ))
        .await;
    let written = server
        .get(&format!("/wms?{map}&colormap_name=viridis"))
        .await;
    let (named, written) = (pixels(named).await, pixels(written).await);
    assert_eq!(named, written);
    assert!(named.iter().any(|pixel| pixel[0] != pixel[1]));
    let query = map.replace("STYLES=", "STYLES=viridis") + "&colormap_name=gray";
    let gray = pixels(server.get(&format!("/wms?{query}")).await).await;
    assert!(gray.iter().all(|pixel| pixel[0] == pixel[1]));
    let legend =
        "/wms?REQUEST=GetLegendGraphic&LAYER=formula&STYLE=viridis&variable=red&rescale=0,1";
    let request = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let answer = request
        .build()
        .unwrap()
        .get(format!("{}{legend}", server.url))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(
        answer.headers()[header::LOCATION],
        format!(
            "{}/cubes/formula/legend.png?colormap_name=viridis&variable=red&rescale=0,1",
            server.url
        )
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pixel_of_a_map_tells_the_values_of_the_cube() {
    let (_local, server) = served().await;
    for (version, keys) in [("1.3.0", "I=10&J=20"), ("1.1.1", "X=10&Y=20")] {
        let map = whole(version).replace("GetMap", "GetFeatureInfo");
        let path = format!("/wms?{map}&QUERY_LAYERS=formula&{keys}&INFO_FORMAT=application/json");
        let told: Value = server.get(&path).await.json().await.unwrap();
        let feature = &told["features"][0];
        let [lon, lat] = [0, 1].map(|n| feature["geometry"]["coordinates"][n].as_f64().unwrap());
        assert!((lon - (WEST + 10.5 * CELL)).abs() < 1e-9, "{lon}");
        assert!((lat - (NORTH - 20.5 * CELL)).abs() < 1e-9, "{lat}");
        assert_eq!(feature["properties"]["red"], json!(1200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_told_in_the_form_of_its_version_or_as_a_blank_picture() {
    let (_local, server) = served().await;
    let changed = |from: &str, to: &str| whole("1.3.0").replace(from, to);
    for (query, status, code) in [
        (changed("=formula", "=formla"), 400, "LayerNotDefined"),
        (
            changed("=formula", "=formula,formula"),
            400,
            "LayerNotDefined",
        ),
        (changed("STYLES=", "STYLES=viridus"), 400, "StyleNotDefined"),
        (changed("EPSG:4326", "EPSG:999999"), 400, "InvalidCRS"),
        // Heights.
        (changed("EPSG:4326", "EPSG:5773"), 400, "InvalidCRS"),
        (changed("image/png", "image/gif"), 400, "InvalidFormat"),
        (changed("&BBOX=", "&BOX="), 400, "MissingParameterValue"),
        (
            changed("&WIDTH=64", "&WIDTH=5000"),
            400,
            "InvalidParameterValue",
        ),
        (
            whole("1.3.0") + "&TIME=1999-01-01/2000-01-01",
            400,
            "InvalidDimensionValue",
        ),
        (
            whole("1.3.0") + "&varable=red",
            400,
            "InvalidParameterValue",
        ),
        (
            changed("GetMap", "DescribeLayer"),
            501,
            "OperationNotSupported",
        ),
    ] {
        let answer = server.get(&format!("/wms?{query}")).await;
        assert_eq!(answer.status(), status, "{query}");
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/xml");
        assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
        let text = answer.text().await.unwrap();
        let expected = format!("code=\"{code}\"");
        assert!(
            text.contains("version=\"1.3.0\"") && text.contains(&expected),
            "{query}: {text}"
        );
    }
    let old = whole("1.1.1").replace("=formula", "=formla");
    let answer = server.get(&format!("/wms?{old}")).await;
    assert_eq!(
        answer.headers()[header::CONTENT_TYPE],
        "application/vnd.ogc.se_xml"
    );
    let text = answer.text().await.unwrap();
    assert!(text.contains("<!DOCTYPE ServiceExceptionReport"), "{text}");
    let blank = server
        .get(&format!(
            "/wms?{old}&EXCEPTIONS=application/vnd.ogc.se_blank"
        ))
        .await;
    assert!(pixels(blank).await.iter().all(|pixel| *pixel == [255; 4]));
    let largest = changed("=formula", "=formla").replace("=64", "=4096");
    let blank = format!("/wms?{largest}&EXCEPTIONS=BLANK&TRANSPARENT=TRUE");
    let shown = pixels(server.get(&blank).await).await;
    assert_eq!(shown.len(), 4096 * 4096);
    assert!(shown.iter().all(|pixel| pixel[3] == 0));
    assert_eq!(
        server
            .get("/cubes/nowhere/wms?REQUEST=GetMap")
            .await
            .status(),
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn owslib_reads_the_services_and_their_documents_follow_the_schemas() {
    let (_local, server) = served().await;
    let Some(python) = python() else { return };
    let mut read = Command::new(python);
    read.args([
        "-W",
        "ignore",
        &script("ogc_services.py"),
        &server.url,
        "formula",
        "2023-08-01",
    ]);
    tokio::task::block_in_place(|| succeed(&mut read));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_in_the_system_that_is_asked_for() {
    let (_local, server) = served().await;
    let path = "/cubes/formula/bbox/660000,5318000,676000,5332000.png?coord_crs=EPSG:3857&dst_crs=EPSG:3035\
                &variable=red&rescale=1000,2000";
    let answer = server.get(path).await;
    assert_eq!(
        answer.headers()["content-crs"],
        "<http://www.opengis.net/def/crs/EPSG/0/3035>"
    );
    let shown = pixels(answer).await;
    assert!(shown.iter().filter(|pixel| pixel[3] == 255).count() * 2 > shown.len());
    let answer = server
        .get("/cubes/formula/preview/50x40.npy?dst_crs=EPSG:3857&variable=red")
        .await;
    assert_eq!(answer.status(), 200);
    let bbox = answer.headers()["content-bbox"]
        .to_str()
        .unwrap()
        .to_owned();
    // 5.905 degrees are 657341.6 m.
    assert!(
        bbox.starts_with("657341.5") || bbox.starts_with("657341.6"),
        "{bbox}"
    );
    let answer = server
        .get("/cubes/formula/preview.png?dst_crs=EPSG:1")
        .await;
    assert_eq!(answer.status(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_a_store_has_out_of_order_are_in_order_in_the_services() {
    let folder = tempfile::tempdir().unwrap();
    titiler_cube::write(folder.path());
    // Of 1, 11, 21 and 31 January the last two change places.
    let days = [0_i64, 10, 30, 20].iter().flat_map(|day| day.to_le_bytes());
    let days: Vec<u8> = days.collect();
    std::fs::write(folder.path().join("time/c/0"), days).unwrap();
    let mut config = Config::default();
    config
        .cubes
        .insert("grown".to_owned(), folder.path().into());
    let server = Server::of(&config, Access::Off).await;
    let text = async |path: &str| server.get(path).await.text().await.unwrap();
    let told = text("/cubes/grown/WMTSCapabilities.xml").await;
    let values: Vec<&str> = (told.split("<Value>").skip(1))
        .filter_map(|rest| rest.split_once("</Value>"))
        .map(|(value, _)| value)
        .collect();
    let expected = ["01", "11", "21", "31"].map(|day| format!("2024-01-{day}T00:00:00Z"));
    assert_eq!(values[..4], expected, "{told}");
    assert!(
        told.contains("<Default>2024-01-31T00:00:00Z</Default>"),
        "{told}"
    );
    let told = text("/cubes/grown/wms?SERVICE=WMS&REQUEST=GetCapabilities").await;
    assert!(told.contains(&expected.join(",")), "{told}");
    assert!(told.contains("default=\"2024-01-31T00:00:00Z\""), "{told}");
    // A date of theirs shows the step of the store that has it, and none the newest.
    let map = "/wms?REQUEST=GetMap&LAYERS=grown&STYLES=&CRS=CRS:84&BBOX=0,45,5,50&WIDTH=50&HEIGHT=50\
               &FORMAT=image/png&variable=ndvi&rescale=-1,1";
    let file = async |path: &str| server.get(path).await.bytes().await.unwrap();
    let bbox = "/cubes/grown/bbox/0,45,5,50/50x50.png?variable=ndvi&rescale=-1,1&sel=time=";
    for (time, day) in [
        ("&TIME=2024-01-21T00:00:00Z", "2024-01-21"),
        ("", "2024-01-31"),
    ] {
        let shown = decode(&file(&format!("{map}{time}&TRANSPARENT=TRUE")).await);
        assert_eq!(shown, decode(&file(&format!("{bbox}{day}")).await), "{day}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_set_of_somebody_else_is_in_all_services() {
    let folder = tempfile::tempdir().unwrap();
    write_plain(folder.path(), 4, 8, 1.0);
    let mut config = Config::default();
    config
        .cubes
        .insert("plain".to_owned(), folder.path().into());
    let server = Server::of(&config, Access::Off).await;
    let map = "/wms?REQUEST=GetMap&LAYERS=plain&STYLES=&CRS=CRS:84&BBOX=0,52,8,60&WIDTH=8&HEIGHT=8\
               &FORMAT=image/png&TRANSPARENT=TRUE";
    let shown = pixels(server.get(map).await).await;
    let expected = (0..64).map(|n| {
        let level = u8::try_from((n / 8 + n % 8) * 255 / 16).unwrap();
        [level, level, level, 255]
    });
    assert_eq!(shown, expected.collect::<Vec<_>>());
    let european = map
        .replace("CRS=CRS:84", "CRS=EPSG:3035")
        .replace("0,52,8,60", "3570000,3850000,3770000,4050000");
    let shown = pixels(server.get(&european).await).await;
    assert!(shown.iter().all(|pixel| pixel[3] == 255), "{shown:?}");
    let tile = "/cubes/plain/tiles/WorldCRS84Quad/6/64/11.png?tilesize=4";
    // 2.8 degrees from 0 east and 59.1 north: 0.7 a pixel.
    let shown = pixels(server.get(tile).await).await;
    let level = |row: u32, col: u32| u8::try_from((row + col) * 255 / 16).unwrap();
    assert_eq!(shown[0][0], level(1, 0), "{shown:?}");
    assert_eq!(shown[15][0], level(3, 2), "{shown:?}");
    for path in [
        "/WMTSCapabilities.xml",
        "/cubes/plain/WMTSCapabilities.xml",
        "/cubes/plain/wms?REQUEST=GetCapabilities",
        "/wms?REQUEST=GetCapabilities&VERSION=1.1.1",
        "/collections",
        "/collections/plain/map/tiles/WebMercatorQuad",
        "/stac/collections/plain",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let text = answer.text().await.unwrap();
        assert!(text.contains("plain"), "{text}");
    }
    let info = map.replace("GetMap", "GetFeatureInfo")
        + "&QUERY_LAYERS=plain&I=1&J=1&INFO_FORMAT=application/json";
    let info = server.get(&info).await;
    assert_eq!(info.status(), 200);
    let info: Value = info.json().await.unwrap();
    assert!(info["features"][0]["properties"].is_object(), "{info}");
}
