//! A state of a store, understood: its data set, where that is on the globe,
//! and how its arrays are read.

use std::{collections::BTreeMap, sync::Arc};

use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{
    Address, ExternalError,
    chunk_keys::ChunkKeys,
    read::OpenArray,
    store::{Opened, Store},
};
use crate::{
    crs::{self, Footprint},
    dataset::{
        Array, Attributes, Crs, DataType, Dataset, DatasetError, Draft, Group, Values, Variable,
    },
    grid::{Bounds, Epsg, Grid, tile_matrix::mercator_to_longitude},
    repo::Bytewise,
    zarr::Codec,
};

/// Chunks of one coordinate that are read at once.
const CONCURRENT_CHUNKS: usize = 16;

/// What a chunk of a coordinate may take as it is stored.
const COORDINATE_BYTES: u64 = 256 << 20;

/// One state of another's store.
#[derive(Debug)]
pub struct External {
    /// What is in it.
    pub dataset: Dataset,
    /// Names the state: changes when the store's metadata do.
    pub version: Arc<str>,
    pub(super) store: Store,
    /// By path of the level's array.
    pub(super) arrays: BTreeMap<String, Result<OpenArray, Arc<ExternalError>>>,
    /// What else there is to tell of the group.
    pub contents: Contents,
    /// By name of the variable.
    placed: BTreeMap<String, Result<Arc<Placed>, Arc<ExternalError>>>,
}

/// A group as its metadata tell it.
#[derive(Debug, Default)]
pub struct Contents {
    /// Attributes of the group.
    pub attributes: Attributes,
    /// Its coordinates by name: arrays of one dimension that are called as that is.
    pub coordinates: BTreeMap<String, Coordinate>,
}

/// A coordinate of a dimension.
#[derive(Debug)]
pub struct Coordinate {
    /// Its attributes.
    pub attributes: Attributes,
    /// The type of the stored values.
    pub data_type: DataType,
    /// How many there are.
    pub len: u64,
    /// The stored values, if they had to be read.
    pub values: Option<Values>,
}

impl Contents {
    /// What is in a group, of whose coordinates some have values by their paths.
    #[must_use]
    pub fn of(group: Option<&Group>, values: &mut BTreeMap<String, Values>) -> Self {
        let Some(group) = group else {
            return Self::default();
        };
        let named = |(name, array): &(&String, &Array)| array.dimensions == [(*name).clone()];
        let coordinates = group.arrays.iter().filter(named).map(|(name, array)| {
            let coordinate = Coordinate {
                attributes: array.attributes.clone(),
                data_type: array.data_type.clone(),
                len: array.shape[0],
                values: values.remove(&array.path),
            };
            (name.clone(), coordinate)
        });
        Self {
            attributes: group.attributes.clone(),
            coordinates: coordinates.collect(),
        }
    }
}

/// Where on the globe a variable is.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Its reference system, or what stands for it ([`crs::define`]).
    pub system: Epsg,
    /// Where that is.
    pub footprint: Footprint,
}

impl External {
    /// Understands what was read of a store.
    ///
    /// # Errors
    /// If it is none that tiles can be made of, or its coordinates cannot be read.
    pub(super) async fn of(opened: Opened, address: &Address) -> Result<Self, ExternalError> {
        let Opened {
            store,
            documents,
            version,
        } = opened;
        let tree = documents.tree()?;
        let mut draft = Draft::new(&tree, &address.group)?;
        draft.has_raw_times = address.has_raw_times;
        let mut values = BTreeMap::new();
        for array in draft.coordinates()? {
            values.insert(array.path.clone(), coordinate(&store, array).await?);
        }
        let dataset = draft.finish(&values)?;
        let contents = Contents::of(tree.group(&dataset.path), &mut values);
        let mut arrays = BTreeMap::new();
        let mut placed = BTreeMap::new();
        let mut known: Vec<(Crs, Grid, Arc<Placed>)> = Vec::new();
        for variable in &dataset.variables {
            for level in &variable.levels {
                // A process has far fewer than 2^32 arrays open.
                let number = u32::try_from(arrays.len()).unwrap_or(u32::MAX);
                let array = open_array(&tree, variable, &level.path).map(|(array, codec)| {
                    OpenArray::new(number, variable, level, ChunkKeys::of_array(array), codec)
                });
                arrays.insert(level.path.clone(), array.map_err(Arc::new));
            }
            let place = place(variable, &mut known).map_err(Arc::new);
            placed.insert(variable.name.clone(), place);
        }
        Ok(Self {
            dataset,
            version: version.into(),
            store,
            arrays,
            contents,
            placed,
        })
    }

