//! Other people's stores in S3, Google Cloud Storage and Azure.

use std::{fs, path::Path, process::Command};

use bytes::Bytes;
use cubetiler::{app::App, config::Config, http::Access, repo::Repo};
use serde_json::{Value, json};

use crate::{
    external::{changed, opaque, write_plain},
    fake_cloud::{Cloud, FakeCloud},
    fixture::Server,
    reference::script,
    support::{python, succeed},
};

/// Names and values of the environment.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// A tile that the stores of this file are in.
const TILE: &str = "3/4/2.png";

/// Cells along a side of the stores of this file.
const SIDE: usize = 8;

/// A server of stores by name, which is not asked for changes meanwhile.
async fn serve(mut config: Config, stores: &[(&str, &str)]) -> Server {
    config.cache.check_seconds = 3600;
    serve_checking(config, stores).await
}

async fn serve_checking(mut config: Config, stores: &[(&str, &str)]) -> Server {
    for (name, store) in stores {
        config.cubes.insert((*name).to_owned(), store.into());
    }
    Server::of(&config, Access::Off).await
}

async fn refusal(mut config: Config, store: &str) -> String {
    config.cubes.insert("it".to_owned(), store.into());
    let error = App::new(&config, Access::Off).await.unwrap_err();
    let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A folder with the bucket `maps`.
fn bucket() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let maps = folder.path().join("maps");
    fs::create_dir(&maps).unwrap();
    (folder, maps)
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn group() -> String {
    json!({"zarr_format": 3, "node_type": "group"}).to_string()
}

fn array(shape: &[usize], chunk: &[usize], data_type: &str, names: &[&str]) -> Value {
    json!({
        "zarr_format": 3, "node_type": "array", "shape": shape, "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk}},
        "chunk_key_encoding": {"name": "default"}, "fill_value": 0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "dimension_names": names,
    })
}

/// Values of a coordinate from 60 degrees north or 0 degrees east on.
fn coordinate(name: &str) -> Vec<u8> {
    let values = (0..SIDE).map(|n| {
        let n = f64::from(u32::try_from(n).unwrap());
        if name == "lat" { 59.5 - n } else { 0.5 + n }
    });
    values.flat_map(f64::to_le_bytes).collect()
}

/// What a cell holds.
fn value(row: usize, col: usize) -> u8 {
    u8::try_from(10 + row * 20 + col).unwrap()
}

/// The document of an array with inner chunks of half the side.
fn sharded() -> Value {
    let mut document = array(&[SIDE, SIDE], &[SIDE, SIDE], "uint8", &["lat", "lon"]);
    document["codecs"] = json!([{"name": "sharding_indexed", "configuration": {
        "chunk_shape": [SIDE / 2, SIDE / 2], "codecs": [{"name": "bytes"}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    }}]);
    document
}

fn shard() -> Vec<u8> {
    let half = SIDE / 2;
    let mut shard = Vec::new();
    let mut index = Vec::new();
    for (top, left) in [(0, 0), (0, half), (half, 0), (half, half)] {
        let place = [shard.len() as u64, (half * half) as u64];
        index.extend(place.into_iter().flat_map(u64::to_le_bytes));
        let cells = (0..half * half).map(|n| value(top + n / half, left + n % half));
        shard.extend(cells);
    }
    shard.extend(index);
    shard
}

/// Zarr v3 without consolidated metadata, with `v` sharded, `w` in chunks and a
/// group below the root.
fn write_v3(folder: &Path) {
    write(&folder.join("zarr.json"), group());
    write(&folder.join("deep/zarr.json"), group());
    for place in ["", "deep/below/"] {
        let at = |name: &str| folder.join(format!("{place}{name}"));
        if !place.is_empty() {
            write(&at("zarr.json"), group());
        }
        write(&at("v/zarr.json"), sharded().to_string());
        write(&at("v/c/0/0"), shard());
        let plain = array(&[SIDE, SIDE], &[4, 4], "uint8", &["lat", "lon"]);
        write(&at("w/zarr.json"), plain.to_string());
        for (row, col) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let cells = (0..16).map(|n| value(row * 4 + n / 4, col * 4 + n % 4));
            write(&at(&format!("w/c/{row}/{col}")), cells.collect::<Vec<u8>>());
        }
        for name in ["lat", "lon"] {
            let document = array(&[SIDE], &[SIDE], "float64", &[name]);
            write(&at(&format!("{name}/zarr.json")), document.to_string());
            write(&at(&format!("{name}/c/0")), coordinate(name));
        }
    }
    // No group, and not looked into.
    write(&folder.join("notes/more/readme.txt"), "text");
}

/// Zarr v2 with consolidated metadata.
fn write_v2(folder: &Path) {
    write_plain(folder, 4, SIDE, 1.0);
    let mut metadata = serde_json::Map::new();
    for key in [
        ".zgroup",
        "v/.zarray",
        "v/.zattrs",
        "lat/.zarray",
        "lat/.zattrs",
        "lon/.zarray",
        "lon/.zattrs",
    ] {
        let text = fs::read(folder.join(key)).unwrap();
        metadata.insert(key.to_owned(), serde_json::from_slice(&text).unwrap());
    }
    let document = json!({"zarr_consolidated_format": 1, "metadata": metadata});
    write(&folder.join(".zmetadata"), document.to_string());
}

async fn tile(server: &Server, path: &str) -> Bytes {
    let response = server.get(path).await;
    let status = response.status();
    let bytes = response.bytes().await.unwrap();
    assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_in_all_clouds_show_what_they_show_on_a_disk() {
    let (folder, maps) = bucket();
    write_v3(&maps.join("in a folder/three.zarr"));
    write_v2(&maps.join("two.zarr"));
    write_plain(&maps.join("plain.zarr"), 4, SIDE, 1.0);
    let cloud = FakeCloud::of(folder.path()).await;
    let cases: [(&str, &str, &[&str]); 4] = [
        ("three", "in a folder/three.zarr", &["v", "w"]),
        ("below", "in a folder/three.zarr#deep/below", &["v", "w"]),
        ("two", "two.zarr", &["v"]),
        ("plain", "plain.zarr", &["v"]),
    ];
    let local = cases.map(|(name, key, _)| (name, format!("{}/{key}", maps.display())));
    let local = local.each_ref().map(|(name, path)| (*name, path.as_str()));
    let near = serve(Config::default(), &local).await;
    for provider in Cloud::ALL {
        let remote = cases.map(|(name, key, _)| (name, provider.address(key)));
        let remote = remote.each_ref().map(|(name, path)| (*name, path.as_str()));
        let far = serve(provider.config(&cloud), &remote).await;
        for (name, _, variables) in cases {
            for variable in variables {
                for at in [TILE, "6/32/18.png"] {
                    let path = format!("/cubes/{name}/{at}?variable={variable}&rescale=0,200");
                    let [a, b] = [tile(&near, &path).await, tile(&far, &path).await];
                    assert_eq!(a, b, "{provider:?} {path}");
                    let seen = opaque(&far, &path).await;
                    assert!(seen.contains(&true), "{provider:?} {path}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consolidated_store_is_not_listed_and_folders_of_chunks_never_are() {
    let (folder, maps) = bucket();
    write_v3(&maps.join("three.zarr"));
    write_v2(&maps.join("two.zarr"));
    let cloud = FakeCloud::of(folder.path()).await;
    for provider in Cloud::ALL {
        let two = provider.address("two.zarr");
        let _two = serve(provider.config(&cloud), &[("two", &two)]).await;
        let asked = cloud.take();
        assert!(
            asked.iter().all(|asked| asked.listed.is_none()),
            "{asked:#?}"
        );
        let three = provider.address("three.zarr");
        let _three = serve(provider.config(&cloud), &[("three", &three)]).await;
        let asked = cloud.take();
        let mut listed: Vec<_> = asked.into_iter().filter_map(|asked| asked.listed).collect();
        listed.sort_unstable();
        // In pages.
        listed.dedup();
        assert_eq!(
            listed,
            ["three.zarr/", "three.zarr/deep/", "three.zarr/deep/below/"]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_may_be_read_and_not_listed_is_served_if_it_is_consolidated() {
    let (folder, maps) = bucket();
    write_v2(&maps.join("two.zarr"));
    write_v3(&maps.join("three.zarr"));
    let cloud = FakeCloud::of(folder.path()).await;
    cloud.hide_what_is_missing();
    for provider in Cloud::ALL {
        let two = provider.address("two.zarr");
        let server = serve(provider.config(&cloud), &[("two", &two)]).await;
        tile(&server, &format!("/cubes/two/{TILE}?variable=v")).await;
        let message = refusal(provider.config(&cloud), &provider.address("three.zarr")).await;
        assert!(
            message.contains("cannot list") && message.contains("AccessDenied"),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_that_fails_is_an_error_and_not_an_empty_tile() {
    let (folder, maps) = bucket();
    write_v3(&maps.join("three.zarr"));
    write_repository(&maps.join("ice")).await;
    for provider in Cloud::ALL {
        let cloud = FakeCloud::of(folder.path()).await;
        let [three, ice] = ["three.zarr", "ice"].map(|key| provider.address(key));
        let stores = [("three", three.as_str()), ("ice", ice.as_str())];
        let server = serve(provider.config(&cloud), &stores).await;
        cloud.fail();
        for path in ["three", "ice"].map(|name| format!("/cubes/{name}/{TILE}?variable=v")) {
            let response = server.get(&path).await;
            assert_eq!(response.status(), 502, "{provider:?} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_gone_is_an_error_and_not_an_empty_tile() {
    let (folder, maps) = bucket();
    write_v3(&maps.join("three.zarr"));
    let cloud = FakeCloud::of(folder.path()).await;
    let three = Cloud::S3.address("three.zarr");
    let server = serve(Cloud::S3.config(&cloud), &[("three", &three)]).await;
    fs::remove_dir_all(&maps).unwrap();
    let response = server.get(&format!("/cubes/three/{TILE}?variable=w")).await;
    assert_eq!(response.status(), 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_told_with_its_address() {
    let (folder, maps) = bucket();
    write(&maps.join("other/readme.txt"), "text");
    let cloud = FakeCloud::of(folder.path()).await;
    for provider in Cloud::ALL {
        for key in ["nothing.zarr", "other"] {
            let address = provider.address(key);
            let message = refusal(provider.config(&cloud), &address).await;
            assert!(
                message.contains(&format!("Icechunk repository at {address}")),
                "{message}"
            );
        }
        let message = refusal(provider.config(&cloud), &provider.address("ice@v1")).await;
        assert!(message.contains("no Icechunk repository"), "{message}");
        let nowhere = provider.address("a.zarr").replace("maps", "mops");
        let message = refusal(provider.config(&cloud), &nowhere).await;
        assert!(
            message.contains(&nowhere) && message.contains("no such bucket"),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_is_told_what_there_is() {
    let message = refusal(Config::default(), "ftp://example.org/a.zarr").await;
    for word in ["ftp://", "http", "s3://", "gs://", "az://"] {
        assert!(message.contains(word), "{message}");
    }
    let message = refusal(Config::default(), "s3://key:secret@maps/a.zarr").await;
    assert!(message.contains("environment"), "{message}");
    assert!(!message.contains("secret"), "{message}");
    let message = refusal(Config::default(), "az://maps/a.zarr@main").await;
    assert!(message.contains("AZURE_STORAGE_ACCOUNT_NAME"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_signed_with_what_the_environment_says() {
    let (folder, maps) = bucket();
    write_v3(&maps.join("three.zarr"));
    let cloud = FakeCloud::of(folder.path()).await;
    let cases: [(Cloud, Variables<'_>, &str); 3] = [
        (
            Cloud::S3,
            &[
                ("AWS_ACCESS_KEY_ID", "me"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
            ],
            "AWS4-HMAC-SHA256 Credential=me/",
        ),
        (
            Cloud::Google,
            &[("GOOGLE_BEARER_TOKEN", "mine")],
            "Bearer mine",
        ),
        (
            Cloud::Azure,
            &[("AZURE_STORAGE_TOKEN", "mine")],
            "Bearer mine",
        ),
    ];
    for (provider, variables, authorization) in cases {
        let config = cloud.config_with(variables, false);
        // With a group it is not looked at as a cube first, for which Icechunk
        // reads the environment of this process.
        let address = format!("{}#deep/below", provider.address("three.zarr"));
        let server = serve(config, &[("three", &address)]).await;
        tile(&server, &format!("/cubes/three/{TILE}?variable=v")).await;
        let asked = cloud.take();
        assert!(asked.len() > 10, "{asked:#?}");
        for asked in asked {
            assert!(asked.authorization.starts_with(authorization), "{asked:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_for_changes_asks_for_what_is_new_alone() {
    let (folder, maps) = bucket();
    let three = maps.join("three.zarr");
    for provider in Cloud::ALL {
        write_v3(&three);
        let cloud = FakeCloud::of(folder.path()).await;
        let mut config = provider.config(&cloud);
        config.cache.check_seconds = 0;
        let address = provider.address("three.zarr");
        let server = serve_checking(config, &[("three", &address)]).await;
        let path = format!("/cubes/three/{TILE}?variable=v");
        let etag = async || server.get(&path).await.headers()["etag"].clone();
        cloud.take();
        let before = etag().await;
        let looked = async || {
            let _etag = etag().await;
            let asked = cloud.take();
            let known = asked.iter().filter(|asked| {
                // What is there, and not in the folder that is no group.
                asked.path.ends_with("zarr.json") && !asked.path.contains("/notes/")
            });
            known.map(|asked| asked.status).collect::<Vec<u16>>()
        };
        let statuses = changed(&Vec::new(), &looked).await;
        assert!(
            statuses.len() > 5 && statuses.iter().all(|status| *status == 304),
            "{provider:?}: {statuses:?}"
        );
        let mut document = sharded();
        document["attributes"] = json!({"units": format!("{provider:?}")});
        write(&three.join("v/zarr.json"), document.to_string());
        let after = changed(&before, &etag).await;
        write(&three.join("v/zarr.json"), "no JSON");
        assert_eq!(etag().await, after);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_http_too_a_look_for_changes_asks_for_what_is_new_alone() {
    let (folder, maps) = bucket();
    let two = maps.join("two.zarr");
    write_v2(&two);
    let cloud = FakeCloud::of(folder.path()).await;
    let mut config = Config::default();
    config.cache.check_seconds = 0;
    let address = format!("{}/maps/two.zarr", cloud.url);
    let server = serve_checking(config, &[("two", &address)]).await;
    let path = format!("/cubes/two/{TILE}?variable=v");
    let etag = async || server.get(&path).await.headers()["etag"].clone();
    cloud.take();
    let before = etag().await;
    let looked = async || {
        let _etag = etag().await;
        let asked = cloud.take();
        let known = asked
            .iter()
            .filter(|asked| asked.path.ends_with("/two.zarr/.zmetadata"));
        known.map(|asked| asked.status).collect::<Vec<u16>>()
    };
    // Looks go on beside requests, so it may be more than one.
    let statuses = changed(&Vec::new(), &looked).await;
    assert!(statuses.iter().all(|status| *status == 304), "{statuses:?}");
    let text = fs::read_to_string(two.join(".zmetadata")).unwrap();
    let other = text.replacen("\"lon\"]}", "\"lon\"],\"units\":\"K\"}", 1);
    assert_ne!(text, other);
    write(&two.join(".zmetadata"), other);
    changed(&before, &etag).await;
}

/// An Icechunk repository of somebody else, of spec V2, with `v` on `main`; the
/// id of its state.
async fn write_repository(path: &Path) -> String {
    let repo = Repo::create(path).await.unwrap();
    let mut transaction = repo.transaction().await.unwrap();
    transaction.set_group("", group().into()).await.unwrap();
    let side = SIDE as u64;
    let mut set =
        async |name: &str, shape: &[(u64, u32)], names: &[&str], document: Value, chunk| {
            let text = document.to_string().into();
            transaction
                .set_array(name, shape, names, text)
                .await
                .unwrap();
            let index = vec![0; shape.len()];
            let uploaded = transaction.upload(name, &index, chunk).await.unwrap();
            let uploaded = Some(uploaded);
            transaction.set_chunk(name, &index, uploaded).await.unwrap();
        };
    // Large enough that it does not lie in the manifest.
    let mut stored = shard();
    stored.splice(0..0, std::iter::repeat_n(0, 4096));
    for place in stored[4096 + SIDE * SIDE..].chunks_exact_mut(16) {
        let offset = u64::from_le_bytes(place[..8].try_into().unwrap());
        place[..8].copy_from_slice(&(offset + 4096).to_le_bytes());
    }
    let shape = [(side, 1), (side, 1)];
    set("v", &shape, &["lat", "lon"], sharded(), stored.into()).await;
    for name in ["lat", "lon"] {
        let document = array(&[SIDE], &[SIDE], "float64", &[name]);
        set(
            name,
            &[(side, 1)],
            &[name],
            document,
            coordinate(name).into(),
        )
        .await;
    }
    transaction.commit("a field").await.unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_in_any_cloud_shows_what_it_shows_on_a_disk() {
    let (folder, maps) = bucket();
    let id = write_repository(&maps.join("ice")).await;
    let local = maps.join("ice");
    let near = serve(Config::default(), &[("main", local.to_str().unwrap())]).await;
    let path = |name: &str| format!("/cubes/{name}/{TILE}?variable=v&rescale=0,200");
    let expected = tile(&near, &path("main")).await;
    assert!(opaque(&near, &path("main")).await.contains(&true));
    let cloud = FakeCloud::of(folder.path()).await;
    for provider in Cloud::ALL {
        let [main, named, at] =
            ["", "@main", &format!("@{id}")].map(|at| provider.address(&format!("ice{at}")));
        let stores = [("main", &*main), ("named", &*named), ("at", &*at)];
        let far = serve(provider.config(&cloud), &stores).await;
        for (name, _) in stores {
            assert_eq!(
                tile(&far, &path(name)).await,
                expected,
                "{provider:?} {name}"
            );
        }
        let message = refusal(provider.config(&cloud), &provider.address("ice@nothing")).await;
        assert!(
            message.contains("`nothing`") && message.contains("there are main"),
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_to_a_repository_in_a_bucket_is_seen() {
    let (folder, maps) = bucket();
    write_repository(&maps.join("ice")).await;
    for provider in Cloud::ALL {
        let cloud = FakeCloud::of(folder.path()).await;
        let mut config = provider.config(&cloud);
        config.cache.check_seconds = 0;
        let server = serve_checking(config, &[("ice", &provider.address("ice"))]).await;
        let path = format!("/cubes/ice/{TILE}?variable=v");
        let etag = async || server.get(&path).await.headers()["etag"].clone();
        let before = etag().await;
        let repo = Repo::open(&maps.join("ice")).await.unwrap();
        let mut transaction = repo.transaction().await.unwrap();
        let mut document = sharded();
        document["attributes"] = json!({"units": format!("{provider:?}")});
        let side = SIDE as u64;
        let (shape, names) = ([(side, 1), (side, 1)], ["lat", "lon"]);
        let text = document.to_string().into();
        transaction
            .set_array("v", &shape, &names, text)
            .await
            .unwrap();
        transaction.commit("units").await.unwrap();
        changed(&before, &etag).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_of_both_spec_versions_are_served_from_all_clouds_at_branch_and_tag() {
    let Some(python) = python() else { return };
    let (folder, maps) = bucket();
    let writer = script("tiles.py");
    succeed(
        Command::new(&python)
            .args(["-W", "ignore", &writer, "icechunk"])
            .arg(&maps),
    );
    let cloud = FakeCloud::of(folder.path()).await;
    let references = ["", "@main", "@other", "@first"];
    for version in ["v1", "v2"] {
        let names = references.map(|at| format!("r{}", at.trim_start_matches('@')));
        let local = references.map(|at| format!("{}/{version}{at}", maps.display()));
        let stores: Vec<_> = names
            .iter()
            .zip(&local)
            .map(|(n, s)| (n.as_str(), s.as_str()))
            .collect();
        let near = serve(Config::default(), &stores).await;
        for provider in Cloud::ALL {
            let remote = references.map(|at| provider.address(&format!("{version}{at}")));
            let stores: Vec<_> = names
                .iter()
                .zip(&remote)
                .map(|(n, s)| (n.as_str(), s.as_str()))
                .collect();
            let far = serve(provider.config(&cloud), &stores).await;
            for name in &names {
                let path = format!("/cubes/{name}/1/1/0.png?variable=field&rescale=0,70");
                let [a, b] = [tile(&near, &path).await, tile(&far, &path).await];
                assert_eq!(a, b, "{provider:?} {version} {name}");
            }
        }
        let path = |name: &str| format!("/cubes/{name}/1/1/0.png?variable=field&rescale=0,70");
        assert_ne!(
            tile(&near, &path("rmain")).await,
            tile(&near, &path("rfirst")).await
        );
    }
}
