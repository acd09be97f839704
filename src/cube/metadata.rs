//! The Zarr v3 metadata of a cube: groups a level, each a complete CF data set,
//! with `GeoZarr`'s `multiscales`, `spatial` and `proj` conventions (v0.1), and
//! the recipe from which all of it follows.
//!
//! Sources: Zarr core v3, the sharding codec (ZEP 2), CF 1.11, and
//! <https://github.com/zarr-conventions>.

use serde_json::{Map, Value, json};

use super::{
    COUNT, Cube, NODATA, Recipe, coverage,
    system::{Axis, System},
};
use crate::grid::{Grid, Level};

/// The version of the stored layout. A cube of another version is refused.
pub const FORMAT: u64 = 1;

/// The group that holds the coverage arrays.
pub const COVERAGE_GROUP: &str = "coverage";

/// Time coordinates are stored in chunks of this many, so that an axis can
/// grow without being chunked anew.
pub const TIME_CHUNK: usize = 4096;

const FORMAT_KEY: &str = "cubetiler:format";
const RECIPE_KEY: &str = "cubetiler:recipe";
const PIXELS_KEY: &str = "cubetiler:pixels";

/// What metadata should say and does not.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// No recipe: somebody else's Zarr, or nothing at all.
    #[error("the root group has no `{RECIPE_KEY}`: this is not a cube that cubetiler created")]
    NotACube,
    /// A newer or older layout.
    #[error("the cube has layout version {found}; this program reads version {FORMAT}")]
    Version {
        /// As stored.
        found: Value,
    },
    /// The recipe cannot be read.
    #[error("the recipe in the cube's root attributes is damaged")]
    Damaged(#[source] serde_json::Error),
    /// The recipe makes no cube.
    #[error("the recipe in the cube's root attributes makes no cube")]
    Recipe(#[source] super::RecipeError),
}

/// A `zarr.json` and the path of its node ("" for the root).
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Path of the group or array, without slashes at its ends.
    pub path: String,
    /// The document.
    pub document: Value,
}

/// The path of a variable at a level.
#[must_use]
pub fn variable_path(level: Level, variable: &str) -> String {
    format!("{}/{variable}", level.0)
}

/// The path of a level's coverage array.
#[must_use]
pub fn coverage_path(level: Level) -> String {
    format!("{COVERAGE_GROUP}/{}", level.0)
}

/// The path of the provenance array.
#[must_use]
pub fn provenance_path() -> String {
    format!("{COVERAGE_GROUP}/provenance")
}

/// The cube that root attributes describe.
///
/// # Errors
/// If they hold no recipe, one of another layout, or a damaged one.
pub fn cube_of(attributes: &Map<String, Value>) -> Result<Cube, MetadataError> {
    let recipe = attributes.get(RECIPE_KEY).ok_or(MetadataError::NotACube)?;
    let format = attributes.get(FORMAT_KEY).unwrap_or(&Value::Null);
    if format.as_u64() != Some(FORMAT) {
        return Err(MetadataError::Version {
            found: format.clone(),
        });
    }
    let recipe: Recipe = serde_json::from_value(recipe.clone()).map_err(MetadataError::Damaged)?;
    Cube::new(recipe).map_err(MetadataError::Recipe)
}

/// All groups and arrays of a cube, parents first. `wkt` is the cube's
/// reference system in WKT2:2019, whole: readers do not complete it.
#[must_use]
pub fn nodes(cube: &Cube, wkt: &str) -> Vec<Node> {
    let mut nodes = vec![Node {
        path: String::new(),
        document: group(&root_attributes(cube, wkt)),
    }];
    for level in cube.pyramid().levels() {
        nodes.extend(level_nodes(cube, wkt, level));
    }
    nodes.extend(coverage_nodes(cube));
    nodes
}

