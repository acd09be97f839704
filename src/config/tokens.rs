//! `[tokens]`: who may do what.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Config;
use crate::suggest;

/// The name of the token that the environment gives.
pub const ADMIN: &str = "admin";

/// Letters of a token's name at most: it stands in every line of the audit log.
const LONGEST_NAME: usize = 64;

/// `[tokens.NAME]`: a token, what it allows, and of which cubes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// The hash of the token, which itself is kept nowhere.
    pub hash: TokenHash,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// The cubes that it is for; all if it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cubes: Option<Vec<String>>,
}

/// What a token allows. A greater scope includes the smaller ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Scope {
    /// To see cubes, where reading is protected.
    Read,
    /// To have cubes filled, and to follow and stop that.
    Fill,
    /// Everything.
    Admin,
}

impl Scope {
    /// All scopes, the smallest first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Fill, Self::Admin];

    /// The name that the configuration uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Fill => "fill",
            Self::Admin => "admin",
        }
    }
}

/// A name that is no scope.
#[derive(Debug, thiserror::Error)]
#[error("there is no scope `{name}`{hint}; there are {}", Scope::ALL.map(Scope::name).join(", "))]
pub struct UnknownScope {
    name: String,
    hint: String,
}

impl std::str::FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        let found = Self::ALL.into_iter().find(|scope| scope.name() == name);
        found.ok_or_else(|| UnknownScope {
            name: name.to_owned(),
            hint: suggest::hint(name, Self::ALL.map(Self::name)),
        })
    }
}

impl TryFrom<String> for Scope {
    type Error = UnknownScope;

    fn try_from(name: String) -> Result<Self, UnknownScope> {
        name.parse()
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.name().to_owned()
    }
}

/// The SHA-256 of a token, written as `sha256:` and 64 hexadecimal digits.
///
/// A slow hash with a salt, as passwords need, would protect nothing: our tokens
/// are 256 random bits, which nobody finds by trying, however fast the hash is.
/// It would be paid for with every tile.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// That of a token.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Compares in a time that does not depend on where they differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Its first bytes, to tell one from another.
    #[must_use]
    pub fn beginning(&self) -> [u8; 8] {
        std::array::from_fn(|at| self.0[at])
    }
}

const HASH_PREFIX: &str = "sha256:";

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HASH_PREFIX)?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is no hash. It is not shown: it may be the token itself.
#[derive(Debug, thiserror::Error)]
#[error(
    "the hash of a token is `sha256:` and 64 hexadecimal digits; `cubetiler token NAME` makes a token and its hash"
)]
pub struct MalformedHash;

impl TryFrom<String> for TokenHash {
    type Error = MalformedHash;

    fn try_from(text: String) -> Result<Self, MalformedHash> {
        let digits = text.strip_prefix(HASH_PREFIX).ok_or(MalformedHash)?;
        if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(MalformedHash);
        }
        let mut hash = [0; 32];
        for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
            let pair = &digits[at..at + 2];
            *byte = u8::from_str_radix(pair, 16).map_err(|_no_digits| MalformedHash)?;
        }
        Ok(Self(hash))
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hash.to_string()
    }
}

/// Why tokens cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// A name that cannot stand in a log.
    #[error("`{0}` is no name of a token: it has 1 to {LONGEST_NAME} letters, digits, `-` and `_`")]
    Name(String),
    /// The name of the environment's token.
    #[error("`[tokens.{ADMIN}]`: this is the name of CUBETILER_ADMIN_TOKEN; choose another")]
    AdminName,
    /// It allows nothing.
    #[error("`tokens.{0}.scopes` is empty: name at least one of read, fill, admin")]
    NoScopes(String),
    /// It is for no cube.
    #[error("`tokens.{0}.cubes` is empty: name cubes, or leave it out for all cubes")]
    NoCubes(String),
    /// It is for a cube that there is not.
    #[error("`tokens.{token}.cubes` names `{cube}`, which is not configured{hint}")]
    UnknownCube {
        /// Its name.
        token: String,
        /// As it is named.
        cube: String,
        /// `; did you mean ..?`, or nothing.
        hint: String,
    },
    /// One token under two names.
    #[error("`tokens.{0}` and `tokens.{1}` have the same hash: make a token for each")]
    Twice(String, String),
    /// There is no token that could be sent.
    #[error(
        "`server.protect_reading` is on and there is no token, so that nobody could read: make one with `cubetiler token NAME`, or set CUBETILER_ADMIN_TOKEN"
    )]
    NobodyMayRead,
}

