//! Fills that the server runs in the background: jobs, which somebody asked
//! for, and one filler a cube, which builds what any job still waits for.

mod events;
mod filler;
mod job;
mod ledger;
mod office;
mod queue;
mod request;
mod scenes;
mod site;
mod timelines;

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::Utc;
use serde_json::json;
use uuid::Uuid;

pub use self::{
    events::{Followed, JobEvent},
    job::{Job, JobFilter, JobState},
    ledger::LedgerError,
    request::JobRequest,
};
use self::{
    ledger::{Made, OpenJob},
    office::Office,
    queue::{JobNumber, Place},
    site::Admitted,
};
use super::{BuildError, Builder, Failure, Plan, PlanError};
use crate::{
    catalog::{Catalog, Entry},
    grid::ChunkIndex,
    repo::{Commit, Revision},
};

/// Jobs of a cube that wait or run at most.
const OPEN_JOBS: usize = 64;

/// Failures that a job's answer lists; all are in the log.
const LISTED_FAILURES: usize = 100;

/// Commits of a cube that are looked through for one that may have been made
/// when the process ended.
const LOOKED_THROUGH: usize = 1000;

/// Why there is no job.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// No job of this name.
    #[error("there is no job `{0}`")]
    Unknown(String),
    /// Too many wait already.
    #[error("{0} jobs of this cube wait already: try again when one has ended")]
    Full(usize),
    /// Too much waits already.
    #[error(
        "{waiting} chunks wait already, and with {more} more there would be more than {limit}: try again later, or ask for less"
    )]
    TooMuch {
        /// Chunks that wait.
        waiting: usize,
        /// Chunks asked for.
        more: usize,
        /// The limit.
        limit: usize,
    },
    /// A job that has ended is not cancelled, and one that has not is not
    /// tried again.
    #[error("the job is {}", .0.name())]
    State(JobState),
    /// The server is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The request makes no job.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<PlanError> for JobError {
    fn from(error: PlanError) -> Self {
        Self::Build(error.into())
    }
}

/// What is done about chunks that somebody sees missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// They are being filled.
    Filling,
    /// They are left as they are.
    Nothing,
    /// Not before so long, since many were begun lately.
    Later(Duration),
}

/// The jobs of a server. Clones share them.
#[derive(Clone, Debug)]
pub struct Jobs(Arc<Office>);

impl Jobs {
    /// The jobs of the ledger in a folder, or none, remembered nowhere.
    ///
    /// # Errors
    /// If the ledger cannot be opened.
    pub fn open(
        builder: Builder,
        catalog: Arc<Catalog>,
        folder: Option<&Path>,
    ) -> Result<Self, LedgerError> {
        Ok(Self(Arc::new(Office::open(builder, catalog, folder)?)))
    }

    /// Goes on with the jobs that were not done when the process ended.
    ///
    /// # Errors
    /// If the ledger or a cube cannot be read.
    pub async fn resume(&self) -> Result<(), JobError> {
        let office = &self.0;
        for entry in office.catalog.entries() {
            for batch in office.ledger.open_batches(entry.name()).await? {
                let made = entry.repo().has_batch(batch, LOOKED_THROUGH).await;
                if made.map_err(BuildError::from)? {
                    office.ledger.end_batch(batch, Made::default()).await?;
                } else {
                    office.ledger.undo_batch(batch).await?;
                }
            }
            let open = office.ledger.open_jobs(entry.name()).await?;
            for OpenJob {
                number,
                job,
                places,
            } in open
            {
                tracing::info!(job.id = %job.id, cube = job.cube, chunks = places.len(), "a job goes on");
                let places = self.still_missing(entry, &job, number, places).await?;
                let site = office.site(entry.name());
                let progress = site.add(number, job.id, places);
                if let Some(progress) = progress {
                    // It was killed between its last commit and its end.
                    office.end(number, &progress, JobState::Done, None).await?;
                }
                office.fill(Arc::clone(entry), site);
            }
        }
        Ok(())
    }

    /// What a build would do.
    ///
    /// # Errors
    /// If there is no such cube or the request makes no plan.
    pub async fn plan(&self, cube: &str, request: &JobRequest) -> Result<Plan, JobError> {
        let entry = self.entry(cube)?;
        let stored = entry.current().await;
        let request = request.to_build()?;
        Ok(self.0.builder.plan(&stored, &request).await?)
    }

