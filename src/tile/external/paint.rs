//! From the units of a variable to the samples of a tile.

use std::{borrow::Cow, sync::Arc};

use super::place::Mapping;
use crate::{
    crs::CrsError,
    external::{Element, Kind, OpenArray, Samples, Unit},
    grid::{ChunkIndex, Shape, Window},
    raster::{Mosaic, Raster, Resampling, Validity, separable, separable::resample_mosaic},
    render::{Packing, Picture, Pixel, Style},
    tile::cutout,
};

/// The samples of one band of a tile.
#[derive(Clone, Debug)]
pub(super) struct Painted {
    pub(super) samples: Samples,
    pub(super) kind: Kind,
    /// The sample that is missing; NaN of floats.
    pub(super) missing: f64,
    pub(super) packing: Packing,
}

/// A unit of a band, and what was read of it.
pub(super) type ReadUnit = (ChunkIndex, Unit, Option<Arc<Samples>>);

/// Runs a generic function for the type of a kind.
macro_rules! by_kind {
    ($kind:expr, $function:ident ( $($argument:expr),* )) => {
        match $kind {
            crate::external::Kind::U8 => $function::<u8>($($argument),*),
            crate::external::Kind::I8 => $function::<i8>($($argument),*),
            crate::external::Kind::U16 => $function::<u16>($($argument),*),
            crate::external::Kind::I16 => $function::<i16>($($argument),*),
            crate::external::Kind::U32 => $function::<u32>($($argument),*),
            crate::external::Kind::I32 => $function::<i32>($($argument),*),
            crate::external::Kind::U64 => $function::<u64>($($argument),*),
            crate::external::Kind::I64 => $function::<i64>($($argument),*),
            crate::external::Kind::F32 => $function::<f32>($($argument),*),
            crate::external::Kind::F64 => $function::<f64>($($argument),*),
        }
    };
}
pub(super) use by_kind;

/// What is missing among the samples of an array.
pub(super) fn validity<T: Element>(array: &OpenArray) -> Validity<T> {
    let nodata = array.stored().nodata();
    Validity::new((!nodata.is_nan()).then(|| T::from_f64(nodata)))
}

/// The value of cells whose chunk is absent.
pub(super) fn fill<T: Element>(array: &OpenArray) -> T {
    T::from_f64(array.stored().fill())
}

/// The samples of a tile's pixels.
///
/// # Errors
/// If the pixels have no places in the array's system.
pub(super) fn resampled<T: Element>(
    array: &OpenArray,
    units: &[ReadUnit],
    mapping: &Mapping,
    resampling: Resampling,
    shape: Shape,
) -> Result<Samples, CrsError> {
    let validity = validity::<T>(array);
    let raster = match mapping {
        Mapping::Nothing => Raster::filled(shape, validity.fill()),
        Mapping::Separable { rows, cols } => {
            let Some((first, count)) = rectangle(units) else {
                return Ok(T::wrap(Raster::filled(shape, validity.fill()).data));
            };
            let mut planes: Vec<Option<Cow<'_, [T]>>> = vec![None; count.rows * count.cols];
            for (place, unit, samples) in units {
                let n = (place.row - first.row) * count.cols + place.col - first.col;
                planes[n] = samples.as_ref().map(|samples| array.plane(samples, unit));
            }
            let chunks = planes.iter().map(Option::as_deref).collect();
            let mosaic = Mosaic::new(array.unit_shape(), first, count, chunks, fill(array));
            resample_mosaic(&mosaic, rows, cols, resampling, &validity)
        }
        Mapping::Projected {
            pixels,
            grid,
            ratio,
            window,
        } => {
            let samples = window_of::<T>(array, units, *window);
            // Of a type without a missing value there is none here: floats
            // have NaN, and integers were given one.
            let nodata = validity.fill();
            let positions = pixels.positions()?;
            separable::gather(
                samples, *window, grid, &positions, *ratio, resampling, nodata,
            )
        }
    };
    Ok(T::wrap(raster.data))
}

