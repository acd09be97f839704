//! A map that is asked for.

use std::time::Instant;

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::Version;
use crate::{
    grid::{Bounds, GeoTransform, Grid, Shape},
    http::{
        ApiError, AppState,
        access::Caller,
        error::NO_STORE,
        ogc::{
            exception::Exception,
            keys::{Keys, is_of_steps, with},
            known,
            styles::{DEFAULT, Style},
            time::{is_placeholder, sel_at, sel_during},
        },
        query::TileQuery,
        rendered::{self, Asked, Prepared},
        shown::Shown,
        systems,
        values::LARGEST_SIZE,
    },
    render::{FileFormat, ImageFormat, SampleFormat},
    tile::{self, PictureRequest, PictureSize, TileError},
};

/// What is shown where.
pub(super) struct Map {
    pub(super) cube: String,
    pub(super) grid: Grid,
    /// As parameters of tiles.
    pub(super) query: String,
    format: FileFormat,
    background: Option<[u8; 3]>,
}

/// The map of the keys, of a cube that the caller may read.
pub(super) async fn asked(
    state: &AppState,
    cube: Option<&str>,
    keys: &Keys,
    caller: &Caller,
) -> Result<Map, Exception> {
    let layers = keys
        .get("LAYERS")
        .or_else(|| keys.get("QUERY_LAYERS"))
        .ok_or_else(|| Exception::missing("LAYERS"))?;
    let (shown, style) = layer_of(state, cube, layers, keys.get("STYLES"), caller).await?;
    let grid = grid_of(keys)?;
    let format = format_of(keys)?;
    let background = match format {
        FileFormat::Image(format) => background_of(keys, format)?,
        FileFormat::Samples(_) => None,
    };
    let name = shown.name();
    let query = style.with(&keys.rest);
    // What is of several steps says itself which.
    let time = (keys.get("TIME")).filter(|time| !is_newest(time) && !is_of_steps(&query));
    let query = match time {
        None => query,
        Some(time) => with(&query, "sel", &selection(state, name, time)?),
    };
    Ok(Map {
        cube: name.to_owned(),
        grid,
        query,
        format,
        background,
    })
}

fn is_newest(time: &str) -> bool {
    time.eq_ignore_ascii_case("current") || is_placeholder(time)
}

fn selection(state: &AppState, cube: &str, time: &str) -> Result<String, Exception> {
    let wrong = |error: ApiError| {
        let detail = error.detail().to_owned();
        Exception::new("InvalidDimensionValue", "TIME", detail)
    };
    // `start/end/period` too: of its steps the newest.
    let mut parts = time.split('/');
    match (parts.next(), parts.next()) {
        (Some(start), Some(end)) => {
            sel_during(state, cube, &format!("{start}/{end}")).map_err(wrong)
        }
        _ => Ok(sel_at(state, cube, time)),
    }
}

/// The cube and the style of the one layer that is asked for.
pub(super) async fn layer_of(
    state: &AppState,
    cube: Option<&str>,
    layer: &str,
    style: Option<&str>,
    caller: &Caller,
) -> Result<(Shown, Style), Exception> {
    if layer.contains(',') {
        let detail = format!("`LAYERS={layer}`: one layer at a time");
        return Err(Exception::new("LayerNotDefined", "LAYERS", detail));
    }
    let is_its = cube.is_none_or(|cube| cube == layer) && state.guard.shows(caller, layer);
    if !is_its || known(state, layer).is_err() {
        let detail = format!("`LAYERS={layer}`: the capabilities list the layers");
        return Err(Exception::new("LayerNotDefined", "LAYERS", detail));
    }
    let shown = Shown::named(state, layer).await?;
    let name = style.unwrap_or(DEFAULT);
    let style = Style::named(&shown, name).or_else(|| Style::colored(&shown, name));
    let style = style.ok_or_else(|| {
        let detail = format!(
            "`STYLES={name}`: the capabilities list the styles, and each name of /colorMaps is one"
        );
        Exception::new("StyleNotDefined", "STYLES", detail)
    })?;
    Ok((shown, style))
}

