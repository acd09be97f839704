//! The levels of all samples of a raster, or their classes: by a table where the type
//! is narrow, by arithmetic where it is wide.

use super::{
    classes::{Classes, Pieces},
    pixel::{Packing, Pixel, level},
};

/// The slot of a sample that is no data, after the 256 levels.
pub(super) const HOLE: u16 = 256;

/// From the samples of one variable to slots: their levels 0 to 255, or the numbers of
/// their classes, or [`HOLE`].
#[derive(Clone, Debug)]
pub(super) struct Levels<T> {
    rule: Rule<T>,
    /// The slot of each value of the type in ascending order; empty for wide types.
    table: Vec<u16>,
}

#[derive(Clone, Debug)]
struct Rule<T> {
    packing: Packing,
    nodata: Vec<T>,
    by: By,
}

/// Where a sample is that no level stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extreme {
    /// No data.
    Missing,
    /// Less than the range.
    Below,
    /// More than it.
    Above,
}

/// What gives a value its slot.
#[derive(Clone, Debug)]
enum By {
    /// Its place in a display range.
    Range([f64; 2]),
    /// Its class.
    Classes(Pieces),
}

impl<T: Pixel> Rule<T> {
    fn new(packing: &Packing, by: By) -> Self {
        let nodata = packing.nodata.iter().copied().filter_map(T::stored);
        Self {
            packing: packing.clone(),
            nodata: nodata.collect(),
            by,
        }
    }

    /// The slot of a sample among classes.
    fn class(&self, classes: &Pieces, sample: T) -> u16 {
        if self.nodata.contains(&sample) {
            return HOLE;
        }
        let class = classes.class(self.packing.value(sample.to_f64()));
        class
            .and_then(|class| u16::try_from(class).ok())
            .unwrap_or(HOLE)
    }

    /// The slot of a sample in a range, whether it is data or not.
    fn level(&self, range: [f64; 2], sample: T) -> u16 {
        u16::from(if self.packing.is_packed() {
            level(self.packing.value(sample.to_f64()), range)
        } else {
            sample.level(range)
        })
    }
}

impl<T: Pixel> Levels<T> {
    pub(super) fn new(packing: &Packing, range: Option<[f64; 2]>) -> Self {
        let range = range.unwrap_or_else(|| packing.full_range::<T>());
        Self::by(Rule::new(packing, By::Range(range)))
    }

    /// The numbers of classes in place of levels.
    pub(super) fn of_classes(packing: &Packing, classes: &Classes) -> Self {
        let pieces = if packing.is_packed() {
            classes.pieces(std::convert::identity)
        } else {
            classes.pieces(T::compared)
        };
        Self::by(Rule::new(packing, By::Classes(pieces)))
    }

    fn by(rule: Rule<T>) -> Self {
        let last = T::from_f64(T::RANGE[1]).position();
        let table = last.map_or_else(Vec::new, |last| tabulated(&rule, last + 1));
        Self { rule, table }
    }

    /// Where a sample is, if it is no data or not in the range.
    pub(super) fn extreme(&self, sample: T) -> Option<Extreme> {
        let Rule {
            packing,
            nodata,
            by,
        } = &self.rule;
        let value = packing.value(sample.to_f64());
        match by {
            _ if value.is_nan() || nodata.contains(&sample) => Some(Extreme::Missing),
            By::Range([min, _]) if value < *min => Some(Extreme::Below),
            By::Range([_, max]) if value > *max => Some(Extreme::Above),
            By::Range(_) | By::Classes(_) => None,
        }
    }

    /// The slot of every sample.
    pub(super) fn slots(&self, samples: &[T]) -> Vec<u16> {
        match self.looked_up(samples) {
            Some(slots) => slots.collect(),
            None => self.computed(samples),
        }
    }

    /// The slot of every sample from the table, if the type has one.
    pub(super) fn looked_up<'a>(
        &'a self,
        samples: &'a [T],
    ) -> Option<impl ExactSizeIterator<Item = u16> + Clone + 'a> {
        let table = Some(&self.table[..]).filter(|table| !table.is_empty())?;
        // Every position of the type is in the table.
        let slot = |sample: &T| (sample.position()).and_then(|at| table.get(at));
        Some((samples.iter()).map(move |sample| slot(sample).copied().unwrap_or(HOLE)))
    }

    /// One pass for each question, since short loops without branches are the ones
    /// that compilers turn into vector instructions.
    fn computed(&self, samples: &[T]) -> Vec<u16> {
        let range = match &self.rule.by {
            By::Range(range) => *range,
            By::Classes(classes) => {
                let class = |sample: &T| self.rule.class(classes, *sample);
                return samples.iter().map(class).collect();
            }
        };
        let Packing { scale, offset, .. } = self.rule.packing;
        let or_hole = |sample: T, level: u8| {
            if sample.to_f64().is_nan() {
                HOLE
            } else {
                u16::from(level)
            }
        };
        let mut slots: Vec<u16> = if self.rule.packing.is_packed() {
            let unpacked = |sample: T| level(sample.to_f64() * scale + offset, range);
            (samples
                .iter()
                .map(|&sample| or_hole(sample, unpacked(sample))))
            .collect()
        } else {
            (samples
                .iter()
                .map(|&sample| or_hole(sample, sample.level(range))))
            .collect()
        };
        for nodata in &self.rule.nodata {
            for (slot, sample) in std::iter::zip(&mut slots, samples) {
                *slot = if sample == nodata { HOLE } else { *slot };
            }
        }
        slots
    }
}

