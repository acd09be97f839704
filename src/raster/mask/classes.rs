//! Which samples of a mask image are meant.

use std::{fmt, ops::RangeInclusive};

/// A condition on a sample of a mask image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Classes {
    /// It is one of these values.
    Values(Vec<u16>),
    /// It is none of these values.
    AllBut(Vec<u16>),
    /// One of these bits at least is set; 0 is the least significant.
    AnyBit(Vec<u16>),
}

impl Classes {
    /// Whether a sample meets the condition.
    #[must_use]
    pub fn contains(&self, sample: u16) -> bool {
        match self {
            Self::Values(values) => values.contains(&sample),
            Self::AllBut(values) => !values.contains(&sample),
            Self::AnyBit(bits) => bits
                .iter()
                .any(|bit| sample.checked_shr(u32::from(*bit)).unwrap_or(0) & 1 == 1),
        }
    }
}

/// Samples, as one bit each: 8 KiB, which stay in the fastest cache while an
/// image is looked up in it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ClassSet(Box<[u64; 1024]>);

impl ClassSet {
    pub(super) fn of(is_member: impl Fn(u16) -> bool) -> Self {
        let mut words = Box::new([0; 1024]);
        for sample in 0..=u16::MAX {
            words[usize::from(sample >> 6)] |= u64::from(is_member(sample)) << (sample & 63);
        }
        Self(words)
    }

    pub(super) fn contains(&self, sample: u16) -> bool {
        self.0[usize::from(sample >> 6)] >> (sample & 63) & 1 == 1
    }

    /// The smallest member.
    pub(super) fn first(&self) -> Option<u16> {
        (0..=u16::MAX).find(|sample| self.contains(*sample))
    }

    /// The members as runs of consecutive values.
    fn runs(&self) -> Vec<RangeInclusive<u16>> {
        let mut runs: Vec<RangeInclusive<u16>> = Vec::new();
        for sample in (0..=u16::MAX).filter(|sample| self.contains(*sample)) {
            match runs.last_mut() {
                Some(run) if run.end().checked_add(1) == Some(sample) => {
                    *run = *run.start()..=sample;
                }
                _ => runs.push(sample..=sample),
            }
        }
        runs
    }
}

impl fmt::Debug for ClassSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.runs()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_the_samples_that_meet_its_condition() {
        for classes in [
            Classes::Values(vec![0, 3, 255, 65_535]),
            Classes::AllBut(vec![4, 5]),
            Classes::AnyBit(vec![1, 15]),
            Classes::AnyBit(vec![]),
        ] {
            let set = ClassSet::of(|sample| classes.contains(sample));
            for sample in 0..=u16::MAX {
                assert_eq!(set.contains(sample), classes.contains(sample), "{sample}");
            }
        }
    }

    #[test]
    fn a_bit_counts_whatever_the_others_say_and_a_sample_has_16() {
        let cloud = Classes::AnyBit(vec![1, 3]);
        for (sample, expected) in [(0, false), (2, true), (8, true), (0b1111_0101, false)] {
            assert_eq!(cloud.contains(sample), expected, "{sample:#b}");
        }
        assert!(!Classes::AnyBit(vec![16, 900]).contains(u16::MAX));
    }

    #[test]
    fn a_set_prints_as_runs() {
        let set = ClassSet::of(|sample| matches!(sample, 0..=3 | 7 | 65_534..));
        assert_eq!(format!("{set:?}"), "{0..=3, 7..=7, 65534..=65535}");
        assert_eq!(set.first(), Some(0));
        assert_eq!(ClassSet::of(|_| false).first(), None);
    }
}
