//! The capabilities documents of both versions.
//!
//! Sources: OGC 06-042, annex E.1, and OGC 01-068r3, annex A.1, which want the elements in
//! these orders.

use crate::http::ogc::escaped;
use std::fmt::Write as _;

use super::Version;
use crate::{
    grid::{Bounds, Epsg, TileMatrixSet},
    http::{
        ogc::{
            feature_info::InfoFormat,
            styles::{Style, styles},
        },
        shown::{Addresses, Kind, Shown},
        systems,
        values::LARGEST_SIZE,
    },
    tile::{self, TileError},
};

const MAP_FORMATS: [&str; 4] = ["image/png", "image/jpeg", "image/webp", "image/tiff"];

/// Pixels of a legend.
const LEGEND: [u32; 2] = [240, 80];

/// Beyond these latitudes Web Mercator has nothing.
const MERCATOR_END: f64 = 85.051_128_779_806_6;

impl Version {
    /// The media type of the document.
    pub(super) fn capabilities_type(self) -> &'static str {
        match self {
            Self::V111 => "application/vnd.ogc.wms_xml",
            Self::V130 => "text/xml",
        }
    }

    /// The media type of errors.
    pub(super) fn exception_type(self) -> &'static str {
        match self {
            Self::V111 => "application/vnd.ogc.se_xml",
            Self::V130 => "text/xml",
        }
    }

    /// The names of the forms of errors.
    fn exceptions(self) -> [&'static str; 2] {
        match self {
            Self::V111 => ["application/vnd.ogc.se_xml", "application/vnd.ogc.se_blank"],
            Self::V130 => ["XML", "BLANK"],
        }
    }
}

/// What a capabilities document says.
pub(super) struct Capabilities<'a> {
    pub(super) version: Version,
    pub(super) title: &'a str,
    /// To which keys and values are appended.
    pub(super) address: String,
    pub(super) layers: Vec<Layer>,
}

/// What it says of a layer.
pub(super) struct Layer {
    name: String,
    title: String,
    credit: Option<String>,
    is_queryable: bool,
    /// In degrees.
    bounds: Bounds,
    /// Names of systems, the rectangles in them, and whether their north is first.
    systems: Vec<(String, Option<Bounds>, bool)>,
    times: Vec<String>,
    /// Names and titles of styles, and the address of the legend of those that have one.
    styles: Vec<(String, String, Option<String>)>,
}

/// The layer of a cube or data set, with a style of one's own as its default.
pub(super) fn layer(shown: &Shown, to: &Addresses, query: &str) -> Result<Layer, TileError> {
    let own = shown.grid.crs;
    let mut codes = vec![Epsg::WGS84, Epsg::WEB_MERCATOR];
    if systems::has_code(own) {
        codes.push(own);
    }
    codes.extend(shown.sets().map(TileMatrixSet::crs));
    let mut all = vec![("CRS:84".to_owned(), Some(shown.bounds), false)];
    let mut known = Vec::new();
    for code in codes {
        if !known.contains(&code) {
            known.push(code);
            let bounds = rectangle(code, shown);
            all.push((code.to_string(), bounds, tile::is_north_first(code)?));
        }
    }
    let named = if query.is_empty() {
        styles(shown)
    } else {
        vec![Style::default_with(query)]
    };
    let [width, height] = LEGEND;
    let legend = |style: &Style| {
        let path = format!("/cubes/{}/legend.png", shown.name());
        let query = style.with(&format!("width={width}&height={height}"));
        style.has_legend(shown).then(|| to.with(&path, &query))
    };
    Ok(Layer {
        name: shown.name().to_owned(),
        title: shown.title(),
        credit: shown.credit().map(str::to_owned),
        is_queryable: matches!(shown.kind, Kind::Cube(..)),
        bounds: shown.bounds,
        systems: all,
        times: shown.instants(),
        styles: (named.iter())
            .map(|style| {
                let title = style.titled(&shown.title());
                (style.name.clone(), title, legend(style))
            })
            .collect(),
    })
}

fn rectangle(system: Epsg, shown: &Shown) -> Option<Bounds> {
    if system == shown.grid.crs {
        return Some(shown.grid.bounds());
    }
    let mut bounds = shown.bounds;
    if system == Epsg::WEB_MERCATOR {
        bounds.south = bounds.south.max(-MERCATOR_END);
        bounds.north = bounds.north.min(MERCATOR_END);
    }
    tile::bounds_in(system, bounds)
}

