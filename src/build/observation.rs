//! One overpass on the cube's grid: its masks are read first, and then of its
//! bands only the tiles that hold a pixel of use.

use std::{collections::HashMap, sync::Arc};

use futures::future::try_join_all;
use tokio::sync::Semaphore;

use super::{
    bands::{self, BandRead, Image},
    choice,
    chunk::Workshop,
    error::ChunkError,
    sight,
    stages::Stage,
};
use crate::{
    compute::ComputeError,
    crs,
    grid::{Bounds, Epsg, Grid, Shape, Window},
    raster::{CellRatio, Kernel, MaskRule, Positions, Raster, warp},
    source::{AssetHref, Audit, Cog, CogError, Decoder, Fetched, ReadPlan, Scene, SourceError},
};

/// A window of the cube's grid that scenes are put on. Positions are computed
/// once for each reference system and shared by all scenes and bands in it.
pub(super) struct Target {
    grid: Grid,
    /// What is composited.
    inner: Window,
    /// With the cells around it that masks depend on.
    padded: Window,
    positions: tokio::sync::Mutex<HashMap<Epsg, Arc<Positions>>>,
    /// Places for scenes whose bands are read.
    places: Semaphore,
}

/// Scenes of a target whose bands are in memory at once. Masks are small, and
/// those of further overpasses are read meanwhile.
const SCENES_AT_ONCE: usize = 2;

/// What an overpass saw of a target.
pub(super) struct Observation {
    /// One raster a band, 0 in all bands where there is nothing of use; `None`
    /// if that is so everywhere.
    pub(super) bands: Option<Vec<Raster<u16>>>,
    /// One for each scene.
    pub(super) looks: Vec<Look>,
}

/// What is known of a scene after a look at it.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    /// Whether it saw anything, of use or not.
    pub(super) saw: bool,
    /// For each band that was read, how dark it is.
    pub(super) audits: Vec<Audit>,
}

impl Look {
    /// Adds what another part of the scene tells.
    pub(super) fn add(&mut self, other: &Self) {
        self.saw |= other.saw;
        self.audits
            .resize(other.audits.len().max(self.audits.len()), Audit::default());
        for (audit, other) in std::iter::zip(&mut self.audits, &other.audits) {
            audit.merge(other);
        }
    }
}

impl Target {
    /// A target of `inner` with `halo` cells around it, as far as the grid has
    /// them.
    pub(super) fn new(grid: Grid, inner: Window, halo: usize) -> Self {
        Self {
            grid,
            inner,
            padded: inner.padded(halo, grid.shape),
            positions: tokio::sync::Mutex::default(),
            places: Semaphore::new(SCENES_AT_ONCE),
        }
    }

    /// The shape of what is composited.
    pub(super) fn shape(&self) -> Shape {
        Shape {
            rows: self.inner.rows,
            cols: self.inner.cols,
        }
    }

    fn padded_shape(&self) -> Shape {
        Shape {
            rows: self.padded.rows,
            cols: self.padded.cols,
        }
    }

    /// The inner window, counted from the corner of the padded one.
    fn inner_in_padded(&self) -> Window {
        Window {
            row: self.inner.row - self.padded.row,
            col: self.inner.col - self.padded.col,
            ..self.inner
        }
    }

    async fn positions(
        &self,
        workshop: &Workshop,
        system: Epsg,
    ) -> Result<Arc<Positions>, ChunkError> {
        // Held while computing, so that scenes of one system wait for one table.
        let mut known = self.positions.lock().await;
        if let Some(positions) = known.get(&system) {
            return Ok(Arc::clone(positions));
        }
        let (grid, window) = (self.grid, self.padded);
        let positions = workshop
            .compute(Stage::Warp, move || crs::positions(&grid, window, system))
            .await??;
        let positions = Arc::new(positions);
        known.insert(system, Arc::clone(&positions));
        Ok(positions)
    }

    async fn image(&self, workshop: &Workshop, href: &AssetHref) -> Result<Image, ChunkError> {
        let opening = workshop.source.open(href);
        let cog = workshop.clock.wait(Stage::Read, opening).await?;
        let positions = self.positions(workshop, cog.crs()).await?;
        let (width, height) = cell_size(&self.grid, &cog)?;
        let level = cog.pick_level(width, height);
        let grid = cog.grid(level).ok_or_else(|| {
            let reason = CogError::Malformed("it has no image".to_owned());
            SourceError::image("opening", &cog, reason)
        })?;
        Ok(Image {
            level,
            ratio: CellRatio {
                x: width / grid.transform.cell_width.abs(),
                y: height / grid.transform.cell_height.abs(),
            },
            grid,
            cog,
            positions,
        })
    }

