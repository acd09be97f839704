//! Writes the archive: a folder of cloud optimized `GeoTIFF`s per picture and `items.json` beside them.
//!
//! The same options give the same bytes on every run, in any number of threads. A finished archive carries a marker
//! with a fingerprint of its options, and is not written again.

mod pictures;

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    acquisition::{Acquisition, summer_2023},
    cog::CogError,
    imagery::Imagery,
    plane::Bounds,
    scenery::Scenery,
};

/// Raised whenever the same options give other bytes than before.
const FORMAT: u32 = 1;
const MARKER: &str = "archive.json";
const ITEMS: &str = "items.json";

/// Why an archive could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file or folder could not be read, written or moved.
    #[error("cannot write the archive at {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder holds something else, which is left alone.
    #[error("{0} exists and is not an archive of this program: choose another folder or remove it")]
    NotAnArchive(PathBuf),
    /// A raster could not be encoded.
    #[error("cannot encode {asset} of {item}")]
    Cog {
        /// The item.
        item: String,
        /// Key of the asset.
        asset: &'static str,
        /// The encoder's reason.
        source: CogError,
    },
    /// `items.json` is not what this program wrote.
    #[error("{path} is damaged: remove the archive's folder")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's reason.
        source: serde_json::Error,
    },
}

/// What an archive consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchiveOptions {
    /// Name and version of the imagery: part of the fingerprint, since its code cannot be.
    pub imagery: String,
    /// The region, in degrees.
    pub bounds: Bounds,
    /// Side of a pixel in metres.
    pub cell_size: f64,
    /// Kilometres that the frames of neighbouring UTM zones share at least.
    pub overlap: f64,
    /// Pixels along the side of a COG's tile, a multiple of 16.
    pub tile_size: u32,
    /// The passes, by date.
    pub acquisitions: Vec<Acquisition>,
}

impl ArchiveOptions {
    /// The demo: ten dates of the Provençal coast, on both sides of 6° E.
    #[must_use]
    pub fn riviera() -> Self {
        Self {
            imagery: "riviera 1".to_owned(),
            bounds: Bounds {
                west: 5.4,
                south: 42.75,
                east: 6.9,
                north: 43.65,
            },
            cell_size: 75.0,
            overlap: 18.0,
            tile_size: 512,
            acquisitions: summer_2023(),
        }
    }

    fn fingerprint(&self) -> String {
        // `Debug` prints every field, floats in full.
        format!("{:016x}", xxh3_64(format!("{FORMAT} {self:?}").as_bytes()))
    }
}

/// A finished archive.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its folder.
    pub directory: PathBuf,
    /// Its STAC items, by date and then from west to east. Hrefs are relative to the folder.
    pub items: Vec<Value>,
}

/// Writes the demo's archive into `directory`, unless it is there already. `is_land(longitude, latitude)` is the coast
/// to follow; `progress(done, total)` hears of every picture.
///
/// # Errors
/// If the folder holds something else, or cannot be written.
pub fn generate(
    directory: &Path,
    is_land: impl Fn(f64, f64) -> bool,
    progress: impl FnMut(usize, usize),
) -> Result<Archive, ArchiveError> {
    let options = ArchiveOptions::riviera();
    let scenery = || Scenery::new(options.bounds, &options.acquisitions, is_land);
    generate_with(directory, &options, scenery, progress)
}

/// Writes an archive of any imagery, which is asked for only if the archive is not there already.
///
/// # Errors
/// If the folder holds something else, or cannot be written.
pub fn generate_with<I: Imagery>(
    directory: &Path,
    options: &ArchiveOptions,
    imagery: impl FnOnce() -> I,
    progress: impl FnMut(usize, usize),
) -> Result<Archive, ArchiveError> {
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).map_err(at(parent))?;
    }
    // Two processes may want the same archive; the second waits, then finds it. The lock goes with the process.
    let lock_path = beside(directory, "lock");
    let lock = File::create(&lock_path).map_err(at(&lock_path))?;
    lock.lock().map_err(at(&lock_path))?;

    let fingerprint = options.fingerprint();
    match marker(directory)? {
        Some(found) if found == fingerprint => return read(directory),
        Some(_) => fs::remove_dir_all(directory).map_err(at(directory))?,
        None => {}
    }
    let partial = beside(directory, "partial");
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(at(&partial))?;
    }
    fs::create_dir_all(&partial).map_err(at(&partial))?;

    let items = pictures::write_all(&partial, options, &imagery(), progress)?;
    let collection = json!({ "type": "FeatureCollection", "features": items });
    write(&partial.join(ITEMS), format!("{collection:#}\n").as_bytes())?;
    let marker =
        json!({ "format": FORMAT, "fingerprint": fingerprint, "imagery": options.imagery });
    write(&partial.join(MARKER), format!("{marker:#}\n").as_bytes())?;
    fs::rename(&partial, directory).map_err(at(directory))?;
    Ok(Archive {
        directory: directory.to_owned(),
        items,
    })
}

/// The fingerprint of the archive in a folder; nothing if the folder is missing or empty.
fn marker(directory: &Path) -> Result<Option<String>, ArchiveError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(at(directory)(source)),
    };
    let path = directory.join(MARKER);
    match fs::read(&path) {
        Ok(bytes) => {
            let marker: Value = serde_json::from_slice(&bytes)
                .map_err(|source| ArchiveError::Damaged { path, source })?;
            Ok(Some(
                marker["fingerprint"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            ))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && entries.count() == 0 => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(ArchiveError::NotAnArchive(directory.to_owned()))
        }
        Err(source) => Err(at(&path)(source)),
    }
}

