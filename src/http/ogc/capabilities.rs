//! The capabilities document of a Web Map Tile Service.
//!
//! Source: OGC 07-057r7 (WMTS 1.0.0) and its schemas, which want the elements in this
//! order.

use std::fmt::Write as _;

use quick_xml::escape::escape;

use super::SET;
use crate::grid::{
    Bounds,
    tile_matrix::{HALF_SIDE, tiles_touched},
};

/// Scale at zoom 0: of tiles of 256 pixels, of which each is 0.28 mm (OGC 17-083r4).
const SCALE: f64 = 2.0 * HALF_SIDE / 256.0 / 0.28e-3;

/// What a capabilities document says.
pub(super) struct Capabilities<'a> {
    pub(super) title: &'a str,
    /// Of the document itself.
    pub(super) address: String,
    /// To which keys and values are appended.
    pub(super) keys_and_values: String,
    pub(super) layers: Vec<Layer>,
}

/// What it says of a layer.
pub(super) struct Layer {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) credit: Option<String>,
    /// In degrees.
    pub(super) bounds: Bounds,
    /// The instants of the time steps.
    pub(super) times: Vec<String>,
    pub(super) most_zoom: u8,
    /// Media types, and the templates of addresses of tiles.
    pub(super) tiles: Vec<(&'static str, String)>,
    /// The same of the values of pixels.
    pub(super) infos: Vec<(&'static str, String)>,
}

impl Capabilities<'_> {
    pub(super) fn to_xml(&self) -> String {
        let (title, address) = (escape(self.title), escape(&*self.address));
        let operations = self.operations();
        let layers: String = self.layers.iter().map(Layer::to_xml).collect();
        let deepest = self.layers.iter().map(|layer| layer.most_zoom).max();
        let matrices = deepest.map_or_else(String::new, matrix_set);
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.opengis.net/wmts/1.0 http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd" version="1.0.0">
  <ows:ServiceIdentification>
    <ows:Title>{title}</ows:Title>
    <ows:ServiceType>OGC WMTS</ows:ServiceType>
    <ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion>
  </ows:ServiceIdentification>
  <ows:OperationsMetadata>
{operations}  </ows:OperationsMetadata>
  <Contents>
{layers}{matrices}  </Contents>
  <ServiceMetadataURL xlink:href="{address}"/>
</Capabilities>
"#
        )
    }

    /// Where keys and values are sent to. That there are templates too is told by the
    /// layers.
    fn operations(&self) -> String {
        let address = escape(&*self.keys_and_values);
        let operation = |name| {
            format!(
                "    <ows:Operation name=\"{name}\"><ows:DCP><ows:HTTP>\
                 <ows:Get xlink:href=\"{address}\"><ows:Constraint name=\"GetEncoding\">\
                 <ows:AllowedValues><ows:Value>KVP</ows:Value></ows:AllowedValues>\
                 </ows:Constraint></ows:Get></ows:HTTP></ows:DCP></ows:Operation>\n"
            )
        };
        ["GetCapabilities", "GetTile", "GetFeatureInfo"]
            .map(operation)
            .concat()
    }
}

impl Layer {
    fn to_xml(&self) -> String {
        let (name, title) = (escape(&*self.name), escape(&*self.title));
        let credit = self.credit.as_deref().map_or_else(String::new, |credit| {
            format!("      <ows:Abstract>{}</ows:Abstract>\n", escape(credit))
        });
        let Bounds {
            west,
            south,
            east,
            north,
        } = self.bounds;
        let formats = listed("Format", &self.tiles) + &listed("InfoFormat", &self.infos);
        let (dimension, limits) = (self.dimension(), self.limits());
        let templates = templates("tile", &self.tiles) + &templates("FeatureInfo", &self.infos);
        format!(
            r#"    <Layer>
      <ows:Title>{title}</ows:Title>
{credit}      <ows:WGS84BoundingBox>
        <ows:LowerCorner>{west} {south}</ows:LowerCorner>
        <ows:UpperCorner>{east} {north}</ows:UpperCorner>
      </ows:WGS84BoundingBox>
      <ows:Identifier>{name}</ows:Identifier>
      <Style isDefault="true">
        <ows:Identifier>default</ows:Identifier>
      </Style>
{formats}{dimension}      <TileMatrixSetLink>
        <TileMatrixSet>{SET}</TileMatrixSet>
        <TileMatrixSetLimits>
{limits}        </TileMatrixSetLimits>
      </TileMatrixSetLink>
{templates}    </Layer>
"#
        )
    }

    fn dimension(&self) -> String {
        let Some(newest) = self.times.last() else {
            return String::new();
        };
        let mut values = String::new();
        for time in &self.times {
            let _infallible = writeln!(values, "        <Value>{time}</Value>");
        }
        format!(
            "      <Dimension>\n        <ows:Identifier>time</ows:Identifier>\n        \
             <Default>{newest}</Default>\n{values}      </Dimension>\n"
        )
    }

