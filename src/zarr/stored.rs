//! A cube as it is stored, at one committed state.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Codec, ZarrError, damaged};
use crate::{
    crs::Footprint,
    cube::{Cube, metadata},
    grid::Level,
    repo::{Read, Repo, Snapshot},
};

/// A committed state of a cube, with what it takes to read and write its
/// chunks. Clones share it.
#[derive(Clone, Debug)]
pub struct StoredCube {
    /// What the cube is.
    pub cube: Arc<Cube>,
    /// Where on the globe it is.
    pub footprint: Arc<Footprint>,
    /// The state.
    pub snapshot: Snapshot,
    /// Codecs of the variables, the same at every level.
    pub values: Codec,
    /// Codecs of the coverage arrays, the same at every level.
    pub cells: Codec,
    /// Codecs of the provenance array.
    pub provenance: Codec,
}

impl StoredCube {
    /// Reads the newest state.
    ///
    /// # Errors
    /// If there is no cube of this layout, or storage fails.
    pub async fn open(repo: &Repo) -> Result<Self, ZarrError> {
        let snapshot = repo.snapshot().await?;
        let document = snapshot.node("").await?;
        let root: Map<String, Value> =
            serde_json::from_slice(&document).map_err(metadata::MetadataError::Damaged)?;
        let attributes = root.get("attributes").and_then(Value::as_object);
        let cube = metadata::cube_of(attributes.unwrap_or(&Map::new()))?;
        let footprint = Arc::new(Footprint::of(cube.pyramid().base())?);
        let codec = async |path: String| {
            let document = snapshot.node(&path).await?;
            Codec::of(&document).map_err(damaged(path))
        };
        let base = Level(0);
        let values = codec(metadata::variable_path(base, crate::cube::COUNT)).await?;
        let cells = codec(metadata::coverage_path(base)).await?;
        let provenance = codec(metadata::provenance_path()).await?;
        Ok(Self {
            cube: Arc::new(cube),
            footprint,
            snapshot,
            values,
            cells,
            provenance,
        })
    }
}
