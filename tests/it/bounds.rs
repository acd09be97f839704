//! What the server takes when too much is asked of it: memory, time, work.

#![expect(clippy::cast_precision_loss, reason = "small numbers")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use cubetiler::{
    cube::{Cell, State, coverage::chunks_below, metadata},
    grid::Shape,
    zarr,
};
use futures::{StreamExt as _, stream};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::{
    freshness::{create, noise, tile_at},
    support::{Running, cubetiler, skip},
};

/// The cap of these tests, and what the program may take beside it. The aim is
/// 100; 90 to 140 are found, most with large inner chunks: the allocator keeps
/// what is freed, and kept tiles count as nothing while they are sent.
const CAP_MIB: u64 = 64;
const BESIDE_MIB: u64 = 192;

/// Where the cubes have their north-western corner, and how wide they are.
const WEST: f64 = 5.0;
const NORTH: f64 = 45.0;
const CELL: f64 = 0.0005;
const MONTHS: usize = 12;

fn recipe(side: usize, chunk: usize, inner: usize, levels: usize) -> String {
    let far = side as f64 * CELL;
    format!(
        r#"
        [grid]
        bounds = [{WEST}, {}, {}, {NORTH}]
        resolution = {CELL}
        chunk = {chunk}
        inner_chunk = {inner}
        levels = {levels}
        skip = "none"
        [time]
        start = "2023-01-01"
        end = "2023-12-31"
        [source]
        stac = "https://example.org"
        bands = ["a", "b", "c"]
        [style]
        variables = ["a", "b", "c"]
        rescale = [[0.0, 2048.0]]
        "#,
        NORTH - far,
        WEST + far,
    )
}

/// A cube that is much larger decoded than on disk: every chunk of a variable
/// is the same file, and no two have the same stamp.
async fn write(path: &Path, recipe: &str) {
    let (repo, stored) = create(path, recipe).await;
    let pyramid = stored.cube.pyramid();
    let side = pyramid.chunk();
    let shape = Shape {
        rows: side,
        cols: side,
    };
    let mut transaction = repo.transaction().await.unwrap();
    let mut stamps = 1..;
    let mut cells = BTreeMap::new();
    for (n, name) in stored.cube.variables().enumerate() {
        let raster = noise(n as u64, shape);
        let shard = zarr::encode_chunk(&stored, &raster).unwrap().unwrap();
        let mut reference = None;
        for level in pyramid.levels() {
            let path = metadata::variable_path(level, name);
            let chunks = pyramid.chunks(level);
            for time in 0..MONTHS {
                for at in chunks.chunks_of(chunks.shape.window()) {
                    let index = [time, at.row, at.col];
                    if reference.is_none() {
                        let upload = transaction.upload(&path, &index, shard.clone());
                        reference = Some(upload.await.unwrap());
                    }
                    let set = transaction.set_chunk(&path, &index, reference.clone());
                    set.await.unwrap();
                    cells.entry((level, time, at)).or_insert_with(|| Cell {
                        share: chunks_below(pyramid, level, at),
                        ..Cell::base(State::Done, stamps.next().unwrap(), 0)
                    });
                }
            }
        }
    }
    for level in pyramid.levels() {
        for time in 0..MONTHS {
            let of_this = cells
                .iter()
                .filter(|((l, t, _), _)| (*l, *t) == (level, time));
            let of_this: Vec<_> = of_this.map(|((_, _, at), cell)| (*at, *cell)).collect();
            zarr::patch_cells(&mut transaction, &stored, level, time, &of_this)
                .await
                .unwrap();
        }
    }
    transaction.commit("Draw").await.unwrap();
}

/// The program as a server, in a process of its own.
pub(crate) struct Process {
    running: Running,
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
}

