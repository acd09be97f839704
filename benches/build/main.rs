//! What building a chunk costs, against the least that it can cost.
//!
//! `make bench-build` draws an archive like the one that the first builder was
//! measured with (24 scenes, see `archive`), once, and builds cubes of one chunk
//! of 1200 x 1200 cells of an arc second from it. It reports and judges, and
//! never fails because of a time: machines differ. Linux only, for /proc.

#![expect(clippy::print_stdout, reason = "the report is what it is for")]

mod archive;
#[path = "../../tests/it/blocks.rs"]
mod blocks;
mod floor;
mod measure;
#[path = "../shared/process.rs"]
mod process;

use std::path::Path;

use cubetiler::cube::{Cube, Recipe};

use archive::SCENES;
use measure::Cost;

/// Builds of the one chunk; the one of the middle CPU time counts.
const REPEATS: usize = 3;

const MOST_CPU: f64 = 3.5;
const MOST_TIMES_FLOOR: f64 = 1.6;
const MOST_MEMORY: f64 = 400.0;
const LEAST_SCALING: f64 = 1.8;

fn main() -> anyhow::Result<()> {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|a| a != "--bench");
    match arguments.next() {
        Some(first) if first == measure::ARGUMENT => measure::child(arguments),
        Some(other) => anyhow::bail!("`{other}` is no argument: there are none"),
        None => report(),
    }
}

fn report() -> anyhow::Result<()> {
    let archive = archive::draw(Path::new(env!("CARGO_TARGET_TMPDIR")))?;
    let recipe = |scenes, months| recipe(&archive, scenes, months);
    let one = recipe(SCENES, 1)?;
    let floor = floor::measure(&archive, &Cube::new(Recipe::from_toml(&one)?)?)?;
    let mut costs = Vec::new();
    for _ in 0..REPEATS {
        costs.push(measure::build(&one, 2)?);
    }
    costs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
    let cost = costs.swap_remove(REPEATS / 2);
    let deep = measure::build(&recipe(4 * SCENES, 1)?, 2)?;
    let geomedian = measure::build(&format!("{one}rule = \"geomedian\"\n"), 2)?;
    let four = recipe(SCENES, 4)?;
    let (narrow, wide) = (measure::build(&four, 1)?, measure::build(&four, 2)?);

    println!("{}; `make bench-build`\n", process::machine()?);
    println!("| | found | target |\n| --- | ---: | --- |");
    let row = |what: &str, found: String, target: &str, is_met: bool| {
        let verdict = if is_met { "PASS" } else { "over" };
        println!("| {what} | {found} | {target}: {verdict} |");
    };
    let fact = |what: &str, found: String| println!("| {what} | {found} | |");
    row(
        "CPU of a chunk",
        format!("{:.2} s", cost.cpu),
        "at most 3.5 s",
        cost.cpu <= MOST_CPU,
    );
    let times = cost.cpu / floor.decode();
    row(
        "CPU of a chunk / floor",
        format!("{times:.2}"),
        "at most 1.6",
        times <= MOST_TIMES_FLOOR,
    );
    let most = cost.peak.max(deep.peak);
    row(
        "memory of a chunk, 24 and 96 scenes",
        format!("{:.0} and {:.0} MiB", cost.peak, deep.peak),
        "at most 400 MiB",
        most <= MOST_MEMORY,
    );
    let scaling = narrow.wall / wide.wall;
    row(
        "four chunks, 1 thread / 2 threads",
        format!("{:.2} s / {:.2} s = {scaling:.2}", narrow.wall, wide.wall),
        "at least 1.8",
        scaling >= LEAST_SCALING,
    );
    fact("wall of a chunk, 2 threads", format!("{:.2} s", cost.wall));
    fact("CPU of a chunk, 96 scenes", format!("{:.2} s", deep.cpu));
    fact(
        "CPU of a chunk, geometric median",
        format!("{:.2} s", geomedian.cpu),
    );
    fact(
        "floor: tiles, stored, samples",
        format!(
            "{}, {:.0} MB, {:.0} MB ({:.2} : 1)",
            floor.tiles,
            megabytes(floor.stored),
            megabytes(floor.samples),
            megabytes(floor.samples) / megabytes(floor.stored),
        ),
    );
    fact(
        "floor: decompress + undo the predictor",
        format!("{:.2} s + {:.2} s", floor.inflate, floor.unpredict),
    );
    stages(&cost);
    Ok(())
}

/// Where the build says that its time went, if it does.
fn stages(cost: &Cost) {
    let Some(stages) = cost.report["stages"].as_object() else {
        return;
    };
    println!("\n| stage | seconds, over all tasks |\n| --- | ---: |");
    for (stage, seconds) in stages {
        println!("| {stage} | {:.2} |", seconds.as_f64().unwrap_or_default());
    }
}

fn recipe(archive: &Path, scenes: usize, months: usize) -> anyhow::Result<String> {
    let catalogue = archive::catalogue(archive, scenes, months)?;
    let catalogue = catalogue.display();
    Ok(format!(
        r#"
        title = "Benchmark"
        [grid]
        bounds = [8.833333333333334, 43.833333333333336, 9.166666666666666, 44.166666666666664]
        resolution = 0.0002777777777777778
        chunk = 1200
        inner_chunk = 300
        levels = 1
        skip = "none"
        [time]
        start = "2023-01-01"
        end = "2023-{months:02}-28"
        [source]
        stac = "{catalogue}"
        bands = ["red", "green", "blue"]
        mask = {{ asset = "scl", profile = "scl-default" }}
        [composite]
        resampling = "bilinear"
        "#
    ))
}

#[expect(clippy::cast_precision_loss, reason = "rounded to be read")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}
