//! Times as protocols write them, as what selects them.

use crate::{
    http::{ApiError, AppState, shown::time_axis},
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
    Ok(match text.rsplit_once('/') {
        None => format!("{name}={text}"),
        Some((_, "" | "..")) => format!("{name}={}", axis.label(axis.len - 1)),
        Some((_, end)) => format!("{name}=pad::{end}"),
    })
}
