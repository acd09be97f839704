//! Dilation, erosion, opening and closing of a binary image by a disc.
//!
//! The disc of a radius `r` is every offset with `dx² + dy² <= r²`, so that the
//! results are those of a threshold on the exact Euclidean distance, as in
//! scikit-image's `isotropic_*` functions, which odc-algo cleans masks with
//! (Ragnemalm, "Fast erosion and dilation by contour processing and
//! thresholding of distance maps", Pattern Recognition Letters 13, 1992).
//! What is outside of the image is in no way part of it: it neither grows in
//! by dilation nor eats in by erosion.
//!
//! 64 cells are one machine word here. A row that is widened by one cell at a
//! time is, in turn, every row of the disc's shape around what is set in it,
//! so a disc costs a few operations for each of its rows and each word of the
//! image, not one for each of its cells and the image's.

use crate::grid::Shape;

/// Cells in a word.
const CELLS: usize = 64;

/// A binary image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BitMask {
    shape: Shape,
    /// Words in a row. Bits beyond the last column are 0.
    stride: usize,
    words: Vec<u64>,
}

impl BitMask {
    /// An image with nothing set.
    #[must_use]
    pub fn empty(shape: Shape) -> Self {
        let stride = shape.cols.div_ceil(CELLS);
        Self {
            shape,
            stride,
            words: vec![0; stride * shape.rows],
        }
    }

    /// An image of which the cells are set whose sample, row by row, meets a
    /// condition.
    #[must_use]
    pub fn of<T: Copy>(shape: Shape, samples: &[T], is_set: impl Fn(T) -> bool) -> Self {
        let mut mask = Self::empty(shape);
        if shape.cols > 0 {
            let rows = samples.chunks_exact(shape.cols);
            for (words, row) in std::iter::zip(mask.words.chunks_exact_mut(mask.stride), rows) {
                for (word, cells) in std::iter::zip(words, row.chunks(CELLS)) {
                    for (bit, sample) in cells.iter().enumerate() {
                        *word |= u64::from(is_set(*sample)) << bit;
                    }
                }
            }
        }
        mask
    }

    /// Whether nothing is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Sets those of `cells`, row by row, that are set here.
    pub fn set_in(&self, cells: &mut [bool]) {
        if self.shape.cols == 0 {
            return;
        }
        let rows = cells.chunks_exact_mut(self.shape.cols);
        for (words, row) in std::iter::zip(self.words.chunks_exact(self.stride), rows) {
            for (word, cells) in std::iter::zip(words, row.chunks_mut(CELLS)) {
                if *word != 0 {
                    for (bit, cell) in cells.iter_mut().enumerate() {
                        *cell |= word >> bit & 1 == 1;
                    }
                }
            }
        }
    }

    /// Every cell within `radius` of one that is set.
    #[must_use]
    pub fn dilate(&self, radius: usize) -> Self {
        let half_widths: Vec<usize> = (0..=radius)
            .map(|dy| (radius * radius - dy * dy).isqrt())
            .collect();
        let mut dilated = Self::empty(self.shape);
        let mut widened = vec![0; self.stride];
        for row in 0..self.shape.rows {
            let source = self.row(row);
            if source.iter().all(|word| *word == 0) {
                continue;
            }
            widened.copy_from_slice(source);
            let mut width = 0;
            // From the disc's top, which is the narrowest, to its middle.
            for (dy, half_width) in half_widths.iter().enumerate().rev() {
                while width < *half_width {
                    widen(&mut widened);
                    width += 1;
                }
                if let Some(above) = row.checked_sub(dy) {
                    dilated.set_row(above, &widened);
                }
                if row + dy < self.shape.rows {
                    dilated.set_row(row + dy, &widened);
                }
            }
        }
        dilated.clear_padding();
        dilated
    }

    /// Every cell that is set and has none within `radius` that is not.
    #[must_use]
    pub fn erode(&self, radius: usize) -> Self {
        self.complement().dilate(radius).complement()
    }

