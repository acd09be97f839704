//! Whether the pixels of a scene bear out the offset that its metadata gave.
//!
//! Metadata of archives is at times wrong about `BOA_ADD_OFFSET`: it is
//! subtracted a second time, so that dark pixels are cut off, or not at all, so
//! that everything is brighter by a tenth. Both show in how many pixels are dark.
//! An audit flags; it changes no pixel, since a desert may look the same. Visible
//! light tells most: plants are bright in the near infrared, and hide it there.

use super::harmonize::{BOA_ADD_OFFSET, Baseline};

/// How many valid pixels of a band are dark, in numbers as they are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    valid: u64,
    below_offset: u64,
    far_below_offset: u64,
    just_above_offset: u64,
}

/// Why an offset is doubtful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suspicion {
    /// The archive seems to have subtracted it already.
    SubtractedTwice,
    /// It seems to be in the numbers still.
    NotSubtracted,
}

/// What was added in the ground segment, and what audits are about.
const OFFSET: u16 = BOA_ADD_OFFSET.unsigned_abs();

/// Numbers with the offset are seldom this far below it: the reflectance would
/// be under -0.01, where it is at the worst the noise around 0.
const FAR_BELOW: u16 = OFFSET - 100;

/// A reflectance up to 0.04, as of water, shadow and forest in visible light.
const JUST_ABOVE: u16 = OFFSET + 400;

/// Fewer pixels than this tell nothing.
const FEWEST: u64 = 1000;

impl Audit {
    /// Counts the numbers of a band as the archive stores them, before any
    /// offset; 0, which is nodata, is passed over. May be called for each part
    /// of a scene.
    pub fn add(&mut self, dns: &[u16]) {
        // Sums of comparisons, so that the compiler counts many at once.
        for dns in dns.chunks(1 << 15) {
            let count = |holds: fn(u16) -> bool| -> u64 {
                dns.iter()
                    .map(|dn| u32::from(holds(*dn)))
                    .sum::<u32>()
                    .into()
            };
            self.valid += count(|dn| dn != 0);
            self.below_offset += count(|dn| (1..OFFSET).contains(&dn));
            self.far_below_offset += count(|dn| (1..FAR_BELOW).contains(&dn));
            self.just_above_offset += count(|dn| (OFFSET..JUST_ABOVE).contains(&dn));
        }
    }

    /// Adds what another has counted, as of another part of the scene.
    pub fn merge(&mut self, other: &Self) {
        self.valid += other.valid;
        self.below_offset += other.below_offset;
        self.far_below_offset += other.far_below_offset;
        self.just_above_offset += other.just_above_offset;
    }

    /// Whether the offset that the rules gave is at odds with the pixels.
    /// `baseline` is the scene's, as `05.09`; without one, or with an early one,
    /// no offset is to be expected. Other offsets than those of Sentinel-2 are
    /// not judged.
    #[must_use]
    pub fn verdict(&self, offset: f64, baseline: Option<&str>) -> Option<Suspicion> {
        if self.valid < FEWEST {
            return None;
        }
        let per_mille = |count: u64| count.saturating_mul(1000) / self.valid;
        let is = |wanted: i16| (offset - f64::from(wanted)).abs() < 0.5;
        let expects_offset = baseline
            .and_then(Baseline::parse)
            .is_some_and(|baseline| baseline >= Baseline::WITH_OFFSET);
        if is(BOA_ADD_OFFSET) && per_mille(self.far_below_offset) >= 10 {
            return Some(Suspicion::SubtractedTwice);
        }
        let nothing_below = per_mille(self.below_offset) < 1;
        if is(0) && expects_offset && nothing_below && per_mille(self.just_above_offset) >= 10 {
            return Some(Suspicion::NotSubtracted);
        }
        None
    }
}