fn level_nodes(cube: &Cube, wkt: &str, level: Level) -> Vec<Node> {
    let grid = cube.pyramid().grid(level);
    let times = cube.times().len();
    let node = |name: &str, document| Node {
        path: variable_path(level, name),
        document,
    };
    let shape = grid.shape;
    let [y, x] = cube.system().axes();
    let mut nodes = vec![
        Node {
            path: level.0.to_string(),
            document: group(&level_attributes(cube, wkt, &grid)),
        },
        node(
            "time",
            array(
                &[times],
                &[TIME_CHUNK],
                "int64",
                &json!(0),
                &["time"],
                &json!({
                    "standard_name": "time", "axis": "T", "bounds": "time_bnds",
                    "units": "days since 1970-01-01", "calendar": "proleptic_gregorian",
                }),
            ),
        ),
        node(
            "time_bnds",
            array(
                &[times, 2],
                &[TIME_CHUNK, 2],
                "int64",
                &json!(0),
                &["time", "bounds"],
                &json!({"units": "days since 1970-01-01", "calendar": "proleptic_gregorian"}),
            ),
        ),
        node(y.name, coordinate(shape.rows, y)),
        node(x.name, coordinate(shape.cols, x)),
        node(
            "spatial_ref",
            array(
                &[],
                &[],
                "int64",
                &json!(0),
                &[],
                &grid_mapping(cube.system(), wkt, &grid),
            ),
        ),
    ];
    nodes.extend(
        cube.variables()
            .map(|variable| node(variable, variable_array(cube, &grid, variable))),
    );
    nodes
}

fn coverage_nodes(cube: &Cube) -> Vec<Node> {
    let times = cube.times().len();
    let states: Vec<&str> = coverage::State::ALL.iter().map(|s| s.name()).collect();
    let mut nodes = vec![Node {
        path: COVERAGE_GROUP.to_owned(),
        document: group(&json!({
            "description": "what was built: one cell a chunk and time step, one array a level",
            "fields": coverage::FIELDS,
            "states": states,
        })),
    }];
    for level in cube.pyramid().levels() {
        let cells = cube.pyramid().chunks(level);
        nodes.push(Node {
            path: coverage_path(level),
            document: array(
                &[times, cells.rows(), cells.cols(), coverage::FIELDS.len()],
                &[1, coverage::BLOCK, coverage::BLOCK, coverage::FIELDS.len()],
                "uint64",
                &json!(0),
                &["time", "chunk_row", "chunk_col", "field"],
                &json!({}),
            ),
        });
    }
    let cells = cube.pyramid().chunks(Level(0));
    let mut provenance = array(
        &[times, cells.rows(), cells.cols()],
        &[1, 1, 1],
        "string",
        &json!(""),
        &["time", "chunk_row", "chunk_col"],
        &json!({"description": "the scenes behind each full-resolution chunk, as JSON"}),
    );
    provenance["codecs"] = json!([{"name": "vlen-utf8"}, zstd()]);
    nodes.push(Node {
        path: provenance_path(),
        document: provenance,
    });
    nodes
}

fn root_attributes(cube: &Cube, wkt: &str) -> Value {
    let recipe = cube.recipe();
    let base = cube.pyramid().base();
    let layout: Vec<Value> = cube
        .pyramid()
        .levels()
        .map(|level| layout_entry(cube, level))
        .collect();
    let mut attributes = json!({
        "zarr_conventions": [multiscales_convention(), spatial_convention(), proj_convention()],
        "multiscales": {"resampling_method": "average", "layout": layout},
        "proj:code": base.crs.to_string(),
        "proj:wkt2": wkt,
        "spatial:dimensions": cube.system().axes().map(|axis| axis.name),
        "spatial:bbox": base.bounds().to_array(),
        "title": recipe.title,
        FORMAT_KEY: FORMAT,
        PIXELS_KEY: format!("{:016x}", recipe.pixel_hash()),
        RECIPE_KEY: recipe,
    });
    if let Some(attribution) = &recipe.attribution {
        attributes["attribution"] = json!(attribution);
    }
    attributes
}

fn layout_entry(cube: &Cube, level: Level) -> Value {
    let grid = cube.pyramid().grid(level);
    let mut entry = json!({
        "asset": level.0.to_string(),
        "spatial:shape": [grid.shape.rows, grid.shape.cols],
        "spatial:transform": affine(&grid),
        "transform": {"scale": [1.0, 1.0], "translation": [0.0, 0.0]},
    });
    if let Some(finer) = level.0.checked_sub(1) {
        entry["derived_from"] = json!(finer.to_string());
        entry["resampling_method"] = json!("average");
        entry["transform"]["scale"] = json!([2.0, 2.0]);
    }
    entry
}

fn level_attributes(cube: &Cube, wkt: &str, grid: &Grid) -> Value {
    json!({
        "Conventions": "CF-1.11",
        "zarr_conventions": [spatial_convention(), proj_convention()],
        "proj:code": grid.crs.to_string(),
        "proj:wkt2": wkt,
        "spatial:dimensions": cube.system().axes().map(|axis| axis.name),
        "spatial:transform": affine(grid),
        "spatial:transform_type": "affine",
        "spatial:shape": [grid.shape.rows, grid.shape.cols],
        "spatial:bbox": grid.bounds().to_array(),
        "spatial:registration": "pixel",
    })
}

