use proptest::prelude::*;

use super::*;
use crate::grid::Shape;

fn raster(rows: usize, cols: usize, sample: impl Fn(usize, usize) -> u16) -> Raster<u16> {
    Raster {
        shape: Shape { rows, cols },
        data: (0..rows * cols)
            .map(|n| sample(n / cols, n % cols))
            .collect(),
    }
}

/// The cells of a window of a raster.
fn cut<T: Copy>(from: &Raster<T>, row: usize, col: usize, shape: Shape) -> Raster<T> {
    Raster {
        shape,
        data: (row..row + shape.rows)
            .flat_map(|r| from.row(r)[col..col + shape.cols].to_vec())
            .collect(),
    }
}

#[test]
fn without_morphology_a_cell_is_dropped_by_its_own_sample_alone() {
    let classes = raster(3, 200, |row, col| {
        u16::try_from(row * 5 + col).unwrap() % 14
    });
    for profile in [MaskProfile::SclDefault, MaskProfile::SclStrict] {
        let rule = profile.rule();
        assert_eq!(rule.halo(), 0);
        let expected: Vec<bool> = classes.data.iter().map(|s| !rule.keeps_raw(*s)).collect();
        assert_eq!(rule.dropped(&classes).data, expected);
    }
}

#[test]
fn the_seed_takes_a_pond_for_ground_and_a_lake_for_none() {
    let is_water = |row: usize, col: usize| {
        let is_pond = (10..18).contains(&row) && (10..18).contains(&col);
        let is_lake = (10..40).contains(&row) && (40..70).contains(&col);
        is_pond || is_lake
    };
    let classes = raster(50, 90, |row, col| if is_water(row, col) { 6 } else { 4 });
    let dropped = MaskProfile::Seed.rule().dropped(&classes);
    assert!(!dropped.row(14)[14], "8 cells hold no disc of radius 5");
    assert!(dropped.row(25)[55] && !dropped.row(25)[80]);
    assert!(!MaskProfile::Seed.rule().keeps_raw(6));
}

#[test]
fn odc_stats_forgets_a_bright_roof_and_keeps_away_from_a_cloud() {
    let sample = |row: usize, col: usize| match (row, col) {
        (10..13, 10..13) => 9,
        (10..20, 40..60) => 8,
        (30, 30) => 0,
        _ => 5,
    };
    let dropped = MaskProfile::OdcStats
        .rule()
        .dropped(&raster(40, 80, sample));
    assert!(!dropped.row(11)[11], "a roof");
    assert!(dropped.row(15)[50] && dropped.row(15)[35] && dropped.row(15)[64]);
    assert!(!dropped.row(15)[34] && !dropped.row(15)[65]);
    assert!(
        dropped.row(30)[30] && !dropped.row(30)[31],
        "no data is only itself"
    );
}

#[test]
fn no_data_has_no_bits_but_may_be_named_as_a_value() {
    let widened = |classes| Group {
        dilation: 2,
        ..Group::of(classes)
    };
    let fill = raster(1, 9, |_, col| if col == 4 { 255 } else { 0 });
    let nodata = || Some(Classes::Values(vec![255]));
    let only = |from: usize, to: usize| (0..9).map(|col| (from..=to).contains(&col)).collect();
    let dropped = |classes| {
        MaskRule::new(nodata(), [widened(classes)])
            .dropped(&fill)
            .data
    };
    let expected: Vec<bool> = only(4, 4);
    assert_eq!(dropped(Classes::AnyBit(vec![1])), expected);
    let expected: Vec<bool> = only(2, 6);
    assert_eq!(dropped(Classes::Values(vec![255])), expected);
    assert_eq!(dropped(Classes::AllBut(vec![0])), expected);
}

#[test]
fn the_halo_is_that_of_the_group_that_looks_farthest() {
    let of = |closing, opening, dilation| Group {
        classes: Classes::Values(vec![1]),
        closing,
        opening,
        dilation,
    };
    let halo = |groups: &[Group]| MaskRule::new(None, groups.to_vec()).halo();
    assert_eq!(halo(&[]), 0);
    assert_eq!(halo(&[of(3, 0, 0)]), 6);
    assert_eq!(halo(&[of(0, 2, 5), of(0, 0, 7), of(0, 0, 0)]), 9);
    assert_eq!(halo(&[of(1, 2, 3)]), 9);
}

