//! Fills as jobs of a server: over HTTP, through restarts, and after `kill -9`.

use std::{collections::BTreeSet, path::Path, time::Duration};

use cubetiler::{
    build::{BuildConfig, BuildRequest},
    catalog::Catalog,
    config::Config,
    cube::{Cell, Recipe},
    grid::{ChunkIndex, Level},
    source::SourceConfig,
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    admin::{Admin, TOKEN, configured, server},
    fixture::Local,
    random_archive::{Numbers, RandomArchive},
    support::{Running, cubetiler, succeed},
    workshop::{self, build, create},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_is_told_from_its_plan_to_its_end_and_its_repeat_is_done_at_once() {
    let local = Local::new();
    let (_server, admin) = server(&local, local.create("cube")).await;
    let (status, plan) = admin.backfill("formula", json!({"dry_run": true})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&plan["build"], &plan["done"]), (&json!(4), &json!(0)));

    let job = admin.begin("formula", json!({})).await;
    let events = admin.events(&job, None).await.until_the_end().await;
    assert_eq!(events[0].kind, "planned");
    let steps: BTreeSet<&str> = (events.iter())
        .filter(|event| event.kind == "task")
        .filter_map(|event| event.data["state"].as_str())
        .collect();
    let expected = ["built", "reading", "searching", "writing"];
    assert_eq!(steps, BTreeSet::from(expected));
    let mut committed: Vec<&Value> = (events.iter())
        .filter(|event| event.kind == "commit")
        .flat_map(|event| event.data["chunks"].as_array().unwrap())
        .collect();
    committed.sort_by_key(ToString::to_string);
    let all = [
        json!([0, 0, 0]),
        json!([0, 0, 1]),
        json!([0, 1, 0]),
        json!([0, 1, 1]),
    ];
    assert_eq!(committed, all.iter().collect::<Vec<_>>());

    let (_, told) = admin.get(&format!("/admin/jobs/{job}")).await;
    assert_eq!(told["state"], "done");
    let numbers = ["total", "done", "committed", "failed"].map(|name| told[name].as_u64().unwrap());
    assert_eq!(numbers, [4, 4, 4, 0]);
    assert!(told["stages"]["warp"].as_f64().unwrap() > 0.0, "{told}");

    let picture = admin
        .client
        .get(format!("{}/admin/jobs/{job}/timeline.svg", admin.url));
    let picture = picture.bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(picture.headers()["content-type"], "image/svg+xml");
    let picture = picture.text().await.unwrap();
    assert_eq!(picture.matches("<g>").count(), 4, "a line a chunk");

    // Who was cut off goes on behind what he saw.
    let seen = events[2].id;
    let rest = admin.events(&job, seen).await.until_the_end().await;
    assert_eq!(rest, events[3..]);
    let first = admin.events(&job, Some(1)).await.next().await.unwrap();
    assert_eq!(first.kind, "reset");

    let (status, again) = admin.backfill("formula", json!({})).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    assert_eq!(
        (&again["state"], &again["total"]),
        (&json!("done"), &json!(0))
    );
    assert_eq!(again["planned"]["done"], 4);
    let (_, listed) = admin.get("/admin/jobs?cube=formula&limit=1").await;
    assert_eq!(listed["count"], 2);
    assert_eq!(listed["jobs"][0]["id"], again["id"], "the newest is first");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_area_is_named_as_a_rectangle_polygons_a_tile_or_chunks() {
    let local = Local::new();
    let (_server, admin) = server(&local, local.create("cube")).await;
    let plan = async |area: Value| {
        let mut body = area;
        body["dry_run"] = json!(true);
        let (status, plan) = admin.backfill("formula", body).await;
        (
            status.as_u16(),
            plan["build"].clone(),
            plan["detail"].to_string(),
        )
    };
    let ring = json!([[[5.91, 43.18], [5.92, 43.18], [5.92, 43.19], [5.91, 43.18]]]);
    for (area, chunks) in [
        (json!({"bbox": [5.91, 43.18, 5.92, 43.19]}), 1),
        (
            json!({"geometry": {"type": "Polygon", "coordinates": ring}}),
            1,
        ),
        (json!({"tile": "0/0/0"}), 4),
        (json!({"chunks": [[0, 1, 1], [0, 0, 0]]}), 2),
        (json!({}), 4),
    ] {
        let (status, found, _) = plan(area.clone()).await;
        assert_eq!((status, found), (200, json!(chunks)), "{area}");
    }
    let far = json!([[[50, 50], [51, 50], [51, 51], [50, 50]]]);
    for (area, word) in [
        (
            json!({"tile": "0/0/0", "bbox": [0, 0, 1, 1]}),
            "one of them",
        ),
        (json!({"chunks": [[0, 7, 0]]}), "[1, 2, 2]"),
        (
            json!({"geometry": {"type": "Polygon", "coordinates": far}}),
            "no chunk",
        ),
        (json!({"tile": "1/9/9"}), "zoom/column/row"),
        (json!({"chunk": []}), "chunks"),
    ] {
        let (status, _, detail) = plan(area.clone()).await;
        assert!(
            status == 422 && detail.contains(word),
            "{area}: {status}, {detail}"
        );
    }
}

/// The program as a server, with a cube and a folder for its jobs.
struct Process {
    _running: Running,
    admin: Admin,
}

impl Process {
    fn start(store: &Path, state: &Path) -> Self {
        let mut command = cubetiler(&["serve", "--bind", "127.0.0.1:0"]);
        command
            .arg(format!("cube={}", store.display()))
            .env("CUBETILER_LOG__FILTER", "off")
            .env("CUBETILER_ADMIN_TOKEN", TOKEN)
            .env("CUBETILER_BUILD__GROUP_MILLIS", "20")
            .env("CUBETILER_SERVER__STATE_DIR", state);
        let (running, url) = Running::start(&mut command, |line| {
            let at = line.find("http://")?;
            Some(line[at..].trim_end_matches('/').to_owned())
        });
        Self {
            _running: running,
            admin: Admin::new(&url),
        }
    }
}

fn recipe(items: &str) -> Recipe {
    let text = format!(
        r#"
        [grid]
        bounds = [11.96, 44.96, 12.04, 45.04]
        resolution = 0.001
        chunk = 16
        inner_chunk = 8
        levels = 3
        skip = "none"
        [time]
        start = "2023-08-01"
        end = "2023-08-31"
        [source]
        stac = "{items}"
        bands = ["red", "nir"]
        mask = {{ asset = "scl" }}
        "#
    );
    Recipe::from_toml(&text).unwrap()
}

/// All values and coverage, of a cube as it lies on disk.
async fn content(store: &Path) -> (Vec<Vec<u16>>, Vec<(ChunkIndex, Cell)>) {
    let entry = Catalog::default()
        .open("cube", store.to_owned())
        .await
        .unwrap();
    let (mut values, mut cells) = (Vec::new(), Vec::new());
    for level in [0, 1, 2].map(Level) {
        values.extend(workshop::values(&entry, level).await);
        cells.extend(workshop::cells(&entry, level).await);
    }
    (values, cells)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_at_any_moment_goes_on_and_builds_nothing_twice() {
    const KILLS: u32 = 20;
    let folder = tempfile::tempdir().unwrap();
    let mut numbers = Numbers::new(20_261_129);
    let archive = RandomArchive::write(folder.path(), &mut numbers, 4);
    let items = archive.items();

    let whole = folder.path().join("whole");
    let entry = create(&whole, recipe(&items)).await;
    let builder = workshop::builder(2, SourceConfig::default(), BuildConfig::default());
    let report = build(&entry, &builder, &BuildRequest::default()).await;
    assert_eq!((report.built, report.failures), (25, Vec::new()));
    let expected = content(&whole).await;

    let (store, state) = (folder.path().join("killed"), folder.path().join("state"));
    drop(create(&store, recipe(&items)).await);
    let mut job: Option<String> = None;
    let mut committed: BTreeSet<String> = BTreeSet::new();
    let mut jobs = 0;
    for _ in 0..KILLS {
        let process = Process::start(&store, &state);
        let admin = &process.admin;
        let id = if let Some(id) = job.take() {
            id
        } else {
            jobs += 1;
            committed.clear();
            admin.begin("cube", json!({"force": true})).await
        };
        let mut events = admin.events(&id, None).await;
        let (_, told) = admin.get(&format!("/admin/jobs/{id}")).await;
        let mut has_ended = !told["ended"].is_null();
        for _ in 0..numbers.below(60) {
            if has_ended {
                break;
            }
            let Some(event) = events.next().await else {
                panic!("the server died by itself");
            };
            match event.kind.as_str() {
                "task" => {
                    let chunk = event.data["chunk"].to_string();
                    assert!(!committed.contains(&chunk), "{chunk} is built twice");
                }
                "commit" => {
                    let chunks = event.data["chunks"].as_array().unwrap();
                    committed.extend(chunks.iter().map(Value::to_string));
                }
                "job" => has_ended = event.data["state"] != "running",
                _ => {}
            }
        }
        // Between two events too.
        tokio::time::sleep(Duration::from_micros(numbers.below(30_000).into())).await;
        job = (!has_ended).then_some(id);
        drop(process);
    }
    let process = Process::start(&store, &state);
    let (_, listed) = process.admin.get("/admin/jobs?limit=100").await;
    assert_eq!(listed["count"], jobs);
    for job in listed["jobs"].as_array().unwrap() {
        let ended = process.admin.ended(job["id"].as_str().unwrap()).await;
        assert_eq!(ended["state"], "done", "{ended}");
        assert_eq!(
            (&ended["committed"], &ended["failed"]),
            (&json!(25), &json!(0))
        );
    }
    drop(process);
    assert_eq!(content(&store).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_with_the_same_jobs_is_refused() {
    let local = Local::new();
    let store = local.create("cube");
    let (_server, _admin) = server(&local, store.clone()).await;
    let mut command = cubetiler(&[
        "serve",
        "--bind",
        "127.0.0.1:0",
        &format!("formula={store}"),
    ]);
    command
        .env("CUBETILER_ADMIN_TOKEN", TOKEN)
        .env("CUBETILER_SERVER__STATE_DIR", local.path("state"));
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && text.contains("another server"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_shows_what_was_before_and_garbage_is_what_nobody_reaches() {
    let local = Local::new();
    let store = local.create("cube");
    let (server, admin) = server(&local, store.clone()).await;
    let (_, before) = admin.get("/admin/cubes/formula/history").await;
    let empty = before["commits"][0]["revision"]
        .as_str()
        .unwrap()
        .to_owned();
    let job = admin.begin("formula", json!({})).await;
    admin.ended(&job).await;
    let (_, after) = admin.get("/admin/cubes/formula/history?limit=1").await;
    assert_ne!(after["commits"][0]["revision"], empty.as_str());
    assert_eq!(after["commits"].as_array().unwrap().len(), 1);

    let url = format!("{}/admin/cubes/formula/rollback", server.url);
    let back = |revision: &str| admin.client.post(&url).json(&json!({"revision": revision}));
    let (status, problem) = admin.send(back("nonsense")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let (status, told) = admin.send(back(&empty)).await;
    assert_eq!((status, &told["revision"]), (StatusCode::OK, &json!(empty)));
    let cube: Value = server.get("/cubes/formula").await.json().await.unwrap();
    assert_eq!(cube["revision"], empty.as_str());

    // Of the fill nothing is reached any more.
    let gc = |arguments: &[&str]| {
        let output = succeed(&mut cubetiler(&[&["gc", &store], arguments].concat()));
        String::from_utf8(output.stdout).unwrap()
    };
    let nothing = "0 chunks and 0 states";
    assert!(gc(&[]).starts_with(nothing), "what is young stays");
    // Chunks as small as these are in the manifests.
    let told = gc(&["--keep", "0", "--dry-run"]);
    assert!(
        !told.starts_with(nothing) && told.contains("would be"),
        "{told}"
    );
    assert!(gc(&["--keep", "0"]).contains(" deleted"));
    assert!(gc(&["--keep", "0", "--dry-run"]).starts_with(nothing));
    let job = admin.begin("formula", json!({})).await;
    assert_eq!(admin.ended(&job).await["committed"], 4, "the cube is whole");
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_tells_of_each_chunk_and_draws_all_of_them() {
    let local = Local::new();
    let (server, admin) = server(&local, local.create("cube")).await;
    let states = async || {
        let answer = server.get("/cubes/formula/coverage").await;
        assert_eq!(answer.headers()["content-type"], "application/geo+json");
        let document: Value = answer.json().await.unwrap();
        let features = document["features"].as_array().unwrap().clone();
        let of = |feature: &Value| feature["properties"]["state"].as_str().unwrap().to_owned();
        (features.iter().map(of).collect::<Vec<_>>(), features)
    };
    assert_eq!(states().await.0, ["absent"; 4]);
    let job = admin.begin("formula", json!({"chunks": [[0, 0, 1]]})).await;
    admin.ended(&job).await;
    let (found, features) = states().await;
    assert_eq!(found, ["absent", "done", "absent", "absent"]);
    let scenes = features[1]["properties"]["provenance"]["scenes"].as_array();
    assert!(!scenes.unwrap().is_empty(), "{}", features[1]);
    let corner = &features[1]["geometry"]["coordinates"][0][2];
    assert!(
        (corner[1].as_f64().unwrap() - 43.195).abs() < 1e-9,
        "{corner}"
    );

    let answer = server
        .get("/cubes/formula/coverage?bbox=5.91,43.18,5.92,43.19")
        .await;
    let document: Value = answer.json().await.unwrap();
    assert_eq!(document["features"].as_array().unwrap().len(), 1);

    let answer = server
        .get("/cubes/formula/coverage.png?time=2023-08-01")
        .await;
    let kinds: Vec<_> = answer.headers().get_all("content-type").iter().collect();
    assert_eq!(kinds, ["image/png"]);
    let palette = answer.headers()["x-coverage-palette"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(palette.contains("done=#009e73"), "{palette}");
    let bytes = answer.bytes().await.unwrap();
    let mut decoder = png::Decoder::new(std::io::Cursor::new(&bytes[..]));
    decoder.set_transformations(png::Transformations::EXPAND);
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert_eq!((reader.info().width, reader.info().height), (2, 2));
    let alpha: Vec<u8> = pixels.chunks(4).map(|pixel| pixel[3]).collect();
    assert_eq!(alpha, [0, 200, 0, 0], "only the one that was built shows");

    for (query, status) in [
        ("?time=1999-01-01", 400),
        ("?bbox=1,2", 400),
        ("?tme=1", 400),
    ] {
        let answer = server.get(&format!("/cubes/formula/coverage{query}")).await;
        assert_eq!(answer.status(), status, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_that_is_filled_on_view_fills_where_somebody_looks_and_no_other_does() {
    const TILE: &str = "/cubes/formula/tiles/WebMercatorQuad/12/2115/1503.png";
    let local = Local::new();
    let mut config = Config::default();
    config.server.fill_on_view = vec!["formula".to_owned()];
    let (server, admin) = configured(&local, local.create("cube"), config).await;
    let first = server.get(TILE).await;
    assert_eq!(first.status(), 200);
    assert_eq!(first.headers()["x-cube-fill"], "filling");
    assert!(first.headers().contains_key("retry-after") && !first.headers().contains_key("etag"));
    let (_, listed) = admin.get("/admin/jobs").await;
    for job in listed["jobs"].as_array().unwrap() {
        admin.ended(job["id"].as_str().unwrap()).await;
    }
    let second = server.get(TILE).await;
    assert!(second.headers().contains_key("etag") && !second.headers().contains_key("x-cube-fill"));

    let local = Local::new();
    let (server, admin) = crate::admin::server(&local, local.create("cube")).await;
    let first = server.get(TILE).await;
    assert!(!first.headers().contains_key("x-cube-fill"));
    let (_, listed) = admin.get("/admin/jobs").await;
    assert_eq!(listed["count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_at_once_and_its_chunks_can_be_asked_for_again() {
    let local = Local::new();
    // An archive that accepts connections and never answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    std::fs::write(local.path("silent.toml"), crate::fixture::recipe(&url)).unwrap();
    let store = local.path("silent");
    succeed(&mut cubetiler(&[
        "create",
        &local.path("silent.toml"),
        &store,
    ]));
    let (_server, admin) = server(&local, store).await;
    let job = admin.begin("formula", json!({})).await;
    let mut events = admin.events(&job, None).await;
    while events.next().await.unwrap().kind != "task" {}
    let delete = admin
        .client
        .delete(format!("{}/admin/jobs/{job}", admin.url));
    let (status, told) = admin.send(delete.try_clone().unwrap()).await;
    assert_eq!(
        (status, &told["state"]),
        (StatusCode::OK, &json!("cancelled"))
    );
    let ending = events.until_the_end().await;
    assert_eq!(ending.last().unwrap().data["state"], "cancelled");
    let (status, problem) = admin.send(delete).await;
    assert_eq!(status, StatusCode::CONFLICT, "{problem}");
    let again = admin.begin("formula", json!({})).await;
    let (_, told) = admin.get(&format!("/admin/jobs/{again}")).await;
    assert_eq!(told["total"], 4, "nothing was marked as built");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_waits_while_somebody_else_writes_and_can_be_cancelled_meanwhile() {
    let local = Local::new();
    let store = local.create("cube");
    let (_server, admin) = server(&local, store.clone()).await;
    let repo = cubetiler::repo::Repo::open(Path::new(&store))
        .await
        .unwrap();
    let lock = repo.lock("cubetiler build").unwrap();
    let (first, second) = (
        admin.begin("formula", json!({})).await,
        admin.begin("formula", json!({})).await,
    );
    for job in [&first, &second] {
        let mut events = admin.events(job, None).await;
        let told = loop {
            let event = events.next().await.unwrap();
            if event.kind == "waiting" {
                break event.data["for"].to_string();
            }
        };
        assert!(told.contains("cubetiler build"), "{told}");
        let (_, told) = admin.get(&format!("/admin/jobs/{job}")).await;
        assert_eq!(told["state"], "queued");
        let holder = told["waits_for"].as_str().unwrap();
        assert!(holder.contains("cubetiler build"), "{told}");
    }
    let delete = admin
        .client
        .delete(format!("{}/admin/jobs/{second}", admin.url));
    let (status, told) = admin.send(delete).await;
    assert_eq!(
        (status, &told["state"]),
        (StatusCode::OK, &json!("cancelled"))
    );
    drop(lock);
    let ended = admin.ended(&first).await;
    assert_eq!(
        (&ended["state"], &ended["committed"], &ended["waits_for"]),
        (&json!("done"), &json!(4), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ocean_that_was_found_before_a_kill_is_recorded_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let archive = RandomArchive::write(folder.path(), &mut Numbers::new(7), 2);
    let mut recipe = recipe(&archive.items());
    let ring = json!([[[12.0, 45.0], [12.001, 45.0], [12.001, 45.001], [12.0, 45.0]]]);
    recipe.grid.skip =
        cubetiler::cube::recipe::Skip::Outside(json!({"type": "Polygon", "coordinates": ring}));
    let (store, state) = (folder.path().join("cube"), folder.path().join("state"));
    let entry = create(&store, recipe).await;
    // So the fill that is killed has recorded nothing.
    let lock = entry.repo().lock("the test").unwrap();
    let process = Process::start(&store, &state);
    let job = process.admin.begin("cube", json!({})).await;
    drop(process);
    drop(lock);
    let process = Process::start(&store, &state);
    let ended = process.admin.ended(&job).await;
    assert_eq!(ended["state"], "done");
    let ocean = ended["planned"]["ocean"].as_u64().unwrap();
    assert!(ocean > 0, "{ended}");
    drop(process);
    let (_, cells) = content(&store).await;
    let found = cells.iter().take(25);
    let found = found.filter(|(_, cell)| cell.state == cubetiler::cube::State::Ocean);
    assert_eq!(found.count() as u64, ocean);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fits_its_cube_no_more_ends_and_the_server_starts() {
    let folder = tempfile::tempdir().unwrap();
    let archive = RandomArchive::write(folder.path(), &mut Numbers::new(7), 2);
    for (name, request) in [("missing", json!({})), ("all", json!({"force": true}))] {
        let store = folder.path().join(name);
        let state = folder.path().join(format!("{name}.state"));
        let mut longer = recipe(&archive.items());
        longer.time.end = "2023-09-30".parse().unwrap();
        let entry = create(&store, longer).await;
        // So that all of the job is left.
        let lock = entry.repo().lock("the test").unwrap();
        let process = Process::start(&store, &state);
        let job = process.admin.begin("cube", request).await;
        drop(process);
        drop((lock, entry));
        std::fs::remove_dir_all(&store).unwrap();
        create(&store, recipe(&archive.items())).await;
        let process = Process::start(&store, &state);
        let ended = process.admin.ended(&job).await;
        assert_eq!(ended["state"], "failed");
        let message = ended["message"].as_str().unwrap();
        assert!(message.starts_with("it fits the cube no more"), "{message}");
        let next = process.admin.begin("cube", json!({})).await;
        assert_eq!(process.admin.ended(&next).await["committed"], 25);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_whose_overviews_lag_behind_is_mended_by_whoever_writes_next() {
    let folder = tempfile::tempdir().unwrap();
    let archive = RandomArchive::write(folder.path(), &mut Numbers::new(11), 3);
    let whole = folder.path().join("whole");
    let entry = create(&whole, recipe(&archive.items())).await;
    let builder = workshop::builder(2, SourceConfig::default(), BuildConfig::default());
    build(&entry, &builder, &BuildRequest::default()).await;

    let store = folder.path().join("cube");
    drop(create(&store, recipe(&archive.items())).await);
    let process = Process::start(&store, &folder.path().join("state"));
    let admin = &process.admin;
    let job = admin.begin("cube", json!({})).await;
    assert_eq!(admin.ended(&job).await["committed"], 25);
    let (_, history) = admin.get("/admin/cubes/cube/history").await;
    let commits = history["commits"].as_array().unwrap();
    // The newest has all overviews. How many chunks are in which commit depends on how fast
    // they are, but the first is committed by itself.
    assert!(commits.len() > 3, "{history}");
    let middle = &commits[1]["revision"];
    let body = json!({"revision": middle});
    let (status, told) = admin.post("/admin/cubes/cube/rollback", body).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let job = admin.begin("cube", json!({})).await;
    assert_eq!(admin.ended(&job).await["state"], "done");
    drop(process);
    assert_eq!(content(&store).await, content(&whole).await);
}
