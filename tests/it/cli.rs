//! The command line: its answers, its complaints, its exit codes.

use std::{fs, path::Path};

use cubetiler::repo::Repo;
use serde_json::Value;

use crate::{
    fixture::Local,
    support::{cubetiler, succeed},
};

/// Runs the program to a failure; gives the exit code and the complaint.
fn fail(arguments: &[&str]) -> (i32, String) {
    let output = cubetiler(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text.into_owned())
}

#[track_caller]
fn refuse(arguments: &[&str], parts: &[&str]) {
    let (code, text) = fail(arguments);
    assert_eq!(code, 2, "{text}");
    for part in parts {
        assert!(text.contains(part), "{text:?} should say {part:?}");
    }
}

fn info(store: &str) -> Value {
    let output = succeed(&mut cubetiler(&["info", store, "--json"]));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn bad_input_is_refused_with_what_would_be_right_and_nothing_is_lost() {
    let local = Local::new();
    let (recipe, store) = (local.path("recipe.toml"), local.path("cube"));
    let typo = local.path("typo.toml");
    fs::write(
        &typo,
        fs::read_to_string(&recipe)
            .unwrap()
            .replace("resolution", "resolutoin"),
    )
    .unwrap();
    refuse(
        &["create", &typo, &store],
        &["resolutoin", "did you mean `resolution`?"],
    );
    assert!(!Path::new(&store).exists());
    refuse(
        &["create", &local.path("none.toml"), &store],
        &["none.toml"],
    );

    succeed(&mut cubetiler(&["create", &recipe, &store]));
    refuse(&["create", &recipe, &store], &["exists already"]);
    refuse(
        &["build", &store, "--bbox", "1,2,3"],
        &["west,south,east,north"],
    );
    refuse(
        &["build", &store, "--bbox", "50,1,51,2"],
        &["does not touch"],
    );
    refuse(
        &["build", &store, "--datetime", "soon"],
        &["2023-08-01/2023-08-31"],
    );
    refuse(&["extend", &store, "--end", "2023-07-31"], &["only grows"]);
    refuse(&["build", &local.path("nowhere")], &["is no cube"]);
    refuse(&["info", &local.path("archive")], &["is no cube"]);
    refuse(&["serve", "cube"], &["NAME=STORE"]);
    refuse(
        &["serve", &format!("a={}", local.path("nowhere"))],
        &["is no cube"],
    );
    assert_eq!(info(&store)["coverage"]["2023-08-01"]["absent"], 4);
}

#[test]
fn an_asset_that_no_item_has_is_named_with_the_nearest_that_there_is() {
    let local = Local::new();
    let (recipe, store) = (local.path("recipe.toml"), local.path("cube"));
    let text = fs::read_to_string(&recipe)
        .unwrap()
        .replace("\"green\"", "\"gren\"");
    fs::write(&recipe, text).unwrap();
    succeed(&mut cubetiler(&["create", &recipe, &store]));
    let (code, text) = fail(&["build", &store]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("gren") && text.contains("green"), "{text}");
}

#[tokio::test]
async fn a_second_writer_is_told_who_the_first_is() {
    let local = Local::new();
    let store = local.create("cube");
    let repo = Repo::open(store.as_ref()).await.unwrap();
    let lock = repo.lock("the test").unwrap();
    refuse(&["build", &store], &["is being written by `the test`"]);
    refuse(&["extend", &store, "--end", "2023-12-31"], &["the test"]);
    assert_eq!(
        info(&store)["coverage"]["2023-08-01"]["absent"],
        4,
        "readers are not blocked"
    );
    drop(lock);
    succeed(&mut cubetiler(&["build", &store]));
}

#[test]
fn a_damaged_image_fails_its_chunks_by_name_and_they_are_tried_again() {
    let local = Local::new();
    let store = local.create("cube");
    let item = &local.archive.items[0];
    let href = item["assets"]["red"]["href"].as_str().unwrap();
    let image = local.archive.directory.join(href);
    let whole = fs::read(&image).unwrap();
    let item = item["id"].as_str().unwrap();
    for (damage, part) in [
        (whole[..whole.len() / 2].to_vec(), "red"),
        (b"not an image at all, but text".to_vec(), "TIFF"),
    ] {
        fs::write(&image, damage).unwrap();
        let (code, text) = fail(&["build", &store]);
        assert_eq!(code, 1, "{text}");
        assert!(text.contains(item) && text.contains(part), "{text}");
        let states = info(&store)["coverage"]["2023-08-01"].clone();
        assert!(states["failed"].as_u64().unwrap() > 0, "{states}");
    }
    fs::write(&image, whole).unwrap();
    succeed(&mut cubetiler(&["build", &store]));
    assert_eq!(info(&store)["coverage"]["2023-08-01"]["done"], 4);
}

#[test]
fn building_again_does_nothing_and_extending_keeps_what_is_there() {
    let local = Local::new();
    let store = local.create("cube");
    let dry = succeed(&mut cubetiler(&["build", &store, "--dry-run"]));
    assert!(String::from_utf8_lossy(&dry.stdout).starts_with("4 to build"));
    let lines = succeed(&mut cubetiler(&["build", &store, "--json"])).stdout;
    let events: Vec<Value> = String::from_utf8_lossy(&lines)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let last = events.last().unwrap();
    assert_eq!(
        (&last["event"], &last["report"]["built"]),
        (&"finished".into(), &4.into())
    );
    let revision = info(&store)["revision"].clone();
    // The catalogue is gone, and it is not asked.
    fs::remove_file(local.archive.directory.join("items.json")).unwrap();
    succeed(&mut cubetiler(&["build", &store]));
    assert_eq!(info(&store)["revision"], revision);

    succeed(&mut cubetiler(&["extend", &store, "--end", "2023-10-15"]));
    let info = info(&store);
    assert_eq!(info["times"].as_array().unwrap().len(), 3);
    assert_eq!(info["coverage"]["2023-08-01"]["done"], 4);
    assert_eq!(info["coverage"]["2023-10-01"]["absent"], 4);
}

#[test]
fn the_default_configuration_is_printed_as_it_is_documented() {
    let output = succeed(&mut cubetiler(&["config"]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.trim_end(), cubetiler::config::DEFAULT_TOML.trim_end());
}

#[test]
fn a_chunk_tells_what_it_is_made_of_and_a_build_draws_its_timeline() {
    let local = Local::new();
    let store = local.create("cube");
    let picture = local.path("timeline.svg");
    let output = succeed(&mut cubetiler(&["build", &store, "--timeline", &picture]));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["4 of 4 chunks built", "decode", "requests"] {
        assert!(text.contains(part), "{text}");
    }
    let svg = fs::read_to_string(&picture).unwrap();
    assert_eq!(svg.matches("<g>").count(), 4);

    let lines = succeed(&mut cubetiler(&[
        "info",
        &store,
        "--at",
        "5.92,43.1",
        "--json",
    ]))
    .stdout;
    let first = String::from_utf8_lossy(&lines)
        .lines()
        .next()
        .unwrap()
        .to_owned();
    let record: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(record["state"], "done");
    let scenes = record["provenance"]["scenes"].as_array().unwrap();
    assert!(scenes.len() >= 5, "five dates: {scenes:?}");
    let band = &scenes[0]["bands"]["red"];
    assert!(
        band["rule"].is_string() && band["offset"].is_number(),
        "{band}"
    );
    let people = succeed(&mut cubetiler(&["info", &store, "--at", "5.92,43.1"])).stdout;
    let id = scenes[0]["id"].as_str().unwrap();
    assert!(String::from_utf8_lossy(&people).contains(id));
    refuse(
        &["info", &store, "--at", "5.92"],
        &["5.92", "longitude,latitude"],
    );
    refuse(
        &["info", &store, "--at", "7,43.1"],
        &["(7, 43.1)", "outside"],
    );
}

#[test]
fn only_chunks_in_a_region_of_ones_own_are_built() {
    let local = Local::new();
    let recipe = fs::read_to_string(local.path("recipe.toml")).unwrap();
    let own = recipe.replace(r#"skip = "none""#, r#"skip = { outside = "area.geojson" }"#);
    fs::write(local.path("recipe.toml"), own).unwrap();
    fs::write(
        local.path("area.geojson"),
        r#"{"type": "Point", "coordinates": [6, 43]}"#,
    )
    .unwrap();
    refuse(
        &["create", &local.path("recipe.toml"), &local.path("none")],
        &["grid.skip.outside", "no Polygon"],
    );
    // In the north west corner, which is one chunk's.
    let area = r#"{"type": "Polygon", "coordinates": [[[5.9, 43.2], [5.9, 43.15], [5.95, 43.2], [5.9, 43.2]]]}"#;
    fs::write(local.path("area.geojson"), area).unwrap();
    let store = local.create("cube");
    fs::remove_file(local.path("area.geojson")).unwrap();
    succeed(&mut cubetiler(&["build", &store]));
    let states = &info(&store)["coverage"]["2023-08-01"];
    assert_eq!(
        (&states["done"], &states["ocean"]),
        (&1.into(), &3.into()),
        "{states}"
    );
}

#[test]
fn a_token_is_made_with_the_lines_that_let_it_in_and_wrong_lines_end_the_server_at_once() {
    let local = Local::new();
    let store = local.create("cube");
    let made = succeed(&mut cubetiler(&[
        "token", "bot", "--scope", "fill", "--cube", "alps",
    ]));
    let made = String::from_utf8(made.stdout).unwrap();
    let lines = &made[made.find("[tokens.bot]").unwrap()..];
    assert!(made.contains("    ct_") && !lines.contains("ct_"), "{made}");

    refuse(
        &["token", "bot", "--scope", "fil"],
        &["did you mean `fill`?"],
    );
    refuse(&["token", "a b"], &["`a b`"]);
    let config = local.path("config.toml");
    for (text, parts) in [
        (
            lines.to_owned(),
            &["`tokens.bot.cubes`", "`alps`", "did you mean `alp`?"][..],
        ),
        (
            lines.replace("\"fill\"", "\"fil\""),
            &["tokens.bot", "did you mean `fill`?"],
        ),
        (
            lines.replace("\"fill\"", ""),
            &["`tokens.bot.scopes` is empty"],
        ),
        (
            lines.replace("sha256:", "sha256:0"),
            &["tokens.bot", "64 hexadecimal digits"],
        ),
        (
            "[server]\nprotect_reading = true".to_owned(),
            &["nobody could read"],
        ),
    ] {
        fs::write(&config, text).unwrap();
        let cube = format!("alp={store}");
        refuse(&["serve", "--config", &config, &cube], parts);
    }
}
