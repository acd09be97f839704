//! One build in a process of its own, so that its CPU time and memory are known.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use cubetiler::{
    build::{BuildRequest, Builder, cancellation},
    catalog::Catalog,
    compute::Compute,
    config::Config,
    cube::{Cube, Recipe},
    repo::Repo,
    source::SceneSource,
    zarr,
};
use serde_json::{Value, json};

use crate::process;

/// Tells the program that it is the process that is measured.
pub(crate) const ARGUMENT: &str = "--measured";

/// What a build took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cost {
    /// CPU seconds of the whole process.
    pub(crate) cpu: f64,
    /// Seconds from the creation of the cube to the last commit.
    pub(crate) wall: f64,
    /// The most resident memory of the process, in MiB.
    pub(crate) peak: f64,
    /// What the build itself reports.
    pub(crate) report: Value,
}

/// Creates and builds the cube of a recipe, in a process of its own that
/// computes on so many threads.
pub(crate) fn build(recipe: &str, threads: usize) -> anyhow::Result<Cost> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let path = folder.path().join("recipe.toml");
    fs::write(&path, recipe)?;
    let output = Command::new(std::env::current_exe()?)
        .arg(ARGUMENT)
        .args([&path, &folder.path().join("cube")])
        .arg(threads.to_string())
        // As the program itself does.
        .env_remove("PROJ_DATA")
        .env_remove("PROJ_LIB")
        .env("MALLOC_ARENA_MAX", "2")
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(
        output.status.success(),
        "the build failed: {}",
        output.status
    );
    let found: Value = serde_json::from_slice(&output.stdout)?;
    let number = |key: &str| found[key].as_f64().with_context(|| format!("no {key}"));
    Ok(Cost {
        cpu: number("cpu")?,
        wall: number("wall")?,
        peak: number("peak")?,
        report: found["report"].clone(),
    })
}

/// The process that is measured: prints what it took as JSON.
#[expect(clippy::print_stdout, reason = "the process that started it reads it")]
pub(crate) fn child(mut arguments: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let mut next = || arguments.next().context("a recipe, a store and threads");
    let (recipe, store, threads) = (next()?, PathBuf::from(next()?), next()?.parse()?);
    let cube = Cube::new(Recipe::from_toml(&fs::read_to_string(recipe)?)?)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()?;
    let begun = Instant::now();
    let report = runtime.block_on(run(&cube, &store, threads))?;
    let wall = begun.elapsed().as_secs_f64();
    let found = json!({
        "cpu": process::cpu()?,
        "wall": wall,
        "peak": process::peak_memory()?,
        "report": report,
    });
    println!("{found}");
    Ok(())
}

async fn run(cube: &Cube, store: &Path, threads: usize) -> anyhow::Result<Value> {
    let repo = Repo::create(store).await?;
    zarr::create(&repo, cube).await?;
    let entry = Catalog::default().open("bench", store.to_owned()).await?;
    let config = Config::default();
    let compute = Compute::new(threads);
    let source = SceneSource::new(config.source, compute.clone())?;
    let builder = Builder::new(source, compute, config.build);
    let (_switch, cancel) = cancellation();
    let request = BuildRequest::default();
    let report = builder
        .run(&entry, &request, "the benchmark", &cancel, &|_| {})
        .await?;
    ensure!(report.failures.is_empty(), "{:?}", report.failures);
    ensure!(report.built == report.planned.build, "not all was built");
    Ok(serde_json::to_value(&report)?)
}
