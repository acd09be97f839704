//! From scenes to tiles: what is built by request is what the tiles show.

use std::{path::Path, time::Duration};

use cubetiler::{
    cube::{Cube, Recipe},
    grid::{ChunkIndex, Level, tile_matrix::mercator_to_longitude},
    http::Access,
    repo::Repo,
    zarr::{self, StoredCube, read_cell, read_chunk},
};
use serde_json::{Value, json};

use crate::{
    fixture::{
        Api, CELL, CHUNK, Local, NORTH, SIDE, Server, WEST, archive, expected_count, expected_red,
        is_near_seam, recipe,
    },
    support::{cubetiler, succeed},
};

/// A tile in the middle of the grid: columns 528 and 529 of zoom 10 meet at
/// 5.976 degrees, so this one holds the seam.
const TILE: &str = "/cubes/formula/tiles/WebMercatorQuad/10/529/375.png";

async fn create(store: &Path, stac: &str) {
    let cube = Cube::new(Recipe::from_toml(&recipe(stac)).unwrap()).unwrap();
    let repo = Repo::create(store).await.unwrap();
    zarr::create(&repo, &cube).await.unwrap();
}

async fn fill(server: &Server) -> Value {
    let url = format!("{}/admin/cubes/formula/backfill", server.url);
    let answer = server
        .client
        .post(url)
        .json(&json!({}))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 202);
    let place = answer.headers()["location"].to_str().unwrap().to_owned();
    for _ in 0..6000 {
        let job: Value = server
            .client
            .get(&place)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        if job["state"] != "queued" && job["state"] != "running" {
            return job;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the job does not end");
}

/// The samples of a PNG, and how many there are of a pixel: always red, green,
/// blue and alpha, however small the file was made.
pub(crate) fn decode(png: &[u8]) -> (Vec<u8>, usize) {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::ALPHA);
    let mut reader = decoder.read_info().unwrap();
    let mut data = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut data).unwrap();
    let samples = info.color_type.samples();
    let rgba = data.chunks(samples).flat_map(|pixel| match *pixel {
        [gray, alpha] => [gray, gray, gray, alpha],
        [red, green, blue, alpha] => [red, green, blue, alpha],
        _ => panic!("a pixel of {samples} samples"),
    });
    (rgba.collect(), 4)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_map_fills_by_request_and_shows_the_formulas_values() {
    let folder = tempfile::tempdir().unwrap();
    let api = Api::start(archive(folder.path())).await;
    let store = folder.path().join("cube");
    create(&store, &api.url).await;
    let server = Server::start(store, Access::Open, "").await;

    let before = server.get(TILE).await;
    assert_eq!(before.status(), 200);
    assert_eq!(before.headers()["cache-control"], "no-store");
    assert!(before.headers().get("etag").is_none());
    let (data, samples) = decode(&before.bytes().await.unwrap());
    assert!(
        data.iter()
            .skip(samples - 1)
            .step_by(samples)
            .all(|alpha| *alpha == 0)
    );

    let job = fill(&server).await;
    assert_eq!(
        (&job["state"], &job["done"], &job["failed"]),
        (&json!("done"), &json!(4), &json!(0))
    );

    let after = server
        .get(&format!("{TILE}?variable=count&rescale=0,255"))
        .await;
    let etag = after.headers()["etag"].to_str().unwrap().to_owned();
    assert_ne!(after.headers()["cache-control"], "no-store");
    let (data, samples) = decode(&after.bytes().await.unwrap());
    let tile = cubetiler::grid::TileAddress::new(10, 529, 375)
        .unwrap()
        .grid(256);
    let mut checked = 0;
    for (n, pixel) in data.chunks(samples).enumerate() {
        let column = f64::from(u32::try_from(n % 256).unwrap()) + 0.5;
        let lon = mercator_to_longitude(tile.transform.x(column));
        if pixel[samples - 1] == 255 && !is_near_seam(lon) {
            assert_eq!(u16::from(pixel[0]), expected_count(lon), "at {lon}");
            checked += 1;
        }
    }
    assert!(checked > 10_000, "{checked} pixels were checked");

    let url = format!("{}{TILE}?variable=count&rescale=0,255", server.url);
    let again = server
        .client
        .get(&url)
        .header("if-none-match", &etag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);

    // Without its catalogue it still knows that there is nothing left to do.
    api.stop().await;
    let second = fill(&server).await;
    assert_eq!(
        (
            &second["state"],
            &second["total"],
            &second["planned"]["done"]
        ),
        (&json!("done"), &json!(0), &json!(4))
    );
    let revision = |job: &Value| job["revision"].clone();
    assert_eq!(revision(&second), Value::Null, "nothing was committed");
}