impl std::fmt::Display for Suspicion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SubtractedTwice => {
                "offset subtracted twice? More than 1 % of the pixels are darker than it"
            }
            Self::NotSubtracted => {
                "offset not subtracted? No pixel is darker than it, and many are just above"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reflectance times 10 000 of a landscape: water, forest, fields and cloud.
    fn landscape() -> Vec<u16> {
        let mut dns = Vec::new();
        for n in 0..1000 {
            dns.extend([60 + n % 90, 220 + n % 200, 900 + n % 900, 6000 + n % 3000]);
        }
        dns
    }

    fn audit(dns: &[u16]) -> Audit {
        let mut audit = Audit::default();
        audit.add(dns);
        audit
    }

    fn with_offset(dns: &[u16]) -> Vec<u16> {
        dns.iter().map(|dn| dn + OFFSET).collect()
    }

    #[test]
    fn an_offset_that_metadata_has_wrong_is_flagged_and_the_right_one_is_not() {
        let subtracted = audit(&landscape());
        let as_delivered = audit(&with_offset(&landscape()));
        let new = Some("05.09");
        assert_eq!(subtracted.verdict(0.0, new), None);
        assert_eq!(as_delivered.verdict(-1000.0, new), None);
        assert_eq!(
            subtracted.verdict(-1000.0, new),
            Some(Suspicion::SubtractedTwice)
        );
        assert_eq!(
            as_delivered.verdict(0.0, new),
            Some(Suspicion::NotSubtracted)
        );
    }

    #[test]
    fn before_baseline_04_00_no_offset_is_missed() {
        let bright = audit(&with_offset(&landscape()));
        for baseline in [Some("03.01"), Some("unknown"), None] {
            assert_eq!(bright.verdict(0.0, baseline), None, "{baseline:?}");
        }
        assert!(bright.verdict(0.0, Some("04.00")).is_some());
    }

    #[test]
    fn noise_around_black_water_is_no_reason_to_doubt() {
        // Half of the lake is a little below reflectance 0.
        let lake: Vec<u16> = (0..5000).map(|n| 980 + n % 40).collect();
        assert_eq!(audit(&lake).verdict(-1000.0, Some("05.00")), None);
    }

    #[test]
    fn snow_and_too_few_pixels_tell_nothing() {
        let snow = audit(&[9000; 5000]);
        assert_eq!(snow.verdict(0.0, Some("05.00")), None);
        assert_eq!(snow.verdict(-1000.0, Some("05.00")), None);
        let few = audit(&[100; 999]);
        assert_eq!(few.verdict(-1000.0, Some("05.00")), None);
        assert!(audit(&[100; 1000]).verdict(-1000.0, None).is_some());
    }

    #[test]
    fn other_offsets_are_not_judged() {
        let dark = audit(&[100; 5000]);
        assert_eq!(dark.verdict(-2000.0, Some("05.00")), None);
        assert_eq!(dark.verdict(17.0, Some("05.00")), None);
    }

    proptest! {
        #[test]
        fn missing_pixels_parts_and_their_order_do_not_matter(
            dns in prop::collection::vec(0_u16..3000, 0..4000),
            cut in 0_usize..4000,
        ) {
            let whole = audit(&dns);
            let cut = cut.min(dns.len());
            let mut parts = audit(&dns[cut..]);
            parts.merge(&audit(&dns[..cut]));
            prop_assert_eq!(whole, parts);
            let valid: Vec<u16> = dns.iter().copied().filter(|dn| *dn != 0).collect();
            prop_assert_eq!(whole, audit(&valid));
            let mut twice = whole;
            twice.add(&dns);
            if whole.valid >= FEWEST {
                prop_assert_eq!(
                    twice.verdict(-1000.0, Some("05.00")),
                    whole.verdict(-1000.0, Some("05.00"))
                );
            }
        }

        /// Of one scene with a flag that is now right and now wrong, it is the
        /// wrong one that is flagged.
        #[test]
        fn the_wrong_one_of_two_flags_is_flagged(
            dark in 20_u16..300,
            spread in 1_u16..500,
            delivered in any::<bool>(),
        ) {
            let scene: Vec<u16> = (0..3000).map(|n| dark + n % spread).collect();
            let (dns, right, wrong) = if delivered {
                (with_offset(&scene), -1000.0, 0.0)
            } else {
                (scene, 0.0, -1000.0)
            };
            let audit = audit(&dns);
            prop_assert_eq!(audit.verdict(right, Some("05.10")), None);
            prop_assert!(audit.verdict(wrong, Some("05.10")).is_some());
        }
    }
}
