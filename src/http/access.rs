//! Who may use the admin API.

use axum::http::{HeaderMap, StatusCode, header};

use super::ApiError;

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

    /// Whether anybody may.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !matches!(self, Self::Off)
    }

    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), ApiError> {
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
