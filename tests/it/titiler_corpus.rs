//! The recorded answers of `TiTiler` 2.4.0, asked again of this server on the same store.

use std::{collections::BTreeSet, path::PathBuf};

use cubetiler::{config::Config, http::Access};
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

use crate::{fixture::Server, titiler_cube};

/// Which requests are answered otherwise than by `TiTiler`, in what, and why. An entry that
/// is no difference any more fails the test as a difference does that has no entry.
#[rustfmt::skip]
const INTENDED: &[(&str, &[&str], &str)] = &[
    ("1", &["/versions"], "libraries that are not in here have no versions"),
    ("3", &["status 400"], "the request's mistake, and what could be selected"),
    ("3c", &["status 400"], "the request's mistake, and the nearest times"),
    ("4", &["status 400"], "the request's mistake, and the variables that there are"),
    ("4c", &["status 403"], "only what `server.zarr_urls` lists may be named, and no path of the server is told"),
    ("5c", &["/reflectance/warnings/0"], "the same warning in words of our own"),
    ("6", &["/minzoom"], "there are tiles of all zooms, and so a regional store shows from afar"),
    ("7f", &["status 200"], "`@2x` of TiTiler 1.x is answered"),
    ("7n", &["status 200"], "without a time it is the newest, and a header tells it"),
    ("7o", &["status 200"], "without a time and a band they are the newest and the first, and a header tells it"),
    ("7p", &["status 200"], "without a band it is the first, and a header tells it"),
    ("7q", &["status 400"], "the request's mistake, and how many bands there are"),
    ("7v", &["status 400"], "the request's mistake, and the dimensions that there are"),
    ("8c", &["status 404"], "the request's mistake, and where there are values"),
    ("9c", &["status 404"], "the request's mistake, and where there are values"),
    ("10", &["/properties/statistics/b1/description"], "what is one band is called as its variable"),
    ("10b", &["status 200"], "statistics are told to GET too"),
    ("11", &["status 200"], "there are previews"),
    ("13b", &["/accessConstraints", "/boundingBox/crs", "/links", "/tileMatrixSetLimits", "/title"], "templates that clients can fill, limits, the store's own title, and the system as an address"),
    ("14", &["/conformsTo"], "other classes, since cubes are collections"),
    ("15", &["/description", "/links", "/title"], "another server, with other pages"),
    ("19", &["access-control-allow-origin *"], "any page may ask, and what caches keep is not of one page"),
    ("19b", &["status 200"], "a preflight of POST is answered"),
    ("21", &["status 200"], "HEAD is answered"),
];

/// How far numbers may be apart that come of other arithmetic: single floats there.
const NEAR: f64 = 1e-6;

struct Answer {
    status: u64,
    headers: HeaderMap,
    body: Vec<u8>,
}

async fn ask(server: &Server, store: &str, request: &Value) -> Answer {
    let path = request["path"].as_str().unwrap();
    let path = path.replace("url=cube.zarr", &format!("url={store}"));
    let method: Method = request["method"].as_str().unwrap().parse().unwrap();
    // As a browser sends what these addresses leave as it is.
    let path = path.replace('{', "%7B");
    let mut sent = server
        .client
        .request(method, format!("{}{path}", server.url));
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        sent = sent.header(name, value.as_str().unwrap());
    }
    if !request["body"].is_null() {
        sent = sent.body(request["body"].to_string());
    }
    let answer = sent.send().await.unwrap();
    Answer {
        status: answer.status().as_u16().into(),
        headers: answer.headers().clone(),
        body: answer.bytes().await.unwrap().to_vec(),
    }
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer
        .headers
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}

fn numbers(text: &str) -> Vec<f64> {
    text.split(',').filter_map(|n| n.parse().ok()).collect()
}

fn are_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= NEAR * a.abs().max(b.abs()).max(1e-3)
}

/// What `TiTiler` tells and we do not tell so; what we tell beside it does not count.
fn in_document(theirs: &Value, ours: &Value, place: &str, found: &mut BTreeSet<String>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            for (name, value) in theirs {
                let own = ours.get(name).unwrap_or(&Value::Null);
                in_document(value, own, &format!("{place}/{name}"), found);
            }
        }
        (Value::Array(theirs), Value::Array(ours)) if theirs.len() == ours.len() => {
            for (n, (theirs, ours)) in std::iter::zip(theirs, ours).enumerate() {
                in_document(theirs, ours, &format!("{place}/{n}"), found);
            }
        }
        (Value::Number(theirs), Value::Number(ours))
            if are_near(theirs.as_f64().unwrap(), ours.as_f64().unwrap()) => {}
        _ if theirs == ours => {}
        _ => {
            found.insert(place.to_owned());
        }
    }
}