/// Whether a token may have this name: one that stands in TOML without quotes.
///
/// # Errors
/// If not.
pub fn check_name(name: &str) -> Result<(), TokensError> {
    if name == ADMIN {
        return Err(TokensError::AdminName);
    }
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_plain) {
        return Err(TokensError::Name(name.to_owned()));
    }
    Ok(())
}

impl Config {
    /// Holds tokens against each other and against the cubes, to which the command
    /// line may have added.
    ///
    /// # Errors
    /// Names the token and what is wrong with it.
    pub fn check_tokens(&self) -> Result<(), TokensError> {
        let mut known: Vec<(&str, &TokenHash)> = Vec::new();
        for (name, token) in &self.tokens {
            check_name(name)?;
            if token.scopes.is_empty() {
                return Err(TokensError::NoScopes(name.clone()));
            }
            if let Some((twin, _)) = known.iter().find(|(_, hash)| token.hash.is_same(hash)) {
                return Err(TokensError::Twice((*twin).to_owned(), name.clone()));
            }
            known.push((name, &token.hash));
            let Some(cubes) = &token.cubes else {
                continue;
            };
            if cubes.is_empty() {
                return Err(TokensError::NoCubes(name.clone()));
            }
            for cube in cubes {
                if let Some(hint) = self.missing(cube) {
                    return Err(TokensError::UnknownCube {
                        token: name.clone(),
                        cube: cube.clone(),
                        hint,
                    });
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(tokens: &str) -> Result<Config, String> {
        let text = format!("[cubes]\nalps = 'cubes/alps'\n{tokens}");
        toml::from_str(&text).map_err(|error| error.to_string())
    }

    fn hash(token: &str) -> String {
        TokenHash::of(token).to_string()
    }

    #[test]
    fn a_hash_is_that_of_sha256sum_and_is_read_as_it_is_written() {
        let written = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash("abc"), written);
        let read = TokenHash::try_from(written.to_owned()).unwrap();
        assert!(read.is_same(&TokenHash::of("abc")));
        assert!(!read.is_same(&TokenHash::of("abd")));
        let upper = written.to_uppercase().replace("SHA", "sha");
        assert_eq!(TokenHash::try_from(upper).unwrap(), read);
    }

    #[test]
    fn what_is_no_hash_is_refused_and_not_shown() {
        for wrong in [
            "ct_secret",
            "sha256:12",
            &hash("a")[7..],
            &format!("{}0", hash("a")),
            &hash("a").replace("sha256:", "sha1:"),
            &format!("sha256:{}", "é".repeat(32)),
            &format!("sha256:{}", "g".repeat(64)),
        ] {
            let text = format!("[tokens.x]\nhash = '{wrong}'\nscopes = ['read']");
            let error = config(&text).unwrap_err();
            assert!(error.contains("cubetiler token"), "{error}");
        }
    }

    #[test]
    fn a_greater_scope_includes_the_smaller_ones() {
        assert!(Scope::Admin > Scope::Fill && Scope::Fill > Scope::Read);
        for scope in Scope::ALL {
            assert_eq!(scope.name().parse::<Scope>().unwrap(), scope);
        }
    }

    #[test]
    fn tokens_that_could_not_be_meant_are_refused_with_what_would_be_right() {
        let one = |rest: &str| format!("[tokens.x]\nhash = '{}'\n{rest}", hash("a"));
        let fine = config(&one("scopes = ['read', 'fill']\ncubes = ['alps']")).unwrap();
        assert!(fine.check_tokens().is_ok());
        let twins = format!(
            "{}\n[tokens.y]\nhash = '{}'\nscopes = ['read']",
            one("scopes = ['read']"),
            hash("a")
        );
        for (tokens, part) in [
            (one("scopes = []"), "`tokens.x.scopes` is empty"),
            (one("scopes = ['raed']"), "did you mean `read`?"),
            (one(""), "scopes"),
            (one("scopes = ['read']\ncubes = []"), "leave it out"),
            (
                one("scopes = ['read']\ncubes = ['alsp']"),
                "did you mean `alps`?",
            ),
            (one("scope = ['read']"), "scope"),
            (
                one("scopes = ['read']").replace(".x", ".admin"),
                "CUBETILER_ADMIN_TOKEN",
            ),
            (one("scopes = ['read']").replace(".x", ".'a b'"), "`a b`"),
            (twins, "same hash"),
        ] {
            let error = match config(&tokens) {
                Ok(config) => config.check_tokens().unwrap_err().to_string(),
                Err(error) => error,
            };
            assert!(error.contains(part), "{tokens}: {error}");
        }
    }
}
