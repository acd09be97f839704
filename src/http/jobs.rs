//! Fills on demand. Who may ask for them is found out by the layer of the routes.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{Path, Query, State, rejection::JsonRejection, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{Stream, StreamExt as _, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::{
    ApiError, AppState,
    access::{Caller, Deed},
    links::base_url,
};
use crate::{
    build::{Followed, Job, JobError, JobEvent, JobFilter, JobRequest, JobState},
    config::Scope,
    suggest,
};

/// What is to be filled: an area, in one way or not at all (the whole cube), and
/// an interval.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "a body as it is sent")]
pub(super) struct Backfill {
    /// `[west, south, east, north]` in degrees.
    bbox: Option<[f64; 4]>,
    /// A `GeoJSON` object with polygons, in degrees.
    geometry: Option<Value>,
    /// A tile of `WebMercatorQuad`: `z/x/y`.
    tile: Option<String>,
    /// Time step, chunk row and chunk column of each chunk.
    chunks: Option<Vec<[usize; 3]>>,
    /// Days, both inclusive: `2023-08-01/2023-08-31`; all time steps if absent.
    datetime: Option<String>,
    /// Build also what is done.
    force: bool,
    /// Build also what failed before.
    retry_failed: bool,
    /// Build again what is complete of the time steps that are not settled, and
    /// nothing else.
    refresh: bool,
    /// Tell the plan and build nothing.
    dry_run: bool,
}

impl From<Backfill> for JobRequest {
    fn from(body: Backfill) -> Self {
        Self {
            bbox: body.bbox,
            geometry: body.geometry,
            tile: body.tile,
            chunks: body.chunks,
            datetime: body.datetime,
            force: body.force,
            retry_failed: body.retry_failed,
            refresh: body.refresh,
            settled: None,
        }
    }
}

/// Builds what is missing.
#[utoipa::path(
    post, path = "/admin/cubes/{cube}/backfill", tag = "admin", security(("admin" = [])),
    params(("cube" = String, Path, description = "Name of the cube")),
    request_body = Backfill,
    responses(
        (status = 202, description = "A job has begun; one with nothing to do is done already"),
        (status = 200, description = "The plan of a dry run, and about what it takes"),
        (status = 400, description = "The body is no JSON"),
        (status = 401, description = "A token is needed"),
        (status = 403, description = "The admin API is off, or the token lacks a scope or the cube"),
        (status = 404, description = "No such cube"),
        (status = 415, description = "The body is not sent as `application/json`"),
        (status = 422, description = "The request makes no plan"),
        (status = 503, description = "Too much waits already"),
        (status = 507, description = "The cube takes as much room as it may"),
    )
)]
pub(super) async fn backfill(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Backfill>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(body) = body.map_err(|rejection| wrong_body(&rejection))?;
    let is_dry = body.dry_run;
    let request = JobRequest::from(body);
    if is_dry {
        let plan = planned(&state, &cube, request).await;
        return Ok((Extension(Deed::DryRun), plan).into_response());
    }
    let job = state.jobs.begin(&cube, request).await?;
    Ok(accepted(&state, &headers, job))
}

async fn planned(
    state: &AppState,
    cube: &str,
    request: JobRequest,
) -> Result<Json<Value>, ApiError> {
    let (plan, estimate) = state.jobs.plan(cube, request).await?;
    let mut told = json!(plan.counts);
    told["estimate"] = json!(estimate);
    told["batches"] = json!(plan.batches.len());
    Ok(Json(told))
}

fn accepted(state: &AppState, headers: &HeaderMap, job: Job) -> Response {
    let place = format!("{}/admin/jobs/{}", base_url(headers, &state.server), job.id);
    let told = [(header::LOCATION, place)];
    let deed = Extension(Deed::of(&job));
    (StatusCode::ACCEPTED, deed, told, Json(job)).into_response()
}

/// A job. Of another cube than those of the caller's token there is none.
async fn found(state: &AppState, caller: &Caller, id: &str) -> Result<Job, ApiError> {
    let job = state.jobs.get(id).await?;
    if caller.is_for(&job.cube) {
        Ok(job)
    } else {
        Err(JobError::Unknown(id.to_owned()).into())
    }
}

