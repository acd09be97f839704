//! What a request is about: a cube or the data set of somebody else, by its name in the
//! address, or a data set by the parameter `url`. The same handlers answer for all.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{StatusCode, request::Parts},
};
use utoipa::openapi::{
    RefOr, Required,
    path::{Parameter, ParameterBuilder, ParameterIn, Paths},
    schema::{ObjectBuilder, Type},
};

use super::{
    ApiError, AppState,
    access::Caller,
    query::{QueryError, TileQuery, boolean, once, system},
};
use crate::{catalog::ExternalEntry, grid::Epsg};

/// Where the routes of data sets are that a request names.
const BY_URL: &str = "/zarr";

/// Where those of cubes are.
const BY_NAME: &str = "/cubes/{cube}";

/// What a request is about.
#[derive(Debug)]
pub(super) struct About {
    pub(super) served: Served,
    /// The query without what names the data set.
    pub(super) query: String,
    /// Below which path its routes are.
    pub(super) root: String,
    /// What the query of another of its routes begins with.
    naming: String,
}

/// Whose values are served.
#[derive(Clone, Debug)]
pub(super) enum Served {
    /// A cube of this name, if there is one.
    Cube(String),
    /// The data set of somebody else.
    External(Arc<ExternalEntry>),
}

impl About {
    /// A cube or data set by its name.
    pub(super) fn named(state: &AppState, cube: &str, query: Option<&str>) -> Self {
        let served = match state.tiles.catalog().external(cube) {
            Some(entry) => Served::External(entry),
            None => Served::Cube(cube.to_owned()),
        };
        Self {
            served,
            query: query.unwrap_or_default().to_owned(),
            root: format!("/cubes/{cube}"),
            naming: String::new(),
        }
    }

    /// Whether the request names it by `url`.
    pub(super) fn is_by_url(&self) -> bool {
        !self.naming.is_empty()
    }

    /// The query of another of its routes.
    pub(super) fn naming(&self, query: &str) -> String {
        let parts = [self.naming.as_str(), query];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("&")
    }

    /// The same with the caller's token and its `?`.
    pub(super) fn linked(&self, caller: &Caller, query: &str) -> String {
        let query = caller.carried_on(self.naming(query));
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{mark}{query}")
    }

    /// Refuses a request by `url` without a variable, as `TiTiler` does.
    pub(super) fn needs_variable(&self, is_given: bool) -> Result<(), ApiError> {
        if self.is_by_url() && !is_given {
            return Err(ApiError::missing("variable"));
        }
        Ok(())
    }

    /// The query as that of tiles.
    pub(super) fn tile_query(&self) -> Result<TileQuery, ApiError> {
        self.styled(TileQuery::parse)
    }

    /// The query as that of a picture of a rectangle.
    pub(super) fn picture_query(&self) -> Result<TileQuery, ApiError> {
        self.styled(TileQuery::of_picture)
    }

    /// An expression over a data set is of variables, or of the bands `b1`, `b2` and so on of
    /// the one that is named.
    fn styled(
        &self,
        parse: impl Fn(&str) -> Result<TileQuery, QueryError>,
    ) -> Result<TileQuery, ApiError> {
        let pairs = || form_urlencoded::parse(self.query.as_bytes());
        let is_named = |name: &str| pairs().any(|(key, _)| key == name);
        let is_of_bands = matches!(self.served, Served::External(_))
            && is_named("expression")
            && is_named("variable");
        let query = if is_of_bands {
            let (variables, others): (Vec<_>, Vec<_>) =
                pairs().partition(|(key, _)| key == "variable");
            if variables.len() > 1 {
                return Err(QueryError::Both.into());
            }
            let mut rest = form_urlencoded::Serializer::new(String::new());
            let mut query = parse(&rest.extend_pairs(others).finish())?;
            query.variables = variables
                .into_iter()
                .map(|(_, name)| name.into_owned())
                .collect();
            query
        } else {
            parse(&self.query)?
        };
        self.needs_variable(!query.variables.is_empty() || query.expression.is_some())?;
        Ok(query)
    }

    /// Takes the system that a document is to tell coordinates in out of the query.
    pub(super) fn take_system(&mut self) -> Result<Option<Epsg>, QueryError> {
        const NAME: &str = "crs";
        let pairs = || form_urlencoded::parse(self.query.as_bytes());
        // What does not have it stays as it is written.
        if !pairs().any(|(name, _)| name == NAME) {
            return Ok(None);
        }
        let mut found = None;
        let mut rest = form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs() {
            if name == NAME {
                once(&mut found, NAME, system(NAME, &value)?)?;
            } else {
                rest.append_pair(&name, &value);
            }
        }
        self.query = rest.finish();
        Ok(found)
    }