    /// The classes of a scene on the padded window; `None` if its mask does
    /// not reach there.
    async fn classes(
        &self,
        workshop: &Workshop,
        scene: &Scene,
        href: &AssetHref,
    ) -> Result<Option<Raster<u16>>, ChunkError> {
        let kernel = Kernel::Nearest;
        let clock = Arc::clone(&workshop.clock);
        let read = async move {
            let _step = workshop.steps.begin(scene, "mask");
            let image = self.image(workshop, href).await?;
            let everything = Arc::new(vec![true; image.positions.x.len()]);
            let planned = plan(workshop, vec![(image, kernel)], everything).await?;
            let planned = planned.map_err(|(_, error)| error)?;
            let Some((image, plan)) = planned.and_then(|mut planned| planned.pop()) else {
                return Ok(None);
            };
            let memory = workshop.memory.reserve(needed(&image, &plan)).await;
            let fetched = fetch(workshop, &image, plan).await?;
            let classes = workshop
                .pool
                .run(move || {
                    let _memory = memory;
                    let decoded = clock.time(Stage::Decode, || {
                        fetched.decode::<u16>(&mut Decoder::default())
                    });
                    let mut patch = decoded.map_err(|error| image.error("decoding", error))?;
                    // Every sample is a class; the rule knows which says nothing.
                    patch.nodata = None;
                    Ok::<_, ChunkError>(clock.time(Stage::Warp, || {
                        let outside = MaskRule::OUTSIDE;
                        warp(&patch, &image.positions, kernel, image.ratio, outside)
                    }))
                })
                .await??;
            Ok(Some(classes))
        };
        read.await
            .map_err(|error: ChunkError| error.of(scene, "mask"))
    }

    /// Reads the bands of a scene where `wanted`; 0 elsewhere, and where one
    /// of them has nothing. `None` if they do not reach there.
    async fn bands(
        &self,
        workshop: &Workshop,
        scene: &Scene,
        wanted: Arc<Vec<bool>>,
    ) -> Result<Option<(Vec<Raster<u16>>, Vec<Audit>)>, ChunkError> {
        let names = || workshop.stored.cube.bands();
        let images = try_join_all(std::iter::zip(names(), &scene.bands).map(
            |(name, band)| async move {
                let _step = workshop.steps.begin(scene, name);
                let image = self.image(workshop, &band.asset).await;
                let image = image.map_err(|error| error.of(scene, name))?;
                Ok::<_, ChunkError>((image, workshop.kernel(name)))
            },
        ))
        .await?;
        let planned = plan(workshop, images, Arc::clone(&wanted)).await?;
        let planned = planned.map_err(|(n, error)| {
            let name = names().nth(n).unwrap_or_default();
            error.of(scene, name)
        })?;
        let Some(planned) = planned else {
            return Ok(None);
        };
        let bytes = planned
            .iter()
            .map(|(image, plan)| needed(image, plan))
            .sum();
        let _place = self.places.acquire().await;
        let memory = workshop.memory.reserve(bytes).await;
        let bands = std::iter::zip(names(), &scene.bands);
        let reads =
            std::iter::zip(bands, planned).map(|((name, band), (image, plan))| async move {
                let _step = workshop.steps.begin(scene, name);
                let fetched = fetch(workshop, &image, plan).await;
                Ok::<_, ChunkError>(BandRead {
                    fetched: fetched.map_err(|error| error.of(scene, name))?,
                    image,
                    band: band.clone(),
                    kernel: workshop.kernel(name),
                })
            });
        let reads = try_join_all(reads).await?;
        let (clock, inner) = (Arc::clone(&workshop.clock), self.inner_in_padded());
        let put = workshop.pool.run(move || {
            let _memory = memory;
            let put = bands::put(reads, &wanted, &clock)?;
            Ok::<_, (usize, SourceError)>(clock.time(Stage::Mask, || {
                let (mut bands, audits): (Vec<_>, Vec<_>) = put.into_iter().unzip();
                choice::complete(&mut bands);
                let cropped = bands.into_iter().map(|band| choice::crop(band, inner));
                (cropped.collect(), audits)
            }))
        });
        let put = put.await?.map_err(|(n, error): (usize, SourceError)| {
            let name = names().nth(n).unwrap_or_default();
            ChunkError::from(error).of(scene, name)
        })?;
        Ok(Some(put))
    }

