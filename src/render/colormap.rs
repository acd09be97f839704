//! Colormaps by name: 256 colours for 256 levels of one band.
//!
//! The tables equal those of rio-tiler, and so matplotlib's at 256 levels, for every
//! name that rio-tiler has; `colormaps.txt` says where they come from and
//! `tools/colormaps.py` writes it.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    sync::{Arc, LazyLock},
};

use thiserror::Error;

/// The ending that asks for a map backwards.
const REVERSED: &str = "_r";

/// How many near names an error lists.
const SUGGESTIONS: usize = 3;

/// From here on two names are worth confusing (1 is equal, 0 nothing in common).
const SIMILAR: f64 = 0.5;

/// The embedded tables, as they are written.
static TABLES: LazyLock<BTreeMap<&str, &str>> = LazyLock::new(|| {
    include_str!("colormaps.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .collect()
});

/// All maps by name, decoded together in less than a millisecond.
static MAPS: LazyLock<HashMap<String, Colormap>> = LazyLock::new(|| {
    let map = |name: String| Some((name.clone(), Colormap::read(name)?));
    Colormap::names().into_iter().filter_map(map).collect()
});

/// A table of 256 RGBA colours, the first for the lowest level. Clones share it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colormap(Arc<Named>);

#[derive(Debug, PartialEq, Eq)]
struct Named {
    name: String,
    colors: [[u8; 4]; 256],
}

/// A name that no colormap has.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("unknown colormap \"{name}\"; {}", advice(.nearest))]
pub struct UnknownColormap {
    /// The name that was asked for.
    pub name: String,
    /// Valid names that look like it, the nearest first; may be empty.
    pub nearest: Vec<String>,
}

fn advice(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "for example viridis, rdylgn, terrain and gray are valid".to_owned()
    } else {
        format!("did you mean {}?", nearest.join(", "))
    }
}

impl Colormap {
    /// The colormap of that name, in any case (`RdYlGn` and `rdylgn` are one); with
    /// `_r` at the end it is the reversed one.
    ///
    /// # Errors
    /// [`UnknownColormap`] with the nearest valid names.
    pub fn named(name: &str) -> Result<Self, UnknownColormap> {
        let wanted = name.to_ascii_lowercase();
        MAPS.get(&wanted).cloned().ok_or_else(|| UnknownColormap {
            name: name.to_owned(),
            nearest: nearest(&wanted),
        })
    }

    /// A map of one's own, whose name is made of its colours.
    #[must_use]
    pub fn of_colors(colors: [[u8; 4]; 256]) -> Self {
        let mut name = String::with_capacity(1 + 8 * colors.len());
        name.push('#');
        for color in colors {
            let _infallible = write!(name, "{:08x}", u32::from_be_bytes(color));
        }
        Self(Arc::new(Named { name, colors }))
    }

    /// The map of a name in lower case.
    fn read(name: String) -> Option<Self> {
        let colors = match name.strip_suffix(REVERSED) {
            None => table(&name)?,
            Some(original) => {
                let mut colors = table(original)?;
                colors.reverse();
                if let Some(differing) = TABLES.get(name.as_str()) {
                    correct(&mut colors, differing);
                }
                colors
            }
        };
        Some(Self(Arc::new(Named { name, colors })))
    }

    /// All valid names in alphabetical order, each map followed by its reverse.
    #[must_use]
    pub fn names() -> Vec<String> {
        TABLES
            .keys()
            .filter(|name| !name.ends_with(REVERSED))
            .flat_map(|&name| [name.to_owned(), format!("{name}{REVERSED}")])
            .collect()
    }

    /// The name in lower case, or the colours in hexadecimal digits.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Red, green, blue and alpha for each level.
    #[must_use]
    pub fn colors(&self) -> &[[u8; 4]; 256] {
        &self.0.colors
    }
}

/// Names that look like `wanted`, the nearest first.
fn nearest(wanted: &str) -> Vec<String> {
    let mut scored: Vec<(f64, String)> = Colormap::names()
        .into_iter()
        .map(|name| (strsim::normalized_damerau_levenshtein(wanted, &name), name))
        .filter(|(similarity, _)| *similarity >= SIMILAR)
        .collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    scored.truncate(SUGGESTIONS);
    scored.into_iter().map(|(_, name)| name).collect()
}

/// The table of a name that does not end in `_r`.
fn table(name: &str) -> Option<[[u8; 4]; 256]> {
    let text = TABLES.get(name).filter(|_| !name.ends_with(REVERSED))?;
    let mut colors = [[0; 4]; 256];
    for (color, characters) in colors.iter_mut().zip(text.as_bytes().chunks(4)) {
        *color = decoded(characters);
    }
    Some(colors)
}

/// Overwrites the entries that `INDEX=COLOUR INDEX=COLOUR …` names.
fn correct(colors: &mut [[u8; 4]; 256], differing: &str) {
    for entry in differing.split(' ') {
        if let Some((index, characters)) = entry.split_once('=')
            && let Ok(index) = index.parse::<u8>()
        {
            colors[usize::from(index)] = decoded(characters.as_bytes());
        }
    }
}

