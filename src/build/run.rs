//! A build from its plan to its last commit.

use std::{
    collections::HashMap,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use tokio::sync::watch;

use super::{
    BuildConfig, BuildError, BuildRequest, Built, Event, Failure, Plan, Report,
    chunk::{Patience, Watch, Workshop},
    commit::{Overviews, Pending},
    masks::Masks,
    plan::chunk_bounds,
    search::{scenes_of, source_spec},
    stages::Stage,
    task::Task,
    timeline::Moments,
};
use crate::{
    catalog::Entry,
    compute::{Compute, Memory},
    cube::{State, recipe::Skip},
    grid::{Bounds, ChunkIndex, Level},
    land::{Land, Region},
    source::{Scene, SceneSource},
    zarr::{CellBlock, StoredCube, block_of, read_block},
};

/// Tells a build to stop: what is done is committed, the rest is dropped.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Receiver<bool>);

/// A switch and what it stops.
#[must_use]
pub fn cancellation() -> (watch::Sender<bool>, Cancel) {
    let (switch, signal) = watch::channel(false);
    (switch, Cancel(signal))
}

impl Cancel {
    /// Ends when the switch is thrown; never if it is dropped unthrown.
    async fn thrown(&self) {
        let mut signal = self.0.clone();
        if signal.wait_for(|thrown| *thrown).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Builds chunks. Clones share the CPU pool and what is known of images.
#[derive(Clone, Debug)]
pub struct Builder {
    source: SceneSource,
    compute: Compute,
    config: BuildConfig,
}

impl Builder {
    /// A builder that reads through `source` and computes on `compute`.
    #[must_use]
    pub fn new(source: SceneSource, compute: Compute, config: BuildConfig) -> Self {
        Self {
            source,
            compute,
            config,
        }
    }

    /// How it shares the machine.
    #[must_use]
    pub fn config(&self) -> &BuildConfig {
        &self.config
    }

    /// Where it computes.
    pub(super) fn compute(&self) -> &Compute {
        &self.compute
    }

    /// What a build would do, from coverage alone; the catalogue is not asked.
    ///
    /// # Errors
    /// If the request makes no plan or coverage cannot be read.
    pub async fn plan(
        &self,
        stored: &StoredCube,
        request: &BuildRequest,
    ) -> Result<Plan, BuildError> {
        let scope = request.scope(&stored.cube, self.config.max_chunks)?;
        let mut blocks: HashMap<(usize, ChunkIndex), CellBlock> = HashMap::new();
        for (time, chunk) in &scope.0 {
            let block = block_of(*chunk);
            if let std::collections::hash_map::Entry::Vacant(place) = blocks.entry((*time, block)) {
                let read = read_block(&stored.snapshot, stored, Level(0), *time, block);
                place.insert(read.await?);
            }
        }
        let cube = Arc::clone(&stored.cube);
        let request = request.clone();
        let plan = move || {
            let state = |time, chunk| {
                let block = blocks.get(&(time, block_of(chunk)));
                block.map_or(State::Absent, |block| block.get(chunk).state)
            };
            let touches = |chunk, area: &dyn Fn(&Bounds) -> bool| {
                // What has no place on the globe is not known to be elsewhere.
                chunk_bounds(&cube, chunk, 0).map_or(true, |places| places.iter().any(area))
            };
            match &cube.recipe().grid.skip {
                Skip::None => Ok(Plan::new(&scope, &request, state, |_| true)),
                Skip::Ocean => {
                    let land = Land::global();
                    let is_land = |b: &Bounds| land.intersects(b.west, b.south, b.east, b.north);
                    let is_wanted = |chunk| touches(chunk, &is_land);
                    Ok(Plan::new(&scope, &request, state, is_wanted))
                }
                Skip::Outside(document) => {
                    let region = Region::from_geojson(document)?;
                    let is_in = |b: &Bounds| region.intersects(b.west, b.south, b.east, b.north);
                    let is_wanted = |chunk| touches(chunk, &is_in);
                    Ok(Plan::new(&scope, &request, state, is_wanted))
                }
            }
        };
        self.compute.run(plan).await?.map_err(BuildError::Plan)
    }

    /// Builds what is missing, as the only writer of the cube, and publishes
    /// every commit to the readers of `entry`. `purpose` names the build to
    /// whoever finds the cube locked.
    ///
    /// # Errors
    /// If there is no plan, the cube is locked, or a commit fails. A chunk that
    /// fails does not stop the others; it is in the report.
    pub async fn run(
        &self,
        entry: &Entry,
        request: &BuildRequest,
        purpose: &str,
        cancel: &Cancel,
        observe: &(dyn Fn(Event<'_>) + Sync),
    ) -> Result<Report, BuildError> {
        let begun = Instant::now();
        let _lock = entry.repo().lock(purpose)?;
        entry.publish().await?;
        let stored = entry.served();
        let plan = self.plan(&stored, request).await?;
        observe(Event::Planned(plan.counts));
        let workshop = self.workshop(&stored);
        let left = entry.repo().left().await?;
        let mut progress = Progress {
            builder: self,
            is_stale: !left.is_null(),
            entry,
            stored: &stored,
            workshop: &workshop,
            begun,
            observe,
            pending: Pending::default(),
            waiting: Vec::new(),
            report: Report {
                planned: plan.counts,
                ..Report::default()
            },
        };
        for (time, chunk) in &plan.new_ocean {
            progress.pending.ocean(*time, *chunk);
        }
        progress.build(&plan, cancel).await?;
        progress.commit().await?;
        let mut report = progress.report;
        report.seconds = begun.elapsed().as_secs_f64();
        report.stages = workshop.clock.seconds();
        report.requests = workshop.source.traffic().requests();
        report.bytes = workshop.source.traffic().bytes();
        report.cost = self
            .config
            .prices
            .of(&report.stages, report.requests, report.bytes);
        Ok(report)
    }

    /// What it takes to build chunks of a cube. Of the memory, one part in
    /// four is for reads and the rest for the observations of chunks.
    pub(super) fn workshop(&self, stored: &StoredCube) -> Workshop {
        let config = &self.config;
        let bytes = config.memory_mib.saturating_mul(1 << 20);
        let chunks = config.concurrency.max(1) as u64;
        Workshop {
            source: self.source.of_catalogue(&stored.cube.recipe().source.stac),
            pool: self.compute.clone(),
            memory: Memory::new(bytes / 4),
            stack_bytes: usize::try_from(bytes / 4 * 3 / chunks).unwrap_or(usize::MAX),
            clock: Arc::default(),
            masks: Arc::new(Masks::new(stored.cube.recipe().source.mask.as_ref())),
            patience: Patience {
                seconds: config.task_seconds.max(1),
                retries: config.task_retries,
            },
            steps: Arc::default(),
            watch: Watch::default(),
            stored: stored.clone(),
        }
    }
}

/// The scenes of a batch, or why there are none, and when that was known.
type Found = (Instant, Result<Arc<Vec<Scene>>, String>);

/// A chunk that was tried.
struct Tried {
    time: usize,
    chunk: ChunkIndex,
    begun: Instant,
    searched: Instant,
    built: Result<Built, String>,
}

/// A build under way.
struct Progress<'a> {
    builder: &'a Builder,
    entry: &'a Entry,
    stored: &'a StoredCube,
    workshop: &'a Workshop,
    begun: Instant,
    observe: &'a (dyn Fn(Event<'_>) + Sync),
    pending: Pending,
    /// Whether somebody was stopped before all overviews were up to date.
    is_stale: bool,
    /// States of what is pending, counted when it is committed.
    waiting: Vec<State>,
    report: Report,
}

impl Progress<'_> {
    async fn build(&mut self, plan: &Plan, cancel: &Cancel) -> Result<(), BuildError> {
        let config = &self.builder.config;
        let workshop = self.workshop;
        let spec = Arc::new(source_spec(self.stored.cube.recipe()));
        let searches = plan.batches.clone().into_iter().map(|batch| {
            let (workshop, spec) = (workshop.clone(), Arc::clone(&spec));
            Task::of(move || async move {
                let searching = scenes_of(&workshop, &spec, &batch);
                let found = workshop.clock.wait(Stage::Search, searching).await;
                let found = found.map(Arc::new).map_err(|error| chain(&error));
                (batch, (Instant::now(), found))
            })
        });
        // The next batch's scenes are looked up while this one is built.
        let found = stream::iter(searches.collect::<Vec<_>>()).buffered(2);
        let chunks = found.flat_map(|(batch, found)| {
            let time = batch.time;
            let chunks = batch.chunks.into_iter();
            let chunks: Vec<_> = chunks.map(|chunk| (time, chunk, found.clone())).collect();
            stream::iter(chunks)
        });
        let begin = |(time, chunk, (searched, found)): (usize, ChunkIndex, Found)| {
            let workshop = workshop.clone();
            Task::of(move || async move {
                let begun = Instant::now();
                let built = match found {
                    Ok(scenes) => workshop
                        .build(time, chunk, &scenes)
                        .await
                        .map_err(|error| chain(&error)),
                    Err(error) => Err(error),
                };
                Tried {
                    time,
                    chunk,
                    begun,
                    searched,
                    built,
                }
            })
        };
        let mut results = pin!(
            chunks
                .map(begin)
                .buffer_unordered(config.concurrency.max(1))
        );
        let interval = Duration::from_secs(config.commit_seconds);
        let mut due = pin!(tokio::time::sleep(interval));
        loop {
            tokio::select! {
                biased;
                () = cancel.thrown() => {
                    self.report.cancelled = true;
                    return Ok(());
                }
                () = &mut due => {
                    self.commit().await?;
                    due.as_mut().reset(tokio::time::Instant::now() + interval);
                }
                next = results.next() => {
                    let Some(tried) = next else { return Ok(()) };
                    self.take(tried);
                    if self.pending.len() >= config.commit_chunks {
                        self.commit().await?;
                        due.as_mut().reset(tokio::time::Instant::now() + interval);
                    }
                }
            }
        }
    }

    fn take(&mut self, tried: Tried) {
        let Tried {
            time,
            chunk,
            begun,
            searched,
            built,
        } = tried;
        let place = [time, chunk.row, chunk.col];
        let timeline = &mut self.report.timeline;
        match built {
            Ok(built) => {
                let [read, composited, written] = built.moments;
                let moments = Moments {
                    begun,
                    searched,
                    read,
                    composited,
                    written,
                };
                timeline.built(self.begun, place, moments);
                (self.observe)(Event::Built(&built));
                self.waiting.push(built.cell.state);
                self.pending.add(built);
            }
            Err(error) => {
                timeline.failed(self.begun, place, begun, Instant::now());
                let failure = Failure::new(&self.stored.cube, time, chunk, error);
                tracing::warn!(chunk = ?failure.chunk, error = failure.error, "a chunk failed");
                (self.observe)(Event::Failed(&failure));
                self.pending.failed(time, chunk, failure.error.clone());
                self.report.failures.push(failure);
            }
        }
    }

    async fn commit(&mut self) -> Result<(), BuildError> {
        if self.pending.is_empty() && !self.is_stale {
            return Ok(());
        }
        let pending = std::mem::take(&mut self.pending);
        let (repo, compute) = (self.entry.repo(), &self.builder.compute);
        let committing = pending.commit(repo, self.stored, compute, Overviews::All, None);
        self.is_stale = committing.await?;
        for state in self.waiting.drain(..) {
            self.report.built += 1;
            *self.report.states.entry(state.name()).or_default() += 1;
        }
        self.report.commits += 1;
        let revision = self.entry.publish().await?;
        (self.observe)(Event::Committed(&revision));
        Ok(())
    }
}

/// An error with all its reasons, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(reason) = source {
        let reason_text = reason.to_string();
        if !text.ends_with(&reason_text) {
            text.push_str(": ");
            text.push_str(&reason_text);
        }
        source = reason.source();
    }
    text
}
