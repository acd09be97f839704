//! Overviews of what changed, finest first, inside the transaction that
//! changes it.

use std::{collections::BTreeMap, ops::RangeInclusive};

use super::{BuildError, chunk::stamp};
use crate::{
    compute::Compute,
    cube::{COUNT, Cell, coverage, metadata},
    grid::{ChunkIndex, Level, Shape, Window},
    raster::{
        Raster,
        reduce::{Reduction, halve},
    },
    repo::Transaction,
    zarr::{StoredCube, damaged, encode_chunk, patch_cells, read_cell, read_chunk},
};

/// Chunks of a level whose cells changed, and whether their pixels did too.
pub(super) type Changed = BTreeMap<ChunkIndex, bool>;

/// Brings overviews of one time step up to date with chunks of the first of some
/// levels that changed. The cells of those are in the transaction already. Returns
/// what changed of the last level.
pub(super) async fn update(
    transaction: &mut Transaction,
    stored: &StoredCube,
    compute: &Compute,
    time: usize,
    mut changed: Changed,
    levels: RangeInclusive<Level>,
) -> Result<Changed, BuildError> {
    let all = stored.cube.pyramid().levels();
    for level in all.filter(|level| levels.start() < level && level <= levels.end()) {
        let mut parents: BTreeMap<ChunkIndex, Vec<ChunkIndex>> = BTreeMap::new();
        for (child, pixels) in changed {
            let children = parents.entry(child.parent()).or_default();
            if pixels {
                children.push(child);
            }
        }
        let mut cells = Vec::with_capacity(parents.len());
        changed = Changed::new();
        for (parent, children) in parents {
            let at = Place {
                stored,
                level,
                time,
                parent,
            };
            let stamp = if children.is_empty() {
                read_cell(transaction, stored, level, time, parent)
                    .await?
                    .stamp
            } else {
                at.rebuild(transaction, compute, &children).await?
            };
            cells.push((parent, at.cell(transaction, stamp).await?));
            changed.insert(parent, !children.is_empty());
        }
        patch_cells(transaction, stored, level, time, &cells).await?;
    }
    Ok(changed)
}

/// An overview chunk.
struct Place<'a> {
    stored: &'a StoredCube,
    level: Level,
    time: usize,
    parent: ChunkIndex,
}

impl Place<'_> {
    fn finer(&self) -> Level {
        Level(self.level.0 - 1)
    }

    /// Computes the quarters under changed children anew and writes the
    /// chunk; returns its stamp. A quarter depends on one child alone, since a
    /// chunk's side is even.
    async fn rebuild(
        &self,
        transaction: &mut Transaction,
        compute: &Compute,
        children: &[ChunkIndex],
    ) -> Result<u64, BuildError> {
        let side = self.stored.cube.pyramid().chunk();
        let empty = || {
            let shape = Shape {
                rows: side,
                cols: side,
            };
            Raster::filled(shape, 0)
        };
        let mut rasters = Vec::new();
        for variable in self.stored.cube.variables() {
            let (stored, time) = (self.stored, self.time);
            let whole = read_chunk(transaction, stored, self.level, variable, time, self.parent);
            let mut whole = whole.await?.unwrap_or_else(empty);
            let reduction = if variable == COUNT {
                Reduction::CeilMean
            } else {
                Reduction::ValidMean
            };
            for child in children {
                let fine = read_chunk(transaction, stored, self.finer(), variable, time, *child);
                let fine = fine.await?.unwrap_or_else(empty);
                let inside = self
                    .stored
                    .cube
                    .pyramid()
                    .chunks(self.finer())
                    .window(*child);
                let quarter = compute
                    .run(move || halve(&fine, shape(inside), reduction))
                    .await?;
                let (top, left) = ((child.row % 2) * side / 2, (child.col % 2) * side / 2);
                for row in 0..quarter.shape.rows {
                    whole.row_mut(top + row)[left..left + quarter.shape.cols]
                        .copy_from_slice(quarter.row(row));
                }
            }
            self.write(transaction, compute, variable, &whole).await?;
            rasters.push(whole);
        }
        let has_values = rasters
            .last()
            .is_some_and(|count| count.data.iter().any(|n| *n != 0));
        Ok(if has_values {
            compute.run(move || stamp(&rasters)).await?
        } else {
            0
        })
    }

    async fn write(
        &self,
        transaction: &mut Transaction,
        compute: &Compute,
        variable: &str,
        whole: &Raster<u16>,
    ) -> Result<(), BuildError> {
        let path = metadata::variable_path(self.level, variable);
        let index = [self.time, self.parent.row, self.parent.col];
        let (stored, raster) = (self.stored.clone(), whole.clone());
        let encoded = compute
            .run(move || encode_chunk(&stored, &raster))
            .await?
            .map_err(damaged(path.as_str()))?;
        let reference = match encoded {
            Some(bytes) => Some(transaction.upload(&path, &index, bytes).await?),
            None => None,
        };
        Ok(transaction.set_chunk(&path, &index, reference).await?)
    }

    async fn cell(&self, transaction: &Transaction, stamp: u64) -> Result<Cell, BuildError> {
        let mut children = Vec::with_capacity(4);
        for child in coverage::children(self.stored.cube.pyramid(), self.level, self.parent) {
            let cell = read_cell(transaction, self.stored, self.finer(), self.time, child);
            children.push(cell.await?);
        }
        Ok(Cell::overview(children, stamp))
    }
}

fn shape(window: Window) -> Shape {
    Shape {
        rows: window.rows,
        cols: window.cols,
    }
}
