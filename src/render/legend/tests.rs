use super::*;
use crate::render::{Coloring, Colormap, Touches, color};

fn ramp(touches: &Touches) -> Legend {
    let map = Colormap::named("viridis").ok().map(Coloring::from);
    let style = Style::new(1, &[[0.0, 3000.0]], map).unwrap();
    let told = Told {
        title: "red <1>".to_owned(),
        units: Some("W m-2".to_owned()),
        ..Told::default()
    };
    Legend::of(&style.touched(touches).unwrap(), told).unwrap()
}

fn classes() -> Legend {
    let coloring = Coloring::parse(r##"{"4":"#00ff00","9":"#0000ff80"}"##).ok();
    let told = Told {
        title: "scl".to_owned(),
        meanings: vec![(4.0, "dense_vegetation".to_owned())],
        ..Told::default()
    };
    Legend::of(&Style::new(1, &[], coloring).unwrap(), told).unwrap()
}

fn pixel(picture: &Picture, x: u32, y: u32) -> [u8; 3] {
    let rgba = picture.to_rgba();
    let at = 4 * (y * picture.size().0 + x) as usize;
    [rgba[at], rgba[at + 1], rgba[at + 2]]
}

#[test]
fn a_ramp_tells_its_range_ticks_units_and_all_colours() {
    let told = ramp(&Touches::default()).json();
    assert_eq!(told["type"], "ramp");
    assert_eq!(
        (&told["title"], &told["units"]),
        (&json!("red <1>"), &json!("W m-2"))
    );
    assert_eq!(told["range"], json!([0.0, 3000.0]));
    let ticks = told["ticks"].as_array().unwrap();
    assert_eq!(
        ticks[1],
        json!({"value": 500.0, "label": "500", "position": 500.0 / 3000.0})
    );
    let colors = told["colors"].as_array().unwrap();
    assert_eq!((colors.len(), &colors[0]), (256, &json!("#440154ff")));
}

#[test]
fn the_picture_of_a_ramp_has_its_colours_from_end_to_end_and_those_beyond() {
    let touches = Touches {
        below: color("red"),
        above: color("#0000ff"),
        ..Touches::default()
    };
    let legend = ramp(&touches);
    let (width, height) = legend.size();
    let picture = legend.picture(width, height);
    assert_eq!(picture.size(), (width, height));
    let bar = legend.bar(width, height).ramp;
    let middle = bar.y + bar.height / 2;
    assert_eq!(pixel(&picture, bar.x, middle), [0x44, 0x01, 0x54]);
    assert_eq!(
        pixel(&picture, bar.x + bar.width - 1, middle),
        [0xfd, 0xe7, 0x24]
    );
    assert_eq!(pixel(&picture, bar.x - 4, middle), [255, 0, 0]);
    assert_eq!(pixel(&picture, bar.x + bar.width + 4, middle), [0, 0, 255]);
    // There is ink above the bar and below it.
    let has_ink = |rows: std::ops::Range<u32>| {
        rows.into_iter()
            .any(|y| (0..width).any(|x| pixel(&picture, x, y) == [0x22; 3]))
    };
    assert!(has_ink(0..bar.y) && has_ink(bar.bottom() + 4..height));
}

#[test]
fn svg_is_xml_whatever_the_title_says() {
    let svg = ramp(&Touches::default()).svg(300, 60);
    assert!(svg.contains("red &lt;1&gt; (W m-2)"), "{svg}");
    assert!(svg.contains(">1000</text>"), "{svg}");
    assert_eq!(svg.matches("<stop ").count(), 256);
    assert!(!escaped("\u{0}\u{1b}").contains('\u{1b}'));
}

#[test]
fn classes_have_their_meanings_or_their_values() {
    let legend = classes();
    let told = legend.json();
    let found = told["classes"].as_array().unwrap();
    assert_eq!(found[0]["label"], "dense vegetation");
    assert_eq!(
        (&found[1]["label"], &found[1]["color"]),
        (&json!("9"), &json!("#0000ff80"))
    );
    let (width, height) = legend.size();
    let picture = legend.picture(width, height);
    let row = |n| rows(height).nth(n).unwrap();
    assert_eq!(pixel(&picture, row(0).x + 2, row(0).y + 2), [0, 255, 0]);
    // Half transparent on white.
    assert_eq!(pixel(&picture, row(1).x + 2, row(1).y + 2), [127, 127, 255]);
    assert!(
        legend
            .svg(width, height)
            .contains(">dense vegetation</text>")
    );
}

#[test]
fn small_and_large_legends_are_drawn_without_a_mistake() {
    for legend in [ramp(&Touches::default()), classes()] {
        for side in [*SIDES.start(), *SIDES.end()] {
            for other in [*SIDES.start(), 77] {
                assert_eq!(legend.picture(side, other).size(), (side, other));
                assert!(legend.svg(other, side).ends_with("</svg>"));
            }
        }
    }
}

#[test]
fn a_picture_of_three_variables_has_no_legend() {
    let style = Style::new(3, &[], None).unwrap();
    assert_eq!(Legend::of(&style, Told::default()), Err(LegendError(3)));
}