    /// Where a variable is on the globe.
    ///
    /// # Errors
    /// If PROJ does not know its reference system.
    pub fn placed(&self, variable: &Variable) -> Result<&Arc<Placed>, ExternalError> {
        match self.placed.get(&variable.name) {
            Some(Ok(placed)) => Ok(placed),
            Some(Err(error)) => Err(ExternalError::Shared(Arc::clone(error))),
            // Every variable of the data set has been placed.
            None => Err(ExternalError::Dataset(DatasetError::NotZarr)),
        }
    }

    /// How the array of a level is read.
    ///
    /// # Errors
    /// If its metadata are beyond what can be decoded.
    pub fn array(&self, path: &str) -> Result<&OpenArray, ExternalError> {
        match self.arrays.get(path) {
            Some(Ok(array)) => Ok(array),
            Some(Err(error)) => Err(ExternalError::Shared(Arc::clone(error))),
            // Every level of the data set has been opened.
            None => Err(ExternalError::Dataset(DatasetError::NotZarr)),
        }
    }
}

fn open_array<'a>(
    tree: &'a Group,
    variable: &Variable,
    path: &str,
) -> Result<(&'a Array, Codec), ExternalError> {
    let array = tree.array(path).ok_or_else(|| DatasetError::NotARaster {
        array: path.to_owned(),
        dimensions: variable.dimensions.join(", "),
    })?;
    let codec = codec(array)?;
    Ok((array, codec))
}

fn codec(array: &Array) -> Result<Codec, ExternalError> {
    Codec::of(array.document.to_string().as_bytes()).map_err(|source| ExternalError::Codec {
        what: format!("the metadata of `{}`", array.path),
        source,
    })
}

/// The code of a reference system, or what stands for it.
fn system(crs: &Crs) -> Result<Epsg, ExternalError> {
    match crs {
        Crs::Crs84 => Ok(Epsg::WGS84),
        // Both are other names of Web Mercator.
        Crs::Epsg(Epsg(900_913 | 3785)) => Ok(Epsg::WEB_MERCATOR),
        Crs::Epsg(code) => Ok(*code),
        Crs::Definition(text) => Ok(crs::define(text)?),
    }
}

fn place(
    variable: &Variable,
    known: &mut Vec<(Crs, Grid, Arc<Placed>)>,
) -> Result<Arc<Placed>, ExternalError> {
    let system = system(&variable.crs)?;
    let grid = &variable.levels[0].grid;
    let grid = Grid {
        crs: system,
        transform: grid.transform,
        shape: grid.shape,
    };
    let found = known
        .iter()
        .find(|(crs, other, _)| *crs == variable.crs && *other == grid);
    if let Some((_, _, placed)) = found {
        return Ok(Arc::clone(placed));
    }
    // Fails where PROJ does not know the system at all.
    crs::wkt(system)?;
    let placed = Arc::new(Placed {
        system,
        footprint: footprint(&grid),
    });
    known.push((variable.crs.clone(), grid, Arc::clone(&placed)));
    Ok(placed)
}

/// Where a grid is on the globe; all over it where its edges have no place, as
/// those of a satellite's full disc.
fn footprint(grid: &Grid) -> Footprint {
    /// Points a side that the size of cells is looked at.
    const PROBES: u32 = 5;
    let bounds = grid.bounds();
    let world = Bounds {
        west: -180.0,
        south: -90.0,
        east: 180.0,
        north: 90.0,
    };
    let parts = crs::geographic_bounds(grid.crs, bounds).unwrap_or_else(|_nowhere| vec![world]);
    let along =
        |low: f64, high: f64, n: u32| low + (f64::from(n) + 0.5) / f64::from(PROBES) * (high - low);
    let mut finest = f64::INFINITY;
    for (row, col) in (0..PROBES).flat_map(|row| (0..PROBES).map(move |col| (row, col))) {
        let x = along(bounds.west, bounds.east, col);
        let y = along(bounds.south, bounds.north, row);
        let size = crs::project(x, y, grid.crs, Epsg::WEB_MERCATOR)
            .and_then(|(x, y)| crs::cell_size_at(grid, x, y, Epsg::WEB_MERCATOR));
        if let Ok((width, height)) = size {
            finest = finest.min(width).min(height);
        }
    }
    let cell_width = if grid.crs == Epsg::WGS84 {
        grid.transform.cell_width.abs()
    } else if finest.is_finite() {
        mercator_to_longitude(finest)
    } else {
        1.0
    };
    Footprint { parts, cell_width }
}

