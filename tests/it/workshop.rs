//! Cubes that are created, built and read within the test's own process.

use std::{path::Path, sync::Arc};

use cubetiler::{
    build::{BuildConfig, BuildRequest, Builder, Report, cancellation},
    cache::CacheConfig,
    catalog::{Catalog, Entry},
    compute::Compute,
    cube::{Cell, Cube, Recipe},
    grid::{ChunkIndex, Level},
    repo::Repo,
    source::{SceneSource, SourceConfig},
    zarr::{self, Reader},
};

/// An empty cube.
pub(crate) async fn create(path: &Path, recipe: Recipe) -> Arc<Entry> {
    let repo = Repo::create(path).await.unwrap();
    zarr::create(&repo, &Cube::new(recipe).unwrap())
        .await
        .unwrap();
    Catalog::default()
        .open("cube", path.to_owned())
        .await
        .unwrap()
}

pub(crate) fn builder(threads: usize, source: SourceConfig, config: BuildConfig) -> Builder {
    let compute = Compute::new(threads);
    let source = SceneSource::new(source, compute.clone()).unwrap();
    Builder::new(source, compute, config)
}

/// Builds what a request asks for.
pub(crate) async fn build(entry: &Entry, builder: &Builder, request: &BuildRequest) -> Report {
    let (_switch, cancel) = cancellation();
    builder
        .run(entry, request, "test", &cancel, &|_| {})
        .await
        .unwrap()
}

fn reader() -> Reader {
    let config = CacheConfig::default();
    Reader::new(config.chunks(), config.metadata(), Compute::new(1))
}

/// What coverage says of the chunks of a level at the first time step.
pub(crate) async fn cells(entry: &Entry, level: Level) -> Vec<(ChunkIndex, Cell)> {
    let reader = reader();
    let stored = entry.served();
    let window = stored.cube.pyramid().grid(level).shape.window();
    reader.cells(0, &stored, level, 0, window).await.unwrap()
}

/// All values of each variable at the first time step, row by row.
pub(crate) async fn values(entry: &Entry, level: Level) -> Vec<Vec<u16>> {
    let reader = reader();
    let stored = entry.served();
    let window = stored.cube.pyramid().grid(level).shape.window();
    let cells = cells(entry, level).await;
    let mut values = Vec::new();
    for variable in 0..stored.cube.variables().count() {
        let read = reader.chunks(0, &stored, level, variable, 0, window, &cells);
        values.push(read.await.unwrap().window(window).data);
    }
    values
}
