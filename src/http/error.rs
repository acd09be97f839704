//! The one map from errors to status codes, and the one place that logs them.

use std::error::Error;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use super::query::QueryError;
use crate::{
    build::{BuildError, JobError},
    catalog::{CreateError, GuestError, UnknownCube},
    cube::recipe::RecipeError,
    dataset::DatasetError,
    external::ExternalError,
    grid::TileAddressError,
    render::AlgorithmError,
    repo::RepoError,
    tile::{CutoutError, TileError},
    zarr::ZarrError,
};

/// Nobody may keep an error or a hole: it may be mended at any moment.
pub(super) const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// An answer that is an error: RFC 9457 problem details. A client's mistake is
/// told to it; a server's goes to the log, and the client gets a fixed sentence.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    detail: String,
    retry_after: Option<u32>,
    /// Boxed, since most errors have none.
    parameter: Option<Box<Parameter>>,
    /// Whether it is told as `TiTiler` tells it.
    is_listed: bool,
}

/// The parameter that is missing or wrong.
#[derive(Clone, Debug)]
struct Parameter {
    /// `query` or `path`.
    place: &'static str,
    name: &'static str,
    /// None if it is missing.
    given: Option<String>,
}

impl Parameter {
    /// As the library tells it that `TiTiler` checks its parameters with.
    fn listed(&self, detail: &str) -> Value {
        let (kind, message) = match self.given {
            Some(_) => ("value_error", detail),
            None => ("missing", "Field required"),
        };
        json!([{
            "type": kind, "loc": [self.place, self.name], "msg": message, "input": self.given,
        }])
    }
}

impl ApiError {
    /// An error that the client can understand and mend.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            retry_after: None,
            parameter: None,
            is_listed: false,
        }
    }

    /// A parameter of the query or the path that cannot be understood.
    pub(super) fn wrong(
        (place, name): (&'static str, &'static str),
        given: &str,
        detail: impl Into<String>,
    ) -> Self {
        let parameter = Parameter {
            place,
            name,
            given: Some(given.to_owned()),
        };
        Self {
            parameter: Some(Box::new(parameter)),
            ..Self::new(StatusCode::BAD_REQUEST, detail)
        }
    }

    /// A parameter of the query that has to be there.
    pub(super) fn missing(name: &'static str) -> Self {
        let detail = format!("the parameter `{name}` is missing");
        let parameter = Parameter {
            place: "query",
            name,
            given: None,
        };
        Self {
            parameter: Some(Box::new(parameter)),
            is_listed: true,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
        }
    }

    /// Asks the client to come again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// The same with another status, where a protocol has its own.
    #[must_use]
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// When to come again.
    pub(super) fn seconds(&self) -> Option<u32> {
        self.retry_after
    }

    fn bad_request(error: &impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.to_string())
    }

    fn not_found(error: &impl ToString) -> Self {
        Self::new(StatusCode::NOT_FOUND, error.to_string())
    }

    fn internal(status: StatusCode, sentence: &str, error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "{sentence}");
        Self::new(status, sentence)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let detail = match &self.parameter {
            Some(parameter) if self.is_listed => parameter.listed(&self.detail),
            Some(_) | None => json!(self.detail),
        };
        let problem = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason(),
            "status": self.status.as_u16(),
            "detail": detail,
        });
        let mut response = (self.status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if self.parameter.is_some() {
            response.extensions_mut().insert(self);
        }
        response
    }
}

/// Tells that a parameter is wrong by the status and in the form of `TiTiler`, on routes that
/// are its own.
pub(super) async fn as_titiler(mut response: Response) -> Response {
    match response.extensions_mut().remove::<ApiError>() {
        Some(error) => ApiError {
            status: StatusCode::UNPROCESSABLE_ENTITY,
            is_listed: true,
            ..error
        }
        .into_response(),
        None => response,
    }
}

impl From<UnknownCube> for ApiError {
    fn from(error: UnknownCube) -> Self {
        Self::not_found(&error)
    }
}

impl From<TileAddressError> for ApiError {
    fn from(error: TileAddressError) -> Self {
        Self::not_found(&error)
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let told = error.to_string();
        if let QueryError::Value { name, value, .. } = &error {
            return Self::wrong(("query", name), value, told);
        }
        if let QueryError::Algorithm(AlgorithmError::Unknown { name }) = &error {
            return Self::wrong(("query", "algorithm"), name, told);
        }
        Self::new(StatusCode::BAD_REQUEST, told)
    }
}

impl From<ZarrError> for ApiError {
    fn from(error: ZarrError) -> Self {
        Self::from(&error)
    }
}

impl From<&ZarrError> for ApiError {
    fn from(error: &ZarrError) -> Self {
        Self::internal(StatusCode::BAD_GATEWAY, "the cube's store failed", error)
    }
}

impl From<&DatasetError> for ApiError {
    fn from(error: &DatasetError) -> Self {
        if let DatasetError::Grammar(text) | DatasetError::UnknownMethod(text) = error {
            Self::wrong(("query", "sel"), text, error.to_string())
        } else if error.is_the_requests() {
            Self::bad_request(error)
        } else {
            // The store has it, and in a form that is not served.
            Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
        }
    }
}

