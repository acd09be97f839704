//! From samples to colours: the inner loop of a tile.

use super::{
    levels::{HOLE, Levels},
    palette::Palette,
    picture::{Picture, Pixels, transparent},
    pixel::{Packing, Pixel},
    style::Style,
    touches::Touches,
};
use crate::raster::Raster;

/// Up to so many colours a palette's indices share bytes, two, four or eight in one;
/// gray pictures become such palettes too.
const FEW_COLORS: usize = 16;

/// A style made ready for variables of one sample type.
///
/// Making one takes some ten microseconds, for the tables that give narrow types
/// their levels, and it can be kept and shared for as long as style and packing last.
#[derive(Clone, Debug)]
pub struct Painter<T> {
    levels: Vec<Levels<T>>,
    /// The colours of a single variable's levels.
    palette: Palette,
    is_gray: bool,
    touches: Option<Touches>,
}

impl<T: Pixel> Painter<T> {
    /// A painter for a style and the packing of each variable; the last packing
    /// serves the variables that have none of their own.
    #[must_use]
    pub fn new(style: &Style, packings: &[Packing]) -> Self {
        let plain = Packing::default();
        let levels = (0..style.variables()).map(|variable| {
            let own = packings.get(variable).or(packings.last());
            let own = own.unwrap_or(&plain);
            match style.classes() {
                Some(classes) => Levels::of_classes(own, classes),
                None => Levels::new(own, style.range(variable)),
            }
        });
        let palette = Palette::new(&match style.classes() {
            Some(classes) => classes.of_classes(),
            None => style.level_colors(),
        });
        let formula = style.touches().and_then(|touches| touches.formula.as_ref());
        Self {
            levels: levels.collect(),
            palette,
            is_gray: style.coloring().is_none() && formula.is_none(),
            touches: style.touches().cloned(),
        }
    }

    /// Paints rasters of one shape, one a variable. A pixel is transparent if any
    /// variable has no data there.
    ///
    /// # Panics
    /// If there are not as many rasters as the style has variables, or their shapes
    /// differ.
    #[must_use]
    pub fn paint(&self, rasters: &[Raster<T>]) -> Picture {
        assert_eq!(
            rasters.len(),
            self.levels.len(),
            "a painter takes one raster a variable"
        );
        let shape = rasters[0].shape;
        assert!(
            rasters.iter().all(|raster| raster.shape == shape),
            "the variables of a picture have one shape"
        );
        // A picture's side is far below 2^32.
        let size = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (width, height) = (size(shape.cols), size(shape.rows));
        let pixels = match (&self.levels[..], rasters) {
            ([red, green, blue], [reds, greens, blues]) => {
                let looked_up = (
                    red.looked_up(&reds.data),
                    green.looked_up(&greens.data),
                    blue.looked_up(&blues.data),
                );
                if let (Some(red), Some(green), Some(blue)) = looked_up {
                    rgb(&|| together(red.clone(), green.clone(), blue.clone()))
                } else {
                    let red = red.slots(&reds.data);
                    let green = green.slots(&greens.data);
                    let blue = blue.slots(&blues.data);
                    let slots = |band| <[u16]>::iter(band).copied();
                    rgb(&|| together(slots(&red), slots(&green), slots(&blue)))
                }
            }
            ([one, ..], [raster, ..]) => Some(self.one(&one.slots(&raster.data))),
            _ => None,
        };
        let picture = pixels.map_or_else(
            || transparent(width, height),
            |pixels| Picture {
                width,
                height,
                pixels,
            },
        );
        match &self.touches {
            None => picture,
            Some(touches) => self.touched(&picture, touches, rasters),
        }
    }

    /// A picture with what else is to be done.
    fn touched(&self, picture: &Picture, touches: &Touches, rasters: &[Raster<T>]) -> Picture {
        let mut rgba = picture.to_rgba().into_owned();
        // Of one variable its levels are what it was done to.
        if let (Some(formula), [_, _, _]) = (&touches.formula, &self.levels[..]) {
            formula.apply(&mut rgba);
        }
        if let ([levels], [raster], true) = (&self.levels[..], rasters, touches.has_extremes()) {
            for (pixel, sample) in rgba.chunks_exact_mut(4).zip(&raster.data) {
                let color = levels.extreme(*sample).and_then(|at| touches.color(at));
                if let Some(color) = color {
                    pixel.copy_from_slice(&color);
                }
            }
        }
        Picture {
            pixels: Pixels::Rgba { data: rgba },
            ..*picture
        }
    }

