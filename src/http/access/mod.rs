//! Who may do what. Routes are in groups: those for everybody, those that read cubes
//! ([`reading`]), and those of the admin API ([`admin`]) that need the scope `fill`
//! or `admin`. The layer of a group finds out who calls and refuses whom the group,
//! or the cube in the address, is not for: a new route cannot forget it. A handler
//! asks the [`Caller`] only for what the address does not tell, as the cube of a job.

mod audit;
mod caller;
mod layers;
mod limit;
mod sent;
mod token;

use std::{net::IpAddr, path::Path, sync::Arc, time::Instant};

use axum::http::StatusCode;

use self::{
    audit::Audit,
    caller::Who,
    limit::{Limit, Verdict},
    sent::Sent,
    token::Tokens,
};
pub use self::{audit::AuditError, sent::Peer};
pub(super) use self::{
    caller::Caller,
    layers::{admin, reading},
};
use super::ApiError;
use crate::{
    build::Job,
    config::{Config, Scope, TokenHash},
};

/// Who may do everything, beside the tokens of the configuration.
#[derive(Clone)]
pub enum Access {
    /// Nobody.
    Off,
    /// Everybody. Only for a server that listens on loopback alone.
    Open,
    /// Whoever sends this token.
    Token(String),
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Open => "open",
            Self::Token(_) => "token",
        })
    }
}

/// Knows who may do what, and notes who did.
#[derive(Debug)]
pub struct Guard {
    is_open: bool,
    tokens: Tokens,
    protects_reading: bool,
    trusts_forwarded: bool,
    limit: Limit,
    audit: Audit,
}

/// What was done, for the audit log. A handler puts it into the extensions of its
/// answer where the address does not tell.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    /// Nothing was: the answer says what would be.
    DryRun,
    /// Something to a cube by a job.
    Job { cube: String, id: String },
    /// A cube of this name was made.
    Create(String),
}

impl Deed {
    pub(super) fn of(job: &Job) -> Self {
        Self::Job {
            cube: job.cube.clone(),
            id: job.id.to_string(),
        }
    }
}

impl Guard {
    /// Without an audit log; [`Guard::noting_in`] adds it.
    #[must_use]
    pub fn new(access: &Access, config: &Config) -> Self {
        let admin = match access {
            Access::Off | Access::Open => None,
            Access::Token(token) => Some(token.as_str()),
        };
        let is_open = matches!(access, Access::Open);
        Self {
            is_open,
            tokens: Tokens::new(config, admin),
            protects_reading: config.server.protect_reading && !is_open,
            trusts_forwarded: config.server.trust_forwarded,
            limit: Limit::default(),
            audit: Audit::default(),
        }
    }

    /// The same, which notes what is done in a folder.
    ///
    /// # Errors
    /// If nothing can be written there.
    pub fn noting_in(self, folder: Option<&Path>) -> Result<Self, AuditError> {
        let audit = Audit::open(folder)?;
        Ok(Self { audit, ..self })
    }

    /// Whether anybody may use the admin API.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_open || self.tokens.have_fillers()
    }

    /// Whether nobody can be let in who is not let in without a token.
    #[must_use]
    pub fn locks_everybody_out(&self) -> bool {
        self.protects_reading && self.tokens.is_empty()
    }

    /// How the admin API is told of.
    pub(super) fn admin_name(&self) -> &'static str {
        match (self.is_open, self.is_on()) {
            (true, _) => "open",
            (false, true) => "token",
            (false, false) => "off",
        }
    }

    /// How reading is told of.
    pub(super) fn reading_name(&self) -> &'static str {
        if self.protects_reading {
            "token"
        } else {
            "open"
        }
    }

    /// Whether somebody may see a cube.
    pub(super) fn shows(&self, caller: &Caller, cube: &str) -> bool {
        !self.protects_reading || caller.can(Scope::Read, cube)
    }

    /// Refuses whose token is for some cubes alone: a store that a request names may be
    /// what is served as another.
    pub(super) fn may_name_stores(&self, caller: &Caller) -> Result<(), ApiError> {
        match caller.cubes() {
            Some(cubes) if self.protects_reading => Err(ApiError::new(
                StatusCode::FORBIDDEN,
                format!(
                    "the token is for {}, and `url` needs one for all cubes",
                    cubes.join(", ")
                ),
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Who sent a token, if it is one.
    fn known(&self, sent: Option<&Sent>) -> Who {
        if self.is_open {
            return Who::Anybody;
        }
        let hash = sent.map(|sent| TokenHash::of(&sent.token));
        let found = hash.and_then(|hash| self.tokens.find(&hash).map(Arc::clone));
        found.map_or(Who::Nobody, Who::Holder)
    }

    /// Who sent a token from an address; refused if it is wrong, or if too many were.
    /// Of those that only a guess could find then, the right one does not count either.
    fn identify(
        &self,
        sent: Option<&Sent>,
        address: IpAddr,
        route: &str,
        now: Instant,
    ) -> Result<Who, ApiError> {
        if self.is_open {
            return Ok(Who::Anybody);
        }
        let Some(sent) = sent.filter(|_| !self.tokens.is_empty()) else {
            return Ok(Who::Nobody);
        };
        let hash = TokenHash::of(&sent.token);
        let found = self.tokens.find(&hash);
        let wrong = found.is_none().then(|| hash.beginning());
        match (self.limit.judge(address, wrong, now), found) {
            (Verdict::Wait(_), Some(token)) if !token.may_be_guessed() => {
                Ok(Who::Holder(Arc::clone(token)))
            }
            (Verdict::Wait(seconds), _) => Err(ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many wrong tokens came from this address: try again later",
            )
            .retry_after(seconds)),
            (_, Some(token)) => Ok(Who::Holder(Arc::clone(token))),
            (verdict, None) => {
                if verdict == Verdict::NewlyWrong {
                    tracing::warn!(%address, route, "a wrong token was refused");
                }
                Err(ApiError::new(
                    StatusCode::UNAUTHORIZED,
                    "the token is wrong",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;

    use super::{sent::Way, *};

    #[test]
    fn a_right_token_does_not_count_either_while_an_address_guesses() {
        let guard = Guard::new(&Access::Token("secret".to_owned()), &Config::default());
        let (address, now) = (IpAddr::from([192, 0, 2, 1]), Instant::now());
        let send = |token: &str| {
            let sent = Sent {
                token: token.to_owned(),
                way: Way::Bearer,
            };
            guard.identify(Some(&sent), address, "/admin/jobs", now)
        };
        assert!(matches!(send("secret"), Ok(Who::Holder(_))));
        let status = |token: &str| send(token).unwrap_err().into_response().status();
        for n in 0..10 {
            assert_eq!(status(&n.to_string()), StatusCode::UNAUTHORIZED);
        }
        assert_eq!(status("secret"), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(status("11"), StatusCode::TOO_MANY_REQUESTS);
        let other = guard.identify(None, address, "/cubes", now);
        assert!(
            matches!(other, Ok(Who::Nobody)),
            "without a token nothing is guessed"
        );
    }

    #[test]
    fn the_token_is_never_printed() {
        let access = Access::Token("secret".to_owned());
        assert_eq!(format!("{access:?}"), "token");
        let guard = Guard::new(&access, &Config::default());
        assert!(!format!("{guard:?}").contains("secret"));
    }
}
