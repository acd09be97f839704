//! The bands of a scene, from tiles that were read to the numbers of the cube.

use std::sync::Arc;

use super::stages::{Clock, Stage};
use crate::{
    grid::Grid,
    raster::{CellRatio, Kernel, Patch, Positions, Raster, Sample, scaled, shifted, warp_together},
    source::{Audit, Cog, CogSample, Decoder, Fetched, SampleType, SceneBand, SourceError},
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

/// A band that was decoded, without its compressed tiles.
struct Decoded<T> {
    image: Image,
    patch: Patch<T>,
    band: SceneBand,
    kernel: Kernel,
}

/// Decodes bands and puts them on the target where `wanted`, in the scale of
/// the cube. The error names the band by its place.
pub(super) fn put(
    reads: Vec<BandRead>,
    wanted: &[bool],
    clock: &Clock,
) -> Result<Vec<OnTarget>, (usize, SourceError)> {
    let mut done = Vec::with_capacity(reads.len());
    let mut decoder = Decoder::default();
    // Neighbours of one type, so that bands of one place are together.
    let mut alike: Vec<BandRead> = Vec::new();
    let kind = |read: &BandRead| match read.fetched.samples() {
        SampleType::U8 | SampleType::U16 => SampleType::U16,
        SampleType::I16 => SampleType::I16,
        SampleType::F32 => SampleType::F32,
    };
    let mut reads = reads.into_iter().peekable();
    while let Some(read) = reads.next() {
        let samples = kind(&read);
        alike.push(read);
        if reads.peek().is_some_and(|next| kind(next) == samples) {
            continue;
        }
        let reads = std::mem::take(&mut alike);
        let first = done.len();
        let put = match samples {
            SampleType::U8 | SampleType::U16 => {
                put_alike::<u16>(reads, &mut decoder, wanted, clock, unsigned)
            }
            SampleType::I16 => put_alike::<i16>(reads, &mut decoder, wanted, clock, other),
            SampleType::F32 => put_alike::<f32>(reads, &mut decoder, wanted, clock, other),
        };
        done.extend(put.map_err(|(n, error)| (first + n, error))?);
    }
    Ok(done)
}

fn put_alike<T: CogSample + Sample>(
    reads: Vec<BandRead>,
    memory: &mut Decoder,
    wanted: &[bool],
    clock: &Clock,
    scale: impl Fn(Raster<T>, T, &SceneBand) -> OnTarget,
) -> Result<Vec<OnTarget>, (usize, SourceError)> {
    let mut decoded = Vec::with_capacity(reads.len());
    for (n, read) in reads.into_iter().enumerate() {
        let patch = clock.time(Stage::Decode, || read.fetched.decode::<T>(memory));
        let mut patch =
            patch.map_err(|error| (n, SourceError::image("decoding", &read.image.cog, error)))?;
        patch.nodata = Some(missing(&patch, &read.band));
        decoded.push(Decoded {
            image: read.image,
            patch,
            band: read.band,
            kernel: read.kernel,
        });
    }
    let mut done = Vec::with_capacity(decoded.len());
    while let Some(first) = decoded.first() {
        // Bands of one place share the work of finding their pixels.
        let is_alike = |other: &&Decoded<T>| {
            other.image.grid == first.image.grid
                && other.patch.window == first.patch.window
                && other.kernel == first.kernel
                && other.patch.nodata == first.patch.nodata
        };
        let alike = decoded.iter().take_while(is_alike).count().max(1);
        let later = decoded.split_off(alike);
        clock.time(Stage::Warp, || {
            put_together(std::mem::take(&mut decoded), wanted, &scale, &mut done);
        });
        decoded = later;
    }
    Ok(done)
}

/// Puts bands of one place, kernel and nodata on the target.
fn put_together<T: Sample>(
    decoded: Vec<Decoded<T>>,
    wanted: &[bool],
    scale: &impl Fn(Raster<T>, T, &SceneBand) -> OnTarget,
    done: &mut Vec<OnTarget>,
) {
    let Some(first) = decoded.first() else { return };
    let (positions, ratio) = (Arc::clone(&first.image.positions), first.image.ratio);
    let (kernel, missing) = (first.kernel, first.patch.nodata.unwrap_or_default());
    let (patches, bands): (Vec<_>, Vec<_>) = decoded
        .into_iter()
        .map(|decoded| (decoded.patch, decoded.band))
        .unzip();
    let warped = warp_together(&patches, &positions, kernel, ratio, Some(wanted), missing);
    drop(patches);
    for (raster, band) in std::iter::zip(warped, &bands) {
        done.push(scale(raster, missing, band));
    }
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
