//! From STAC items to the scenes that a cube is built from: which of their
//! assets are read, what is added to their numbers, and which items are of
//! one observation.

mod choice;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use self::choice::{Chosen, collection, lacking_everywhere};
use super::footprint::footprint;
use super::harmonize::{self, Baseline, Evidence, Operator, Scaling};
use super::profile::Profile;
use super::stac::{Asset, Item};
use super::{AssetHref, SourceError, SourceSpec};
use crate::grid::Bounds;

/// An item whose assets are there to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// The item's id.
    pub id: String,
    /// When it was taken.
    pub datetime: DateTime<Utc>,
    /// Names the pass of the satellite: scenes of one overpass that overlap
    /// are the same observation.
    pub overpass: String,
    /// The rectangles of longitude and latitude that it lies in: one, or two
    /// if it crosses the antimeridian. `west` < `east` in each.
    pub footprint: Vec<Bounds>,
    /// In the order of [`SourceSpec::bands`].
    pub bands: Vec<SceneBand>,
    /// The image of its mask, if the spec has one.
    pub mask: Option<AssetHref>,
    /// The name of the rules that are right for the mask of its product, if it
    /// is a known one: `scl-default`, `fmask` or `qa-pixel`.
    pub mask_profile: Option<&'static str>,
    /// The archive that it is from.
    pub profile: Profile,
    /// The processing baseline that the item states.
    pub processing_baseline: Option<String>,
}

/// A band of a scene. Its valid numbers become reflectance times 10 000 by
/// [`crate::raster::scaled`], as far as its archive is known.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneBand {
    /// The image.
    pub asset: AssetHref,
    /// What valid numbers are multiplied by.
    pub gain: f64,
    /// What is added then.
    pub offset: f64,
    /// The rule that the offset follows from.
    pub offset_rule: &'static str,
    /// The value of missing pixels, if the file states none.
    pub nodata: Option<f64>,
}

impl Scene {
    /// Whether it may have data in a rectangle that does not cross the
    /// antimeridian.
    #[must_use]
    pub fn overlaps(&self, bounds: &Bounds) -> bool {
        self.footprint.iter().any(|part| part.overlaps(bounds))
    }
}

/// An item that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Skipped {
    pub(super) item: String,
    pub(super) reason: Reason,
}

/// Why an item is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// It lacks the asset of this name.
    NoAsset(String),
    /// It does not say when it was taken.
    NoTime,
    /// The item of this id is a newer processing of the same take.
    Older(String),
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAsset(asset) => write!(f, "it has no asset `{asset}`"),
            Self::NoTime => f.write_str("it does not say when it was taken"),
            Self::Older(newer) => write!(f, "`{newer}` is a newer processing of it"),
        }
    }
}

/// The scenes of a search's items, and what was left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selection {
    pub(super) scenes: Vec<Scene>,
    pub(super) skipped: Vec<Skipped>,
}

/// Makes scenes of items. The result depends on which items there are, not on
/// their order.
pub(super) fn select(items: &[Item], spec: &SourceSpec) -> Result<Selection, SourceError> {
    let chosen: Vec<Chosen<'_>> = items.iter().map(|item| Chosen::of(item, spec)).collect();
    if let Some(error) = lacking_everywhere(&chosen, items, spec) {
        return Err(error);
    }
    let mut selection = Selection::default();
    let mut newest: BTreeMap<(String, String), (Version, Scene)> = BTreeMap::new();
    for chosen in &chosen {
        let item = chosen.item;
        let skip = |reason| Skipped {
            item: item.id.clone(),
            reason,
        };
        if let Some(asset) = chosen.lacking() {
            selection
                .skipped
                .push(skip(Reason::NoAsset(asset.to_owned())));
            continue;
        }
        let Some(datetime) = item.datetime() else {
            selection.skipped.push(skip(Reason::NoTime));
            continue;
        };
        let scene = scene(chosen, datetime, spec)?;
        let take = take(item, datetime).unwrap_or_else(|| (String::new(), item.id.clone()));
        let version = Version::of(item);
        let Some((kept, _)) = newest.get(&take) else {
            newest.insert(take, (version, scene));
            continue;
        };
        let (better, worse) = if version > *kept {
            let old = newest.insert(take, (version, scene));
            (
                item.id.clone(),
                old.map_or_else(String::new, |(_, old)| old.id),
            )
        } else {
            (kept.id.clone(), item.id.clone())
        };
        selection.skipped.push(Skipped {
            item: worse,
            reason: Reason::Older(better),
        });
    }
    selection.scenes = newest.into_values().map(|(_, scene)| scene).collect();
    selection
        .scenes
        .sort_by(|a, b| (&a.overpass, &a.id).cmp(&(&b.overpass, &b.id)));
    selection.skipped.sort_by(|a, b| a.item.cmp(&b.item));
    Ok(selection)
}

