//! Kernels against plain formulas, and chunked against whole.

use proptest::prelude::*;

use super::*;
use crate::{
    grid::ChunkIndex,
    raster::{AreaMean, PartOfMean},
};

/// Resamples a window by tables.
pub(super) fn resample<T: Sample>(
    source: &Raster<T>,
    window: Window,
    rows: &AxisTable,
    cols: &AxisTable,
    resampling: Resampling,
    nodata: T,
) -> Raster<T> {
    let mosaic = Mosaic::of_raster(source, window, nodata);
    let validity = Validity::new(Some(nodata));
    resample_mosaic(&mosaic, rows, cols, resampling, &validity)
}

/// Samples of which some are 0, by a small generator.
pub(super) fn raster<T: Sample>(shape: Shape, seed: u64) -> Raster<T> {
    let mut state = seed | 1;
    let data = (0..shape.rows * shape.cols)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let byte = u8::try_from(state >> 57).unwrap();
            T::from_f64(f64::from(byte.saturating_sub(20)))
        })
        .collect();
    Raster { shape, data }
}

/// The chunks of a raster, whole ones, padded with `pad`.
fn chunks_of<T: Sample>(raster: &Raster<T>, chunk: Shape, pad: T) -> (Shape, Vec<Vec<T>>) {
    let count = Shape {
        rows: raster.shape.rows.div_ceil(chunk.rows),
        cols: raster.shape.cols.div_ceil(chunk.cols),
    };
    let sample = |row: usize, col: usize| {
        let is_inside = row < raster.shape.rows && col < raster.shape.cols;
        if is_inside { raster.row(row)[col] } else { pad }
    };
    let chunks = (0..count.rows * count.cols)
        .map(|n| {
            let (row, col) = (n / count.cols * chunk.rows, n % count.cols * chunk.cols);
            (0..chunk.rows * chunk.cols)
                .map(|k| sample(row + k / chunk.cols, col + k % chunk.cols))
                .collect()
        })
        .collect();
    (count, chunks)
}

/// Tables of `n` pixels whose side is `step`, the first edge at `start`.
pub(super) fn table(start: f64, step: f64, n: u16, len: usize, is_periodic: bool) -> AxisTable {
    let edge = move |n: f64| start + n * step;
    let centres = (0..n).map(move |n| edge(f64::from(n) + 0.5));
    let table = if is_periodic {
        AxisTable::periodic(centres, len)
    } else {
        AxisTable::new(centres, len)
    };
    table.with_edges((0..=n).map(|n| edge(f64::from(n))))
}

fn bits<T: Sample>(raster: &Raster<T>) -> Vec<u64> {
    raster.data.iter().map(|v| v.to_f64().to_bits()).collect()
}

fn chunked_is_whole<T: Sample>(
    seed: u64,
    chunk: Shape,
    rows: &AxisTable,
    cols: &AxisTable,
    nodata: Option<T>,
) -> Result<(), TestCaseError> {
    let source: Raster<T> = raster(SHAPE, seed);
    let validity = Validity::new(nodata);
    let (count, chunks) = chunks_of(&source, chunk, validity.fill());
    let first = ChunkIndex { row: 0, col: 0 };
    let slices = chunks.iter().map(|chunk| Some(&chunk[..])).collect();
    let mosaic = Mosaic::new(chunk, first, count, slices, validity.fill());
    let whole = Mosaic::of_raster(&source, SHAPE.window(), validity.fill());
    for resampling in Resampling::ALL {
        let expected = resample_mosaic(&whole, rows, cols, resampling, &validity);
        let got = resample_mosaic(&mosaic, rows, cols, resampling, &validity);
        prop_assert_eq!(bits(&got), bits(&expected), "{:?}", resampling);
    }
    Ok(())
}

const SHAPE: Shape = Shape { rows: 23, cols: 31 };

