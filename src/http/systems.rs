//! Reference systems by the names that clients have for them.

use crate::grid::Epsg;

/// Codes of EPSG are below; beyond them are numbers of this process alone.
const MOST: u32 = 1_000_000;

/// A system as it was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) system: Epsg,
    /// Whether the name itself says that longitude is first, whatever EPSG has.
    pub(super) is_east_first: bool,
}

/// Whether a system has a code of EPSG; else a data set has defined it, and its number is
/// known to nobody.
pub(super) fn has_code(system: Epsg) -> bool {
    system.0 < MOST
}

/// The system of a name: `EPSG:3857`, `CRS:84`, a URN of OGC or an address at opengis.net. That
/// PROJ knows it is not said.
pub(super) fn named(name: &str) -> Option<Named> {
    let lower = name.trim().to_ascii_lowercase();
    let east_first = |system| Named {
        system,
        is_east_first: true,
    };
    let urn = lower.strip_prefix("urn:ogc:def:crs:");
    let address = (lower.strip_prefix("http://"))
        .or_else(|| lower.strip_prefix("https://"))
        .and_then(|rest| rest.strip_prefix("www.opengis.net/def/crs/"));
    let (authority, code) = match (urn, address) {
        (Some(parts), _) => (parts.split(':').next()?, parts.rsplit(':').next()?),
        (None, Some(parts)) => (parts.split('/').next()?, parts.rsplit('/').next()?),
        (None, None) => lower.split_once(':')?,
    };
    match (authority, code) {
        ("crs", "84") | ("ogc", "crs84" | "84") => Some(east_first(Epsg::WGS84)),
        ("epsg", "900913") => Some(east_first(Epsg::WEB_MERCATOR)),
        ("epsg", code) => {
            let code: u32 = code.parse().ok()?;
            (code < MOST).then_some(Named {
                system: Epsg(code),
                is_east_first: false,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_has_many_names() {
        for name in [
            "EPSG:3857",
            "epsg:3857",
            "urn:ogc:def:crs:EPSG::3857",
            "http://www.opengis.net/def/crs/EPSG/0/3857",
            "https://www.opengis.net/def/crs/EPSG/0/3857",
        ] {
            let found = named(name).unwrap();
            assert_eq!(found.system, Epsg::WEB_MERCATOR, "{name}");
            assert!(!found.is_east_first, "{name}");
        }
        for name in [
            "CRS:84",
            "OGC:CRS84",
            "urn:ogc:def:crs:OGC:1.3:CRS84",
            "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        ] {
            let found = named(name).unwrap();
            assert_eq!(
                (found.system, found.is_east_first),
                (Epsg::WGS84, true),
                "{name}"
            );
        }
        for name in [
            "",
            "3857",
            "EPSG:",
            "EPSG:x",
            "EPSG:4294967295",
            "AUTO:42001,1,0,0",
        ] {
            assert_eq!(named(name), None, "{name}");
        }
    }
}
