//! Who may use whom: the table of `ARCHITECTURE.md`, checked.

use std::{collections::BTreeSet, fs, path::Path};

/// A module, what it may use of this crate, and which fenced crates it may
/// touch. A row names only rows above it, so there are no cycles.
#[rustfmt::skip]
const LAYERS: &[(&str, &[&str], &[&str])] = &[
    // pure core
    ("suggest",   &[],                                                   &[]),
    ("grid",      &[],                                                   &[]),
    ("raster",    &["grid"],                                             &[]),
    ("render",    &["grid", "raster"],                                   &["jpeg_encoder", "libdeflater", "png", "webpx"]),
    ("land",      &[],                                                   &["geo", "geojson"]),
    ("cube",      &["grid", "raster", "land", "suggest"],                        &[]),
    ("dataset",   &["grid", "suggest"],                                  &[]),
    // one foreign thing each
    ("crs",       &["grid", "raster"],                                   &["proj"]),
    ("compute",   &[],                                                   &["tokio"]),
    ("cache",     &[],                                                   &["moka"]),
    ("storage",   &[],                                                   &["object_store", "reqwest", "rustix", "tokio"]),
    ("repo",      &["storage"],                                          &["icechunk"]),
    // edges
    ("zarr",      &["grid", "raster", "cube", "crs", "compute", "cache", "repo"], &["zarrs"]),
    ("external",  &["grid", "raster", "dataset", "crs", "compute", "cache", "storage", "repo", "zarr"], &[]),
    ("source",    &["grid", "raster", "compute", "storage"],             &["async_tiff", "libdeflater", "moka", "object_store", "reqwest", "tokio"]),
    // services
    ("export",    &["cube", "repo", "zarr"],                             &["tokio"]),
    ("catalog",   &["compute", "cube", "external", "repo", "storage", "suggest", "zarr"], &[]),
    ("tile",      &["grid", "raster", "render", "cube", "crs", "compute", "cache", "catalog", "dataset", "external", "zarr"], &[]),
    ("build",     &["grid", "raster", "cube", "land", "crs", "compute", "repo", "zarr", "source", "catalog"], &["rusqlite", "tokio"]),
    // surface
    ("config",    &["build", "cache", "source", "storage", "suggest"],           &[]),
    ("telemetry", &["config"],                                           &["metrics_exporter_prometheus", "tracing_subscriber"]),
    ("http",      &["grid", "raster", "render", "cube", "suggest", "catalog", "dataset", "external", "tile", "build", "config", "repo", "telemetry", "zarr"],
                  &["axum", "metrics_exporter_prometheus", "quick_xml", "rust_embed", "tokio", "tokio_io_timeout", "tower_http", "utoipa", "utoipa_axum", "utoipa_swagger_ui"]),
    ("app",       &["build", "cache", "catalog", "compute", "config", "http", "source", "storage", "telemetry", "tile", "zarr"], &["axum", "tokio"]),
    ("demo",      &[],                                                   &["axum", "stac_server", "tokio", "tower_http"]),
    ("cli",       &["app", "build", "compute", "config", "crs", "cube", "demo", "export", "grid", "http", "land", "repo", "source", "telemetry", "zarr"],
                  &["clap", "indicatif", "tokio"]),
];

/// Outside crates that only the rows naming them may touch.
const FENCED: &[&str] = &[
    "async_tiff",
    "axum",
    "clap",
    "geo",
    "geojson",
    "icechunk",
    "indicatif",
    "jpeg_encoder",
    "libdeflater",
    "metrics_exporter_prometheus",
    "moka",
    "object_store",
    "png",
    "proj",
    "quick_xml",
    "reqwest",
    "rusqlite",
    "rustix",
    "rust_embed",
    "stac_server",
    "tokio",
    "tokio_io_timeout",
    "tower_http",
    "tracing_subscriber",
    "utoipa",
    "utoipa_axum",
    "utoipa_swagger_ui",
    "webpx",
    "zarrs",
];

#[test]
fn modules_depend_only_downward_and_foreign_crates_have_one_owner() {
    let mut wrong = Vec::new();
    let mut above = BTreeSet::new();
    for (module, internal, external) in LAYERS {
        for used in *internal {
            if !above.contains(*used) {
                wrong.push(format!("{module} is listed before the {used} that it uses"));
            }
        }
        above.insert((*module).to_owned());
        for (file, code) in sources(module) {
            for name in crate_paths(&code) {
                if name != *module && !internal.contains(&name.as_str()) {
                    wrong.push(format!("{file}: `{module}` may not use `crate::{name}`"));
                }
            }
            for name in FENCED {
                if names(&code, name) && !external.contains(name) {
                    wrong.push(format!("{file}: `{module}` may not use `{name}`"));
                }
            }
        }
    }
    let unlisted: Vec<_> = top_level_modules().difference(&above).cloned().collect();
    assert!(unlisted.is_empty(), "without a row: {unlisted:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The files of a module and their code: no comments, no tests.
fn sources(module: &str) -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut open = vec![root.join(module), root.join(format!("{module}.rs"))];
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        let is_test = path
            .file_stem()
            .is_some_and(|stem| stem == "tests" || stem == "testing");
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") && path.is_file() && !is_test {
            let text = fs::read_to_string(&path).unwrap();
            let code: String = text
                .lines()
                .take_while(|line| line.trim() != "mod tests {")
                .filter(|line| !line.trim_start().starts_with("//"))
                .flat_map(|line| [line, "\n"])
                .collect();
            found.push((path.display().to_string(), code));
        }
    }
    found
}

/// Whether code names a crate, and not something that only ends like it.
fn names(code: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.match_indices(&format!("{name}::"))
        .any(|(at, _)| !code[..at].ends_with(is_word))
}

/// The first segment after every `crate::`, of each path of a use list.
fn crate_paths(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => found.extend(list_items(list).iter().filter_map(|i| segment(i))),
            None => found.extend(segment(rest)),
        }
    }
    found
}

/// The items of a use list, up to its closing brace.
fn list_items(list: &str) -> Vec<String> {
    let mut depth = 0;
    let mut items = vec![String::new()];
    for c in list.chars() {
        match c {
            '}' if depth == 0 => break,
            ',' if depth == 0 => items.push(String::new()),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if let Some(item) = items.last_mut().filter(|_| c != ',' || depth > 0) {
            item.push(c);
        }
    }
    items
}

fn segment(path: &str) -> Option<String> {
    let name: String = path
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    // A type or constant at the crate's root is no module.
    (name.starts_with(|c: char| c.is_ascii_lowercase())).then_some(name)
}

fn top_level_modules() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| name != "lib" && name != "main")
        .collect()
}

#[test]
fn a_nested_use_list_is_read_to_its_end() {
    let code = "use crate::{a::{b, c}, d, e::f};\nlet x = crate::g::h();";
    let found: Vec<String> = crate_paths(code).into_iter().collect();
    assert_eq!(found, ["a", "d", "e", "g"]);
    assert!(names("use png::Encoder;", "png"));
    assert!(!names("crate::render::png::x", "png"));
}
