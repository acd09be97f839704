//! Work that goes on whether or not anybody is looking at it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::task::JoinHandle;

/// Work on a task of its own, begun at the first poll and ended when this is
/// dropped.
///
/// A build commits between two results. A future that merely waits in a stream
/// is not polled meanwhile, and one that was just given its place in the CPU
/// pool keeps it: a commit that needs the place then waits for ever.
pub(super) struct Task<T> {
    begin: Option<Box<dyn FnOnce() -> JoinHandle<T> + Send>>,
    handle: Option<JoinHandle<T>>,
}

impl<T: Send + 'static> Task<T> {
    pub(super) fn of<F, W>(work: F) -> Self
    where
        F: FnOnce() -> W + Send + 'static,
        W: Future<Output = T> + Send + 'static,
    {
        Self {
            begin: Some(Box::new(move || tokio::spawn(work()))),
            handle: None,
        }
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        if let Some(begin) = self.begin.take() {
            self.handle = Some(begin());
        }
        let Some(handle) = &mut self.handle else {
            return Poll::Pending;
        };
        match ready!(Pin::new(handle).poll(context)) {
            Ok(value) => Poll::Ready(value),
            Err(error) => match error.try_into_panic() {
                // A bug: it goes on to whoever waits, as a plain future's would.
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down, and this is dropped next.
                Err(_cancelled) => Poll::Pending,
            },
        }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.handle {
            handle.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::Compute;
    use futures::{StreamExt as _, stream};

    #[tokio::test]
    async fn a_stream_that_nobody_looks_at_does_not_keep_its_place_in_the_pool() {
        let pool = Compute::new(1);
        let works = (0..8).map(|n| {
            let pool = pool.clone();
            Task::of(move || async move { pool.run(move || n).await.unwrap() })
        });
        let mut results = stream::iter(works.collect::<Vec<_>>()).buffer_unordered(4);
        let mut seen = 0;
        while results.next().await.is_some() {
            seen += 1;
            assert_eq!(pool.run(|| 7).await.unwrap(), 7);
        }
        assert_eq!(seen, 8);
    }
}
