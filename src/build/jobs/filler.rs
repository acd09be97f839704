//! Who fills a cube: takes chunks from its queue, builds some at a time and
//! commits what is built in groups, as the cube's only writer.

use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::Arc,
    time::Instant as Moment,
};

use futures::{
    FutureExt as _, StreamExt as _,
    future::{AbortHandle, Abortable},
    stream::FuturesUnordered,
};
use serde_json::json;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::{
    JobState, LedgerError, OverQuota,
    estimate::Took,
    ledger::{Made, Outcome},
    office::Office,
    queue::{JobNumber, Place},
    scenes::Scenes,
    site::Site,
};
use crate::{
    build::{
        BuildError, Built, StageSeconds,
        chunk::{Watch, Workshop},
        commit::{Overviews, Pending},
        run::chain,
        task::Task,
        timeline::Moments,
    },
    catalog::Entry,
    grid::{ChunkIndex, Level},
    repo::Revision,
    zarr::StoredCube,
};

/// Why a cube is not filled any further.
#[derive(Debug, thiserror::Error)]
pub(super) enum FillError {
    /// The cube cannot be written.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is no room for more.
    #[error(transparent)]
    Quota(#[from] OverQuota),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A bug. The cube goes on being filled by whoever asks next.
    #[error("the server has a bug: the fill panicked")]
    Panicked,
}

/// A chunk that was tried: what it used, and what came of it.
struct Tried {
    begun: Moment,
    searched: Moment,
    stages: StageSeconds,
    requests: u64,
    bytes: u64,
    built: Result<Built, String>,
}

/// Chunks that are committed together.
#[derive(Default)]
struct Group {
    pending: Pending,
    outcomes: Vec<Outcome>,
    stages: BTreeMap<JobNumber, StageSeconds>,
    took: Took,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.outcomes.is_empty()
    }
}

/// A cube's filler at work.
pub(super) struct Filler {
    office: Arc<Office>,
    site: Arc<Site>,
    entry: Arc<Entry>,
    stored: StoredCube,
    workshop: Workshop,
    scenes: Arc<Scenes>,
}

impl Filler {
    /// Fills a cube until nothing is left in its queue, or the server stops.
    pub(super) async fn run(
        office: Arc<Office>,
        site: Arc<Site>,
        entry: Arc<Entry>,
    ) -> Result<(), FillError> {
        let Some(_lock) = office.turn(&site, &entry).await? else {
            return Ok(());
        };
        entry.publish().await.map_err(BuildError::from)?;
        let stored = entry.served();
        let filler = Arc::new(Self {
            scenes: Arc::new(Scenes::new(&stored)),
            workshop: office.builder.workshop(&stored),
            office,
            site,
            entry,
            stored,
        });
        filler.end_what_does_not_fit().await?;
        let left = filler.entry.repo().left().await.map_err(BuildError::from)?;
        filler.site.set_stale(false);
        filler.fill(!left.is_null()).await
    }

    /// Ends jobs with chunks that the cube does not have, or no longer: somebody may
    /// have rolled it back while they waited.
    async fn end_what_does_not_fit(&self) -> Result<(), FillError> {
        let grid = self.stored.cube.pyramid().chunks(Level(0));
        let shape = [self.stored.cube.times().len(), grid.rows(), grid.cols()];
        for (job, progress) in self.site.take_outside(shape) {
            let message = format!(
                "it fits the cube no more, which has {shape:?} time steps, chunk rows and chunk columns"
            );
            tracing::warn!(job.id = %progress.id, message, "a job does not go on");
            self.office
                .end(job, &progress, JobState::Failed, Some(message))
                .await?;
        }
        Ok(())
    }

