//! Times as protocols write them, as what selects them.

use axum::http::StatusCode;

use crate::{
    http::{
        ApiError, AppState,
        shown::{in_order, time_axis},
    },
    tile::TileError,
};

/// Whether a client has sent the placeholder of a template: it means the newest.
pub(super) fn is_placeholder(time: &str) -> bool {
    time.eq_ignore_ascii_case("{time}")
}

/// What selects an instant of a cube or data set.
pub(super) fn sel_at(state: &AppState, cube: &str, time: &str) -> String {
    let external = state.tiles.catalog().external(cube);
    let external = external.map(|entry| entry.source().served());
    let axis = external.as_ref().and_then(|external| time_axis(external));
    format!("{}={time}", axis.map_or("time", |axis| &*axis.name))
}

/// What selects the newest time step of a cube or data set within an interval
/// (`start/end`, where `..` is open) or at an instant.
pub(super) fn sel_during(state: &AppState, cube: &str, text: &str) -> Result<String, ApiError> {
    let Some(entry) = state.tiles.catalog().external(cube) else {
        let stored = state.tiles.catalog().get(cube)?.served();
        let step = stored.cube.step_during(text);
        let step = step.map_err(TileError::Select)?;
        let day = stored.cube.times().days(step).start;
        return Ok(format!("time={day}"));
    };
    let external = entry.source().served();
    let Some(axis) = time_axis(&external).filter(|axis| axis.len > 0) else {
        return Ok(format!("time={text}"));
    };
    let name = &axis.name;
    let Some((start, end)) = text.split_once('/') else {
        return Ok(format!("{name}={text}"));
    };
    let is_open = |side: &str| matches!(side, "" | "..");
    // An end that is a day or a month is all of it.
    let is_within = |label: &String| {
        (is_open(start) || label.as_str() >= start)
            && (is_open(end) || label.get(..end.len()).unwrap_or(label) <= end)
    };
    let newest = in_order(axis).into_iter().rfind(is_within);
    let newest = newest.ok_or_else(|| {
        let text = format!("no time of `{name}` is within {text}");
        ApiError::new(StatusCode::BAD_REQUEST, text)
    })?;
    Ok(format!("{name}={newest}"))
}