    /// The pixels of a single variable.
    fn one(&self, slots: &[u16]) -> Pixels {
        let mut used = [false; HOLE as usize + 1];
        for slot in slots {
            used[usize::from(*slot)] = true;
        }
        let [levels @ .., has_holes] = &used;
        if !self.is_gray || used.iter().filter(|used| **used).count() <= FEW_COLORS {
            return self.palette.pixels(slots, &used);
        }
        let unused = || (0..=255_u8).find(|level| !levels[usize::from(*level)]);
        match has_holes.then(unused) {
            None => gray(slots, None),
            Some(Some(hole)) => gray(slots, Some(hole)),
            Some(None) => gray_alpha(slots),
        }
    }
}

/// Gray pixels, the holes in a gray that no other pixel has.
fn gray(slots: &[u16], hole: Option<u8>) -> Pixels {
    let shown = hole.unwrap_or(0);
    let data = slots.iter().map(|&slot| {
        let [level, is_hole] = slot.to_le_bytes();
        if is_hole == 0 { level } else { shown }
    });
    Pixels::Gray {
        data: data.collect(),
        hole,
    }
}

/// Pixels of all grays, and holes.
fn gray_alpha(slots: &[u16]) -> Pixels {
    let pixels = slots.iter().map(|&slot| {
        let [level, is_hole] = slot.to_le_bytes();
        [level, 255 * (1 - is_hole)]
    });
    Pixels::GrayAlpha {
        data: pixels.collect::<Vec<_>>().into_flattened(),
    }
}

/// The slots of three variables, pixel by pixel.
fn together(
    red: impl ExactSizeIterator<Item = u16>,
    green: impl ExactSizeIterator<Item = u16>,
    blue: impl ExactSizeIterator<Item = u16>,
) -> impl ExactSizeIterator<Item = [u16; 3]> {
    (red.zip(green).zip(blue)).map(|((red, green), blue)| [red, green, blue])
}

/// The pixels of three variables; none if not one is visible.
fn rgb<B: ExactSizeIterator<Item = [u16; 3]>>(bands: &impl Fn() -> B) -> Option<Pixels> {
    let count = bands().len();
    let mut data = vec![0; 3 * count];
    let mut holes = 0;
    let mut has_black = false;
    for (pixel, [red, green, blue]) in data.chunks_exact_mut(3).zip(bands()) {
        // A hole has the ninth bit; its other bits are 0 only in its own variable.
        let [_, is_hole] = (red | green | blue).to_le_bytes();
        let seen = is_hole.wrapping_sub(1);
        holes += usize::from(is_hole);
        has_black |= red | green | blue == 0;
        pixel[0] = red.to_le_bytes()[0] & seen;
        pixel[1] = green.to_le_bytes()[0] & seen;
        pixel[2] = blue.to_le_bytes()[0] & seen;
    }
    if holes == 0 {
        return Some(Pixels::Rgb { data, hole: None });
    }
    if holes == count {
        return None;
    }
    // Black is mostly free, and else one of the darkest blues.
    if !has_black {
        let hole = Some([0; 3]);
        return Some(Pixels::Rgb { data, hole });
    }
    // The last place takes all that is not blue alone: a store without a branch.
    let mut used = [false; 257];
    for pixel in data.chunks_exact(3) {
        let is_blue = pixel[0] | pixel[1] == 0;
        used[if is_blue { usize::from(pixel[2]) } else { 256 }] = true;
    }
    let is_hole = bands().map(|[red, green, blue]| red | green | blue >= HOLE);
    let Some(free) = (0..=255_u8).find(|blue| !used[usize::from(*blue)]) else {
        let pixels = data.chunks_exact(3).zip(is_hole);
        let rgba = pixels.map(|(p, hole)| [p[0], p[1], p[2], if hole { 0 } else { 255 }]);
        return Some(Pixels::Rgba {
            data: rgba.collect::<Vec<_>>().into_flattened(),
        });
    };
    for (pixel, hole) in data.chunks_exact_mut(3).zip(is_hole) {
        pixel[2] = if hole { free } else { pixel[2] };
    }
    Some(Pixels::Rgb {
        data,
        hole: Some([0, 0, free]),
    })
}

#[cfg(test)]
mod tests;