proptest! {
    #[test]
    fn a_mosaic_gives_what_the_assembled_raster_gives(
        seed: u64,
        (chunk_rows, chunk_cols) in (1_usize..12, 1_usize..12),
        (row, row_step) in (-3.0..20.0, prop_oneof![0.1..3.0, -2.0..-0.1, Just(1.0)]),
        (col, col_step) in (-3.0..20.0, prop_oneof![0.1..3.0, Just(1.0)]),
        is_periodic: bool,
    ) {
        let chunk = Shape { rows: chunk_rows, cols: chunk_cols };
        let rows = table(row, row_step, 9, SHAPE.rows, false);
        let cols = table(col, col_step, 9, SHAPE.cols, is_periodic);
        chunked_is_whole::<u8>(seed, chunk, &rows, &cols, Some(0))?;
        chunked_is_whole::<i16>(seed, chunk, &rows, &cols, None)?;
        chunked_is_whole::<i64>(seed, chunk, &rows, &cols, Some(0))?;
        chunked_is_whole::<f32>(seed, chunk, &rows, &cols, Some(0.0))?;
        chunked_is_whole::<f64>(seed, chunk, &rows, &cols, None)?;
    }

    #[test]
    fn a_turn_more_and_another_seam_change_nothing(
        seed: u64,
        turn in -2_i32..3,
        shift in 0_usize..31,
        // In steps that binary fractions hold, so that turns are exact.
        (start, step) in (0_u16..900, 1_u16..120).prop_map(|(a, b)| (f64::from(a) / 32.0, f64::from(b) / 32.0)),
    ) {
        let source: Raster<f64> = raster(SHAPE, seed);
        let mut turned = source.clone();
        for row in 0..SHAPE.rows {
            turned.row_mut(row).rotate_left(shift);
        }
        let moved = start - f64::from(u32::try_from(shift).unwrap()) + f64::from(turn * 31);
        let rows = table(0.5, 1.3, 9, SHAPE.rows, false);
        let validity = Validity::new(Some(0.0));
        for resampling in Resampling::ALL {
            let sample = |source: &Raster<f64>, start| {
                let mosaic = Mosaic::of_raster(source, SHAPE.window(), 0.0);
                let cols = table(start, step, 9, SHAPE.cols, true);
                resample_mosaic(&mosaic, &rows, &cols, resampling, &validity)
            };
            prop_assert_eq!(sample(&source, start), sample(&turned, moved), "{:?}", resampling);
        }
    }

    #[test]
    fn the_chunks_of_a_table_are_all_that_is_read(
        seed: u64,
        side in 1_usize..9,
        (start, step) in (-40.0..40.0, 0.1..4.0),
        is_periodic: bool,
    ) {
        let source: Raster<u16> = raster(SHAPE, seed);
        let chunk = Shape { rows: SHAPE.rows, cols: side };
        let (count, chunks) = chunks_of(&source, chunk, 0);
        let rows = table(0.0, 2.0, 9, SHAPE.rows, false);
        let cols = table(start, step, 7, SHAPE.cols, is_periodic);
        for resampling in Resampling::ALL {
            let sample = |is_held: &dyn Fn(usize) -> bool| {
                let slices = (chunks.iter().enumerate())
                    .map(|(n, chunk)| is_held(n).then_some(&chunk[..]))
                    .collect();
                let first = ChunkIndex { row: 0, col: 0 };
                let mosaic = Mosaic::new(chunk, first, count, slices, 0);
                resample_mosaic(&mosaic, &rows, &cols, resampling, &Validity::new(Some(0)))
            };
            let needed = cols.chunks(resampling, side);
            prop_assert_eq!(sample(&|_| true), sample(&|n| needed.contains(&n)));
        }
    }

    #[test]
    fn a_streamed_mean_does_not_depend_on_the_order_of_chunks(
        seed: u64,
        order in Just((0..20_usize).collect::<Vec<_>>()).prop_shuffle(),
        depth in proptest::option::of(1_u32..4),
        is_periodic: bool,
    ) {
        let source: Raster<f32> = raster(SHAPE, seed);
        let chunk = Shape { rows: 6, cols: 7 };
        let (count, chunks) = chunks_of(&source, chunk, f32::NAN);
        let rows = table(-1.0, 6.3, 4, SHAPE.rows, false);
        let cols = table(-2.0, 7.1, 4, SHAPE.cols, is_periodic);
        let mean = AreaMean::new(rows.clone(), cols.clone(), chunk, Validity::new(None));
        let mean = depth.map_or(mean.clone(), |depth| mean.at_most(depth));
        let part = |n: &usize| -> PartOfMean {
            let place = ChunkIndex { row: n / count.cols, col: n % count.cols };
            mean.part(place, &chunks[*n])
        };
        let in_order: Vec<usize> = (0..20).collect();
        let expected = mean.combine(in_order.iter().map(part).collect());
        prop_assert_eq!(bits(&mean.combine(order.iter().map(part).collect())), bits(&expected));
        let needed = |n: &&usize| {
            mean.chunks().contains(&ChunkIndex { row: *n / count.cols, col: *n % count.cols })
        };
        let few = mean.combine(order.iter().filter(needed).map(part).collect());
        prop_assert_eq!(bits(&few), bits(&expected));
        // Nor, but for the grouping of sums, on what the chunks are.
        let whole = AreaMean::new(rows, cols, SHAPE, Validity::new(None));
        let whole = depth.map_or(whole.clone(), |depth| whole.at_most(depth));
        let one = whole.part(ChunkIndex { row: 0, col: 0 }, &source.data);
        for (a, b) in std::iter::zip(whole.combine(vec![one]).data, expected.data) {
            prop_assert!((a - b).abs() < 1e-4 || (a.is_nan() && b.is_nan()), "{} {}", a, b);
        }
    }

    #[test]
    fn cubic_is_the_convolution_by_the_formula_of_keys(
        seed: u64,
        (row, col) in (2.0..20.0, 2.0..28.0),
    ) {
        let mut source: Raster<f64> = raster(SHAPE, seed);
        source.data.iter_mut().for_each(|sample| *sample += 100.0);
        let kernel = |x: f64| {
            let x = x.abs();
            match x {
                _ if x < 1.0 => 1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0,
                _ if x < 2.0 => -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0,
                _ => 0.0,
            }
        };
        let mut expected = 0.0;
        for (n, sample) in source.data.iter().enumerate() {
            let centre = |n: usize| f64::from(u32::try_from(n).unwrap()) + 0.5;
            let (down, across) = (centre(n / SHAPE.cols) - row, centre(n % SHAPE.cols) - col);
            expected += sample * kernel(down) * kernel(across);
        }
        let rows = AxisTable::new([row], SHAPE.rows);
        let cols = AxisTable::new([col], SHAPE.cols);
        let got = resample(&source, SHAPE.window(), &rows, &cols, Resampling::Cubic, 0.0).data[0];
        prop_assert!((got - expected).abs() < 1e-9, "{} {}", got, expected);
    }

    #[test]
    fn average_is_the_mean_of_the_valid_by_area(
        seed: u64,
        (top, height) in (-4.0..20.0, 0.1..9.0),
        (left, width) in (-4.0..28.0, 0.1..9.0),
    ) {
        let source: Raster<u16> = raster(SHAPE, seed);
        let (mut sum, mut area) = (0.0, 0.0);
        for (n, sample) in source.data.iter().enumerate().filter(|(_, sample)| **sample != 0) {
            let overlap = |n: usize, from: f64, len: f64| {
                let n = f64::from(u32::try_from(n).unwrap());
                ((from + len).min(n + 1.0) - from.max(n)).max(0.0)
            };
            let share = overlap(n / SHAPE.cols, top, height) * overlap(n % SHAPE.cols, left, width);
            sum += f64::from(*sample) * share;
            area += share;
        }
        let rows = table(top, height, 1, SHAPE.rows, false);
        let cols = table(left, width, 1, SHAPE.cols, false);
        let got = resample(&source, SHAPE.window(), &rows, &cols, Resampling::Average, 0).data[0];
        if area > 1e-9 {
            prop_assert!((f64::from(got) - sum / area).abs() <= 0.5 + 1e-9, "{} {}", got, sum / area);
        } else if area == 0.0 {
            prop_assert_eq!(got, 0);
        }
    }
}