    /// Reads an overpass: of its scenes, in their order, the first that has
    /// something of use at a pixel gives all bands of it.
    pub(super) async fn observe(
        &self,
        workshop: &Workshop,
        scenes: &[&Scene],
    ) -> Result<Observation, ChunkError> {
        let rule = scenes.first().and_then(|scene| workshop.masks.rule(scene));
        // Without a mask that says where nothing was seen, the bands say it.
        let tells_nodata = rule.as_ref().is_some_and(|rule| rule.knows_nodata());
        let (mut looks, usable) = self.judge(workshop, scenes, rule).await?;
        let mut observation: Option<Vec<Raster<u16>>> = None;
        for (n, (scene, mut wanted)) in std::iter::zip(scenes, usable).enumerate() {
            if let Some(first) = &observation {
                let (padded, inner) = (self.padded_shape(), self.inner_in_padded());
                choice::leave_given(&mut wanted, padded, inner, first);
            }
            if !wanted.contains(&true) {
                continue;
            }
            let read = self.bands(workshop, scene, Arc::new(wanted)).await?;
            let Some((bands, audits)) = read else {
                continue;
            };
            looks[n].audits = audits;
            looks[n].saw |= !tells_nodata && choice::has_data(&bands);
            match &mut observation {
                None => observation = Some(bands),
                Some(first) => choice::fuse(first, &bands),
            }
        }
        Ok(Observation {
            bands: observation.filter(|bands| choice::has_data(bands)),
            looks,
        })
    }

    /// For each scene, whether it saw anything and which pixels of the padded
    /// window are of use.
    async fn judge(
        &self,
        workshop: &Workshop,
        scenes: &[&Scene],
        rule: Option<Arc<MaskRule>>,
    ) -> Result<(Vec<Look>, Vec<Vec<bool>>), ChunkError> {
        let (padded, inner) = (self.padded_shape(), self.inner_in_padded());
        let Some(rule) = rule else {
            let everywhere = vec![true; padded.rows * padded.cols];
            return Ok((
                vec![Look::default(); scenes.len()],
                vec![everywhere; scenes.len()],
            ));
        };
        let classes = scenes.iter().map(|scene| async move {
            match &scene.mask {
                Some(href) => self.classes(workshop, scene, href).await,
                None => Ok(None),
            }
        });
        let classes = try_join_all(classes).await?;
        let choice = workshop
            .compute(Stage::Mask, move || {
                choice::judge(&rule, &classes, padded, inner)
            })
            .await?;
        let look = |saw| Look {
            saw,
            audits: Vec::new(),
        };
        Ok((choice.seen.into_iter().map(look).collect(), choice.usable))
    }
}

impl Image {
    fn error(&self, step: &'static str, error: CogError) -> ChunkError {
        SourceError::image(step, &self.cog, error).into()
    }
}

/// What has to be read of images; `None` if one has nothing that is wanted.
/// The error names the image by its place.
async fn plan(
    workshop: &Workshop,
    images: Vec<(Image, Kernel)>,
    wanted: Arc<Vec<bool>>,
) -> Result<Result<Option<Vec<(Image, ReadPlan)>>, (usize, ChunkError)>, ComputeError> {
    let planned = move || {
        let mut planned = Vec::with_capacity(images.len());
        // Most bands of a scene lie alike, and need the same windows.
        let mut last: Option<(Grid, Kernel, Vec<Window>)> = None;
        for (n, (image, kernel)) in images.into_iter().enumerate() {
            let windows = match last.take() {
                Some((grid, same, windows)) if (grid, same) == (image.grid, kernel) => windows,
                _ => {
                    let reach = kernel.reach(image.ratio);
                    sight::sources(&image.grid, &image.positions, &wanted, reach)
                }
            };
            let Some(window) = sight::hull(&windows) else {
                return Ok(None);
            };
            let needed = |tile: Window| windows.iter().any(|w| w.intersection(&tile).is_some());
            let plan = image.cog.plan(image.level, window, needed);
            let plan = plan.map_err(|error| (n, image.error("reading", error)))?;
            last = Some((image.grid, kernel, windows));
            planned.push((image, plan));
        }
        Ok(Some(planned))
    };
    workshop.compute(Stage::Warp, planned).await
}

/// Memory that reading and decoding takes.
fn needed(image: &Image, plan: &ReadPlan) -> u64 {
    let samples = plan.window().len() * image.cog.samples().size();
    plan.bytes().saturating_add(samples as u64)
}

async fn fetch(workshop: &Workshop, image: &Image, plan: ReadPlan) -> Result<Fetched, ChunkError> {
    let reading = workshop.source.fetch(&image.cog, plan);
    Ok(workshop.clock.wait(Stage::Read, reading).await?)
}

/// The size of the cube's cells *where an image is*: the same for every chunk,
/// so that cutting a cube into other chunks changes no pixel.
fn cell_size(grid: &Grid, cog: &Cog) -> Result<(f64, f64), ChunkError> {
    let Some(image) = cog.grid(0) else {
        return Ok((f64::INFINITY, f64::INFINITY));
    };
    let Bounds {
        west,
        south,
        east,
        north,
    } = image.bounds();
    let (x, y) = (west.midpoint(east), south.midpoint(north));
    Ok(crs::cell_size_at(grid, x, y, image.crs)?)
}
