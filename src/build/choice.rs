//! Which pixels of the scenes of one overpass are wanted.

use std::borrow::Cow;

use crate::{
    grid::{Shape, Window},
    raster::{MaskRule, Raster},
};

/// What the masks of an overpass's scenes say.
pub(super) struct Choice {
    /// For each scene, whether it saw anything in the inner window.
    pub(super) seen: Vec<bool>,
    /// For each scene, the pixels (of the padded window) that may be taken.
    pub(super) usable: Vec<Vec<bool>>,
}

/// Judges the pixels of an overpass. `classes` are those of its scenes on the
/// padded window, in the order in which scenes are preferred; `None` for a
/// scene that does not reach there.
///
/// Where scenes overlap, the class of the first that is of use counts, or else
/// of the first that saw anything: a cloud is cleaned up over the borders of
/// tiles and zones as if the overpass were one image.
pub(super) fn judge(
    rule: &MaskRule,
    classes: &[Option<Raster<u16>>],
    padded: Shape,
    inner: Window,
) -> Choice {
    let fused = match classes {
        // One scene, as most overpasses are here.
        [Some(only)] => Cow::Borrowed(only),
        _ => Cow::Owned(fuse_classes(rule, classes, padded)),
    };
    let dropped = rule.dropped(&fused);
    // A rule that does not know no data still tells what it drops.
    let tells_nodata = rule.knows_nodata();
    let is_alone = matches!(fused, Cow::Borrowed(_));
    let mut choice = Choice {
        seen: Vec::with_capacity(classes.len()),
        usable: Vec::with_capacity(classes.len()),
    };
    for raster in classes {
        let Some(raster) = raster else {
            choice.seen.push(false);
            choice.usable.push(Vec::new());
            continue;
        };
        let mut seen = false;
        let mut usable = vec![false; raster.data.len()];
        for row in inner.row..inner.row_end() {
            let cols = row * padded.cols + inner.col..row * padded.cols + inner.col_end();
            let classes = &raster.data[cols.clone()];
            seen = seen
                || classes.iter().any(|class| {
                    if tells_nodata {
                        !rule.is_nodata(*class)
                    } else {
                        *class != MaskRule::OUTSIDE && !rule.keeps_raw(*class)
                    }
                });
            let usable = &mut usable[cols.clone()];
            for (usable, dropped) in std::iter::zip(&mut *usable, &dropped.data[cols.clone()]) {
                *usable = !dropped;
            }
            if is_alone {
                continue;
            }
            let fused = &fused.data[cols];
            for (usable, (class, fused)) in std::iter::zip(usable, std::iter::zip(classes, fused)) {
                // Opening may clear a pixel whose class is dropped elsewhere.
                let as_good = rule.keeps_raw(*class) || !rule.keeps_raw(*fused);
                *usable &= !rule.is_nodata(*class) && as_good;
            }
        }
        choice.seen.push(seen);
        choice.usable.push(usable);
    }
    choice
}

/// The classes of an overpass as if it were one image.
fn fuse_classes(rule: &MaskRule, classes: &[Option<Raster<u16>>], padded: Shape) -> Raster<u16> {
    let mut fused = Raster::filled(padded, MaskRule::OUTSIDE);
    for raster in classes.iter().flatten() {
        for (fused, class) in std::iter::zip(&mut fused.data, &raster.data) {
            let better =
                rule.is_nodata(*fused) || rule.keeps_raw(*class) && !rule.keeps_raw(*fused);
            if better {
                *fused = *class;
            }
        }
    }
    fused
}

/// Takes from the usable pixels (of the padded window) those that an
/// observation (of the inner one) has already.
pub(super) fn leave_given(
    usable: &mut [bool],
    padded: Shape,
    inner: Window,
    observation: &[Raster<u16>],
) {
    let Some(first) = observation.first() else {
        return;
    };
    let lines = usable.chunks_mut(padded.cols).skip(inner.row);
    for (line, row) in std::iter::zip(lines, 0..inner.rows) {
        for (usable, given) in std::iter::zip(&mut line[inner.col..], first.row(row)) {
            *usable &= *given == 0;
        }
    }
}

/// Whether an observation has any pixel of use.
pub(super) fn has_data(bands: &[Raster<u16>]) -> bool {
    let first = bands.first();
    first.is_some_and(|band| band.data.iter().any(|value| *value != 0))
}

/// Sets to 0 in all bands what is 0 in one: an observation has all bands.
pub(super) fn complete(bands: &mut [Raster<u16>]) {
    let Some(first) = bands.first() else { return };
    let (rows, cols) = (first.shape.rows, first.shape.cols);
    let mut valid = vec![0_u16; cols];
    for row in 0..rows {
        valid.fill(u16::MAX);
        for band in &*bands {
            for (valid, value) in std::iter::zip(&mut valid, band.row(row)) {
                *valid &= if *value == 0 { 0 } else { u16::MAX };
            }
        }
        for band in &mut *bands {
            for (valid, value) in std::iter::zip(&valid, band.row_mut(row)) {
                *value &= valid;
            }
        }
    }
}

/// Adds to an observation what a further scene of the same overpass sees. A
/// pixel that both see is taken, in all bands, from the first.
pub(super) fn fuse(first: &mut [Raster<u16>], further: &[Raster<u16>]) {
    for (band, other) in std::iter::zip(first, further) {
        // Valid in all bands or in none, so band by band is scene by scene.
        for (value, other) in std::iter::zip(&mut band.data, &other.data) {
            *value = if *value == 0 { *other } else { *value };
        }
    }
}