impl Process {
    pub(crate) fn serve(cubes: &[(&str, PathBuf)], settings: &[(&str, &str)]) -> Self {
        let mut command = cubetiler(&["serve", "--bind", "127.0.0.1:0"]);
        for (name, path) in cubes {
            command.arg(format!("{name}={}", path.display()));
        }
        command.env("CUBETILER_LOG__FILTER", "off");
        for (name, value) in settings {
            command.env(format!("CUBETILER_{name}"), value);
        }
        let (running, url) = Running::start(&mut command, |line| {
            let at = line.find("http://")?;
            Some(line[at..].trim_end_matches('/').to_owned())
        });
        let client = reqwest::Client::builder().build().unwrap();
        Self {
            running,
            url,
            client,
        }
    }

    async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.url));
        request.send().await.unwrap()
    }

    /// The most resident memory that the process has had; none where there is
    /// no proc(5).
    fn peak_mib(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.running.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kib / 1024)
    }

    /// What a counter has come to, of all its labels that hold a text.
    async fn counted(&self, name: &str, label: &str) -> u64 {
        let text = self.get("/metrics").await.text().await.unwrap();
        let lines = text
            .lines()
            .filter(|line| line.starts_with(name) && line.contains(label));
        lines
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap())
            .sum()
    }

    /// How often each status was answered, asking 256 at a time. Every answer
    /// that is no tile says why.
    async fn all(&self, paths: Vec<String>) -> BTreeMap<u16, usize> {
        stream::iter(paths)
            .map(|path| async move {
                let answer = self.get(&path).await;
                let status = answer.status();
                let retry = answer.headers().get("retry-after").is_some();
                assert_eq!(retry, status == StatusCode::SERVICE_UNAVAILABLE, "{path}");
                let body = answer.bytes().await.unwrap();
                if status != StatusCode::OK {
                    let problem: Value = serde_json::from_slice(&body).unwrap();
                    assert!(problem["detail"].is_string(), "{path}: {problem}");
                }
                status.as_u16()
            })
            .buffer_unordered(256)
            .fold(BTreeMap::new(), async |mut counts, status| {
                *counts.entry(status).or_default() += 1;
                counts
            })
            .await
    }
}

fn detail(problem: &Value) -> &str {
    problem["detail"].as_str().unwrap()
}

/// Addresses of the tiles of a zoom that touch a cube as wide as this.
fn inside(zoom: u32, side: usize) -> Vec<String> {
    let far = side as f64 * CELL;
    // Two places in each tile, one on either side of its middle.
    let step = 360.0 / f64::from(2_u32.pow(zoom)) / 3.0;
    let count = (far / step).ceil();
    let places = || {
        (0..)
            .map(f64::from)
            .take_while(|n| *n < count)
            .map(|n| (n + 0.5) / count * far)
    };
    let mut all: Vec<String> = places()
        .flat_map(|x| places().map(move |y| tile_at(zoom, WEST + x, NORTH - y)))
        .collect();
    all.sort();
    all.dedup();
    all
}

