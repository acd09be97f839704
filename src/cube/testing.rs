//! A small cube, for the tests of whoever needs one.

use super::{Cube, Recipe};

/// Three months of one band: 100 x 100 cells, in 5 x 5 chunks of 20.
pub(crate) fn cube() -> Cube {
    let text = r#"
        [grid]
        bounds = [0, 0, 1, 1]
        resolution = 0.01
        chunk = 20
        inner_chunk = 10
        [time]
        start = "2023-06-01"
        end = "2023-08-31"
        [source]
        stac = "https://example.org/stac"
        bands = ["red"]
    "#;
    Cube::new(Recipe::from_toml(text).unwrap()).unwrap()
}
