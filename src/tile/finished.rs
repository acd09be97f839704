//! Finished tiles: kept, and of equal ones that are asked for at the same time
//! one is made, within bounds of number and memory.

use std::{future::Future, sync::OnceLock};

use bytes::Bytes;

use super::{TileError, cost::Cost};
use crate::{
    cache::{Cache, CacheConfig},
    compute::{Admission, Memory},
    render::{FileFormat, ImageFormat, Picture, encode},
};

/// What a finished tile takes beside its file.
const TILE_OVERHEAD: usize = 128;

/// A finished tile. Clones share the bytes.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The file.
    pub bytes: Bytes,
    /// Its format.
    pub format: FileFormat,
    /// Whether it was made for an earlier request, or for another one at the
    /// same time.
    pub is_kept: bool,
}

/// A file with its part of the memory for tiles in the making.
struct Held<M> {
    bytes: Bytes,
    _memory: M,
}

impl<M> AsRef<[u8]> for Held<M> {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// A file that takes memory until the client has it.
fn held<M: Send + 'static>(bytes: Bytes, memory: M) -> Bytes {
    Bytes::from_owner(Held {
        bytes,
        _memory: memory,
    })
}

/// What names a tile: the number of its cube or data set, and a hash of all
/// that its pixels depend on.
pub(super) type Name = (u32, u128);

/// The text of an `ETag`.
pub(super) fn etag(name: u128) -> String {
    format!("\"{name:032x}\"")
}

/// Finished tiles, and the bounds on those in the making. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    tiles: Cache<Name, Tile>,
    admission: Admission,
    memory: Memory,
}

impl Finished {
    pub(super) fn new(admission: Admission, config: &CacheConfig) -> Self {
        Self {
            tiles: Cache::new(config.tiles(), |tile: &Tile| {
                TILE_OVERHEAD + tile.bytes.len()
            }),
            admission,
            memory: Memory::new(config.making()),
        }
    }

    /// Does what is kept by nobody, at this cost.
    ///
    /// # Errors
    /// What the work says, and if too much is being made.
    pub(super) async fn within<T>(
        &self,
        cost: Cost,
        work: impl Future<Output = Result<T, TileError>> + Send,
    ) -> Result<T, TileError> {
        let _place = self.admission.enter().await?;
        let _memory = self.memory.reserve(cost.bytes()).await;
        work.await
    }

    /// A file that is kept by nobody, made at this cost.
    ///
    /// # Errors
    /// As of [`Finished::within`].
    pub(super) async fn file(
        &self,
        cost: Cost,
        work: impl Future<Output = Result<Bytes, TileError>> + Send,
    ) -> Result<Bytes, TileError> {
        let _place = self.admission.enter().await?;
        let memory = self.memory.reserve(cost.bytes()).await;
        let bytes = work.await?;
        Ok(
            match memory.map(|memory| Memory::only(memory, bytes.len() as u64)) {
                Some(memory) => held(bytes, memory),
                None => bytes,
            },
        )
    }

    /// The tile of a name, made at this cost if it is not there.
    ///
    /// # Errors
    /// What making it says, and if too many tiles are being made.
    pub(super) async fn get_or_make(
        &self,
        name: Name,
        cost: Cost,
        work: impl Future<Output = Result<Tile, TileError>> + Send,
    ) -> Result<Tile, TileError> {
        if let Some(tile) = self.tiles.get(&name).await {
            return Ok(tile);
        }
        let mine = OnceLock::new();
        let made = async {
            let _place = self.admission.enter().await?;
            let memory = self.memory.reserve(cost.bytes()).await;
            let made = work.await?;
            // Its file takes memory until the client has it.
            let held = memory.map(|memory| Memory::only(memory, made.bytes.len() as u64));
            let _set = mine.set(held);
            Ok(made)
        };
        let made = self.tiles.get_or_compute(name, made).await;
        let tile = made.map_err(TileError::Shared)?;
        let Some(memory) = mine.into_inner() else {
            return Ok(tile);
        };
        Ok(Tile {
            bytes: held(tile.bytes, memory),
            is_kept: false,
            ..tile
        })
    }
}

/// A file in a format; by default JPEG where every pixel is opaque, else PNG.
pub(super) fn finish(picture: &Picture, format: Option<ImageFormat>) -> Result<Tile, TileError> {
    let format = format.unwrap_or_else(|| {
        if picture.is_opaque() {
            ImageFormat::Jpeg
        } else {
            ImageFormat::Png
        }
    });
    Ok(Tile {
        bytes: encode(picture, format)?,
        format: FileFormat::Image(format),
        // As all see it who find it in the cache.
        is_kept: true,
    })
}