/// Where the pixels are.
fn grid_of(keys: &Keys) -> Result<Grid, Exception> {
    let version = Version::of(keys);
    let shape = shape_of(keys)?;
    let name = keys
        .get("CRS")
        .or_else(|| keys.get("SRS"))
        .ok_or_else(|| Exception::missing(version.crs()))?;
    let invalid = |detail: String| {
        let code = match version {
            Version::V111 => "InvalidSRS",
            Version::V130 => "InvalidCRS",
        };
        Exception::new(code, version.crs(), detail)
    };
    let unknown = || {
        invalid(format!(
            "`{}={name}`: write CRS:84 or a code of EPSG, as EPSG:3857",
            version.crs()
        ))
    };
    let named = systems::named(name).ok_or_else(unknown)?;
    let is_north_first = tile::is_north_first(named.system).map_err(|_unknown| unknown())?;
    let is_turned = version == Version::V130 && is_north_first && !named.is_east_first;
    let bounds = bounds_of(keys, is_turned)?;
    #[expect(clippy::cast_precision_loss, reason = "a side is far below 2^52")]
    let cell = |side: f64, pixels: usize| side / pixels as f64;
    Ok(Grid {
        crs: named.system,
        transform: GeoTransform {
            origin_x: bounds.west,
            origin_y: bounds.north,
            cell_width: cell(bounds.east - bounds.west, shape.cols),
            cell_height: cell(bounds.south - bounds.north, shape.rows),
        },
        shape,
    })
}

/// The rectangle; where it `is_turned` its coordinates are those of the north first.
fn bounds_of(keys: &Keys, is_turned: bool) -> Result<Bounds, Exception> {
    let text = keys.get("BBOX").ok_or_else(|| Exception::missing("BBOX"))?;
    let numbers: Vec<f64> = (text.split(','))
        .map(|number| number.trim().parse().unwrap_or(f64::NAN))
        .collect();
    let right = "four numbers, of the lower and of the upper corner, in the order of the axes";
    let &[first, second, third, fourth] = numbers.as_slice() else {
        return Err(Exception::invalid("BBOX", text, right));
    };
    let [west, south, east, north] = if is_turned {
        [second, first, fourth, third]
    } else {
        [first, second, third, fourth]
    };
    let is_one = numbers.iter().all(|number| number.is_finite()) && west < east && south < north;
    is_one
        .then_some(Bounds {
            west,
            south,
            east,
            north,
        })
        .ok_or_else(|| Exception::invalid("BBOX", text, right))
}

pub(super) fn shape_of(keys: &Keys) -> Result<Shape, Exception> {
    let side = |key| {
        let text = keys.get(key).ok_or_else(|| Exception::missing(key))?;
        let number: Option<usize> = text.parse().ok();
        let number = number.filter(|side| (1..=LARGEST_SIZE).contains(side));
        let right = format!("a map has 1 to {LARGEST_SIZE} pixels along a side");
        number.ok_or_else(|| Exception::invalid(key, text, &right))
    };
    Ok(Shape {
        rows: side("HEIGHT")?,
        cols: side("WIDTH")?,
    })
}

fn format_of(keys: &Keys) -> Result<FileFormat, Exception> {
    let wanted = keys.get("FORMAT").unwrap_or("image/png");
    // What follows is the depth of pixels, which the picture itself decides.
    let media_type = wanted.split(';').next().unwrap_or(wanted).trim();
    Ok(match media_type.to_ascii_lowercase().as_str() {
        "image/png" | "image/png8" | "image/vnd.jpeg-png" => FileFormat::Image(ImageFormat::Png),
        "image/jpeg" | "image/jpg" => FileFormat::Image(ImageFormat::Jpeg),
        "image/webp" => FileFormat::Image(ImageFormat::WebP),
        "image/tiff" | "image/geotiff" => FileFormat::Samples(SampleFormat::GeoTiff),
        _ => {
            let right = "image/png, image/jpeg, image/webp or image/tiff";
            let detail = format!("`FORMAT={wanted}`: {right}");
            return Err(Exception::new("InvalidFormat", "FORMAT", detail));
        }
    })
}

/// The format of a picture; none of a file of samples.
pub(super) fn image_format_of(keys: &Keys) -> Result<Option<ImageFormat>, Exception> {
    Ok(match format_of(keys)? {
        FileFormat::Image(format) => Some(format),
        FileFormat::Samples(_) => None,
    })
}

/// The colour of what is nowhere, unless that is transparent.
pub(super) fn background_of(
    keys: &Keys,
    format: ImageFormat,
) -> Result<Option<[u8; 3]>, Exception> {
    let is_transparent =
        (keys.get("TRANSPARENT")).is_some_and(|text| text.eq_ignore_ascii_case("TRUE"));
    let text = keys.get("BGCOLOR").unwrap_or("0xFFFFFF");
    let digits = text.trim_start_matches("0x").trim_start_matches("0X");
    let digits = digits.trim_start_matches('#');
    let number = u32::from_str_radix(digits, 16).ok();
    let number = number.filter(|_| digits.len() == 6);
    let [_, red, green, blue] = number
        .ok_or_else(|| Exception::invalid("BGCOLOR", text, "write 0xRRGGBB"))?
        .to_be_bytes();
    let is_seen_through = is_transparent && format != ImageFormat::Jpeg;
    Ok((!is_seen_through).then_some([red, green, blue]))
}

