//! Questions for values.

use super::{
    QueryError,
    parse::{
        boolean, nodata, number, once, one_of, percentile, push, range, resampling, system,
        unknown, with_method, within,
    },
};
use crate::{
    grid::Epsg,
    http::looks::Extras,
    raster::{Expression, Resampling},
};

/// Bars of a histogram, and parts of a pixel along a side, as `TiTiler` allows them.
const MOST_BARS: usize = 1000;
const MOST_PARTS: usize = 1000;

/// The parameters of a question for values, of which each route knows some.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::http) struct ValuesQuery {
    pub(in crate::http) bbox: Option<String>,
    pub(in crate::http) variables: Vec<String>,
    pub(in crate::http) expression: Option<Expression>,
    pub(in crate::http) sel: Vec<String>,
    /// From 0 to 100.
    pub(in crate::http) percentiles: Vec<f64>,
    pub(in crate::http) max_size: Option<usize>,
    pub(in crate::http) show_times: Option<bool>,
    pub(in crate::http) bidx: Vec<usize>,
    pub(in crate::http) nodata: Option<f64>,
    pub(in crate::http) resampling: Option<Resampling>,
    pub(in crate::http) coord_crs: Option<Epsg>,
    pub(in crate::http) dst_crs: Option<Epsg>,
    pub(in crate::http) width: Option<usize>,
    pub(in crate::http) height: Option<usize>,
    pub(in crate::http) histogram_bins: Option<usize>,
    pub(in crate::http) histogram_range: Option<[f64; 2]>,
    pub(in crate::http) categorical: Option<bool>,
    /// Values that are counted, if it is categorical.
    pub(in crate::http) categories: Vec<f64>,
    pub(in crate::http) cover_scale: Option<usize>,
    /// What is computed of the values.
    pub(in crate::http) extras: Extras,
}

impl ValuesQuery {
    pub(in crate::http) fn parse(
        query: Option<&str>,
        known: &[&'static str],
    ) -> Result<Self, QueryError> {
        let mut parsed = Self::default();
        let (mut sel_method, mut reproject) = (None, None);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match name.as_ref() {
                name if !known.contains(&name) => return Err(unknown(name, known)),
                name if Extras::is_known(name) => parsed.extras.take(name, &value)?,
                "bbox" => once(&mut parsed.bbox, "bbox", value.into_owned())?,
                "variable" => push(&mut parsed.variables, "variable", value.into_owned())?,
                "expression" => {
                    let expression = Expression::parse(&value)?;
                    once(&mut parsed.expression, "expression", expression)?;
                }
                "sel" => push(&mut parsed.sel, "sel", value.into_owned())?,
                "show_times" => {
                    let shows = boolean("show_times", &value)?;
                    once(&mut parsed.show_times, "show_times", shows)?;
                }
                "p" => push(&mut parsed.percentiles, "p", percentile(&value)?)?,
                "sel_method" => once(&mut sel_method, "sel_method", value.into_owned())?,
                "bidx" => push(&mut parsed.bidx, "bidx", number("bidx", &value)?)?,
                "nodata" => once(&mut parsed.nodata, "nodata", nodata(&value)?)?,
                "resampling" => {
                    let found = resampling("resampling", &value)?;
                    once(&mut parsed.resampling, "resampling", found)?;
                }
                "reproject" => {
                    let found = resampling("reproject", &value)?;
                    once(&mut reproject, "reproject", found)?;
                }
                "coord_crs" => {
                    once(
                        &mut parsed.coord_crs,
                        "coord_crs",
                        system("coord_crs", &value)?,
                    )?;
                }
                "dst_crs" => once(&mut parsed.dst_crs, "dst_crs", system("dst_crs", &value)?)?,
                "width" => once(&mut parsed.width, "width", number("width", &value)?)?,
                "height" => once(&mut parsed.height, "height", number("height", &value)?)?,
                "histogram_bins" => {
                    let bins = within("histogram_bins", &value, 1..=MOST_BARS)?;
                    once(&mut parsed.histogram_bins, "histogram_bins", bins)?;
                }
                "histogram_range" => {
                    let [low, high] = range("histogram_range", &value)?;
                    once(&mut parsed.histogram_range, "histogram_range", [low, high])?;
                }
                "categorical" => {
                    let is_so = boolean("categorical", &value)?;
                    once(&mut parsed.categorical, "categorical", is_so)?;
                }
                "c" => push(&mut parsed.categories, "c", number("c", &value)?)?,
                "cover_scale" => {
                    let scale = within("cover_scale", &value, 1..=MOST_PARTS)?;
                    once(&mut parsed.cover_scale, "cover_scale", scale)?;
                }
                _ => once(
                    &mut parsed.max_size,
                    "max_size",
                    number("max_size", &value)?,
                )?,
            }
        }
        one_of(&parsed.variables, parsed.expression.as_ref())?;
        parsed.sel = with_method(parsed.sel, sel_method.as_deref());
        // For TiTiler two steps, of which the one from system to system shows.
        parsed.resampling = reproject.or(parsed.resampling);
        parsed.extras.finish()?;
        Ok(parsed)
    }
}
