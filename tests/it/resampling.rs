//! All methods of resampling against GDAL's warper, by tables and at positions one by
//! one, on an image with holes of whole numbers and of floats.

use std::{path::Path, process::Command};

use cubetiler::{
    grid::{Epsg, GeoTransform, Grid, Shape},
    raster::{
        AxisTable, CellRatio, Mosaic, Positions, Raster, Resampling, Sample, Validity,
        separable::{gather, resample_mosaic},
    },
};
use serde::Deserialize;

use crate::support::{python, succeed};

/// What `tests/reference/resampling.py` writes.
#[derive(Deserialize)]
struct Manifest {
    shape: [usize; 2],
    cases: Vec<Case>,
}

/// The image on a grid by one method of GDAL. Lengths are in source pixels.
#[derive(Deserialize)]
struct Case {
    dtype: String,
    method: String,
    source: String,
    cell: f64,
    outside: f64,
    shape: [usize; 2],
    warped: String,
}

fn raster<T>(file: &Path, [rows, cols]: [usize; 2], sample: fn(&[u8]) -> T) -> Raster<T> {
    let bytes = std::fs::read(file).unwrap();
    let data: Vec<T> = bytes.chunks_exact(size_of::<T>()).map(sample).collect();
    assert_eq!(data.len(), rows * cols, "{}", file.display());
    Raster {
        shape: Shape { rows, cols },
        data,
    }
}

impl Case {
    fn method(&self) -> Resampling {
        Resampling::named(&self.method).unwrap()
    }

    /// Position of an edge or centre, by the number of the pixel.
    fn position(&self, pixel: usize, share: f64) -> f64 {
        let pixel = f64::from(u32::try_from(pixel).unwrap());
        (pixel + share) * self.cell - self.outside
    }

    fn table(&self, pixels: usize, len: usize) -> AxisTable {
        AxisTable::new((0..pixels).map(|n| self.position(n, 0.5)), len)
            .with_edges((0..=pixels).map(|n| self.position(n, 0.0)))
    }

    fn by_tables<T: Sample>(&self, source: &Raster<T>, nodata: T) -> Raster<T> {
        let [rows, cols] = self.shape;
        let (rows, cols) = (
            self.table(rows, source.shape.rows),
            self.table(cols, source.shape.cols),
        );
        let mosaic = Mosaic::of_raster(source, source.shape.window(), nodata);
        let validity = Validity::new(Some(nodata));
        resample_mosaic(&mosaic, &rows, &cols, self.method(), &validity)
    }

