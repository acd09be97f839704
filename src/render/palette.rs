//! The colours of a single variable's levels, and of those the ones a picture uses.

use super::{levels::HOLE, picture::Pixels};

/// Slots of a single variable: 256 levels and the hole.
const SLOTS: usize = HOLE as usize + 1;

/// The colours of all slots, each colour once.
#[derive(Clone, Debug)]
pub(super) struct Palette {
    /// Those with transparency first, which lets PNG's `tRNS` chunk end with the last
    /// of them; otherwise in the order of the levels, which prediction likes.
    colors: Vec<[u8; 4]>,
    /// The place of each slot's colour in `colors`.
    places: [usize; SLOTS],
}

impl Palette {
    /// The levels of a colormap and a transparent hole.
    pub(super) fn new(colors: &[[u8; 4]; 256]) -> Self {
        let mut distinct: Vec<[u8; 4]> = Vec::with_capacity(SLOTS);
        let mut places = [0; SLOTS];
        // The hole comes first, and all other ways to be invisible are it.
        distinct.push([0; 4]);
        for opaque in [false, true] {
            for (place, &color) in std::iter::zip(&mut places, colors) {
                if (color[3] == 255) != opaque || color[3] == 0 {
                    continue;
                }
                // Equal colours are mostly neighbours.
                let known = distinct.iter().rposition(|&other| other == color);
                *place = known.unwrap_or(distinct.len());
                if known.is_none() {
                    distinct.push(color);
                }
            }
        }
        Self {
            colors: distinct,
            places,
        }
    }

    /// The colours of levels that are grays.
    pub(super) const GRAYS: [[u8; 4]; 256] = {
        let mut colors = [[255; 4]; 256];
        let mut level = 0_u8;
        while level < 255 {
            colors[level as usize] = [level, level, level, 255];
            level += 1;
        }
        colors
    };

    /// Pixels in the colours of their slots, of which `used` says what there is: a
    /// palette of what is used where that is at most 256 colours.
    pub(super) fn pixels(&self, slots: &[u16], used: &[bool; SLOTS]) -> Pixels {
        let mut shown = vec![false; self.colors.len()];
        for (place, used) in std::iter::zip(&self.places, used) {
            shown[*place] |= used;
        }
        let mut palette = Vec::with_capacity(self.colors.len());
        // The place of each colour among those that are shown.
        let mut moved = vec![0; self.colors.len()];
        for ((color, shown), moved) in self.colors.iter().zip(shown).zip(&mut moved) {
            if shown {
                *moved = palette.len();
                palette.push(*color);
            }
        }
        let index = |place: usize| u8::try_from(moved[place]).ok();
        let every: Option<Vec<u8>> = self.places.iter().map(|&place| index(place)).collect();
        match every {
            Some(indices) => Pixels::Indexed {
                palette,
                indices: slots
                    .iter()
                    .map(|&slot| indices[usize::from(slot)])
                    .collect(),
            },
            None => self.direct(slots, &palette),
        }
    }

    /// Pixels of over 256 colours, one of which is the hole.
    fn direct(&self, slots: &[u16], palette: &[[u8; 4]]) -> Pixels {
        let shown = self.places.map(|place| self.colors[place]);
        let translucent = palette.iter().any(|color| !matches!(color[3], 0 | 255));
        let is_free = |blue: &u8| !palette[1..].contains(&[0, 0, *blue, 255]);
        if let Some(free) = (0..=255_u8).find(is_free).filter(|_| !translucent) {
            let hole = [0, 0, free];
            let opaque = shown.map(
                |[red, green, blue, alpha]| {
                    if alpha == 0 { hole } else { [red, green, blue] }
                },
            );
            let data = slots.iter().map(|&slot| opaque[usize::from(slot)]);
            Pixels::Rgb {
                data: data.collect::<Vec<_>>().into_flattened(),
                hole: Some(hole),
            }
        } else {
            let data = slots.iter().map(|&slot| shown[usize::from(slot)]);
            Pixels::Rgba {
                data: data.collect::<Vec<_>>().into_flattened(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of all 257 slots.
    fn all(colors: &[[u8; 4]; 256]) -> Pixels {
        let slots: Vec<u16> = (0..=HOLE).collect();
        Palette::new(colors).pixels(&slots, &[true; SLOTS])
    }

    fn reds() -> [[u8; 4]; 256] {
        let mut colors = [[0; 4]; 256];
        for (level, color) in (0..=255).zip(&mut colors) {
            *color = [level, 7, 0, 255];
        }
        colors
    }

    #[test]
    fn translucent_colours_come_before_opaque_ones_and_invisible_ones_are_the_hole() {
        let mut colors = [[1, 1, 1, 255]; 256];
        colors[4] = [9, 9, 9, 0];
        colors[5] = [2, 2, 2, 128];
        let Pixels::Indexed { palette, indices } = all(&colors) else {
            panic!("three colours need no more than a palette");
        };
        assert_eq!(palette, [[0; 4], [2, 2, 2, 128], [1, 1, 1, 255]]);
        assert_eq!(indices[3..6], [2, 0, 1]);
        assert_eq!(indices[256], 0);
    }

    #[test]
    fn more_colours_than_a_palette_has_are_rgb_or_with_translucent_ones_rgba() {
        let mut colors = reds();
        let Pixels::Rgb { data, hole } = all(&colors) else {
            panic!("opaque colours and a hole need no alpha");
        };
        assert_eq!(hole, Some([0; 3]));
        assert_eq!(data[3 * 255..], [255, 7, 0, 0, 0, 0]);
        colors[255][3] = 128;
        let Pixels::Rgba { data } = all(&colors) else {
            panic!("translucent colours need alpha");
        };
        assert_eq!(data[4 * 255..], [255, 7, 0, 128, 0, 0, 0, 0]);
    }
}
