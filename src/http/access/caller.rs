//! Who sends a request, and what they may do.

use std::{net::IpAddr, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use super::{sent::PARAMETER, token::Token};
use crate::{config::Scope, http::ApiError};

/// Who sends a request. Handlers ask for it as for any extractor; the layers of
/// [`super`] have found it out.
#[derive(Clone, Debug)]
pub(in crate::http) struct Caller {
    pub(super) who: Who,
    pub(super) address: IpAddr,
    /// The token, if it came in the address.
    pub(super) in_address: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Who {
    /// Somebody without a token.
    Nobody,
    /// Somebody at a server that lets everybody do everything.
    Anybody,
    /// Somebody with a token.
    Holder(Arc<Token>),
}

impl Caller {
    /// Refuses who may not do what a scope allows.
    pub(in crate::http) fn may(&self, scope: Scope) -> Result<(), ApiError> {
        let token = match &self.who {
            Who::Anybody => return Ok(()),
            Who::Nobody => return Err(unknown(scope)),
            Who::Holder(token) => token,
        };
        if token.scope >= scope {
            return Ok(());
        }
        let (name, has, needed) = (&token.name, token.scope.name(), scope.name());
        Err(ApiError::new(
            StatusCode::FORBIDDEN,
            format!("the token `{name}` has the scope `{has}`, and this needs `{needed}`"),
        ))
    }

    /// Refuses who may not do it to a cube.
    pub(in crate::http) fn may_in(&self, scope: Scope, cube: &str) -> Result<(), ApiError> {
        self.may(scope)?;
        match self.cubes() {
            Some(cubes) if !self.is_for(cube) => Err(ApiError::new(
                StatusCode::FORBIDDEN,
                format!(
                    "the token `{}` is for {}, and this needs one for `{cube}`",
                    self.token().unwrap_or_default(),
                    cubes.join(", ")
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether they may do it to a cube.
    pub(in crate::http) fn can(&self, scope: Scope, cube: &str) -> bool {
        self.may_in(scope, cube).is_ok()
    }

    /// Whether their token, if they have one, is for a cube.
    pub(in crate::http) fn is_for(&self, cube: &str) -> bool {
        self.cubes()
            .is_none_or(|cubes| cubes.iter().any(|own| own == cube))
    }

    /// The cubes that their token is for; all if there are none.
    pub(in crate::http) fn cubes(&self) -> Option<&[String]> {
        match &self.who {
            Who::Holder(token) => token.cubes.as_deref(),
            Who::Nobody | Who::Anybody => None,
        }
    }

    /// A query with the token, if that came in the address: whoever can send it only
    /// so has to find it in the addresses of pictures.
    pub(in crate::http) fn carried_on(&self, query: String) -> String {
        let Some(token) = &self.in_address else {
            return query;
        };
        let mut all = form_urlencoded::Serializer::new(query);
        all.append_pair(PARAMETER, token).finish()
    }

    /// The name of their token.
    pub(super) fn token(&self) -> Option<&str> {
        match &self.who {
            Who::Holder(token) => Some(&token.name),
            Who::Nobody | Who::Anybody => None,
        }
    }
}

fn unknown(scope: Scope) -> ApiError {
    let text = if scope == Scope::Read {
        "reading needs a token here: send it as `Authorization: Bearer …`, as the password of \
         `Authorization: Basic …`, or as the parameter `access_token`"
            .to_owned()
    } else {
        let name = scope.name();
        format!("send a token with the scope `{name}`: `Authorization: Bearer …`")
    };
    ApiError::new(StatusCode::UNAUTHORIZED, text)
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a route asks who calls and is in no group that finds out");
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the server has a bug; its log tells more",
            )
        })
    }
}
