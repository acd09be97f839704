//! `token`.

use std::{collections::BTreeMap, process::ExitCode};

use base64::Engine as _;
use clap::Args;
use serde::Serialize;

use super::{DONE, Failed, say};
use crate::config::{Scope, TokenConfig, TokenHash, check_name};

/// Tokens begin so, that people and scanners of secrets know them.
const BEGINNING: &str = "ct_";

#[derive(Debug, Args)]
pub(super) struct TokenArguments {
    /// Who or what it is for: letters, digits, `-` and `_`
    name: String,
    /// What it allows: read, fill or admin, of which each includes those before it
    #[arg(long = "scope", value_name = "SCOPE", default_value = "read")]
    scopes: Vec<Scope>,
    /// A cube that it is for, all without; repeat it for more
    #[arg(long = "cube", value_name = "NAME")]
    cubes: Vec<String>,
}

pub(super) fn run(arguments: TokenArguments) -> anyhow::Result<ExitCode> {
    check_name(&arguments.name)?;
    let token = random()?;
    let lines = lines(arguments, &token)?;
    say(format!(
        "The token, which is shown this once:\n\n    {token}\n\nFor the configuration of the server:\n\n{lines}"
    ));
    Ok(DONE)
}

/// A token of 256 random bits, in letters that need no escape in addresses.
fn random() -> anyhow::Result<String> {
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| {
        Failed::from(anyhow::anyhow!("the system gives no random bits: {error}"))
    })?;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bits);
    Ok(format!("{BEGINNING}{text}"))
}

fn lines(arguments: TokenArguments, token: &str) -> anyhow::Result<String> {
    #[derive(Serialize)]
    struct Lines {
        tokens: BTreeMap<String, TokenConfig>,
    }
    let TokenArguments {
        name,
        scopes,
        cubes,
    } = arguments;
    let told = TokenConfig {
        hash: TokenHash::of(token),
        scopes,
        cubes: Some(cubes).filter(|cubes| !cubes.is_empty()),
    };
    let tokens = BTreeMap::from([(name, told)]);
    Ok(toml::to_string(&Lines { tokens })?.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn the_lines_are_those_that_the_configuration_reads() {
        let arguments = TokenArguments {
            name: "fill-bot".to_owned(),
            scopes: vec![Scope::Fill],
            cubes: vec!["alps".to_owned(), "a \"b\"".to_owned()],
        };
        let token = random().unwrap();
        let lines = lines(arguments, &token).unwrap();
        assert!(!lines.contains(&token), "{lines}");
        let config: Config = toml::from_str(&lines).unwrap();
        let read = &config.tokens["fill-bot"];
        assert!(read.hash.is_same(&TokenHash::of(&token)));
        assert_eq!(read.scopes, [Scope::Fill]);
        assert_eq!(read.cubes.as_deref().unwrap()[1], "a \"b\"");
    }

    #[test]
    fn every_token_is_another_one_of_256_bits() {
        let (a, b) = (random().unwrap(), random().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.len(), BEGINNING.len() + 43);
    }
}
