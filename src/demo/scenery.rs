//! The archive's pictures: the landscape seen through the sky of each date, band by band and classified.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "reflectances are clamped to what a digital number of Sentinel-2 can be"
)]

use std::{num::NonZero, thread};

use super::{
    acquisition::Acquisition,
    clouds::{Overhead, Sky},
    frame::Frame,
    imagery::{BandStack, Imagery, Scl},
    landscape::{Cover, Ground, Landscape},
    plane::{Bounds, Km, plane},
    spectrum::{Spectrum, ndvi},
};

/// Light below which a slope counts as dark.
const DARK: f32 = 0.42;
/// Share of the light that is direct sun, which a cloud's shadow takes, in each band; the sky's share is bluer.
const DIRECT: Spectrum = [0.66, 0.60, 0.52, 0.72];
/// A veil scatters more in the blue.
const VEIL_REFLECTANCE: Spectrum = [2900.0, 2950.0, 3100.0, 3000.0];
/// Digital numbers of a pixel with data start at 1: 0 is nodata.
const DARKEST: f32 = 1.0;
const BRIGHTEST: f32 = 15_000.0;

/// The Provençal coast.
#[derive(Debug)]
pub(super) struct Scenery {
    landscape: Landscape,
    skies: Vec<Sky>,
}

/// The ground under every pixel of a frame.
#[derive(Debug)]
pub(super) struct Backdrop {
    pixels: Vec<(Ground, [f32; 2])>,
}

impl Scenery {
    /// Prepares land and skies around `bounds` for these dates. `is_land(longitude, latitude)` is the coast.
    pub(super) fn new(
        bounds: Bounds,
        acquisitions: &[Acquisition],
        is_land: impl Fn(f64, f64) -> bool,
    ) -> Self {
        let landscape = Landscape::new(bounds, is_land);
        let skies = in_parallel(acquisitions, |acquisition| {
            Sky::new(bounds, acquisition, |at| landscape.shore(at))
        });
        Self { landscape, skies }
    }
}

impl Imagery for Scenery {
    type Backdrop = Backdrop;

    fn backdrop(&self, frame: &Frame) -> Backdrop {
        let rows: Vec<u32> = (0..frame.rows).collect();
        let pixels = in_parallel(&rows, |&row| {
            let place = |column| {
                let (lon, lat) = frame.position(column, row);
                let at = plane(lon, lat);
                (self.landscape.ground(at), [at.0 as f32, at.1 as f32])
            };
            (0..frame.columns).map(place).collect::<Vec<_>>()
        });
        Backdrop {
            pixels: pixels.concat(),
        }
    }

    fn render(
        &self,
        _: &Frame,
        backdrop: &Backdrop,
        index: usize,
        acquisition: &Acquisition,
    ) -> BandStack {
        let sky = &self.skies[index];
        let season = acquisition.season();
        let mut stack = BandStack::with_capacity(backdrop.pixels.len());
        for (ground, [x, y]) in &backdrop.pixels {
            let at: Km = (f64::from(*x), f64::from(*y));
            let overhead = sky.overhead(at);
            let surface = ground.season.at(season);
            stack.push((seen(surface, overhead), classify(ground, surface, overhead)));
        }
        stack
    }
}

/// The surface in the shadow of clouds, under a veil, under the cloud itself.
fn seen(surface: Spectrum, overhead: Overhead) -> [u16; 4] {
    std::array::from_fn(|band| {
        let lit = surface[band] * (1.0 - DIRECT[band] * overhead.shadow);
        let veiled = lit + (VEIL_REFLECTANCE[band] - lit) * overhead.veil;
        let clouded = veiled + (overhead.brightness - veiled) * overhead.cloud;
        clouded.round().clamp(DARKEST, BRIGHTEST) as u16
    })
}

/// What `Sen2Cor` would make of the pixel.
fn classify(ground: &Ground, surface: Spectrum, overhead: Overhead) -> Scl {
    match overhead {
        Overhead { cloud, .. } if cloud >= 0.62 => Scl::CloudHigh,
        Overhead { cloud, .. } if cloud >= 0.18 => Scl::CloudMedium,
        Overhead { cloud, veil, .. } if cloud + veil >= 0.06 => Scl::ThinCirrus,
        Overhead { shadow, .. } if shadow >= 0.3 => Scl::CloudShadow,
        _ => match ground.cover {
            Cover::Sea | Cover::FreshWater => Scl::Water,
            Cover::Beach
            | Cover::Rock
            | Cover::Town
            | Cover::Field
            | Cover::Forest
            | Cover::Scrub => {
                if ground.light < DARK {
                    Scl::Dark
                } else if ndvi(surface) > 0.42 {
                    Scl::Vegetation
                } else {
                    Scl::NotVegetated
                }
            }
        },
    }
}

/// Maps in as many threads as there are processors. The result does not depend on their number.
fn in_parallel<T: Sync, R: Send>(inputs: &[T], map: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = inputs.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let map = &map;
        let workers: Vec<_> = inputs
            .chunks(share)
            .map(|inputs| scope.spawn(move || inputs.iter().map(map).collect::<Vec<_>>()))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::acquisition::Weather;

    const BOUNDS: Bounds = Bounds {
        west: 6.2,
        south: 43.0,
        east: 6.4,
        north: 43.2,
    };

    fn picture() -> BandStack {
        let pass = Acquisition::on("2023-08-17".parse().unwrap());
        let pass = Acquisition {
            weather: Weather {
                cover: 0.3,
                front: false,
            },
            ..pass
        };
        let scenery = Scenery::new(BOUNDS, &[pass], |_, lat| lat > 43.1);
        let frame = Frame::covering(BOUNDS, 240.0, 0.0)[0];
        scenery.render(&frame, &scenery.backdrop(&frame), 0, &pass)
    }

    #[test]
    fn a_picture_has_clouds_shadows_land_and_sea_and_no_zeros() {
        let stack = picture();
        for class in [
            Scl::CloudHigh,
            Scl::CloudMedium,
            Scl::CloudShadow,
            Scl::Vegetation,
            Scl::Water,
        ] {
            assert!(stack.scl.contains(&(class as u8)), "{class:?}");
        }
        assert!(stack.bands.iter().flatten().all(|&number| number > 0));
    }

    #[test]
    fn clouds_are_brighter_than_what_they_hide() {
        let stack = picture();
        let mean = |class: Scl| {
            let of_class =
                |(&red, &scl): (&u16, &u8)| (scl == class as u8).then_some(u64::from(red));
            let reds: Vec<u64> = stack.bands[0]
                .iter()
                .zip(&stack.scl)
                .filter_map(of_class)
                .collect();
            reds.iter().sum::<u64>() / reds.len() as u64
        };
        assert!(mean(Scl::CloudHigh) > 4000);
        assert!(mean(Scl::CloudShadow) < mean(Scl::Vegetation));
    }

    #[test]
    fn the_same_picture_comes_out_twice() {
        assert_eq!(picture(), picture());
    }
}
