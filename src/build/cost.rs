//! What a build costs, by a list of prices.

use serde::{Deserialize, Serialize};

use super::StageSeconds;

/// `[build.prices]`: in whatever currency, by default US dollars as a large
/// cloud's on-demand machines and its object store in the same region ask.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Prices {
    /// An hour of one CPU.
    pub cpu_hour: f64,
    /// A million requests to catalogues and images.
    pub million_requests: f64,
    /// A gigabyte (10^9 bytes) from catalogues and images.
    pub gigabyte: f64,
}

impl Default for Prices {
    fn default() -> Self {
        Self {
            cpu_hour: 0.04,
            million_requests: 0.40,
            gigabyte: 0.0,
        }
    }
}

impl Prices {
    /// An estimate of what some work costs. Waiting is free: machines do
    /// something else meanwhile.
    #[must_use]
    pub fn of(&self, stages: &StageSeconds, requests: u64, bytes: u64) -> f64 {
        self.of_cpu(stages.computing(), requests, bytes)
    }

    /// As [`Prices::of`], of seconds of computation.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub fn of_cpu(&self, cpu_seconds: f64, requests: u64, bytes: u64) -> f64 {
        self.cpu_hour * cpu_seconds / 3600.0
            + self.million_requests * requests as f64 / 1e6
            + self.gigabyte * bytes as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_the_sum_of_what_was_used() {
        let prices = Prices {
            cpu_hour: 0.36,
            million_requests: 2.0,
            gigabyte: 0.5,
        };
        let stages = StageSeconds {
            search: 1000.0,
            read: 1000.0,
            decode: 40.0,
            warp: 60.0,
            ..StageSeconds::default()
        };
        let cost = prices.of(&stages, 500_000, 3_000_000_000);
        assert!((cost - (0.01 + 1.0 + 1.5)).abs() < 1e-12, "{cost}");
    }
}
