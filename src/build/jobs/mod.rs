//! Fills that the server runs in the background: jobs, which somebody asked
//! for, and one filler a cube, which builds what any job still waits for.

mod error;
mod estimate;
mod events;
mod filler;
mod job;
mod ledger;
mod office;
mod queue;
mod quota;
mod refresh;
mod request;
mod resume;
mod scenes;
mod settings;
mod site;
mod timelines;
mod upkeep;
mod view;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::Utc;
use serde_json::json;
use uuid::Uuid;

pub use self::{
    error::JobError,
    estimate::Estimate,
    events::{Followed, JobEvent},
    job::{Job, JobFilter, JobState},
    ledger::LedgerError,
    quota::OverQuota,
    request::JobRequest,
    settings::JobSettings,
    view::Seen,
};
use self::{
    office::Office,
    queue::{JobNumber, Place},
};
use super::{BuildError, Builder, Failure, Plan};
use crate::catalog::{Catalog, Entry};

/// Jobs of a cube that wait or run at most.
const OPEN_JOBS: usize = 64;

/// Failures that a job's answer lists; all are in the log.
const LISTED_FAILURES: usize = 100;

/// The jobs of a server. Clones share them.
#[derive(Clone, Debug)]
pub struct Jobs(Arc<Office>);

impl Jobs {
    /// The jobs of the ledger that is set, or none.
    ///
    /// # Errors
    /// If the ledger cannot be opened.
    pub fn open(
        builder: Builder,
        catalog: Arc<Catalog>,
        settings: JobSettings,
    ) -> Result<Self, LedgerError> {
        Ok(Self(Arc::new(Office::open(builder, catalog, settings)?)))
    }

    /// What a build would do, and about what it would take. The catalogue is not
    /// asked.
    ///
    /// # Errors
    /// If there is no such cube or the request makes no plan.
    pub async fn plan(
        &self,
        cube: &str,
        mut request: JobRequest,
    ) -> Result<(Plan, Estimate), JobError> {
        self.settle(&mut request);
        let plan = self.planned(cube, &request).await?;
        let stored = self.entry(cube)?.served();
        let took = self.0.ledger.took(cube).await?;
        let estimate = Estimate::new(&plan, &stored.cube, &took, self.0.builder.config());
        Ok((plan, estimate))
    }

    async fn planned(&self, cube: &str, request: &JobRequest) -> Result<Plan, JobError> {
        let stored = self.entry(cube)?.current().await;
        Ok(self.0.builder.plan(&stored, &request.to_build()?).await?)
    }

    fn settle(&self, request: &mut JobRequest) {
        let today = Utc::now().date_naive();
        request.settle(today, self.0.builder.config().settle_days);
    }

    /// Bytes a cube takes on disk, if that is known, and may take; `None` if
    /// nothing limits it.
    #[must_use]
    pub fn room(&self, entry: &Entry) -> Option<(Option<u64>, u64)> {
        let site = self.0.site(entry.name());
        site.quota.as_ref().map(|quota| quota.known(entry))
    }

    /// Begins a fill. One that finds nothing to do is done at once, and asks
    /// nobody.
    ///
    /// # Errors
    /// If there is no such cube, the request makes no plan, there is no room for more,
    /// or too much waits.
    pub async fn begin(&self, cube: &str, mut request: JobRequest) -> Result<Job, JobError> {
        self.settle(&mut request);
        let plan = self.planned(cube, &request).await?;
        self.begin_planned(cube, request, plan).await
    }

    /// Begins a fill that has a plan, if there is room for it.
    async fn begin_planned(
        &self,
        cube: &str,
        request: JobRequest,
        plan: Plan,
    ) -> Result<Job, JobError> {
        let site = self.0.site(cube);
        if plan.counts.build > 0
            && let Some(quota) = &site.quota
            && let Some(over) = quota.exceeded(&self.entry(cube)?).await?
        {
            return Err(over.into());
        }
        self.accept(cube, request, plan).await
    }

    /// Accepts a request that has a plan.
    async fn accept(&self, cube: &str, request: JobRequest, plan: Plan) -> Result<Job, JobError> {
        let office = &self.0;
        if *office.stop.borrow() {
            return Err(JobError::ShuttingDown);
        }
        let entry = self.entry(cube)?;
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
            site.add(number, &job, places);
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
        let mut job = self.completed(number, job).await?;
        if job.state.is_open() && job.seconds_left.is_none() {
            let took = self.0.ledger.took(&job.cube).await?;
            let left = job.total.saturating_sub(job.done + job.failed);
            let concurrency = self.0.builder.config().concurrency;
            job.seconds_left = took.seconds_for(left, concurrency);
        }
        Ok(job)
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

    /// Begins a job for the chunks that failed in another, and those that it did not
    /// come to.
    ///
    /// # Errors
    /// If there is none or it is not done, and as [`Jobs::begin`] says.
    pub async fn retry(&self, id: &str) -> Result<Job, JobError> {
        let (number, job) = self.found(id).await?;
        if job.state.is_open() {
            return Err(JobError::State(job.state));
        }
        let left = self.0.ledger.left(number, self.0.max_chunks).await?;
        let chunks = left.iter().map(|place| place.to_array()).collect();
        let request = JobRequest {
            chunks: Some(chunks),
            retry_failed: true,
            force: job.request.force,
            refresh: job.request.refresh,
            settled: job.request.settled,
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

    fn entry(&self, cube: &str) -> Result<Arc<Entry>, JobError> {
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
            // The cube may have been rolled back since.
            let steps = cube.times().len();
            let failures = failures
                .into_iter()
                .filter(|(place, _)| place.time() < steps);
            let listed = failures
                .map(|(place, error)| Failure::new(&cube, place.time(), place.chunk(), error));
            job.errors = listed.collect();
        }
        Ok(job)
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