/// The values of a one-dimensional array. One whose metadata cannot be decoded
/// is said to be unreadable; one whose bytes cannot be read is an error.
async fn coordinate(store: &Store, array: &Array) -> Result<Values, ExternalError> {
    let codec = match array.check_codecs().map_err(ExternalError::from) {
        Ok(()) => codec(array),
        Err(error) => Err(error),
    };
    let codec = match codec {
        Ok(codec) => codec,
        Err(error) => return Ok(Values::Unreadable(error.to_string())),
    };
    let (len, side) = (array.shape[0], array.chunk[0]);
    let keys = ChunkKeys::of_array(array);
    let chunks: Vec<Option<bytes::Bytes>> = stream::iter(0..len.div_ceil(side))
        .map(|n| {
            let keys = &keys;
            async move {
                let index = [n];
                store
                    .chunk(keys, &index, Bytewise::All, COORDINATE_BYTES)
                    .await
            }
        })
        .buffered(CONCURRENT_CHUNKS)
        .try_collect()
        .await?;
    let side = usize::try_from(side).unwrap_or(usize::MAX);
    let len = usize::try_from(len).unwrap_or(usize::MAX);
    let damaged = |source| ExternalError::Codec {
        what: format!("the coordinate `{}`", array.path),
        source,
    };
    if array.data_type == DataType::Text {
        let mut texts = Vec::new();
        for bytes in &chunks {
            match bytes {
                None => texts.resize(texts.len() + side, String::new()),
                Some(bytes) => match codec.decode::<String>(bytes) {
                    Ok(found) => texts.extend(found),
                    Err(_not_of_variable_length) => {
                        let raw = codec.decode_raw(bytes).map_err(damaged)?;
                        texts.extend(fixed_texts(&raw, side, array));
                    }
                },
            }
        }
        texts.truncate(len);
        return Ok(Values::Texts(texts));
    }
    let mut raw = Vec::new();
    for bytes in &chunks {
        match (bytes, codec.fill_value()) {
            (Some(bytes), _) => raw.extend(codec.decode_raw(bytes).map_err(damaged)?),
            (None, Some(fill)) => raw.extend(fill.repeat(side)),
            (None, None) => {}
        }
    }
    let mut values = numbers(&raw, &array.data_type);
    match &mut values {
        Values::Integers(values) => values.truncate(len),
        Values::Numbers(values) => values.truncate(len),
        Values::Texts(_) | Values::Unreadable(_) => {}
    }
    Ok(values)
}

/// Texts of one length each: UTF-32, or bytes.
fn fixed_texts(raw: &[u8], count: usize, array: &Array) -> Vec<String> {
    let width = (raw.len() / count.max(1)).max(1);
    let is_bytes = array.document["dtype"]
        .as_str()
        .is_some_and(|dtype| dtype.contains('S'));
    raw.chunks_exact(width)
        .map(|text| {
            let text = if is_bytes {
                String::from_utf8_lossy(text).into_owned()
            } else {
                let (letters, _) = text.as_chunks::<4>();
                letters
                    .iter()
                    .filter_map(|letter| char::from_u32(u32::from_ne_bytes(*letter)))
                    .collect()
            };
            text.trim_end_matches('\0').to_owned()
        })
        .collect()
}

/// Numbers from their bytes in the machine's order.
fn numbers(raw: &[u8], data_type: &DataType) -> Values {
    fn each<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
        let (numbers, _) = raw.as_chunks::<N>();
        numbers.iter().map(|bytes| read(*bytes)).collect()
    }
    let integers = |values| Values::Integers(values);
    match data_type {
        DataType::Bool | DataType::UInt(8) => {
            integers(each(raw, |b| i64::from(u8::from_ne_bytes(b))))
        }
        DataType::Int(8) => integers(each(raw, |b| i64::from(i8::from_ne_bytes(b)))),
        DataType::UInt(16) => integers(each(raw, |b| i64::from(u16::from_ne_bytes(b)))),
        DataType::Int(16) => integers(each(raw, |b| i64::from(i16::from_ne_bytes(b)))),
        DataType::UInt(32) => integers(each(raw, |b| i64::from(u32::from_ne_bytes(b)))),
        DataType::Int(32) => integers(each(raw, |b| i64::from(i32::from_ne_bytes(b)))),
        DataType::UInt(_) => integers(each(raw, |b| {
            i64::try_from(u64::from_ne_bytes(b)).unwrap_or(i64::MAX)
        })),
        DataType::Int(_) | DataType::Datetime { .. } | DataType::Timedelta { .. } => {
            integers(each(raw, i64::from_ne_bytes))
        }
        DataType::Float(16) => {
            Values::Numbers(each(raw, |b| f64::from(half::f16::from_ne_bytes(b))))
        }
        DataType::Float(32) => Values::Numbers(each(raw, |b| f64::from(f32::from_ne_bytes(b)))),
        DataType::Float(_) => Values::Numbers(each(raw, f64::from_ne_bytes)),
        DataType::Text | DataType::Other(_) => {
            Values::Unreadable(format!("its type {data_type} is no number"))
        }
    }
}
