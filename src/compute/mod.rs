//! The only bridge from async code to the CPU: a bounded number of blocking
//! computations at a time, so that decoding and warping never hold up a
//! request's I/O and a burst of work cannot start a thousand threads. Only what
//! is shorter than the way to another thread and back is done in place. And the
//! bounds on what else work under way may take: [`Memory`] and [`Admission`].

mod admission;
mod memory;

pub use admission::{Admission, Busy};
pub use memory::Memory;

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinHandle},
};

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
    #[error("a computation panicked: {0}")]
    Panicked(String),
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
    /// A future that is not polled, as one of a buffered stream while what came out of that
    /// is worked on, never has a place: its work begins and ends without it.
    ///
    /// # Errors
    /// If the work panics or the runtime shuts down.
    pub async fn run<T, F>(&self, work: F) -> Result<T, ComputeError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let permits = Arc::clone(&self.permits);
        if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
            return begin(permit, work).await.map_err(ended);
        }
        let mut waiting = Waiting(tokio::spawn(async move {
            let permit = permits.acquire_owned().await;
            let permit = permit.map_err(|_closed| ComputeError::ShuttingDown)?;
            begin(permit, work).await.map_err(ended)
        }));
        (&mut waiting.0).await.map_err(ended)?
    }

    /// Runs short work, up to a millisecond, on the thread that asks. Another
    /// thread has to be woken for it, and this one woken again, which takes some
    /// tenths of a millisecond on a virtual machine: more than half of a tile's
    /// time, when all its work was done elsewhere.
    ///
    /// # Errors
    /// If the work panics.
    pub fn run_here<T>(&self, work: impl FnOnce() -> T) -> Result<T, ComputeError> {
        // Nothing that the work has begun to change is looked at afterwards.
        catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panicked(&*panic))
    }

    /// [`Compute::run_here`] of short work, [`Compute::run`] of other.
    ///
    /// # Errors
    /// As those say.
    pub async fn run_by_length<T, F>(&self, is_short: bool, work: F) -> Result<T, ComputeError>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        if is_short {
            self.run_here(work)
        } else {
            self.run(work).await
        }
    }
}

/// Begins work that has a place, until it ends.
fn begin<T, F>(permit: OwnedSemaphorePermit, work: F) -> JoinHandle<T>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that the lint points to"
    )]
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        work()
    })
}

/// A task that waits for a place, and no longer than somebody wants what it makes.
struct Waiting<T>(JoinHandle<T>);

impl<T> Drop for Waiting<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn ended(error: JoinError) -> ComputeError {
    let panic = error.try_into_panic();
    panic.map_or(ComputeError::ShuttingDown, |panic| panicked(&*panic))
}

fn panicked(panic: &(dyn Any + Send)) -> ComputeError {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ComputeError::Panicked(text.unwrap_or("with no message").to_owned())
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
    async fn work_that_nobody_polls_keeps_no_place_from_others() {
        let pool = Compute::new(1);
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let mut first = std::pin::pin!(pool.run(move || ends.recv().is_ok()));
        let mut second = std::pin::pin!(pool.run(|| 2));
        assert!(futures::poll!(&mut first).is_pending());
        // It waits for a place, gets one, and is not polled then.
        assert!(futures::poll!(&mut second).is_pending());
        end.send(()).unwrap();
        assert!(first.await.unwrap());
        assert_eq!(pool.run(|| 3).await.unwrap(), 3);
        assert_eq!(second.await.unwrap(), 2);
    }

    #[tokio::test]
    async fn work_that_nobody_wants_any_more_is_not_begun() {
        let pool = Compute::new(1);
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let begun = Arc::new(AtomicUsize::new(0));
        let mut first = std::pin::pin!(pool.run(move || ends.recv().is_ok()));
        assert!(futures::poll!(&mut first).is_pending());
        {
            let begun = Arc::clone(&begun);
            let mut unwanted =
                std::pin::pin!(pool.run(move || begun.fetch_add(1, Ordering::SeqCst)));
            assert!(futures::poll!(&mut unwanted).is_pending());
        }
        end.send(()).unwrap();
        assert!(first.await.unwrap());
        assert_eq!(pool.run(|| 3).await.unwrap(), 3);
        assert_eq!(begun.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn a_panic_is_an_error_and_frees_its_place() {
        let pool = Compute::new(1);
        let result: Result<(), _> = pool.run(|| panic!("on purpose")).await;
        assert!(matches!(result, Err(ComputeError::Panicked(_))));
        assert_eq!(pool.run(|| 7).await.unwrap(), 7);
        let result: Result<(), _> = pool.run_by_length(true, || panic!("on purpose")).await;
        let Err(ComputeError::Panicked(text)) = result else {
            panic!("{result:?}");
        };
        assert_eq!(text, "on purpose");
    }
}
