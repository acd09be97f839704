use proptest::prelude::*;

use super::*;

pub(super) const KERNELS: [Kernel; 6] = [
    Kernel::Nearest,
    Kernel::Bilinear,
    Kernel::Cubic,
    Kernel::Average,
    Kernel::Mode,
    Kernel::Antialiased,
];

const PIXEL: Shape = Shape { rows: 1, cols: 1 };

/// An image that was read whole, one unit a pixel.
fn image<T: Copy>(data: Vec<T>, cols: usize, nodata: Option<T>) -> Patch<T> {
    let shape = Shape {
        rows: data.len() / cols,
        cols,
    };
    Patch {
        raster: Raster { shape, data },
        window: shape.window(),
        transform: GeoTransform {
            origin_x: 0.0,
            origin_y: 0.0,
            cell_width: 1.0,
            cell_height: 1.0,
        },
        nodata,
    }
}

/// A 4 x 3 image of `10 * row + col + 1`.
fn patch(nodata: Option<u16>) -> Patch<u16> {
    let data = (0..3).flat_map(|r| (0..4).map(move |c| 10 * r + c + 1));
    image(data.collect(), 4, nodata)
}

fn at<T: Sample>(patch: &Patch<T>, kernel: Kernel, ratio: CellRatio, (x, y): (f64, f64)) -> T {
    let positions = Positions {
        shape: PIXEL,
        x: vec![x],
        y: vec![y],
    };
    warp(patch, &positions, kernel, ratio, T::default()).data[0]
}

#[track_caller]
fn check(patch: &Patch<u16>, kernel: Kernel, ratio: f64, place: (f64, f64), expected: u16) {
    let ratio = CellRatio { x: ratio, y: ratio };
    assert_eq!(at(patch, kernel, ratio, place), expected, "{place:?}");
}

#[test]
fn nearest_takes_the_pixel_that_holds_the_position() {
    let patch = patch(None);
    check(&patch, Kernel::Nearest, 1.0, (0.0, 0.0), 1);
    check(&patch, Kernel::Nearest, 1.0, (3.999, 2.999), 24);
    check(&patch, Kernel::Nearest, 1.0, (1.0, 1.0), 12);
    check(&patch, Kernel::Nearest, 1.0, (4.0, 0.5), 0);
    check(&patch, Kernel::Nearest, 1.0, (-0.001, 0.5), 0);
}

#[test]
fn a_position_at_infinity_has_no_value() {
    for kernel in KERNELS {
        for x in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e300, -1e300] {
            check(&patch(None), kernel, 2.0, (x, 0.5), 0);
            check(&patch(None), kernel, 2.0, (0.5, x), 0);
            check(&patch(None), kernel, f64::INFINITY, (x, x), 0);
        }
    }
}

#[test]
fn bilinear_is_exact_at_centres_and_linear_between_them() {
    let patch = patch(None);
    check(&patch, Kernel::Bilinear, 1.0, (1.5, 1.5), 12);
    check(&patch, Kernel::Bilinear, 1.0, (1.5, 1.0), 7);
    check(&patch, Kernel::Bilinear, 1.0, (2.0, 1.5), 13); // 12.5 rounds up
}

#[test]
fn bilinear_averages_only_valid_neighbours_and_needs_half_of_the_weight() {
    let patch = patch(Some(12));
    check(&patch, Kernel::Bilinear, 1.0, (1.5, 1.5), 0);
    check(&patch, Kernel::Bilinear, 1.0, (1.9, 1.5), 0); // weight 0.4
    check(&patch, Kernel::Bilinear, 1.0, (2.1, 1.5), 13); // weight 0.6
    check(&patch, Kernel::Bilinear, 1.0, (4.2, 0.5), 0);
}

/// A 4 x 4 step from 100 to 200 between the second and the third column.
fn step(nodata: Option<u16>) -> Patch<u16> {
    image([100, 100, 200, 200].repeat(4), 4, nodata)
}

#[test]
fn cubic_is_exact_at_centres_and_overshoots_at_a_step() {
    check(&step(None), Kernel::Cubic, 1.0, (1.5, 1.5), 100);
    check(&step(None), Kernel::Cubic, 1.0, (2.0, 2.0), 150);
    // Weights -9/128, 111/128, 29/128, -3/128 of 100, 100, 200, 200.
    check(&step(None), Kernel::Cubic, 1.0, (1.75, 2.0), 120);
    // In the outer pixels there is bilinear instead.
    check(&step(None), Kernel::Cubic, 1.0, (1.25, 2.0), 100);
}

#[test]
fn cubic_is_bilinear_beside_nodata_and_where_it_would_make_nodata() {
    let mut holed = step(Some(0));
    holed.raster.data[0] = 0;
    check(&holed, Kernel::Cubic, 1.0, (1.75, 2.0), 125);
    // 28 * 111/128 + 0 - ... overshoots to below 0, which is nodata.
    let dark = image([40, 1, 1, 40].repeat(4), 4, Some(0));
    check(&dark, Kernel::Cubic, 1.0, (2.0, 2.0), 1);
}