#[test]
fn cubic_is_bilinear_at_an_edge_and_beside_a_hole() {
    let mut source = Raster::filled(SHAPE, 50_u8);
    source.row_mut(10)[10] = 0;
    source.row_mut(12)[12] = 90;
    for (row, col) in [(0.7, 5.2), (22.6, 5.2), (9.3, 9.2), (11.8, 11.9)] {
        let rows = AxisTable::new([row], SHAPE.rows);
        let cols = AxisTable::new([col], SHAPE.cols);
        let by = |resampling| resample(&source, SHAPE.window(), &rows, &cols, resampling, 0);
        assert_eq!(
            by(Resampling::Cubic),
            by(Resampling::Bilinear),
            "{row} {col}"
        );
    }
}

#[test]
fn nan_and_nodata_are_missing_in_every_mean() {
    let source = Raster {
        shape: Shape { rows: 1, cols: 4 },
        data: vec![f32::NAN, 1.0, 2.0, 1e9],
    };
    let rows = table(0.0, 1.0, 1, 1, false);
    let cols = table(0.0, 4.0, 1, 4, false);
    let mosaic = Mosaic::of_raster(&source, source.shape.window(), f32::NAN);
    let validity = Validity::new(Some(1e9));
    let mean = resample_mosaic(&mosaic, &rows, &cols, Resampling::Average, &validity);
    assert!((mean.data[0] - 1.5).abs() < f32::EPSILON);
}

