//! Which assets of an item a spec asks for.

use serde_json::Value;

use crate::source::profile::{KnownMask, Origin, Product, Profile};
use crate::source::stac::{Asset, Item};
use crate::source::{AssetHref, BandSpec, MaskSpec, SourceError, SourceSpec};

/// An asset with its key, or the name for which the item has none.
pub(super) type Choice<'a> = Result<(&'a str, &'a Asset), String>;

/// What of an item a spec asks for.
pub(super) struct Chosen<'a> {
    pub(super) item: &'a Item,
    pub(super) profile: Profile,
    pub(super) product: Product,
    /// In the order of [`SourceSpec::bands`], and then the mask if there is one.
    pub(super) assets: Vec<Choice<'a>>,
}

impl<'a> Chosen<'a> {
    pub(super) fn of(item: &'a Item, spec: &SourceSpec) -> Self {
        let origin = Origin {
            host: item.document.as_ref().and_then(AssetHref::host),
            collection: collection(item, spec),
            id: &item.id,
            properties: &item.properties,
        };
        let profile = spec.profile.unwrap_or_else(|| Profile::of(origin));
        let product = profile.product(origin);
        // What the item has comes first: some archives use the common names.
        let find = |own: &str, known: &[&str]| {
            std::iter::once(own)
                .chain(known.iter().copied())
                .find_map(|key| item.assets.get_key_value(key))
                .map(|(key, asset)| (key.as_str(), asset))
                .ok_or_else(|| own.to_owned())
        };
        let band = |band: &BandSpec| match &band.asset {
            Some(key) => find(key, &[]),
            None => find(&band.name, product.assets(&band.name)),
        };
        let mask = |mask: &MaskSpec| match (&mask.asset, product.mask()) {
            (Some(key), _) => find(key, &[]),
            (
                None,
                Some(KnownMask {
                    assets: [first, others @ ..],
                    ..
                }),
            ) => find(first, others),
            (None, Some(_) | None) => Err(UNKNOWN_MASK.to_owned()),
        };
        Self {
            item,
            profile,
            product,
            assets: (spec.bands.iter().map(band))
                .chain(spec.mask.iter().map(mask))
                .collect(),
        }
    }

    /// The first name for which the item has no asset.
    pub(super) fn lacking(&self) -> Option<&str> {
        self.assets
            .iter()
            .find_map(|choice| choice.as_ref().err().map(String::as_str))
    }
}

/// An asset that no item has is a mistake in the recipe, not a gap in the
/// archive.
pub(super) fn lacking_everywhere(
    chosen: &[Chosen<'_>],
    items: &[Item],
    spec: &SourceSpec,
) -> Option<SourceError> {
    let first = chosen.first()?;
    let nobody_has = |index: &usize| {
        chosen
            .iter()
            .all(|one| one.assets.get(*index).is_some_and(Result::is_err))
    };
    let index = (0..first.assets.len()).find(nobody_has)?;
    let asset = first.assets.get(index)?.as_ref().err()?;
    let is_unnamed_mask =
        index == spec.bands.len() && spec.mask.as_ref().is_some_and(|m| m.asset.is_none());
    Some(if is_unnamed_mask && asset == UNKNOWN_MASK {
        SourceError::NoMask {
            collection: collection(first.item, spec)
                .unwrap_or("no collection")
                .to_owned(),
        }
    } else {
        SourceError::NoAsset {
            asset: asset.clone(),
            suggestion: suggestion(asset, items),
        }
    })
}

/// Stands for the mask of a product of which none is known.
const UNKNOWN_MASK: &str = "mask";

pub(super) fn collection<'a>(item: &'a Item, spec: &'a SourceSpec) -> Option<&'a str> {
    item.collection.as_deref().or(spec.collection.as_deref())
}

/// The name that was meant by one that no item has.
fn suggestion(asset: &str, items: &[Item]) -> String {
    let names = || items.iter().flat_map(|item| &item.assets);
    // The recipe may name the colour where the items name the band.
    let by_colour = names().find(|(_, candidate)| {
        ["eo:bands", "bands"].iter().any(|key| {
            let bands = candidate.fields.get(*key).and_then(Value::as_array);
            let first = bands.filter(|b| b.len() == 1).and_then(|b| b.first());
            ["common_name", "eo:common_name", "name"]
                .iter()
                .any(|key| first.and_then(|band| band.get(*key)?.as_str()) == Some(asset))
        })
    });
    let alike = || {
        let similarity =
            |name: &str| strsim::jaro_winkler(&name.to_lowercase(), &asset.to_lowercase());
        names()
            .map(|(name, _)| (similarity(name), name))
            .filter(|(similarity, _)| *similarity >= 0.7)
            // The first of equals by name, whatever the order of the items.
            .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(a.1)))
            .map(|(_, name)| name)
    };
    by_colour
        .map(|(name, _)| name)
        .or_else(alike)
        .map_or_else(String::new, |name| format!(": did you mean `{name}`?"))
}