    fn by_positions<T: Sample>(&self, source: &Raster<T>, nodata: T) -> Raster<T> {
        let [rows, cols] = self.shape;
        let grid = Grid {
            crs: Epsg(32633),
            transform: GeoTransform {
                origin_x: 0.0,
                origin_y: 0.0,
                cell_width: 1.0,
                cell_height: -1.0,
            },
            shape: source.shape,
        };
        let places = || (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col)));
        let positions = Positions {
            shape: Shape { rows, cols },
            x: places().map(|(_, col)| self.position(col, 0.5)).collect(),
            y: places().map(|(row, _)| -self.position(row, 0.5)).collect(),
        };
        let ratio = CellRatio {
            x: self.cell,
            y: self.cell,
        };
        let (source, window) = (source.clone(), source.shape.window());
        gather(
            source,
            window,
            &grid,
            &positions,
            ratio,
            self.method(),
            nodata,
        )
    }

    /// Whether GDAL only copies: its kernels are not applied where all cells of two grids
    /// are the same.
    fn is_a_copy(&self) -> bool {
        let is_whole = |length: f64| (length - length.round()).abs() < 1e-9;
        let is_aligned = (self.cell - 1.0).abs() < 1e-9 && is_whole(self.outside);
        let kernels = [Resampling::CubicSpline, Resampling::Lanczos];
        is_aligned && kernels.contains(&self.method())
    }

    /// Whether a pixel reaches beyond an image of this shape, and what is beyond counts
    /// for GDAL as more of the outermost cells.
    fn is_left_out(&self, n: usize, image: Shape) -> bool {
        let weighted = [Resampling::Average, Resampling::Mode, Resampling::Rms];
        let reaches_out = |pixel: usize, len: usize| {
            let len = f64::from(u32::try_from(len).unwrap());
            self.position(pixel, 0.0) < 0.0 || self.position(pixel, 1.0) > len
        };
        let cols = self.shape[1];
        weighted.contains(&self.method())
            && (reaches_out(n / cols, image.rows) || reaches_out(n % cols, image.cols))
    }

    /// Compares with GDAL, and tells what is wrong. `is_near` says of two values whether
    /// they are as near as can be.
    fn check<T: Sample>(
        &self,
        way: &str,
        image: Shape,
        [ours, theirs]: [&Raster<T>; 2],
        is_valid: fn(T) -> bool,
        is_near: impl Fn(f64, f64) -> bool,
    ) -> Option<String> {
        let (mut both, mut equal, mut apart) = (0_u32, 0_u32, Vec::new());
        for (n, (a, b)) in std::iter::zip(&ours.data, &theirs.data).enumerate() {
            if self.is_left_out(n, image) {
                continue;
            }
            if is_valid(*a) != is_valid(*b) {
                apart.push((n, *a, *b));
            } else if is_valid(*a) {
                both += 1;
                equal += u32::from(a == b);
                if !is_near(a.to_f64(), b.to_f64()) {
                    apart.push((n, *a, *b));
                }
            }
        }
        assert!(both > 200, "nothing to compare");
        // Halves are rounded to either side by sums in another order, and of sums many are
        // halves. Lanczos is not divided by its sum of weights by GDAL where that is 1 to
        // five digits.
        let least = if self.method() == Resampling::Lanczos {
            0.95
        } else if self.method() == Resampling::Sum {
            0.97
        } else {
            0.99
        };
        let is_right = apart.is_empty()
            && (self.dtype != "uint16" || f64::from(equal) >= least * f64::from(both));
        (!is_right).then(|| {
            apart.truncate(4);
            format!(
                "{} of {} by {way}, cells of {}: {equal} of {both} equal, {apart:?}",
                self.method, self.dtype, self.cell
            )
        })
    }

    /// The comparisons of the methods that are this server's own in both ways: by
    /// positions cubic and average are the builder's, which `warp.rs` compares.
    fn checks<T: Sample>(
        &self,
        [source, theirs]: [&Raster<T>; 2],
        nodata: T,
        is_valid: fn(T) -> bool,
        is_near: impl Fn(f64, f64) -> bool + Copy,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let ours = self.by_tables(source, nodata);
        wrong.extend(self.check("tables", source.shape, [&ours, theirs], is_valid, is_near));
        if ![Resampling::Cubic, Resampling::Average].contains(&self.method()) {
            let ours = self.by_positions(source, nodata);
            wrong.extend(self.check(
                "positions",
                source.shape,
                [&ours, theirs],
                is_valid,
                is_near,
            ));
        }
        wrong
    }
}

#[test]
fn every_method_gives_what_gdals_warper_gives() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let script = format!(
        "{}/tests/reference/resampling.py",
        env!("CARGO_MANIFEST_DIR")
    );
    succeed(Command::new(&python).arg(script).arg(folder));
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let Manifest { shape, cases } = serde_json::from_slice(&manifest).unwrap();
    let mut wrong = Vec::new();
    for case in cases.iter().filter(|case| !case.is_a_copy()) {
        let (source, warped) = (folder.join(&case.source), folder.join(&case.warped));
        if case.dtype == "uint16" {
            let sample = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
            let rasters = [
                &raster(&source, shape, sample),
                &raster(&warped, case.shape, sample),
            ];
            let is_near = |a: f64, b: f64| (a - b).abs() <= 1.0;
            wrong.extend(case.checks(rasters, 0, |sample| sample != 0, is_near));
        } else if case.method() != Resampling::Mode {
            // GDAL's mode of floats passes over a value that is seen once, even if its
            // area is the largest.
            let sample =
                |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let rasters = [
                &raster(&source, shape, sample),
                &raster(&warped, case.shape, sample),
            ];
            // Lanczos as above.
            let least = if case.method() == Resampling::Lanczos {
                1e-5
            } else {
                1e-6
            };
            let is_near = move |a: f64, b: f64| (a - b).abs() <= least * b.abs();
            wrong.extend(case.checks(rasters, f32::NAN, |sample| !sample.is_nan(), is_near));
        }
    }
    assert_eq!(cases.len(), 2 * 6 * 14);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