fn scene(
    chosen: &Chosen<'_>,
    datetime: DateTime<Utc>,
    spec: &SourceSpec,
) -> Result<Scene, SourceError> {
    let item = chosen.item;
    let href = |key: &str, asset: &Asset| {
        let location = match &item.document {
            Some(document) => document.join(&asset.href),
            None => AssetHref::parse(&asset.href),
        };
        location.map_err(|source| SourceError::Location {
            what: format!("asset `{key}` of item {}", item.id),
            source,
        })
    };
    let mut assets = chosen.assets.iter().flatten();
    let mut bands = Vec::with_capacity(spec.bands.len());
    for (band, (key, asset)) in spec.bands.iter().zip(assets.by_ref()) {
        let Scaling { gain, offset, rule } = harmonize::scaling(Evidence {
            operator: Operator {
                gain: band.scale,
                offset: band.offset,
            },
            product: chosen.product,
            collection: collection(item, spec),
            properties: &item.properties,
            key,
            asset: &asset.fields,
        });
        bands.push(SceneBand {
            asset: href(key, asset)?,
            gain,
            offset,
            offset_rule: rule,
            nodata: chosen.product.nodata().or_else(|| stated_nodata(asset)),
        });
    }
    let mask = assets.next().map(|(key, asset)| href(key, asset));
    let footprint = footprint(item.bbox.as_deref(), item.geometry.as_ref());
    Ok(Scene {
        id: item.id.clone(),
        datetime,
        overpass: overpass(item, datetime, &footprint),
        footprint,
        bands,
        mask: mask.transpose()?,
        mask_profile: chosen.product.mask().map(|known| known.profile),
        profile: chosen.profile,
        processing_baseline: Baseline::text(&item.properties).map(ToOwned::to_owned),
    })
}

/// What an asset says of missing pixels, in the raster extension (STAC 1.0) or
/// in the common metadata (1.1).
fn stated_nodata(asset: &Asset) -> Option<f64> {
    let first = |key: &str| asset.fields.get(key)?.as_array()?.first()?.as_object();
    [first("raster:bands"), first("bands"), Some(&asset.fields)]
        .into_iter()
        .flatten()
        .find_map(|place| {
            let value = place.get("nodata")?;
            let not_a_number = || (value.as_str() == Some("nan")).then_some(f64::NAN);
            value.as_f64().or_else(not_a_number)
        })
}

/// Orders the processings of one take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    baseline: Option<Baseline>,
    made: Option<DateTime<Utc>>,
    id: String,
}

impl Version {
    fn of(item: &Item) -> Self {
        let time = |key: &str| {
            let text = item.properties.get(key)?.as_str()?;
            DateTime::parse_from_rfc3339(text)
                .map(|time| time.to_utc())
                .ok()
        };
        Self {
            baseline: Baseline::of(&item.properties),
            made: ["s2:generation_time", "created", "updated"]
                .into_iter()
                .find_map(time),
            id: item.id.clone(),
        }
    }
}

fn text<'a>(properties: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    properties.get(key)?.as_str()
}

/// The tile of a grid and the take of it that an item is a processing of.
/// `None` if the item does not tell.
fn take(item: &Item, datetime: DateTime<Utc>) -> Option<(String, String)> {
    let properties = &item.properties;
    let tile = text(properties, "grid:code")
        .map(ToOwned::to_owned)
        .or_else(|| text(properties, "s2:mgrs_tile").map(|tile| format!("MGRS-{tile}")))
        .or_else(|| {
            let path = text(properties, "landsat:wrs_path")?;
            let row = text(properties, "landsat:wrs_row")?;
            Some(format!("WRS-{path}-{row}"))
        })?;
    let take = match text(properties, "s2:datatake_id") {
        // A datatake that was received in parts has one item for each, which
        // differ by the start of their strip. A new processing keeps it.
        Some(id) => {
            let strip = strip_start(properties).unwrap_or_default();
            format!("{} {strip}", without_baseline(id))
        }
        None => format!("{} {}", platform(item), datetime.timestamp()),
    };
    Some((tile, take))
}

/// The sensing time in a datastrip's id, `…_S20230815T095630_N05.09`.
fn strip_start(properties: &Map<String, Value>) -> Option<&str> {
    text(properties, "s2:datastrip_id")?
        .split('_')
        .filter_map(|part| part.strip_prefix('S'))
        .find(|part| part.len() == 15 && part.as_bytes().get(8) == Some(&b'T'))
}

/// `GS2A_20230815T095031_042547_N05.09` without what tells the processing.
fn without_baseline(datatake: &str) -> &str {
    match datatake.rsplit_once("_N") {
        Some((take, baseline)) if baseline.bytes().all(|b| b.is_ascii_digit() || b == b'.') => take,
        Some(_) | None => datatake,
    }
}

/// What took an image, as far as its item tells: the two halves of HLS are
/// collections, and their items name no satellite.
fn platform(item: &Item) -> String {
    text(&item.properties, "platform")
        .or_else(|| text(&item.properties, "constellation"))
        .or(item.collection.as_deref())
        .unwrap_or("unknown")
        .to_lowercase()
}

/// The datatake, or else the platform and the day by local solar time: a
/// satellite in a sun-synchronous orbit passes once in daylight.
fn overpass(item: &Item, datetime: DateTime<Utc>, footprint: &[Bounds]) -> String {
    /// The Earth turns by one degree in this many milliseconds.
    const PER_DEGREE: f64 = 240_000.0;
    if let Some(id) = text(&item.properties, "s2:datatake_id") {
        return without_baseline(id).to_owned();
    }
    let longitude = match footprint {
        [one] => f64::midpoint(one.west, one.east),
        // Two halves, west and east of the antimeridian.
        [west, east, ..] => {
            let centre = f64::midpoint(west.west, east.east + 360.0);
            if centre > 180.0 {
                centre - 360.0
            } else {
                centre
            }
        }
        [] => 0.0,
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a longitude is at most 180 degrees, which is half a day"
    )]
    let solar = datetime + TimeDelta::milliseconds((longitude * PER_DEGREE).round() as i64);
    format!("{}_{}", platform(item), solar.date_naive())
}

#[cfg(test)]
mod tests;
