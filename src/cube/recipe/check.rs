//! Everything that can be wrong with the values of a recipe.

use super::{Band, BandResampling, GridRecipe, PerBand, Recipe, RecipeError, Skip};
use crate::{
    cube::{COUNT, System, TimeAxis},
    grid::{Bounds, GeoTransform, Grid, Pyramid, Shape},
    land::Region,
    raster::Kernel,
    suggest,
};

/// The widest grid, in cells a side: 3 m over the whole Earth.
const MAX_SIDE: f64 = 16_000_000.0;
/// The largest cell, in metres: as far as a grid may grow beyond the limits of
/// its reference system to have whole cells.
const MAX_CELL: f64 = 100_000.0;
/// The largest chunk side: 32 MiB a band.
const MAX_CHUNK: usize = 4096;
/// The most bands that a cube has.
const MAX_BANDS: usize = 64;

/// Names that no band may have, besides those of the grid's axes. Readers
/// take the last two for coordinates in any cube.
const RESERVED: [&str; 6] = [
    COUNT,
    "time",
    "time_bnds",
    "spatial_ref",
    "latitude",
    "longitude",
];

/// Assets that hold a class or bits at each pixel, in the products that are
/// known.
const CLASS_ASSETS: [&str; 3] = ["scl", "fmask", "qa_pixel"];

impl Recipe {
    /// The grid's system, the grid with its overviews, and the time axis.
    pub(in crate::cube) fn check(&self) -> Result<(System, Pyramid, TimeAxis), RecipeError> {
        let system = self.grid.system()?;
        let pyramid = self.grid.pyramid(system)?;
        let times = TimeAxis::new(self.time.start, self.time.end, self.time.period)
            .map_err(|error| RecipeError::invalid("time", error.to_string()))?;
        self.check_bands(system)?;
        if let Some(mask) = &self.source.mask {
            mask.check()?;
        }
        self.check_radiometry()?;
        self.check_style()?;
        Ok((system, pyramid, times))
    }

    fn check_bands(&self, system: System) -> Result<(), RecipeError> {
        let bands = &self.source.bands;
        let bad = |reason: String| Err(RecipeError::invalid("source.bands", reason));
        if bands.is_empty() || bands.len() > MAX_BANDS {
            return bad(format!(
                "a cube has 1 to {MAX_BANDS} bands, not {}",
                bands.len()
            ));
        }
        for (n, band) in bands.iter().enumerate() {
            let name = band.name();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            if name.is_empty() || !name.chars().all(plain) {
                return bad(format!(
                    "`{name}` is no variable name: use letters, digits, _ and -"
                ));
            }
            let axes = system.axes().map(|axis| axis.name);
            if RESERVED.contains(&name) || axes.contains(&name) {
                return bad(format!("`{name}` is a name that every cube has already"));
            }
            if bands[..n].iter().any(|other| other.name() == name) {
                return bad(format!("`{name}` stands there twice"));
            }
        }
        if let BandResampling::ByBand(map) = &self.composite.resampling {
            self.known_variables("composite.resampling", map.keys(), false)?;
        }
        self.known_variables("composite.rule", self.composite.rule.bands(), false)?;
        self.check_classes()
    }

