//! What documents tell of a cube, or of a data set of somebody else, and their addresses.

use std::sync::Arc;

use axum::{Json, http::HeaderMap};
use futures::future::join_all;
use serde_json::Value;

use super::{
    ApiError, AppState,
    about::{About, Served},
    access::Caller,
    cubes, externals,
    links::base_url,
    query::TileQuery,
};
use crate::{
    catalog::{Entry, ExternalEntry},
    dataset::{Axis, AxisValues, cf::Role},
    external::External,
    grid::{Bounds, Grid, TileMatrixSet},
    tile,
    zarr::StoredCube,
};

/// Time steps that are listed: of a data set that has more, the newest.
const LISTED_STEPS: usize = 4096;

/// Time steps that are put in order.
const SORTED_STEPS: usize = 65_536;

/// A cube or data set that the caller may read, at a state.
pub(super) struct Shown {
    pub(super) kind: Kind,
    /// In degrees.
    pub(super) bounds: Bounds,
    /// Longitude and latitude of the middle.
    pub(super) middle: (f64, f64),
    /// The finest cells.
    pub(super) grid: Grid,
    pub(super) data_type: String,
    /// The first and the deepest useful zoom of `WebMercatorQuad`.
    web_zooms: (i8, i8),
}

/// Whose it is.
pub(super) enum Kind {
    Cube(Arc<Entry>, Box<StoredCube>),
    External(Arc<ExternalEntry>, Arc<External>),
}

impl Shown {
    /// What is at an address, which the layer of the route has checked, for a query of
    /// tiles that is checked here, so that a typo shows before a thousand tiles fail.
    pub(super) async fn of(
        state: &AppState,
        name: &str,
        query: &TileQuery,
    ) -> Result<Self, ApiError> {
        Self::about(state, &About::named(state, name, None), query).await
    }

    /// [`Shown::of`] what a request is about.
    pub(super) async fn about(
        state: &AppState,
        about: &About,
        query: &TileQuery,
    ) -> Result<Self, ApiError> {
        let coloring = query.coloring()?;
        match &about.served {
            Served::External(entry) => Self::external(Arc::clone(entry), query).await,
            Served::Cube(name) => {
                let entry = state.tiles.catalog().get(name)?;
                let stored = entry.current().await;
                cubes::check(&stored, query, coloring.as_ref())?;
                Ok(Self::cube(entry, stored))
            }
        }
    }

    /// The same without a query.
    pub(super) async fn named(state: &AppState, name: &str) -> Result<Self, ApiError> {
        Self::of(state, name, &TileQuery::default()).await
    }

    /// All that the caller may read; but for data sets that nothing can be shown of, which
    /// say why when they are asked for themselves.
    pub(super) async fn all(state: &AppState, caller: &Caller) -> Vec<Self> {
        let catalog = state.tiles.catalog();
        let (mut own, mut others) = (catalog.entries(), catalog.externals());
        own.retain(|entry| state.guard.shows(caller, entry.name()));
        others.retain(|entry| state.guard.shows(caller, entry.name()));
        let own = own.into_iter().map(|entry| async {
            let stored = entry.current().await;
            Self::cube(entry, stored)
        });
        let query = TileQuery::default();
        let others = others
            .into_iter()
            .map(|entry| Self::external(entry, &query));
        let (own, others) = futures::join!(join_all(own), join_all(others));
        own.into_iter()
            .chain(others.into_iter().flatten())
            .collect()
    }

    fn cube(entry: Arc<Entry>, stored: StoredCube) -> Self {
        Self {
            bounds: stored.footprint.bounds(),
            middle: stored.footprint.center(),
            grid: *stored.cube.pyramid().base(),
            data_type: "uint16".to_owned(),
            web_zooms: cubes::zooms(&stored),
            kind: Kind::Cube(entry, Box::new(stored)),
        }
    }

    async fn external(entry: Arc<ExternalEntry>, query: &TileQuery) -> Result<Self, ApiError> {
        let external = entry.source().current().await;
        let extent = externals::extent(&external, query)?;
        let bounds = extent.bounds;
        Ok(Self {
            bounds,
            middle: (
                bounds.west.midpoint(bounds.east),
                bounds.south.midpoint(bounds.north),
            ),
            grid: extent.grid,
            data_type: extent.data_type,
            web_zooms: (extent.minzoom, extent.maxzoom),
            kind: Kind::External(entry, external),
        })
    }

    pub(super) fn name(&self) -> &str {
        match &self.kind {
            Kind::Cube(entry, _) => entry.name(),
            Kind::External(entry, _) => entry.name(),
        }
    }