/// The part of a raster that lies in a window of it.
pub(super) fn crop(raster: Raster<u16>, window: Window) -> Raster<u16> {
    if raster.shape.window() == window {
        return raster;
    }
    let rows = window.row..window.row_end();
    Raster {
        shape: Shape {
            rows: window.rows,
            cols: window.cols,
        },
        data: rows
            .flat_map(|row| {
                raster.row(row)[window.col..window.col_end()]
                    .iter()
                    .copied()
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raster::{
        MaskProfile,
        mask::{Classes, Group},
    };

    const CLEAR: u16 = 4;
    const CLOUD: u16 = 9;
    const NOTHING: u16 = 0;

    fn row<const N: usize>(data: [u16; N]) -> Raster<u16> {
        Raster {
            shape: Shape { rows: 1, cols: N },
            data: data.to_vec(),
        }
    }

    /// Judges rows of classes, all of which are composited.
    fn judge_rows<const N: usize>(rule: &MaskRule, rows: &[[u16; N]]) -> Choice {
        let classes: Vec<_> = rows.iter().map(|classes| Some(row(*classes))).collect();
        let shape = Shape { rows: 1, cols: N };
        judge(rule, &classes, shape, shape.window())
    }

    #[test]
    fn a_pixel_is_taken_where_a_scene_of_the_overpass_saw_the_ground() {
        let rule = MaskProfile::SclDefault.rule();
        let choice = judge_rows(
            &rule,
            &[
                [CLEAR, CLOUD, NOTHING, CLOUD, NOTHING],
                [CLEAR, CLEAR, CLEAR, NOTHING, NOTHING],
            ],
        );
        assert_eq!(choice.usable[0], [true, false, false, false, false]);
        assert_eq!(choice.usable[1], [true, true, true, false, false]);
        assert_eq!(choice.seen, [true, true]);
    }

    #[test]
    fn a_scene_that_is_all_cloud_was_seen_and_one_without_data_was_not() {
        let rule = MaskProfile::SclDefault.rule();
        let choice = judge_rows(&rule, &[[CLOUD, CLOUD], [NOTHING, NOTHING]]);
        assert_eq!(choice.seen, [true, false]);
        assert!(choice.usable.iter().flatten().all(|usable| !usable));
        // A rule that knows no data by no value tells by what it drops.
        let rule = MaskRule::new([], [Group::of(Classes::Values(vec![CLOUD]))]);
        assert_eq!(judge_rows(&rule, &[[CLOUD, NOTHING]]).seen, [true]);
        let elsewhere = [NOTHING, MaskRule::OUTSIDE];
        assert_eq!(judge_rows(&rule, &[elsewhere]).seen, [false]);
    }

    #[test]
    fn a_cloud_widens_over_the_border_of_scenes_and_into_the_window() {
        let group = Group {
            dilation: 1,
            ..Group::of(Classes::Values(vec![CLOUD]))
        };
        let rule = MaskRule::new([Classes::Values(vec![NOTHING])], [group]);
        let west = [CLEAR, CLOUD, NOTHING, NOTHING];
        let east = [NOTHING, NOTHING, CLEAR, CLEAR];
        let choice = judge_rows(&rule, &[west, east]);
        assert_eq!(choice.usable[1], [false, false, false, true]);
        // The cloud is beside the window that is composited.
        let shape = Shape { rows: 1, cols: 4 };
        let inner = Window {
            col: 2,
            cols: 2,
            ..shape.window()
        };
        let classes = [Some(row([CLEAR, CLOUD, CLEAR, CLEAR]))];
        let choice = judge(&rule, &classes, shape, inner);
        assert_eq!(choice.usable[0], [false, false, false, true]);
    }

    #[test]
    fn what_opening_clears_is_of_use() {
        let group = Group {
            opening: 1,
            ..Group::of(Classes::Values(vec![CLOUD]))
        };
        let rule = MaskRule::new([Classes::Values(vec![NOTHING])], [group]);
        let choice = judge_rows(&rule, &[[CLEAR, CLOUD, CLEAR]]);
        assert_eq!(choice.usable[0], [true, true, true]);
    }

    #[test]
    fn what_one_scene_gave_is_not_wanted_of_the_next() {
        let padded = Shape { rows: 3, cols: 4 };
        let inner = Window {
            row: 1,
            col: 1,
            rows: 1,
            cols: 2,
        };
        let mut usable = vec![false; 12];
        usable[5..7].fill(true);
        leave_given(&mut usable, padded, inner, &[row([0, 8])]);
        let left: Vec<usize> = (0..12).filter(|pixel| usable[*pixel]).collect();
        assert_eq!(left, [5], "the pixel that has nothing yet");
    }

    #[test]
    fn an_observation_has_all_bands_of_a_pixel_or_none_and_the_first_scene_wins() {
        let mut first = vec![row([1, 0, 3, 0]), row([4, 5, 0, 0])];
        complete(&mut first);
        assert_eq!(first, [row([1, 0, 0, 0]), row([4, 0, 0, 0])]);
        fuse(&mut first, &[row([9, 8, 7, 0]), row([9, 8, 7, 0])]);
        assert_eq!(first, [row([1, 8, 7, 0]), row([4, 8, 7, 0])]);
        let window = Window {
            row: 0,
            col: 1,
            rows: 1,
            cols: 2,
        };
        assert_eq!(crop(row([1, 8, 7, 0]), window), row([8, 7]));
    }
}
