//! `serve`.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;

use super::{ConfigArguments, DONE, Failed, say, stopped};
use crate::{app::App, http::Access, telemetry};

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Address and port to listen on
    #[arg(long)]
    bind: Option<SocketAddr>,
    /// Cubes to serve, beside those of the configuration
    #[arg(value_name = "NAME=STORE", value_parser = named)]
    cubes: Vec<(String, PathBuf)>,
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    text.split_once('=')
        .filter(|(name, store)| !name.is_empty() && !store.is_empty())
        .map(|(name, store)| (name.to_owned(), PathBuf::from(store)))
        .ok_or_else(|| format!("`{text}` is not NAME=STORE, as in demo=cubes/demo"))
}

pub(super) async fn run(arguments: ServeArguments) -> anyhow::Result<ExitCode> {
    let mut config = arguments.config.load()?;
    if let Some(bind) = arguments.bind {
        config.server.bind = bind;
    }
    config.cubes.extend(arguments.cubes);
    telemetry::log(&config.log)?;
    let access = match &config.admin_token {
        Some(token) => Access::Token(token.clone()),
        None => Access::Off,
    };
    let app = App::new(&config, access).await?;
    let bind = config.server.bind;
    let listener = TcpListener::bind(bind)
        .await
        .with_context(|| format!("cannot listen on {bind}"))?;
    let address = listener.local_addr()?;
    say(format!("http://{address}{}/", config.server.root_path));
    app.serve(listener, stopped())
        .await
        .map_err(|error| Failed::from(anyhow::Error::new(error)))?;
    Ok(DONE)
}
