//! Which pixels of a scene count as observations of the ground.
//!
//! A scene comes with an image that says what each of its pixels shows, as a
//! class or as bits. A [`MaskRule`] names the samples of it that are no data at
//! all, and groups of samples that are dropped; the cells of a group may be
//! cleaned and widened before they are, since classifiers take bright roofs
//! for clouds and miss the edges of real ones.

mod classes;
pub mod morphology;
mod profile;

pub use classes::Classes;
pub use profile::MaskProfile;

use self::{classes::ClassSet, morphology::BitMask};
use super::Raster;

/// Samples that are dropped together. The radii are in cells of the grid that
/// the mask is on and apply in this order, as the cloud filters of odc-stats
/// do; 0 changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which samples.
    pub classes: Classes,
    /// Fills the gaps that no disc of this radius fits into.
    pub closing: usize,
    /// Takes away what no disc of this radius fits into.
    pub opening: usize,
    /// Adds a margin this wide.
    pub dilation: usize,
}

impl Group {
    /// Samples that are dropped as they are.
    #[must_use]
    pub fn of(classes: Classes) -> Self {
        Self {
            classes,
            closing: 0,
            opening: 0,
            dilation: 0,
        }
    }

    fn changes_shapes(&self) -> bool {
        self.halo() > 0
    }

    /// An erosion or dilation looks as far as its radius. Closing and opening
    /// are one of each.
    fn halo(&self) -> usize {
        2 * self.closing + 2 * self.opening + self.dilation
    }

    fn shape(&self, mut mask: BitMask) -> BitMask {
        if self.closing > 0 {
            mask = mask.close(self.closing);
        }
        if self.opening > 0 {
            mask = mask.open(self.opening);
        }
        if self.dilation > 0 {
            mask = mask.dilate(self.dilation);
        }
        mask
    }
}

/// What of a scene is used, by the samples of its mask image. Those of 8 bits
/// are widened to 16.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskRule {
    nodata: ClassSet,
    /// What is dropped where it is seen: no data, and the groups that keep
    /// their shape.
    dropped_as_seen: ClassSet,
    /// The groups whose shape changes, with their samples.
    shaped: Vec<(Group, ClassSet)>,
}

impl MaskRule {
    /// What stands for cells that a mask image does not reach. It is no data by
    /// every rule: a cell outside of an image must not pass for one that was
    /// looked at.
    pub const OUTSIDE: u16 = u16::MAX;

    /// A rule from the samples that say that nothing was seen, which are any of
    /// `nodata`, and the groups that are dropped.
    ///
    /// Bits mean nothing in a sample that is no data, as in a fill of 255: a
    /// group by bits never has it. One by values has what it names.
    #[must_use]
    pub fn new(
        nodata: impl IntoIterator<Item = Classes>,
        groups: impl IntoIterator<Item = Group>,
    ) -> Self {
        let nodata: Vec<Classes> = nodata.into_iter().collect();
        let nodata = ClassSet::of(|sample| {
            sample == Self::OUTSIDE || nodata.iter().any(|n| n.contains(sample))
        });
        let (shaped, as_seen): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(Group::changes_shapes);
        let dropped_as_seen = ClassSet::of(|sample| {
            nodata.contains(sample) || as_seen.iter().any(|g| g.classes.contains(sample))
        });
        let shaped = shaped
            .into_iter()
            .map(|group| {
                let is_by_bits = matches!(group.classes, Classes::AnyBit(_));
                let samples = ClassSet::of(|sample| {
                    group.classes.contains(sample) && !(is_by_bits && nodata.contains(sample))
                });
                (group, samples)
            })
            .collect();
        Self {
            nodata,
            dropped_as_seen,
            shaped,
        }
    }

    /// Whether a sample says that nothing was seen.
    #[must_use]
    pub fn is_nodata(&self, sample: u16) -> bool {
        self.nodata.contains(sample)
    }

    /// Whether any sample of a mask says that nothing was seen.
    #[must_use]
    pub fn knows_nodata(&self) -> bool {
        self.nodata.first() != Some(Self::OUTSIDE)
    }

    /// Whether a sample counts as an observation where no group changes its
    /// shape.
    #[must_use]
    pub fn keeps_raw(&self, sample: u16) -> bool {
        !self.dropped_as_seen.contains(sample)
            && !self.shaped.iter().any(|(_, set)| set.contains(sample))
    }

    /// How many cells around a window its result depends on.
    #[must_use]
    pub fn halo(&self) -> usize {
        self.shaped
            .iter()
            .map(|(group, _)| group.halo())
            .max()
            .unwrap_or(0)
    }

    /// True for the cells that are no observation of the ground, because they
    /// are no data or in a group after its morphology.
    ///
    /// The outermost [`MaskRule::halo`] cells depend on what is outside of
    /// `classes`, of which nothing is known here. For a window that does not
    /// show where it was cut, read it with so many cells around, and take them
    /// off the result.
    #[must_use]
    pub fn dropped(&self, classes: &Raster<u16>) -> Raster<bool> {
        let mut data: Vec<bool> = classes
            .data
            .iter()
            .map(|sample| self.dropped_as_seen.contains(*sample))
            .collect();
        for (group, samples) in &self.shaped {
            let mask = BitMask::of(classes.shape, &classes.data, |s| samples.contains(s));
            // Nothing comes of nothing, and most scenes have no shadow here.
            if !mask.is_empty() {
                group.shape(mask).set_in(&mut data);
            }
        }
        Raster {
            shape: classes.shape,
            data,
        }
    }
}

#[cfg(test)]
mod tests;