    /// A name for files.
    pub(super) fn name(&self) -> &str {
        match &self.served {
            Served::Cube(name) => name,
            Served::External(_) if self.is_by_url() => "data",
            Served::External(entry) => entry.name(),
        }
    }
}

impl FromRequestParts<Arc<AppState>> for About {
    type Rejection = ApiError;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &Arc<AppState>,
    ) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|error| {
            ApiError::new(
                StatusCode::BAD_REQUEST,
                format!("the address cannot be read: {error}"),
            )
        })?;
        let mut params = params.iter();
        let query = parts.uri.query();
        if let Some((_, cube)) = params.find(|(name, _)| *name == "cube") {
            return Ok(Self::named(state, cube, query));
        }
        let named = Named::parse(query.unwrap_or_default())?;
        let caller = Caller::from_request_parts(parts, state).await?;
        state.guard.may_name_stores(&caller)?;
        let url = named.url.ok_or_else(|| ApiError::missing("url"))?;
        let group = named.group.unwrap_or_default();
        let has_raw_times = named.decode_times == Some(false);
        let catalog = state.tiles.catalog();
        let entry = catalog.guest(&url, &group, has_raw_times).await?;
        let mut naming = form_urlencoded::Serializer::new(String::new());
        naming.append_pair("url", &url);
        if !group.is_empty() {
            naming.append_pair("group", &group);
        }
        if has_raw_times {
            naming.append_pair("decode_times", "false");
        }
        Ok(Self {
            served: Served::External(entry),
            query: named.rest,
            root: BY_URL.to_owned(),
            naming: naming.finish(),
        })
    }
}

/// A query taken apart.
#[derive(Debug, Default, PartialEq)]
struct Named {
    url: Option<String>,
    group: Option<String>,
    decode_times: Option<bool>,
    rest: String,
}

impl Named {
    fn parse(query: &str) -> Result<Self, QueryError> {
        let mut named = Self::default();
        let mut rest = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match name.as_ref() {
                "url" => once(&mut named.url, "url", value.into_owned())?,
                "group" => once(&mut named.group, "group", value.into_owned())?,
                "decode_times" => {
                    let decodes = boolean("decode_times", &value)?;
                    once(&mut named.decode_times, "decode_times", decodes)?;
                }
                _ => {
                    rest.append_pair(&name, &value);
                }
            }
        }
        named.rest = rest.finish();
        Ok(named)
    }
}

/// The routes of cubes, once more for data sets that a request names by `url`.
pub(super) fn by_url(paths: Paths) -> Paths {
    let mut told = Paths::new();
    told.extensions = paths.extensions;
    for (path, mut item) in paths.paths {
        let operations = [&mut item.get, &mut item.post];
        for operation in operations.into_iter().flatten() {
            let parameters = operation.parameters.get_or_insert_default();
            parameters.retain(|parameter| match parameter {
                RefOr::T(parameter) => parameter.name != "cube",
                RefOr::Ref(_) => true,
            });
            let texts = [
                (
                    "url",
                    Required::True,
                    "Path or address of a Zarr store, below a place that the setting server.zarr_urls lists",
                ),
                ("group", Required::False, "Path of a group in the store"),
                (
                    "decode_times",
                    Required::False,
                    "false leaves times as the numbers that are stored, by which sel selects them",
                ),
            ];
            for (name, required, text) in texts {
                parameters.push(RefOr::T(in_query(name, required, text)));
            }
            let id = operation.operation_id.take().unwrap_or_default();
            operation.operation_id = Some(format!("{id}_by_url"));
            for (status, text) in [
                ("400", "A parameter is wrong"),
                (
                    "403",
                    "The setting server.zarr_urls does not list the place",
                ),
                (
                    "422",
                    "A parameter is missing or cannot be understood, or the store cannot be served",
                ),
            ] {
                let response = utoipa::openapi::ResponseBuilder::new()
                    .description(text)
                    .build();
                let known = &mut operation.responses.responses;
                known.entry(status.to_owned()).or_insert(RefOr::T(response));
            }
        }
        told.paths.insert(path.replacen(BY_NAME, BY_URL, 1), item);
    }
    told
}

fn in_query(name: &str, required: Required, text: &str) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(required)
        .description(Some(text))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_a_data_set_is_taken_out_of_the_query() {
        let named =
            Named::parse("url=/a%20b.zarr&variable=v&group=0&sel=time%3D1&decode_times=True");
        assert_eq!(
            named.unwrap(),
            Named {
                url: Some("/a b.zarr".to_owned()),
                group: Some("0".to_owned()),
                decode_times: Some(true),
                rest: "variable=v&sel=time%3D1".to_owned(),
            }
        );
        for wrong in ["url=a&url=b", "decode_times=maybe"] {
            assert!(Named::parse(wrong).is_err(), "{wrong}");
        }
    }
}
