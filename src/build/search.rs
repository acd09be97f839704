//! What a recipe's source is asked for.

use chrono::{NaiveDate, NaiveTime};

use super::{
    Batch, ChunkError,
    chunk::Workshop,
    plan::{around, chunk_bounds},
};
use crate::{
    cube::{
        Recipe,
        recipe::{Band, PerBand, SourceProfile},
    },
    source::{BandSpec, MaskSpec, Profile, Scene, SourceSpec},
};

/// The scenes of a batch's chunks, with those around them that their masks
/// depend on.
pub(super) async fn scenes_of(
    workshop: &Workshop,
    spec: &SourceSpec,
    batch: &Batch,
) -> Result<Vec<Scene>, ChunkError> {
    let cube = &workshop.stored.cube;
    let mut places = Vec::new();
    for chunk in &batch.chunks {
        places.extend(chunk_bounds(cube, *chunk, workshop.masks.halo())?);
    }
    let Some(bounds) = around(&places) else {
        return Ok(Vec::new());
    };
    let days = cube.times().days(batch.time);
    let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
    let (start, end) = (midnight(days.start), midnight(days.end));
    Ok(workshop.source.search(spec, bounds, start, end).await?)
}

/// What a recipe asks its source for.
pub(super) fn source_spec(recipe: &Recipe) -> SourceSpec {
    let source = &recipe.source;
    let number = |numbers: &Option<PerBand>, band: &Band| {
        numbers.as_ref().and_then(|numbers| numbers.of(band.name()))
    };
    SourceSpec {
        stac: source.stac.clone(),
        collection: source.collection.clone(),
        query: source.query.clone().map(serde_json::Value::Object),
        profile: source.profile.map(|profile| match profile {
            SourceProfile::EarthSearch => Profile::EarthSearch,
            SourceProfile::PlanetaryComputer => Profile::PlanetaryComputer,
            SourceProfile::Hls => Profile::Hls,
            SourceProfile::LandsatC2 => Profile::LandsatC2,
            SourceProfile::Generic => Profile::Generic,
        }),
        bands: source
            .bands
            .iter()
            .map(|band| BandSpec {
                name: band.name().to_owned(),
                asset: band.asset().map(ToOwned::to_owned),
                scale: number(&source.scale, band),
                offset: number(&source.offset, band),
            })
            .collect(),
        mask: source.mask.as_ref().map(|mask| MaskSpec {
            asset: mask.asset.clone(),
        }),
    }
}