impl Capabilities<'_> {
    pub(super) fn to_xml(&self) -> String {
        let layers: String = self
            .layers
            .iter()
            .map(|layer| layer.to_xml(self.version))
            .collect();
        let (title, address) = (escaped(self.title), escaped(&self.address));
        let online = format!(
            "<OnlineResource xmlns:xlink=\"http://www.w3.org/1999/xlink\" xlink:type=\"simple\" \
             xlink:href=\"{address}\"/>"
        );
        let version = self.version;
        let number = version.name();
        let (head, root, name, limits) = match version {
            Version::V111 => (
                "<!DOCTYPE WMT_MS_Capabilities SYSTEM \
                 \"http://schemas.opengis.net/wms/1.1.1/WMS_MS_Capabilities.dtd\">\n",
                ("WMT_MS_Capabilities", ""),
                "OGC:WMS",
                String::new(),
            ),
            Version::V130 => (
                "",
                (
                    "WMS_Capabilities",
                    " xmlns=\"http://www.opengis.net/wms\" \
                     xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
                     xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
                     xsi:schemaLocation=\"http://www.opengis.net/wms \
                     http://schemas.opengis.net/wms/1.3.0/capabilities_1_3_0.xsd\"",
                ),
                "WMS",
                format!(
                    "    <LayerLimit>1</LayerLimit>\n    <MaxWidth>{LARGEST_SIZE}</MaxWidth>\n    \
                     <MaxHeight>{LARGEST_SIZE}</MaxHeight>\n"
                ),
            ),
        };
        let (root, namespaces) = root;
        let operation = |name: &str, formats: &[&str]| {
            let formats = listed(formats);
            format!(
                "      <{name}>\n        {formats}\n        <DCPType><HTTP><Get>{online}</Get></HTTP>\
                 </DCPType>\n      </{name}>\n"
            )
        };
        let infos = InfoFormat::ALL.map(InfoFormat::media_type);
        let operations = operation("GetCapabilities", &[version.capabilities_type()])
            + &operation("GetMap", &MAP_FORMATS)
            + &operation("GetFeatureInfo", &infos);
        let exceptions = listed(&version.exceptions());
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
{head}<{root} version="{number}"{namespaces}>
  <Service>
    <Name>{name}</Name>
    <Title>{title}</Title>
    {online}
{limits}  </Service>
  <Capability>
    <Request>
{operations}    </Request>
    <Exception>{exceptions}</Exception>
    <Layer>
      <Title>{title}</Title>
{layers}    </Layer>
  </Capability>
</{root}>
"#
        )
    }
}

fn listed(formats: &[&str]) -> String {
    format!("<Format>{}</Format>", formats.join("</Format><Format>"))
}

impl Layer {
    fn to_xml(&self, version: Version) -> String {
        let mut text = format!(
            "      <Layer queryable=\"{}\">\n        <Name>{}</Name>\n        \
             <Title>{}</Title>\n",
            u8::from(self.is_queryable),
            escaped(&self.name),
            escaped(&self.title)
        );
        let key = version.crs();
        for (name, _, _) in &self.systems {
            // The older version has coordinates of x and y alone.
            if !(version == Version::V111 && name.starts_with("CRS")) {
                let _infallible = writeln!(text, "        <{key}>{name}</{key}>");
            }
        }
        let Bounds {
            west,
            south,
            east,
            north,
        } = self.bounds;
        let _infallible = match version {
            Version::V111 => writeln!(
                text,
                "        <LatLonBoundingBox minx=\"{west}\" miny=\"{south}\" maxx=\"{east}\" \
                 maxy=\"{north}\"/>"
            ),
            Version::V130 => writeln!(
                text,
                "        <EX_GeographicBoundingBox>\
                 <westBoundLongitude>{west}</westBoundLongitude>\
                 <eastBoundLongitude>{east}</eastBoundLongitude>\
                 <southBoundLatitude>{south}</southBoundLatitude>\
                 <northBoundLatitude>{north}</northBoundLatitude>\
                 </EX_GeographicBoundingBox>"
            ),
        };
        text += &self.rectangles(version);
        text += &self.dimension(version);
        if let Some(credit) = &self.credit {
            let credit = escaped(credit);
            let _infallible = writeln!(
                text,
                "        <Attribution><Title>{credit}</Title></Attribution>"
            );
        }
        for (name, title, legend) in &self.styles {
            let _infallible = write!(
                text,
                "        <Style><Name>{}</Name><Title>{}</Title>",
                escaped(name),
                escaped(title)
            );
            if let Some(address) = legend {
                let [width, height] = LEGEND;
                let _infallible = write!(
                    text,
                    "<LegendURL width=\"{width}\" height=\"{height}\"><Format>image/png</Format>\
                     <OnlineResource xmlns:xlink=\"http://www.w3.org/1999/xlink\" \
                     xlink:type=\"simple\" xlink:href=\"{}\"/></LegendURL>",
                    escaped(address)
                );
            }
            text += "</Style>\n";
        }
        text + "      </Layer>\n"
    }

    fn rectangles(&self, version: Version) -> String {
        let key = version.crs();
        let mut text = String::new();
        for (name, bounds, is_north_first) in &self.systems {
            let Some(bounds) = bounds else { continue };
            let is_old = version == Version::V111;
            if is_old && name.starts_with("CRS") {
                continue;
            }
            let [west, south, east, north] = bounds.to_array();
            let [left, low, right, high] = if *is_north_first && !is_old {
                [south, west, north, east]
            } else {
                [west, south, east, north]
            };
            let _infallible = writeln!(
                text,
                "        <BoundingBox {key}=\"{name}\" minx=\"{left}\" miny=\"{low}\" \
                 maxx=\"{right}\" maxy=\"{high}\"/>"
            );
        }
        text
    }

    fn dimension(&self, version: Version) -> String {
        let Some(newest) = self.times.last() else {
            return String::new();
        };
        let all = self.times.join(",");
        match version {
            Version::V111 => format!(
                "        <Dimension name=\"time\" units=\"ISO8601\"/>\n        \
                 <Extent name=\"time\" default=\"{newest}\" nearestValue=\"0\">{all}</Extent>\n"
            ),
            Version::V130 => format!(
                "        <Dimension name=\"time\" units=\"ISO8601\" default=\"{newest}\" \
                 nearestValue=\"0\">{all}</Dimension>\n"
            ),
        }
    }
}
