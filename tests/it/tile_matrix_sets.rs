//! The tile matrix sets: where their tiles are, and tiles of a cube in them.

use std::process::Command;

use cubetiler::{
    grid::{TileAddress, TileMatrixSet},
    http::Access,
};
use serde_json::{Value, json};

use crate::{
    fixture::{Local, Server},
    reference::script,
    support::{cubetiler, python, succeed},
};

#[test]
fn tiles_of_all_sets_are_where_morecantile_has_them() {
    let Some(python) = python() else { return };
    let mut rows = Vec::new();
    for set in TileMatrixSet::ALL {
        for matrix in set.matrices() {
            let [cols, rows_] = [matrix.cols, matrix.rows].map(u64::from);
            let places = [0, 1, 3, 5, 7, 8].map(|n| (n * (cols - 1) / 8, n * (rows_ - 1) / 8));
            let more = [(0, rows_ - 1), (cols - 1, 0), (cols / 3, rows_ / 50)];
            for (col, row) in places.into_iter().chain(more) {
                let tile = TileAddress::of(set, matrix.zoom.into(), col, row).unwrap();
                let bounds = tile.grid(256).bounds().to_array();
                rows.push(json!([
                    set.id(),
                    matrix.zoom,
                    col,
                    row,
                    bounds[0],
                    bounds[1],
                    bounds[2],
                    bounds[3]
                ]));
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bounds.json");
    std::fs::write(&file, Value::from(rows).to_string()).unwrap();
    let script = script("tile_matrix_sets.py");
    succeed(
        Command::new(python)
            .args(["-W", "ignore", &script, "bounds"])
            .arg(file),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn tiles_in_other_sets_have_the_cells_that_pyproj_finds_under_their_pixels() {
    let local = Local::new();
    let store = local.create("cube");
    succeed(&mut cubetiler(&["build", &store]));
    let server = Server::start(store.into(), Access::Off, "").await;
    let Some(python) = python() else { return };
    let script = script("tile_matrix_sets.py");
    let url = format!("{}/cubes/formula", server.url);
    succeed(Command::new(python).args(["-W", "ignore", &script, "tiles", &url]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_lists_the_sets_that_are_for_where_it_is() {
    let local = Local::new();
    let server = Server::start(local.create("cube").into(), Access::Off, "").await;
    let get = async |path: &str, status: u16| -> Value {
        let answer = server.get(path).await;
        assert_eq!(answer.status(), status, "{path}");
        answer.json().await.unwrap()
    };
    let expected = [
        "WebMercatorQuad",
        "WorldCRS84Quad",
        "WGS1984Quad",
        "WorldMercatorWGS84Quad",
        "CDB1GlobalGrid",
        "GNOSISGlobalGrid",
        "EuropeanETRS89_LAEAQuad",
        "UTM31WGS84Quad",
    ];
    for path in ["/cubes/formula/tiles", "/collections/formula/map/tiles"] {
        let told = get(path, 200).await;
        let sets = told["tilesets"].as_array().unwrap();
        let ids: Vec<&str> = sets
            .iter()
            .map(|set| set["tileMatrixSetId"].as_str().unwrap())
            .collect();
        assert_eq!(ids, expected, "{path}");
    }
    let all = get("/tileMatrixSets", 200).await;
    assert_eq!(all["tileMatrixSets"].as_array().unwrap().len(), 13);
    for set in TileMatrixSet::ALL.map(TileMatrixSet::id) {
        let told = get(&format!("/tileMatrixSets/{set}"), 200).await;
        assert_eq!(told["id"], set);
    }

    // Cells of 0.003 degrees, 64 of them a side.
    let told = get("/cubes/formula/WorldCRS84Quad/tilejson.json", 200).await;
    assert_eq!((&told["minzoom"], &told["maxzoom"]), (&json!(0), &json!(8)));
    assert!(
        told["tiles"][0]
            .as_str()
            .unwrap()
            .contains("/tiles/WorldCRS84Quad/{z}/")
    );
    let told = get("/cubes/formula/EuropeanETRS89_LAEAQuad/tilejson.json", 200).await;
    // 0.003 degrees of longitude are 244 m here; the set has 275 m at zoom 6, 137 m at 7.
    assert_eq!(told["maxzoom"], 7);
    let limits = get("/cubes/formula/tiles/EuropeanETRS89_LAEAQuad", 200).await;
    assert_eq!(limits["crs"], "http://www.opengis.net/def/crs/EPSG/0/3035");
    let last = limits["tileMatrixSetLimits"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    let tile = |key: &str| last[key].as_u64().unwrap();
    let (col, row) = (tile("minTileCol"), tile("minTileRow"));
    let tiles = "/cubes/formula/tiles/EuropeanETRS89_LAEAQuad/7";
    let answer = server.get(&format!("{tiles}/{col}/{row}.png")).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-crs"],
        "<http://www.opengis.net/def/crs/EPSG/0/3035>"
    );

    for path in [
        // Beyond the matrix, beyond the set, and beside the cube.
        "/cubes/formula/tiles/EuropeanETRS89_LAEAQuad/7/128/0.png",
        "/cubes/formula/tiles/EuropeanETRS89_LAEAQuad/16/0/0.png",
        "/cubes/formula/tiles/CDB1GlobalGrid/-11/0/0.png",
        "/cubes/formula/tiles/EuropeanETRS89_LAEAQuad/7/0/0.png",
        "/cubes/formula/tiles/UPSAntarcticWGS84Quad/10/512/512.png",
    ] {
        get(path, 404).await;
    }
    let told = get("/cubes/formula/tiles/EuropeanETRS89/7/0/0.png", 400).await;
    assert!(
        told["detail"]
            .as_str()
            .unwrap()
            .contains("EuropeanETRS89_LAEAQuad"),
        "{told}"
    );
}