/// The picture of a map, by the way of all pictures. Beside the cube it is empty.
pub(super) async fn picture(
    state: &AppState,
    map: &Map,
    headers: &HeaderMap,
    begun: Instant,
) -> Result<Response, ApiError> {
    let query = TileQuery::parse(&map.query)?;
    let mut look = query.look(Some(map.format))?;
    look.background = map.background;
    let prepared = if let Some(entry) = state.tiles.catalog().external(&map.cube) {
        let tiles = &state.tiles;
        let prepared = tiles.prepare_external_grid(&entry, map.grid, &look).await;
        prepared.map(|tile| Prepared::External(Box::new(tile)))
    } else {
        let request = PictureRequest {
            cutout: None,
            bounds: Some(map.grid.bounds()),
            coords: map.grid.crs,
            crs: Some(map.grid.crs),
            size: PictureSize::Exactly(map.grid.shape),
            look,
        };
        let prepared = state.tiles.prepare_picture(&map.cube, &request).await;
        prepared.map(|tile| Prepared::Cube(Box::new(tile)))
    };
    let prepared = match (prepared, map.format) {
        (Err(TileError::NoOverlap { .. }), FileFormat::Image(format)) => {
            return blank(state, map.grid.shape, format, map.background).await;
        }
        (prepared, _) => prepared?,
    };
    let asked = Asked {
        headers,
        revision: query.revision.as_deref(),
        grid: &map.grid,
        seen: None,
        begun,
    };
    rendered::answer(state, prepared, asked).await
}

/// A picture of nothing.
pub(super) async fn blank(
    state: &AppState,
    shape: Shape,
    format: ImageFormat,
    background: Option<[u8; 3]>,
) -> Result<Response, ApiError> {
    let file = state.tiles.blank(shape, background, format).await?;
    let kind = HeaderValue::from_static(format.content_type());
    let told = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, NO_STORE),
    ];
    Ok((told, file).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(query: &str) -> Keys {
        Keys::taken_out(query, &super::super::KEYS).unwrap()
    }

    #[test]
    fn the_order_of_coordinates_is_that_of_the_version_and_the_system() {
        let degrees = "[5.0, 43.0, 7.0, 44.0]";
        for (query, expected) in [
            ("version=1.3.0&crs=EPSG:4326&bbox=43,5,44,7", degrees),
            ("version=1.3.0&crs=CRS:84&bbox=5,43,7,44", degrees),
            ("version=1.1.1&srs=EPSG:4326&bbox=5,43,7,44", degrees),
            ("crs=EPSG:3035&bbox=1,2,3,4", "[2.0, 1.0, 4.0, 3.0]"),
            (
                "version=1.1.1&srs=EPSG:3035&bbox=1,2,3,4",
                "[1.0, 2.0, 3.0, 4.0]",
            ),
            ("crs=EPSG:3857&bbox=1,2,3,4", "[1.0, 2.0, 3.0, 4.0]"),
        ] {
            let grid = grid_of(&keys(&format!("{query}&width=8&height=16"))).unwrap();
            let found = format!("{:?}", grid.bounds().to_array());
            assert_eq!(found, expected, "{query}");
            assert_eq!((grid.shape.rows, grid.shape.cols), (16, 8));
        }
        for query in [
            "crs=EPSG:3857&bbox=3,2,1,4",
            "crs=EPSG:3857&bbox=1,2,3",
            "crs=EPSG:3857&bbox=1,2,3,inf",
            "crs=EPSG:999999&bbox=1,2,3,4",
            "crs=AUTO:42001&bbox=1,2,3,4",
            "bbox=1,2,3,4",
        ] {
            let keys = keys(&format!("{query}&width=10&height=20"));
            assert!(grid_of(&keys).is_err(), "{query}");
        }
    }

    #[test]
    fn a_picture_is_transparent_if_it_is_wanted_and_can_be() {
        let of = |query, format| background_of(&keys(query), format).unwrap();
        assert_eq!(of("", ImageFormat::Png), Some([255; 3]));
        assert_eq!(of("transparent=true", ImageFormat::Png), None);
        let red = of("transparent=TRUE&bgcolor=0xFF0000", ImageFormat::Jpeg);
        assert_eq!(red, Some([255, 0, 0]));
        assert!(background_of(&keys("bgcolor=red"), ImageFormat::Png).is_err());
    }
}
