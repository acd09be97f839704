//! The bands of a scene, from tiles that were read to the numbers of the cube.

use std::sync::Arc;

use super::stages::{Clock, Stage};
use crate::{
    grid::Grid,
    raster::{CellRatio, Kernel, Patch, Positions, Raster, Sample, scaled, shifted, warp_together},
    source::{Audit, Cog, CogError, CogSample, Fetched, SampleType, SceneBand},
};

/// A level of an opened file, and where a target's cells are in it.
pub(super) struct Image {
    pub(super) cog: Arc<Cog>,
    pub(super) level: usize,
    pub(super) grid: Grid,
    pub(super) positions: Arc<Positions>,
    pub(super) ratio: CellRatio,
}

/// A band that was read.
pub(super) struct BandRead {
    pub(super) image: Image,
    pub(super) fetched: Fetched,
    pub(super) band: SceneBand,
    pub(super) kernel: Kernel,
}

/// A band on the target, 0 where it has nothing, and how dark it is.
pub(super) type OnTarget = (Raster<u16>, Audit);

/// Decodes bands and puts them on the target where `wanted`, in the scale of
/// the cube. The error names the band by its place.
pub(super) fn put(
    reads: &[BandRead],
    wanted: &[bool],
    clock: &Clock,
) -> Result<Vec<OnTarget>, (usize, CogError)> {
    let is_unsigned = |read: &BandRead| match read.fetched.samples() {
        SampleType::U8 | SampleType::U16 => true,
        SampleType::I16 | SampleType::F32 => false,
    };
    let mut done = Vec::with_capacity(reads.len());
    let mut rest = reads;
    while let Some(first) = rest.first() {
        // Bands of one place and kind share the work of finding their pixels.
        let is_alike = |read: &&BandRead| {
            is_unsigned(read)
                && read.image.grid == first.image.grid
                && read.kernel == first.kernel
                && read.band.nodata == first.band.nodata
        };
        let alike = rest.iter().take_while(is_alike).count().max(1);
        let (now, later) = rest.split_at(alike);
        let put = match first.fetched.samples() {
            SampleType::U8 | SampleType::U16 => put_alike::<u16>(now, wanted, clock, unsigned),
            SampleType::I16 => put_alike::<i16>(now, wanted, clock, other),
            SampleType::F32 => put_alike::<f32>(now, wanted, clock, other),
        };
        let put = put.map_err(|(n, error)| (done.len() + n, error))?;
        done.extend(put);
        rest = later;
    }
    Ok(done)
}

fn put_alike<T: CogSample + Sample>(
    reads: &[BandRead],
    wanted: &[bool],
    clock: &Clock,
    scale: impl Fn(Raster<T>, T, &SceneBand) -> OnTarget,
) -> Result<Vec<OnTarget>, (usize, CogError)> {
    let mut patches = Vec::with_capacity(reads.len());
    for (n, read) in reads.iter().enumerate() {
        let decoded = clock.time(Stage::Decode, || read.fetched.decode::<T>());
        let mut patch = decoded.map_err(|error| (n, error))?;
        patch.nodata = Some(missing(&patch, &read.band));
        patches.push(patch);
    }
    Ok(clock.time(Stage::Warp, || {
        let mut done = Vec::with_capacity(reads.len());
        while let Some(first) = patches.first() {
            // Files of one band may still state another value for missing pixels.
            let nodata = first.nodata;
            let alike = patches.iter().take_while(|patch| patch.nodata == nodata);
            let later = patches.split_off(alike.count().max(1));
            let read = &reads[done.len()];
            let image = &read.image;
            let missing = nodata.unwrap_or_default();
            let warped = warp_together(
                &patches,
                &image.positions,
                read.kernel,
                image.ratio,
                Some(wanted),
                missing,
            );
            for raster in warped {
                let band = &reads[done.len()].band;
                done.push(scale(raster, missing, band));
            }
            patches = later;
        }
        done
    }))
}

/// The value of pixels that saw nothing. A scene that does not say so has 0.
fn missing<T: Sample>(patch: &Patch<T>, band: &SceneBand) -> T {
    let stated = band.nodata.and_then(|value| {
        let sample = T::from_f64(value);
        (sample.to_f64() - value == 0.0).then_some(sample)
    });
    patch.nodata.or(stated).unwrap_or_default()
}

fn unsigned(raster: Raster<u16>, missing: u16, band: &SceneBand) -> OnTarget {
    let mut audit = Audit::default();
    audit.add(&raster.data);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a whole number, and i32 saturates"
    )]
    let shift = band.offset as i32;
    let is_shift = (band.gain - 1.0).abs() == 0.0 && (band.offset - f64::from(shift)) == 0.0;
    let raster = if is_shift {
        shifted(raster, missing, shift)
    } else {
        scaled(&raster, missing, band.gain, band.offset)
    };
    (raster, audit)
}

/// Products of other types have no offset that could be doubtful.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the form of `unsigned`, which keeps the raster"
)]
fn other<T: Sample>(raster: Raster<T>, missing: T, band: &SceneBand) -> OnTarget {
    let raster = scaled(&raster, missing, band.gain, band.offset);
    (raster, Audit::default())
}
