//! The demo in a real browser: its tiles, its console, its requests, the fill
//! button.

use std::{path::Path, process::Command};

use crate::support::{Running, cubetiler, skip, succeed};

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
