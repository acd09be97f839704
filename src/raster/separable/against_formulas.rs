//! Wide kernels and statistics of areas against plain formulas, by tables and at
//! positions one by one.

use proptest::prelude::*;

use super::{
    tests::{raster, resample, table},
    *,
};
use crate::grid::{Epsg, GeoTransform};

const SHAPE: Shape = Shape { rows: 23, cols: 31 };

/// The methods that are not the builder's at positions one by one.
const GATHERED_ALIKE: [Resampling; 12] = [
    Resampling::Nearest,
    Resampling::Bilinear,
    Resampling::CubicSpline,
    Resampling::Lanczos,
    Resampling::Mode,
    Resampling::Max,
    Resampling::Min,
    Resampling::Med,
    Resampling::Q1,
    Resampling::Q3,
    Resampling::Sum,
    Resampling::Rms,
];

fn float(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap())
}

/// The valid samples with the place of their first corner, row and column.
fn valid(source: &Raster<f64>) -> impl Iterator<Item = (f64, f64, f64)> {
    let cols = source.shape.cols;
    let numbered = source.data.iter().enumerate();
    let placed = numbered.map(move |(n, sample)| (float(n / cols), float(n % cols), *sample));
    placed.filter(|(_, _, sample)| sample.total_cmp(&0.0).is_ne())
}

fn spline(x: f64) -> f64 {
    match x.abs() {
        x if x < 1.0 => (4.0 - 6.0 * x * x + 3.0 * x.powi(3)) / 6.0,
        x if x < 2.0 => (2.0 - x).powi(3) / 6.0,
        _ => 0.0,
    }
}

fn windowed_sinc(x: f64) -> f64 {
    let sinc = |x: f64| {
        let x = x * std::f64::consts::PI;
        if x.abs() < 1e-9 { 1.0 } else { x.sin() / x }
    };
    if x.abs() < 3.0 {
        sinc(x) * sinc(x / 3.0)
    } else {
        0.0
    }
}

/// The mean of the valid samples by a kernel of this radius, and which part of those
/// of the image it reaches are valid.
fn mixed(
    source: &Raster<f64>,
    (row, col): (f64, f64),
    kernel: fn(f64) -> f64,
    radius: f64,
) -> (f64, f64) {
    let is_near = |r: f64, c: f64| {
        let (down, across) = ((r + 0.5 - row).abs(), (c + 0.5 - col).abs());
        down < radius && across < radius
    };
    let (mut sum, mut weight, mut count) = (0.0, 0.0, 0.0);
    for (r, c, sample) in valid(source).filter(|(r, c, _)| is_near(*r, *c)) {
        let w = kernel(r + 0.5 - row) * kernel(c + 0.5 - col);
        sum += w * sample;
        weight += w;
        count += 1.0;
    }
    let all = (0..SHAPE.rows * SHAPE.cols)
        .filter(|n| is_near(float(n / SHAPE.cols), float(n % SHAPE.cols)))
        .count();
    (sum / weight, count / float(all))
}

/// A statistic of values and the areas of their cells, by its definition.
fn told(resampling: Resampling, mut cells: Vec<(f64, f64)>) -> Option<f64> {
    cells.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    let quarter = |quarters: usize| cells.get((quarters * cells.len()).div_ceil(4) - 1);
    let area: f64 = cells.iter().map(|(_, area)| area).sum();
    let of_value = |value: f64| -> f64 {
        let same = cells.iter().filter(|(v, _)| v.total_cmp(&value).is_eq());
        same.map(|(_, area)| area).sum()
    };
    if cells.is_empty() {
        return None;
    }
    let chosen = match resampling {
        Resampling::Max => cells.last(),
        Resampling::Min => cells.first(),
        Resampling::Q1 => quarter(1),
        Resampling::Med => quarter(2),
        Resampling::Q3 => quarter(3),
        Resampling::Mode => {
            let most = cells.iter().map(|(v, _)| of_value(*v)).fold(0.0, f64::max);
            cells.iter().find(|(v, _)| of_value(*v) >= most - 1e-9)
        }
        Resampling::Sum => return Some(cells.iter().map(|(v, area)| v * area).sum()),
        Resampling::Rms => {
            let squares: f64 = cells.iter().map(|(v, area)| v * v * area).sum();
            return Some((squares / area).sqrt());
        }
        Resampling::Average => {
            let sum: f64 = cells.iter().map(|(v, area)| v * area).sum();
            return Some(sum / area);
        }
        Resampling::Nearest
        | Resampling::Bilinear
        | Resampling::Cubic
        | Resampling::CubicSpline
        | Resampling::Lanczos => None,
    };
    chosen.map(|(value, _)| *value)
}

