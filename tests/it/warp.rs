//! The resampling kernels against GDAL's warper, on images in three UTM zones and
//! on grids from a third of a source pixel to eight of them a cell.

use std::{collections::BTreeMap, path::Path, process::Command};

use cubetiler::{
    crs,
    grid::{Epsg, GeoTransform, Grid, Shape},
    raster::{CellRatio, Kernel, Patch, Positions, Raster, warp},
};
use serde::Deserialize;
use serde_json::json;

use crate::support::{python, succeed};

/// An image of the manifest that `tests/reference/warp.py` writes.
#[derive(Deserialize)]
struct Image {
    name: String,
    epsg: u32,
    /// Whether the zone's grid north is visibly not north here.
    is_turned: bool,
    origin_x: f64,
    origin_y: f64,
    size: f64,
    rows: usize,
    cols: usize,
    nodata: u16,
    values: String,
    classes: String,
    grids: Vec<Target>,
}

/// A grid in degrees, and the image on it by GDAL.
#[derive(Deserialize)]
struct Target {
    origin_x: f64,
    origin_y: f64,
    cell: f64,
    rows: usize,
    cols: usize,
    ratio: [f64; 2],
    warped: BTreeMap<String, String>,
}

fn raster(folder: &Path, name: &str, shape: Shape) -> Raster<u16> {
    let bytes = std::fs::read(folder.join(name)).unwrap();
    let data: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    assert_eq!(data.len(), shape.rows * shape.cols, "{name}");
    Raster { shape, data }
}

impl Image {
    fn patch(&self, folder: &Path, kernel: Kernel) -> Patch<u16> {
        let shape = Shape {
            rows: self.rows,
            cols: self.cols,
        };
        let name = match kernel {
            Kernel::Mode => &self.classes,
            Kernel::Nearest
            | Kernel::Bilinear
            | Kernel::Cubic
            | Kernel::Average
            | Kernel::Antialiased => &self.values,
        };
        Patch {
            raster: raster(folder, name, shape),
            window: shape.window(),
            transform: GeoTransform {
                origin_x: self.origin_x,
                origin_y: self.origin_y,
                cell_width: self.size,
                cell_height: -self.size,
            },
            nodata: Some(self.nodata),
        }
    }
}

impl Target {
    fn grid(&self) -> Grid {
        Grid {
            crs: Epsg::WGS84,
            transform: GeoTransform {
                origin_x: self.origin_x,
                origin_y: self.origin_y,
                cell_width: self.cell,
                cell_height: -self.cell,
            },
            shape: Shape {
                rows: self.rows,
                cols: self.cols,
            },
        }
    }

    fn ratio(&self) -> CellRatio {
        let [x, y] = self.ratio;
        CellRatio { x, y }
    }
}

/// Sums of the missing pixels above and to the left, so that the number of
/// missing ones in a rectangle is the difference of four.
struct Missing {
    sums: Vec<u32>,
    shape: Shape,
}

impl Missing {
    fn of(patch: &Patch<u16>) -> Self {
        let shape = patch.raster.shape;
        let width = shape.cols + 1;
        let mut sums = vec![0; (shape.rows + 1) * width];
        for row in 0..shape.rows {
            let mut of_row = 0;
            for col in 0..shape.cols {
                let value = patch.raster.data[row * shape.cols + col];
                of_row += u32::from(Some(value) == patch.nodata);
                sums[(row + 1) * width + col + 1] = sums[row * width + col + 1] + of_row;
            }
        }
        Self { sums, shape }
    }

    /// Whether all pixels around a position are in the image and valid.
    fn is_far(&self, col: f64, row: f64, reach: f64) -> bool {
        let ends = |at: f64, len: usize| {
            let (low, high) = ((at - reach).floor(), (at + reach).ceil());
            let is_inside = low >= 0.0 && high <= f64::from(u32::try_from(len).unwrap());
            is_inside.then(|| (whole(low), whole(high)))
        };
        let (Some((left, right)), Some((top, bottom))) =
            (ends(col, self.shape.cols), ends(row, self.shape.rows))
        else {
            return false;
        };
        let at = |row: usize, col: usize| self.sums[row * (self.shape.cols + 1) + col];
        at(bottom, right) + at(top, left) == at(bottom, left) + at(top, right)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "of a position in an image"
)]
fn whole(position: f64) -> usize {
    position as usize
}

/// How a warped image compares with GDAL's.
#[derive(Debug, Default)]
struct Agreement {
    /// Pixels where neither sees a missing one, and those of them that are
    /// equal, and that differ by at most 1.
    far: usize,
    equal: usize,
    within_one: usize,
    /// Sums of differences over them, without sign and with it.
    difference: f64,
    signed: f64,
    /// Pixels near missing ones where both have a value, and where it is equal.
    near: usize,
    near_equal: usize,
    /// Pixels where only one of both has a value.
    one_sided: usize,
}

