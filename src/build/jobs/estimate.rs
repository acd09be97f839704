//! What a fill will take, from what others took.

use serde::{Deserialize, Serialize};

use crate::{
    build::{BuildConfig, Plan},
    cube::{Cube, recipe::MaskRecipe},
};

/// What chunks of a cube took, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Took {
    pub(super) chunks: u64,
    pub(super) scenes: u64,
    pub(super) requests: u64,
    pub(super) bytes: u64,
    /// Of computation.
    pub(super) cpu_seconds: f64,
    /// From its begin to its end, of each chunk.
    pub(super) seconds: f64,
}

impl Took {
    pub(super) fn add(&mut self, other: &Self) {
        self.chunks += other.chunks;
        self.scenes += other.scenes;
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.cpu_seconds += other.cpu_seconds;
        self.seconds += other.seconds;
    }

    /// About how many seconds more chunks take, of which so many are built at
    /// once; `None` if none was built yet.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn seconds_for(&self, chunks: usize, at_once: usize) -> Option<f64> {
        let of_one = self.seconds / self.chunks as f64 / at_once.max(1) as f64;
        (self.chunks > 0).then_some(of_one * chunks as f64)
    }
}

/// About what a plan will take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Scenes that are read, each once for every chunk.
    pub scenes: u64,
    /// Requests for catalogues and images.
    pub requests: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Seconds of computation.
    pub cpu_seconds: f64,
    /// Seconds that pass, if nothing else is built.
    pub seconds: f64,
    /// What it costs by the configured prices.
    pub dollars: f64,
    /// Chunks of the cube that were built before and say so; without any it is a
    /// rule of thumb.
    pub based_on: u64,
}

impl Estimate {
    /// Of a plan for a cube, of whose chunks some took this.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate"
    )]
    pub(super) fn new(plan: &Plan, cube: &Cube, took: &Took, config: &BuildConfig) -> Self {
        let of_one = if took.chunks > 0 {
            *took
        } else {
            rule_of_thumb(plan, cube)
        };
        let share = plan.counts.build as f64 / of_one.chunks as f64;
        let times = |count: u64| (count as f64 * share).round() as u64;
        let cpu_seconds = of_one.cpu_seconds * share;
        let (requests, bytes) = (times(of_one.requests), times(of_one.bytes));
        Self {
            scenes: times(of_one.scenes),
            requests,
            bytes,
            cpu_seconds,
            seconds: of_one
                .seconds_for(plan.counts.build, config.concurrency)
                .unwrap_or_default(),
            dollars: config.prices.of_cpu(cpu_seconds, requests, bytes),
            based_on: took.chunks,
        }
    }
}

/// What a chunk may take that is the first of its cube, with an archive like
/// Sentinel-2's: an overpass in five days, often as two scenes.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rule of thumb"
)]
fn rule_of_thumb(plan: &Plan, cube: &Cube) -> Took {
    const DAYS_A_SCENE: f64 = 2.5;
    /// An image's directory, and its tiles in two runs.
    const REQUESTS_AN_IMAGE: f64 = 3.0;
    /// Samples of two bytes, compressed by a third.
    const BYTES_A_SAMPLE: f64 = 1.3;
    /// Decoding, warping and reducing a sample.
    const SECONDS_A_SAMPLE: f64 = 60e-9;
    /// One request after the other, six at a time.
    const SECONDS_A_REQUEST: f64 = 0.1 / 6.0;
    let time = plan.batches.first().map_or(0, |batch| batch.time);
    let days = cube.times().days(time);
    let days = (days.end - days.start).num_days() as f64;
    let scenes = (days / DAYS_A_SCENE).max(1.0);
    let is_masked = |mask: &Option<MaskRecipe>| usize::from(mask.is_some());
    let images = scenes * (cube.bands().len() + is_masked(&cube.recipe().source.mask)) as f64;
    let samples = images * (cube.pyramid().chunk() as f64).powi(2);
    let (requests, cpu_seconds) = (images * REQUESTS_AN_IMAGE, samples * SECONDS_A_SAMPLE);
    Took {
        chunks: 1,
        scenes: scenes as u64,
        requests: requests as u64,
        bytes: (samples * BYTES_A_SAMPLE) as u64,
        cpu_seconds,
        seconds: cpu_seconds + requests * SECONDS_A_REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        build::{Counts, Prices},
        cube::testing::cube,
    };

    fn plan(build: usize) -> Plan {
        Plan {
            counts: Counts {
                build,
                ..Counts::default()
            },
            ..Plan::default()
        }
    }

    #[test]
    fn a_fill_takes_as_much_a_chunk_as_those_before() {
        let took = Took {
            chunks: 4,
            scenes: 40,
            requests: 400,
            bytes: 4_000_000_000,
            cpu_seconds: 40.0,
            seconds: 80.0,
        };
        let config = BuildConfig {
            concurrency: 2,
            prices: Prices {
                cpu_hour: 3.6,
                million_requests: 1000.0,
                gigabyte: 0.1,
            },
            ..BuildConfig::default()
        };
        let estimate = Estimate::new(&plan(8), &cube(), &took, &config);
        let numbers = [
            estimate.scenes,
            estimate.requests,
            estimate.bytes,
            estimate.based_on,
        ];
        assert_eq!(numbers, [80, 800, 8_000_000_000, 4]);
        let seconds = [estimate.cpu_seconds, estimate.seconds];
        assert!(
            seconds.iter().all(|seconds| (seconds - 80.0).abs() < 1e-9),
            "{seconds:?}"
        );
        assert!(
            (estimate.dollars - (0.08 + 0.8 + 0.8)).abs() < 1e-9,
            "{estimate:?}"
        );
    }

    #[test]
    fn the_first_fill_goes_by_a_rule_of_thumb_and_says_so() {
        let config = BuildConfig::default();
        let one = Estimate::new(&plan(1), &cube(), &Took::default(), &config);
        let ten = Estimate::new(&plan(10), &cube(), &Took::default(), &config);
        assert_eq!((one.based_on, one.scenes, ten.scenes), (0, 12, 120));
        assert!(one.seconds > 0.0 && one.requests > 0 && one.bytes > 0);
        let nothing = Estimate::new(&plan(0), &cube(), &Took::default(), &config);
        assert_eq!((nothing.scenes, nothing.requests), (0, 0));
    }
}
