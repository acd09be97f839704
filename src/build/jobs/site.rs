//! A cube that is filled: its queue, and what its jobs have come to.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use uuid::Uuid;

use super::{
    Job,
    queue::{JobNumber, Place, Queue},
    quota::Quota,
};
use crate::grid::ChunkIndex;

/// The jobs of a cube that are not done, and their chunks.
#[derive(Debug, Default)]
pub(super) struct Site {
    inner: Mutex<Inner>,
    /// Something was added or dropped.
    pub(super) changed: Notify,
    /// A filler has gone, and with it its right to write the cube.
    pub(super) freed: Notify,
    /// What limits the cube's size, if anything does.
    pub(super) quota: Option<Arc<Quota>>,
}

#[derive(Debug, Default)]
struct Inner {
    queue: Queue,
    jobs: BTreeMap<JobNumber, Progress>,
    /// Chunks that are found to be ocean, to be recorded so.
    ocean: Vec<(usize, ChunkIndex)>,
    /// Chunks under way that nobody wants any more.
    dropped: Vec<Place>,
    is_filled: bool,
    /// Coarse overviews are out of date, though nothing may be left to build.
    is_stale: bool,
    /// Who writes the cube, so that the filler has to wait.
    waits_for: Option<String>,
    /// The minute that is counted, and chunks in it that nobody asked for.
    seen: Option<(Instant, u32)>,
}

/// What a job has come to since the server began with it.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    pub(super) id: Uuid,
    /// What it builds is there already, and stays if it fails.
    pub(super) is_refresh: bool,
    pub(super) begun: Option<Instant>,
    pub(super) under_way: usize,
    /// Chunks that were tried, and that of those wait for a commit.
    pub(super) tried: usize,
    pub(super) built: usize,
    pub(super) failed: usize,
}

/// What is done about chunks that somebody sees missing.
#[derive(Debug)]
pub(super) enum Admitted {
    /// These are begun.
    New(Vec<Place>),
    /// All wait already.
    Waiting,
    /// Too many were begun lately.
    Later(Duration),
}

impl Inner {
    fn is_idle(&self) -> bool {
        self.queue.len() == 0 && self.ocean.is_empty()
    }
}

const MINUTE: Duration = Duration::from_mins(1);

