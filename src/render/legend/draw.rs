//! A legend as pixels.

use embedded_graphics::{
    Drawable as _, Pixel,
    draw_target::DrawTarget,
    geometry::{OriginDimensions, Point, Size},
    mono_font::{MonoTextStyle, iso_8859_1::FONT_6X12},
    pixelcolor::{Rgb888, RgbColor as _},
    text::{Alignment, Baseline, Text, TextStyleBuilder},
};

use super::{Legend, MARGIN, Part, Scale, marks, most_labels, rows};
use crate::render::picture::{Picture, Pixels};

/// What text and lines are drawn in.
const INK: Rgb888 = Rgb888::new(0x22, 0x22, 0x22);

/// Pixels of a character.
const CHARACTER: u32 = 6;

/// White pixels that can be drawn on.
struct Canvas {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Self::Error>
    where
        I: IntoIterator<Item = Pixel<Rgb888>>,
    {
        for Pixel(Point { x, y }, color) in pixels {
            if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) {
                self.set(x, y, [color.r(), color.g(), color.b()]);
            }
        }
        Ok(())
    }
}

impl Canvas {
    /// Nothing is drawn outside.
    fn set(&mut self, x: u32, y: u32, color: [u8; 3]) {
        if x < self.width && y < self.height {
            let at = 3 * (y as usize * self.width as usize + x as usize);
            self.rgb[at..at + 3].copy_from_slice(&color);
        }
    }

    fn fill(&mut self, part: Part, color: impl Fn(u32) -> [u8; 4]) {
        for x in 0..part.width {
            let color = over_white(color(x));
            for y in part.y..part.bottom() {
                self.set(part.x + x, y, color);
            }
        }
    }

    /// Text whose characters beyond Latin-1 are question marks; cut to so many pixels.
    fn text(&mut self, words: &str, x: u32, y: u32, alignment: Alignment, room: u32) {
        let most = (room / CHARACTER) as usize;
        // The font has no dash of half a square.
        let words: String = words.replace('–', "-").chars().take(most).collect();
        let style = TextStyleBuilder::new()
            .alignment(alignment)
            .baseline(Baseline::Top)
            .build();
        let at = Point::new(x.cast_signed(), y.cast_signed());
        let font = MonoTextStyle::new(&FONT_6X12, INK);
        let Ok(_) = Text::with_text_style(&words, at, font, style).draw(self);
    }
}

/// A colour as it is seen on white.
fn over_white([red, green, blue, alpha]: [u8; 4]) -> [u8; 3] {
    let mix = |sample: u8| {
        let (sample, alpha) = (u32::from(sample), u32::from(alpha));
        let mixed = (sample * alpha + 255 * (255 - alpha) + 127) / 255;
        u8::try_from(mixed).unwrap_or(u8::MAX)
    };
    [red, green, blue].map(mix)
}

pub(super) fn picture(legend: &Legend, width: u32, height: u32) -> Picture {
    let mut canvas = Canvas {
        width,
        height,
        rgb: vec![255; 3 * width as usize * height as usize],
    };
    let room = width.saturating_sub(MARGIN);
    canvas.text(&legend.heading(), MARGIN, 2, Alignment::Left, room);
    match &legend.scale {
        Scale::Ramp { range, colors, .. } => {
            let bar = legend.bar(width, height);
            for (part, color) in bar.ends(&legend.scale) {
                canvas.fill(part, |_| color);
            }
            let last = bar.ramp.width.saturating_sub(1).max(1);
            let level = |x: u32| ((x * 255 + last / 2) / last) as usize;
            canvas.fill(bar.ramp, |x| colors[level(x).min(255)]);
            for mark in marks(*range, most_labels(bar.ramp.width)) {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a share of the width"
                )]
                let x = bar.ramp.x + (mark.place * f64::from(last)).round() as u32;
                let line = Part::new(x, bar.ramp.bottom(), 1, 3);
                canvas.fill(line, |_| [INK.r(), INK.g(), INK.b(), 255]);
                let y = bar.ramp.bottom() + 4;
                canvas.text(&mark.label, x, y, Alignment::Center, width);
            }
        }
        Scale::Classes(classes) => {
            for (class, place) in classes.iter().zip(rows(height)) {
                canvas.fill(place, |_| class.color);
                let x = place.x + place.width + 6;
                let room = width.saturating_sub(x);
                canvas.text(&class.label(), x, place.y, Alignment::Left, room);
            }
        }
    }
    Picture {
        width,
        height,
        pixels: Pixels::Rgb {
            data: canvas.rgb,
            hole: None,
        },
    }
}
