//! The rules of composites against numpy and geomad.

use std::{fs, path::Path, process::Command};

use cubetiler::{
    grid::Shape,
    raster::{Composite, Percentile, Raster, Reducer, Stack},
};

use crate::support::{python, succeed};

const SHAPE: Shape = Shape { rows: 64, cols: 64 };

/// How the script calls the rules.
fn rules() -> Vec<(&'static str, Reducer)> {
    let percentile = |p: u8| Reducer::Percentile(Percentile::try_from(p).unwrap());
    vec![
        ("median", Reducer::Median),
        ("mean", Reducer::Mean),
        ("medoid", Reducer::Medoid),
        ("geomedian", Reducer::Geomedian),
        ("percentile-0", percentile(0)),
        ("percentile-25", percentile(25)),
        ("percentile-83", percentile(83)),
        ("percentile-100", percentile(100)),
        ("greatest-2-0", Reducer::Greatest([2, 0])),
        ("least-2-0", Reducer::Least([2, 0])),
    ]
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u16) -> u16 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u16::try_from((self.0 >> 32) % u64::from(end)).unwrap()
    }
}

/// Observations of which each pixel has any number from none to all. Samples
/// go from ones with many ties, in the west, to the whole range, in the east.
fn observations(number: usize, bands: usize) -> Vec<Vec<Raster<u16>>> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut observations = vec![vec![Raster::filled(SHAPE, 0); bands]; number];
    for pixel in 0..SHAPE.rows * SHAPE.cols {
        let most = [4, 1_000, 10_000, 65_534][pixel % SHAPE.cols / 16];
        let clear = random.below(11);
        for observation in &mut observations {
            if random.below(10) < clear {
                for raster in observation {
                    raster.data[pixel] = 1 + random.below(most);
                }
            }
        }
    }
    observations
}

fn write<'a>(path: &Path, rasters: impl Iterator<Item = &'a Raster<u16>>) {
    let samples = rasters.flat_map(|raster| &raster.data);
    let bytes: Vec<u8> = samples.flat_map(|sample| sample.to_le_bytes()).collect();
    fs::write(path, bytes).unwrap();
}

/// Has the script compute and compare what each rule gives.
fn compare(number: usize, bands: usize) {
    let Some(python) = python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let observations = observations(number, bands);
    write(
        &folder.path().join("stack.raw"),
        observations.iter().flatten(),
    );
    let mut stack = Stack::new(SHAPE, bands);
    for observation in observations {
        stack.push(observation);
    }
    let rules = rules();
    for (name, rule) in &rules {
        let Composite { bands, count } = stack.reduce(rule, 0..stack.shape().rows);
        let path = folder.path().join(format!("{name}.raw"));
        write(&path, bands.iter().chain([&count]));
    }
    let names: Vec<_> = rules.iter().map(|(name, _)| *name).collect();
    let manifest = serde_json::json!({
        "shape": [number, bands, SHAPE.rows, SHAPE.cols],
        "rules": names,
    });
    fs::write(folder.path().join("manifest.json"), manifest.to_string()).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/reducers.py");
    succeed(Command::new(&python).arg(script).arg(folder.path()));
}

#[test]
fn twelve_observations_of_three_bands_are_reduced_as_by_numpy_and_geomad() {
    compare(12, 3);
}

#[test]
fn seven_observations_of_four_bands_are_reduced_as_by_numpy_and_geomad() {
    compare(7, 4);
}
