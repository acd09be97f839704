//! Scenes on the cube's grid: reading, warping and masking one overpass.

use std::{collections::HashMap, sync::Arc};

use futures::FutureExt as _;

use super::chunk::ChunkError;
use crate::{
    compute::Compute,
    crs,
    cube::Recipe,
    grid::{Bounds, Epsg, Grid, Shape, Window},
    raster::{MaskProfile, Patch, Positions, Raster, Resampling, warp},
    source::{AssetHref, Cog, Scene, SceneSource, harmonize},
};

/// Pixels that a kernel may reach beyond the outermost position.
const KERNEL_MARGIN: f64 = 2.0;

/// A window of the cube's grid that scenes are put on. Positions are computed
/// once for each reference system and shared by all scenes and bands in it.
pub(super) struct Target {
    grid: Grid,
    window: Window,
    positions: tokio::sync::Mutex<HashMap<Epsg, Arc<Positions>>>,
}

/// A scene on the target: one raster a band, 0 where there is no usable
/// observation.
pub(super) struct Warped {
    pub(super) bands: Vec<Raster<u16>>,
    /// Whether the scene has any data here, masked or not.
    pub(super) has_data: bool,
}

impl Target {
    pub(super) fn new(grid: Grid, window: Window) -> Self {
        Self {
            grid,
            window,
            positions: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            rows: self.window.rows,
            cols: self.window.cols,
        }
    }

    async fn positions(
        &self,
        system: Epsg,
        compute: &Compute,
    ) -> Result<Arc<Positions>, ChunkError> {
        // Held while computing, so that scenes of one system wait for one table.
        let mut known = self.positions.lock().await;
        if let Some(positions) = known.get(&system) {
            return Ok(Arc::clone(positions));
        }
        let (grid, window) = (self.grid, self.window);
        let positions = compute
            .run(move || crs::positions(&grid, window, system))
            .await??;
        let positions = Arc::new(positions);
        known.insert(system, Arc::clone(&positions));
        Ok(positions)
    }

    /// Reads one image and puts it on the target; `None` if it does not reach
    /// here.
    async fn warp<T: crate::source::CogSample + crate::raster::Sample>(
        &self,
        source: &SceneSource,
        compute: &Compute,
        href: &AssetHref,
        nodata: Option<f64>,
        resampling: Resampling,
    ) -> Result<Option<Raster<T>>, ChunkError> {
        let cog = source.open(href).await?;
        let positions = self.positions(cog.crs(), compute).await?;
        let level = level_for(&self.grid, &cog)?;
        let Some(image) = cog.grid(level) else {
            return Ok(None);
        };
        let Some(window) = covered(&image, &positions) else {
            return Ok(None);
        };
        let mut patch: Patch<T> = source.read(&cog, level, window).await?;
        // A scene of which nobody says so has 0 where it saw nothing.
        let known = nodata.map_or_else(T::default, T::from_f64);
        patch.nodata = patch.nodata.or(Some(known));
        let warped = compute
            .run(move || warp(&patch, &positions, resampling, T::default()))
            .await?;
        Ok(Some(warped))
    }

    /// Reads a scene and puts it on the target; `None` if it does not reach
    /// here.
    pub(super) async fn observe(
        &self,
        source: &SceneSource,
        compute: &Compute,
        scene: &Scene,
        recipe: &Recipe,
    ) -> Result<Option<Warped>, ChunkError> {
        let mask = async {
            match &scene.mask {
                Some(href) => self
                    .warp::<u8>(source, compute, href, None, Resampling::Nearest)
                    .await
                    .map_err(|e| e.of(scene, "mask")),
                None => Ok(None),
            }
        };
        let names = recipe
            .source
            .bands
            .iter()
            .map(crate::cube::recipe::Band::name);
        let bands: Vec<_> = std::iter::zip(names, &scene.bands)
            .map(|(name, band)| {
                let resampling = recipe.composite.resampling.of(name);
                let warped = async move {
                    self.warp::<u16>(source, compute, &band.asset, band.nodata, resampling)
                        .await
                        .map_err(|e| e.of(scene, name))
                };
                warped.boxed()
            })
            .collect();
        let (mask, bands) = futures::try_join!(mask, futures::future::try_join_all(bands))?;
        let Some(bands) = bands.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        if scene.mask.is_some() && mask.is_none() {
            return Ok(None);
        }
        let scalings: Vec<(f64, f64)> = scene
            .bands
            .iter()
            .map(|band| (band.gain, band.offset))
            .collect();
        let profile = recipe.source.mask.as_ref().map(|mask| mask.profile);
        let usable = compute
            .run(move || usable(bands, &scalings, mask.zip(profile).as_ref()))
            .await?;
        Ok(Some(usable))
    }
}