/// `spatial:transform` in the order of the `affine` package: x from column and
/// row, then y, not GDAL's order.
fn affine(grid: &Grid) -> [f64; 6] {
    let t = &grid.transform;
    [
        t.cell_width,
        0.0,
        t.origin_x,
        0.0,
        t.cell_height,
        t.origin_y,
    ]
}

fn grid_mapping(system: System, wkt: &str, grid: &Grid) -> Value {
    let t = &grid.transform;
    let (name, parameters) = system.grid_mapping();
    let mut attributes = Map::new();
    attributes.insert("grid_mapping_name".to_owned(), json!(name));
    attributes.insert("crs_wkt".to_owned(), json!(wkt));
    // Where GDAL and rioxarray look for it.
    attributes.insert("spatial_ref".to_owned(), json!(wkt));
    for (key, value) in parameters {
        attributes.insert(key.to_owned(), json!(value));
    }
    attributes.insert(
        "GeoTransform".to_owned(),
        json!(format!(
            "{} {} 0 {} 0 {}",
            t.origin_x, t.cell_width, t.origin_y, t.cell_height
        )),
    );
    Value::Object(attributes)
}

fn variable_array(cube: &Cube, grid: &Grid, variable: &str) -> Value {
    let (chunk, inner) = (cube.pyramid().chunk(), cube.inner_chunk());
    let [y, x] = cube.system().axes();
    let long_name = if variable == COUNT {
        "number of valid observations"
    } else {
        variable
    };
    let mut document = array(
        &[cube.times().len(), grid.shape.rows, grid.shape.cols],
        &[1, chunk, chunk],
        "uint16",
        &json!(NODATA),
        &["time", y.name, x.name],
        &json!({"long_name": long_name, "grid_mapping": "spatial_ref", "_FillValue": NODATA}),
    );
    document["codecs"] = json!([{
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": [1, inner, inner],
            "codecs": [little_endian(), zstd()],
            "index_codecs": [little_endian(), {"name": "crc32c"}],
            "index_location": "end",
        },
    }]);
    document
}

fn coordinate(len: usize, axis: Axis) -> Value {
    array(
        &[len],
        &[len],
        "float64",
        &json!("NaN"),
        &[axis.name],
        &json!({"standard_name": axis.standard_name, "units": axis.units, "axis": axis.letter}),
    )
}

fn group(attributes: &Value) -> Value {
    json!({"zarr_format": 3, "node_type": "group", "attributes": attributes})
}

fn array(
    shape: &[usize],
    chunk_shape: &[usize],
    data_type: &str,
    fill_value: &Value,
    dimension_names: &[&str],
    attributes: &Value,
) -> Value {
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunk_shape}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill_value,
        "codecs": [little_endian(), zstd()],
        "attributes": attributes,
        "dimension_names": dimension_names,
    })
}

fn little_endian() -> Value {
    json!({"name": "bytes", "configuration": {"endian": "little"}})
}

fn zstd() -> Value {
    json!({"name": "zstd", "configuration": {"level": 3, "checksum": false}})
}

fn multiscales_convention() -> Value {
    convention(
        "d35379db-88df-4056-af3a-620245f8e347",
        "multiscales",
        "Multiscale layout of zarr datasets",
    )
}

fn spatial_convention() -> Value {
    convention(
        "689b58e2-cf7b-45e0-9fff-9cfc0883d6b4",
        "spatial",
        "Spatial coordinate information",
    )
}

fn proj_convention() -> Value {
    convention(
        "f17cb550-5864-4468-aeb7-f3180cfb622f",
        "proj",
        "Coordinate reference system information for geospatial data",
    )
}

