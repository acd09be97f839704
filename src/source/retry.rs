//! Trying again: a failed request waits a random time below an exponentially
//! growing bound ("full jitter"), so that many clients of a server that just
//! recovered do not come back all at once.
//! See <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.

use std::future::Future;
use std::hash::{BuildHasher, Hasher};
use std::time::Duration;

use crate::storage::FetchError;

/// How often and when a failed request is sent again.
#[derive(Clone, Copy, Debug)]
pub(super) struct RetryPolicy {
    /// Times that a request is sent at most.
    pub(super) attempts: u32,
    /// Upper bound of the first wait; it doubles with each.
    pub(super) base: Duration,
    /// No wait is longer than this, whatever a server asks for.
    pub(super) longest: Duration,
}

/// The last failure and how many there were.
#[derive(Debug)]
pub(super) struct Exhausted {
    pub(super) attempts: u32,
    pub(super) error: FetchError,
}

impl RetryPolicy {
    /// Calls `request` until it succeeds, fails for good, or has had all its
    /// attempts.
    pub(super) async fn run<T, F, Fut>(&self, mut request: F) -> Result<T, Exhausted>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, FetchError>>,
    {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match request().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if attempts >= self.attempts || !error.is_transient() {
                return Err(Exhausted { attempts, error });
            }
            let wait = self.wait(attempts, error.retry_after(), random_fraction());
            tracing::debug!(attempts, ?wait, %error, "a request is tried again");
            tokio::time::sleep(wait).await;
        }
    }

    /// A random wait after the given number of failures.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        self.wait(failures, None, random_fraction())
    }

    /// The wait after the given number of failures, for a random number in 0..1.
    fn wait(&self, failures: u32, wish: Option<Duration>, random: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let bound = self.base.saturating_mul(1 << doublings).min(self.longest);
        bound
            .mul_f64(random)
            .max(wish.unwrap_or_default().min(self.longest))
    }
}

/// A random number in 0..1. The standard library seeds each of its hashers at
/// random, which is random enough to spread waits.
#[expect(
    clippy::cast_precision_loss,
    reason = "53 bits are exact, and the spread does not need more"
)]
fn random_fraction() -> f64 {
    let bits = std::hash::RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::HttpStatus;
    use std::cell::Cell;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts: 4,
        base: Duration::from_millis(200),
        longest: Duration::from_secs(1),
    };

    fn refusal(status: u16, retry_after: Option<Duration>) -> FetchError {
        FetchError::Status(HttpStatus {
            status,
            retry_after,
            body: String::new(),
        })
    }

    #[test]
    fn the_bound_of_the_wait_doubles_up_to_the_longest() {
        let bounds: Vec<u128> = (1..6)
            .map(|failures| POLICY.wait(failures, None, 1.0).as_millis())
            .collect();
        assert_eq!(bounds, [200, 400, 800, 1000, 1000]);
        assert_eq!(POLICY.wait(3, None, 0.0), Duration::ZERO);
        assert!((0..100).all(|_| (0.0..1.0).contains(&random_fraction())));
    }

    #[test]
    fn a_servers_wish_is_heeded_as_long_as_it_is_not_too_long() {
        let wish = |millis| POLICY.wait(1, Some(Duration::from_millis(millis)), 0.5);
        assert_eq!(wish(700), Duration::from_millis(700));
        assert_eq!(wish(10), Duration::from_millis(100));
        assert_eq!(wish(60_000), POLICY.longest);
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
        let calls = Cell::new(0);
        let policy = RetryPolicy {
            base: Duration::from_micros(1),
            ..POLICY
        };
        let run = |statuses: &'static [u16]| {
            calls.set(0);
            let calls = &calls;
            policy.run(move || {
                let call = calls.get();
                calls.set(call + 1);
                std::future::ready(match statuses.get(call) {
                    Some(status) => Err(refusal(*status, None)),
                    None => Ok(call),
                })
            })
        };
        assert_eq!(run(&[503, 429]).await.unwrap(), 2);
        let error = run(&[503, 404, 503]).await.unwrap_err();
        assert_eq!((error.attempts, calls.get()), (2, 2));
        let error = run(&[500; 9]).await.unwrap_err();
        assert_eq!((error.attempts, calls.get()), (4, 4));
    }
}