fn month(n: usize) -> String {
    format!("sel=time=2023-{:02}-01", n + 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_under_its_cap_whatever_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, huge) = (folder.path().join("plain"), folder.path().join("huge"));
    write(&plain, &recipe(2048, 512, 256, 4)).await;
    write(&huge, &recipe(3840, 768, 768, 3)).await;
    let cap = CAP_MIB.to_string();
    let cubes = [("plain", plain), ("huge", huge)];
    let server = Process::serve(&cubes, &[("CACHE__MEMORY_MIB", &cap)]);
    let Some(idle) = server.peak_mib() else {
        return skip("there is no /proc");
    };
    let begun = Instant::now();
    let report = |what: &str, counts: &BTreeMap<u16, usize>| {
        eprintln!(
            "{what}: {counts:?}, {:?} MiB after {:?}",
            server.peak_mib(),
            begun.elapsed()
        );
    };

    // Decoded 300 MB, and as many finished tiles.
    let mut distinct = Vec::new();
    for n in 0..MONTHS {
        let tiles = [12, 13].map(|zoom| inside(zoom, 2048)).concat();
        distinct.extend(
            tiles
                .iter()
                .map(|at| format!("/cubes/plain/{at}.png?{}", month(n))),
        );
    }
    distinct.truncate(10_000);
    let count = distinct.len();
    let counts = server.all(distinct).await;
    report("distinct", &counts);
    assert_eq!(counts, BTreeMap::from([(200, count)]));

    // Chunks of more than 1 MiB, one variable.
    let mut large = Vec::new();
    for n in 0..MONTHS {
        let tiles = inside(11, 3840);
        large.extend(
            tiles
                .iter()
                .map(|at| format!("/cubes/huge/{at}.png?variable=a&{}", month(n))),
        );
    }
    let counts = server.all(large).await;
    report("huge", &counts);
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [200]);

    // Three of them at once, which may be too many.
    let mut deep = Vec::new();
    for n in 0..MONTHS / 4 {
        let tiles = inside(11, 3840);
        deep.extend(
            tiles
                .iter()
                .map(|at| format!("/cubes/huge/{at}.png?{}", month(n))),
        );
    }
    let counts = server.all(deep).await;
    report("deep", &counts);
    assert!(
        counts.keys().all(|status| [200, 413].contains(status)),
        "{counts:?}"
    );

    // Large ones.
    let wide = inside(11, 2048);
    let wide = wide
        .iter()
        .map(|at| format!("/cubes/plain/{at}@2x.png?variable=b"));
    let counts = server.all(wide.collect()).await;
    report("wide", &counts);
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [200]);

    let at = tile_at(12, WEST + 0.5, NORTH - 0.5);
    let absurd = (0..1000).map(|n| format!("/cubes/plain/{at}.png?tilesize={}", 20_000 + n));
    let counts = server.all(absurd.collect()).await;
    assert_eq!(counts, BTreeMap::from([(413, 1000)]));

    let peak = server.peak_mib().unwrap();
    assert!(
        peak < CAP_MIB + BESIDE_MIB,
        "{peak} MiB; {idle} MiB at first"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_equal_requests_render_one_tile() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("cube");
    write(&store, &recipe(512, 256, 128, 2)).await;
    let server = Process::serve(&[("cube", store)], &[]);
    let path = format!("/cubes/cube/{}.png", inside(12, 512)[4]);
    let counts = server.all(vec![path; 64]).await;
    assert_eq!(counts, BTreeMap::from([(200, 64)]));
    let tiles = "cubetiler_tiles_total";
    assert_eq!(server.counted(tiles, "\"rendered\"").await, 1);
    assert_eq!(server.counted(tiles, "\"kept\"").await, 63);
}

/// Makes reading a file wait for ever: it becomes a pipe that nobody writes to.
fn stop_up(file: &Path) -> bool {
    fs::remove_file(file).unwrap();
    let made = std::process::Command::new("mkfifo").arg(file).status();
    made.is_ok_and(|status| status.success())
}

