//! The record of what a chunk is made of, or of why it failed.

use serde_json::{Value, json};

use super::observation::Look;
use crate::{
    cube::{Cube, metadata},
    grid::ChunkIndex,
    repo::ChunkRef,
    source::Scene,
    zarr::{StoredCube, ZarrError, encode_provenance},
};

/// Raised when the same scenes give other values.
const ALGORITHM: u32 = 2;

/// The record of a chunk that these scenes saw.
pub(super) fn of_chunk(cube: &Cube, used: &[(&Scene, Look)]) -> String {
    let scenes = used.iter().map(|(scene, look)| of_scene(cube, scene, look));
    json!({
        "algorithm": ALGORITHM,
        "recipe": format!("{:016x}", cube.recipe().pixel_hash()),
        "scenes": scenes.collect::<Vec<_>>(),
    })
    .to_string()
}

/// The record of a chunk that could not be built.
pub(super) fn of_failure(reason: &str) -> String {
    json!({ "error": reason }).to_string()
}

fn of_scene(cube: &Cube, scene: &Scene, look: &Look) -> Value {
    let bands: serde_json::Map<_, _> = std::iter::zip(cube.bands(), &scene.bands)
        .enumerate()
        .map(|(n, (name, band))| {
            let mut record = json!({
                "gain": band.gain, "offset": band.offset, "rule": band.offset_rule,
            });
            let baseline = scene.processing_baseline.as_deref();
            let audit = look.audits.get(n);
            if let Some(suspicion) = audit.and_then(|audit| audit.verdict(band.offset, baseline)) {
                tracing::warn!(item = scene.id, band = name, %suspicion, "an offset is doubtful");
                record["suspicion"] = json!(suspicion.to_string());
            }
            (name.to_owned(), record)
        })
        .collect();
    json!({
        "id": scene.id,
        "overpass": scene.overpass,
        "baseline": scene.processing_baseline,
        "bands": bands,
    })
}

/// Uploads a record: the hash that coverage holds, and where it lies.
pub(super) async fn upload(
    stored: &StoredCube,
    time: usize,
    chunk: ChunkIndex,
    text: String,
) -> Result<(u64, Option<ChunkRef>), ZarrError> {
    let hash = xxhash_rust::xxh3::xxh3_64(text.as_bytes());
    let place = [time, chunk.row, chunk.col];
    let reference = match encode_provenance(stored, text)? {
        Some(bytes) => {
            let path = metadata::provenance_path();
            Some(stored.snapshot.upload(&path, &place, bytes).await?)
        }
        None => None,
    };
    Ok((hash, reference))
}