/// Sets what is not usable to 0 in all bands, and harmonises the rest by gain
/// and offset of each band.
fn usable(
    mut bands: Vec<Raster<u16>>,
    scalings: &[(f64, f64)],
    mask: Option<&(Raster<u8>, MaskProfile)>,
) -> Warped {
    let pixels = bands.first().map_or(0, |band| band.data.len());
    let mut has_data = false;
    for pixel in 0..pixels {
        let is_data = bands.iter().all(|band| band.data[pixel] != 0);
        has_data |= is_data;
        let is_kept = mask.is_none_or(|(classes, profile)| profile.keeps(classes.data[pixel]));
        for (band, (gain, offset)) in std::iter::zip(&mut bands, scalings) {
            let value = &mut band.data[pixel];
            *value = if is_data && is_kept {
                harmonize::apply(*value, *gain, *offset)
            } else {
                0
            };
        }
    }
    Warped { bands, has_data }
}

/// The level of an image for the cube's cell size *where the image is*: the
/// same for every chunk, so that cutting a cube into other chunks changes no
/// pixel.
fn level_for(grid: &Grid, cog: &Cog) -> Result<usize, ChunkError> {
    let Some(image) = cog.grid(0) else {
        return Ok(0);
    };
    let Bounds {
        west,
        south,
        east,
        north,
    } = image.bounds();
    let (x, y) = (west.midpoint(east), south.midpoint(north));
    let (width, height) = crs::cell_size_at(grid, x, y, image.crs)?;
    Ok(cog.pick_level(width, height))
}

/// The window of an image that positions fall into, with a margin for the
/// kernel.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a float beyond i64 saturates, and the window is cut to the image"
)]
fn covered(image: &Grid, positions: &Positions) -> Option<Window> {
    let mut rows = (f64::INFINITY, f64::NEG_INFINITY);
    let mut cols = (f64::INFINITY, f64::NEG_INFINITY);
    for (x, y) in std::iter::zip(&positions.x, &positions.y) {
        let (row, col) = (image.transform.row(*y), image.transform.col(*x));
        if row.is_finite() && col.is_finite() {
            rows = (rows.0.min(row), rows.1.max(row));
            cols = (cols.0.min(col), cols.1.max(col));
        }
    }
    let span = |(low, high): (f64, f64)| {
        (low - KERNEL_MARGIN).floor() as i64..(high + KERNEL_MARGIN).ceil() as i64
    };
    (rows.0 <= rows.1 && cols.0 <= cols.1)
        .then(|| Window::clipped(span(rows), span(cols), image.shape))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { rows: 1, cols: 4 };

    fn raster<T: Copy>(data: [T; 4]) -> Raster<T> {
        Raster {
            shape: SHAPE,
            data: data.to_vec(),
        }
    }

    #[test]
    fn a_pixel_is_usable_only_with_all_bands_and_a_class_that_is_kept() {
        let bands = vec![
            raster([1500, 0, 1500, 900]),
            raster([2000, 2000, 2000, 2000]),
        ];
        let mask = raster([4_u8, 4, 9, 4]);
        let warped = usable(
            bands,
            &[(1.0, -1000.0), (1.0, 0.0)],
            Some(&(mask, MaskProfile::SclDefault)),
        );
        assert_eq!(
            warped.bands[0].data,
            [500, 0, 0, 1],
            "a dark pixel stays a pixel"
        );
        assert_eq!(warped.bands[1].data, [2000, 0, 0, 2000]);
        assert!(warped.has_data);
    }

    #[test]
    fn a_scene_that_is_all_cloud_still_has_data() {
        let warped = usable(
            vec![raster([5_u16; 4])],
            &[(1.0, 0.0)],
            Some(&(raster([9_u8; 4]), MaskProfile::SclDefault)),
        );
        assert!(warped.has_data);
        assert_eq!(warped.bands[0].data, [0; 4]);
    }
}