fn read(directory: &Path) -> Result<Archive, ArchiveError> {
    let path = directory.join(ITEMS);
    let bytes = fs::read(&path).map_err(at(&path))?;
    let items = serde_json::from_slice::<Value>(&bytes)
        .and_then(|mut collection| serde_json::from_value(collection["features"].take()))
        .map_err(|source| ArchiveError::Damaged { path, source })?;
    Ok(Archive {
        directory: directory.to_owned(),
        items,
    })
}

/// `archive` becomes `archive.lock` and the like, in the same folder.
fn beside(directory: &Path, extension: &str) -> PathBuf {
    let mut name = directory.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(extension);
    directory.with_file_name(name)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ArchiveError> {
    fs::write(path, bytes).map_err(at(path))
}

/// Adds the path to a failure of the file system.
fn at(path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    |source| ArchiveError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{
        acquisition::{Side, SwathEdge},
        imagery::{Formula, Pixel, Place, Scl},
    };

    fn tiny() -> ArchiveOptions {
        let date = |text: &str| Acquisition::on(text.parse().unwrap());
        let edge = SwathEdge {
            at: (6.0, 43.1),
            side: Side::East,
        };
        ArchiveOptions {
            imagery: "gradient 1".to_owned(),
            bounds: Bounds {
                west: 5.95,
                south: 43.05,
                east: 6.1,
                north: 43.15,
            },
            cell_size: 100.0,
            overlap: 4.0,
            tile_size: 64,
            acquisitions: vec![
                date("2023-08-02"),
                Acquisition {
                    swath: Some(edge),
                    ..date("2023-08-12")
                },
                Acquisition {
                    swath: Some(SwathEdge {
                        at: (8.0, 43.1),
                        side: Side::East,
                    }),
                    ..date("2023-08-17")
                },
            ],
        }
    }

    fn gradient(_: &Acquisition, place: Place) -> Pixel {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "1 to 100"
        )]
        let number = 1 + (place.projected.1 / 1000.0).rem_euclid(100.0) as u16;
        ([number; 4], Scl::Vegetation)
    }

    fn generated(directory: &Path, options: &ArchiveOptions) -> Archive {
        generate_with(directory, options, || Formula(gradient), |_, _| {}).unwrap()
    }

    fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
        found.sort();
        found
    }

    #[test]
    fn an_archive_is_the_same_bytes_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let contents = |name: &str| {
            let archive = folder.path().join(name);
            generated(&archive, &tiny());
            files(&archive)
                .into_iter()
                .map(|(path, bytes)| (path.strip_prefix(&archive).unwrap().to_owned(), bytes))
                .collect::<Vec<_>>()
        };
        let first = contents("first");
        assert_eq!(
            first.len(),
            2 + 4 * 5,
            "two dates in two zones, five files each, and two beside them"
        );
        assert_eq!(first, contents("second"));
    }

    #[test]
    fn a_finished_archive_is_read_instead_of_written() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive");
        let written = generated(&archive, &tiny());
        let imagery = || -> Formula<fn(&Acquisition, Place) -> Pixel> { panic!("drawn again") };
        let found = generate_with(&archive, &tiny(), imagery, |_, _| {}).unwrap();
        assert_eq!(written.items, found.items);
    }

    #[test]
    fn other_options_replace_the_archive() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive");
        generated(&archive, &tiny());
        let one_date = ArchiveOptions {
            acquisitions: tiny().acquisitions[..1].to_vec(),
            ..tiny()
        };
        generated(&archive, &one_date);
        assert_eq!(files(&archive).len(), 2 + 2 * 5);
    }

    #[test]
    fn an_archive_whose_items_were_lost_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive");
        generated(&archive, &tiny());
        fs::write(archive.join(ITEMS), "{}").unwrap();
        let refused =
            generate_with(&archive, &tiny(), || Formula(gradient), |_, _| {}).unwrap_err();
        assert!(matches!(refused, ArchiveError::Damaged { .. }), "{refused}");
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let photo = folder.path().join("photo.jpg");
        fs::write(&photo, "dear").unwrap();
        let refused =
            generate_with(folder.path(), &tiny(), || Formula(gradient), |_, _| {}).unwrap_err();
        assert!(
            matches!(refused, ArchiveError::NotAnArchive(_)),
            "{refused}"
        );
        assert_eq!(fs::read(&photo).unwrap(), b"dear");
    }

    #[test]
    fn a_picture_beyond_the_swath_has_no_item_and_one_on_its_edge_knows_its_nodata() {
        let folder = tempfile::tempdir().unwrap();
        let archive = generated(&folder.path().join("archive"), &tiny());
        let nodata = |item: &Value| {
            item["properties"]["s2:nodata_pixel_percentage"]
                .as_f64()
                .unwrap()
        };
        assert_eq!(archive.items.len(), 4);
        assert!(archive.items[..2].iter().all(|item| nodata(item) < 1e-9));
        assert!(
            archive.items[2..]
                .iter()
                .all(|item| (1.0..99.0).contains(&nodata(item)))
        );
    }

    #[test]
    fn both_zones_of_a_pass_share_its_datatake() {
        let folder = tempfile::tempdir().unwrap();
        let archive = generated(&folder.path().join("archive"), &tiny());
        let of = |index: usize, key: &str| archive.items[index]["properties"][key].clone();
        assert_eq!(of(0, "s2:datatake_id"), of(1, "s2:datatake_id"));
        assert_ne!(of(0, "proj:epsg"), of(1, "proj:epsg"));
    }
}
