//! Archives of small random scenes, where two UTM zones meet.

use std::path::{Path, PathBuf};

use cubetiler::demo::{
    cog::{Blocks, CogWriter, Downsampling, GeoReference, Image},
    utm::Zone,
};
use serde_json::{Value, json};

/// Where zones 32 and 33 meet.
const SEAM: f64 = 12.0;
const LATITUDE: f64 = 45.0;
/// Metres.
const CELL: f64 = 150.0;

/// Numbers that look random and follow from a seed (`SplitMix64`, Steele et al. 2014).
#[derive(Clone, Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `end`.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end)).unwrap()
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        let n = self.below(u32::try_from(of.len()).unwrap());
        of[usize::try_from(n).unwrap()]
    }

    /// An order by chance.
    pub(crate) fn shuffle<T>(&mut self, values: &mut [T]) {
        for n in (1..values.len()).rev() {
            let other = self.below(u32::try_from(n + 1).unwrap());
            values.swap(n, usize::try_from(other).unwrap());
        }
    }
}

/// A folder of scenes and their items.
pub(crate) struct RandomArchive {
    folder: PathBuf,
    items: Vec<Value>,
}

impl RandomArchive {
    /// Writes `overpasses` of one or two scenes each into `folder`.
    pub(crate) fn write(folder: &Path, numbers: &mut Numbers, overpasses: u32) -> Self {
        let mut items = Vec::new();
        for pass in 0..overpasses {
            for part in 0..=numbers.below(2) {
                let name = format!("pass{pass}-part{part}");
                let zone = numbers.pick(&[32_u16, 33]);
                items.push(scene(folder, numbers, &name, pass, zone, false));
            }
        }
        Self {
            folder: folder.to_owned(),
            items,
        }
    }

    /// The items as they came.
    pub(crate) fn items(&self) -> String {
        self.collection("items.json", &self.items)
    }

    /// The same in another order, some of them twice, and with a scene in
    /// which nothing was seen.
    pub(crate) fn disordered(&self, numbers: &mut Numbers) -> String {
        let mut items = self.items.clone();
        let twice = numbers.pick(&items.iter().collect::<Vec<_>>()).clone();
        items.push(twice);
        items.push(scene(&self.folder, numbers, "empty", 77, 32, true));
        numbers.shuffle(&mut items);
        self.collection("disordered.json", &items)
    }

    fn collection(&self, name: &str, items: &[Value]) -> String {
        let path = self.folder.join(name);
        let text = json!({"type": "FeatureCollection", "features": items}).to_string();
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// Writes the images of a scene; its item.
fn scene(
    folder: &Path,
    numbers: &mut Numbers,
    name: &str,
    pass: u32,
    zone: u16,
    is_empty: bool,
) -> Value {
    let meridian = SEAM + if zone == 32 { -0.01 } else { 0.01 };
    let utm = Zone::containing(meridian, LATITUDE);
    let (east, north) = utm.forward(SEAM, LATITUDE);
    let (width, height) = (40 + numbers.below(40), 40 + numbers.below(40));
    // Whole cells, as the scenes of an archive share a lattice of their zone.
    let snap = |metres: f64| (metres / CELL).floor() * CELL;
    let origin_x = snap(east) - f64::from(numbers.below(width)) * CELL;
    let origin_y = snap(north) + f64::from(numbers.below(height)) * CELL;
    let reference = GeoReference {
        epsg: 32600 + zone,
        origin_x,
        origin_y,
        cell_size: CELL,
    };
    let wedge = numbers.below(width + height);
    let block = 1 + numbers.below(6);
    let cloud = numbers.next();
    let cells = || (0..height).flat_map(|row| (0..width).map(move |col| (row, col)));
    let seen = |row: u32, col: u32| !is_empty && row + col >= wedge;
    let scl: Vec<u8> = cells()
        .map(|(row, col)| {
            let patch = u64::from(row / block) << 32 | u64::from(col / block);
            let class = Numbers(cloud ^ patch).pick(&[3, 4, 4, 5, 5, 6, 8, 9, 10, 11]);
            if seen(row, col) { class } else { 0 }
        })
        .collect();
    write(
        folder,
        name,
        "scl",
        reference,
        (width, height),
        &scl,
        Downsampling::Nearest,
    );
    for band in ["red", "nir"] {
        let samples: Vec<u16> = cells()
            .map(|(row, col)| {
                let value = 1 + numbers.below(300) + 20 * (row % 50) + 15 * (col % 70);
                u16::try_from(if seen(row, col) { value } else { 0 }).unwrap()
            })
            .collect();
        write(
            folder,
            name,
            band,
            reference,
            (width, height),
            &samples,
            Downsampling::Average,
        );
    }
    let corners = [(0, 0), (width, 0), (0, height), (width, height)].map(|(col, row)| {
        utm.inverse(
            origin_x + f64::from(col) * CELL,
            origin_y - f64::from(row) * CELL,
        )
    });
    let around = |of: fn(&(f64, f64)) -> f64| {
        let values = corners.iter().map(of);
        let low = values.clone().fold(f64::INFINITY, f64::min);
        (
            low - 0.001,
            values.fold(f64::NEG_INFINITY, f64::max) + 0.001,
        )
    };
    let ((west, east), (south, north)) = (around(|c| c.0), around(|c| c.1));
    let asset = |key: &str| json!({"href": format!("{name}-{key}.tif")});
    json!({
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": "scenes",
        "bbox": [west, south, east, north], "geometry": null, "links": [],
        "properties": {
            "datetime": format!("2023-08-{:02}T10:00:00Z", 1 + pass % 28),
            "s2:datatake_id": format!("GS2A_PASS{pass}"), "grid:code": format!("MGRS-{name}"),
        },
        "assets": {"red": asset("red"), "nir": asset("nir"), "scl": asset("scl")},
    })
}

pub(crate) fn write<T: cubetiler::demo::cog::Sample + Default>(
    folder: &Path,
    name: &str,
    key: &str,
    geo_reference: GeoReference,
    (width, height): (u32, u32),
    samples: &[T],
    overviews: Downsampling,
) {
    let image = Image {
        width,
        height,
        samples,
        nodata: Some(T::default()),
        geo_reference,
    };
    let writer = CogWriter {
        blocks: Blocks::Tiles(16),
        level: 1,
        overviews: Some(overviews),
        ..CogWriter::default()
    };
    let bytes = writer.write(&image).unwrap();
    std::fs::write(folder.join(format!("{name}-{key}.tif")), bytes).unwrap();
}
