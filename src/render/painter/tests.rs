//! Painted pictures against the formula, pixel by pixel.

use proptest::prelude::*;

use super::Painter;
use crate::{
    grid::Shape,
    raster::Raster,
    render::{Colormap, Packing, Picture, Pixel, Pixels, Style},
};

fn raster<T: Pixel>(data: Vec<T>) -> Raster<T> {
    Raster {
        shape: Shape {
            rows: 1,
            cols: data.len(),
        },
        data,
    }
}

/// Paints with levels that equal the samples, and 300 for no data.
fn painted(variables: usize, map: Option<&str>, bands: &[Vec<u16>]) -> Picture {
    let map = map.map(|name| Colormap::named(name).unwrap());
    let style = Style::new(variables, &[[0.0, 255.0]], map).unwrap();
    let rasters: Vec<_> = bands.iter().cloned().map(raster).collect();
    Painter::new(&style, &[Packing::with_nodata(300.0)]).paint(&rasters)
}

/// The same by the definition.
fn expected(map: Option<&str>, bands: &[Vec<u16>]) -> Vec<u8> {
    let map = map.map(|name| Colormap::named(name).unwrap());
    let level = |sample: u16| u8::try_from(sample.min(255)).unwrap();
    let pixel = |at: usize| match (&map, bands) {
        _ if bands.iter().any(|band| band[at] == 300) => [0; 4],
        (Some(map), [one]) => map.colors()[usize::from(level(one[at]))],
        (None, [one]) => [level(one[at]), level(one[at]), level(one[at]), 255],
        (None, [red, green, blue]) => [level(red[at]), level(green[at]), level(blue[at]), 255],
        _ => unreachable!("one variable, or three without a map"),
    };
    (0..bands[0].len()).flat_map(pixel).collect()
}

/// Every level, and a hole.
fn all_and_a_hole() -> Vec<u16> {
    (0..256).chain([300]).collect()
}

#[test]
fn a_colormapped_picture_has_a_palette_of_the_colours_in_use_the_hole_first() {
    let band = vec![9, 300, 4, 9];
    let picture = painted(1, Some("viridis"), std::slice::from_ref(&band));
    assert_eq!(picture.to_rgba()[..], expected(Some("viridis"), &[band]));
    let map = Colormap::named("viridis").unwrap();
    let Pixels::Indexed { palette, indices } = picture.pixels() else {
        panic!("{picture:?}");
    };
    assert_eq!(palette[..], [[0; 4], map.colors()[4], map.colors()[9]]);
    assert_eq!(indices[..], [2, 0, 1, 2]);
}

#[test]
fn levels_of_one_colour_share_a_palette_entry() {
    let picture = painted(1, Some("tab10"), &[all_and_a_hole()]);
    assert!(matches!(picture.pixels(), Pixels::Indexed { palette, .. } if palette.len() == 11));
    assert_eq!(
        picture.to_rgba()[..],
        expected(Some("tab10"), &[all_and_a_hole()])
    );
}

#[test]
fn a_full_colormap_with_holes_is_rgb_and_a_free_colour() {
    let distinct = |name: &String| {
        let map = Colormap::named(name).unwrap();
        map.colors()
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len()
            == 256
    };
    let name = Colormap::names().into_iter().find(distinct).unwrap();
    let picture = painted(1, Some(&name), &[all_and_a_hole()]);
    assert!(matches!(
        picture.pixels(),
        Pixels::Rgb { hole: Some(_), .. }
    ));
    assert_eq!(
        picture.to_rgba()[..],
        expected(Some(&name), &[all_and_a_hole()])
    );
    let without = painted(1, Some(&name), &[(0..256).collect()]);
    assert!(matches!(without.pixels(), Pixels::Indexed { palette, .. } if palette.len() == 256));
    assert!(without.is_opaque());
}

