//! Query strings with repeated keys, read into checked values.

mod parse;
mod values;

use self::parse::{MAX_REPEATS, nodata, one_of, push, range, resampling, with_method};
pub(super) use self::{
    parse::{boolean, number, once, system, unknown},
    values::ValuesQuery,
};
use super::looks::{self, Extras};
use crate::{
    grid::Epsg,
    raster::{Expression, ExpressionError, Resampling},
    render::{
        AlgorithmError, Coloring, ColoringError, Colormap, FileFormat, FormulaError, SampleFormat,
    },
    tile::Look,
};

/// What is wrong with a query string.
#[derive(Debug, thiserror::Error, PartialEq)]
pub(super) enum QueryError {
    /// No such parameter.
    #[error("there is no parameter `{name}`{hint}; there are {known}")]
    Unknown {
        name: String,
        hint: String,
        known: String,
    },
    /// A parameter that stands there twice and may not.
    #[error("`{0}` is given twice")]
    Twice(&'static str),
    /// An expression that is none.
    #[error(transparent)]
    Expression(#[from] ExpressionError),
    /// Colours that are none.
    #[error("`colormap` cannot be understood: {0}")]
    Colormap(ColoringError),
    /// Variables and an expression.
    #[error("`expression` names its variables itself: leave out `variable`")]
    Both,
    /// An algorithm that is none.
    #[error(transparent)]
    Algorithm(#[from] AlgorithmError),
    /// Parameters of no algorithm.
    #[error("`algorithm_params` is given without an `algorithm`")]
    OnlyParameters,
    /// A formula of colours that is none.
    #[error(transparent)]
    Formula(#[from] FormulaError),
    /// Ranges that are found, and others.
    #[error("`rescale=auto` is for all variables: leave out other ranges")]
    AutoAndRanges,
    /// A value that cannot be understood.
    #[error("`{name}={value}`: {expected}")]
    Value {
        name: &'static str,
        value: String,
        expected: String,
    },
    /// More values than are sensible.
    #[error("`{0}` is given more than {MAX_REPEATS} times")]
    TooMany(&'static str),
}

const PARAMETERS: [&str; 15] = [
    "variable",
    "variables",
    "expression",
    "sel",
    "bidx",
    "rescale",
    "colormap_name",
    "colormap",
    "resampling",
    "reproject",
    "nodata",
    "tilesize",
    "revision",
    "tile_scale",
    "sel_method",
];

/// Those of a picture of a rectangle.
const PICTURE_PARAMETERS: [&str; 17] = [
    "variable",
    "variables",
    "expression",
    "sel",
    "rescale",
    "colormap_name",
    "colormap",
    "resampling",
    "reproject",
    "nodata",
    "max_size",
    "bidx",
    "sel_method",
    "width",
    "height",
    "coord_crs",
    "dst_crs",
];

/// What is behind a picture that tells nothing apart.
const BLACK: [u8; 3] = [0; 3];

/// The parameters of a tile or another picture, as they were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct TileQuery {
    pub(super) variables: Vec<String>,
    pub(super) expression: Option<Expression>,
    pub(super) sel: Vec<String>,
    pub(super) bidx: Vec<usize>,
    pub(super) rescale: Vec<[f64; 2]>,
    pub(super) colormap_name: Option<String>,
    pub(super) colormap: Option<String>,
    pub(super) resampling: Option<Resampling>,
    pub(super) nodata: Option<f64>,
    pub(super) tile_size: Option<usize>,
    pub(super) revision: Option<String>,
    pub(super) max_size: Option<usize>,
    /// How many times as many pixels along a side, as `TiTiler` had it until 2.0.
    pub(super) tile_scale: Option<usize>,
    pub(super) width: Option<usize>,
    pub(super) height: Option<usize>,
    /// The system of the coordinates in the address.
    pub(super) coord_crs: Option<Epsg>,
    /// The system of the picture.
    pub(super) dst_crs: Option<Epsg>,
    pub(super) extras: Extras,
}

impl TileQuery {
    pub(super) fn parse(query: &str) -> Result<Self, QueryError> {
        let known = [&PARAMETERS[..], &looks::PARAMETERS, &looks::OF_TILES];
        Self::of(query, &known.concat())
    }

    /// Of a picture of a rectangle.
    pub(super) fn of_picture(query: &str) -> Result<Self, QueryError> {
        Self::of(
            query,
            &[&PICTURE_PARAMETERS[..], &looks::PARAMETERS].concat(),
        )
    }

    fn of(query: &str, known: &[&'static str]) -> Result<Self, QueryError> {
        let mut parsed = Self::default();
        let (mut sel_method, mut reproject) = (None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                name if !known.contains(&name) => return Err(unknown(name, known)),
                name if Extras::is_known(name) => parsed.extras.take(name, &value)?,
                "rescale" if value == "auto" => parsed.extras.is_auto = true,
                "variable" => push(&mut parsed.variables, "variable", value.into_owned())?,
                "variables" => {
                    for value in value.split(',') {
                        push(&mut parsed.variables, "variables", value.to_owned())?;
                    }
                }
                "expression" => once(
                    &mut parsed.expression,
                    "expression",
                    Expression::parse(&value)?,
                )?,
                "sel" => push(&mut parsed.sel, "sel", value.into_owned())?,
                "bidx" => push(&mut parsed.bidx, "bidx", number("bidx", &value)?)?,
                "rescale" => push(&mut parsed.rescale, "rescale", range("rescale", &value)?)?,
                "colormap_name" => once(
                    &mut parsed.colormap_name,
                    "colormap_name",
                    value.into_owned(),
                )?,
                "colormap" => once(&mut parsed.colormap, "colormap", value.into_owned())?,
                "resampling" => {
                    let found = resampling("resampling", &value)?;
                    once(&mut parsed.resampling, "resampling", found)?;
                }
                "reproject" => {
                    let found = resampling("reproject", &value)?;
                    once(&mut reproject, "reproject", found)?;
                }
                "nodata" => once(&mut parsed.nodata, "nodata", nodata(&value)?)?,
                "tilesize" => once(
                    &mut parsed.tile_size,
                    "tilesize",
                    number("tilesize", &value)?,
                )?,
                "revision" => once(&mut parsed.revision, "revision", value.into_owned())?,
                "tile_scale" => once(
                    &mut parsed.tile_scale,
                    "tile_scale",
                    number("tile_scale", &value)?,
                )?,
                "sel_method" => once(&mut sel_method, "sel_method", value.into_owned())?,
                "width" => once(&mut parsed.width, "width", number("width", &value)?)?,
                "height" => once(&mut parsed.height, "height", number("height", &value)?)?,
                "coord_crs" => once(
                    &mut parsed.coord_crs,
                    "coord_crs",
                    system("coord_crs", &value)?,
                )?,
                "dst_crs" => once(&mut parsed.dst_crs, "dst_crs", system("dst_crs", &value)?)?,
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
        if parsed.extras.is_auto && !parsed.rescale.is_empty() {
            return Err(QueryError::AutoAndRanges);
        }
        parsed.extras.finish()?;
        Ok(parsed)
    }

    /// What is to be shown, in a format.
    pub(super) fn look(&self, format: Option<FileFormat>) -> Result<Look, QueryError> {
        Ok(self.look_in(self.coloring()?, format))
    }

    /// [`TileQuery::look`] in the colours of the query.
    pub(super) fn look_in(&self, coloring: Option<Coloring>, format: Option<FileFormat>) -> Look {
        let is_masked = self.extras.return_mask != Some(false);
        let format = match format {
            Some(FileFormat::Samples(SampleFormat::Npy)) if !is_masked => {
                Some(FileFormat::Samples(SampleFormat::NpyWithoutMask))
            }
            format => format,
        };
        Look {
            variables: self.variables.clone(),
            expression: self.expression.clone(),
            sel: self.sel.clone(),
            bidx: self.bidx.clone(),
            rescale: self.rescale.clone(),
            is_auto: self.extras.is_auto,
            over_time: self.extras.over_time,
            algorithm: self.extras.algorithm.clone(),
            touches: self.extras.touches.clone(),
            coloring,
            resampling: self.resampling.unwrap_or(Resampling::Nearest),
            nodata: self.nodata,
            background: (!is_masked).then_some(BLACK),
            format,
        }
    }

    /// The colours of a single variable, if there are any. As for `TiTiler` a name wins
    /// over what is written out.
    pub(super) fn coloring(&self) -> Result<Option<Coloring>, QueryError> {
        if let Some(name) = &self.colormap_name {
            let map = Colormap::named(name).map_err(|error| QueryError::Value {
                name: "colormap_name",
                value: name.clone(),
                expected: error.to_string(),
            });
            return map.map(|map| Some(map.into()));
        }
        let written = |text: &String| Coloring::parse(text).map_err(QueryError::Colormap);
        self.colormap.as_ref().map(written).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_and_listed_variables_are_the_same() {
        let repeated = TileQuery::parse("variable=red&variable=green&rescale=0,3000").unwrap();
        let listed = TileQuery::parse("variables=red,green&rescale=%5B0,3000%5D").unwrap();
        assert_eq!(repeated, listed);
        assert_eq!(repeated.rescale, [[0.0, 3000.0]]);
    }

    #[test]
    fn a_colormap_by_name_wins_over_one_that_is_written_out() {
        let query = |text: &str| TileQuery::parse(text).unwrap().coloring().unwrap();
        let named = query("colormap_name=magma");
        assert_eq!(
            query("colormap={%221%22:%22%23f00%22}&colormap_name=magma"),
            named
        );
        assert_ne!(query("colormap={%221%22:%22%23f00%22}"), named);
        assert_eq!(query("rescale=0,1"), None);
    }

    #[test]
    fn a_typo_is_answered_with_the_parameter_that_was_meant() {
        let text = TileQuery::parse("varable=red").unwrap_err().to_string();
        assert!(
            text.contains("`varable`") && text.contains("did you mean `variable`?"),
            "{text}"
        );
    }

    #[test]
    fn titilers_older_parameters_are_understood() {
        let query = TileQuery::parse("sel=time=1&sel=band=nearest::2&sel_method=pad&tile_scale=2");
        let query = query.unwrap();
        assert_eq!(query.sel, ["time=pad::1", "band=nearest::2"]);
        assert_eq!(query.tile_scale, Some(2));
    }

    #[test]
    fn systems_are_named_by_their_codes() {
        for text in [
            "EPSG:3857",
            "epsg:3857",
            "http://www.opengis.net/def/crs/EPSG/0/3857",
            "urn:ogc:def:crs:EPSG::3857",
        ] {
            assert_eq!(system("dst_crs", text), Ok(Epsg::WEB_MERCATOR), "{text}");
        }
        assert!(system("dst_crs", "+proj=merc").is_err());
    }

    #[test]
    fn what_cannot_be_understood_says_what_could() {
        for query in [
            "rescale=1",
            "rescale=a,b",
            "rescale=1,2,3",
            "resampling=best",
            "nodata=none",
            "tilesize=big",
            "nodata=1&nodata=2",
        ] {
            assert!(TileQuery::parse(query).is_err(), "{query}");
        }
        let query = TileQuery::parse("colormap_name=viridus").unwrap();
        let text = query.coloring().unwrap_err().to_string();
        assert!(text.contains("viridis"), "{text}");
        let query = TileQuery::parse("colormap=%7Bbad").unwrap();
        let text = query.coloring().unwrap_err().to_string();
        assert!(
            text.contains("`colormap`") && text.contains("JSON"),
            "{text}"
        );
        let many = "sel=time=1&".repeat(17);
        assert_eq!(TileQuery::parse(&many), Err(QueryError::TooMany("sel")));
    }
}
