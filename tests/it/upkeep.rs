//! Keeping cubes: made, refreshed, limited and tidied up over HTTP.

use std::{path::Path, time::Duration};

use chrono::{TimeDelta, Utc};
use cubetiler::{
    build::{Builder, JobFilter, JobSettings, Jobs},
    catalog::Catalog,
    compute::Compute,
    config::Config,
    repo::Repo,
    source::{SceneSource, SourceConfig},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    admin::{configured, server},
    fixture::Local,
};

#[tokio::test(flavor = "multi_thread")]
async fn old_commits_are_expired_and_what_only_they_reach_is_collected() {
    let local = Local::new();
    let store = local.create("cube");
    let (_server, admin) = server(&local, store.clone()).await;
    for _ in 0..2 {
        let job = admin.begin("formula", json!({"force": true})).await;
        assert_eq!(admin.ended(&job).await["state"], "done");
    }
    let expire = async |body: Value| admin.post("/admin/cubes/formula/expire", body).await;
    let gc = async |body: Value| admin.post("/admin/cubes/formula/gc", body).await;
    for body in [
        json!({}),
        json!({"keep_hours": 1, "before": "2020-01-01T00:00:00Z"}),
        json!({"before": "yesterday"}),
        json!({"keep_days": 1}),
    ] {
        let (status, problem) = expire(body.clone()).await;
        assert_eq!(
            status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{body}: {problem}"
        );
    }
    let (status, told) = expire(json!({"keep_hours": 1})).await;
    assert_eq!(
        (status, &told["expired"]),
        (StatusCode::OK, &json!(0)),
        "all is young"
    );
    let (_, told) = gc(json!({})).await;
    assert_eq!(told["chunks"], 0, "nothing is garbage yet");
    let (status, told) = expire(json!({"keep_hours": 0})).await;
    assert_eq!(status, StatusCode::OK);
    assert!(told["expired"].as_u64().unwrap() > 0, "{told}");
    let (_, history) = admin.get("/admin/cubes/formula/history").await;
    assert!(
        history["commits"].as_array().unwrap().len() <= 2,
        "{history}"
    );

    // Garbage is what nobody may refer to any more, so nobody may write meanwhile.
    let repo = Repo::open(Path::new(&store)).await.unwrap();
    let lock = repo.lock("cubetiler build").unwrap();
    let (status, problem) = gc(json!({})).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(
        problem["detail"].to_string().contains("cubetiler build"),
        "{problem}"
    );
    drop(lock);
    let (_, dry) = gc(json!({"keep_hours": 0, "dry_run": true})).await;
    let (status, told) = gc(json!({"keep_hours": 0})).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&dry["chunks"], &dry["snapshots"]),
        (&told["chunks"], &told["snapshots"])
    );
    assert!(told["snapshots"].as_u64().unwrap() > 0, "{told}");
    let (_, told) = gc(json!({"keep_hours": 0})).await;
    assert_eq!(
        (&told["chunks"], &told["snapshots"]),
        (&json!(0), &json!(0))
    );
    let again = admin.begin("formula", json!({})).await;
    assert_eq!(
        admin.ended(&again).await["planned"]["done"],
        4,
        "the cube is whole"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_that_takes_as_much_as_it_may_is_served_and_not_filled() {
    let local = Local::new();
    let store = local.create("cube");
    let mut config = Config::default();
    // The empty cube is smaller, and one with a chunk is larger.
    let empty = cubetiler::repo::bytes_on_disk(Path::new(&store)).unwrap();
    let gib = |bytes: u64| f64::from(u32::try_from(bytes).unwrap()) / f64::from(1 << 30);
    config.quotas.insert("formula".to_owned(), gib(empty + 100));
    config.build.concurrency = 1;
    config.build.group_millis = 50;
    let (server, admin) = configured(&local, store, config).await;
    let job = admin.begin("formula", json!({})).await;
    let ended = admin.ended(&job).await;
    assert_eq!(ended["state"], "failed");
    let message = ended["message"].as_str().unwrap();
    assert!(
        message.contains("[quotas]") && message.contains("collect garbage"),
        "{message}"
    );
    let committed = ended["committed"].as_u64().unwrap();
    assert!(
        (1..4).contains(&committed),
        "what had been built is kept: {ended}"
    );

    let (status, problem) = admin.backfill("formula", json!({})).await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{problem}");
    let retry = format!("/admin/jobs/{job}/retry");
    let (status, problem) = admin.post(&retry, json!({})).await;
    assert_eq!(
        status,
        StatusCode::INSUFFICIENT_STORAGE,
        "what is left is known: {problem}"
    );
    let (status, plan) = admin.backfill("formula", json!({"dry_run": true})).await;
    assert_eq!((status, &plan["done"]), (StatusCode::OK, &json!(committed)));
    let cube: Value = server.get("/cubes/formula").await.json().await.unwrap();
    let storage = &cube["storage"];
    assert!(
        storage["bytes"].as_u64() >= storage["quota_bytes"].as_u64(),
        "{storage}"
    );
    let tile = server
        .get("/cubes/formula/tiles/WebMercatorQuad/12/2115/1503.png")
        .await;
    assert_eq!(tile.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_what_a_fill_takes_by_what_others_took() {
    let local = Local::new();
    let mut config = Config::default();
    config.build.prices.million_requests = 1e6;
    let (_server, admin) = configured(&local, local.create("cube"), config).await;
    let estimate = async |body: Value| {
        let (status, plan) = admin.backfill("formula", body).await;
        assert_eq!(status, StatusCode::OK, "{plan}");
        plan["estimate"].clone()
    };
    let first = estimate(json!({"dry_run": true})).await;
    assert_eq!(first["based_on"], 0, "a rule of thumb: {first}");
    assert!(first["seconds"].as_f64().unwrap() > 0.0);
    let job = admin
        .begin("formula", json!({"chunks": [[0, 0, 0], [0, 0, 1]]}))
        .await;
    admin.ended(&job).await;
    let then = estimate(json!({"dry_run": true, "force": true})).await;
    // Each of the two chunks has the five dates' scenes of one zone or of both.
    assert_eq!(then["based_on"], 2);
    let scenes = then["scenes"].as_u64().unwrap();
    assert!((20..=40).contains(&scenes), "{then}");
    let requests = then["requests"].as_f64().unwrap();
    assert!(
        requests > 0.0 && then["bytes"].as_u64().unwrap() > 0,
        "{then}"
    );
    let dollars = then["dollars"].as_f64().unwrap();
    assert!(
        (dollars - requests).abs() < 0.01,
        "a dollar a request: {then}"
    );
    let nothing = estimate(json!({"dry_run": true, "chunks": [[0, 0, 0]]})).await;
    assert_eq!(
        (&nothing["scenes"], &nothing["seconds"]),
        (&json!(0), &json!(0.0))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_builds_what_is_there_again_and_changes_nothing_that_is_the_same() {
    let local = Local::new();
    let mut config = Config::default();
    // The archive is of 2023.
    config.build.settle_days = 36_500;
    let (_server, admin) = configured(&local, local.create("cube"), config).await;
    let head = async || {
        let (_, history) = admin.get("/admin/cubes/formula/history?limit=1").await;
        history["commits"][0]["revision"].clone()
    };
    let refresh = json!({"refresh": true});
    let nothing = admin.begin("formula", refresh.clone()).await;
    assert_eq!(
        admin.ended(&nothing).await["total"],
        0,
        "what is absent stays so"
    );
    let job = admin
        .begin("formula", json!({"chunks": [[0, 0, 0], [0, 1, 1]]}))
        .await;
    admin.ended(&job).await;
    let before = head().await;
    let job = admin.begin("formula", refresh.clone()).await;
    let ended = admin.ended(&job).await;
    assert_eq!(
        (&ended["state"], &ended["committed"]),
        (&json!("done"), &json!(2)),
        "{ended}"
    );
    assert_eq!(head().await, before, "nothing was written");

    // A date less, as if the archive had changed.
    let items = local.archive.directory.join("items.json");
    let mut document: Value = serde_json::from_slice(&std::fs::read(&items).unwrap()).unwrap();
    let whole = document.clone();
    document["features"].as_array_mut().unwrap().retain(|item| {
        !item["properties"]["datetime"]
            .as_str()
            .unwrap()
            .starts_with("2023-08-02")
    });
    std::fs::write(&items, document.to_string()).unwrap();
    let job = admin.begin("formula", refresh.clone()).await;
    assert_eq!(admin.ended(&job).await["committed"], 2);
    let changed = head().await;
    assert_ne!(changed, before);

    // One that fails leaves what was there as it was.
    std::fs::write(&items, "no catalogue").unwrap();
    let job = admin.begin("formula", refresh).await;
    let ended = admin.ended(&job).await;
    assert_eq!(
        (&ended["state"], &ended["failed"]),
        (&json!("done"), &json!(2)),
        "{ended}"
    );
    assert_eq!(head().await, changed);
    std::fs::write(&items, whole.to_string()).unwrap();
    let (status, again) = admin
        .post(&format!("/admin/jobs/{job}/retry"), json!({}))
        .await;
    assert_eq!(
        (status, &again["total"]),
        (StatusCode::ACCEPTED, &json!(2)),
        "{again}"
    );
    let ended = admin.ended(again["id"].as_str().unwrap()).await;
    assert_eq!(
        (&ended["committed"], &ended["failed"]),
        (&json!(2), &json!(0)),
        "{ended}"
    );

    let (status, problem) = admin
        .backfill("formula", json!({"refresh": true, "force": true}))
        .await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_settles_while_the_server_is_off_is_refreshed_once_more() {
    let local = Local::new();
    let store = local.create("cube");
    let start = async || {
        let catalog = Catalog::default();
        catalog.open("formula", store.clone().into()).await.unwrap();
        let compute = Compute::new(1);
        let source = SceneSource::new(SourceConfig::default(), compute.clone()).unwrap();
        let builder = Builder::new(source, compute, Config::default().build);
        let settings = JobSettings {
            folder: Some(local.path("state").into()),
            refresh_every: Duration::from_hours(24),
            ..JobSettings::default()
        };
        Jobs::open(builder, catalog.into(), settings).unwrap()
    };
    // Waits for the newest job.
    let rest = async |jobs: &Jobs| loop {
        let filter = JobFilter {
            limit: 1,
            ..JobFilter::default()
        };
        let (newest, count) = jobs.list(filter).await.unwrap();
        if newest[0].ended.is_some() {
            break count;
        }
        tokio::task::yield_now().await;
    };
    let jobs = start().await;
    let whole = cubetiler::build::JobRequest::default();
    jobs.begin("formula", whole).await.unwrap();
    assert_eq!(rest(&jobs).await, 1);
    // August has not settled at its end, and long after it has.
    let end = "2023-09-01T00:00:00Z".parse().unwrap();
    let due = async |jobs: &Jobs, now| jobs.refresh_if_due("formula", now).await.unwrap();
    assert_eq!(due(&jobs, end).await, Duration::from_hours(24));
    assert_eq!(rest(&jobs).await, 2);
    let soon = end + TimeDelta::hours(20);
    assert_eq!(due(&jobs, soon).await, Duration::from_hours(4));
    assert_eq!(rest(&jobs).await, 2, "it is not time yet");
    jobs.shut_down().await;
    drop(jobs);
    let jobs = start().await;
    let (now, items) = (Utc::now(), local.archive.directory.join("items.json"));
    let whole = std::fs::read(&items).unwrap();
    std::fs::write(&items, "no catalogue").unwrap();
    due(&jobs, now).await;
    assert_eq!(
        rest(&jobs).await,
        3,
        "scenes may have come in before it settled"
    );
    std::fs::write(&items, whole).unwrap();
    due(&jobs, now + TimeDelta::hours(24)).await;
    assert_eq!(rest(&jobs).await, 4, "the last one failed");
    due(&jobs, now + TimeDelta::hours(48)).await;
    assert_eq!(rest(&jobs).await, 4, "and now it is settled");
    jobs.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cube_is_made_by_a_recipe_that_is_sent_and_found_again_after_a_restart() {
    let local = Local::new();
    let mut config = Config::default();
    config.server.cubes_dir = local.path("made").into();
    let recipe = crate::fixture::recipe("https://example.org/stac");
    let recipe: toml::Value = toml::from_str(&recipe).unwrap();
    let recipe = serde_json::to_value(recipe).unwrap();
    let store = local.create("cube");
    {
        let (server, admin) = configured(&local, store.clone(), config.clone()).await;
        let make = async |name: &str, recipe: &Value| {
            let body = json!({"name": name, "recipe": recipe});
            admin.post("/admin/cubes", body).await
        };
        let (status, told) = make("alps", &recipe).await;
        assert_eq!(status, StatusCode::CREATED, "{told}");
        let cube: Value = server.get("/cubes/alps").await.json().await.unwrap();
        assert_eq!(cube["title"], "Formula");
        let (status, plan) = admin.backfill("alps", json!({"dry_run": true})).await;
        assert_eq!((status, &plan["build"]), (StatusCode::OK, &json!(4)));

        let mut wrong = recipe.clone();
        wrong["source"]["bnads"] = json!(["red"]);
        let mut local_file = recipe.clone();
        local_file["source"]["stac"] = json!("/etc/passwd");
        let mut tiny = recipe.clone();
        tiny["grid"]["resolution"] = json!(-1);
        for (name, recipe, status, words) in [
            ("alps", &recipe, 409, "already"),
            ("formula", &recipe, 409, "already"),
            ("../alps", &recipe, 422, "no name"),
            ("b", &wrong, 422, "did you mean `bands`?"),
            ("b", &local_file, 422, "source.stac"),
            ("b", &tiny, 422, "grid.resolution"),
        ] {
            let (found, problem) = make(name, recipe).await;
            assert_eq!(found.as_u16(), status, "{name}: {problem}");
            assert!(problem["detail"].to_string().contains(words), "{problem}");
        }
        let audit = std::fs::read_to_string(local.path("state/audit.jsonl")).unwrap();
        let noted = audit
            .lines()
            .find(|line| line.contains(r#""action":"create""#));
        assert!(noted.unwrap().contains(r#""cube":"alps""#), "{audit}");

        // Polygons may be long, but not without end.
        let mut long = recipe.clone();
        long["title"] = "x".repeat(200_000).into();
        assert_eq!(make("long", &long).await.0, StatusCode::CREATED);
        long["title"] = "x".repeat(2_000_000).into();
        assert_eq!(make("longer", &long).await.0, StatusCode::PAYLOAD_TOO_LARGE);
        let (status, _) = admin
            .backfill("alps", json!({"datetime": "x".repeat(100_000)}))
            .await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    let other = Local::new();
    let (server, _admin) = configured(&other, store, config).await;
    assert_eq!(server.get("/cubes/alps").await.status(), 200);

    let local = Local::new();
    let (_server, admin) = crate::admin::server(&local, local.create("cube")).await;
    let body = json!({"name": "alps", "recipe": recipe});
    let (status, problem) = admin.post("/admin/cubes", body).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert!(
        problem["detail"].to_string().contains("server.cubes_dir"),
        "{problem}"
    );
}