/// [`gather`] at the positions of two tables of 9 pixels that begin at a row and a column.
fn gathered<T: Sample>(
    source: &Raster<T>,
    [row, col]: [f64; 2],
    step: f64,
    resampling: Resampling,
    nodata: T,
) -> Raster<T> {
    let grid = Grid {
        crs: Epsg::WGS84,
        transform: GeoTransform {
            origin_x: 0.0,
            origin_y: 0.0,
            cell_width: 1.0,
            cell_height: -1.0,
        },
        shape: source.shape,
    };
    let at = |start: f64, n: usize| start + (float(n) + 0.5) * step;
    let places = || (0..81).map(|n| (at(row, n / 9), at(col, n % 9)));
    let positions = Positions {
        shape: Shape { rows: 9, cols: 9 },
        x: places().map(|(_, x)| x).collect(),
        y: places().map(|(y, _)| -y).collect(),
    };
    let ratio = CellRatio { x: step, y: step };
    let window = source.shape.window();
    gather(
        source.clone(),
        window,
        &grid,
        &positions,
        ratio,
        resampling,
        nodata,
    )
}

proptest! {
    #[test]
    fn wide_kernels_are_means_of_the_valid_by_their_formula(
        seed: u64,
        (row, col) in (0.0..23.0, 0.0..31.0),
    ) {
        let source: Raster<f64> = raster(SHAPE, seed);
        let rows = AxisTable::new([row], SHAPE.rows);
        let cols = AxisTable::new([col], SHAPE.cols);
        let own = resample(&source, SHAPE.window(), &rows, &cols, Resampling::Nearest, 0.0).data[0];
        for (resampling, kernel, radius) in [
            (Resampling::CubicSpline, spline as fn(f64) -> f64, 2.0),
            (Resampling::Lanczos, windowed_sinc, 3.0),
        ] {
            let got = resample(&source, SHAPE.window(), &rows, &cols, resampling, 0.0).data[0];
            let (mean, share) = mixed(&source, (row, col), kernel, radius);
            if own == 0.0 {
                prop_assert!(got == 0.0, "{:?} {}", resampling, got);
            } else if resampling == Resampling::CubicSpline || share > 0.52 {
                prop_assert!((got - mean).abs() < 1e-6 * (1.0 + mean.abs()), "{:?} {} {}", resampling, got, mean);
            } else if share < 0.47 {
                prop_assert!(got == 0.0, "{:?} {}", resampling, got);
            }
        }
    }

    #[test]
    fn statistics_are_of_the_valid_cells_that_a_pixel_covers(
        seed: u64,
        (top, height) in (-4.0..20.0, 0.1..9.0),
        (left, width) in (-4.0..28.0, 0.1..9.0),
    ) {
        let source: Raster<f64> = raster(SHAPE, seed);
        let rows = table(top, height, 1, SHAPE.rows, false);
        let cols = table(left, width, 1, SHAPE.cols, false);
        let overlap = |n: f64, from: f64, len: f64| {
            ((from + len).min(n + 1.0) - from.max(n)).max(0.0)
        };
        let cells: Vec<(f64, f64)> = valid(&source)
            .map(|(r, c, sample)| (sample, overlap(r, top, height) * overlap(c, left, width)))
            .filter(|(_, area)| *area > 0.0)
            .collect();
        for resampling in Resampling::ALL.into_iter().filter(|method| method.is_of_areas()) {
            let got = resample(&source, SHAPE.window(), &rows, &cols, resampling, 0.0).data[0];
            let expected = told(resampling, cells.clone()).unwrap_or(0.0);
            prop_assert!((got - expected).abs() < 1e-6, "{:?} {} {}", resampling, got, expected);
        }
    }

    #[test]
    fn positions_one_by_one_give_what_tables_give(
        seed: u64,
        // In steps that binary fractions hold, so that areas are the same.
        places in prop::array::uniform2(-64_i16..400),
        step in 1_u8..64,
    ) {
        let start = places.map(|place| f64::from(place) / 16.0);
        let step = f64::from(step) / 16.0;
        let source: Raster<i16> = raster(SHAPE, seed);
        let rows = table(start[0], step, 9, SHAPE.rows, false);
        let cols = table(start[1], step, 9, SHAPE.cols, false);
        for resampling in GATHERED_ALIKE {
            let by_tables = resample(&source, SHAPE.window(), &rows, &cols, resampling, 0);
            let one_by_one = gathered(&source, start, step, resampling, 0);
            for (a, b) in std::iter::zip(by_tables.data, one_by_one.data) {
                // Halves, of sums in another order.
                prop_assert!((a - b).abs() <= 1, "{:?} {} {}", resampling, a, b);
            }
        }
    }
}

