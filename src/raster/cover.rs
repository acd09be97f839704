//! Which share of each pixel polygons cover, as GDAL and rio-tiler tell it: each pixel
//! is divided into smaller ones, and those that a polygon touches count.

use super::Raster;
use crate::grid::Shape;

/// The side of a polygon, its upper end first.
#[derive(Clone, Copy, Debug)]
struct Edge {
    x: [f64; 2],
    y: [f64; 2],
}

impl Edge {
    fn new([x0, y0]: [f64; 2], [x1, y1]: [f64; 2]) -> Self {
        if y0 <= y1 {
            Self {
                x: [x0, x1],
                y: [y0, y1],
            }
        } else {
            Self {
                x: [x1, x0],
                y: [y1, y0],
            }
        }
    }

    fn x_at(&self, y: f64) -> f64 {
        let share = (y - self.y[0]) / (self.y[1] - self.y[0]);
        self.x[0] + share * (self.x[1] - self.x[0])
    }

    /// The columns of the row that begins at `y` and is 1 high that it touches; what is
    /// on a border touches what is right of and below it.
    fn touched(&self, y: f64) -> Option<(f64, f64)> {
        let [top, bottom] = self.y;
        let is_flat = top.total_cmp(&bottom).is_eq();
        if top >= y + 1.0 || bottom < y || (bottom <= y && !is_flat) {
            return None;
        }
        let [a, b] = if is_flat {
            self.x
        } else {
            [self.x_at(top.max(y)), self.x_at(bottom.min(y + 1.0))]
        };
        let (low, high) = (a.min(b), a.max(b));
        Some((low.floor(), high.ceil().max(low.floor() + 1.0)))
    }
}

/// The share of each pixel, 0 to 1, that lies in rings: what an odd number of them holds
/// is inside. Points are a column and a row, counted from the corner of the first pixel.
/// Each pixel is divided into `scale` times `scale`; with 1 it is touched or not.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    reason = "a picture has far fewer than 2^24 pixels along a side"
)]
pub fn coverage(rings: &[Vec<[f64; 2]>], shape: Shape, scale: usize) -> Raster<f32> {
    let fine = scale as f64;
    let point = |point: &[f64; 2]| [point[0] * fine, point[1] * fine];
    let mut edges = Vec::new();
    for ring in rings {
        let ends = ring.iter().skip(1).chain(ring.first());
        edges.extend(std::iter::zip(ring, ends).map(|(a, b)| Edge::new(point(a), point(b))));
    }
    let mut covered = Raster::filled(shape, 0.0);
    let mut line = vec![false; shape.cols * scale];
    let all = (scale * scale) as f32;
    for row in 0..shape.rows {
        let top = (row * scale) as f64;
        let near = |edge: &&Edge| edge.y[0] < top + fine && edge.y[1] >= top;
        let near: Vec<Edge> = edges.iter().filter(near).copied().collect();
        if near.is_empty() {
            continue;
        }
        let mut counts = vec![0_u32; shape.cols];
        for sub in 0..scale {
            line.fill(false);
            mark(&near, top + sub as f64, &mut line);
            for (count, cells) in std::iter::zip(&mut counts, line.chunks(scale)) {
                *count += cells.iter().map(|is_in| u32::from(*is_in)).sum::<u32>();
            }
        }
        for (share, count) in std::iter::zip(covered.row_mut(row), counts) {
            *share = count as f32 / all;
        }
    }
    covered
}

/// Marks what is inside at the middle of a row, and what is touched in it.
fn mark(edges: &[Edge], y: f64, line: &mut [bool]) {
    let middle = y + 0.5;
    let crossed = edges
        .iter()
        .filter(|edge| edge.y[0] <= middle && middle < edge.y[1]);
    let mut crossings: Vec<f64> = crossed.map(|edge| edge.x_at(middle)).collect();
    crossings.sort_unstable_by(f64::total_cmp);
    for pair in crossings.chunks_exact(2) {
        fill(line, (pair[0] - 0.5).ceil(), (pair[1] - 0.5).ceil());
    }
    for (start, end) in edges.iter().filter_map(|edge| edge.touched(y)) {
        fill(line, start, end);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast saturates, and is cut to the line"
)]
fn fill(line: &mut [bool], start: f64, end: f64) {
    let end = (end as usize).min(line.len());
    let start = (start as usize).min(end);
    line[start..end].fill(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { rows: 4, cols: 4 };

    fn shares(rings: &[Vec<[f64; 2]>], scale: usize) -> Vec<f32> {
        coverage(rings, SHAPE, scale).data
    }

    fn square(low: f64, high: f64) -> Vec<[f64; 2]> {
        vec![[low, low], [high, low], [high, high], [low, high]]
    }

    #[test]
    fn what_covers_all_covers_all_and_what_is_beside_nothing() {
        assert_eq!(shares(&[square(-3.0, 9.0)], 10), [1.0; 16]);
        assert_eq!(shares(&[square(0.0, 4.0)], 10), [1.0; 16]);
        assert_eq!(shares(&[square(5.0, 9.0)], 10), [0.0; 16]);
        assert_eq!(shares(&[], 10), [0.0; 16]);
    }

    #[test]
    fn shares_come_near_the_area_and_parts_that_are_touched_count() {
        // From 0.55 to 2.45: the outermost parts are touched.
        let found = shares(&[square(0.55, 2.45)], 10);
        let along = [0.5_f32, 1.0, 0.5, 0.0];
        for (n, share) in found.iter().enumerate() {
            let expected = along[n / 4] * along[n % 4];
            assert!((share - expected).abs() < 1e-6, "{n} {share} {expected}");
        }
        let triangle = vec![[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]];
        let area: f32 = shares(&[triangle], 100).iter().sum();
        assert!((area - 8.0).abs() < 0.05, "{area}");
    }

    #[test]
    fn a_hole_is_left_out_but_for_its_rim() {
        let found = shares(&[square(0.0, 4.0), square(1.05, 2.95)], 10);
        assert!((found[0] - 1.0).abs() < 1e-6);
        assert!(found[5] > 0.1 && found[5] < 0.3, "{}", found[5]);
    }

    #[test]
    fn with_one_part_a_pixel_it_is_touched_or_not() {
        let sliver = vec![[0.2, 1.2], [3.4, 1.3], [3.4, 1.31]];
        let found = shares(&[sliver], 1);
        let expected: Vec<f32> = (0..16)
            .map(|n| if n / 4 == 1 { 1.0 } else { 0.0 })
            .collect();
        assert_eq!(found, expected);
    }
}