    /// No value lies between two classes.
    fn check_classes(&self) -> Result<(), RecipeError> {
        let mask = self.source.mask.as_ref();
        let mask = mask.and_then(|mask| mask.asset.as_deref());
        let holds_classes = |key: &str| {
            mask == Some(key)
                || CLASS_ASSETS
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(key))
        };
        for band in &self.source.bands {
            let name = band.name();
            let mixes = !matches!(
                self.composite.resampling.of(name),
                Kernel::Nearest | Kernel::Mode
            );
            if mixes && holds_classes(band.asset().unwrap_or(name)) {
                return Err(RecipeError::invalid(
                    "composite.resampling",
                    format!(
                        "`{name}` holds classes, which have nothing between them: write `resampling = {{ {name} = \"nearest\" }}`, or \"mode\""
                    ),
                ));
            }
        }
        Ok(())
    }

    fn check_radiometry(&self) -> Result<(), RecipeError> {
        let source = &self.source;
        let is_scale = |number: f64| number.is_finite() && number > 0.0;
        self.check_numbers("source.scale", source.scale.as_ref(), is_scale, "positive")?;
        self.check_numbers(
            "source.offset",
            source.offset.as_ref(),
            f64::is_finite,
            "finite",
        )
    }

    fn check_numbers(
        &self,
        key: &'static str,
        numbers: Option<&PerBand>,
        is_good: impl Fn(f64) -> bool,
        good: &str,
    ) -> Result<(), RecipeError> {
        let numbers: Vec<f64> = match numbers {
            None => return Ok(()),
            Some(PerBand::All(number)) => vec![*number],
            Some(PerBand::ByBand(map)) => {
                self.known_variables(key, map.keys(), false)?;
                map.values().copied().collect()
            }
        };
        match numbers.into_iter().find(|number| !is_good(*number)) {
            Some(number) => Err(RecipeError::invalid(key, format!("{number} is not {good}"))),
            None => Ok(()),
        }
    }

    fn check_style(&self) -> Result<(), RecipeError> {
        let style = &self.style;
        self.known_variables("style.variables", &style.variables, true)?;
        if !matches!(style.variables.len(), 0 | 1 | 3) {
            return Err(RecipeError::invalid(
                "style.variables",
                format!("one variable or three, not {}", style.variables.len()),
            ));
        }
        let pairs = style.rescale.len();
        if pairs > 1 && pairs != style.variables.len() {
            return Err(RecipeError::invalid(
                "style.rescale",
                format!(
                    "one pair, or one for each of the {} variables",
                    style.variables.len()
                ),
            ));
        }
        let ordered = |[min, max]: &[f64; 2]| min.is_finite() && max.is_finite() && min < max;
        match style.rescale.iter().find(|pair| !ordered(pair)) {
            Some([min, max]) => Err(RecipeError::invalid(
                "style.rescale",
                format!("[{min}, {max}] must rise"),
            )),
            None => Ok(()),
        }
    }

    fn known_variables<'a>(
        &self,
        key: &'static str,
        names: impl IntoIterator<Item = &'a String>,
        with_count: bool,
    ) -> Result<(), RecipeError> {
        let bands = || self.source.bands.iter().map(Band::name);
        for name in names {
            if !(bands().any(|band| band == name) || with_count && name == COUNT) {
                let hint = suggest::hint(name, bands());
                return Err(RecipeError::invalid(
                    key,
                    format!("there is no band `{name}`{hint}"),
                ));
            }
        }
        Ok(())
    }
}

impl GridRecipe {
    /// The reference system.
    fn system(&self) -> Result<System, RecipeError> {
        System::named(&self.crs).ok_or_else(|| {
            RecipeError::invalid(
                "grid.crs",
                format!("`{}` is not supported: use {}", self.crs, System::NAMES),
            )
        })
    }