fn chunk_files(store: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(store.join("chunks")).unwrap();
    files.map(|file| file.unwrap().path()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_sends_away_and_who_leaves_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    let (good, stuck) = (folder.path().join("good"), folder.path().join("stuck"));
    for store in [&good, &stuck] {
        write(store, &recipe(512, 256, 128, 2)).await;
    }
    for file in chunk_files(&stuck) {
        if !stop_up(&file) {
            return skip("there is no mkfifo");
        }
    }
    let settings = [
        ("SERVER__CONCURRENT_TILES", "1"),
        ("SERVER__WAITING_TILES", "1"),
    ];
    let server = Process::serve(&[("good", good), ("stuck", stuck)], &settings);
    let mut places = inside(12, 512);
    let last = places.pop().unwrap();
    let asked: Vec<String> = places
        .iter()
        .map(|at| format!("/cubes/stuck/{at}.png"))
        .collect();
    assert!(asked.len() >= 3);

    // One is being made for ever, one waits, and the third is sent away.
    let mut answers: stream::FuturesUnordered<_> =
        asked[..3].iter().map(|path| server.get(path)).collect();
    let refused = answers.next().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(
        refused.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u32>()
            .unwrap()
            > 0
    );
    assert_eq!(refused.headers()["cache-control"], "no-store");
    let path = format!("/cubes/good/{last}.png");
    assert_eq!(server.get(&path).await.status(), 503, "for other tiles too");
    // What needs no place is answered.
    assert_eq!(server.get("/cubes/good").await.status(), 200);

    // The two leave: their places are free although nothing was ever read.
    drop(answers);
    let patience = Instant::now() + Duration::from_secs(8);
    while server.get(&path).await.status() != 200 {
        assert!(Instant::now() < patience, "nobody makes room");
        tokio::task::yield_now().await;
    }
    assert_eq!(
        server
            .counted("cubetiler_tiles_total", "\"rendered\"")
            .await,
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_much_is_answered_at_once_with_what_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let [fine, huge, giant] = ["fine", "huge", "giant"].map(|name| folder.path().join(name));
    write(&fine, &recipe(2048, 256, 128, 1)).await;
    write(&huge, &recipe(2048, 512, 512, 1)).await;
    write(&giant, &recipe(2048, 2048, 2048, 1)).await;
    let settings = [
        ("CACHE__MEMORY_MIB", "32"),
        ("SERVER__MAX_TILE_SIZE", "2000"),
    ];
    let cubes = [("fine", fine), ("huge", huge), ("giant", giant)];
    let server = Process::serve(&cubes, &settings);
    let whole = tile_at(6, WEST + 0.5, NORTH - 0.5);
    let get = async |path: &str| {
        let begun = Instant::now();
        let answer = server.get(path).await;
        let (status, took) = (answer.status(), begun.elapsed());
        assert!(took < Duration::from_secs(2), "{path} took {took:?}");
        assert_eq!(status, 413, "{path}");
        let problem: Value = answer.json().await.unwrap();
        detail(&problem).to_owned()
    };

    // More pixels than a tile may have: the most is named, and works.
    let text = get(&format!("/cubes/fine/{whole}.png?tilesize=20000")).await;
    assert!(text.contains("2000"), "{text}");

    // All cells of the finest level: the zoom that is named works everywhere.
    let text = get(&format!("/cubes/fine/{whole}.png")).await;
    let zoom = text.split("zoom ").nth(1).expect(&text);
    let zoom: u32 = zoom.split(' ').next().unwrap().parse().unwrap();
    let paths = inside(zoom, 2048)
        .iter()
        .map(|at| format!("/cubes/fine/{at}.png"))
        .collect();
    let counts = server.all(paths).await;
    assert_eq!(
        counts.keys().copied().collect::<Vec<_>>(),
        [200],
        "zoom {zoom}"
    );

    // More pixels than there is memory for: a smaller tile works, no zoom does.
    let near = tile_at(12, WEST + 0.5, NORTH - 0.5);
    let text = get(&format!("/cubes/fine/{near}.png?tilesize=2000")).await;
    assert!(!text.contains("zoom"), "{text}");
    let size = text.split("a tile of ").nth(1).expect(&text);
    let size = size.split(' ').next().unwrap();
    let path = format!("/cubes/fine/{near}.png?tilesize={size}");
    assert_eq!(server.get(&path).await.status(), 200, "{text}");

    // The chunks of three variables do not fit together: those of one do.
    let corner = tile_at(12, WEST + 512.0 * CELL, NORTH - 512.0 * CELL);
    let text = get(&format!("/cubes/huge/{corner}.png?tilesize=64")).await;
    assert!(
        !text.contains("zoom") && !text.contains("a tile of"),
        "{text}"
    );
    assert!(text.contains("one variable"), "{text}");
    let path = format!("/cubes/huge/{corner}.png?tilesize=64&variable=b");
    assert_eq!(server.get(&path).await.status(), 200, "{text}");

    // Nothing but more memory helps.
    let text = get(&format!("/cubes/giant/{near}.png?variable=a")).await;
    assert!(text.contains("too little memory"), "{text}");
}
