//! Cubes in the forms that geographic programs ask for: a Web Map Tile Service, the
//! tiles of OGC API, and a STAC catalogue. All of them lead to the tiles of
//! [`super::tiles`] and tell of cubes that the caller may read, and of no others.

pub(super) mod api;
mod capabilities;
mod exception;
mod feature_info;
mod keys;
mod shown;
pub(super) mod stac;
pub(super) mod tilesets;
pub(super) mod wmts;

/// The one tile matrix set.
const SET: &str = "WebMercatorQuad";

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
