//! Cubes in the forms that geographic programs ask for: a Web Map Tile Service, a Web Map
//! Service, the tiles of OGC API, and a STAC catalogue. All of them lead to the tiles of
//! [`super::tiles`] and tell of cubes that the caller may read, and of no others.

pub(super) mod api;
pub(super) mod dataset_tilesets;
mod exception;
mod feature_info;
mod keys;
pub(super) mod stac;
mod styles;
pub(super) mod tilesets;
mod time;
pub(super) mod wms;
pub(super) mod wmts;

use crate::http::{ApiError, AppState};

/// The formats of tiles: media types, and how addresses of tiles end.
const FORMATS: [(&str, &str); 3] = [
    ("image/png", "png"),
    ("image/jpeg", "jpg"),
    ("image/webp", "webp"),
];

/// How an address of a tile ends for a media type.
fn ending(media_type: &str) -> Option<&'static str> {
    let mut formats = FORMATS.into_iter();
    formats.find_map(|(name, ending)| (name == media_type).then_some(ending))
}

/// That there is a cube or data set of this name.
fn known(state: &AppState, name: &str) -> Result<(), ApiError> {
    if state.tiles.catalog().external(name).is_none() {
        state.tiles.catalog().get(name)?;
    }
    Ok(())
}

/// Text of anybody as it may stand in XML: control characters may not even as references.
fn escaped(text: impl AsRef<str>) -> String {
    let plain: String = text
        .as_ref()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    quick_xml::escape::escape(plain).into_owned()
}
