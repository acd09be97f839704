//! Cubes as plain Zarr stores, and who reads them.

use std::{fs, path::Path, process::Command};

use cubetiler::{config::Config, http::Access};
use serde_json::Value;

use crate::{
    fixture::{Local, Server},
    reference::script,
    round_trip::decode,
    support::{cubetiler, python, skip, succeed},
};

const PROFILES: [&str; 3] = ["sharded", "unsharded", "zarr2"];

/// A built cube and its exports, by profile.
fn exported(local: &Local) -> (String, [String; 3]) {
    let store = local.create("cube");
    succeed(&mut cubetiler(&["build", &store]));
    let written = PROFILES.map(|profile| {
        let to = local.path(profile);
        succeed(&mut cubetiler(&[
            "export",
            &store,
            &to,
            "--profile",
            profile,
        ]));
        to
    });
    (store, written)
}

#[test]
fn xarray_and_gdal_of_two_generations_read_in_an_export_what_is_in_the_cube() {
    let Some(python) = python() else { return };
    if Command::new("gdal_translate")
        .arg("--version")
        .output()
        .is_err()
    {
        return skip("there is no gdal_translate (Debian: apt-get install gdal-bin)");
    }
    let local = Local::new();
    let (store, [sharded, unsharded, zarr2]) = exported(&local);
    let script = script("export.py");
    succeed(Command::new(python).args([&script, &store, &sharded, &unsharded, &zarr2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_an_export_answers_with_the_tiles_of_the_cube() {
    let local = Local::new();
    let (store, exports) = exported(&local);
    let mut config = Config::default();
    config.server.state_dir = local.folder.path().join("state");
    config.cubes.insert("cube".to_owned(), store.into());
    for (profile, export) in PROFILES.iter().zip(exports) {
        config.cubes.insert((*profile).to_owned(), export.into());
    }
    let server = Server::of(&config, Access::Off).await;
    let tile = async |name: &str| {
        let path = format!(
            "/cubes/{name}/tiles/WebMercatorQuad/9/264/187.png?variable=red&rescale=1000,1300"
        );
        let response = server.get(&path).await;
        assert_eq!(response.status(), 200, "{name}");
        decode(&response.bytes().await.unwrap())
    };
    let expected = tile("cube").await;
    let (pixels, samples) = &expected;
    let is_shown = |pixel: &[u8]| pixel[samples - 1] > 0;
    assert!(pixels.chunks(*samples).any(is_shown));
    for name in PROFILES {
        assert_eq!(tile(name).await, expected, "{name}");
    }
}

#[test]
fn an_export_is_of_a_state_that_it_names_and_of_all_of_it_or_nothing() {
    let local = Local::new();
    let store = local.create("cube");
    let history = succeed(&mut cubetiler(&["history", &store, "--json"]));
    let newest = history.stdout.split(|byte| *byte == b'\n').next().unwrap();
    let empty: Value = serde_json::from_slice(newest).unwrap();
    let empty = empty["revision"].as_str().unwrap();
    succeed(&mut cubetiler(&["build", &store]));
    let to = local.path("before");
    succeed(&mut cubetiler(&[
        "export",
        &store,
        &to,
        "--revision",
        empty,
    ]));
    let root: Value =
        serde_json::from_slice(&fs::read(Path::new(&to).join("zarr.json")).unwrap()).unwrap();
    assert_eq!(root["attributes"]["cubetiler:revision"], empty);
    assert!(
        !Path::new(&to).join("0/red/c").exists(),
        "nothing was built then"
    );

    let refuse = |arguments: &[&str], expected: &str| {
        let output = cubetiler(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
    };
    refuse(&["export", &store, &to], "exists already");
    let other = local.path("other");
    refuse(
        &["export", &store, &other, "--revision", "nonsense"],
        "main",
    );
    refuse(&["export", &local.path("archive"), &other], "is no cube");
    refuse(
        &["export", &store, &other, "--profile", "zarr3"],
        "unsharded",
    );
    let part = local.path(".other.part");
    fs::create_dir(&part).unwrap();
    refuse(&["export", &store, &other], "can be deleted");
    assert!(Path::new(&part).exists() && !Path::new(&other).exists());
    fs::remove_dir(&part).unwrap();

    // A damaged chunk: half an export would look like a whole one.
    let chunks = Path::new(&store).join("chunks");
    for chunk in fs::read_dir(&chunks).unwrap() {
        fs::write(chunk.unwrap().path(), b"rubbish").unwrap();
    }
    let output = cubetiler(&["export", &store, &other, "--profile", "zarr2"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(!Path::new(&other).exists() && !Path::new(&part).exists());
}