    /// Every cell of a disc that fits into what is set.
    #[must_use]
    pub fn open(&self, radius: usize) -> Self {
        self.erode(radius).dilate(radius)
    }

    /// Every cell but those of a disc that fits beside what is set.
    #[must_use]
    pub fn close(&self, radius: usize) -> Self {
        self.dilate(radius).erode(radius)
    }

    fn row(&self, row: usize) -> &[u64] {
        &self.words[row * self.stride..(row + 1) * self.stride]
    }

    fn set_row(&mut self, row: usize, from: &[u64]) {
        let words = &mut self.words[row * self.stride..(row + 1) * self.stride];
        for (word, from) in std::iter::zip(words, from) {
            *word |= from;
        }
    }

    fn complement(&self) -> Self {
        let mut complement = self.clone();
        for word in &mut complement.words {
            *word = !*word;
        }
        complement.clear_padding();
        complement
    }

    fn clear_padding(&mut self) {
        let used = self.shape.cols % CELLS;
        if used != 0 {
            for last in self
                .words
                .iter_mut()
                .skip(self.stride - 1)
                .step_by(self.stride)
            {
                *last &= (1 << used) - 1;
            }
        }
    }
}

/// Sets the neighbours to the left and right of what is set in a row. What goes
/// beyond the last word is lost, and with it nothing: all up to there is set.
fn widen(row: &mut [u64]) {
    let mut before = 0;
    for n in 0..row.len() {
        let word = row[n];
        let after = row.get(n + 1).copied().unwrap_or(0);
        row[n] = word | word << 1 | word >> 1 | before >> 63 | after << 63;
        before = word;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Images of all kinds: a few cells, a few gaps, noise, nothing, all; as
    /// narrow as a cell and wider than a word.
    fn image() -> impl Strategy<Value = (Shape, Vec<bool>)> {
        let density = prop_oneof![Just(0.0), Just(0.02), Just(0.5), Just(0.98), Just(1.0)];
        (1_usize..40, 1_usize..150, density).prop_flat_map(|(rows, cols, density)| {
            let cells = proptest::collection::vec(proptest::bool::weighted(density), rows * cols);
            (Just(Shape { rows, cols }), cells)
        })
    }

    fn mask(shape: Shape, cells: &[bool]) -> BitMask {
        BitMask::of(shape, cells, |cell| cell)
    }

    fn cells(mask: &BitMask) -> Vec<bool> {
        let mut cells = vec![false; mask.shape.rows * mask.shape.cols];
        mask.set_in(&mut cells);
        cells
    }

    fn is_within(mask: &BitMask, other: &BitMask) -> bool {
        std::iter::zip(&mask.words, &other.words).all(|(a, b)| a & !b == 0)
    }

    fn brute_force_dilation(shape: Shape, cells: &[bool], radius: usize) -> Vec<bool> {
        let at = |n: usize| (n / shape.cols, n % shape.cols);
        let set: Vec<_> = (0..cells.len()).filter(|n| cells[*n]).map(at).collect();
        let is_near = |(row, col): (usize, usize)| {
            set.iter().any(|(r, c)| {
                let (dy, dx) = (row.abs_diff(*r), col.abs_diff(*c));
                dx * dx + dy * dy <= radius * radius
            })
        };
        (0..cells.len()).map(|n| is_near(at(n))).collect()
    }

    #[test]
    fn a_dilated_cell_is_a_disc() {
        let shape = Shape { rows: 7, cols: 7 };
        let mut cells = [false; 49];
        cells[24] = true;
        let disc = self::cells(&mask(shape, &cells).dilate(3));
        let picture: Vec<String> = disc
            .chunks(7)
            .map(|row| row.iter().map(|c| if *c { '#' } else { '.' }).collect())
            .collect();
        assert_eq!(
            picture,
            [
                "...#...", ".#####.", ".#####.", "#######", ".#####.", ".#####.", "...#..."
            ]
        );
    }

    #[test]
    fn an_image_that_is_all_or_nothing_stays_so_up_to_its_edges() {
        let shape = Shape { rows: 5, cols: 70 };
        for image in [mask(shape, &[false; 350]), mask(shape, &[true; 350])] {
            for radius in [0, 1, 2, 64] {
                for after in [
                    image.dilate(radius),
                    image.erode(radius),
                    image.open(radius),
                    image.close(radius),
                ] {
                    assert_eq!(after, image);
                }
            }
        }
    }

    #[test]
    fn an_image_without_cells_has_no_neighbours() {
        for shape in [Shape { rows: 0, cols: 9 }, Shape { rows: 9, cols: 0 }] {
            assert!(mask(shape, &[]).close(3).is_empty());
            assert!(cells(&mask(shape, &[]).dilate(3)).is_empty());
        }
    }

    #[test]
    fn an_opening_takes_a_road_and_leaves_a_cloud() {
        let shape = Shape {
            rows: 40,
            cols: 100,
        };
        let (mut road, mut cloud) = (vec![false; 4000], vec![false; 4000]);
        for n in 0..4000 {
            let (row, col) = (n / 100, n % 100);
            road[n] = row == 5 || row == 6;
            cloud[n] = (15..30).contains(&row) && (20..90).contains(&col);
        }
        let both: Vec<bool> = std::iter::zip(&road, &cloud)
            .map(|(r, c)| *r || *c)
            .collect();
        let opened = mask(shape, &both).open(2);
        assert!(is_within(&opened, &mask(shape, &cloud)));
        let lost = std::iter::zip(cells(&opened), cloud).filter(|(o, c)| o != c);
        assert!(lost.count() <= 4 * 3, "only corners are rounded");
    }

    proptest! {
        #[test]
        fn an_image_is_what_it_was_made_of((shape, cells) in image()) {
            prop_assert_eq!(self::cells(&mask(shape, &cells)), cells);
        }

        #[test]
        fn a_dilation_is_every_cell_within_the_radius((shape, cells) in image(), radius in 0_usize..20) {
            let dilated = mask(shape, &cells).dilate(radius);
            prop_assert_eq!(self::cells(&dilated), brute_force_dilation(shape, &cells, radius));
        }

        #[test]
        fn an_erosion_is_a_dilation_of_the_rest((shape, cells) in image(), radius in 0_usize..20) {
            let rest: Vec<bool> = cells.iter().map(|cell| !cell).collect();
            let expected: Vec<bool> = brute_force_dilation(shape, &rest, radius)
                .iter()
                .map(|cell| !cell)
                .collect();
            prop_assert_eq!(self::cells(&mask(shape, &cells).erode(radius)), expected);
        }

        #[test]
        fn opening_takes_away_closing_adds_and_both_are_done_after_once(
            (shape, cells) in image(), radius in 0_usize..20,
        ) {
            let image = mask(shape, &cells);
            let (opened, closed) = (image.open(radius), image.close(radius));
            prop_assert!(is_within(&opened, &image) && is_within(&image, &closed));
            prop_assert_eq!(opened.open(radius), opened);
            prop_assert_eq!(closed.close(radius), closed);
        }

        #[test]
        fn every_operation_keeps_the_order_of_images(
            (shape, cells) in image(), extra in 0_usize..6000, radius in 0_usize..12,
        ) {
            let mut more = cells.clone();
            more[extra % cells.len()] = true;
            let (less, more) = (mask(shape, &cells), mask(shape, &more));
            prop_assert!(is_within(&less.dilate(radius), &more.dilate(radius)));
            prop_assert!(is_within(&less.erode(radius), &more.erode(radius)));
            prop_assert!(is_within(&less.open(radius), &more.open(radius)));
            prop_assert!(is_within(&less.close(radius), &more.close(radius)));
        }
    }
}