/// All chunks of a level: their cells and their values.
async fn contents(store: &Path, level: Level) -> Vec<(ChunkIndex, [u64; 4], Vec<Vec<u16>>)> {
    let repo = Repo::open(store).await.unwrap();
    let stored = StoredCube::open(&repo).await.unwrap();
    let chunks = stored.cube.pyramid().chunks(level);
    let mut all = Vec::new();
    for index in chunks.chunks_of(chunks.shape.window()) {
        let cell = read_cell(&stored.snapshot, &stored, level, 0, index)
            .await
            .unwrap();
        let mut values = Vec::new();
        for variable in stored.cube.variables() {
            let chunk = read_chunk(&stored.snapshot, &stored, level, variable, 0, index);
            values.push(chunk.await.unwrap().unwrap().data);
        }
        all.push((index, cell.to_record(), values));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pixel_of_every_chunk_is_right_where_chunks_do_not_divide_the_grid() {
    let local = Local::new();
    let store = local.create("cube");
    succeed(&mut cubetiler(&["build", &store]));
    let mut seen = 0;
    for (index, _, values) in contents(store.as_ref(), Level(0)).await {
        let (red, count) = (&values[0], &values[2]);
        for row in 0..CHUNK {
            for col in 0..CHUNK {
                let at = row * CHUNK + col;
                let column = index.col * CHUNK + col;
                if index.row * CHUNK + row >= SIDE || column >= SIDE {
                    assert_eq!((red[at], count[at]), (0, 0), "padding of {index:?}");
                    continue;
                }
                let lon = WEST + (f64::from(u32::try_from(column).unwrap()) + 0.5) * CELL;
                if !is_near_seam(lon) {
                    assert_eq!(red[at], expected_red(lon), "{index:?} {row} {col}");
                    assert_eq!(count[at], expected_count(lon), "{index:?} {row} {col}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > SIDE * SIDE * 9 / 10, "{seen} cells were checked");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overview_is_the_mean_of_the_valid_cells_below_it() {
    let local = Local::new();
    let store = local.create("cube");
    succeed(&mut cubetiler(&["build", &store]));
    let fine = contents(store.as_ref(), Level(0)).await;
    let coarse = contents(store.as_ref(), Level(1)).await;
    let cell = |variable: usize, row: usize, col: usize| {
        let chunk = ChunkIndex {
            row: row / CHUNK,
            col: col / CHUNK,
        };
        let (_, _, values) = fine.iter().find(|(index, _, _)| *index == chunk).unwrap();
        u32::from(values[variable][(row % CHUNK) * CHUNK + col % CHUNK])
    };
    let (_, record, values) = &coarse[0];
    assert_eq!(record[1], 4, "four chunks are complete below");
    for row in 0..SIDE / 2 {
        for col in 0..SIDE / 2 {
            for variable in [0, 1] {
                let below = [(0, 0), (0, 1), (1, 0), (1, 1)]
                    .map(|(r, c)| cell(variable, 2 * row + r, 2 * col + c));
                let valid: Vec<u32> = below.into_iter().filter(|value| *value != 0).collect();
                let n = u32::try_from(valid.len()).unwrap();
                let mean = (2 * valid.iter().sum::<u32>() + n)
                    .checked_div(2 * n)
                    .unwrap_or(0);
                assert_eq!(
                    u32::from(values[variable][row * CHUNK + col]),
                    mean,
                    "{row} {col}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_order_gives_the_same_bytes_stamps_and_overviews() {
    let local = Local::new();
    let (once, halves) = (local.path("once"), local.path("halves"));
    let recipe = local.path("recipe.toml");
    succeed(&mut cubetiler(&["create", &recipe, &once]));
    succeed(&mut cubetiler(&["build", &once]));
    succeed(&mut cubetiler(&["create", &recipe, &halves]));
    let south = format!("{WEST},43.0,6.2,43.04");
    let north = format!("{WEST},43.1,6.2,{NORTH}");
    for part in [&south, &north, &north] {
        succeed(&mut cubetiler(&["build", &halves, "--bbox", part]));
    }
    succeed(&mut cubetiler(&["build", &halves, "--force"]));
    for level in [Level(0), Level(1), Level(2)] {
        let whole = contents(once.as_ref(), level).await;
        assert_eq!(whole, contents(halves.as_ref(), level).await, "{level:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_of_another_process_are_seen_without_a_restart() {
    let local = Local::new();
    let store = local.create("cube");
    let server = Server::start(store.clone().into(), Access::Off, "").await;
    assert_eq!(
        server.get(TILE).await.headers()["cache-control"],
        "no-store"
    );
    succeed(&mut cubetiler(&["build", &store]));
    for _ in 0..500 {
        if server.get(TILE).await.headers().get("etag").is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the commit is not seen");
}
