//! Mask rules against scikit-image, on which odc-algo's mask cleaning is built.

use std::{fs, path::Path, process::Command};

use cubetiler::{cube::recipe::MaskRecipe, grid::Shape, raster::Raster};

use crate::support::{python, succeed};

/// No multiple of a machine word.
const SHAPE: Shape = Shape {
    rows: 523,
    cols: 701,
};
const IMAGES: usize = 4;

/// Kind of mask, the script's name of the rule, and the rule as in a recipe.
const RULES: [(&str, &str, &str); 10] = [
    ("scl", "scl-default", "profile = 'scl-default'"),
    ("scl", "scl-strict", "profile = 'scl-strict'"),
    ("scl", "seed", "profile = 'seed'"),
    ("scl", "odc-stats", "profile = 'odc-stats'"),
    ("scl", "wider", "dilation = 3"),
    (
        "scl",
        "own",
        "nodata = [0]
         drop = [
            { values = [1] },
            { values = [8, 9, 10], opening = 2, dilation = 5 },
            { values = [3], closing = 4, dilation = 2 },
            { all_but = [0, 2, 3, 4, 5, 6, 7, 8, 9, 10], closing = 1, opening = 1, dilation = 1 },
         ]",
    ),
    ("fmask", "fmask", "profile = 'fmask'"),
    (
        "fmask",
        "own",
        "nodata = [255]
         drop = [{ bits = [1], dilation = 7 }, { bits = [3, 4], closing = 3, opening = 2 }]",
    ),
    ("qa", "qa-pixel", "profile = 'qa-pixel'"),
    (
        "qa",
        "own",
        "nodata = [1]
         drop = [{ bits = [1, 2, 3, 4], opening = 1, dilation = 30 }]",
    ),
];

/// The images of a kind of mask.
fn images(folder: &Path, kind: &str) -> Vec<Raster<u16>> {
    let bytes = fs::read(folder.join(format!("{kind}.raw"))).unwrap();
    let samples: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    let image = |data: &[u16]| Raster {
        shape: SHAPE,
        data: data.to_vec(),
    };
    samples.chunks(SHAPE.rows * SHAPE.cols).map(image).collect()
}

#[test]
fn what_a_rule_drops_is_what_scikit_image_drops_to_the_pixel_and_the_edge() {
    let Some(python) = python() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/masks.py");
    succeed(
        Command::new(python)
            .arg(script)
            .arg(folder.path())
            .args(["--shape", &SHAPE.rows.to_string(), &SHAPE.cols.to_string()])
            .args(["--images", &IMAGES.to_string()]),
    );
    for (kind, name, rule) in RULES {
        let recipe: MaskRecipe = toml::from_str(&format!("asset = '{kind}'\n{rule}")).unwrap();
        let images = images(folder.path(), kind);
        assert_eq!(images.len(), IMAGES);
        let dropped: Vec<u8> = images
            .iter()
            .flat_map(|image| recipe.rule(None).dropped(image).data)
            .map(u8::from)
            .collect();
        let expected = fs::read(folder.path().join(format!("{kind}-{name}.raw"))).unwrap();
        assert_eq!(dropped.len(), expected.len());
        let count: usize = expected.iter().map(|cell| usize::from(*cell)).sum();
        let share = count * 100 / expected.len();
        assert!((5..95).contains(&share), "{kind} {name} drops {share} %");
        let wrong = std::iter::zip(&dropped, &expected).filter(|(d, e)| d != e);
        assert_eq!(wrong.count(), 0, "cells of {kind} {name}");
    }
}
