//! Builds that the server runs in the background.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;
use tokio::{sync::watch, task::JoinHandle};
use uuid::Uuid;

use super::{BuildError, BuildRequest, Builder, Counts, Event, Failure, cancellation};
use crate::catalog::{Catalog, Entry};

/// Finished jobs that are remembered.
const REMEMBERED: usize = 1000;

/// Failures that a job's answer lists; all are in the log.
const LISTED_FAILURES: usize = 100;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Waits for the job before it.
    Queued,
    /// Is being done.
    Running,
    /// Is done; single chunks may have failed.
    Done,
    /// Ended with an error.
    Failed,
    /// Was stopped. What was built until then is committed.
    Cancelled,
}

/// A build, as it is told to clients.
#[derive(Clone, Debug, Serialize)]
pub struct Job {
    /// A name for it.
    pub id: Uuid,
    /// The cube.
    pub cube: String,
    /// Where it is.
    pub state: JobState,
    /// Chunks to build.
    pub total: usize,
    /// Chunks built.
    pub done: usize,
    /// Chunks that failed.
    pub failed: usize,
    /// Chunks that were there already.
    pub skipped: usize,
    /// Chunks without land.
    pub ocean: usize,
    /// Chunks that readers see.
    pub committed: usize,
    /// The newest state of the cube that it committed.
    pub revision: Option<String>,
    /// The first failures.
    pub errors: Vec<Failure>,
    /// Why it ended, if not by being done.
    pub message: Option<String>,
}

/// Why there is no job.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// No job of this name.
    #[error("there is no job `{0}`")]
    Unknown(String),
    /// Too many wait already.
    #[error("{0} jobs wait already: try again when one has ended")]
    Full(usize),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The request makes no job.
    #[error(transparent)]
    Build(#[from] BuildError),
}

/// Jobs that wait or run at most.
const WAITING: usize = 64;

/// The jobs of a server. One cube has one writer, so the jobs of a cube run one
/// after the other. Clones share them.
#[derive(Clone, Debug)]
pub struct Jobs {
    builder: Builder,
    catalog: Arc<Catalog>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    jobs: Mutex<BTreeMap<Uuid, Job>>,
    handles: Mutex<Vec<JoinHandle<()>>>,
    turns: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
    stop: watch::Sender<bool>,
}

impl Jobs {
    /// No jobs yet.
    #[must_use]
    pub fn new(builder: Builder, catalog: Arc<Catalog>) -> Self {
        Self {
            builder,
            catalog,
            shared: Arc::new(Shared {
                jobs: Mutex::default(),
                handles: Mutex::default(),
                turns: Mutex::default(),
                stop: watch::channel(false).0,
            }),
        }
    }

    /// What a build would do.
    ///
    /// # Errors
    /// If there is no such cube or the request makes no plan.
    pub async fn plan(
        &self,
        cube: &str,
        request: &BuildRequest,
    ) -> Result<(Counts, usize), JobError> {
        let entry = self.catalog.get(cube).map_err(BuildError::from)?;
        let stored = entry.current().await;
        let plan = self.builder.plan(&stored, request).await?;
        Ok((plan.counts, plan.batches.len()))
    }

    /// Begins a build. A request that has nothing left to do is done at once.
    ///
    /// # Errors
    /// If there is no such cube, the request makes no plan, or too many wait.
    pub async fn begin(&self, cube: &str, request: BuildRequest) -> Result<Job, JobError> {
        if *self.shared.stop.borrow() {
            return Err(JobError::ShuttingDown);
        }
        let entry = Arc::clone(self.catalog.get(cube).map_err(BuildError::from)?);
        let (counts, _) = self.plan(cube, &request).await?;
        let mut job = Job {
            id: Uuid::now_v7(),
            cube: cube.to_owned(),
            state: JobState::Queued,
            total: counts.build,
            done: 0,
            failed: 0,
            skipped: counts.done,
            ocean: counts.ocean,
            committed: 0,
            revision: None,
            errors: Vec::new(),
            message: None,
        };
        let waiting = self.keep(&mut job)?;
        tracing::info!(job.id = %job.id, cube, waiting, chunks = counts.build, "a job begins");
        let (jobs, id) = (self.clone(), job.id);
        let handle = tokio::spawn(async move { jobs.work(id, &entry, &request).await });
        let mut handles = lock(&self.shared.handles);
        handles.retain(|handle| !handle.is_finished());
        handles.push(handle);
        Ok(job)
    }

