//! Recent time steps, built again while scenes of them still come in.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use super::{JobError, JobRequest, JobState, Jobs, ledger::Refreshed, request::before};

/// How long until a refresh that could not begin is tried again.
const AGAIN: Duration = Duration::from_mins(10);

impl Jobs {
    /// Refreshes the cubes that are set so, on a task that ends with the server.
    pub fn keep_fresh(&self) {
        let office = &self.0;
        if office.settings.refresh.is_empty() {
            return;
        }
        let jobs = self.clone();
        let mut stop = office.stop.subscribe();
        office.keep(tokio::spawn(async move {
            loop {
                let mut next = jobs.0.settings.refresh_every;
                for cube in &jobs.0.settings.refresh {
                    let wait = jobs.refresh_if_due(cube, Utc::now()).await;
                    next = next.min(wait.unwrap_or_else(|error| {
                        let error: &dyn std::error::Error = &error;
                        tracing::warn!(error, cube, "a cube is not refreshed");
                        AGAIN
                    }));
                }
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return,
                    () = tokio::time::sleep(next) => {}
                }
            }
        }));
    }

    /// Begins to refresh a cube if it is time for that; returns how long it is
    /// until the next time. A time step that has settled since the last refresh that
    /// did all is built once more, also if the server was off meanwhile.
    ///
    /// # Errors
    /// As [`Jobs::begin`] says; then the refresh is still due.
    pub async fn refresh_if_due(
        &self,
        cube: &str,
        now: DateTime<Utc>,
    ) -> Result<Duration, JobError> {
        let office = &self.0;
        let every = office.settings.refresh_every;
        let mut refreshed = office.ledger.refreshed(cube).await?;
        if let Some(begun) = refreshed.begun {
            let since = (now - begun).max(TimeDelta::zero());
            let left = every.saturating_sub(since.to_std().unwrap_or_default());
            if !left.is_zero() {
                return Ok(left);
            }
            if self.is_whole(refreshed.job.as_deref()).await? {
                refreshed.whole = refreshed.begun;
            }
        }
        let days = office.builder.config().settle_days;
        let since = refreshed.whole.or(refreshed.begun).unwrap_or(now);
        let request = JobRequest {
            refresh: true,
            settled: Some(before(since.date_naive(), days)),
            ..JobRequest::default()
        };
        let plan = self.planned(cube, &request).await?;
        let job = if plan.counts.build > 0 {
            let job = self.begin_planned(cube, request, plan).await?;
            Some(job.id.to_string())
        } else {
            None
        };
        let refreshed = Refreshed {
            whole: refreshed.whole.or(Some(since)),
            begun: Some(now),
            job,
        };
        office.ledger.set_refreshed(cube, refreshed).await?;
        Ok(every)
    }

    /// Whether a refresh has done all it had to do. One that is forgotten is so old
    /// that thousands came after it.
    async fn is_whole(&self, job: Option<&str>) -> Result<bool, JobError> {
        let Some(job) = job else { return Ok(true) };
        match self.get(job).await {
            Ok(job) => Ok(job.state == JobState::Done && job.failed == 0),
            Err(JobError::Unknown(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }
}