    /// Begins a fill. One that finds nothing to do is done at once, and asks
    /// nobody.
    ///
    /// # Errors
    /// If there is no such cube, the request makes no plan, or too much waits.
    pub async fn begin(&self, cube: &str, request: JobRequest) -> Result<Job, JobError> {
        let office = &self.0;
        if *office.stop.borrow() {
            return Err(JobError::ShuttingDown);
        }
        let entry = Arc::clone(self.entry(cube)?);
        let plan = self.plan(cube, &request).await?;
        let site = office.site(cube);
        let (jobs, waiting) = site.open();
        if jobs >= OPEN_JOBS {
            return Err(JobError::Full(jobs));
        }
        let more = plan.counts.build;
        if waiting + more > office.max_chunks {
            let limit = office.max_chunks;
            return Err(JobError::TooMuch {
                waiting,
                more,
                limit,
            });
        }
        let job = Job::new(cube, request, plan.counts);
        let places = places_of(&plan);
        let number = office.ledger.add(job.clone(), places.clone()).await?;
        tracing::info!(job.id = %job.id, cube, chunks = more, "a job is accepted");
        office.events.tell(job.id, "planned", json!(plan.counts));
        if !places.is_empty() {
            site.add(number, job.id, places);
        }
        if !plan.new_ocean.is_empty() {
            site.add_ocean(plan.new_ocean);
        }
        office.fill(entry, site);
        Ok(job)
    }

    /// A job by its name.
    ///
    /// # Errors
    /// If there is none.
    pub async fn get(&self, id: &str) -> Result<Job, JobError> {
        let (number, job) = self.found(id).await?;
        self.completed(number, job).await
    }

    /// Jobs, the newest first, and how many there are.
    ///
    /// # Errors
    /// If the ledger cannot be read.
    pub async fn list(&self, filter: JobFilter) -> Result<(Vec<Job>, u64), JobError> {
        let (found, count) = self.0.ledger.jobs(filter).await?;
        let mut jobs = Vec::with_capacity(found.len());
        for (number, job) in found {
            jobs.push(self.0.with_progress(number, job));
        }
        Ok((jobs, count))
    }

    /// Stops a job. What is committed stays, and what another job waits for
    /// goes on.
    ///
    /// # Errors
    /// If there is none, or it has ended.
    pub async fn cancel(&self, id: &str) -> Result<Job, JobError> {
        let (number, job) = self.found(id).await?;
        let site = self.0.site(&job.cube);
        let Some(progress) = site.cancel(number).filter(|_| job.state.is_open()) else {
            return Err(JobError::State(job.state));
        };
        let message = Some("it was cancelled".to_owned());
        self.0
            .end(number, &progress, JobState::Cancelled, message)
            .await?;
        self.get(id).await
    }

    /// Begins a job for the chunks that failed in another.
    ///
    /// # Errors
    /// If there is none or it is not done, and as [`Jobs::begin`] says.
    pub async fn retry(&self, id: &str) -> Result<Job, JobError> {
        let (number, job) = self.found(id).await?;
        if job.state.is_open() {
            return Err(JobError::State(job.state));
        }
        let failures = self.0.ledger.failures(number, self.0.max_chunks).await?;
        let chunks = failures.iter().map(|(place, _)| place.to_array()).collect();
        let request = JobRequest {
            chunks: Some(chunks),
            retry_failed: true,
            force: job.request.force,
            ..JobRequest::default()
        };
        self.begin(&job.cube, request).await
    }

    /// When the chunks of a job did what, as an SVG picture.
    ///
    /// # Errors
    /// If there is no such job.
    pub async fn timeline(&self, id: &str) -> Result<String, JobError> {
        let (number, job) = self.found(id).await?;
        let job = self.0.with_progress(number, job);
        let title = format!("{} of {} chunks of {}", job.done, job.total, job.cube);
        Ok(self.0.timelines.to_svg(job.id, &title))
    }

    /// Follows the events of a job, from behind the last one that was seen on.
    ///
    /// # Errors
    /// If there is no such job.
    pub async fn follow(&self, id: &str, last: Option<u64>) -> Result<Followed, JobError> {
        let (_, job) = self.found(id).await?;
        Ok(self.0.events.follow(job.id, last))
    }

    /// What was committed to a cube, the newest first.
    ///
    /// # Errors
    /// If there is no such cube, or what storage says.
    pub async fn history(&self, cube: &str, most: usize) -> Result<Vec<Commit>, JobError> {
        let history = self.entry(cube)?.repo().history(most).await;
        Ok(history.map_err(BuildError::from)?)
    }