impl From<&ExternalError> for ApiError {
    fn from(error: &ExternalError) -> Self {
        match error {
            ExternalError::Dataset(error) => error.into(),
            ExternalError::Shared(error) => error.as_ref().into(),
            ExternalError::Crs(error) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            ExternalError::ChunkTooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
            ExternalError::Location(_)
            | ExternalError::Folder { .. }
            | ExternalError::List { .. }
            | ExternalError::Nothing(_)
            | ExternalError::Fetch { .. }
            | ExternalError::Repo(_)
            | ExternalError::NotConsolidated(_)
            | ExternalError::Codec { .. }
            | ExternalError::Length { .. } => Self::internal(
                StatusCode::BAD_GATEWAY,
                "the data set's store failed",
                error,
            ),
            ExternalError::Closed | ExternalError::NotListed(_) => {
                Self::new(StatusCode::FORBIDDEN, error.to_string())
            }
            ExternalError::Unclear { .. } => Self::bad_request(error),
            ExternalError::Absent(_) => Self::not_found(error),
            ExternalError::Compute(_) => Self::internal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the tile cannot be made",
                error,
            ),
        }
    }
}

impl From<TileError> for ApiError {
    fn from(error: TileError) -> Self {
        Self::from(&error)
    }
}

impl From<&TileError> for ApiError {
    fn from(error: &TileError) -> Self {
        match error {
            TileError::Cube(_)
            | TileError::Outside { .. }
            | TileError::NotThere { .. }
            | TileError::NoOverlap { .. } => Self::not_found(error),
            TileError::Select(_)
            | TileError::Style(_)
            | TileError::Algorithm(_)
            | TileError::OtherTimes(..)
            | TileError::NoRange
            | TileError::Nodata(_)
            | TileError::ManyBands(_)
            | TileError::NoBand(..)
            | TileError::NoSuchBand(..)
            | TileError::BandsOfExpression
            | TileError::System(_)
            | TileError::Cutout(CutoutError::Ring | CutoutError::Empty) => Self::bad_request(error),
            TileError::TooMuch { .. }
            | TileError::Long(..)
            | TileError::TooManyValues { .. }
            | TileError::TooManyCategories
            | TileError::Cutout(CutoutError::TooMany(_) | CutoutError::TooFine { .. }) => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())
            }
            TileError::Busy(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(1)
            }
            TileError::Shared(error) => Self::from(error.as_ref()),
            TileError::Read(error) => error.into(),
            TileError::Dataset(error) => error.into(),
            TileError::External(error) => error.into(),
            TileError::Crs(_) | TileError::Encode(_) | TileError::Compute(_) => Self::internal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the tile cannot be made",
                error,
            ),
        }
    }
}

impl From<JobError> for ApiError {
    fn from(error: JobError) -> Self {
        match error {
            JobError::Unknown(_) => Self::not_found(&error),
            JobError::Full(_) | JobError::TooMuch { .. } | JobError::ShuttingDown => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(10)
            }
            JobError::Quota(_) => Self::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()),
            JobError::State(_) => Self::new(StatusCode::CONFLICT, error.to_string()),
            JobError::Ledger(error) => Self::internal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the ledger of jobs failed",
                &error,
            ),
            JobError::Build(BuildError::Cube(error)) => error.into(),
            JobError::Build(BuildError::Plan(error)) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
            }
            JobError::Build(BuildError::Lock(error)) => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            JobError::Build(BuildError::Zarr(ZarrError::Repo(
                error @ RepoError::NotInHistory(_),
            ))) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string()),
            JobError::Build(BuildError::Zarr(error)) => error.into(),
            JobError::Build(BuildError::Compute(error)) => Self::internal(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the plan cannot be made",
                &error,
            ),
        }
    }
}

impl From<GuestError> for ApiError {
    fn from(error: GuestError) -> Self {
        Self::from(&error)
    }
}

impl From<&GuestError> for ApiError {
    fn from(error: &GuestError) -> Self {
        match error {
            GuestError::Own(_) => Self::bad_request(error),
            GuestError::Busy(_) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()).retry_after(1)
            }
            // A name that another can mend.
            GuestError::External(ExternalError::Location(error)) => Self::bad_request(error),
            GuestError::External(error) => error.into(),
            GuestError::Shared(error) => error.as_ref().into(),
        }
    }
}

impl From<RecipeError> for ApiError {
    fn from(error: RecipeError) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        let status = match &error {
            CreateError::Off => StatusCode::FORBIDDEN,
            CreateError::Name(_) => StatusCode::UNPROCESSABLE_ENTITY,
            CreateError::Taken(_) | CreateError::Full(_) => StatusCode::CONFLICT,
            CreateError::Folder { .. } | CreateError::Write(_) | CreateError::Open(_) => {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                return Self::internal(status, "the cube cannot be made", &error);
            }
        };
        Self::new(status, error.to_string())
    }
}