/// An opaque colour from four characters of base64 (RFC 4648). Characters outside of
/// its alphabet count as zero; the tests show that the embedded tables have none.
fn decoded(characters: &[u8]) -> [u8; 4] {
    let bits = characters.iter().fold(0, |bits, &character| {
        let digit = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => 0,
        };
        bits << 6 | u32::from(digit)
    });
    let [_, red, green, blue] = bits.to_be_bytes();
    [red, green, blue, 255]
}

#[cfg(test)]
mod tests {
    use super::{Colormap, TABLES, UnknownColormap};

    fn color(name: &str, level: usize) -> [u8; 3] {
        let [red, green, blue, alpha] = Colormap::named(name).unwrap().colors()[level];
        assert_eq!(alpha, 255);
        [red, green, blue]
    }

    #[test]
    fn all_tables_equal_those_of_rio_tiler() {
        let recorded = include_str!("colormaps.txt")
            .lines()
            .find_map(|line| line.strip_prefix("# CRC-32 of rio-tiler's "))
            .unwrap();
        let (count, crc) = recorded
            .split_once(" tables, RGBA, in the order of their names: ")
            .unwrap();
        // rio-tiler has no reverse of these three.
        let only_forward = ["cfastie_r", "rplumbo_r", "schwarzwald_r"];
        let mut names = Colormap::names();
        names.retain(|name| !only_forward.contains(&name.as_str()));
        names.sort();
        assert_eq!(names.len().to_string(), count);
        let mut found = flate2::Crc::new();
        for name in names {
            let map = Colormap::named(&name).unwrap();
            found.update(map.colors().as_flattened());
        }
        assert_eq!(format!("{:08x}", found.sum()), crc);
    }

    #[test]
    fn every_line_is_a_whole_table_or_well_formed_corrections() {
        let is_color = |text: &str| {
            text.len() == 4
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+/".contains(c))
        };
        for (name, text) in TABLES.iter() {
            if let Some(original) = name.strip_suffix("_r") {
                assert!(TABLES.contains_key(original), "{name}");
                for entry in text.split(' ') {
                    let (index, characters) = entry.split_once('=').unwrap();
                    assert!(index.parse::<u8>().is_ok(), "{name}: {entry}");
                    assert!(is_color(characters), "{name}: {entry}");
                }
            } else {
                assert_eq!(text.len(), 4 * 256, "{name}");
                assert!(
                    (0..256).all(|i| is_color(&text[4 * i..4 * i + 4])),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn known_colours_are_where_matplotlib_has_them() {
        assert_eq!(color("viridis", 0), [0x44, 0x01, 0x54]);
        assert_eq!(color("viridis", 255), [0xfd, 0xe7, 0x24]);
        assert_eq!(color("gray", 127), [127; 3]);
        // The colours of the Tableau palette, each for a tenth of the levels.
        assert_eq!(color("tab10", 25), [0x1f, 0x77, 0xb4]);
        assert_eq!(color("tab10", 26), [0xff, 0x7f, 0x0e]);
    }

    #[test]
    fn a_reversed_map_runs_backwards() {
        assert_eq!(color("viridis_r", 0), color("viridis", 255));
        assert_eq!(color("cfastie_r", 5), color("cfastie", 250));
        assert_eq!(Colormap::named("cfastie_r").unwrap().name(), "cfastie_r");
    }

    #[test]
    fn a_name_is_found_in_any_case() {
        assert_eq!(Colormap::named("RdYlGn"), Colormap::named("rdylgn"));
    }

    #[test]
    fn names_lists_each_map_and_its_reverse() {
        let names = Colormap::names();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
        for name in [
            "viridis",
            "viridis_r",
            "schwarzwald_r",
            "tab20c",
            "balance_r",
        ] {
            assert!(names.iter().any(|listed| listed == name), "{name}");
        }
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest_valid_ones() {
        let error = Colormap::named("Virids").unwrap_err();
        assert_eq!(error.nearest.first().map(String::as_str), Some("viridis"));
        assert!(
            error
                .to_string()
                .starts_with("unknown colormap \"Virids\"; did you mean viridis"),
            "{error}"
        );
        let reversed_twice = Colormap::named("viridis_r_r").unwrap_err();
        assert_eq!(
            reversed_twice.nearest.first().map(String::as_str),
            Some("viridis_r")
        );
    }

    #[test]
    fn a_name_like_no_other_is_answered_with_examples_that_exist() {
        let error = Colormap::named("zzzzzzzzzzzz").unwrap_err();
        assert_eq!(
            error,
            UnknownColormap {
                name: "zzzzzzzzzzzz".to_owned(),
                nearest: Vec::new()
            }
        );
        for name in ["viridis", "rdylgn", "terrain", "gray"] {
            assert!(error.to_string().contains(name));
            assert!(Colormap::named(name).is_ok());
        }
    }
}
