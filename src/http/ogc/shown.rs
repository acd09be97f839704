//! What the documents for geographic programs tell of a cube, and their addresses.

use std::sync::Arc;

use axum::http::HeaderMap;
use futures::future::join_all;

use crate::{
    catalog::{Entry, UnknownCube},
    grid::Bounds,
    http::{AppState, access::Caller, cubes, links::base_url},
    zarr::StoredCube,
};

/// A cube that the caller may read, at a state.
pub(super) struct Shown {
    entry: Arc<Entry>,
    pub(super) stored: StoredCube,
}

impl Shown {
    /// The cube of an address, which the layer of the route has checked.
    pub(super) async fn named(state: &AppState, cube: &str) -> Result<Self, UnknownCube> {
        Ok(Self::of(state.tiles.catalog().get(cube)?).await)
    }

    /// All that the caller may read.
    pub(super) async fn all(state: &AppState, caller: &Caller) -> Vec<Self> {
        let mut entries = state.tiles.catalog().entries();
        entries.retain(|entry| state.guard.shows(caller, entry.name()));
        join_all(entries.into_iter().map(Self::of)).await
    }

    async fn of(entry: Arc<Entry>) -> Self {
        let stored = entry.current().await;
        Self { entry, stored }
    }

    pub(super) fn name(&self) -> &str {
        self.entry.name()
    }

    pub(super) fn title(&self) -> String {
        cubes::title(&self.entry, &self.stored)
    }

    pub(super) fn credit(&self) -> Option<&str> {
        self.stored.cube.recipe().attribution.as_deref()
    }

    /// In degrees.
    pub(super) fn bounds(&self) -> Bounds {
        self.stored.footprint.bounds()
    }

    /// The deepest zoom that shows more than the one before.
    pub(super) fn most_zoom(&self) -> u8 {
        cubes::zooms(&self.stored).1
    }

    /// The beginnings of the time steps, to the second.
    pub(super) fn instants(&self) -> Vec<String> {
        let starts = self.stored.cube.times().starts().iter();
        starts.map(|day| format!("{day}T00:00:00Z")).collect()
    }

    /// From the beginning of the first time step to the end of the last.
    pub(super) fn interval(&self) -> [String; 2] {
        let times = self.stored.cube.times();
        let days = [times.days(0).start, times.days(times.len() - 1).end];
        days.map(|day| format!("{day}T00:00:00Z"))
    }
}

/// Addresses on this server as its client sees it. They have the token of the caller
/// if that came in an address.
pub(super) struct Addresses {
    pub(super) base: String,
    caller: Caller,
}

impl Addresses {
    pub(super) fn new(state: &AppState, caller: Caller, headers: &HeaderMap) -> Self {
        Self {
            base: base_url(headers, &state.server),
            caller,
        }
    }

    /// That of a path.
    pub(super) fn to(&self, path: &str) -> String {
        self.with(path, "")
    }

    /// That of a path with a query.
    pub(super) fn with(&self, path: &str, query: &str) -> String {
        let (base, query) = (&self.base, self.caller.carried_on(query.to_owned()));
        let separator = if query.is_empty() { "" } else { "?" };
        format!("{base}{path}{separator}{query}")
    }

    /// That of a path whose query a client completes.
    pub(super) fn open_ended(&self, path: &str, query: &str) -> String {
        let whole = self.with(path, query);
        let end = if whole.contains('?') { "&" } else { "?" };
        format!("{whole}{end}")
    }
}
