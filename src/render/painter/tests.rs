//! Painted pictures against the formula, pixel by pixel.

use proptest::prelude::*;

use super::Painter;
use crate::{
    grid::Shape,
    raster::Raster,
    render::{Coloring, Colormap, Packing, Picture, Pixel, Pixels, Style},
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
    let map = map.map(|name| Colormap::named(name).unwrap().into());
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

/// What samples of a type look like in the colours of a `colormap`.
fn classed<T: Pixel>(text: &str, rescale: &[[f64; 2]], packing: Packing, data: &[f64]) -> Vec<u8> {
    let coloring = Coloring::parse(text).unwrap();
    let style = Style::new(1, rescale, Some(coloring)).unwrap();
    let samples = data.iter().map(|sample| T::from_f64(*sample)).collect();
    let picture = Painter::<T>::new(&style, &[packing]).paint(&[raster(samples)]);
    picture.to_rgba().to_vec()
}

#[test]
fn classes_colour_values_of_every_type_and_the_rest_is_transparent() {
    let text = r##"{"3":"#ff0000","5":"#0000ff80"}"##;
    let data = [3.0, 4.0, 5.0, 3.0];
    let of = |found: Vec<u8>| {
        let expected = [[255, 0, 0, 255], [0; 4], [0, 0, 255, 128], [255, 0, 0, 255]];
        assert_eq!(found, expected.as_flattened());
    };
    of(classed::<u8>(text, &[], Packing::default(), &data));
    of(classed::<i16>(text, &[], Packing::default(), &data));
    of(classed::<i32>(text, &[], Packing::default(), &data));
    of(classed::<f32>(text, &[], Packing::default(), &data));
    of(classed::<f64>(text, &[], Packing::default(), &data));
    let hole = classed::<u16>(text, &[], Packing::with_nodata(3.0), &[3.0, 5.0]);
    assert_eq!(hole, [0, 0, 0, 0, 0, 0, 255, 128]);
    let nothing = classed::<f32>(text, &[], Packing::default(), &[f64::NAN]);
    assert_eq!(nothing, [0; 4]);
}

#[test]
fn classes_are_of_what_is_meant_by_packed_samples_and_of_decimals_as_floats_have_them() {
    let text = r##"[[[0.1,0.2],"#fff"]]"##;
    let packed = Packing {
        scale: 0.01,
        ..Packing::default()
    };
    let found = classed::<i16>(text, &[], packed, &[9.0, 10.0, 20.0]);
    assert_eq!(found, [0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]);
    // The f32 next to 0.1 is above it, that next to 0.7 below.
    let single = r##"{"0.1":"#fff","0.7":"#fff"}"##;
    let found = classed::<f32>(single, &[], Packing::default(), &[0.1, 0.7]);
    assert_eq!(found, [255; 8]);
}

#[test]
fn with_a_range_classes_are_of_levels() {
    let text = r##"{"0":"#ff0000","127":"#00ff00","255":"#0000ff"}"##;
    let data = [0.0, 0.5, 0.75, 2.0];
    let found = classed::<f32>(text, &[[0.0, 1.0]], Packing::default(), &data);
    let expected = [[255, 0, 0, 255], [0, 255, 0, 255], [0; 4], [0, 0, 255, 255]];
    assert_eq!(found, expected.as_flattened());
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