    pub(super) fn title(&self) -> String {
        match &self.kind {
            Kind::Cube(entry, stored) => cubes::title(entry, stored),
            Kind::External(entry, external) => externals::title(entry, external),
        }
    }

    pub(super) fn credit(&self) -> Option<&str> {
        match &self.kind {
            Kind::Cube(_, stored) => stored.cube.recipe().attribution.as_deref(),
            Kind::External(..) => None,
        }
    }

    /// The zooms of a set at which the whole is about one tile, and the deepest that shows
    /// more than the one before; none if it has no place in the set.
    pub(super) fn zooms(&self, set: TileMatrixSet) -> Option<(i8, i8)> {
        if set == TileMatrixSet::WebMercatorQuad {
            return Some(self.web_zooms);
        }
        tile::zooms_in(set, &self.grid, self.middle)
    }

    /// The sets that are for where it is.
    pub(super) fn sets(&self) -> impl Iterator<Item = TileMatrixSet> {
        let is_in = |set: &TileMatrixSet| set.is_for(self.bounds) && self.zooms(*set).is_some();
        TileMatrixSet::ALL.into_iter().filter(is_in)
    }

    /// The dimension of time, if there is one.
    pub(super) fn time_name(&self) -> Option<&str> {
        match &self.kind {
            Kind::Cube(..) => Some("time"),
            Kind::External(_, external) => time_axis(external).map(|axis| &*axis.name),
        }
    }

    /// The beginnings of the time steps, to the second; the newest is the last.
    pub(super) fn instants(&self) -> Vec<String> {
        match &self.kind {
            Kind::Cube(_, stored) => {
                let starts = stored.cube.times().starts().iter();
                starts.map(|day| format!("{day}T00:00:00Z")).collect()
            }
            Kind::External(_, external) => time_axis(external).map_or_else(Vec::new, |axis| {
                let mut all = in_order(axis);
                all.dedup();
                all.drain(..all.len().saturating_sub(LISTED_STEPS));
                all
            }),
        }
    }

    /// From the beginning of the first time step to the end of the last.
    pub(super) fn interval(&self) -> [Option<String>; 2] {
        match &self.kind {
            Kind::Cube(_, stored) => {
                let times = stored.cube.times();
                let days = [times.days(0).start, times.days(times.len() - 1).end];
                days.map(|day| Some(format!("{day}T00:00:00Z")))
            }
            Kind::External(_, external) => {
                let all = time_axis(external).map(in_order).unwrap_or_default();
                [all.first().cloned(), all.last().cloned()]
            }
        }
    }
}

/// The decoded dimension of time of what is shown without a query.
pub(super) fn time_axis(external: &External) -> Option<&Axis> {
    let axes = &external.dataset.variables.first()?.axes;
    let is_decoded =
        |axis: &&Arc<Axis>| axis.role == Role::Time && matches!(axis.values, AxisValues::Times(_));
    axes.iter().find(is_decoded).map(AsRef::as_ref)
}

/// The instants of a dimension of time from the oldest to the newest: they may be stored in
/// any order. Of a very long one, which is not sorted for an answer, as they are.
pub(super) fn in_order(axis: &Axis) -> Vec<String> {
    let listed = if axis.len > SORTED_STEPS {
        axis.len - LISTED_STEPS..axis.len
    } else {
        0..axis.len
    };
    let mut instants: Vec<String> = listed.map(|step| instant(axis, step)).collect();
    instants.sort_unstable();
    instants
}

/// As the services of maps write it: labels of data sets leave the zone out, and have
/// fractions of seconds, which are too fine for programs that choose by it.
fn instant(axis: &Axis, step: usize) -> String {
    let label = axis.label(step);
    if !label.contains('T') || label.ends_with('Z') {
        return label;
    }
    let seconds = label.split('.').next().unwrap_or_default();
    format!("{seconds}Z")
}

/// What is told of one, by an address that names it.
pub(super) async fn described(
    state: &AppState,
    cube: &str,
    caller: Caller,
    headers: &HeaderMap,
    tell: impl Fn(&Shown, &Addresses) -> Value,
) -> Result<Json<Value>, ApiError> {
    let shown = Shown::named(state, cube).await?;
    let to = Addresses::new(state, caller, headers);
    Ok(Json(tell(&shown, &to)))
}

/// What is told of each that the caller may read, and addresses.
pub(super) async fn all_described(
    state: &AppState,
    caller: Caller,
    headers: &HeaderMap,
    tell: impl Fn(&Shown, &Addresses) -> Value,
) -> (Vec<Value>, Addresses) {
    let shown = Shown::all(state, &caller).await;
    let to = Addresses::new(state, caller, headers);
    (shown.iter().map(|shown| tell(shown, &to)).collect(), to)
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