impl Agreement {
    fn of(
        patch: &Patch<u16>,
        positions: &Positions,
        reach: f64,
        ours: &Raster<u16>,
        theirs: &Raster<u16>,
    ) -> Self {
        let missing = Missing::of(patch);
        let at = &patch.transform;
        let mut found = Self::default();
        for (n, (a, b)) in std::iter::zip(&ours.data, &theirs.data).enumerate() {
            let difference = f64::from(*a) - f64::from(*b);
            if missing.is_far(at.col(positions.x[n]), at.row(positions.y[n]), reach) {
                found.far += 1;
                found.equal += usize::from(a == b);
                found.within_one += usize::from(difference.abs() <= 1.0);
                found.difference += difference.abs();
                found.signed += difference;
            } else if *a != 0 && *b != 0 {
                found.near += 1;
                found.near_equal += usize::from(a == b);
            } else {
                found.one_sided += usize::from(*a != *b);
            }
        }
        assert!(found.far > 50, "nothing to compare: {found:?}");
        found
    }

    /// Of the pixels away from missing ones, `part`.
    #[expect(clippy::cast_precision_loss, reason = "some thousand pixels")]
    fn share(&self, part: usize) -> f64 {
        part as f64 / self.far as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "some thousand pixels")]
    fn mean(&self, sum: f64) -> f64 {
        sum / self.far as f64
    }
}

/// Whether a kernel does what GDAL does, as far as they are meant to agree.
fn agrees(kernel: Kernel, target: &Target, is_turned: bool, found: &Agreement) -> bool {
    let is_the_same = found.share(found.equal) >= 0.9999
        && found.near_equal * 1000 >= found.near * 999
        && found.one_sided * 25 <= found.near.max(50);
    let [x, y] = target.ratio;
    match kernel {
        Kernel::Nearest => {
            found.equal == found.far && found.near_equal == found.near && found.one_sided == 0
        }
        // The sums are the same, but the positions come from another build of PROJ: a
        // few may differ in the last bit, and round to another value. Near missing
        // pixels GDAL has a value where the pixel under the position is valid, ours is
        // where half of the weight is: that is not the same on one side of a border.
        Kernel::Bilinear | Kernel::Cubic | Kernel::Antialiased => is_the_same,
        // GDAL averages over the cell itself where it is smaller than a source pixel.
        Kernel::Average | Kernel::Mode if x < 1.0 || y < 1.0 => true,
        // GDAL takes the rectangle between a cell's upper left and lower right corner.
        // Where the zone's grid is turned against north that is wider or narrower than
        // the cell, ours always is as large; cells also grow a little across an image.
        Kernel::Average if is_turned => {
            found.mean(found.difference) < 4.0 && found.mean(found.signed).abs() < 0.5
        }
        Kernel::Average => {
            found.share(found.equal) > 0.95 && found.share(found.within_one) > 0.9999
        }
        Kernel::Mode => found.share(found.equal) > if is_turned { 0.98 } else { 0.9998 },
    }
}

#[test]
fn every_kernel_gives_what_gdals_warper_gives() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let script = format!("{}/tests/reference/warp.py", env!("CARGO_MANIFEST_DIR"));
    succeed(Command::new(&python).arg(script).arg(folder));
    let manifest = std::fs::read(folder.join("manifest.json")).unwrap();
    let images: Vec<Image> = serde_json::from_slice(&manifest).unwrap();
    let mut failures = Vec::new();
    let mut cases = 0;
    for image in &images {
        for target in &image.grids {
            let grid = target.grid();
            let positions = crs::positions(&grid, grid.shape.window(), Epsg(image.epsg)).unwrap();
            for (name, file) in &target.warped {
                let kernel = serde_json::from_value(json!(name)).unwrap();
                let patch = image.patch(folder, kernel);
                let ours = warp(&patch, &positions, kernel, target.ratio(), 0);
                let theirs = raster(folder, file, grid.shape);
                // One more, because GDAL's cell may be larger.
                let reach = kernel.reach(target.ratio()) + 1.0;
                let found = Agreement::of(&patch, &positions, reach, &ours, &theirs);
                cases += 1;
                if !agrees(kernel, target, image.is_turned, &found) {
                    failures.push(format!(
                        "{name}, {}, {:?}: {found:?}",
                        image.name, target.ratio
                    ));
                }
            }
        }
    }
    assert_eq!(cases, 3 * 18 * 6);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
