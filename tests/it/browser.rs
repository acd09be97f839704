//! The demo in a real browser: its tiles, its console, its requests, the fill
//! button.

use std::{path::Path, process::Command};

use cubetiler::{config::Config, http::Access};
use serde_json::{Value, json};

use crate::{
    fixture::{Local, Server},
    support::{Running, cubetiler, skip, succeed},
};

const CHROMIUM: &str = "/usr/bin/chromium";

#[test]
fn the_demo_opens_in_a_browser_and_fills_by_its_button() {
    if !Path::new(CHROMIUM).exists() || Command::new("node").arg("--version").output().is_err() {
        skip("there is no chromium or no node; `tools/setup.sh --tests` installs them");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("demo");
    let mut demo = cubetiler(&["demo", "--dir", data.to_str().unwrap()]);
    demo.args(["--bind", "127.0.0.1:0", "--archive-port", "0"]);
    let (_demo, url) = Running::start(&mut demo, |line| {
        line.strip_prefix("Open ").map(str::to_owned)
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/viewer.mjs");
    succeed(Command::new("node").args([script, &url, folder.path().to_str().unwrap()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_page_may_ask_nobody_but_its_server_and_the_base_map_that_is_set() {
    let local = Local::new();
    let mut config = Config::default();
    config
        .cubes
        .insert("formula".to_owned(), local.create("cube").into());
    config.server.state_dir = local.path("state").into();
    let images = async |config: &Config| {
        let server = Server::of(config, Access::Off).await;
        let page = server.get("/").await;
        let policy = page.headers()["content-security-policy"].to_str().unwrap();
        assert!(!policy.contains("unsafe"), "{policy}");
        let images = policy
            .split(';')
            .find(|part| part.trim().starts_with("img-src"));
        let listing: Value = server.get("/cubes").await.json().await.unwrap();
        (
            images.unwrap().trim().to_owned(),
            listing["base_map"].clone(),
        )
    };
    assert_eq!(
        images(&config).await,
        ("img-src 'self' data:".to_owned(), Value::Null)
    );
    config.server.base_map = "https://{s}.tile.example.org/{z}/{x}/{y}.png".to_owned();
    config.server.base_map_attribution = "Somebody".to_owned();
    let (policy, told) = images(&config).await;
    assert_eq!(policy, "img-src 'self' data: https://*.tile.example.org");
    let expected = json!({"url": config.server.base_map, "attribution": "Somebody"});
    assert_eq!(told, expected);
}