    /// Makes an earlier state of a cube the newest one, and serves it.
    ///
    /// # Errors
    /// If there is no such cube or state, the cube is being filled, or what
    /// storage says.
    pub async fn rollback(&self, cube: &str, revision: &str) -> Result<Revision, JobError> {
        let entry = self.entry(cube)?;
        let lock = entry.repo().lock("a rollback").map_err(BuildError::from)?;
        let rollback = entry.repo().rollback(revision, &lock).await;
        let revision = rollback.map_err(BuildError::from)?;
        tracing::info!(cube, %revision, "a cube was rolled back");
        entry.publish().await.map_err(BuildError::from)?;
        Ok(revision)
    }

    /// Says that somebody looks at chunks of a time step: those that wait to be
    /// built come next.
    pub fn look_at(&self, cube: &str, time: usize, chunks: &[ChunkIndex]) {
        let site = lock(&self.0.sites).get(cube).map(Arc::clone);
        if let Some(site) = site {
            site.look_at(chunks.iter().map(|chunk| Place::new(time, *chunk)));
        }
    }

    /// Begins to fill chunks that somebody sees missing, at most `limit` a
    /// minute. What failed before or is ocean is left.
    ///
    /// # Errors
    /// As [`Jobs::begin`] says.
    pub async fn fill_seen(
        &self,
        cube: &str,
        time: usize,
        chunks: &[ChunkIndex],
        limit: u32,
    ) -> Result<Seen, JobError> {
        self.entry(cube)?;
        let places = chunks
            .iter()
            .map(|chunk| Place::new(time, *chunk))
            .collect();
        match self.0.site(cube).admit(places, limit) {
            Admitted::Waiting => Ok(Seen::Filling),
            Admitted::Later(wait) => Ok(Seen::Later(wait)),
            Admitted::New(places) => {
                let chunks = places.iter().map(|place| place.to_array()).collect();
                let request = JobRequest {
                    chunks: Some(chunks),
                    ..JobRequest::default()
                };
                let plan = self.plan(cube, &request).await?;
                if plan.counts.build == 0 && plan.new_ocean.is_empty() {
                    return Ok(Seen::Nothing);
                }
                self.begin(cube, request).await?;
                Ok(Seen::Filling)
            }
        }
    }

    /// Ends building at a committed chunk and waits for that. Jobs that are not
    /// done go on when the server starts again.
    pub async fn shut_down(&self) {
        self.0.stop.send_replace(true);
        let handles = std::mem::take(&mut *lock(&self.0.handles));
        for handle in handles {
            if let Err(error) = handle.await {
                tracing::error!(%error, "a fill ended badly");
            }
        }
    }

    fn entry(&self, cube: &str) -> Result<&Arc<Entry>, JobError> {
        Ok(self.0.catalog.get(cube).map_err(BuildError::from)?)
    }

    async fn found(&self, id: &str) -> Result<(JobNumber, Job), JobError> {
        let unknown = || JobError::Unknown(id.to_owned());
        let uuid: Uuid = id.parse().map_err(|_no_name| unknown())?;
        self.0.ledger.job(uuid).await?.ok_or_else(unknown)
    }

    /// A job with what it has come to and its first failures.
    async fn completed(&self, number: JobNumber, job: Job) -> Result<Job, JobError> {
        let mut job = self.0.with_progress(number, job);
        let failures = self.0.ledger.failures(number, LISTED_FAILURES).await?;
        if let Ok(entry) = self.entry(&job.cube) {
            let cube = entry.served().cube;
            let listed = failures
                .into_iter()
                .map(|(place, error)| Failure::new(&cube, place.time(), place.chunk(), error));
            job.errors = listed.collect();
        }
        Ok(job)
    }

    /// What is still missing of a job that was not done when the process ended:
    /// somebody else may have built some of it.
    async fn still_missing(
        &self,
        entry: &Arc<Entry>,
        job: &Job,
        number: JobNumber,
        places: Vec<Place>,
    ) -> Result<Vec<Place>, JobError> {
        if job.request.force {
            return Ok(places);
        }
        let request = JobRequest {
            chunks: Some(places.iter().map(|place| place.to_array()).collect()),
            retry_failed: true,
            ..JobRequest::default()
        };
        let stored = entry.served();
        let plan = self.0.builder.plan(&stored, &request.to_build()?).await?;
        let missing = places_of(&plan);
        let wanted: HashSet<Place> = missing.iter().copied().collect();
        let there = places.into_iter().filter(|place| !wanted.contains(place));
        self.0.ledger.found(number, there.collect()).await?;
        Ok(missing)
    }
}

fn places_of(plan: &Plan) -> Vec<Place> {
    let places = plan.places();
    places
        .map(|(time, chunk)| Place::new(time, chunk))
        .collect()
}

/// Milliseconds since 1970.
fn now() -> i64 {
    Utc::now().timestamp_millis()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