/// A convention's entry. Readers find it by its UUID, since names and URLs
/// have moved before; v0.1 is the first release.
fn convention(uuid: &str, name: &str, description: &str) -> Value {
    json!({
        "uuid": uuid,
        "name": name,
        "schema_url": format!("https://raw.githubusercontent.com/zarr-conventions/{name}/refs/tags/v0.1/schema.json"),
        "spec_url": format!("https://github.com/zarr-conventions/{name}/blob/v0.1/README.md"),
        "description": description,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What matters here is that it is passed on.
    const WKT: &str = "GEOGCRS[\"WGS 84\"]";

    fn cube() -> Cube {
        let text = r#"
            title = "Test"
            [grid]
            bounds = [5.4, 42.75, 6.9, 43.65]
            resolution = 0.01
            chunk = 64
            inner_chunk = 32
            [time]
            start = "2023-08-01"
            end = "2023-09-30"
            [source]
            stac = "items.json"
            bands = ["red", "nir"]
        "#;
        Cube::new(Recipe::from_toml(text).unwrap()).unwrap()
    }

    #[test]
    fn a_cube_is_read_back_from_its_own_root_attributes() {
        let cube = cube();
        let root = nodes(&cube, WKT).remove(0);
        let attributes = root.document["attributes"].as_object().unwrap();
        let read = cube_of(attributes).unwrap();
        assert_eq!(read.recipe(), cube.recipe());
        assert_eq!(read.pyramid(), cube.pyramid());
    }

    #[test]
    fn a_cube_in_metres_has_projection_coordinates_and_their_mapping() {
        for (crs, name, key, value) in [
            (
                "EPSG:32733",
                "transverse_mercator",
                "longitude_of_central_meridian",
                15.0,
            ),
            ("EPSG:3857", "mercator", "standard_parallel", 0.0),
            (
                "EPSG:3035",
                "lambert_azimuthal_equal_area",
                "latitude_of_projection_origin",
                52.0,
            ),
        ] {
            let mut recipe = cube().recipe().clone();
            crs.clone_into(&mut recipe.grid.crs);
            recipe.grid.bounds = [600_000.0, 2_000_000.0, 700_000.0, 2_100_000.0];
            recipe.grid.resolution = 1000.0;
            let nodes = nodes(&Cube::new(recipe).unwrap(), WKT);
            let document = |path: &str| &nodes.iter().find(|n| n.path == path).unwrap().document;
            let root = &document("")["attributes"];
            assert_eq!(root["proj:code"], crs);
            assert_eq!(root["proj:wkt2"], WKT);
            assert_eq!(root["spatial:dimensions"], json!(["y", "x"]));
            assert_eq!(
                document("0/red")["dimension_names"],
                json!(["time", "y", "x"])
            );
            let y = &document("0/y")["attributes"];
            assert_eq!(y["standard_name"], "projection_y_coordinate");
            assert_eq!(y["units"], "metre");
            let mapping = &document("0/spatial_ref")["attributes"];
            assert_eq!(mapping["grid_mapping_name"], name);
            assert_eq!(mapping[key], value);
            assert_eq!(mapping["crs_wkt"], WKT);
            assert_eq!(mapping["GeoTransform"], "600000 1000 0 2100000 0 -1000");
        }
    }

    #[test]
    fn somebody_elses_zarr_and_other_versions_are_told_apart() {
        let empty = Map::new();
        assert!(matches!(cube_of(&empty), Err(MetadataError::NotACube)));
        let root = nodes(&cube(), WKT).remove(0);
        let mut attributes = root.document["attributes"].as_object().unwrap().clone();
        attributes.insert(FORMAT_KEY.to_owned(), json!(2));
        assert!(matches!(
            cube_of(&attributes),
            Err(MetadataError::Version { .. })
        ));
    }

    #[test]
    fn every_level_is_a_complete_data_set_and_parents_come_first() {
        let cube = cube();
        let nodes = nodes(&cube, WKT);
        for level in cube.pyramid().levels() {
            for name in [
                "time",
                "time_bnds",
                "latitude",
                "longitude",
                "spatial_ref",
                "red",
                "nir",
                "count",
            ] {
                let path = variable_path(level, name);
                assert!(nodes.iter().any(|node| node.path == path), "{path}");
            }
        }
        for (n, node) in nodes.iter().enumerate().skip(1) {
            let parent = node.path.rsplit_once('/').map_or("", |(parent, _)| parent);
            assert!(
                nodes[..n].iter().any(|other| other.path == parent),
                "{}",
                node.path
            );
        }
    }

    #[test]
    fn the_size_of_the_metadata_does_not_follow_the_cubes_area() {
        let size = |resolution: &str| {
            let mut recipe = cube().recipe().clone();
            recipe.grid.bounds = [-180.0, -90.0, 180.0, 90.0];
            recipe.grid.resolution = resolution.parse().unwrap();
            recipe.grid.levels = Some(4);
            let cube = Cube::new(recipe).unwrap();
            nodes(&cube, WKT)
                .iter()
                .map(|n| n.document.to_string().len())
                .sum::<usize>()
        };
        assert!(size("0.0003").abs_diff(size("0.3")) < 2000);
    }
}