/// Which jobs are listed.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Listing {
    /// Of this cube only.
    cube: Option<String>,
    /// In this state only: queued, running, done, failed or cancelled.
    state: Option<String>,
    /// At most so many, 20 by default and 100 at most.
    limit: Option<u32>,
    /// Without so many of the newest.
    offset: Option<u32>,
}

/// The jobs of the cubes that the token is for, the newest first.
#[utoipa::path(
    get, path = "/admin/jobs", tag = "admin", security(("admin" = [])), params(Listing),
    responses((status = 200, description = "Jobs, without their failures"), (status = 400, description = "A parameter is wrong"))
)]
pub(super) async fn list(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    listing: Result<Query<Listing>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    const LIMIT: u32 = 20;
    const MOST: u32 = 100;
    let Query(listing) = listing.map_err(|rejection| wrong_query(&rejection))?;
    let named = |name: String| {
        JobState::named(&name).ok_or_else(|| {
            let names = JobState::ALL.map(JobState::name).join(", ");
            let text = format!("`state={name}`: one of {names}");
            ApiError::new(StatusCode::BAD_REQUEST, text)
        })
    };
    let (limit, offset) = (
        listing.limit.unwrap_or(LIMIT).min(MOST),
        listing.offset.unwrap_or(0),
    );
    let cubes = match listing.cube {
        Some(cube) => {
            caller.may_in(Scope::Fill, &cube)?;
            Some(vec![cube])
        }
        None => caller.cubes().map(<[String]>::to_vec),
    };
    let filter = JobFilter {
        cubes,
        state: listing.state.map(named).transpose()?,
        limit,
        offset,
    };
    let (jobs, count) = state.jobs.list(filter).await?;
    Ok(Json(json!({
        "jobs": jobs, "count": count, "limit": limit, "offset": offset,
    })))
}

/// A job.
#[utoipa::path(
    get, path = "/admin/jobs/{id}", tag = "admin", security(("admin" = [])),
    params(("id" = String, Path, description = "Name of the job")),
    responses((status = 200, description = "Where it is"), (status = 404, description = "No such job"))
)]
pub(super) async fn one(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Json<Job>, ApiError> {
    Ok(Json(found(&state, &caller, &id).await?))
}

/// Stops a job. What is committed stays.
#[utoipa::path(
    delete, path = "/admin/jobs/{id}", tag = "admin", security(("admin" = [])),
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 200, description = "It is cancelled"),
        (status = 404, description = "No such job"),
        (status = 409, description = "It has ended"),
    )
)]
pub(super) async fn cancel(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, ApiError> {
    let deed = Extension(Deed::of(&found(&state, &caller, &id).await?));
    let cancelled = state.jobs.cancel(&id).await.map_err(ApiError::from);
    Ok((deed, cancelled.map(Json)).into_response())
}

/// Begins a job for the chunks that failed in another.
#[utoipa::path(
    post, path = "/admin/jobs/{id}/retry", tag = "admin", security(("admin" = [])),
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 202, description = "A job has begun"),
        (status = 404, description = "No such job"),
        (status = 409, description = "It has not ended"),
    )
)]
pub(super) async fn retry(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    found(&state, &caller, &id).await?;
    let job = state.jobs.retry(&id).await?;
    Ok(accepted(&state, &headers, job))
}

/// What happens to a job, as server-sent events: `planned`, `waiting`, `task`,
/// `commit` and `job`. `Last-Event-ID` goes on behind an event; `reset` says that what was
/// missed is not known any more, and the job has to be asked for.
#[utoipa::path(
    get, path = "/admin/jobs/{id}/events", tag = "admin", security(("admin" = [])),
    params(
        ("id" = String, Path, description = "Name of the job"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that was seen"),
    ),
    responses(
        (status = 200, description = "Events", content_type = "text/event-stream"),
        (status = 404, description = "No such job"),
    )
)]
pub(super) async fn events(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    /// A comment so often keeps proxies from hanging up.
    const ALIVE: Duration = Duration::from_secs(15);
    found(&state, &caller, &id).await?;
    let last = headers.get("last-event-id");
    let last = last.and_then(|last| last.to_str().ok()?.parse().ok());
    let followed = state.jobs.follow(&id, last).await?;
    let events = Sse::new(told(followed)).keep_alive(KeepAlive::new().interval(ALIVE));
    // No proxy may hold events back.
    Ok(([("x-accel-buffering", "no")], events).into_response())
}

