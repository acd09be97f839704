//! `demo`: everything in one process, offline.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::{net::TcpListener, sync::watch};

use super::{ConfigArguments, DONE, Failed, say, stopped};
use crate::{
    app::{self, App},
    build::{Area, BuildRequest, cancellation},
    compute::Compute,
    cube::{Cube, Recipe},
    demo::{archive, stac},
    http::Access,
    land::Land,
    repo::Repo,
    telemetry, zarr,
    zarr::StoredCube,
};

/// Where the recipe's source is, until the archive's address is known.
const RECIPE: &str = include_str!("../../config/demo.toml");

/// What is filled before the map is shown: the hinterland of Toulon.
const FIRST_LOOK: &str = "5.85,43.05,6.25,43.3";

#[derive(Debug, Args)]
pub(super) struct DemoArguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Where the archive and the cube are kept
    #[arg(long, default_value = "demo-data")]
    dir: PathBuf,
    /// Address and port to listen on
    #[arg(long, default_value = "127.0.0.1:8080")]
    bind: SocketAddr,
    /// Port of the archive and its STAC API, on loopback
    #[arg(long, default_value_t = 8081)]
    archive_port: u16,
    /// Begin with an empty map
    #[arg(long)]
    fresh: bool,
}

pub(super) async fn run(arguments: DemoArguments) -> anyhow::Result<ExitCode> {
    let mut config = arguments.config.load()?;
    telemetry::log(&config.log)?;
    // Both places are taken before the long work begins.
    let listener = TcpListener::bind(arguments.bind).await.with_context(|| {
        format!(
            "cannot listen on {}; choose another with --bind",
            arguments.bind
        )
    })?;
    let archive_bind = SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.archive_port));
    let archive_listener = TcpListener::bind(archive_bind).await.with_context(|| {
        format!("cannot listen on {archive_bind}; choose another with --archive-port")
    })?;
    let archive_url = stac::root_url(archive_listener.local_addr()?);
    let archive = draw(arguments.dir.join("archive")).await?;

    let (stop, mut stopping) = watch::channel(false);
    let archive_stopped = async move {
        let _ended = stopping.wait_for(|stop| *stop).await;
    };
    let archive_server = tokio::spawn(stac::serve(archive, archive_listener, archive_stopped));

    let store = arguments.dir.join("cube");
    if arguments.fresh && store.exists() {
        std::fs::remove_dir_all(&store)
            .with_context(|| format!("cannot empty {}", store.display()))?;
    }
    if store.exists() {
        let repo = Repo::open(&store).await?;
        let made_for = StoredCube::open(&repo)
            .await?
            .cube
            .recipe()
            .source
            .stac
            .clone();
        anyhow::ensure!(
            made_for == archive_url,
            "{} was made for an archive at {made_for}, and it is at {archive_url} now: give the same --archive-port, or begin again with --fresh",
            store.display()
        );
    } else {
        zarr::create_at(&store, &recipe(&archive_url)?).await?;
        first_look(&config, &store).await?;
    }
    config.server.bind = arguments.bind;
    config.build.commit_seconds = 1;
    config.server.state_dir = store.with_extension("state");
    config.cubes.insert("demo".to_owned(), store);
    // Where the configuration says who may do what, it is not for everybody.
    let is_for_all = arguments.bind.ip().is_loopback()
        && config.tokens.is_empty()
        && !config.server.protect_reading;
    let access = match &config.admin_token {
        Some(token) => Access::Token(token.clone()),
        None if is_for_all => Access::Open,
        None => Access::Off,
    };
    let app = App::new(&config, access).await?;
    let address = listener.local_addr()?;
    say(format!("The archive is at {archive_url}"));
    say(format!("Open http://{address}{}/", config.server.root_path));
    let served = app.serve(listener, stopped()).await;
    stop.send_replace(true);
    archive_server
        .await
        .map_err(|e| Failed::from(anyhow::Error::new(e)))??;
    served.map_err(|error| Failed::from(anyhow::Error::new(error)))?;
    Ok(DONE)
}

/// The demo's cube over the archive at an address.
fn recipe(stac: &str) -> anyhow::Result<Cube> {
    let mut recipe = Recipe::from_toml(RECIPE)?;
    stac.clone_into(&mut recipe.source.stac);
    Ok(Cube::new(recipe)?)
}

/// Draws the archive, once.
async fn draw(directory: PathBuf) -> anyhow::Result<archive::Archive> {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} images drawn  {elapsed}")
    {
        bar.set_style(style);
    }
    let progress = bar.clone();
    let work = move || {
        let land = Land::global();
        archive::generate(
            &directory,
            |lon, lat| land.contains(lon, lat),
            |done, total| {
                progress.set_length(total as u64);
                progress.set_position(done as u64);
            },
        )
    };
    let archive = Compute::new(1).run(work).await?;
    bar.finish_and_clear();
    Ok(archive?)
}

/// Fills a part of the map, so that it does not begin all empty.
async fn first_look(config: &crate::config::Config, store: &Path) -> anyhow::Result<()> {
    let (entry, builder) = app::workshop(config, store.to_owned()).await?;
    let request = BuildRequest {
        area: Area::Bounds(BuildRequest::parse_bounds(FIRST_LOOK)?),
        ..BuildRequest::default()
    };
    let (_switch, cancel) = cancellation();
    let bar = ProgressBar::new_spinner().with_message("building the first look");
    bar.enable_steady_tick(Duration::from_millis(100));
    let report = builder
        .run(&entry, &request, "cubetiler demo", &cancel, &|_| {})
        .await?;
    bar.finish_and_clear();
    anyhow::ensure!(
        report.failures.is_empty(),
        "the first look could not be built: {:?}",
        report.failures
    );
    Ok(())
}
