//! The capabilities document of a Web Map Tile Service.
//!
//! Source: OGC 07-057r7 (WMTS 1.0.0) and its schemas, which want the elements in this
//! order.

use crate::http::ogc::escaped;
use std::fmt::Write as _;

use crate::{
    grid::{Bounds, TileMatrixSet},
    http::limits::Limits,
};

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
    /// The sets that it has tiles of, and which.
    pub(super) sets: Vec<(TileMatrixSet, Vec<Limits>)>,
    /// The address of a picture of its legend, if there can be one.
    pub(super) legend: Option<String>,
    /// Media types, and the templates of addresses of tiles.
    pub(super) tiles: Vec<(&'static str, String)>,
    /// The same of the values of pixels.
    pub(super) infos: Vec<(&'static str, String)>,
}

impl Capabilities<'_> {
    pub(super) fn to_xml(&self) -> String {
        let (title, address) = (escaped(self.title), escaped(&self.address));
        let operations = self.operations();
        let layers: String = self.layers.iter().map(Layer::to_xml).collect();
        let deepest = |set: TileMatrixSet| {
            let all = self.layers.iter().flat_map(|layer| &layer.sets);
            let own = all.filter(|(other, _)| *other == set);
            own.filter_map(|(_, limits)| limits.last())
                .map(|last| last.zoom)
                .max()
        };
        let matrices: String = (TileMatrixSet::ALL.into_iter())
            .filter_map(|set| Some(matrix_set(set, deepest(set)?)))
            .collect();
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
        let address = escaped(&self.keys_and_values);
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
        let (name, title) = (escaped(&self.name), escaped(&self.title));
        let credit = self.credit.as_deref().map_or_else(String::new, |credit| {
            format!("      <ows:Abstract>{}</ows:Abstract>\n", escaped(credit))
        });
        let Bounds {
            west,
            south,
            east,
            north,
        } = self.bounds;
        let formats = listed("Format", &self.tiles) + &listed("InfoFormat", &self.infos);
        let (dimension, sets) = (self.dimension(), self.sets());
        let legend = self.legend.as_deref().map_or_else(String::new, |address| {
            let address = escaped(address);
            format!("        <LegendURL format=\"image/png\" xlink:href=\"{address}\"/>\n")
        });
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
{legend}      </Style>
{formats}{dimension}{sets}{templates}    </Layer>
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

    /// The sets, and the tiles of each zoom that there are.
    fn sets(&self) -> String {
        let mut text = String::new();
        for (set, limits) in &self.sets {
            let _infallible = writeln!(
                text,
                "      <TileMatrixSetLink>\n        <TileMatrixSet>{}</TileMatrixSet>\n        \
                 <TileMatrixSetLimits>",
                set.id()
            );
            for Limits { zoom, cols, rows } in limits {
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
            text.push_str("        </TileMatrixSetLimits>\n      </TileMatrixSetLink>\n");
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
        let template = escaped(template);
        format!(
            "      <ResourceURL format=\"{media_type}\" resourceType=\"{kind}\" \
             template=\"{template}\"/>\n"
        )
    };
    of.iter().map(line).collect()
}

/// A set down to a zoom.
fn matrix_set(set: TileMatrixSet, deepest: i8) -> String {
    let mut matrices = String::new();
    let needed = set.matrices().iter();
    for matrix in needed.take_while(|matrix| matrix.zoom <= deepest) {
        let ([first, second], side) = (matrix.corner, matrix.tile);
        let _infallible = writeln!(
            matrices,
            "      <TileMatrix><ows:Identifier>{}</ows:Identifier>\
             <ScaleDenominator>{}</ScaleDenominator>\
             <TopLeftCorner>{first} {second}</TopLeftCorner>\
             <TileWidth>{side}</TileWidth><TileHeight>{side}</TileHeight>\
             <MatrixWidth>{}</MatrixWidth><MatrixHeight>{}</MatrixHeight></TileMatrix>",
            matrix.zoom, matrix.scale_denominator, matrix.cols, matrix.rows
        );
    }
    let crs = if set == TileMatrixSet::WorldCRS84Quad {
        "urn:ogc:def:crs:OGC:1.3:CRS84".to_owned()
    } else {
        format!("urn:ogc:def:crs:EPSG::{}", set.crs().0)
    };
    let scales = if set == TileMatrixSet::WebMercatorQuad {
        "      <WellKnownScaleSet>urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible\
         </WellKnownScaleSet>\n"
    } else {
        ""
    };
    format!(
        r"    <TileMatrixSet>
      <ows:Identifier>{}</ows:Identifier>
      <ows:SupportedCRS>{crs}</ows:SupportedCRS>
{scales}{matrices}    </TileMatrixSet>
",
        set.id()
    )
}

#[cfg(test)]
mod tests {
    use quick_xml::events::Event;

    use super::*;

    fn layer(name: &str, most_zoom: i8) -> Layer {
        let bounds = Bounds {
            west: 5.0,
            south: 43.0,
            east: 7.0,
            north: 44.0,
        };
        let set = TileMatrixSet::WebMercatorQuad;
        Layer {
            name: name.to_owned(),
            title: "Alps & <Riviera>".to_owned(),
            credit: Some("\"A\" & B".to_owned()),
            bounds,
            times: vec!["2023-08-01T00:00:00Z".to_owned()],
            sets: vec![(set, Limits::of(set, bounds, most_zoom))],
            legend: Some("http://h/legend.png?a=1&b=2".to_owned()),
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
