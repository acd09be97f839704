//! Legends: which colour is which value, as a picture, as SVG or as data.

mod draw;
mod ticks;

use std::fmt::Write as _;

use serde_json::{Value, json};

use self::ticks::{label, ticks};
use super::{Style, picture::Picture};

/// Pixels of a legend along a side, at least and at most.
pub const SIDES: std::ops::RangeInclusive<u32> = 40..=2048;

/// Pixels that a line of text, and a class with its space, take.
const LINE: u32 = 16;

/// Pixels at each side.
const MARGIN: u32 = 8;

/// Pixels that a label takes across, about.
const LABEL: u32 = 56;

/// Which colour is which value.
#[derive(Clone, Debug, PartialEq)]
pub struct Legend {
    title: String,
    units: Option<String>,
    scale: Scale,
    /// The colour of what is no data, if it is to have one.
    nodata: Option<[u8; 4]>,
}

#[derive(Clone, Debug, PartialEq)]
enum Scale {
    /// Colours of levels from the beginning of a range to its end.
    Ramp {
        range: [f64; 2],
        colors: Box<[[u8; 4]; 256]>,
        below: Option<[u8; 4]>,
        above: Option<[u8; 4]>,
    },
    /// Colours of values, each with its name.
    Classes(Vec<Named>),
}

#[derive(Clone, Debug, PartialEq)]
struct Named {
    low: f64,
    high: Option<f64>,
    name: Option<String>,
    color: [u8; 4],
}

/// Three variables as red, green and blue have no scale.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a legend is of one variable, and there are {0}")]
pub struct LegendError(usize);

/// What a legend tells beside colours.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// What is shown.
    pub title: String,
    /// What its values are counted in.
    pub units: Option<String>,
    /// The display range where the style has none.
    pub range: [f64; 2],
    /// What single values mean.
    pub meanings: Vec<(f64, String)>,
}

impl Legend {
    /// The legend of a style of one variable.
    ///
    /// # Errors
    /// If it is of more.
    pub fn of(style: &Style, told: Told) -> Result<Self, LegendError> {
        if style.variables() != 1 {
            return Err(LegendError(style.variables()));
        }
        let touches = style.touches();
        let scale = match style.classes() {
            Some(classes) => Scale::Classes(
                (classes.classes().iter())
                    .map(|class| Named {
                        low: class.low,
                        high: class.high,
                        name: meaning(&told.meanings, class.low).filter(|_| class.high.is_none()),
                        color: class.color,
                    })
                    .collect(),
            ),
            None => Scale::Ramp {
                range: style.range(0).unwrap_or(told.range),
                colors: Box::new(style.level_colors()),
                below: touches.and_then(|touches| touches.below),
                above: touches.and_then(|touches| touches.above),
            },
        };
        Ok(Self {
            title: told.title,
            units: told.units.filter(|units| !matches!(units.trim(), "" | "1")),
            scale,
            nodata: touches.and_then(|touches| touches.nodata),
        })
    }

    /// Title and units in one line.
    fn heading(&self) -> String {
        match &self.units {
            None => self.title.clone(),
            Some(units) => format!("{} ({units})", self.title),
        }
    }