    /// `is_stale` says that overviews are out of date.
    async fn fill(self: &Arc<Self>, is_stale: bool) -> Result<(), FillError> {
        let (interval, patience) = (self.office.commit_every, self.office.overviews_every);
        let concurrency = self.office.builder.config().concurrency.max(1);
        let mut stop = self.office.stop.subscribe();
        let mut stop = pin!(stop.wait_for(|stop| *stop).fuse());
        let mut is_stopping = false;
        let mut under_way = FuturesUnordered::new();
        let mut handles: HashMap<Place, AbortHandle> = HashMap::new();
        // At most one, since each is made on top of the one before.
        let mut committing = FuturesUnordered::new();
        let mut group = Group::default();
        let mut due = Instant::now();
        let mut over = None;
        // When coarse overviews have to be brought up to date, if they are not.
        let mut overviews_due = is_stale.then(Instant::now);
        loop {
            for (time, chunk) in self.site.take_ocean() {
                group.pending.ocean(time, chunk);
            }
            while !is_stopping && over.is_none() && under_way.len() < concurrency {
                if let Some(quota) = self.site.quota.as_ref().filter(|_| !self.site.is_idle()) {
                    // What cannot be measured does not stop a fill.
                    over = quota.exceeded(&self.entry).await.unwrap_or_else(|error| {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(error, "a cube's size is not known");
                        None
                    });
                    if over.is_some() {
                        break;
                    }
                }
                let Some((place, near, first_of)) = self.site.next() else {
                    break;
                };
                for job in first_of {
                    self.office.start(&self.site, job).await?;
                }
                let (handle, registration) = AbortHandle::new_pair();
                handles.insert(place, handle);
                let task = Abortable::new(self.begin(place, near), registration);
                under_way.push(task.map(move |tried| (place, tried)));
            }
            let (is_last, now) = (under_way.is_empty(), Instant::now());
            let are_overviews_due = overviews_due.is_some_and(|due| is_last || due <= now);
            let is_group_due = !group.is_empty() && (is_last || due <= now);
            if committing.is_empty() && (is_group_due || are_overviews_due) {
                let places = group.outcomes.iter().map(|(place, _)| *place);
                let is_all = is_last
                    || are_overviews_due
                    || patience.is_zero()
                    // Who waits for it sees all of it then, at every zoom.
                    || self.site.ends_a_job(places);
                let overviews = if is_all {
                    Overviews::All
                } else {
                    Overviews::Fine
                };
                // On a task of its own, as chunks: while this loop waits for a place or
                // for the ledger, it would have its turn there and not take it.
                let (filler, group) = (Arc::clone(self), std::mem::take(&mut group));
                committing.push(Task::of(move || async move {
                    filler.commit(group, overviews).await
                }));
            }
            if under_way.is_empty() && committing.is_empty() {
                // What had been built by then is committed.
                return over.map_or(Ok(()), |over| Err(over.into()));
            }
            tokio::select! {
                biased;
                _ = &mut stop, if !is_stopping => {
                    is_stopping = true;
                    handles.values().for_each(AbortHandle::abort);
                }
                () = self.site.changed.notified() => {
                    let dropped = self.site.take_dropped();
                    let dropped = dropped.iter().filter_map(|place| handles.get(place));
                    dropped.for_each(AbortHandle::abort);
                }
                Some(result) = committing.next() => {
                    let now = Instant::now();
                    due = now + interval;
                    overviews_due = result?.then(|| overviews_due.unwrap_or(now + patience));
                }
                Some((place, tried)) = under_way.next() => {
                    handles.remove(&place);
                    if let Ok(tried) = tried {
                        self.take(place, tried, &mut group);
                    }
                }
                () = sleep_until(due), if committing.is_empty() && !group.is_empty() => {}
                () = sleep_until(overviews_due.unwrap_or(due)),
                    if committing.is_empty() && overviews_due.is_some() => {}
            }
        }
    }

    /// Builds a chunk on a task of its own.
    fn begin(&self, place: Place, near: Vec<ChunkIndex>) -> Task<Tried> {
        let (office, site) = (Arc::clone(&self.office), Arc::clone(&self.site));
        let watch = Watch::new(move |step| {
            office.tell_task(&site, place, json!({"state": step}));
        });
        let workshop = Workshop {
            clock: Arc::default(),
            source: self.workshop.source.counted(),
            watch,
            ..self.workshop.clone()
        };
        let (office, scenes) = (Arc::clone(&self.office), Arc::clone(&self.scenes));
        Task::of(move || async move {
            // Cubes share the places; the semaphore is never closed.
            let _place = office.places.acquire().await;
            let begun = Moment::now();
            workshop.watch.tell("searching");
            let found = scenes.of(place, near, &workshop).await;
            let searched = Moment::now();
            let built = match found {
                Ok(found) => {
                    let built = workshop.build(place.time(), place.chunk(), &found).await;
                    built.map_err(|error| chain(&error))
                }
                Err(error) => Err(error),
            };
            Tried {
                begun,
                searched,
                stages: workshop.clock.seconds(),
                requests: workshop.source.traffic().requests(),
                bytes: workshop.source.traffic().bytes(),
                built,
            }
        })
    }

