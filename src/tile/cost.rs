//! What making a tile takes, known before anything is read.

use super::{TileError, TileRequest, axes::PixelSize, place::Place, target::Target};
use crate::{
    cube::Cube,
    grid::{TileAddress, TileMatrix, Window},
    raster::{Resampling, separable::bytes_at_hand},
    zarr::StoredCube,
};

/// Bytes of a sample of a cube.
const SAMPLE: u64 = size_of::<u16>() as u64;

/// Bytes of a pixel as it is painted and as it is encoded, four samples each,
/// and of its position in a cube whose axes are not the tile's.
const PIXEL: u64 = 4 + 4 + 2 * size_of::<f64>() as u64;

/// Time steps of one tile that are read at once.
pub(super) const STEPS_AT_ONCE: usize = 2;

/// The most bytes that a tile of many time steps is made from, some seconds of work.
const MOST_READ: u64 = 4 << 30;

/// The smallest tile that is worth to be named as a way out.
const LEAST_SIZE: usize = 64;

/// The way out of a picture that is too much.
pub(super) const SMALLER: &str = "ask for fewer pixels, or for fewer variables";

/// Cells around a tile that its resampling may look at, on both sides together.
const MARGIN: usize = 8;

/// Bytes that a tile takes while it is made.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) struct Cost(u64);

impl Cost {
    /// Of so many pixels from a window of a level: for each
    /// variable the inner chunks under the window, as they are stored and as
    /// they are decoded, the window, and the samples of the tile.
    pub(super) fn of(pixels: usize, variables: usize, window: Option<Window>, cube: &Cube) -> Self {
        let inner = cube.inner_chunk();
        let samples = window.map_or(0, |window| {
            let rows = window.row_end().div_ceil(inner) - window.row / inner;
            let cols = window.col_end().div_ceil(inner) - window.col / inner;
            2 * rows * cols * inner * inner + window.len()
        });
        Self::sum(pixels, variables, samples)
    }

    /// [`Cost::of`] of a place of a cube, and what resampling has at hand of one variable
    /// after the other.
    pub(super) fn of_place(
        pixels: usize,
        variables: usize,
        place: &Place,
        resampling: Resampling,
        cube: &Cube,
    ) -> Self {
        let at_hand = place.mapping.bytes_at_hand(resampling, place.window);
        let Self(cost) = Self::of(pixels, variables, place.window, cube);
        Self(cost.saturating_add(at_hand))
    }

    fn sum(pixels: usize, variables: usize, samples: usize) -> Self {
        let (pixels, samples) = (pixels as u64, samples as u64);
        let of_variables = samples.saturating_add(pixels).saturating_mul(SAMPLE);
        let of_variables = of_variables.saturating_mul(variables as u64);
        Self(of_variables.saturating_add(pixels.saturating_mul(PIXEL)))
    }

    /// The most that one of the tiles takes that are the `share` of a tile wide, wherever
    /// in the tile of this pixel size it is.
    fn further_in(
        size: usize,
        variables: usize,
        pixel: PixelSize,
        share: f64,
        resampling: Resampling,
        cube: &Cube,
    ) -> Self {
        let [width, low, high] = [pixel.width, pixel.low, pixel.high].map(|side| side * share);
        let pyramid = cube.pyramid();
        let last = pyramid.levels().len() - 1;
        let levels = pyramid.level_for(width, low)..=pyramid.level_for(width, high);
        let samples = pyramid.levels().filter(|level| levels.contains(level));
        let costs = samples.map(|level| {
            let grid = pyramid.grid(level);
            let across = width / grid.transform.cell_width.abs();
            let mut down = high / grid.transform.cell_height.abs();
            if level.0 < last && across >= 2.0 {
                // Else the next level would do.
                down = down.min(2.0);
            }
            let (rows, held_rows) = along(size, down, grid.shape.rows, cube.inner_chunk());
            let (cols, held_cols) = along(size, across, grid.shape.cols, cube.inner_chunk());
            let Self(cost) = Self::sum(
                size * size,
                variables,
                2 * held_rows * held_cols + rows * cols,
            );
            let at_hand = bytes_at_hand(
                resampling,
                touched(down),
                size.saturating_mul(touched(across)),
            );
            cost.saturating_add(at_hand)
        });
        Self(costs.max().unwrap_or_default())
    }

    /// Of so many bytes for samples, and so many pixels.
    pub(super) fn of_samples(samples: u64, pixels: u64) -> Self {
        Self(samples.saturating_add(pixels.saturating_mul(PIXEL)))
    }

    pub(super) fn bytes(self) -> u64 {
        self.0
    }

    /// With so many planes of computed values more.
    ///
    /// # Errors
    /// [`TileError::TooMuch`] if it is then more than `limit`.
    pub(super) fn with_values(
        self,
        pixels: usize,
        planes: usize,
        limit: u64,
    ) -> Result<Self, TileError> {
        let cost = Self(self.0 + plane(pixels) * planes as u64);
        if cost.0 <= limit {
            return Ok(cost);
        }
        Err(TileError::TooMuch {
            bytes: cost.0,
            limit,
            advice: "ask for fewer pixels, or for fewer variables".to_owned(),
        })
    }