    /// The legend as data: a ramp has `range`, `ticks` with their `position` from 0 to 1,
    /// and 256 `colors`; classes are a list.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut told = json!({"title": self.title, "units": self.units});
        match &self.scale {
            Scale::Ramp {
                range,
                colors,
                below,
                above,
            } => {
                let marks = marks(*range, most_labels(512));
                told["type"] = json!("ramp");
                told["range"] = json!(range);
                told["ticks"] = (marks.iter())
                    .map(|mark| {
                        json!({"value": mark.value, "label": mark.label, "position": mark.place})
                    })
                    .collect();
                told["colors"] = colors.iter().map(|color| hex(*color)).collect();
                told["below"] = json!(below.map(hex));
                told["above"] = json!(above.map(hex));
            }
            Scale::Classes(classes) => {
                told["type"] = json!("classes");
                told["classes"] = (classes.iter())
                    .map(|class| {
                        json!({
                            "value": class.high.is_none().then_some(class.low),
                            "low": class.high.map(|_| class.low),
                            "high": class.high,
                            "meaning": class.name,
                            "label": class.label(),
                            "color": hex(class.color),
                        })
                    })
                    .collect();
            }
        }
        told["nodata"] = json!(self.nodata.map(hex));
        told
    }

    /// Pixels that it takes, where nothing else is asked for.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        // As long as the longest line of a font that is six pixels wide.
        let across = |text: &str| {
            let pixels = text.chars().count().saturating_mul(6);
            u32::try_from(pixels)
                .unwrap_or(u32::MAX)
                .saturating_add(2 * MARGIN)
        };
        let heading = across(&self.heading());
        let (width, height) = match &self.scale {
            Scale::Ramp { .. } => (320, 3 * LINE + 16),
            Scale::Classes(classes) => {
                let lines = u32::try_from(classes.len()).unwrap_or(u32::MAX);
                let height = (lines.saturating_add(1)).saturating_mul(LINE) + 2 * MARGIN;
                let labels = classes
                    .iter()
                    .map(|class| across(&class.label()).saturating_add(26));
                (labels.max().unwrap_or(0).max(120), height)
            }
        };
        let most = *SIDES.end();
        (width.max(heading).min(most), height.min(most))
    }

    /// As SVG 1.1, of so many pixels.
    #[must_use]
    pub fn svg(&self, width: u32, height: u32) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
        );
        let text = |x: f64, y: u32, anchor: &str, words: &str| {
            let words = escaped(words);
            format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{words}</text>")
        };
        svg += &text(f64::from(MARGIN), LINE - 2, "start", &self.heading());
        match &self.scale {
            Scale::Ramp { range, colors, .. } => {
                let bar = self.bar(width, height);
                svg += "<defs><linearGradient id=\"r\">";
                for (level, color) in (0_u8..=255).zip(colors.iter()) {
                    let [red, green, blue, alpha] = *color;
                    let (place, alpha) = (f64::from(level) / 255.0, f64::from(alpha) / 255.0);
                    let _infallible = write!(
                        svg,
                        "<stop offset=\"{place:.4}\" stop-color=\"rgb({red},{green},{blue})\" \
                         stop-opacity=\"{alpha:.3}\"/>"
                    );
                }
                svg += "</linearGradient></defs>";
                for (part, color) in bar.ends(&self.scale) {
                    svg += &rectangle(part, &rgba(color));
                }
                svg += &rectangle(bar.ramp, "url(#r)");
                for mark in marks(*range, most_labels(bar.ramp.width)) {
                    let x = f64::from(bar.ramp.x) + mark.place * f64::from(bar.ramp.width);
                    let _infallible = write!(
                        svg,
                        "<path d=\"M{x:.1} {} v4\" stroke=\"#333\"/>",
                        bar.ramp.bottom()
                    );
                    svg += &text(x, bar.ramp.bottom() + LINE - 1, "middle", &mark.label);
                }
            }
            Scale::Classes(classes) => {
                for (class, place) in classes.iter().zip(rows(height)) {
                    svg += &rectangle(place, &rgba(class.color));
                    let x = f64::from(place.x + place.width + 6);
                    svg += &text(x, place.bottom() - 1, "start", &class.label());
                }
            }
        }
        svg + "</svg>"
    }

    /// As a picture of so many pixels.
    #[must_use]
    pub fn picture(&self, width: u32, height: u32) -> Picture {
        draw::picture(self, width, height)
    }

    /// Where a ramp is in a legend of so many pixels.
    fn bar(&self, width: u32, height: u32) -> Bar {
        let top = LINE + 4;
        let high = height.saturating_sub(top + LINE + 6).max(4);
        let Scale::Ramp { below, above, .. } = &self.scale else {
            return Bar {
                ramp: Part::new(0, top, 0, high),
            };
        };
        // What is below and above the range has a square beside it.
        let side = |color: &Option<[u8; 4]>| if color.is_some() { high + 2 } else { 0 };
        let label = LABEL / 2 - MARGIN;
        let left = MARGIN + side(below).max(label);
        let right = MARGIN + side(above).max(label);
        Bar {
            ramp: Part::new(left, top, width.saturating_sub(left + right).max(1), high),
        }
    }
}

impl Named {
    fn label(&self) -> String {
        match (&self.name, self.high) {
            (Some(name), _) => name.clone(),
            (None, None) => self.low.to_string(),
            (None, Some(high)) => format!("{} – {high}", self.low),
        }
    }
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug)]
struct Part {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

impl Part {
    fn new(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    fn bottom(self) -> u32 {
        self.y + self.height
    }
}

/// Where a ramp is.
struct Bar {
    ramp: Part,
}

impl Bar {
    /// The squares beside it, and their colours.
    fn ends(&self, scale: &Scale) -> Vec<(Part, [u8; 4])> {
        let Scale::Ramp { below, above, .. } = scale else {
            return Vec::new();
        };
        let Part {
            x,
            y,
            width,
            height,
        } = self.ramp;
        let left = Part::new(x.saturating_sub(height + 2), y, height, height);
        let right = Part::new(x + width + 2, y, height, height);
        let parts = [(left, *below), (right, *above)];
        let shown = parts
            .into_iter()
            .filter_map(|(part, color)| Some((part, color?)));
        shown.collect()
    }
}

/// A labelled value, and its place from 0 to 1.
struct Mark {
    value: f64,
    label: String,
    place: f64,
}

fn marks([min, max]: [f64; 2], most: usize) -> Vec<Mark> {
    let values = ticks([min, max], most);
    let apart = match values[..] {
        [first, second, ..] => second - first,
        _ => 0.0,
    };
    let mark = |value: &f64| Mark {
        value: *value,
        label: label(*value, apart),
        place: if max > min {
            ((value - min) / (max - min)).clamp(0.0, 1.0)
        } else {
            0.0
        },
    };
    values.iter().map(mark).collect()
}

/// How many labels fit beside each other.
fn most_labels(width: u32) -> usize {
    usize::try_from(width / LABEL).unwrap_or(0).clamp(2, 9)
}

/// The places of the colours of classes, one below the other as far as there is room.
fn rows(height: u32) -> impl Iterator<Item = Part> {
    let tops = (LINE + MARGIN..).step_by(LINE as usize);
    tops.take_while(move |top| top + LINE <= height)
        .map(|top| Part::new(MARGIN, top, 20, LINE - 4))
}

/// What a single value means.
fn meaning(meanings: &[(f64, String)], value: f64) -> Option<String> {
    let found = meanings
        .iter()
        .find(|(known, _)| known.total_cmp(&value).is_eq());
    found.map(|(_, meaning)| meaning.replace('_', " "))
}

fn hex(color: [u8; 4]) -> String {
    format!("#{:08x}", u32::from_be_bytes(color))
}

fn rgba([red, green, blue, alpha]: [u8; 4]) -> String {
    let alpha = f64::from(alpha) / 255.0;
    format!("rgba({red},{green},{blue},{alpha:.3})")
}

fn rectangle(part: Part, fill: &str) -> String {
    let Part {
        x,
        y,
        width,
        height,
    } = part;
    format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"{fill}\"/>")
}

/// Text of somebody else, as XML has it.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            // Not even as a reference may these be there.
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