/// The rectangle of units around those that were read.
fn rectangle(units: &[ReadUnit]) -> Option<(ChunkIndex, Shape)> {
    let rows = || units.iter().map(|(place, ..)| place.row);
    let cols = || units.iter().map(|(place, ..)| place.col);
    let first = ChunkIndex {
        row: rows().min()?,
        col: cols().min()?,
    };
    let count = Shape {
        rows: rows().max()? - first.row + 1,
        cols: cols().max()? - first.col + 1,
    };
    Some((first, count))
}

/// The samples of a window of a level.
fn window_of<T: Element>(array: &OpenArray, units: &[ReadUnit], window: Window) -> Raster<T> {
    let shape = Shape {
        rows: window.rows,
        cols: window.cols,
    };
    let mut out = Raster::filled(shape, fill(array));
    let side = array.unit_shape();
    for (place, unit, samples) in units {
        let Some(samples) = samples else { continue };
        let plane = array.plane::<T>(samples, unit);
        let own = Window {
            row: place.row * side.rows,
            col: place.col * side.cols,
            rows: side.rows,
            cols: side.cols,
        };
        let Some(shared) = own.intersection(&window) else {
            continue;
        };
        for row in shared.row..shared.row_end() {
            let from = (row - own.row) * own.cols + shared.col - own.col;
            let to = shared.col - window.col;
            out.row_mut(row - window.row)[to..to + shared.cols]
                .copy_from_slice(&plane[from..from + shared.cols]);
        }
    }
    out
}

/// Paints bands; those of different types as doubles.
pub(super) fn painted(bands: &[Painted], style: &Style, shape: Shape) -> Picture {
    let kinds: Vec<Kind> = bands.iter().map(|band| band.kind).collect();
    match kinds.as_slice() {
        [first, others @ ..] if others.iter().all(|kind| kind == first) => {
            by_kind!(*first, painted_as(bands, style, shape))
        }
        _ => {
            let doubles: Vec<Painted> = bands.iter().map(as_doubles).collect();
            painted_as::<f64>(&doubles, style, shape)
        }
    }
}

fn painted_as<T: Element + Pixel>(bands: &[Painted], style: &Style, shape: Shape) -> Picture {
    let rasters: Vec<Raster<T>> = bands
        .iter()
        .map(|band| Raster {
            shape,
            data: T::of(&band.samples).unwrap_or_default().to_vec(),
        })
        .collect();
    let packings: Vec<Packing> = bands.iter().map(|band| band.packing.clone()).collect();
    style.painter::<T>(&packings).paint(&rasters)
}

fn as_doubles(band: &Painted) -> Painted {
    fn doubles<T: Element>(samples: &Samples) -> Vec<f64> {
        let samples = T::of(samples).unwrap_or_default();
        samples.iter().map(|sample| sample.to_f64()).collect()
    }
    Painted {
        samples: Samples::F64(by_kind!(band.kind, doubles(&band.samples))),
        kind: Kind::F64,
        missing: band.missing,
        packing: band.packing.clone(),
    }
}

/// Makes the samples of a band missing that are not in a cutout.
pub(super) fn cut(band: &mut Painted, is_in: &[bool]) {
    fn of<T: Element>(samples: &Samples, is_in: &[bool], missing: f64) -> Samples {
        let mut samples = T::of(samples).unwrap_or_default().to_vec();
        cutout::cut(&mut samples, is_in, T::from_f64(missing));
        T::wrap(samples)
    }
    band.samples = by_kind!(band.kind, of(&band.samples, is_in, band.missing));
}

/// The physical values of bands; NaN is none.
pub(super) fn physical(bands: &[Painted], shape: Shape) -> Vec<Raster<f32>> {
    let values = |band: &Painted| Raster {
        shape,
        data: by_kind!(band.kind, values(&band.samples, &band.packing)),
    };
    bands.iter().map(values).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "files and statistics are of single floats"
)]
fn values<T: Element>(samples: &Samples, packing: &Packing) -> Vec<f32> {
    let value = |sample: &T| {
        let sample = sample.to_f64();
        if packing.nodata.contains(&sample) {
            f32::NAN
        } else {
            (sample * packing.scale + packing.offset) as f32
        }
    };
    T::of(samples)
        .unwrap_or_default()
        .iter()
        .map(value)
        .collect()
}