    /// Checks that the bounds are a rectangle where the system is of use.
    fn check_bounds(&self, system: System) -> Result<Bounds, RecipeError> {
        let [west, south, east, north] = self.bounds;
        let bad = |reason: String| {
            let bounds = format!("[{west}, {south}, {east}, {north}]");
            Err(RecipeError::invalid(
                "grid.bounds",
                format!("{bounds} {reason}"),
            ))
        };
        let (name, units, limits) = (&self.crs, system.units(), system.limits());
        let has_x = |x: f64| (limits.west..=limits.east).contains(&x);
        let has_y = |y: f64| (limits.south..=limits.north).contains(&y);
        let is_within = has_x(west) && has_x(east) && has_y(south) && has_y(north);
        if system == System::Geographic && is_within && west > east && south < north {
            return bad(
                "crosses the antimeridian, or is no rectangle: write west < east, and for a cube across the antimeridian make two that end at 180 and begin at -180, or one in a UTM zone there, EPSG:32660 or EPSG:32601 (EPSG:32760 or EPSG:32701 in the south)".to_owned(),
            );
        }
        if !is_within {
            let limits = limits.to_array().map(f64::trunc);
            return bad(format!(
                "reaches beyond where {name} is of use, {limits:?}: write [west, south, east, north] in {units}"
            ));
        }
        if !(west < east && south < north) {
            return bad(format!(
                "is no rectangle: write [west, south, east, north] in {units}, west < east, south < north"
            ));
        }
        let degrees = System::Geographic.limits();
        let are_degrees = self.bounds.iter().all(|n| n.abs() <= degrees.east);
        if system != System::Geographic && are_degrees {
            return bad(format!("seem to be degrees: {name} counts {units}"));
        }
        Ok(Bounds {
            west,
            south,
            east,
            north,
        })
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the sides are checked to be at most MAX_SIDE"
    )]
    fn pyramid(&self, system: System) -> Result<Pyramid, RecipeError> {
        let Bounds {
            west,
            south,
            east,
            north,
        } = self.check_bounds(system)?;
        let resolution = self.resolution;
        if !(resolution.is_finite() && resolution > 0.0) {
            return Err(RecipeError::invalid(
                "grid.resolution",
                format!(
                    "{resolution} is no cell size: a positive number of {}",
                    system.units()
                ),
            ));
        }
        if system != System::Geographic && resolution > MAX_CELL {
            return Err(RecipeError::invalid(
                "grid.resolution",
                format!("{resolution} metres: a cell has at most {MAX_CELL}"),
            ));
        }
        // Decimal bounds seldom divide exactly: a millionth of a cell is no cell.
        let cells = |length: f64| (length / resolution - 1e-6).ceil().max(1.0);
        let (rows, cols) = (cells(north - south), cells(east - west));
        if rows > MAX_SIDE || cols > MAX_SIDE {
            return Err(RecipeError::invalid(
                "grid.resolution",
                format!("{resolution} makes {cols} x {rows} cells; a side has at most {MAX_SIDE}"),
            ));
        }
        let shape = Shape {
            rows: rows as usize,
            cols: cols as usize,
        };
        self.check_chunks()?;
        self.check_skip()?;
        let levels = self
            .levels
            .unwrap_or_else(|| Pyramid::levels_until(shape, self.inner_chunk));
        let most = Pyramid::levels_until(shape, 1);
        if !(1..=most).contains(&levels) {
            return Err(RecipeError::invalid(
                "grid.levels",
                format!("{levels}: this grid has 1 to {most} levels"),
            ));
        }
        let base = Grid {
            crs: system.epsg(),
            transform: GeoTransform {
                origin_x: west,
                origin_y: north,
                cell_width: resolution,
                cell_height: -resolution,
            },
            shape,
        };
        Ok(Pyramid::new(base, levels, self.chunk))
    }

    fn check_skip(&self) -> Result<(), RecipeError> {
        let Skip::Outside(document) = &self.skip else {
            return Ok(());
        };
        match (document, Region::from_geojson(document)) {
            (serde_json::Value::String(path), _) => Err(RecipeError::invalid(
                "grid.skip.outside",
                format!("`{path}` has to be read first: give the GeoJSON object itself"),
            )),
            (_, Ok(_)) => Ok(()),
            (_, Err(error)) => Err(RecipeError::invalid("grid.skip.outside", error.to_string())),
        }
    }

    fn check_chunks(&self) -> Result<(), RecipeError> {
        let (chunk, inner) = (self.chunk, self.inner_chunk);
        if !(chunk.is_multiple_of(2) && (16..=MAX_CHUNK).contains(&chunk)) {
            return Err(RecipeError::invalid(
                "grid.chunk",
                format!(
                    "{chunk}: an even number from 16 to {MAX_CHUNK}, so that four chunks make one of the next level"
                ),
            ));
        }
        if !(inner >= 8 && chunk.is_multiple_of(inner)) {
            return Err(RecipeError::invalid(
                "grid.inner_chunk",
                format!("{inner} must divide the chunk, {chunk}, and be at least 8"),
            ));
        }
        Ok(())
    }
}
