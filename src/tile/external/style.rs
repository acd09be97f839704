//! How a variable of somebody else's data is shown: in its range, or if it is one of
//! classes in their colours.

use super::subject::Subject;
use crate::{
    catalog::ExternalEntry,
    dataset::Variable,
    render::{
        Coloring, Style,
        classes::{Class, Classes, MAX_CLASSES},
        legend::Told,
    },
    tile::{Look, Styled, TileError, Tiles},
};

/// Colours of classes that have none, one after the other: those of the palette of Tableau,
/// by which matplotlib draws its lines.
const COLORS: [[u8; 3]; 10] = [
    [31, 119, 180],
    [255, 127, 14],
    [44, 160, 44],
    [214, 39, 40],
    [148, 103, 189],
    [140, 86, 75],
    [227, 119, 194],
    [127, 127, 127],
    [188, 189, 34],
    [23, 190, 207],
];

/// The style of so many bands, whose own ranges are those in which they are shown where
/// nothing else is said.
pub(super) fn of(
    look: &Look,
    subject: &Subject<'_>,
    bands: usize,
    ranges: &[[f64; 2]],
) -> Result<Style, TileError> {
    if look.expression.is_some() {
        if look.rescale.is_empty() && !look.is_of_values() {
            return Err(TileError::NoRange);
        }
        let style = Style::new(1, &look.rescale, look.coloring.clone())?;
        return Ok(style.touched(&look.touches)?);
    }
    let is_plain = look.rescale.is_empty() && look.coloring.is_none() && bands == 1;
    let first = subject.shown.first().filter(|_| is_plain);
    let own = first.and_then(|(variable, _)| classes(variable));
    let coloring = look.coloring.clone().or(own);
    let is_of_values = coloring.as_ref().is_some_and(Coloring::is_of_values);
    let rescale = if look.rescale.is_empty() && !is_of_values {
        ranges
    } else {
        &look.rescale
    };
    let style = Style::new(bands, rescale, coloring)?;
    Ok(style.touched(&look.touches)?)
}

/// The colours of a variable of classes (CF 1.11, 3.5), if it is one.
fn classes(variable: &Variable) -> Option<Coloring> {
    let flags = &variable.flags;
    if flags.is_empty() || flags.len() > MAX_CLASSES {
        return None;
    }
    let classes = flags.iter().zip(COLORS.iter().cycle());
    let classes = classes.map(|(flag, color)| {
        let [red, green, blue] = flag.color.unwrap_or(*color);
        Class {
            low: flag.value,
            high: None,
            color: [red, green, blue, 255],
        }
    });
    Classes::new(classes.collect()).ok().map(Coloring::Classes)
}

impl Tiles {
    /// The style of pictures of a data set of somebody else, and what a legend tells of its
    /// first variable.
    ///
    /// # Errors
    /// If the request names something that is not there, or does not fit together.
    pub async fn style_of_external(
        &self,
        entry: &ExternalEntry,
        look: &Look,
    ) -> Result<(Styled, Told), TileError> {
        if let Some(name) = look.only_of_cubes() {
            return Err(TileError::OnlyOfCubes(name));
        }
        let external = entry.source().current().await;
        let subject = Subject::of(look, &external.dataset)?;
        let mut ranges = Vec::new();
        for (variable, selection) in &subject.shown {
            let range = external.array(&variable.levels[0].path)?.stored().range();
            ranges.extend(std::iter::repeat_n(range, selection.bands()));
        }
        let told = match (&look.expression, subject.shown.first()) {
            (None, Some((first, _))) => Told {
                title: first.long_name.as_ref().unwrap_or(&first.name).clone(),
                units: first.units.clone(),
                range: ranges.first().copied().unwrap_or_default(),
                meanings: (first.flags.iter())
                    .map(|flag| (flag.value, flag.meaning.clone()))
                    .collect(),
            },
            (expression, _) => Told {
                title: expression
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                units: None,
                range: look.rescale.first().copied().unwrap_or_default(),
                meanings: Vec::new(),
            },
        };
        let styled = Styled {
            style: of(look, &subject, ranges.len(), &ranges)?,
            names: subject.names(look.expression.as_ref()),
            revision: external.version.to_string(),
        };
        Ok((styled, told))
    }
}