    /// Of so many time steps that become one, where this is that of one: as many of them
    /// are under way as [`STEPS_AT_ONCE`], and of each variable there are `held` planes of
    /// what they become. `held` tells that of a number of steps.
    ///
    /// # Errors
    /// [`TileError::TooMuch`] if it is more than `limit`, or more is read than any tile may
    /// read, with the number of steps that could be.
    pub(super) fn of_steps(
        self,
        steps: usize,
        pixels: usize,
        held: impl Fn(usize) -> usize,
        limit: u64,
    ) -> Result<Self, TileError> {
        let bytes = |steps: usize| {
            let under_way = self.0.saturating_mul(steps.min(STEPS_AT_ONCE) as u64);
            under_way.saturating_add(plane(pixels).saturating_mul(held(steps) as u64))
        };
        let read = |steps: usize| self.0.saturating_mul(steps as u64);
        let is_fit = |steps: usize| bytes(steps) <= limit && read(steps) <= MOST_READ;
        if is_fit(steps) {
            return Ok(Self(bytes(steps)));
        }
        let most = (1..steps).rev().find(|steps| is_fit(*steps));
        let (bytes, limit) = if bytes(steps) > limit {
            (bytes(steps), limit)
        } else {
            (read(steps), MOST_READ)
        };
        Err(TileError::TooMuch {
            bytes,
            limit,
            advice: match most {
                Some(most) => {
                    format!(
                        "these are {steps} time steps; ask for at most {most}, or for fewer pixels"
                    )
                }
                None => "ask for fewer pixels, or for fewer variables".to_owned(),
            },
        })
    }

    /// For the data sets of others, whose levels are not known to halve.
    ///
    /// # Errors
    /// [`TileError::TooMuch`] if it is more than `limit`.
    pub(super) fn check(self, limit: u64, target: &Target) -> Result<(), TileError> {
        if self.0 <= limit {
            return Ok(());
        }
        let advice = target.address.map_or_else(
            || SMALLER.to_owned(),
            |tile| {
                let (mut zoom, mut bytes) = (tile.zoom(), self.0);
                // Each zoom has about a quarter of the cells under a tile.
                while bytes > limit && zoom < *tile.set().zooms().end() {
                    zoom += 1;
                    bytes /= 4;
                }
                format!("ask for zoom {zoom} or more, or for fewer variables")
            },
        );
        Err(TileError::TooMuch {
            bytes: self.0,
            limit,
            advice,
        })
    }

    /// The cost of a request.
    ///
    /// # Errors
    /// [`TileError::TooMuch`] if it is more than `limit`, with what is not.
    pub(super) fn within(
        limit: u64,
        request: &TileRequest,
        variables: usize,
        place: &Place,
        stored: &StoredCube,
    ) -> Result<Self, TileError> {
        let resampling = request.look.resampling;
        let of = |request: &TileRequest, variables, place: &Place| {
            Self::of_place(request.pixels(), variables, place, resampling, &stored.cube)
        };
        let cost = of(request, variables, place);
        let limit = Self(limit);
        if cost <= limit {
            return Ok(cost);
        }
        let mut ways = Vec::new();
        let size = request.size;
        let further = |share: f64| {
            let (pixel, cube) = (place.pixel, &stored.cube);
            Self::further_in(size, variables, pixel, share, resampling, cube) <= limit
        };
        let mut finer = shares(request.address);
        if let Some((zoom, _)) = finer.find(|(_, share)| further(*share)) {
            ways.push(format!("zoom {zoom} or more"));
        }
        let mut smaller = request.clone();
        while smaller.size / 2 >= LEAST_SIZE {
            smaller.size /= 2;
            let place = Place::of(&smaller.target(), resampling, stored)?;
            if of(&smaller, variables, &place) <= limit {
                ways.push(format!("a tile of {} pixels a side", smaller.size));
                break;
            }
        }
        if variables > 1 && of(request, 1, place) <= limit {
            ways.push("one variable".to_owned());
        }
        let advice = if ways.is_empty() {
            "this server has too little memory for the cube's chunks".to_owned()
        } else {
            format!("ask for {}", ways.join(", or for "))
        };
        Err(TileError::TooMuch {
            bytes: cost.0,
            limit: limit.0,
            advice,
        })
    }
}

/// Bytes of a plane of computed values.
fn plane(pixels: usize) -> u64 {
    (pixels * size_of::<f32>()) as u64
}

/// The zooms further in than that of a tile, and which part of its side a tile has there.
fn shares(tile: TileAddress) -> impl Iterator<Item = (i8, f64)> {
    let side = |matrix: &TileMatrix| matrix.cell_size * f64::from(matrix.tile);
    let all = tile.set().matrices().iter();
    let whole = tile.set().matrix(tile.zoom().into()).map_or(1.0, side);
    all.filter(move |matrix| matrix.zoom > tile.zoom())
        .map(move |matrix| (matrix.zoom, side(matrix) / whole))
}

/// How many cells a pixel of `ratio` of them touches along an axis, at most.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and a cast that saturates is far too much in any case"
)]
pub(super) fn touched(ratio: f64) -> usize {
    (ratio.ceil() as usize).saturating_add(1)
}

/// How many of an axis's cells lie under `size` pixels of `ratio` cells each,
/// and how many are in the inner chunks that those touch, at most.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "positive, and a cast that saturates is cut to the axis"
)]
fn along(size: usize, ratio: f64, axis: usize, inner: usize) -> (usize, usize) {
    let cells = ((size as f64 * ratio).ceil() as usize).saturating_add(MARGIN);
    let cells = cells.min(axis);
    let chunks = (cells.saturating_sub(1).div_ceil(inner) + 1).min(axis.div_ceil(inner));
    (cells, chunks * inner)
}