#[test]
fn average_weighs_pixels_by_their_part_of_the_cell() {
    let patch = patch(None);
    check(&patch, Kernel::Average, 2.0, (1.0, 1.0), 7); // (1 + 2 + 11 + 12) / 4
    // Columns 0 to 2 by 1/4, 1, 3/4; rows 0 and 1.
    check(&patch, Kernel::Average, 2.0, (1.75, 1.0), 7); // 7.25
    check(&patch, Kernel::Average, 0.1, (1.5, 1.5), 12); // no smaller than a pixel
    check(&patch, Kernel::Average, 2.0, (4.5, 0.5), 7); // (4 + 14 / 2) / 1.5
    check(&patch, Kernel::Average, 2.0, (5.0, 0.5), 0);
}

#[test]
fn average_leaves_out_nodata() {
    let patch = patch(Some(12));
    check(&patch, Kernel::Average, 2.0, (1.0, 1.0), 5); // 14 / 3
    check(&patch, Kernel::Average, 1.0, (1.5, 1.5), 0);
}

#[test]
fn mode_takes_the_largest_area_and_the_smallest_value_of_a_tie() {
    let classes = image(vec![4, 4, 9, 4, 9, 9, 0, 0, 0], 3, Some(0));
    check(&classes, Kernel::Mode, 2.0, (1.0, 1.0), 4);
    check(&classes, Kernel::Mode, 2.0, (2.0, 1.0), 9);
    check(&classes, Kernel::Mode, 3.0, (1.5, 1.5), 4);
    check(&classes, Kernel::Mode, 3.0, (1.6, 1.5), 9);
    check(&classes, Kernel::Mode, 1.0, (1.5, 2.5), 0);
}

#[test]
fn antialiased_weighs_by_distance_over_a_cell_to_both_sides() {
    let line = image(vec![10_u16, 20, 40, 80, 160], 5, None);
    let ratio = CellRatio { x: 2.0, y: 1.0 };
    // Weights 1/2, 1, 1/2 of 20, 40, 80.
    assert_eq!(at(&line, Kernel::Antialiased, ratio, (2.5, 0.5)), 45);
}

#[test]
fn antialiased_needs_half_of_the_weight() {
    let line = image(vec![0_u16, 0, 0, 60, 60], 5, Some(0));
    let ratio = CellRatio { x: 2.0, y: 1.0 };
    assert_eq!(at(&line, Kernel::Antialiased, ratio, (2.9, 0.5)), 0);
    assert_eq!(at(&line, Kernel::Antialiased, ratio, (3.1, 0.5)), 60);
}

#[test]
fn antialiased_is_bilinear_where_cells_are_not_larger_than_pixels() {
    let patch = patch(None);
    for place in [(1.5, 1.5), (1.2, 1.9), (2.7, 0.6), (0.1, 0.2)] {
        let ratio = CellRatio { x: 0.4, y: 1.0 };
        assert_eq!(
            at(&patch, Kernel::Antialiased, ratio, place),
            at(&patch, Kernel::Bilinear, ratio, place),
            "{place:?}"
        );
    }
}

#[test]
fn not_a_number_is_missing_whatever_nodata_is() {
    for nodata in [None, Some(-1.0_f32), Some(f32::NAN)] {
        let patch = image(vec![f32::NAN, 2.0, 4.0, f32::NAN], 4, nodata);
        for kernel in KERNELS {
            let value = at(&patch, kernel, CellRatio { x: 1.0, y: 1.0 }, (1.5, 0.5));
            assert!((value - 2.0).abs() < 1e-6, "{kernel:?}: {value}");
        }
    }
}

/// Pixel coordinates on both sides of an image's edges, often where something
/// changes: at pixel edges, at their centres and far away.
fn coordinate() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => -8.0..32.0,
        2 => (-8..64_i32).prop_map(|n| f64::from(n) / 2.0),
        1 => (-8..64_i32).prop_map(|n| f64::from(n) / 2.0 - 1e-11),
        1 => prop::sample::select(vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e18, -1e300]),
    ]
}

fn ratio() -> impl Strategy<Value = CellRatio> {
    (0.2..6.0, 0.2..6.0).prop_map(|(x, y)| CellRatio { x, y })
}

/// An image in a projection: large origins, rows that run south, holes. Of
/// floats, because rounding to whole numbers would hide most differences.
fn in_projection() -> impl Strategy<Value = Patch<f32>> {
    let sample = prop_oneof![3 => 0.1..2000.0_f32, 1 => Just(0.0), 1 => Just(7.0)];
    (1..24_usize, 1..24_usize, prop::option::of(Just(0.0_f32)))
        .prop_flat_map(move |(rows, cols, nodata)| {
            let data = prop::collection::vec(sample.clone(), rows * cols);
            data.prop_map(move |data| image(data, cols, nodata))
        })
        .prop_map(|patch| Patch {
            transform: GeoTransform {
                origin_x: 399_960.0,
                origin_y: 5_100_000.0,
                cell_width: 10.0,
                cell_height: -10.0,
            },
            ..patch
        })
}

