//! Which of its axes a system names first.

use std::{
    collections::HashMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use super::{CrsError, name, wkt};
use crate::grid::Epsg;

/// Answers that are kept: there are some thousand systems, and maps use few.
const KEPT: usize = 256;

static KNOWN: LazyLock<Mutex<HashMap<Epsg, bool>>> = LazyLock::new(Mutex::default);

/// Whether a system's own order of coordinates is north before east, as that of latitude
/// and longitude: what PROJ turns round so that x is east.
///
/// # Errors
/// If PROJ does not know the system, or it is none of a map: heights, or coordinates from
/// the middle of the Earth.
pub fn is_north_first(system: Epsg) -> Result<bool, CrsError> {
    let kept = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(answer) = kept().get(&system) {
        return Ok(*answer);
    }
    let answer = is_turned(&wkt(system)?).ok_or_else(|| CrsError::Undefined {
        system: name(system),
        reason: "its coordinates are not those of a map".to_owned(),
    })?;
    let mut kept = kept();
    if kept.len() >= KEPT {
        kept.clear();
    }
    kept.insert(system, answer);
    Ok(answer)
}

/// As `CRS::mustAxisOrderSwitchForVisualization` of PROJ decides, by WKT2; none if the axes
/// do not lie on a map.
fn is_turned(wkt: &str) -> Option<bool> {
    let mut axes = wkt.split("AXIS[").skip(1).map(|axis| {
        let mut fields = axis.split(',');
        let name = fields.next().unwrap_or_default().to_ascii_lowercase();
        let direction = fields.next().unwrap_or_default().to_ascii_lowercase();
        // A polar axis adds its meridian, which ends the word.
        let direction = direction.trim_matches(|c: char| !c.is_ascii_alphabetic());
        (name, direction.to_owned())
    });
    let ((first, one), (second, other)) = (axes.next()?, axes.next()?);
    let is_flat = |direction: &String| ["north", "east", "south", "west"].contains(&&**direction);
    if !(is_flat(&one) && is_flat(&other)) {
        return None;
    }
    let polar = one == other && (one == "north" || one == "south");
    let named = first.contains("northing") && second.contains("easting");
    Some((one == "north" && other == "east") || (polar && named))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As pyproj 3.8.0 has them: `CRS.from_epsg(n).axis_info`.
    #[test]
    fn a_system_tells_which_axis_it_names_first() {
        for (code, expected) in [
            (4326, true),
            (3857, false),
            (3035, true),
            (2193, true),
            (3978, false),
            (32631, false),
            (31468, true),
            (5482, true),
            (5041, false),
            (32661, true),
        ] {
            assert_eq!(is_north_first(Epsg(code)).unwrap(), expected, "{code}");
        }
        // No system at all, heights, and coordinates from the middle of the Earth.
        for code in [999_999, 5773, 4978] {
            assert!(is_north_first(Epsg(code)).is_err(), "{code}");
        }
    }
}