#[test]
fn a_chunk_that_is_not_there_counts_by_what_it_holds() {
    let chunk = Shape { rows: 2, cols: 2 };
    let samples = [9_u8; 4];
    let first = ChunkIndex { row: 0, col: 0 };
    let count = Shape { rows: 1, cols: 2 };
    let tables = [table(0.0, 2.0, 1, 2, false), table(0.0, 4.0, 1, 4, false)];
    let of = |absent, nodata| {
        let mosaic = Mosaic::new(chunk, first, count, vec![Some(&samples[..]), None], absent);
        let [rows, cols] = &tables;
        [Resampling::Average, Resampling::Min, Resampling::Sum].map(|resampling| {
            resample_mosaic(&mosaic, rows, cols, resampling, &Validity::new(nodata)).data[0]
        })
    };
    assert_eq!(of(3, Some(0)), [6, 3, 48]);
    assert_eq!(of(0, Some(0)), [9, 9, 36]);
    assert_eq!(of(0, None), [5, 0, 36]);
}

#[test]
fn only_the_table_tells_what_is_outside_of_a_type_without_a_missing_value() {
    let table = AxisTable::new([-1.0, 2.0, 5.0], 4);
    assert_eq!([0, 1, 2].map(|n| table.is_inside(n)), [false, true, false]);
    assert_eq!(Validity::<u8>::new(None).fill(), 0);
    assert!(Validity::<f32>::new(None).fill().is_nan());
}

#[test]
fn a_thinned_mean_takes_cells_evenly_spaced() {
    let source: Vec<f64> = (0..90).map(f64::from).collect();
    let rows = table(0.0, 1.0, 1, 1, false);
    let cols = table(0.0, 90.0, 1, 90, false);
    let chunk = Shape { rows: 1, cols: 90 };
    let mean = AreaMean::new(rows, cols, chunk, Validity::new(None)).at_most(3);
    let part = mean.part(ChunkIndex { row: 0, col: 0 }, &source);
    // Cells 15, 45 and 75.
    assert!((mean.combine(vec![part]).data[0] - 45.0).abs() < 1e-12);
}

mod by_hand {
    use super::{super::*, resample};

    const SHAPE: Shape = Shape { rows: 2, cols: 3 };

    fn source() -> Raster<u16> {
        Raster {
            shape: SHAPE,
            data: vec![10, 20, 30, 40, 50, 60],
        }
    }

    fn at(row: f64, col: f64, resampling: Resampling) -> u16 {
        let rows = AxisTable::new([row], SHAPE.rows);
        let cols = AxisTable::new([col], SHAPE.cols);
        resample(&source(), SHAPE.window(), &rows, &cols, resampling, 0).data[0]
    }

    #[test]
    fn nearest_takes_the_pixel_under_the_position_and_nothing_outside() {
        assert_eq!(at(0.0, 0.0, Resampling::Nearest), 10);
        assert_eq!(at(1.99, 2.99, Resampling::Nearest), 60);
        assert_eq!(at(2.0, 1.0, Resampling::Nearest), 0);
        assert_eq!(at(1.0, -0.01, Resampling::Nearest), 0);
    }

    #[test]
    fn bilinear_is_linear_between_centres_and_constant_beyond_the_outer_ones() {
        assert_eq!(at(0.5, 1.0, Resampling::Bilinear), 15);
        assert_eq!(at(1.0, 1.5, Resampling::Bilinear), 35);
        assert_eq!(at(0.1, 0.1, Resampling::Bilinear), 10);
    }

    #[test]
    fn the_range_is_what_is_read() {
        let table = AxisTable::new([-3.0, 4.2, 6.9, 100.0], 20);
        assert_eq!(table.range(Resampling::Nearest), Some(4..7));
        assert_eq!(table.range(Resampling::Bilinear), Some(3..8));
        assert_eq!(AxisTable::new([-1.0], 20).range(Resampling::Nearest), None);
    }

    #[test]
    fn bilinear_keeps_nodata_and_does_not_mix_it_in() {
        let missing_0 = Validity::new(Some(0_u16));
        assert_eq!(point::linear([0, 20, 30, 40], 0.4, 0.4, &missing_0), 0);
        assert_eq!(point::linear([0, 20, 20, 20], 0.6, 0.6, &missing_0), 20);
    }
}
