//! Who may begin: so many at once, so many that wait, and nobody for long.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for work under way, with a queue of a fixed length in front. Clones
/// share them.
#[derive(Clone, Debug)]
pub struct Admission {
    places: Arc<Semaphore>,
    queue: Arc<Semaphore>,
    patience: Duration,
}

/// There is no place, and none in the queue or none in time.
#[derive(Debug, thiserror::Error)]
#[error("too many tiles are being made")]
pub struct Busy;

impl Admission {
    /// So many places (at least one), a queue of so many, and how long one
    /// waits in it.
    #[must_use]
    pub fn new(places: usize, queue: usize, patience: Duration) -> Self {
        let semaphore = |n: usize| Arc::new(Semaphore::new(n.min(Semaphore::MAX_PERMITS)));
        Self {
            places: semaphore(places.max(1)),
            queue: semaphore(queue),
            patience,
        }
    }

    /// A place, which is free again when it is dropped.
    ///
    /// # Errors
    /// At once if the queue is full, and else when patience ends.
    pub async fn enter(&self) -> Result<OwnedSemaphorePermit, Busy> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _queued = self.queue.try_acquire().map_err(|_full| Busy)?;
        let place = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(self.patience, place);
        let place = place.await.map_err(|_elapsed| Busy)?;
        place.map_err(|_closed| Busy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn who_finds_the_queue_full_is_sent_away_at_once_and_who_waits_gets_a_place() {
        let admission = Admission::new(1, 1, Duration::from_hours(1));
        let first = admission.enter().await.unwrap();
        let mut second = Box::pin(admission.enter());
        assert!(second.as_mut().now_or_never().is_none());
        assert!(matches!(admission.enter().now_or_never(), Some(Err(Busy))));
        drop(first);
        assert!(second.await.is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_for_long() {
        let admission = Admission::new(1, 1, Duration::ZERO);
        let _first = admission.enter().await.unwrap();
        // The second time shows that the first left its place in the queue.
        for _ in 0..2 {
            assert!(admission.enter().await.is_err());
        }
    }
}
