//! One overpass on the cube's grid: its masks are read first, and then of its
//! bands only the tiles that hold a pixel of use.

use std::{collections::HashMap, sync::Arc};

use futures::future::try_join_all;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    choice,
    chunk::{ChunkError, Workshop},
    sight,
    stages::Stage,
};
use crate::{
    crs,
    grid::{Bounds, Epsg, Grid, Shape, Window},
    raster::{CellRatio, Kernel, MaskRule, Positions, Raster, Sample, scaled, warp_into},
    source::{
        AssetHref, Audit, Cog, CogError, CogSample, Fetched, ReadPlan, SampleType, Scene,
        SceneBand, SourceError,
    },
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
}

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

/// A level of an opened file, and where a target's cells are in it.
struct Image {
    cog: Arc<Cog>,
    level: usize,
    grid: Grid,
    positions: Arc<Positions>,
    ratio: CellRatio,
}

/// What was read of an image, and the memory that it may take.
struct Load {
    image: Image,
    fetched: Fetched,
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
        fill: u16,
    ) -> Result<Option<Raster<u16>>, ChunkError> {
        let kernel = Kernel::Nearest;
        let clock = Arc::clone(&workshop.clock);
        let read = async move {
            let _step = workshop.steps.begin(scene, "mask");
            let image = self.image(workshop, href).await?;
            let everything = Arc::new(vec![true; image.positions.x.len()]);
            let Some((image, plan)) = plan(workshop, image, everything, kernel).await? else {
                return Ok(None);
            };
            let memory = workshop.memory.reserve(needed(&image, &plan)).await;
            let load = load(workshop, image, plan).await?;
            let classes = workshop
                .pool
                .run(move || {
                    let _memory = memory;
                    let decoded = clock.time(Stage::Decode, || load.fetched.decode::<u16>());
                    let mut patch = decoded.map_err(|error| load.image.error("decoding", error))?;
                    // Every sample is a class; the rule knows which says nothing.
                    patch.nodata = None;
                    Ok::<_, ChunkError>(clock.time(Stage::Warp, || {
                        let image = &load.image;
                        let mut classes = Raster::filled(image.positions.shape, fill);
                        warp_into(
                            &patch,
                            &image.positions,
                            kernel,
                            image.ratio,
                            None,
                            fill,
                            &mut classes,
                        );
                        classes
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
        let planned = try_join_all(std::iter::zip(names(), &scene.bands).map(|(name, band)| {
            let wanted = Arc::clone(&wanted);
            async move {
                let planned = async {
                    let _step = workshop.steps.begin(scene, name);
                    let image = self.image(workshop, &band.asset).await?;
                    plan(workshop, image, wanted, workshop.kernel(name)).await
                };
                planned.await.map_err(|error| error.of(scene, name))
            }
        }))
        .await?;
        let Some(planned) = planned.into_iter().collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let bytes = planned
            .iter()
            .map(|(image, plan)| needed(image, plan))
            .sum();
        let memory = Arc::new(workshop.memory.reserve(bytes).await);
        let bands = std::iter::zip(names(), &scene.bands);
        let read = std::iter::zip(bands, planned).map(|((name, band), (image, plan))| {
            let (memory, wanted) = (Arc::clone(&memory), Arc::clone(&wanted));
            async move {
                let read = async {
                    let _step = workshop.steps.begin(scene, name);
                    let load = load(workshop, image, plan).await?;
                    warp_band(
                        workshop,
                        load,
                        band.clone(),
                        wanted,
                        workshop.kernel(name),
                        memory,
                    )
                    .await
                };
                read.await.map_err(|error| error.of(scene, name))
            }
        });
        let (mut bands, audits): (Vec<_>, Vec<_>) = try_join_all(read).await?.into_iter().unzip();
        let inner = self.inner_in_padded();
        let bands = workshop
            .compute(Stage::Mask, move || {
                choice::complete(&mut bands);
                bands
                    .into_iter()
                    .map(|band| choice::crop(band, inner))
                    .collect()
            })
            .await?;
        Ok(Some((bands, audits)))
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
        let tells_nodata = rule.as_ref().is_some_and(|rule| rule.fill().is_some());
        let (mut looks, usable) = self.judge(workshop, scenes, rule).await?;
        let mut observation: Option<Vec<Raster<u16>>> = None;
        for (n, (scene, usable)) in std::iter::zip(scenes, usable).enumerate() {
            let inner = self.inner_in_padded();
            let wanted = remaining(usable, self.padded_shape(), inner, observation.as_deref());
            if !wanted.contains(&true) {
                continue;
            }
            let read = self.bands(workshop, scene, Arc::new(wanted)).await?;
            let Some((bands, audits)) = read else {
                continue;
            };
            looks[n].audits = audits;
            looks[n].saw |= !tells_nodata && has_data(&bands);
            match &mut observation {
                None => observation = Some(bands),
                Some(first) => choice::fuse(first, &bands),
            }
        }
        Ok(Observation {
            bands: observation.filter(|bands| has_data(bands)),
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
        let fill = rule.fill().unwrap_or_default();
        let classes = scenes.iter().map(|scene| async move {
            match &scene.mask {
                Some(href) => self.classes(workshop, scene, href, fill).await,
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

/// The usable pixels of the inner window that no scene has given yet.
fn remaining(
    mut usable: Vec<bool>,
    padded: Shape,
    inner: Window,
    observation: Option<&[Raster<u16>]>,
) -> Vec<bool> {
    for row in 0..padded.rows.min(usable.len()) {
        let line = &mut usable[row * padded.cols..(row + 1) * padded.cols];
        if !(inner.row..inner.row_end()).contains(&row) {
            line.fill(false);
            continue;
        }
        line[..inner.col].fill(false);
        line[inner.col_end()..].fill(false);
        if let Some(first) = observation.and_then(<[_]>::first) {
            let given = first.row(row - inner.row);
            for (usable, given) in std::iter::zip(&mut line[inner.col..], given) {
                *usable &= *given == 0;
            }
        }
    }
    usable
}

fn has_data(bands: &[Raster<u16>]) -> bool {
    let first = bands.first();
    first.is_some_and(|band| band.data.iter().any(|value| *value != 0))
}

/// What has to be read of an image; `None` if it has nothing that is wanted.
async fn plan(
    workshop: &Workshop,
    image: Image,
    wanted: Arc<Vec<bool>>,
    kernel: Kernel,
) -> Result<Option<(Image, ReadPlan)>, ChunkError> {
    let planned = move || {
        let reach = kernel.reach(image.ratio);
        let windows = sight::sources(&image.grid, &image.positions, &wanted, reach);
        let Some(window) = sight::hull(&windows) else {
            return Ok(None);
        };
        let needed = |tile: Window| windows.iter().any(|w| w.intersection(&tile).is_some());
        match image.cog.plan(image.level, window, needed) {
            Ok(plan) => Ok(Some((image, plan))),
            Err(error) => Err(image.error("reading", error)),
        }
    };
    workshop.compute(Stage::Warp, planned).await?
}

/// Memory that reading and decoding takes.
fn needed(image: &Image, plan: &ReadPlan) -> u64 {
    let samples = plan.window().len() * image.cog.samples().size();
    plan.bytes().saturating_add(samples as u64)
}

async fn load(workshop: &Workshop, image: Image, plan: ReadPlan) -> Result<Load, ChunkError> {
    let reading = workshop.source.fetch(&image.cog, plan);
    let fetched = workshop.clock.wait(Stage::Read, reading).await?;
    Ok(Load { image, fetched })
}

/// Decodes a band and puts it on the target, in the scale of the cube.
async fn warp_band(
    workshop: &Workshop,
    load: Load,
    band: SceneBand,
    wanted: Arc<Vec<bool>>,
    kernel: Kernel,
    memory: Arc<Option<OwnedSemaphorePermit>>,
) -> Result<(Raster<u16>, Audit), ChunkError> {
    let clock = Arc::clone(&workshop.clock);
    workshop
        .pool
        .run(move || {
            let _memory = memory;
            let put = Put {
                image: &load.image,
                band: &band,
                wanted: &wanted,
                kernel,
                clock: &clock,
            };
            match load.fetched.samples() {
                SampleType::U8 | SampleType::U16 => put.run::<u16>(&load.fetched, |numbers| {
                    let mut audit = Audit::default();
                    audit.add(numbers);
                    audit
                }),
                // Products of these have no offset that could be doubtful.
                SampleType::I16 => put.run::<i16>(&load.fetched, |_| Audit::default()),
                SampleType::F32 => put.run::<f32>(&load.fetched, |_| Audit::default()),
            }
            .map_err(|error| load.image.error("decoding", error))
        })
        .await?
}

/// How a band is put on the target.
struct Put<'a> {
    image: &'a Image,
    band: &'a SceneBand,
    wanted: &'a [bool],
    kernel: Kernel,
    clock: &'a super::stages::Clock,
}

impl Put<'_> {
    fn run<T: CogSample + Sample>(
        &self,
        fetched: &Fetched,
        audit: impl FnOnce(&[T]) -> Audit,
    ) -> Result<(Raster<u16>, Audit), CogError> {
        let mut patch = self.clock.time(Stage::Decode, || fetched.decode::<T>())?;
        Ok(self.clock.time(Stage::Warp, || {
            let stated = self.band.nodata.and_then(|value| {
                let sample = T::from_f64(value);
                (sample.to_f64() - value == 0.0).then_some(sample)
            });
            // A scene that does not say so has 0 where it saw nothing.
            let missing = patch.nodata.or(stated).unwrap_or_default();
            patch.nodata = Some(missing);
            let mut warped = Raster::filled(self.image.positions.shape, missing);
            warp_into(
                &patch,
                &self.image.positions,
                self.kernel,
                self.image.ratio,
                Some(self.wanted),
                missing,
                &mut warped,
            );
            let bands = scaled(&warped, missing, self.band.gain, self.band.offset);
            (bands, audit(&warped.data))
        }))
    }
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