#[test]
fn gray_has_alpha_only_if_every_gray_is_used_and_something_is_transparent() {
    let some: Vec<u16> = (0..100).chain([300]).collect();
    for (band, hole) in [(some, Some(100)), ((0..256).collect(), None)] {
        let picture = painted(1, None, std::slice::from_ref(&band));
        assert!(matches!(picture.pixels(), Pixels::Gray { hole: found, .. } if *found == hole));
        assert_eq!(picture.to_rgba()[..], expected(None, &[band]));
    }
    let picture = painted(1, None, &[all_and_a_hole()]);
    assert!(matches!(picture.pixels(), Pixels::GrayAlpha { .. }));
    assert_eq!(picture.to_rgba()[..], expected(None, &[all_and_a_hole()]));
}

#[test]
fn holes_in_rgb_take_the_darkest_blue_that_no_pixel_has() {
    let hole_and_blues = |blues: u16| {
        let zeros = vec![0; usize::from(blues) + 1];
        let blue = [300].into_iter().chain(0..blues).collect();
        [zeros.clone(), zeros, blue]
    };
    let bands = hole_and_blues(3);
    let picture = painted(3, None, &bands);
    assert!(matches!(
        picture.pixels(),
        Pixels::Rgb {
            hole: Some([0, 0, 3]),
            ..
        }
    ));
    assert_eq!(picture.to_rgba()[..], expected(None, &bands));
    let bands = hole_and_blues(256);
    let picture = painted(3, None, &bands);
    assert!(matches!(picture.pixels(), Pixels::Rgba { .. }));
    assert_eq!(picture.to_rgba()[..], expected(None, &bands));
}

#[test]
fn a_picture_without_a_visible_pixel_is_the_transparent_one() {
    let nothing = vec![300; 5];
    for map in [None, Some("viridis")] {
        assert!(painted(1, map, std::slice::from_ref(&nothing)).is_transparent());
    }
    let bands = [vec![300, 0], vec![0, 300], vec![0, 0]];
    assert!(painted(3, None, &bands).is_transparent());
}

#[test]
fn each_variable_has_its_own_range_and_packing() {
    let style = Style::new(3, &[[0.0, 1.0], [0.0, 2.0], [0.0, 4.0]], None).unwrap();
    let halved = Packing {
        scale: 0.5,
        ..Packing::default()
    };
    let painter = Painter::<f32>::new(&style, &[Packing::default(), halved]);
    let picture = painter.paint(&[raster(vec![1.0]), raster(vec![2.0]), raster(vec![2.0])]);
    assert_eq!(picture.to_rgba()[..], [255, 127, 63, 255]);
}

#[test]
#[should_panic(expected = "one raster a variable")]
fn as_many_rasters_as_variables_are_wanted() {
    let style = Style::new(3, &[], None).unwrap();
    let _ = style.painter::<u8>(&[]).paint(&[raster(vec![0_u8])]);
}

proptest! {
    #[test]
    fn every_picture_has_the_colours_of_the_formula(
        bands in (1..400_usize, 1..300_u16, prop::bool::ANY).prop_flat_map(|(length, most, three)| {
            let sample = prop_oneof![6 => 0..most, 1 => Just(300_u16)];
            let band = prop::collection::vec(sample, length);
            prop::collection::vec(band, if three { 3 } else { 1 })
        }),
        map in prop::option::of(prop::sample::select(vec!["viridis", "tab20", "gray", "terrain"])),
    ) {
        let map = map.filter(|_| bands.len() == 1);
        let picture = painted(bands.len(), map, &bands);
        prop_assert_eq!(&picture.to_rgba()[..], &expected(map, &bands)[..]);
        let opaque = bands.iter().flatten().all(|sample| *sample != 300);
        prop_assert_eq!(picture.is_opaque(), opaque);
        let checked = Picture::new(picture.width, picture.height, picture.pixels().clone());
        prop_assert_eq!(checked, Ok(picture));
    }
}
