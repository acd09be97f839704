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
    tile::{Look, Styled, TileError, Tiles, subject::usual_ranges},
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

/// The style of what is shown, of bands whose own ranges are those in which they are shown
/// where nothing else is said; `found` are ranges that were found.
pub(super) fn of(
    look: &Look,
    subject: &Subject<'_>,
    ranges: &[[f64; 2]],
    found: Option<&[[f64; 2]]>,
) -> Result<Style, TileError> {
    let planes = subject.names().len();
    let told = found.unwrap_or(&look.rescale);
    let is_plain = told.is_empty() && planes == 1 && look.coloring.is_none() && !look.is_computed();
    let first = subject.shown.first().filter(|_| is_plain);
    let own = first.and_then(|(variable, _)| classes(variable));
    let coloring = look.coloring.clone().or(own);
    let is_of_values = coloring.as_ref().is_some_and(Coloring::is_of_values);
    let rescale = if told.is_empty() && !is_of_values {
        usual_ranges(look, subject.expression.as_ref(), ranges, planes)?
    } else {
        told.to_vec()
    };
    let style = Style::new(planes, &rescale, coloring)?;
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
        let external = entry.source().current().await;
        let found = self
            .external_ranges_if_asked(entry, &external, look)
            .await?;
        let subject = Subject::of(look, &external.dataset)?;
        let ranges = subject.ranges(&external)?;
        let is_computed = look.expression.is_some() || look.algorithm.is_some();
        let told = match subject.shown.first().filter(|_| !is_computed) {
            Some((first, _)) => Told {
                title: first.long_name.as_ref().unwrap_or(&first.name).clone(),
                units: first.units.clone(),
                range: ranges.first().copied().unwrap_or_default(),
                meanings: (first.flags.iter())
                    .map(|flag| (flag.value, flag.meaning.clone()))
                    .collect(),
            },
            None => Told {
                title: subject.names().join(", "),
                ..Told::default()
            },
        };
        let styled = Styled {
            style: of(look, &subject, &ranges, found.as_deref())?,
            names: subject.names(),
            revision: external.version.to_string(),
        };
        Ok((styled, told))
    }
}
