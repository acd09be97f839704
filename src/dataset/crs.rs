//! The coordinate reference system of a grid, as a code or a text that PROJ
//! reads, and who said so.

use serde_json::Value;

use crate::grid::Epsg;

/// A coordinate reference system. World x is always the easting or longitude,
/// whatever axis order its authority gives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Crs {
    /// A code of the EPSG registry.
    Epsg(Epsg),
    /// OGC:CRS84: longitude and latitude in degrees of WGS 84.
    Crs84,
    /// WKT (1 or 2), PROJJSON, a PROJ string or a code of another registry.
    Definition(String),
}

/// Who tells the reference system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrsSource {
    /// The `GeoZarr` convention `proj`, declared by its UUID.
    GeoZarr,
    /// A CF grid mapping.
    GridMapping,
    /// `proj:`, `_CRS` or `crs` attributes without a declaration.
    Attribute,
    /// Coordinates that are longitudes and latitudes.
    Coordinates,
    /// Nobody: x and y lie within the range of longitudes and latitudes.
    Assumed,
}

impl Crs {
    /// The system that a text means: `EPSG:3857`, `OGC:CRS84`, their URLs and
    /// URNs, WKT, PROJJSON or a PROJ string. WKT and PROJJSON that name an EPSG
    /// code for the whole are that code.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.starts_with('{') {
            return Self::projjson(&serde_json::from_str(text).ok()?);
        }
        if text.contains("+proj=") || text.starts_with("+init=") {
            return Some(Self::Definition(text.to_owned()));
        }
        if text.contains('[') {
            return match wkt_code(text) {
                Some(code) => Some(Self::Epsg(code)),
                None => Some(Self::Definition(text.to_owned())),
            };
        }
        let (authority, code) = authority_and_code(text)?;
        if code.eq_ignore_ascii_case("CRS84") {
            return Some(Self::Crs84);
        }
        let code: u32 = code.parse().ok()?;
        match authority.to_ascii_uppercase().as_str() {
            "EPSG" => Some(Self::Epsg(Epsg(code))),
            // Other registries that PROJ comes with.
            known @ ("ESRI" | "IAU_2015" | "IGNF" | "NKG") => {
                Some(Self::Definition(format!("{known}:{code}")))
            }
            _ => None,
        }
    }

    /// The system that a PROJJSON object means.
    #[must_use]
    pub fn projjson(value: &Value) -> Option<Self> {
        value["type"]
            .as_str()
            .filter(|kind| kind.ends_with("CRS"))?;
        let id = &value["id"];
        let code = id["code"]
            .as_u64()
            .or_else(|| id["code"].as_str()?.parse().ok());
        match (id["authority"].as_str(), code) {
            (Some("EPSG"), Some(code)) => Some(Self::Epsg(Epsg(u32::try_from(code).ok()?))),
            (Some("OGC"), None) if id["code"] == "CRS84" => Some(Self::Crs84),
            _ => Some(Self::Definition(value.to_string())),
        }
    }

    /// Whether x and y are degrees, as far as the text tells: for codes those
    /// of the block that EPSG keeps for geographic systems.
    #[must_use]
    pub fn is_geographic(&self) -> bool {
        match self {
            Self::Crs84 => true,
            Self::Epsg(Epsg(code)) => (4001..5000).contains(code) && !(4400..4600).contains(code),
            Self::Definition(text) => {
                let text = text.trim_start();
                [
                    "GEOGCS",
                    "GEOGCRS",
                    "GEOGRAPHICCRS",
                    "GEODCRS",
                    "GEODETICCRS",
                ]
                .iter()
                .any(|keyword| text.starts_with(keyword))
                    || text.contains("\"type\":\"GeographicCRS\"")
                    || text.contains("+proj=longlat")
            }
        }
    }
}

impl std::fmt::Display for Crs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Epsg(code) => code.fmt(f),
            Self::Crs84 => f.write_str("OGC:CRS84"),
            Self::Definition(text) => f.write_str(text),
        }
    }
}

