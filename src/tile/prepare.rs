//! From a request to what a picture is made of, by coverage alone.

use std::sync::Arc;

use super::{
    Look, PictureRequest, TileError, TileRequest, Tiles,
    cost::{Cost, SMALLER},
    name::{self, Shown},
    place::Place,
    prepared::{Output, Prepared, Step},
    ranges::Ranges,
    request::shrunk,
    subject::Subject,
};
use crate::{
    catalog::Entry, cube::coverage::chunks_below, grid::Shape, render::FileFormat, zarr::StoredCube,
};

/// All that a look says of a cube.
struct Wanted {
    subject: Subject,
    output: Output,
    /// Display ranges that were found.
    ranges: Option<Ranges>,
}

impl Tiles {
    /// Finds what a tile is made of.
    ///
    /// # Errors
    /// If the request names something that is not there, asks for too much, or
    /// coverage cannot be read.
    pub async fn prepare(&self, cube: &str, request: &TileRequest) -> Result<Prepared, TileError> {
        let entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        let wanted = self.wanted(&entry, &request.look, &stored).await?;
        let place = Place::of(&request.target(), request.look.resampling, &stored)?;
        let variables = wanted.subject.variables.len();
        let cost = Cost::within(self.most, request, variables, &place, &stored)?;
        let pixels = request.pixels();
        let cost = self.with_processing(cost, &request.look, &wanted.subject, pixels)?;
        self.placed(&entry, stored, &request.look, wanted, place, cost)
            .await
    }

    /// Finds what a picture of a rectangle is made of.
    ///
    /// # Errors
    /// As of [`Tiles::prepare`].
    pub async fn prepare_picture(
        &self,
        cube: &str,
        request: &PictureRequest,
    ) -> Result<Prepared, TileError> {
        let entry = self.catalog.get(cube)?;
        let stored = entry.current().await;
        self.prepare_picture_of(&entry, stored, request).await
    }

    /// [`Tiles::prepare_picture`] of a state.
    pub(super) async fn prepare_picture_of(
        &self,
        entry: &Arc<Entry>,
        stored: StoredCube,
        request: &PictureRequest,
    ) -> Result<Prepared, TileError> {
        let wanted = self.wanted(entry, &request.look, &stored).await?;
        let place = Place::of_picture(request, &stored)?;
        let Shape { rows, cols } = place.mapping.target().shape;
        let variables = wanted.subject.variables.len();
        let resampling = request.look.resampling;
        let cost = Cost::of_place(rows * cols, variables, &place, resampling, &stored.cube);
        if cost.bytes() > self.most {
            return Err(TileError::TooMuch {
                bytes: cost.bytes(),
                limit: self.most,
                advice: SMALLER.to_owned(),
            });
        }
        let cost = self.with_processing(cost, &request.look, &wanted.subject, rows * cols)?;
        let whole = self.placed(entry, stored, &request.look, wanted, place, cost);
        let mut picture = whole.await?;
        if let Some(cutout) = &request.cutout {
            cutout.check(picture.grid(), 1)?;
            picture.name = name::of_part(picture.name, cutout);
            picture.cutout = Some(Arc::clone(cutout));
        }
        Ok(picture)
    }

    /// What more than one time step, and an algorithm, take beside the samples of one step.
    fn with_processing(
        &self,
        cost: Cost,
        look: &Look,
        subject: &Subject,
        pixels: usize,
    ) -> Result<Cost, TileError> {
        let taken = subject
            .expression
            .as_ref()
            .map_or(subject.names.len(), |_| 1);
        let mut cost = cost;
        if let Some(over_time) = look.over_time {
            let held = |steps| taken * (1 + over_time.planes(steps));
            cost = cost.of_steps(subject.steps.len(), pixels, held, self.most)?;
        }
        if look.algorithm.is_some() {
            cost = cost.with_values(pixels, taken + subject.shown().len(), self.most)?;
        }
        Ok(cost)
    }

    /// What a look shows, with all that it leaves open.
    async fn wanted(
        &self,
        entry: &Arc<Entry>,
        look: &Look,
        stored: &StoredCube,
    ) -> Result<Wanted, TileError> {
        let ranges = self.ranges_if_asked(entry, stored, look).await?;
        let subject = Subject::of(look, stored)?;
        let picture = |format| {
            let style = subject.style(look, ranges.as_deref(), stored)?;
            Ok::<_, TileError>(Output::Picture {
                style,
                background: look.background,
                format,
            })
        };
        let output = match look.format {
            Some(FileFormat::Samples(format)) => Output::Samples(format),
            Some(FileFormat::Image(format)) => picture(Some(format))?,
            None => picture(None)?,
        };
        Ok(Wanted {
            subject,
            output,
            ranges,
        })
    }

    async fn placed(
        &self,
        entry: &Arc<Entry>,
        stored: StoredCube,
        look: &Look,
        wanted: Wanted,
        place: Place,
        cost: Cost,
    ) -> Result<Prepared, TileError> {
        let Wanted {
            subject,
            output,
            ranges,
        } = wanted;
        let Subject {
            names,
            variables,
            expression,
            computed,
            steps: times,
            is_own: _,
        } = subject;
        let mut steps = Vec::with_capacity(times.len());
        for time in times {
            let cells = match place.window {
                Some(window) => {
                    self.reader
                        .cells(entry.number(), &stored, place.level, time, window)
                        .await?
                }
                None => Vec::new(),
            };
            steps.push(Step { time, cells });
        }
        let pyramid = stored.cube.pyramid();
        let complete = (steps.iter().flat_map(|step| &step.cells))
            .all(|(index, cell)| cell.share == chunks_below(pyramid, place.level, *index));
        let coverage = coverage(&stored, &place, &steps);
        let nodata = look.nodata_of_cube()?;
        let named = Shown {
            target: place.mapping.target(),
            names: &names,
            expression: expression.as_ref(),
            output: &output,
            resampling: look.resampling,
            nodata,
            over_time: look.over_time,
            algorithm: look.algorithm.as_ref(),
        };
        let name = named.name(&pyramid.grid(place.level), &steps);
        Ok(Prepared {
            cube: entry.number(),
            level: place.level,
            steps,
            over_time: look.over_time,
            algorithm: look.algorithm.clone(),
            names: computed.unwrap_or(names),
            variables,
            expression,
            output,
            grid: shrunk(*place.mapping.target(), look.buffer()),
            ranges,
            mapping: place.mapping,
            window: place.window,
            resampling: look.resampling,
            nodata,
            cutout: None,
            name,
            cost,
            coverage,
            complete,
            stored,
        })
    }
}

/// Which share of what is under a tile was ever built, by the area of chunks.
#[expect(
    clippy::cast_precision_loss,
    reason = "a share does not need all digits"
)]
fn coverage(stored: &StoredCube, place: &Place, steps: &[Step]) -> f64 {
    let (pyramid, level) = (stored.cube.pyramid(), place.level);
    let (mut built, mut all) = (0.0, 0.0);
    for (index, cell) in steps.iter().flat_map(|step| &step.cells) {
        let chunk = pyramid.chunks(level).window(*index);
        let shared = place.window.and_then(|window| window.intersection(&chunk));
        let area = shared.map_or(0.0, |shared| shared.len() as f64);
        let below = chunks_below(pyramid, level, *index).max(1);
        built += area * (cell.share as f64 / below as f64);
        all += area;
    }
    if all > 0.0 { built / all } else { 1.0 }
}
