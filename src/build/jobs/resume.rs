//! Going on after a restart.

use std::{collections::HashSet, sync::Arc};

use super::{
    Job, JobError, JobRequest, JobState, Jobs,
    ledger::{Made, OpenJob},
    now, places_of,
    queue::{JobNumber, Place},
};
use crate::{build::BuildError, catalog::Entry, grid::ChunkIndex};

/// Commits of a cube that are looked through for one that may have been made
/// when the process ended.
const LOOKED_THROUGH: usize = 1000;

impl Jobs {
    /// Goes on with the jobs that were not done when the process ended.
    ///
    /// # Errors
    /// If the ledger or a cube cannot be read.
    pub async fn resume(&self) -> Result<(), JobError> {
        let office = &self.0;
        for entry in &office.catalog.entries() {
            for batch in office.ledger.open_batches(entry.name()).await? {
                let made = entry.repo().has_batch(batch, LOOKED_THROUGH).await;
                if made.map_err(BuildError::from)? {
                    office.ledger.end_batch(batch, Made::default()).await?;
                } else {
                    office.ledger.undo_batch(batch).await?;
                }
            }
            office.mend(entry).await;
            let open = office.ledger.open_jobs(entry.name()).await?;
            for OpenJob {
                number,
                job,
                places,
            } in open
            {
                tracing::info!(job.id = %job.id, cube = job.cube, chunks = places.len(), "a job goes on");
                let left = self.left_of(entry, &job, number, places).await;
                let (places, ocean) = match left {
                    Err(JobError::Build(BuildError::Plan(error))) => {
                        // The cube was rolled back, or is another one by now: no
                        // reason for the server not to start.
                        let message = format!("it fits the cube no more: {error}");
                        tracing::warn!(job.id = %job.id, message, "a job does not go on");
                        let ended =
                            office
                                .ledger
                                .end(number, JobState::Failed, Some(message), now());
                        ended.await?;
                        continue;
                    }
                    left => left?,
                };
                let site = office.site(entry.name());
                site.add_ocean(ocean);
                let progress = site.add(number, &job, places);
                if let Some(progress) = progress {
                    // It was killed between its last commit and its end.
                    office.end(number, &progress, JobState::Done, None).await?;
                }
                office.fill(Arc::clone(entry), site);
            }
        }
        Ok(())
    }

    /// Chunks of a job that are still missing, and ocean that may not be recorded.
    async fn left_of(
        &self,
        entry: &Arc<Entry>,
        job: &Job,
        number: JobNumber,
        places: Vec<Place>,
    ) -> Result<(Vec<Place>, Vec<(usize, ChunkIndex)>), JobError> {
        let mut ocean = Vec::new();
        if job.planned.ocean > 0 {
            // It was found when the job was asked for, and the commit that records
            // it may not have been made.
            let request = job.request.to_build()?;
            let plan = self.0.builder.plan(&entry.served(), &request).await?;
            ocean = plan.new_ocean;
        }
        let places = self.still_missing(entry, job, number, places).await?;
        Ok((places, ocean))
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
        if job.request.force || job.request.refresh {
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