fn positions(patch: &Patch<f32>, pixels: &[(f64, f64)]) -> Positions {
    Positions {
        shape: Shape {
            rows: 1,
            cols: pixels.len(),
        },
        x: pixels.iter().map(|(x, _)| patch.transform.x(*x)).collect(),
        y: pixels.iter().map(|(_, y)| patch.transform.y(*y)).collect(),
    }
}

/// The part of an image that a value at a pixel coordinate may depend on.
#[expect(
    clippy::cast_possible_truncation,
    reason = "coordinates are small, or saturate"
)]
fn read_for(patch: &Patch<f32>, (x, y): (f64, f64), reach: f64) -> Option<Patch<f32>> {
    let span = |at: f64| (at - reach).floor() as i64..(at + reach).ceil() as i64;
    let window = Window::clipped(span(y), span(x), patch.raster.shape)?;
    let rows = window.row..window.row_end();
    let data = rows.flat_map(|row| &patch.raster.row(row)[window.col..window.col_end()]);
    let raster = Raster {
        shape: Shape {
            rows: window.rows,
            cols: window.cols,
        },
        data: data.copied().collect(),
    };
    Some(Patch {
        raster,
        window,
        ..patch.clone()
    })
}

proptest! {
    #[test]
    fn a_target_in_pieces_and_a_source_read_in_parts_give_the_same(
        patch in in_projection(),
        pixels in prop::collection::vec((coordinate(), coordinate()), 1..40),
        ratio in ratio(),
    ) {
        for kernel in KERNELS {
            let whole = warp(&patch, &positions(&patch, &pixels), kernel, ratio, 0.0);
            for (pixel, expected) in std::iter::zip(&pixels, &whole.data) {
                let piece = positions(&patch, &[*pixel]);
                let bits = |patch: &Patch<f32>| {
                    warp(patch, &piece, kernel, ratio, 0.0).data[0].to_bits()
                };
                prop_assert_eq!(bits(&patch), expected.to_bits(), "{:?} at {:?}", kernel, pixel);
                let part = read_for(&patch, *pixel, kernel.reach(ratio));
                let bits = part.map_or(0, |part| bits(&part));
                prop_assert_eq!(bits, expected.to_bits(), "{:?} at {:?} of a part", kernel, pixel);
            }
        }
    }

    #[test]
    fn only_what_is_wanted_is_sampled(
        patch in in_projection(),
        pixels in prop::collection::vec((coordinate(), coordinate(), any::<bool>()), 1..40),
        ratio in ratio(),
    ) {
        let wanted: Vec<bool> = pixels.iter().map(|pixel| pixel.2).collect();
        let pixels: Vec<(f64, f64)> = pixels.iter().map(|(x, y, _)| (*x, *y)).collect();
        let positions = positions(&patch, &pixels);
        for kernel in KERNELS {
            let all = warp(&patch, &positions, kernel, ratio, -1.0);
            let part = warp_together(
                std::slice::from_ref(&patch),
                &positions,
                kernel,
                ratio,
                Some(&wanted),
                -1.0,
            );
            for (n, value) in part[0].data.iter().enumerate() {
                let expected = if wanted[n] { all.data[n] } else { -1.0 };
                prop_assert_eq!(value.to_bits(), expected.to_bits());
            }
        }
    }

    #[test]
    fn a_value_lies_between_the_valid_ones_unless_it_is_cubic(
        patch in in_projection(),
        pixels in prop::collection::vec((coordinate(), coordinate()), 1..40),
        ratio in ratio(),
    ) {
        let valid = || patch.raster.data.iter().copied().filter(|v| Some(*v) != patch.nodata);
        let (low, high) = (valid().fold(f32::MAX, f32::min), valid().fold(0.0, f32::max));
        for kernel in KERNELS.into_iter().filter(|kernel| *kernel != Kernel::Cubic) {
            let values = warp(&patch, &positions(&patch, &pixels), kernel, ratio, -1.0).data;
            for value in values.into_iter().filter(|value| *value >= 0.0) {
                let slack = high * f32::EPSILON;
                let is_between = low - slack <= value && value <= high + slack;
                prop_assert!(is_between, "{:?}: {} not in {}..{}", kernel, value, low, high);
                let is_of_the_source = valid().any(|v| v.to_bits() == value.to_bits());
                prop_assert!(!matches!(kernel, Kernel::Nearest | Kernel::Mode) || is_of_the_source);
            }
        }
    }
}