/// `EPSG:4326`, `urn:ogc:def:crs:EPSG::4326` or
/// `http://www.opengis.net/def/crs/EPSG/0/4326`.
fn authority_and_code(text: &str) -> Option<(&str, &str)> {
    if let Some((_, rest)) = text.split_once("/def/crs/") {
        let mut parts = rest.split('/');
        return Some((parts.next()?, parts.nth(1)?));
    }
    if let Some(rest) = text.strip_prefix("urn:ogc:def:crs:") {
        let mut parts = rest.split(':');
        return Some((parts.next()?, parts.nth(1)?));
    }
    text.split_once(':')
        .or((text.eq_ignore_ascii_case("CRS84")).then_some(("OGC", text)))
}

/// The EPSG code of the whole system in WKT: that of an `ID` (WKT 2) or
/// `AUTHORITY` (WKT 1) directly within the outermost brackets. Bound systems
/// have a code only within, and mean more than it.
fn wkt_code(text: &str) -> Option<Epsg> {
    let mut depth = 0_usize;
    let mut quoted = false;
    let mut found = None;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'[' | b'(' if !quoted => {
                let keyword = text[..at].rsplit([',', ' ', '\n', '\t', '[', '(']).next();
                if depth == 1 && matches!(keyword, Some("ID" | "AUTHORITY")) {
                    let inside = text[at + 1..].split([']', ')']).next()?;
                    let mut parts = inside.split(',').map(|part| part.trim().trim_matches('"'));
                    if parts.next() == Some("EPSG") {
                        found = parts.next()?.parse().ok().map(Epsg);
                    }
                }
                depth += 1;
            }
            b']' | b')' if !quoted => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn codes_are_read_in_every_spelling() {
        for text in [
            "EPSG:32633",
            "epsg:32633",
            "urn:ogc:def:crs:EPSG::32633",
            "http://www.opengis.net/def/crs/EPSG/0/32633",
            r#"PROJCS["WGS 84 / UTM zone 33N",GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]],AUTHORITY["EPSG","32633"]]"#,
            r#"PROJCRS["x, [y]",BASEGEOGCRS["WGS 84",ID["EPSG",4326]],ID["EPSG",32633]]"#,
            r#"{"type": "ProjectedCRS", "id": {"authority": "EPSG", "code": 32633}}"#,
        ] {
            assert_eq!(Crs::parse(text), Some(Crs::Epsg(Epsg(32633))), "{text}");
        }
        for text in [
            "OGC:CRS84",
            "CRS84",
            "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        ] {
            assert_eq!(Crs::parse(text), Some(Crs::Crs84), "{text}");
        }
        for text in ["", "FOO:54009", "EPSG:no", "{}", "four"] {
            assert_eq!(Crs::parse(text), None, "{text}");
        }
    }

    #[test]
    fn other_registries_of_projs_keep_their_name() {
        let mollweide = Crs::parse("ESRI:54009");
        assert_eq!(mollweide, Some(Crs::Definition("ESRI:54009".to_owned())));
    }

    #[test]
    fn a_code_within_is_not_the_code_of_the_whole() {
        let wkt =
            r#"PROJCS["own",GEOGCS["WGS 84",AUTHORITY["EPSG","4326"]],PROJECTION["Sinusoidal"]]"#;
        assert_eq!(Crs::parse(wkt), Some(Crs::Definition(wkt.to_owned())));
        assert!(!Crs::parse(wkt).unwrap().is_geographic());
        let bound = r#"BOUNDCRS[SOURCECRS[GEOGCRS["a",ID["EPSG",4312]]],TARGETCRS[GEOGCRS["b",ID["EPSG",4326]]]]"#;
        assert_eq!(Crs::parse(bound), Some(Crs::Definition(bound.to_owned())));
    }

    #[test]
    fn degrees_are_told_from_metres() {
        for (text, geographic) in [
            ("EPSG:4326", true),
            ("EPSG:4258", true),
            ("EPSG:3857", false),
            ("EPSG:3035", false),
            ("OGC:CRS84", true),
            (
                r#"GEOGCS["sphere",DATUM["d",SPHEROID["s",6371229,0]]]"#,
                true,
            ),
            ("+proj=stere +lat_0=90", false),
            ("+proj=longlat +R=6371229", true),
        ] {
            assert_eq!(
                Crs::parse(text).unwrap().is_geographic(),
                geographic,
                "{text}"
            );
        }
        let json = json!({"type": "GeographicCRS", "name": "mine"});
        assert!(Crs::projjson(&json).unwrap().is_geographic());
    }
}