    /// A job by its name.
    ///
    /// # Errors
    /// If there is none.
    pub fn get(&self, id: &str) -> Result<Job, JobError> {
        id.parse()
            .ok()
            .and_then(|id: Uuid| lock(&self.shared.jobs).get(&id).cloned())
            .ok_or_else(|| JobError::Unknown(id.to_owned()))
    }

    /// Stops all jobs at a committed chunk and waits for them.
    pub async fn shut_down(&self) {
        self.shared.stop.send_replace(true);
        let handles = std::mem::take(&mut *lock(&self.shared.handles));
        for handle in handles {
            if let Err(error) = handle.await {
                tracing::error!(%error, "a job ended badly");
            }
        }
    }

    /// Keeps a new job, and forgets the oldest that ended.
    fn keep(&self, job: &mut Job) -> Result<usize, JobError> {
        let mut jobs = lock(&self.shared.jobs);
        let is_open = |job: &Job| matches!(job.state, JobState::Queued | JobState::Running);
        let waiting = jobs.values().filter(|job| is_open(job)).count();
        if waiting >= WAITING {
            return Err(JobError::Full(waiting));
        }
        // Names are in the order of their creation.
        while jobs.len() >= REMEMBERED {
            let Some(oldest) = jobs.values().find(|job| !is_open(job)).map(|job| job.id) else {
                break;
            };
            jobs.remove(&oldest);
        }
        jobs.insert(job.id, job.clone());
        Ok(waiting)
    }

    fn change(&self, id: Uuid, change: impl FnOnce(&mut Job)) {
        if let Some(job) = lock(&self.shared.jobs).get_mut(&id) {
            change(job);
        }
    }

    async fn work(&self, id: Uuid, entry: &Entry, request: &BuildRequest) {
        let turn = Arc::clone(
            lock(&self.shared.turns)
                .entry(entry.name().to_owned())
                .or_default(),
        );
        let _turn = turn.lock().await;
        let (switch, cancel) = cancellation();
        let mut stop = self.shared.stop.subscribe();
        let stopping = tokio::spawn(async move {
            if stop.wait_for(|stop| *stop).await.is_ok() {
                switch.send_replace(true);
            }
        });
        self.change(id, |job| job.state = JobState::Running);
        let observe = |event: Event<'_>| {
            self.change(id, |job| match event {
                Event::Planned(counts) => {
                    job.total = counts.build;
                    job.skipped = counts.done;
                    job.ocean = counts.ocean;
                }
                Event::Built(_) => job.done += 1,
                Event::Failed(failure) => {
                    job.failed += 1;
                    if job.errors.len() < LISTED_FAILURES {
                        job.errors.push(failure.clone());
                    }
                }
                Event::Committed(revision) => {
                    job.committed = job.done;
                    job.revision = Some(revision.to_string());
                }
            });
        };
        let purpose = format!("cubetiler serve, job {id}");
        let result = self
            .builder
            .run(entry, request, &purpose, &cancel, &observe)
            .await;
        stopping.abort();
        self.change(id, |job| match result {
            Ok(report) if report.cancelled => {
                job.state = JobState::Cancelled;
                job.message = Some("the server was shut down".to_owned());
            }
            Ok(_) => job.state = JobState::Done,
            Err(error) => {
                tracing::error!(job.id = %id, error = &error as &dyn std::error::Error, "a job failed");
                job.state = JobState::Failed;
                job.message = Some(error.to_string());
            }
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