    /// The tiles of each zoom that there are.
    fn limits(&self) -> String {
        let mut text = String::new();
        for zoom in 0..=self.most_zoom {
            let [cols, rows] = tiles_touched(self.bounds, zoom);
            let _infallible = writeln!(
                text,
                "          <TileMatrixLimits><TileMatrix>{zoom}</TileMatrix>\
                 <MinTileRow>{}</MinTileRow><MaxTileRow>{}</MaxTileRow>\
                 <MinTileCol>{}</MinTileCol><MaxTileCol>{}</MaxTileCol></TileMatrixLimits>",
                rows.start(),
                rows.end(),
                cols.start(),
                cols.end()
            );
        }
        text
    }
}

fn listed(element: &str, of: &[(&str, String)]) -> String {
    let line =
        |(media_type, _): &(&str, String)| format!("      <{element}>{media_type}</{element}>\n");
    of.iter().map(line).collect()
}

fn templates(kind: &str, of: &[(&str, String)]) -> String {
    let line = |(media_type, template): &(&str, String)| {
        let template = escape(&**template);
        format!(
            "      <ResourceURL format=\"{media_type}\" resourceType=\"{kind}\" \
             template=\"{template}\"/>\n"
        )
    };
    of.iter().map(line).collect()
}

/// The matrix set down to a zoom.
fn matrix_set(deepest: u8) -> String {
    let mut matrices = String::new();
    for zoom in 0..=deepest {
        let side = 1_u32 << zoom;
        let scale = SCALE / f64::from(side);
        let _infallible = writeln!(
            matrices,
            "      <TileMatrix><ows:Identifier>{zoom}</ows:Identifier>\
             <ScaleDenominator>{scale}</ScaleDenominator>\
             <TopLeftCorner>-{HALF_SIDE} {HALF_SIDE}</TopLeftCorner>\
             <TileWidth>256</TileWidth><TileHeight>256</TileHeight>\
             <MatrixWidth>{side}</MatrixWidth><MatrixHeight>{side}</MatrixHeight></TileMatrix>"
        );
    }
    format!(
        r"    <TileMatrixSet>
      <ows:Identifier>{SET}</ows:Identifier>
      <ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS>
      <WellKnownScaleSet>urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible</WellKnownScaleSet>
{matrices}    </TileMatrixSet>
"
    )
}

#[cfg(test)]
mod tests {
    use quick_xml::events::Event;

    use super::*;

    fn layer(name: &str, most_zoom: u8) -> Layer {
        Layer {
            name: name.to_owned(),
            title: "Alps & <Riviera>".to_owned(),
            credit: Some("\"A\" & B".to_owned()),
            bounds: Bounds {
                west: 5.0,
                south: 43.0,
                east: 7.0,
                north: 44.0,
            },
            times: vec!["2023-08-01T00:00:00Z".to_owned()],
            most_zoom,
            tiles: vec![("image/png", "http://h/{TileMatrix}?a=1&b=2".to_owned())],
            infos: vec![("text/plain", "http://h/{I}/{J}.txt?a=1&b=2".to_owned())],
        }
    }

    fn document(layers: Vec<Layer>) -> String {
        Capabilities {
            title: "A & B",
            address: "http://h/WMTSCapabilities.xml".to_owned(),
            keys_and_values: "http://h/wmts?a=1&b=2&".to_owned(),
            layers,
        }
        .to_xml()
    }

    #[test]
    fn names_of_people_do_not_break_the_document() {
        let text = document(vec![layer("alps", 2)]);
        let mut reader = quick_xml::Reader::from_str(&text);
        reader.config_mut().check_end_names = true;
        let mut open = 0;
        loop {
            let event = reader.read_event().unwrap();
            open += i32::from(matches!(event, Event::Start(_)));
            open -= i32::from(matches!(event, Event::End(_)));
            if matches!(event, Event::Eof) {
                break;
            }
        }
        assert_eq!(open, 0);
        assert!(text.contains("Alps &amp; &lt;Riviera&gt;"), "{text}");
        assert!(text.contains("?a=1&amp;b=2\"/>"), "{text}");
        assert_eq!(text.matches("<TileMatrixLimits>").count(), 3);
    }

    #[test]
    fn the_matrix_set_is_that_of_the_deepest_layer_and_none_without_a_layer() {
        let text = document(vec![layer("alps", 2), layer("coast", 4)]);
        assert_eq!(text.matches("<TileMatrix>").count(), 5 + 3 + 5);
        assert_eq!(text.matches("<ScaleDenominator>").count(), 5);
        assert!(!document(Vec::new()).contains("TileMatrixSet"));
    }
}
