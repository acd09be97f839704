//! Builds on demand, behind a token.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{ApiError, AppState, links::base_url};
use crate::{
    build::{BuildRequest, Job, PlanError},
    suggest,
};

/// Who may use the admin API.
#[derive(Clone)]
pub enum Access {
    /// Nobody: no token is configured.
    Off,
    /// Everybody. Only for a server that listens on loopback alone.
    Open,
    /// Whoever sends the token.
    Token(String),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Access {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Open => "open",
            Self::Token(_) => "token",
        }
    }

    pub(super) fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
        let refuse = |status, detail: &str| Err(ApiError::new(status, detail));
        let token = match self {
            Self::Open => return Ok(()),
            Self::Off => {
                return refuse(
                    StatusCode::FORBIDDEN,
                    "the admin API is off: start the server with CUBETILER_ADMIN_TOKEN set",
                );
            }
            Self::Token(token) => token,
        };
        let sent = headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        match sent {
            Some(sent) if is_equal(sent.as_bytes(), token.as_bytes()) => Ok(()),
            Some(_) => {
                tracing::warn!("a wrong admin token was refused");
                refuse(StatusCode::UNAUTHORIZED, "the token is wrong")
            }
            None => refuse(
                StatusCode::UNAUTHORIZED,
                "send the admin token: Authorization: Bearer …",
            ),
        }
    }
}

/// Compares in a time that does not depend on where the texts differ.
fn is_equal(a: &[u8], b: &[u8]) -> bool {
    let differing = std::iter::zip(a, b).fold(0, |bits, (a, b)| bits | (a ^ b));
    a.len() == b.len() && differing == 0
}

/// What is to be filled.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Backfill {
    /// `[west, south, east, north]` in degrees; the whole cube if absent.
    bbox: Option<[f64; 4]>,
    /// Days, both inclusive: `2023-08-01/2023-08-31`; all time steps if absent.
    datetime: Option<String>,
    /// Build also what is done.
    force: bool,
    /// Tell the plan and build nothing.
    dry_run: bool,
}

impl Backfill {
    fn request(&self) -> Result<BuildRequest, PlanError> {
        Ok(BuildRequest {
            bounds: self.bbox.map(BuildRequest::check_bounds).transpose()?,
            days: match &self.datetime {
                Some(text) => BuildRequest::parse_days(text)?,
                None => (None, None),
            },
            force: self.force,
        })
    }
}

/// Builds what is missing.
#[utoipa::path(
    post, path = "/admin/cubes/{cube}/backfill", tag = "admin", security(("admin" = [])),
    params(("cube" = String, Path, description = "Name of the cube")),
    request_body = Backfill,
    responses(
        (status = 202, description = "A job has begun"),
        (status = 200, description = "The plan of a dry run"),
        (status = 401, description = "A token is needed"),
        (status = 403, description = "The admin API is off"),
        (status = 404, description = "No such cube"),
        (status = 422, description = "The request makes no plan"),
    )
)]
pub(super) async fn backfill(
    State(state): State<Arc<AppState>>,
    Path(cube): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Backfill>, JsonRejection>,
) -> Result<Response, ApiError> {
    state.access.check(&headers)?;
    let Json(body) = body.map_err(|rejection| {
        let text = suggest::explain_unknown_field(&rejection.body_text());
        ApiError::new(rejection.status(), text)
    })?;
    let unprocessable =
        |error: PlanError| ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string());
    let request = body.request().map_err(unprocessable)?;
    if body.dry_run {
        let (counts, batches) = state.jobs.plan(&cube, &request).await?;
        let mut plan = json!(counts);
        plan["batches"] = json!(batches);
        return Ok(Json(plan).into_response());
    }
    let job = state.jobs.begin(&cube, request).await?;
    let place = format!(
        "{}/admin/jobs/{}",
        base_url(&headers, &state.server),
        job.id
    );
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(job)).into_response())
}

/// A job.
#[utoipa::path(
    get, path = "/admin/jobs/{id}", tag = "admin", security(("admin" = [])),
    params(("id" = String, Path, description = "Name of the job")),
    responses((status = 200, description = "Where it is"), (status = 404, description = "No such job"))
)]
pub(super) async fn job(
    State(state): State<Arc<AppState>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Job>, ApiError> {
    state.access.check(&headers)?;
    Ok(Json(state.jobs.get(&id)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(token: &str) -> HeaderMap {
        [(header::AUTHORIZATION, token.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn only_the_right_token_opens_the_admin_api() {
        let access = Access::Token("secret".to_owned());
        assert!(access.check(&sent("Bearer secret")).is_ok());
        for wrong in [
            "Bearer secre",
            "Bearer secrets",
            "Bearer ",
            "secret",
            "Basic secret",
        ] {
            assert!(access.check(&sent(wrong)).is_err(), "{wrong}");
        }
        assert!(access.check(&HeaderMap::new()).is_err());
        assert!(Access::Off.check(&sent("Bearer ")).is_err());
        assert_eq!(format!("{access:?}"), "token", "the token is never printed");
    }
}
