//! The least that a tile can cost: decoding the inner chunks that it is made of,
//! each once, and encoding its finished pixels, on one thread.

use anyhow::Context as _;
use bytes::Bytes;
use cubetiler::{
    catalog::Catalog,
    cube::metadata,
    grid::{ChunkGrid, Level},
    render::{ImageFormat, encode},
    repo::{Bytewise, Read as _},
    tile::{TileRequest, Tiles},
    zarr::StoredCube,
};

use crate::process;

/// CPU seconds of a tile, on average.
pub(crate) struct Floor {
    pub(crate) decode: f64,
    pub(crate) encode: f64,
}

/// Tiles whose parts are held and then decoded and encoded in one go: the clock
/// of a thread's CPU time is a coarse one.
const TOGETHER: usize = 64;

/// Measures tiles of the full resolution.
pub(crate) async fn measure(
    tiles: &Tiles,
    catalog: &Catalog,
    requests: &[TileRequest],
) -> anyhow::Result<Floor> {
    let stored = catalog.get("bench")?.served();
    let (mut decode, mut encoded) = (0.0, 0.0);
    for requests in requests.chunks(TOGETHER) {
        let (mut chunks, mut pictures) = (Vec::new(), Vec::new());
        for request in requests {
            inner_chunks(&stored, request, &mut chunks).await?;
            let prepared = tiles.prepare("bench", request).await?;
            pictures.extend(tiles.picture(prepared).await?);
        }
        let begun = process::thread_cpu()?;
        for bytes in &chunks {
            std::hint::black_box(stored.values.decode_inner::<u16>(bytes)?);
        }
        let decoded = process::thread_cpu()?;
        for picture in &pictures {
            std::hint::black_box(encode(picture, ImageFormat::Png)?);
        }
        encoded += process::thread_cpu()? - decoded;
        decode += decoded - begun;
    }
    let count = requests.len() as f64;
    Ok(Floor {
        decode: decode / count,
        encode: encoded / count,
    })
}

/// The stored bytes of the inner chunks under a tile.
async fn inner_chunks(
    stored: &StoredCube,
    request: &TileRequest,
    chunks: &mut Vec<Bytes>,
) -> anyhow::Result<()> {
    let pyramid = stored.cube.pyramid();
    let inner = ChunkGrid {
        shape: pyramid.base().shape,
        chunk: stored.cube.inner_chunk(),
    };
    let per_side = pyramid.chunk() / inner.chunk;
    let index_len = stored.values.index_len().context("no shards")?;
    let bounds = request.address.lonlat_bounds();
    let window = pyramid.base().window_of(bounds).context("outside")?;
    for variable in &request.look.variables {
        let path = metadata::variable_path(Level(0), variable);
        for at in inner.chunks_of(window) {
            let place = [0, at.row / per_side, at.col / per_side];
            let position = (at.row % per_side) * per_side + at.col % per_side;
            let read = async |part| {
                let bytes = stored.snapshot.chunk(&path, &place, part).await?;
                bytes.context("an empty chunk")
            };
            let index = stored
                .values
                .shard_index(&read(Bytewise::Last(index_len)).await?)?;
            let range = index.get(position).context("an empty inner chunk")?;
            chunks.push(read(Bytewise::Range(range)).await?);
        }
    }
    Ok(())
}