/// When the chunks of a job did what.
#[utoipa::path(
    get, path = "/admin/jobs/{id}/timeline.svg", tag = "admin", security(("admin" = [])),
    params(("id" = String, Path, description = "Name of the job")),
    responses(
        (status = 200, description = "A picture", content_type = "image/svg+xml"),
        (status = 404, description = "No such job"),
    )
)]
pub(super) async fn timeline(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    caller: Caller,
) -> Result<Response, ApiError> {
    found(&state, &caller, &id).await?;
    let picture = state.jobs.timeline(&id).await?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], picture).into_response())
}

/// How many commits are listed.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Past {
    /// At most so many, 100 by default and 1000 at most.
    limit: Option<usize>,
}

/// What was committed to a cube, the newest first.
#[utoipa::path(
    get, path = "/admin/cubes/{cube}/history", tag = "admin", security(("admin" = [])),
    params(("cube" = String, Path, description = "Name of the cube"), Past),
    responses((status = 200, description = "Commits"), (status = 404, description = "No such cube"))
)]
pub(super) async fn history(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    past: Result<Query<Past>, QueryRejection>,
) -> Result<Json<Value>, ApiError> {
    const LIMIT: usize = 100;
    const MOST: usize = 1000;
    let Query(past) = past.map_err(|rejection| wrong_query(&rejection))?;
    let limit = past.limit.unwrap_or(LIMIT).min(MOST);
    let commits = state.jobs.history(&cube, limit).await?;
    Ok(Json(json!({"commits": commits, "limit": limit})))
}

/// An earlier state of a cube.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rollback {
    /// As the history lists it.
    revision: String,
}

/// Makes an earlier state of a cube the newest one.
#[utoipa::path(
    post, path = "/admin/cubes/{cube}/rollback", tag = "admin", security(("admin" = [])),
    params(("cube" = String, Path, description = "Name of the cube")),
    request_body = Rollback,
    responses(
        (status = 200, description = "It is the newest"),
        (status = 400, description = "The body is no JSON"),
        (status = 404, description = "No such cube"),
        (status = 409, description = "The cube is being filled"),
        (status = 415, description = "The body is not sent as `application/json`"),
        (status = 422, description = "It is no earlier state"),
    )
)]
pub(super) async fn rollback(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    body: Result<Json<Rollback>, JsonRejection>,
) -> Result<Json<Value>, ApiError> {
    let Json(body) = body.map_err(|rejection| wrong_body(&rejection))?;
    let revision = state.jobs.rollback(&cube, &body.revision).await?;
    Ok(Json(json!({"revision": revision.to_string()})))
}

pub(super) fn wrong_body(rejection: &JsonRejection) -> ApiError {
    let text = suggest::explain_unknown_field(&rejection.body_text());
    ApiError::new(rejection.status(), text)
}

pub(super) fn wrong_query(rejection: &QueryRejection) -> ApiError {
    let text = suggest::explain_unknown_field(&rejection.body_text());
    ApiError::new(StatusCode::BAD_REQUEST, text)
}

fn told(followed: Followed) -> impl Stream<Item = Result<Event, Infallible>> {
    let reset = || Event::default().event("reset").data("{}");
    let first = match followed.missed {
        Some(missed) => missed.iter().map(|event| event_of(event)).collect(),
        None => vec![reset()],
    };
    let coming = stream::unfold(followed.coming, move |mut coming| async move {
        match coming.recv().await {
            Ok(event) => Some((event_of(&event), coming)),
            Err(RecvError::Lagged(_)) => Some((reset(), coming)),
            Err(RecvError::Closed) => None,
        }
    });
    stream::iter(first).chain(coming).map(Ok)
}

fn event_of(event: &JobEvent) -> Event {
    Event::default()
        .id(event.id.to_string())
        .event(event.kind)
        .data(event.data.to_string())
}
