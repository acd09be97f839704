//! A cube as a Web Map Tile Service, with a time dimension.
//!
//! Source: OGC 07-057r7 (WMTS 1.0.0): a capabilities document, and tiles by templates of addresses. The
//! dimension is called `time` and lists its instants to the second, as QGIS wants it.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    extract::{Path, RawQuery, State},
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use quick_xml::escape::escape;

use super::{
    ApiError, AppState,
    access::Caller,
    cubes::{check, title, zooms},
    links::base_url,
    query::TileQuery,
};
use crate::{
    grid::{Bounds, tile_matrix::tiles_touched},
    zarr::StoredCube,
};

/// The one tile matrix set.
const SET: &str = "WebMercatorQuad";

/// Scale at zoom 0, with pixels of 0.28 mm (OGC 17-083r4, annex D.1).
const SCALE: f64 = 559_082_264.028_717_8;

/// Half of the square, in metres.
const HALF: f64 = 20_037_508.342_789_2;

/// The cube as a layer of a Web Map Tile Service (WMTS 1.0.0, by templates of addresses).
///
/// The query is the style of its tiles, as for TileJSON. A time that is chosen by it
/// is left out: the layer has all of them.
#[utoipa::path(
    get, path = "/cubes/{cube}/WMTSCapabilities.xml", tag = "tiles",
    params(("cube" = String, Path, description = "Name of the cube")),
    responses(
        (status = 200, description = "Capabilities", content_type = "application/xml"),
        (status = 400, description = "A parameter is wrong"),
        (status = 404, description = "There is no such cube"),
    )
)]
pub(super) async fn capabilities(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    RawQuery(query): RawQuery,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let query = without_time(&query.unwrap_or_default());
    // Checked here, so that a typo shows before a thousand tiles fail.
    let parsed = TileQuery::parse(&query)?;
    let coloring = parsed.coloring()?;
    let entry = state.tiles.catalog().get(&cube)?;
    let stored = entry.current().await;
    check(&stored, &parsed, coloring.as_ref())?;
    let base = base_url(&headers, &state.server);
    let query = caller.carried_on(query);
    let separator = if query.is_empty() { "" } else { "&" };
    let layer = Layer {
        name: &cube,
        title: &title(&entry, &stored),
        credit: stored.cube.recipe().attribution.as_deref(),
        bounds: stored.footprint.bounds(),
        times: times(&stored),
        most_zoom: zooms(&stored).1,
        template: format!(
            "{base}/cubes/{cube}/tiles/{SET}/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.png?sel=time={{time}}{separator}{query}"
        ),
        address: format!("{base}/cubes/{cube}/WMTSCapabilities.xml"),
    };
    let told = [
        (header::CONTENT_TYPE, "application/xml"),
        // New time steps show.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Ok((told, layer.to_xml()).into_response())
}

/// A query without what selects a time.
fn without_time(query: &str) -> String {
    let is_time = |pair: &&str| pair.split('=').next() == Some("sel");
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_time(pair)).collect();
    kept.join("&")
}

/// The instants of the time steps.
fn times(stored: &StoredCube) -> Vec<String> {
    let starts = stored.cube.times().starts().iter();
    starts.map(|day| format!("{day}T00:00:00Z")).collect()
}

/// What a capabilities document says.
struct Layer<'a> {
    name: &'a str,
    title: &'a str,
    credit: Option<&'a str>,
    /// In degrees.
    bounds: Bounds,
    times: Vec<String>,
    most_zoom: u8,
    template: String,
    /// Of the document itself.
    address: String,
}

impl Layer<'_> {
    fn to_xml(&self) -> String {
        let (name, title) = (escape(self.name), escape(self.title));
        let credit = self.credit.map_or_else(String::new, |credit| {
            format!("      <ows:Abstract>{}</ows:Abstract>\n", escape(credit))
        });
        let Bounds {
            west,
            south,
            east,
            north,
        } = self.bounds;
        let (dimension, limits, matrices) = (self.dimension(), self.limits(), self.matrices());
        let (template, address) = (escape(&*self.template), escape(&*self.address));
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<Capabilities xmlns="http://www.opengis.net/wmts/1.0" xmlns:ows="http://www.opengis.net/ows/1.1" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="http://www.opengis.net/wmts/1.0 http://schemas.opengis.net/wmts/1.0/wmtsGetCapabilities_response.xsd" version="1.0.0">
  <ows:ServiceIdentification>
    <ows:Title>{title}</ows:Title>
    <ows:ServiceType>OGC WMTS</ows:ServiceType>
    <ows:ServiceTypeVersion>1.0.0</ows:ServiceTypeVersion>
  </ows:ServiceIdentification>
  <Contents>
    <Layer>
      <ows:Title>{title}</ows:Title>
{credit}      <ows:WGS84BoundingBox>
        <ows:LowerCorner>{west} {south}</ows:LowerCorner>
        <ows:UpperCorner>{east} {north}</ows:UpperCorner>
      </ows:WGS84BoundingBox>
      <ows:Identifier>{name}</ows:Identifier>
      <Style isDefault="true">
        <ows:Identifier>default</ows:Identifier>
      </Style>
      <Format>image/png</Format>
{dimension}      <TileMatrixSetLink>
        <TileMatrixSet>{SET}</TileMatrixSet>
        <TileMatrixSetLimits>
{limits}        </TileMatrixSetLimits>
      </TileMatrixSetLink>
      <ResourceURL format="image/png" resourceType="tile" template="{template}"/>
    </Layer>
    <TileMatrixSet>
      <ows:Identifier>{SET}</ows:Identifier>
      <ows:SupportedCRS>urn:ogc:def:crs:EPSG::3857</ows:SupportedCRS>
      <WellKnownScaleSet>urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible</WellKnownScaleSet>
{matrices}    </TileMatrixSet>
  </Contents>
  <ServiceMetadataURL xlink:href="{address}"/>
</Capabilities>
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

    fn matrices(&self) -> String {
        let mut text = String::new();
        for zoom in 0..=self.most_zoom {
            let side = 1_u32 << zoom;
            let scale = SCALE / f64::from(side);
            let _infallible = writeln!(
                text,
                "      <TileMatrix><ows:Identifier>{zoom}</ows:Identifier>\
                 <ScaleDenominator>{scale}</ScaleDenominator>\
                 <TopLeftCorner>-{HALF} {HALF}</TopLeftCorner>\
                 <TileWidth>256</TileWidth><TileHeight>256</TileHeight>\
                 <MatrixWidth>{side}</MatrixWidth><MatrixHeight>{side}</MatrixHeight></TileMatrix>"
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use quick_xml::events::Event;

    use super::*;

    #[test]
    fn the_style_stays_in_the_query_and_the_time_does_not() {
        let query = "variable=red&sel=time=2023-08-01&rescale=0,3000";
        assert_eq!(without_time(query), "variable=red&rescale=0,3000");
        assert_eq!(without_time(""), "");
        assert_eq!(without_time("sel=time%3D2023-08-01"), "");
    }

    #[test]
    fn names_of_people_do_not_break_the_document() {
        let layer = Layer {
            name: "alps",
            title: "Alps & <Riviera>",
            credit: Some("\"A\" & B"),
            bounds: Bounds {
                west: 5.0,
                south: 43.0,
                east: 7.0,
                north: 44.0,
            },
            times: vec!["2023-08-01T00:00:00Z".to_owned()],
            most_zoom: 2,
            template: "http://h/{TileMatrix}?a=1&b=2".to_owned(),
            address: "http://h/WMTSCapabilities.xml".to_owned(),
        };
        let text = layer.to_xml();
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
}
