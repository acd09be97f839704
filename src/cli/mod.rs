//! The command line. Exit codes: 0 all done, 1 some of it failed, 2 bad input.

mod build;
mod cube;
mod demo;
mod export;
mod history;
mod provenance;
mod serve;
mod token;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, DEFAULT_TOML};

/// All done.
const DONE: ExitCode = ExitCode::SUCCESS;

/// A tile server over Zarr data cubes that builds the cube it serves.
#[derive(Debug, Parser)]
#[command(name = "cubetiler", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write an empty cube from a recipe
    Create {
        /// The recipe, a TOML file
        recipe: PathBuf,
        /// Where the cube is to be; nothing may be there yet
        store: PathBuf,
    },
    /// Build what is missing in a cube
    Build(build::BuildArguments),
    /// Lengthen the time axis of a cube
    Extend {
        /// The cube
        store: PathBuf,
        /// A day of the last time step
        #[arg(long)]
        end: chrono::NaiveDate,
    },
    /// Tell what a cube is and how much of it was built
    Info {
        /// The cube
        store: PathBuf,
        /// Tell what the chunk at this place is made of, in degrees
        #[arg(long, value_name = "LON,LAT", allow_hyphen_values = true)]
        at: Option<String>,
        /// JSON instead of lines for people
        #[arg(long)]
        json: bool,
    },
    /// List what was committed to a cube, the newest first
    History {
        /// The cube
        store: PathBuf,
        /// At most so many commits
        #[arg(long, default_value_t = 100)]
        limit: usize,
        /// JSON lines instead of lines for people
        #[arg(long)]
        json: bool,
    },
    /// Make an earlier state of a cube the newest one
    Rollback {
        /// The cube
        store: PathBuf,
        /// The state, as `history` lists it
        revision: String,
    },
    /// Delete what no commit of a cube reaches
    Gc(history::GcArguments),
    /// Write a cube as a plain Zarr store, for programs that do not read Icechunk
    Export(export::ExportArguments),
    /// Serve cubes as map tiles
    Serve(serve::ServeArguments),
    /// Make a token, and the lines of the configuration that let it in
    Token(token::TokenArguments),
    /// Print the documented default configuration
    Config,
    /// Serve a synthetic archive and a cube that fills from it, offline
    Demo(demo::DemoArguments),
    /// Ask a server whether it answers; for container health checks
    Health {
        /// Its address
        #[arg(long, default_value = "http://127.0.0.1:8080")]
        url: String,
    },
}

/// Where the configuration comes from.
#[derive(Debug, Args)]
struct ConfigArguments {
    /// Configuration file (TOML); see `cubetiler config`
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigArguments {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.config.clone(), Config::environment())?)
    }
}

/// Something failed that is not the user's mistake.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Failed(#[from] anyhow::Error);

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error.into()),
    };
    match runtime.block_on(run(arguments.command)) {
        Ok(code) => code,
        Err(error) => complain(&error),
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Create { recipe, store } => cube::create(&recipe, &store).await,
        Command::Build(arguments) => build::run(arguments).await,
        Command::Extend { store, end } => cube::extend(&store, end).await,
        Command::Info { store, at, json } => match at {
            Some(at) => provenance::show(&store, &at, json).await,
            None => cube::info(store, json).await,
        },
        Command::History { store, limit, json } => history::history(&store, limit, json).await,
        Command::Rollback { store, revision } => history::rollback(&store, &revision).await,
        Command::Gc(arguments) => history::gc(arguments).await,
        Command::Export(arguments) => export::run(arguments).await,
        Command::Serve(arguments) => serve::run(arguments).await,
        Command::Token(arguments) => token::run(arguments),
        Command::Config => {
            say(DEFAULT_TOML.trim_end());
            Ok(DONE)
        }
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Health { url } => health(&url).await,
    }
}

async fn health(url: &str) -> anyhow::Result<ExitCode> {
    let url = format!("{}/healthz", url.trim_end_matches('/'));
    crate::source::ask(&url)
        .await
        .map_err(|error| Failed::from(anyhow::Error::new(error)))?;
    Ok(DONE)
}

/// Writes a line to the standard output.
#[expect(clippy::print_stdout, reason = "the command line's answers go there")]
fn say(text: impl std::fmt::Display) {
    println!("{text}");
}

/// Writes the error with its reasons to the standard error, and tells the code.
#[expect(
    clippy::print_stderr,
    reason = "the command line's complaints go there"
)]
fn complain(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::from(if error.is::<Failed>() { 1 } else { 2 })
}

/// Ends when the process is told to stop, by Ctrl-C or by a supervisor.
async fn stopped() {
    let interrupted = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending::<()>();
    tokio::select! {
        () = interrupted => {}
        () = terminated => {}
    }
}