#[test]
fn what_is_constant_stays_so_and_holes_stay_holes() {
    let mut source = Raster::filled(SHAPE, 4321_u16);
    for row in 8..14 {
        source.row_mut(row)[10..16].fill(0);
    }
    for step in [0.3, 1.0, 2.7] {
        let rows = table(-1.0, step, 9, SHAPE.rows, false);
        let cols = table(4.0, step, 9, SHAPE.cols, false);
        for resampling in Resampling::ALL {
            if resampling == Resampling::Sum {
                continue;
            }
            let by_tables = resample(&source, SHAPE.window(), &rows, &cols, resampling, 0);
            let one_by_one = gathered(&source, [-1.0, 4.0], step, resampling, 0);
            for value in [by_tables.data, one_by_one.data].concat() {
                assert!([0, 4321].contains(&value), "{resampling:?} {value}");
            }
        }
    }
    let inside = AxisTable::new([11.0], SHAPE.rows).with_edges([10.5, 11.5]);
    let across = AxisTable::new([13.0], SHAPE.cols).with_edges([12.5, 13.5]);
    for resampling in Resampling::ALL {
        let hole = resample(&source, SHAPE.window(), &inside, &across, resampling, 0);
        assert_eq!(hole.data, [0], "{resampling:?}");
    }
}

#[test]
fn a_pixel_that_covers_all_there_is_takes_no_more_than_a_look_at_each_cell() {
    let shape = Shape {
        rows: 600,
        cols: 800,
    };
    // No two alike: with a search for each value it would be 10^11 comparisons.
    let source = Raster {
        shape,
        data: (0..480_000_u32).map(f64::from).collect(),
    };
    let rows = table(0.0, 600.0, 1, shape.rows, false);
    let cols = table(0.0, 800.0, 1, shape.cols, false);
    let of = |resampling| resample(&source, shape.window(), &rows, &cols, resampling, -1.0).data;
    assert_eq!(of(Resampling::Mode), [0.0]);
    assert_eq!(of(Resampling::Med), [239_999.0]);
    assert_eq!(of(Resampling::Max), [479_999.0]);
}

#[test]
fn an_edge_that_is_only_touched_by_rounding_is_not_covered() {
    let source = Raster {
        shape: Shape { rows: 1, cols: 3 },
        data: vec![900_u16, 5, 900],
    };
    let rows = table(0.0, 1.0, 1, 1, false);
    let cols = AxisTable::new([1.5], 3).with_edges([1.0 - 1e-13, 2.0 + 1e-13]);
    let window = source.shape.window();
    assert_eq!(
        resample(&source, window, &rows, &cols, Resampling::Max, 0).data,
        [5]
    );
}