    fn take(&self, place: Place, tried: Tried, group: &mut Group) {
        let moments = tried.built.as_ref().ok().map(|built| {
            let [read, composited, written] = built.moments;
            Moments {
                begun: tried.begun,
                searched: tried.searched,
                read,
                composited,
                written,
            }
        });
        let jobs = self.site.jobs(place);
        let is_refresh = jobs.iter().all(|(_, progress)| progress.is_refresh);
        for (job, progress) in jobs {
            group.stages.entry(job).or_default().add(&tried.stages);
            let timelines = &self.office.timelines;
            timelines.add(progress.id, place.to_array(), tried.begun, moments);
        }
        self.site.tried(place, tried.built.is_ok());
        let error = match tried.built {
            Ok(built) => {
                group.took.add(&Took {
                    chunks: 1,
                    scenes: built.scenes as u64,
                    requests: tried.requests,
                    bytes: tried.bytes,
                    cpu_seconds: tried.stages.computing(),
                    seconds: tried.begun.elapsed().as_secs_f64(),
                });
                if is_refresh {
                    group.pending.renew(built);
                } else {
                    group.pending.add(built);
                }
                None
            }
            Err(error) => {
                tracing::warn!(cube = self.entry.name(), ?place, error, "a chunk failed");
                if !is_refresh {
                    let (time, chunk) = (place.time(), place.chunk());
                    group.pending.failed(time, chunk, error.clone());
                }
                Some(error)
            }
        };
        let told = match &error {
            None => json!({"state": "built"}),
            Some(error) => json!({"state": "failed", "error": error}),
        };
        self.office.tell_task(&self.site, place, told);
        group.outcomes.push((place, error));
    }

    /// Commits a group, in the cube and in the ledger; says whether overviews are
    /// left.
    async fn commit(&self, group: Group, overviews: Overviews) -> Result<bool, FillError> {
        let ledger = &self.office.ledger;
        let batch = Uuid::now_v7();
        let marked = self.wanted(&group.outcomes);
        ledger.begin_batch(batch, marked.clone()).await?;
        let (repo, compute) = (self.entry.repo(), self.office.builder.compute());
        let pending = group.pending;
        let committing = pending.commit(repo, &self.stored, compute, overviews, Some(batch));
        let is_stale = match committing.await {
            Ok(is_stale) => is_stale,
            Err(error) => {
                ledger.undo_batch(batch).await?;
                return Err(error.into());
            }
        };
        let revision = self.entry.publish().await.map_err(BuildError::from)?;
        let mut late = self.wanted(&group.outcomes);
        late.retain(|(job, (place, _))| {
            !marked
                .iter()
                .any(|(other, (at, _))| other == job && at == place)
        });
        let made = Made {
            late,
            stages: group.stages,
            cube: self.entry.name().to_owned(),
            took: group.took,
            revision: Some(revision.to_string()),
        };
        ledger.end_batch(batch, made).await?;
        self.settle(&group.outcomes, overviews, &revision).await?;
        Ok(is_stale)
    }

    /// Outcomes, for each job that wants them now.
    fn wanted(&self, outcomes: &[Outcome]) -> Vec<(JobNumber, Outcome)> {
        let of_jobs = |outcome: &Outcome| {
            let jobs = self.site.jobs(outcome.0).into_iter();
            jobs.map(|(job, _)| (job, outcome.clone()))
                .collect::<Vec<_>>()
        };
        outcomes.iter().flat_map(of_jobs).collect()
    }

    /// Tells of a commit, and ends the jobs that are done with it.
    async fn settle(
        &self,
        outcomes: &[Outcome],
        overviews: Overviews,
        revision: &Revision,
    ) -> Result<(), FillError> {
        let mut chunks: BTreeMap<Uuid, Vec<[usize; 3]>> = BTreeMap::new();
        if overviews == Overviews::All {
            // It shows chunks of earlier commits at coarser zooms.
            chunks.extend(self.site.names().into_iter().map(|job| (job, Vec::new())));
        }
        for (place, _) in outcomes {
            for (_, progress) in self.site.jobs(*place) {
                chunks
                    .entry(progress.id)
                    .or_default()
                    .push(place.to_array());
            }
        }
        for (job, chunks) in chunks {
            let told = json!({"revision": revision.to_string(), "chunks": chunks});
            self.office.events.tell(job, "commit", told);
        }
        for (place, error) in outcomes {
            for (job, progress) in self.site.remove(*place, error.is_none()) {
                self.office
                    .end(job, &progress, JobState::Done, None)
                    .await?;
            }
        }
        Ok(())
    }
}
