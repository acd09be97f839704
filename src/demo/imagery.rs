//! What fills an archive: anything that can say what a satellite saw.

use super::{acquisition::Acquisition, frame::Frame};

/// A class of Sentinel-2's scene classification, with its value in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Scl {
    /// No data.
    NoData = 0,
    /// Slopes the sun does not reach.
    Dark = 2,
    /// Shadow of a cloud.
    CloudShadow = 3,
    /// Vegetation.
    Vegetation = 4,
    /// Soil, rock, houses.
    NotVegetated = 5,
    /// Water.
    Water = 6,
    /// Cloud, medium probability.
    CloudMedium = 8,
    /// Cloud, high probability.
    CloudHigh = 9,
    /// Thin cirrus.
    ThinCirrus = 10,
}

/// The bands of one picture, each `rows` x `columns` from the north west.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BandStack {
    /// Red, green, blue and near infrared: surface reflectance times 10 000, 0 for nodata.
    pub bands: [Vec<u16>; 4],
    /// Classes, see [`Scl`].
    pub scl: Vec<u8>,
}

impl BandStack {
    /// An empty stack with room for this many pixels.
    #[must_use]
    pub fn with_capacity(pixels: usize) -> Self {
        Self {
            bands: std::array::from_fn(|_| Vec::with_capacity(pixels)),
            scl: Vec::with_capacity(pixels),
        }
    }

    /// Appends a pixel.
    pub fn push(&mut self, (numbers, class): Pixel) {
        for (band, number) in self.bands.iter_mut().zip(numbers) {
            band.push(number);
        }
        self.scl.push(class as u8);
    }

    /// Turns a pixel into nodata.
    pub fn erase(&mut self, index: usize) {
        for band in &mut self.bands {
            band[index] = 0;
        }
        self.scl[index] = Scl::NoData as u8;
    }
}

/// A source of pictures. The archive asks for one per frame and acquisition and cuts it at the swath's edge.
pub trait Imagery: Sync {
    /// What does not change from date to date.
    type Backdrop: Sync;

    /// Prepares a frame.
    fn backdrop(&self, frame: &Frame) -> Self::Backdrop;

    /// The picture of a frame by the acquisition of this index in the archive's list.
    fn render(
        &self,
        frame: &Frame,
        backdrop: &Self::Backdrop,
        index: usize,
        acquisition: &Acquisition,
    ) -> BandStack;
}

/// A pixel of a picture that is computed from a formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// EPSG code of the frame's CRS.
    pub epsg: u16,
    /// Easting and northing of the pixel's centre, in metres.
    pub projected: (f64, f64),
    /// Longitude and latitude of the pixel's centre, in degrees.
    pub geographic: (f64, f64),
}

/// Red, green, blue and near infrared as digital numbers, and the class.
pub type Pixel = ([u16; 4], Scl);

/// Pictures whose pixels are a function of date and place, for tests that want to know each value.
#[derive(Clone, Copy, Debug)]
pub struct Formula<F>(pub F);

impl<F: Fn(&Acquisition, Place) -> Pixel + Sync> Imagery for Formula<F> {
    type Backdrop = ();

    fn backdrop(&self, _: &Frame) {}

    fn render(&self, frame: &Frame, (): &(), _: usize, acquisition: &Acquisition) -> BandStack {
        let mut stack = BandStack::with_capacity(frame.pixels());
        for row in 0..frame.rows {
            for column in 0..frame.columns {
                let projected = frame.centre(column, row);
                let geographic = frame.zone.inverse(projected.0, projected.1);
                let place = Place {
                    epsg: frame.zone.epsg(),
                    projected,
                    geographic,
                };
                stack.push((self.0)(acquisition, place));
            }
        }
        stack
    }
}