/// The kind of a file and its sides, as far as both say it.
fn file(bytes: &[u8]) -> String {
    let number = |at: usize, len: usize| -> u32 {
        bytes[at..at + len]
            .iter()
            .fold(0, |all, byte| all << 8 | u32::from(*byte))
    };
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => {
            format!("PNG image data, {} x {}", number(16, 4), number(20, 4))
        }
        [0xff, 0xd8, ..] => {
            // The frame: a marker, a length, a precision, and the sides.
            let frame = bytes
                .windows(2)
                .position(|pair| matches!(pair, [0xff, 0xc0 | 0xc2]));
            let frame = frame.unwrap();
            format!(
                "JPEG image data, {}x{}",
                number(frame + 7, 2),
                number(frame + 5, 2)
            )
        }
        [b'R', b'I', b'F', b'F', ..] => "RIFF (little-endian) data, Web/P image".to_owned(),
        [0x93, b'N', b'U', b'M', ..] => format!("NumPy array of {} bytes", bytes.len()),
        [b'I', b'I', 42, ..] => "TIFF image data".to_owned(),
        _ => "no file that is known".to_owned(),
    }
}

fn is_that_file(theirs: &Value, ours: &[u8]) -> bool {
    let (told, own) = (theirs["file"].as_str().unwrap(), file(ours));
    if told.starts_with("NumPy") {
        return own == format!("NumPy array of {} bytes", theirs["bytes"]);
    }
    let (kind, sides) = own.split_once(", ").unwrap_or((&own, ""));
    told.starts_with(kind) && told.contains(sides)
}

fn differences(theirs: &Value, ours: &Answer, own: &impl Fn(&str) -> String) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    if theirs["status"] != ours.status {
        found.insert(format!("status {}", ours.status));
        return found;
    }
    let is_fine = ours.status < 400;
    let told = &theirs["headers"];
    for name in [
        "content-type",
        "content-crs",
        "content-bbox",
        "access-control-allow-origin",
    ] {
        let (theirs, ours) = (told[name].as_str().unwrap_or_default(), header(ours, name));
        let is_same = match name {
            "content-bbox" => {
                std::iter::zip(numbers(theirs), numbers(ours)).all(|(a, b)| are_near(a, b))
            }
            // Errors are problem details.
            "content-type" => !is_fine || theirs == ours,
            _ => theirs.is_empty() || theirs == ours,
        };
        if !is_same {
            found.insert(format!("{name} {ours}"));
        }
    }
    if theirs["file"].is_string() && !is_that_file(theirs, &ours.body) {
        found.insert(format!("a file: {}", file(&ours.body)));
    }
    if theirs["json"].is_null() {
        return found;
    }
    let Ok(body) = serde_json::from_slice::<Value>(&ours.body) else {
        found.insert("no document".to_owned());
        return found;
    };
    if is_fine {
        let theirs: Value = serde_json::from_str(&own(&theirs["json"].to_string())).unwrap();
        in_document(&theirs, &body, "", &mut found);
    } else {
        // The sentences are our own, their form is not.
        let kinds = [&theirs["json"]["detail"], &body["detail"]]
            .map(|detail| (detail.is_string(), detail.is_array()));
        if kinds[0] != kinds[1] {
            found.insert("the form of detail".to_owned());
        }
    }
    found
}

#[tokio::test]
async fn recorded_requests_are_answered_as_by_titiler_but_where_it_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let store = root.join("cube.zarr");
    titiler_cube::write(&store);
    let mut config = Config::default();
    config.server.zarr_urls = vec![root.to_str().unwrap().to_owned()];
    let server = Server::of(&config, Access::Off).await;
    let recorded =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/reference/titiler/answers.json");
    let recorded = std::fs::read_to_string(recorded).unwrap();
    let requests: Vec<Value> = serde_json::from_str(&recorded).unwrap();
    assert!(requests.len() > 60);

    let store = store.to_str().unwrap();
    let encoded = store.replace('/', "%2F");
    let own = |text: &str| {
        text.replace("http://localhost:18801", &server.url)
            .replace("%2Ftmp%2Fresearch%2Fcube.zarr", &encoded)
    };
    let mut wrong = Vec::new();
    for request in &requests {
        let id = request["id"].as_str().unwrap();
        let ours = ask(&server, store, request).await;
        let found = differences(&request["answer"], &ours, &own);
        let row = INTENDED.iter().find(|(row, ..)| *row == id);
        let intended: BTreeSet<String> = row
            .map_or(&[][..], |(_, differences, _)| differences)
            .iter()
            .map(|&difference| difference.to_owned())
            .collect();
        if found != intended {
            let body = String::from_utf8_lossy(&ours.body);
            let body: String = body.chars().take(300).collect();
            wrong.push(format!("{id}: {found:?}, not {intended:?}; {body}"));
        }
    }
    for (id, _, reason) in INTENDED {
        assert!(requests.iter().any(|request| request["id"] == *id), "{id}");
        assert!(!reason.is_empty(), "{id}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_difference_is_found_where_it_is() {
    let theirs = serde_json::json!({"a": [1.0, {"b": "x"}], "c": null});
    let of = |ours: Value| {
        let mut found = BTreeSet::new();
        in_document(&theirs, &ours, "", &mut found);
        found.into_iter().collect::<Vec<_>>()
    };
    assert!(of(serde_json::json!({"a": [1.000_000_1, {"b": "x"}], "more": 1})).is_empty());
    assert_eq!(
        of(serde_json::json!({"a": [1.1, {"b": "y"}]})),
        ["/a/0", "/a/1/b"]
    );
    assert_eq!(of(serde_json::json!({"a": [1]})), ["/a"]);
}