/// The slots of all values of a narrow type.
fn tabulated<T: Pixel>(rule: &Rule<T>, values: usize) -> Vec<u16> {
    let mut table = vec![HOLE; values];
    let [least, _] = T::RANGE;
    let sample = |position: usize| T::from_f64(least + exact(position));
    match &rule.by {
        By::Range(range) => {
            let level = |position| rule.level(*range, sample(position));
            fill(&mut table, 0, &level);
            for position in rule.nodata.iter().filter_map(|nodata| nodata.position()) {
                table[position] = HOLE;
            }
        }
        By::Classes(classes) => {
            for (position, slot) in table.iter_mut().enumerate() {
                *slot = rule.class(classes, sample(position));
            }
        }
    }
    table
}

/// Positions are below 2^16.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn exact(position: usize) -> f64 {
    position as f64
}

/// Fills a part of a table that starts at a position. Levels only rise or only fall
/// with the position, so between two equal ones all are equal: a table of 65,536
/// takes some thousand evaluations.
fn fill(part: &mut [u16], start: usize, level: &impl Fn(usize) -> u16) {
    let Some(last) = part.len().checked_sub(1) else {
        return;
    };
    let (low, high) = (level(start), level(start + last));
    if low == high || last == 0 {
        part.fill(low);
        return;
    }
    let (left, right) = part.split_at_mut(part.len() / 2);
    fill(left, start, level);
    fill(right, start + left.len(), level);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::raster::Sample;

    fn is_f32<T: 'static>() -> bool {
        std::any::TypeId::of::<T>() == std::any::TypeId::of::<f32>()
    }

    /// The formula of the documentation, value by value.
    fn plain<T: Pixel>(sample: T, packing: &Packing, [min, max]: [f64; 2]) -> u16 {
        let stored = sample.to_f64();
        if stored.is_nan() || packing.nodata.contains(&stored) {
            return HOLE;
        }
        let value = stored * packing.scale + packing.offset;
        let mut scaled = (value.clamp(min, max) - min) / (max - min) * 255.0;
        if is_f32::<T>() && !packing.is_packed() {
            scaled = f32::from_f64(scaled).into();
        }
        (0..=255).rev().find(|&n| f64::from(n) <= scaled).unwrap()
    }

    fn packings() -> impl Strategy<Value = Packing> {
        let scale = prop_oneof![Just(1.0), -3.0..3.0, Just(0.0001), Just(0.01)];
        let offset = prop_oneof![Just(0.0), -300.0..300.0];
        let nodata = prop::collection::vec((-300..300_i32).prop_map(f64::from), 0..3);
        (scale, offset, nodata).prop_map(|(scale, offset, nodata)| Packing {
            scale,
            offset,
            nodata,
        })
    }

    fn ranges() -> impl Strategy<Value = [f64; 2]> {
        (-1000.0..1000.0, 0.001..40_000.0).prop_map(|(min, width)| [min, min + width])
    }

    fn check<T: Pixel>(samples: &[T], packing: &Packing, range: [f64; 2]) {
        let levels = Levels::<T>::new(packing, Some(range));
        let slots = levels.slots(samples);
        for (sample, slot) in std::iter::zip(samples, slots) {
            assert_eq!(slot, plain(*sample, packing, range), "{sample:?}");
        }
    }

    /// All values of a type of 16 bits or fewer.
    fn all<T: Pixel>() -> Vec<T> {
        let [least, greatest] = T::RANGE;
        (0..=65_535)
            .map(|position| least + f64::from(position))
            .take_while(|value| *value <= greatest)
            .map(T::from_f64)
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn narrow_types_have_the_levels_of_the_formula_for_every_value(
            packing in packings(), range in ranges()
        ) {
            check(&all::<u8>(), &packing, range);
            check(&all::<i8>(), &packing, range);
            check(&all::<u16>(), &packing, range);
            check(&all::<i16>(), &packing, range);
        }

        #[test]
        fn wide_types_have_the_levels_of_the_formula(
            packing in packings(), range in ranges(),
            samples in prop::collection::vec(-400.0..40_000.0, 1..400),
        ) {
            fn of<T: Pixel>(samples: &[f64]) -> Vec<T> {
                samples.iter().map(|sample| T::from_f64(*sample)).collect()
            }
            check(&of::<i32>(&samples), &packing, range);
            check(&of::<u32>(&samples), &packing, range);
            check(&of::<i64>(&samples), &packing, range);
            check(&of::<u64>(&samples), &packing, range);
            check(&of::<f64>(&samples), &packing, range);
            check(&of::<f32>(&samples), &packing, range);
        }
    }

    #[test]
    fn a_nan_is_a_hole_and_infinity_an_end_of_the_range() {
        let levels = Levels::<f32>::new(&Packing::default(), Some([0.0, 1.0]));
        let slots = levels.slots(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.5]);
        assert_eq!(slots, [HOLE, 255, 0, 127]);
    }

    #[test]
    fn without_a_range_that_of_the_type_is_shown() {
        let all = Levels::<i16>::new(&Packing::default(), None).slots(&[i16::MIN, 0, i16::MAX]);
        assert_eq!(all, [0, 127, 255]);
    }
}
