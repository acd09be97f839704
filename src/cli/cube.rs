//! `create`, `extend`, `info`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf, absolute},
    process::ExitCode,
};

use anyhow::Context as _;
use serde_json::json;

use super::{DONE, say};
use crate::{
    cube::{Cube, Recipe, State, recipe::Skip},
    grid::{ChunkIndex, Level},
    repo::Repo,
    zarr::{self, StoredCube, block_of, read_block},
};

/// Reads a recipe; a local path in it is meant from the recipe's own folder.
pub(super) fn read_recipe(path: &Path) -> anyhow::Result<Cube> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the recipe {}", path.display()))?;
    let in_recipe = || format!("in the recipe {}", path.display());
    let mut recipe = Recipe::from_toml(&text).with_context(in_recipe)?;
    let folder = absolute(path)?;
    let folder = folder.parent().unwrap_or(Path::new("/"));
    if let Skip::Outside(region) = &mut recipe.grid.skip
        && let Some(file) = region.as_str()
    {
        let file = folder.join(file);
        let reading = || format!("cannot read the region {}", file.display());
        let text = std::fs::read_to_string(&file).with_context(reading)?;
        *region = serde_json::from_str(&text).with_context(reading)?;
    }
    let stac = &mut recipe.source.stac;
    if !stac.contains("://") {
        let resolved = folder.join(&*stac);
        resolved
            .to_str()
            .with_context(|| format!("{} is not Unicode", resolved.display()))?
            .clone_into(stac);
    }
    Cube::new(recipe).with_context(in_recipe)
}

pub(super) async fn create(recipe: &Path, store: &Path) -> anyhow::Result<ExitCode> {
    let cube = read_recipe(recipe)?;
    zarr::create_at(store, &cube).await?;
    let grid = cube.pyramid().base();
    say(format!(
        "{}: {} x {} cells, {} levels, {} time steps, {}",
        store.display(),
        grid.shape.cols,
        grid.shape.rows,
        cube.pyramid().levels().len(),
        cube.times().len(),
        cube.variables().collect::<Vec<_>>().join(", "),
    ));
    Ok(DONE)
}

pub(super) async fn extend(store: &Path, end: chrono::NaiveDate) -> anyhow::Result<ExitCode> {
    let repo = Repo::open(store).await?;
    let _lock = repo.lock("cubetiler extend")?;
    let stored = StoredCube::open(&repo).await?;
    let longer = stored.cube.extended(end)?;
    zarr::extend(&repo, &longer).await?;
    let steps = longer.times().len();
    say(format!(
        "{}: {steps} time steps, {} of them new",
        store.display(),
        steps - stored.cube.times().len()
    ));
    Ok(DONE)
}

pub(super) async fn info(store: PathBuf, as_json: bool) -> anyhow::Result<ExitCode> {
    let repo = Repo::open(&store).await?;
    let stored = StoredCube::open(&repo).await?;
    let cube = &stored.cube;
    let base = cube.pyramid().base();
    let coverage = coverage(&stored).await?;
    if as_json {
        say(json!({
            "store": store,
            "title": cube.recipe().title,
            "revision": stored.snapshot.revision().to_string(),
            "crs": base.crs.to_string(),
            "bounds": base.bounds().to_array(),
            "cell_size": base.transform.cell_width,
            "shape": [base.shape.rows, base.shape.cols],
            "levels": cube.pyramid().levels().len(),
            "chunk": cube.pyramid().chunk(),
            "variables": cube.variables().collect::<Vec<_>>(),
            "times": cube.times().starts(),
            "coverage": coverage,
            "recipe": cube.recipe(),
        }));
        return Ok(DONE);
    }
    let b = base.bounds();
    say(format!("{}  {}", store.display(), cube.recipe().title));
    say(format!(
        "  bounds     {} {} {} {} ({})",
        b.west, b.south, b.east, b.north, base.crs
    ));
    say(format!(
        "  grid       {} x {} cells of {} {}, {} levels, chunks of {}",
        base.shape.cols,
        base.shape.rows,
        base.transform.cell_width,
        cube.system().units(),
        cube.pyramid().levels().len(),
        cube.pyramid().chunk()
    ));
    say(format!(
        "  variables  {}",
        cube.variables().collect::<Vec<_>>().join(", ")
    ));
    say(format!("  source     {}", cube.recipe().source.stac));
    say(format!("  revision   {}", stored.snapshot.revision()));
    for (day, counts) in coverage {
        let counts: Vec<String> = (counts.iter())
            .map(|(state, count)| format!("{count} {state}"))
            .collect();
        say(format!("  {day} {}", counts.join(", ")));
    }
    Ok(DONE)
}

/// Full-resolution chunks by state, for each time step.
async fn coverage(
    stored: &StoredCube,
) -> anyhow::Result<BTreeMap<chrono::NaiveDate, BTreeMap<&'static str, usize>>> {
    let chunks = stored.cube.pyramid().chunks(Level(0));
    let mut steps = BTreeMap::new();
    for (time, day) in stored.cube.times().starts().iter().enumerate() {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut blocks: BTreeMap<ChunkIndex, zarr::CellBlock> = BTreeMap::new();
        for chunk in chunks.chunks_of(chunks.shape.window()) {
            let at = block_of(chunk);
            if !blocks.contains_key(&at) {
                // Chunks come row by row: a block row is done with when the next begins.
                blocks.retain(|block, _| block.row == at.row);
                let read = read_block(&stored.snapshot, stored, Level(0), time, at);
                blocks.insert(at, read.await?);
            }
            let state = blocks
                .get(&at)
                .map_or(State::Absent, |b| b.get(chunk).state);
            *counts.entry(state.name()).or_default() += 1;
        }
        steps.insert(*day, counts);
    }
    Ok(steps)
}