#[test]
fn what_no_image_reaches_is_no_data_by_every_rule_and_some_rules_know_no_other() {
    for name in MaskProfile::NAMES {
        let profile = MaskProfile::named(name).unwrap();
        let rule = profile.rule();
        assert!(rule.is_nodata(MaskRule::OUTSIDE) && !rule.keeps_raw(MaskRule::OUTSIDE));
        assert_eq!(rule.knows_nodata(), profile != MaskProfile::None, "{name}");
    }
    let by_bits = MaskRule::new([], [Group::of(Classes::AnyBit(vec![3]))]);
    let row = raster(1, 2, |_, col| if col == 0 { MaskRule::OUTSIDE } else { 0 });
    assert_eq!(by_bits.dropped(&row).data, [true, false]);
}

fn group() -> impl Strategy<Value = Group> {
    let samples = || proptest::collection::vec(0_u16..8, 1..4);
    let classes = prop_oneof![
        samples().prop_map(Classes::Values),
        samples().prop_map(Classes::AllBut),
        proptest::collection::vec(0_u16..3, 1..3).prop_map(Classes::AnyBit),
    ];
    (classes, 0_usize..4, 0_usize..4, 0_usize..5).prop_map(
        |(classes, closing, opening, dilation)| Group {
            classes,
            closing,
            opening,
            dilation,
        },
    )
}

/// Patches of a few classes, as in a real mask, with noise on it.
fn landscape() -> impl Strategy<Value = Raster<u16>> {
    let noise = proptest::collection::vec(proptest::option::weighted(0.1, 0_u16..8), 90 * 110);
    let patches = proptest::collection::vec(0_u16..8, 99);
    (patches, noise).prop_map(|(patches, noise)| {
        raster(90, 110, |row, col| {
            noise[row * 110 + col].unwrap_or(patches[row / 10 * 11 + col / 10])
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_window_read_with_the_halo_shows_not_where_it_was_cut(
        classes in landscape(),
        groups in proptest::collection::vec(group(), 0..4),
        row in 0_usize..80,
        col in 0_usize..100,
    ) {
        let rule = MaskRule::new(Some(Classes::Values(vec![7])), groups);
        let whole = rule.dropped(&classes);
        let halo = rule.halo();
        let window = Shape { rows: 90 - row.max(70), cols: 110 - col.max(60) };
        // The halo ends where the image does, as it does for the whole.
        let (north, west) = (row.saturating_sub(halo), col.saturating_sub(halo));
        let south = (row + window.rows + halo).min(90);
        let east = (col + window.cols + halo).min(110);
        let around = Shape { rows: south - north, cols: east - west };
        let part = rule.dropped(&cut(&classes, north, west, around));
        prop_assert_eq!(
            cut(&part, row - north, col - west, window),
            cut(&whole, row, col, window)
        );
    }

    #[test]
    fn a_wider_margin_drops_no_less(
        classes in landscape(),
        group in group(),
        more in 0_usize..6,
    ) {
        let wider = Group { dilation: group.dilation + more, ..group.clone() };
        let narrow = MaskRule::new(None, [group]).dropped(&classes);
        let wide = MaskRule::new(None, [wider]).dropped(&classes);
        prop_assert!(std::iter::zip(narrow.data, wide.data).all(|(n, w)| !n || w));
    }

    #[test]
    fn groups_are_dropped_independently_of_each_other(
        classes in landscape(),
        groups in proptest::collection::vec(group(), 2..4),
    ) {
        let all = MaskRule::new(None, groups.clone()).dropped(&classes);
        let mut any = vec![false; classes.data.len()];
        for group in groups {
            let one = MaskRule::new(None, [group]).dropped(&classes);
            any.iter_mut().zip(one.data).for_each(|(any, one)| *any |= one);
        }
        prop_assert_eq!(all.data, any);
    }
}