impl Site {
    pub(super) fn new(quota: Option<Arc<Quota>>) -> Self {
        Self {
            quota,
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job and its chunks; without any it is done, and is given back.
    pub(super) fn add(&self, number: JobNumber, job: &Job, places: Vec<Place>) -> Option<Progress> {
        let progress = Progress {
            id: job.id,
            is_refresh: job.request.refresh,
            begun: None,
            under_way: 0,
            tried: 0,
            built: 0,
            failed: 0,
        };
        if places.is_empty() {
            return Some(progress);
        }
        let mut inner = self.lock();
        inner.jobs.insert(number, progress);
        inner.queue.add(number, places);
        self.changed.notify_one();
        None
    }

    /// Adds chunks that are found to be ocean.
    pub(super) fn add_ocean(&self, places: Vec<(usize, ChunkIndex)>) {
        self.lock().ocean.extend(places);
        self.changed.notify_one();
    }

    /// The ocean that is not recorded yet; it is the caller's from now on.
    pub(super) fn take_ocean(&self) -> Vec<(usize, ChunkIndex)> {
        std::mem::take(&mut self.lock().ocean)
    }

    /// Whether a filler has to be sent, which the caller does then.
    pub(super) fn begin_filling(&self) -> bool {
        !std::mem::replace(&mut self.lock().is_filled, true)
    }

    /// Whether the filler may go, since nothing is left.
    pub(super) fn end_filling(&self) -> bool {
        let mut inner = self.lock();
        let is_idle = inner.is_idle();
        inner.is_filled = !is_idle;
        inner.waits_for = None;
        self.freed.notify_waiters();
        is_idle
    }

    /// Whether a filler is there that has ended all its jobs: it goes in a moment, or
    /// when overviews are up to date.
    pub(super) fn is_filler_ending(&self) -> bool {
        let inner = self.lock();
        inner.is_filled && inner.is_idle() && inner.jobs.is_empty()
    }

    /// Whether nothing is left, overviews neither.
    pub(super) fn is_idle(&self) -> bool {
        let inner = self.lock();
        inner.is_idle() && !inner.is_stale
    }

    /// Says who has to end before the cube can be filled; nobody, if `None`.
    pub(super) fn wait_for(&self, holder: Option<String>) {
        self.lock().waits_for = holder;
    }

    /// Who has to end before the cube can be filled.
    pub(super) fn waits_for(&self) -> Option<String> {
        self.lock().waits_for.clone()
    }

    /// The names of all jobs that are not done.
    pub(super) fn names(&self) -> Vec<Uuid> {
        let inner = self.lock();
        inner.jobs.values().map(|progress| progress.id).collect()
    }

    /// The next chunk, with those near it that wait too, and the jobs that it
    /// is the first chunk of.
    pub(super) fn next(&self) -> Option<(Place, Vec<ChunkIndex>, Vec<JobNumber>)> {
        let mut inner = self.lock();
        let place = inner.queue.next()?;
        let mut first_of = Vec::new();
        for job in inner.queue.jobs(place).to_vec() {
            if let Some(progress) = inner.jobs.get_mut(&job) {
                progress.under_way += 1;
                if progress.begun.is_none() {
                    progress.begun = Some(Instant::now());
                    first_of.push(job);
                }
            }
        }
        Some((place, inner.queue.around(place), first_of))
    }

    /// Counts a chunk that was tried, for all jobs that want it.
    pub(super) fn tried(&self, place: Place, is_built: bool) {
        let mut inner = self.lock();
        for job in inner.queue.jobs(place).to_vec() {
            if let Some(progress) = inner.jobs.get_mut(&job) {
                progress.under_way = progress.under_way.saturating_sub(1);
                progress.tried += 1;
                progress.built += usize::from(is_built);
                progress.failed += usize::from(!is_built);
            }
        }
    }

    /// The jobs that want a chunk.
    pub(super) fn jobs(&self, place: Place) -> Vec<(JobNumber, Progress)> {
        let inner = self.lock();
        let jobs = inner.queue.jobs(place).iter();
        jobs.filter_map(|job| Some((*job, inner.jobs.get(job)?.clone())))
            .collect()
    }

    /// What a job has come to; `None` once it has ended.
    pub(super) fn progress(&self, job: JobNumber) -> Option<Progress> {
        self.lock().jobs.get(&job).cloned()
    }

    /// Takes out a chunk that is committed; returns the jobs that it ends.
    pub(super) fn remove(&self, place: Place, is_built: bool) -> Vec<(JobNumber, Progress)> {
        let mut inner = self.lock();
        for job in inner.queue.jobs(place).to_vec() {
            if let Some(progress) = inner.jobs.get_mut(&job) {
                progress.built = progress.built.saturating_sub(usize::from(is_built));
                progress.failed = progress.failed.saturating_sub(usize::from(!is_built));
            }
        }
        let done = inner.queue.remove(place);
        done.into_iter()
            .filter_map(|job| Some((job, inner.jobs.remove(&job)?)))
            .collect()
    }

    /// Takes a job out, and its chunks that no other job wants.
    pub(super) fn cancel(&self, job: JobNumber) -> Option<Progress> {
        let mut inner = self.lock();
        let dropped = inner.queue.cancel(job);
        inner.dropped.extend(dropped);
        self.changed.notify_one();
        inner.jobs.remove(&job)
    }

    /// Takes out jobs with chunks beyond so many time steps, rows and columns.
    pub(super) fn take_outside(&self, shape: [usize; 3]) -> Vec<(JobNumber, Progress)> {
        let jobs = self.lock().queue.jobs_outside(shape);
        let mut inner = self.lock();
        inner
            .ocean
            .retain(|(time, chunk)| Place::new(*time, *chunk).is_within(shape));
        drop(inner);
        let cancelled = jobs.into_iter();
        cancelled
            .filter_map(|job| Some((job, self.cancel(job)?)))
            .collect()
    }

    /// Takes all jobs out: the cube cannot be written.
    pub(super) fn cancel_all(&self) -> Vec<(JobNumber, Progress)> {
        let mut inner = self.lock();
        for job in inner.queue.jobs_left() {
            inner.queue.cancel(job);
        }
        inner.ocean.clear();
        std::mem::take(&mut inner.jobs).into_iter().collect()
    }

    /// Chunks under way that nobody wants any more, told once.
    pub(super) fn take_dropped(&self) -> Vec<Place> {
        std::mem::take(&mut self.lock().dropped)
    }

    /// Says that chunks are looked at: those that wait come next.
    pub(super) fn look_at(&self, places: impl IntoIterator<Item = Place>) {
        self.lock().queue.look_at(places);
    }

    /// Of chunks that somebody sees missing those that do not wait yet, as many
    /// as a minute has left of `limit`.
    pub(super) fn admit(&self, places: Vec<Place>, limit: u32) -> Admitted {
        let mut inner = self.lock();
        let is_new = |place: &Place| inner.queue.jobs(*place).is_empty();
        let mut new: Vec<Place> = places.into_iter().filter(is_new).collect();
        if new.is_empty() {
            return Admitted::Waiting;
        }
        let (begun, count) = (inner.seen)
            .filter(|(begun, _)| begun.elapsed() < MINUTE)
            .unwrap_or_else(|| (Instant::now(), 0));
        new.truncate(limit.saturating_sub(count) as usize);
        if new.is_empty() {
            return Admitted::Later(MINUTE.saturating_sub(begun.elapsed()));
        }
        let more = u32::try_from(new.len()).unwrap_or(u32::MAX);
        inner.seen = Some((begun, count.saturating_add(more)));
        Admitted::New(new)
    }

    /// Whether there is ocean to be recorded, or overviews are out of date.
    pub(super) fn has_other_work(&self) -> bool {
        let inner = self.lock();
        !inner.ocean.is_empty() || inner.is_stale
    }

    /// Says whether overviews are out of date, to be mended when nobody fills.
    pub(super) fn set_stale(&self, is_stale: bool) {
        self.lock().is_stale = is_stale;
    }

    /// Whether some job is done with these chunks.
    pub(super) fn ends_a_job(&self, places: impl IntoIterator<Item = Place>) -> bool {
        self.lock().queue.ends_a_job(places)
    }

    /// Jobs and chunks that are not done.
    pub(super) fn open(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.jobs.len(), inner.queue.len())
    }
}
