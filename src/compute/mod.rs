//! The only bridge from async code to the CPU: a bounded number of blocking
//! computations at a time, so that decoding and warping never hold up a
//! request's I/O and a burst of work cannot start a thousand threads. And the
//! bounds on what else work under way may take: [`Memory`] and [`Admission`].

mod admission;
mod memory;

pub use admission::{Admission, Busy};
pub use memory::Memory;

use std::sync::Arc;

use tokio::sync::Semaphore;

/// A pool that runs at most a fixed number of computations at once. Clones
/// share it.
#[derive(Clone, Debug)]
pub struct Compute {
    permits: Arc<Semaphore>,
    threads: usize,
}

/// Why a computation gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ComputeError {
    /// It panicked: a bug, which ends this computation and nothing else.
    #[error("a computation panicked")]
    Panicked(#[source] tokio::task::JoinError),
    /// The runtime is shutting down.
    #[error("the program is shutting down")]
    ShuttingDown,
}

impl Compute {
    /// A pool of `threads` (at least one).
    #[must_use]
    pub fn new(threads: usize) -> Self {
        let threads = threads.max(1);
        Self {
            permits: Arc::new(Semaphore::new(threads)),
            threads,
        }
    }

    /// A pool as wide as the machine.
    #[must_use]
    pub fn for_this_machine() -> Self {
        Self::new(std::thread::available_parallelism().map_or(2, std::num::NonZero::get))
    }

    /// How many computations run at once.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Runs `work` on a blocking thread when a place is free. Dropping the
    /// future before that drops the work; once begun it runs to its end.
    ///
    /// # Errors
    /// If the work panics or the runtime shuts down.
    pub async fn run<T, F>(&self, work: F) -> Result<T, ComputeError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_closed| ComputeError::ShuttingDown)?;
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that the lint points to"
        )]
        let task = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        task.await.map_err(|error| {
            if error.is_panic() {
                ComputeError::Panicked(error)
            } else {
                ComputeError::ShuttingDown
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_than_its_threads_run_at_once() {
        let pool = Compute::new(2);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let work = (0..20).map(|_| {
            let (pool, now, most) = (pool.clone(), Arc::clone(&now), Arc::clone(&most));
            tokio::spawn(async move {
                pool.run(move || {
                    let running = now.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(running, Ordering::SeqCst);
                    std::thread::yield_now();
                    now.fetch_sub(1, Ordering::SeqCst);
                })
                .await
            })
        });
        for task in work.collect::<Vec<_>>() {
            task.await.unwrap().unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= 2);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_frees_its_place() {
        let pool = Compute::new(1);
        let result = pool.run(|| panic!("on purpose")).await;
        assert!(matches!(result, Err(ComputeError::Panicked(_))));
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
    }
}
