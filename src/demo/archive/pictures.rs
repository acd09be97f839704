//! The pictures of an archive: rendered, cut at the swath's edge, encoded and written.

use std::{
    fs,
    num::NonZero,
    path::Path,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use serde_json::Value;

use super::{ArchiveError, ArchiveOptions, at, write};
use crate::demo::{
    acquisition::Acquisition,
    cog::{Blocks, CogWriter, Downsampling, Image},
    frame::Frame,
    imagery::{BandStack, Imagery},
    items::{self, BANDS, CLASSES, ClassCounts},
};

/// Higher levels take longer and gain next to nothing on textured bands.
const DEFLATE_LEVEL: u32 = 4;

/// Draws, encodes and writes all pictures, one frame after the other, the dates of a frame in parallel.
pub(super) fn write_all<I: Imagery>(
    directory: &Path,
    options: &ArchiveOptions,
    imagery: &I,
    mut progress: impl FnMut(usize, usize),
) -> Result<Vec<Value>, ArchiveError> {
    let frames = Frame::covering(options.bounds, options.cell_size, options.overlap);
    let acquisitions = &options.acquisitions;
    let total = frames.len() * acquisitions.len();
    let mut items = Vec::new();
    let mut done = 0;
    progress(done, total);
    for (position, frame) in (0_u32..).zip(&frames) {
        let backdrop = imagery.backdrop(frame);
        let next = AtomicUsize::new(0);
        let threads = thread::available_parallelism()
            .map_or(1, NonZero::get)
            .min(acquisitions.len());
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..threads {
                let (sender, next, backdrop) = (sender.clone(), &next, &backdrop);
                scope.spawn(move || {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(acquisition) = acquisitions.get(index) else {
                            break;
                        };
                        let picture = Picture {
                            frame,
                            acquisition,
                            position,
                        };
                        let stack = imagery.render(frame, backdrop, index, acquisition);
                        let written = picture.write(directory, options.tile_size, stack);
                        // A closed channel means that another picture failed.
                        if sender.send(written.map(|item| (index, item))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for written in receiver {
                let (index, item) = written?;
                items.extend(item.map(|item| ((index, position), item)));
                done += 1;
                progress(done, total);
            }
            Ok(())
        })?;
    }
    items.sort_by_key(|&(place, _)| place);
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

/// One frame of one acquisition.
struct Picture<'a> {
    frame: &'a Frame,
    acquisition: &'a Acquisition,
    /// Number of the frame among those of the region.
    position: u32,
}

impl Picture<'_> {
    /// Cuts the picture at the swath's edge and writes its files. Nothing comes of a picture without data.
    fn write(
        &self,
        directory: &Path,
        tile_size: u32,
        mut stack: BandStack,
    ) -> Result<Option<Value>, ArchiveError> {
        self.cut(&mut stack);
        let counts = ClassCounts::of(&stack.scl);
        if counts.valid() == 0 {
            return Ok(None);
        }
        let id = items::id(self.frame, self.acquisition);
        let folder = directory.join(&id);
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let bands = CogWriter {
            blocks: Blocks::Tiles(tile_size),
            level: DEFLATE_LEVEL,
            ..CogWriter::default()
        };
        // Differences between classes mean nothing, and deflate does better on the classes themselves.
        let classes = CogWriter {
            predictor: false,
            overviews: Some(Downsampling::Nearest),
            ..bands
        };
        let failed = |asset| {
            let item = id.clone();
            move |source| ArchiveError::Cog {
                item,
                asset,
                source,
            }
        };
        for (asset, samples) in BANDS.iter().zip(&stack.bands) {
            let bytes = bands
                .write(&self.image(samples, 0))
                .map_err(failed(asset.key))?;
            write(&folder.join(asset.file), &bytes)?;
        }
        let bytes = classes
            .write(&self.image(&stack.scl, 0))
            .map_err(failed(CLASSES.key))?;
        write(&folder.join(CLASSES.file), &bytes)?;
        Ok(Some(items::item(
            self.frame,
            self.acquisition,
            self.position,
            &counts,
        )))
    }

    fn cut(&self, stack: &mut BandStack) {
        if self.acquisition.swath.is_none() {
            return;
        }
        for row in 0..self.frame.rows {
            // Along a row the swath is entered or left once, so halving finds where.
            let covered = |column: u32| {
                let (lon, lat) = self.frame.position(column, row);
                self.acquisition.covers(lon, lat)
            };
            let starts = covered(0);
            let (mut low, mut high) = (0, self.frame.columns);
            while low < high {
                let middle = u32::midpoint(low, high);
                if covered(middle) == starts {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            let outside = if starts {
                low..self.frame.columns
            } else {
                0..low
            };
            for column in outside {
                stack.erase(row as usize * self.frame.columns as usize + column as usize);
            }
        }
    }

    fn image<'a, T>(&self, samples: &'a [T], nodata: T) -> Image<'a, T> {
        Image {
            width: self.frame.columns,
            height: self.frame.rows,
            samples,
            nodata: Some(nodata),
            geo_reference: self.frame.geo_reference(),
        }
    }
}
