//! Names of tiles: their `ETag`s, and the keys under which they are kept.

use super::TileRequest;
use crate::{
    cube::Cell,
    grid::{ChunkIndex, Grid},
    render::Style,
};

/// Raised when the same samples give other pictures: it is part of every `ETag`.
pub(super) const RENDERER_VERSION: u32 = 2;

/// A name for exactly these pixels in this style.
pub(super) fn name(
    request: &TileRequest,
    names: &[String],
    style: &Style,
    nodata: u16,
    grid: &Grid,
    time: usize,
    cells: &[(ChunkIndex, Cell)],
) -> u128 {
    let mut hasher = xxhash_rust::xxh3::Xxh3::new();
    let text = format!(
        "{RENDERER_VERSION} {:?} {} {names:?} {:?} {} {nodata} {:?} {:?} {:?} {:?} {time}",
        request.address,
        request.size,
        request.expression.as_ref().map(ToString::to_string),
        style.canonical(),
        request.resampling,
        request.format,
        grid.crs,
        grid.shape,
    );
    hasher.update(text.as_bytes());
    // Their digits would take as long as all the rest.
    let transform = grid.transform;
    for number in [
        transform.origin_x,
        transform.origin_y,
        transform.cell_width,
        transform.cell_height,
    ] {
        hasher.update(&number.to_bits().to_le_bytes());
    }
    // Stamps alone: with another record of where they come from, or another
    // share built below, the pixels are the same.
    for (_, cell) in cells {
        hasher.update(&cell.stamp.to_le_bytes());
    }
    hasher.digest128()
}
