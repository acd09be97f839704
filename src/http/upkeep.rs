//! Making cubes and tidying them up, behind a token.

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{Path, State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ApiError, AppState,
    access::{Caller, Deed},
    jobs::wrong_body,
    links::base_url,
};
use crate::{
    build::JobError,
    config::Scope,
    cube::{Cube, Recipe},
};

/// A new cube.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewCube {
    /// Its name: a-z, 0-9, `-` and `_`.
    name: String,
    /// A recipe: the same keys as in a recipe file.
    recipe: Value,
}

/// Makes an empty cube, in the folder `server.cubes_dir`.
#[utoipa::path(
    post, path = "/admin/cubes", tag = "admin", security(("admin" = [])), request_body = NewCube,
    responses(
        (status = 201, description = "It is served"),
        (status = 400, description = "The body is no JSON"),
        (status = 401, description = "A token is needed"),
        (status = 403, description = "The admin API is off, the token lacks the scope or the cube, or no cubes are made here"),
        (status = 409, description = "The name is taken, or there are enough cubes"),
        (status = 415, description = "The body is not sent as `application/json`"),
        (status = 422, description = "The name or the recipe is none"),
    )
)]
pub(super) async fn create(
    State(state): State<Arc<AppState>>,
    caller: Caller,
    headers: HeaderMap,
    body: Result<Json<NewCube>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(body) = body.map_err(|rejection| wrong_body(&rejection))?;
    caller.may_in(Scope::Admin, &body.name)?;
    let cube = Recipe::from_sent(body.recipe).and_then(Cube::new)?;
    let catalog = state.tiles.catalog();
    let entry = catalog.create(&body.name, &cube).await?;
    let name = entry.name();
    tracing::info!(cube = name, "a cube was made");
    let place = format!("{}/cubes/{name}", base_url(&headers, &state.server));
    let told = json!({"id": name, "links": [{"rel": "self", "href": place}]});
    let deed = Extension(Deed::Create(name.to_owned()));
    let place = [(header::LOCATION, place)];
    Ok((StatusCode::CREATED, deed, place, Json(told)).into_response())
}

/// Which commits are forgotten; one of the two.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Expire {
    /// Those before this moment, as `2026-01-31T00:00:00Z`.
    #[schema(value_type = Option<String>, format = DateTime)]
    before: Option<DateTime<Utc>>,
    /// Those older than so many hours.
    keep_hours: Option<u32>,
}

/// Forgets old commits; the newest one always stays. What only they reach is
/// deleted by the next garbage collection.
#[utoipa::path(
    post, path = "/admin/cubes/{cube}/expire", tag = "admin", security(("admin" = [])),
    params(("cube" = String, Path, description = "Name of the cube")),
    request_body = Expire,
    responses(
        (status = 200, description = "How many went"),
        (status = 202, description = "It goes on; the log tells its end"),
        (status = 400, description = "The body is no JSON"),
        (status = 404, description = "No such cube"),
        (status = 409, description = "The cube is being written"),
        (status = 415, description = "The body is not sent as `application/json`"),
        (status = 422, description = "The body is wrong"),
    )
)]
pub(super) async fn expire(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    body: Result<Json<Expire>, JsonRejection>,
) -> Result<Response, ApiError> {
    let Json(body) = body.map_err(|rejection| wrong_body(&rejection))?;
    let before = match (body.before, body.keep_hours) {
        (Some(before), None) => before,
        (None, Some(hours)) => hours_ago(hours),
        _ => {
            let text = "give `before`, a moment, or `keep_hours`, a number";
            return Err(ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, text));
        }
    };
    let expired = state.jobs.expire(&cube, before);
    in_time(&state, async { Ok(json!({"expired": expired.await?})) }).await
}

/// What garbage is collected.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Garbage {
    /// What was written within so many hours stays: 24 if absent.
    keep_hours: Option<u32>,
    /// Tell what would be deleted, and delete nothing.
    dry_run: bool,
}

/// Deletes what no commit reaches.
#[utoipa::path(
    post, path = "/admin/cubes/{cube}/gc", tag = "admin", security(("admin" = [])),
    params(("cube" = String, Path, description = "Name of the cube")),
    request_body = Garbage,
    responses(
        (status = 200, description = "What was deleted, or would be"),
        (status = 202, description = "It goes on; the log tells its end"),
        (status = 400, description = "The body is no JSON"),
        (status = 404, description = "No such cube"),
        (status = 409, description = "The cube is being written"),
        (status = 415, description = "The body is not sent as `application/json`"),
        (status = 422, description = "The body is wrong"),
    )
)]
pub(super) async fn collect(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    body: Result<Json<Garbage>, JsonRejection>,
) -> Result<Response, ApiError> {
    const KEEP_HOURS: u32 = 24;
    let Json(body) = body.map_err(|rejection| wrong_body(&rejection))?;
    let before = hours_ago(body.keep_hours.unwrap_or(KEEP_HOURS));
    let swept = state.jobs.collect_garbage(&cube, before, body.dry_run);
    let mut answer = in_time(&state, async { Ok(json!(swept.await?)) }).await?;
    if body.dry_run {
        answer.extensions_mut().insert(Deed::DryRun);
    }
    Ok(answer)
}

fn hours_ago(hours: u32) -> DateTime<Utc> {
    let span = TimeDelta::hours(hours.into());
    let ago = Utc::now().checked_sub_signed(span);
    ago.unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// The answer to what is done whether or not anybody waits for it: its outcome,
/// or that it goes on when a request has taken as long as it may.
async fn in_time(
    state: &AppState,
    work: impl Future<Output = Result<Value, JobError>>,
) -> Result<Response, ApiError> {
    let patience = Duration::from_secs(state.server.request_seconds.saturating_sub(1));
    match tokio::time::timeout(patience, work).await {
        Ok(done) => Ok(Json(done?).into_response()),
        Err(_elapsed) => {
            let told = json!({"state": "running"});
            Ok((StatusCode::ACCEPTED, Json(told)).into_response())
        }
    }
}
