//! Chunks that somebody sees on a map, built or missing.

use std::{sync::Arc, time::Duration};

use super::{JobError, JobRequest, Jobs, lock, queue::Place, site::Admitted};
use crate::grid::ChunkIndex;

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

impl Jobs {
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
        let entry = self.entry(cube)?;
        let quota = self.0.site(cube).quota.clone();
        if quota.is_some_and(|quota| quota.is_known_to_be_exceeded(&entry)) {
            // Whoever looks cannot help it; who fills is told.
            return Ok(Seen::Nothing);
        }
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
                let plan = self.planned(cube, &request).await?;
                if plan.counts.build == 0 && plan.new_ocean.is_empty() {
                    return Ok(Seen::Nothing);
                }
                self.accept(cube, request, plan).await?;
                Ok(Seen::Filling)
            }
        }
    }
}
