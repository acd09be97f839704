//! Cubes as the layers of a capabilities document: one a style.

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::capabilities::{Capabilities, Layer};
use crate::http::{
    ApiError, AppState,
    access::Caller,
    limits::Limits,
    ogc::{
        FORMATS,
        feature_info::InfoFormat,
        keys::{is_of_steps, joined, without_time},
        styles::{Style, styles},
    },
    query::TileQuery,
    shown::{Addresses, Shown},
};

pub(super) async fn capabilities_of(
    state: &AppState,
    cube: &str,
    query: &str,
    to: &Addresses,
) -> Result<Response, ApiError> {
    let style = without_time(query);
    let parsed = TileQuery::parse(&style)?;
    let shown = Shown::of(state, cube, &parsed).await?;
    let path = format!("/cubes/{cube}");
    Ok(told(&Capabilities {
        title: &shown.title(),
        address: to.with(&format!("{path}/WMTSCapabilities.xml"), &style),
        keys_and_values: to.open_ended(&format!("{path}/wmts"), &style),
        layers: layers(&shown, to, &style),
    }))
}

pub(super) async fn capabilities_of_all(
    state: &AppState,
    query: &str,
    caller: Caller,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    if !query.is_empty() {
        return Err(ApiError::new(
            StatusCode::BAD_REQUEST,
            format!("`{query}`: a style is of one cube; ask /cubes/{{cube}}/WMTSCapabilities.xml"),
        ));
    }
    let shown = Shown::all(state, &caller).await;
    let to = Addresses::new(state, caller, headers);
    Ok(told(&Capabilities {
        title: "CubeTiler",
        address: to.to("/WMTSCapabilities.xml"),
        keys_and_values: to.open_ended("/wmts", ""),
        layers: (shown.iter())
            .flat_map(|shown| layers(shown, &to, ""))
            .collect(),
    }))
}

/// A layer for each style; a query is a style of its own.
fn layers(shown: &Shown, to: &Addresses, query: &str) -> Vec<Layer> {
    let styles = if query.is_empty() {
        styles(shown)
    } else {
        vec![Style::default_with(query)]
    };
    (styles.iter())
        .map(|style| layer(shown, to, style))
        .collect()
}

fn layer(shown: &Shown, to: &Addresses, style: &Style) -> Layer {
    let cube = shown.name();
    // What is of several time steps has none to choose from.
    let is_of_steps = is_of_steps(&style.query);
    // The placeholder is for the client, and stays as it is.
    let step =
        (shown.time_name().filter(|_| !is_of_steps)).map(|name| format!("sel={name}={{time}}"));
    let query = joined(&step.unwrap_or_default(), &style.query);
    let template = |what: &str, place: &str| {
        let path = format!("/cubes/{cube}/{what}/{{TileMatrixSet}}/{place}");
        to.with(&path, &query)
    };
    let place = "{TileMatrix}/{TileCol}/{TileRow}";
    let tile = |(media_type, ending)| (media_type, template("tiles", &format!("{place}.{ending}")));
    let info = |format: InfoFormat| {
        let place = format!("{place}/{{I}}/{{J}}.{}", format.ending());
        (format.media_type(), template("featureinfo", &place))
    };
    // Version 1.0 has no words for merged tiles.
    let sets = shown.sets().filter(|set| !set.is_variable());
    let sets = sets.filter_map(|set| {
        let (_, last) = shown.zooms(set)?;
        Some((set, Limits::of(set, shown.bounds, last)))
    });
    Layer {
        name: style.layer(cube),
        title: style.titled(&shown.title()),
        credit: shown.credit().map(str::to_owned),
        bounds: shown.bounds,
        times: if is_of_steps {
            Vec::new()
        } else {
            shown.instants()
        },
        sets: sets.collect(),
        legend: (style.has_legend(shown))
            .then(|| to.with(&format!("/cubes/{cube}/legend.png"), &style.query)),
        tiles: FORMATS.map(tile).into(),
        infos: InfoFormat::ALL.map(info).into(),
    }
}

fn told(capabilities: &Capabilities<'_>) -> Response {
    let told = [
        (header::CONTENT_TYPE, "application/xml"),
        // New time steps show.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (told, capabilities.to_xml()).into_response()
}
