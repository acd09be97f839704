//! The tokens that are known.

use std::{fmt, sync::Arc};

use crate::config::{ADMIN, Config, Scope, TokenHash};

/// A token, by its hash, and what it allows.
pub(super) struct Token {
    pub(super) name: String,
    hash: TokenHash,
    pub(super) scope: Scope,
    /// The cubes that it is for; all if there are none.
    pub(super) cubes: Option<Vec<String>>,
}

impl Token {
    /// Whether somebody has chosen it. Those of the configuration are 256 random bits.
    pub(super) fn may_be_guessed(&self) -> bool {
        self.name == ADMIN
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// All tokens.
#[derive(Debug)]
pub(super) struct Tokens(Vec<Arc<Token>>);

impl Tokens {
    /// Those of the configuration, and one that may do everything.
    pub(super) fn new(config: &Config, admin: Option<&str>) -> Self {
        let configured = config.tokens.iter().map(|(name, token)| Token {
            name: name.clone(),
            hash: token.hash.clone(),
            scope: token.scopes.iter().copied().max().unwrap_or(Scope::Read),
            cubes: token.cubes.clone(),
        });
        let admin = admin.map(|token| Token {
            name: ADMIN.to_owned(),
            hash: TokenHash::of(token),
            scope: Scope::Admin,
            cubes: None,
        });
        Self(configured.chain(admin).map(Arc::new).collect())
    }

    /// The token that was sent. All are compared, however early one is found, so
    /// that the time tells nothing of them.
    pub(super) fn find(&self, sent: &TokenHash) -> Option<&Arc<Token>> {
        let mut found = None;
        for token in &self.0 {
            if token.hash.is_same(sent) {
                found = Some(token);
            }
        }
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any of them may use the admin API.
    pub(super) fn have_fillers(&self) -> bool {
        self.0.iter().any(|token| token.scope >= Scope::Fill)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_all_of_it_and_nothing_is_printed_but_its_name() {
        let tokens = Tokens::new(&Config::default(), Some("secret"));
        let find = |token: &str| tokens.find(&TokenHash::of(token));
        assert_eq!(find("secret").unwrap().scope, Scope::Admin);
        for wrong in ["secre", "secrets", "", "Secret"] {
            assert!(find(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{tokens:?}"), "Tokens([admin])");
    }
}
