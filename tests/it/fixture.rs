//! A small archive whose pixels follow a formula, and a cube over it.

use std::path::{Path, PathBuf};

use cubetiler::{
    app::App,
    config::Config,
    demo::{
        acquisition::Acquisition,
        archive::{Archive, ArchiveOptions, generate_with},
        imagery::{Formula, Scl},
        plane::Bounds,
        stac,
    },
    http::Access,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::support::{cubetiler, succeed};

/// The dates of the archive. On date n red is `1000 + 100 n` everywhere; on the
/// last one all that is east of 6 degrees is cloud.
const DATES: [&str; 5] = [
    "2023-08-02",
    "2023-08-07",
    "2023-08-12",
    "2023-08-17",
    "2023-08-22",
];

/// Where the two UTM zones meet, and the clouds of the last date begin.
pub(crate) const SEAM: f64 = 6.0;

/// The grid: 64 x 64 cells, which chunks of 48 do not divide.
pub(crate) const WEST: f64 = 5.905;
pub(crate) const NORTH: f64 = 43.195;
pub(crate) const CELL: f64 = 0.003;
pub(crate) const SIDE: usize = 64;
pub(crate) const CHUNK: usize = 48;

/// What the median of red is at a longitude: of five dates the middle one, of
/// four the mean of the middle two.
pub(crate) fn expected_red(lon: f64) -> u16 {
    if lon < SEAM { 1200 } else { 1150 }
}

/// How many dates are clear at a longitude, in one zone or in two.
pub(crate) fn expected_count(lon: f64) -> u16 {
    if lon < SEAM { 5 } else { 4 }
}

/// Whether a cell is so near the edge of the clouds that the scenes' coarser
/// pixels decide.
pub(crate) fn is_near_seam(lon: f64) -> bool {
    (lon - SEAM).abs() < 0.006
}

pub(crate) fn archive(folder: &Path) -> Archive {
    archive_of(folder, |n, _| 1000 + 100 * n)
}

/// The same with another red, by the number of the date and longitude and latitude.
pub(crate) fn archive_of(
    folder: &Path,
    red: impl Fn(u16, (f64, f64)) -> u16 + Copy + Send + Sync + 'static,
) -> Archive {
    let options = ArchiveOptions {
        imagery: "formula".to_owned(),
        bounds: Bounds {
            west: 5.89,
            south: 42.99,
            east: 6.11,
            north: 43.21,
        },
        cell_size: 240.0,
        overlap: 4.0,
        tile_size: 32,
        acquisitions: DATES
            .map(|date| Acquisition::on(date.parse().unwrap()))
            .to_vec(),
    };
    let imagery = || {
        Formula(
            move |acquisition: &Acquisition, place: cubetiler::demo::imagery::Place| {
                let date = acquisition.date.to_string();
                let n = DATES.iter().position(|d| *d == date).unwrap();
                let red = red(u16::try_from(n).unwrap(), place.geographic);
                let is_cloud = n == DATES.len() - 1 && place.geographic.0 > SEAM;
                let class = if is_cloud {
                    Scl::CloudHigh
                } else {
                    Scl::Vegetation
                };
                ([red, 800, 600, 3000], class)
            },
        )
    };
    generate_with(&folder.join("archive"), &options, imagery, |_, _| {}).unwrap()
}

pub(crate) fn recipe(stac: &str) -> String {
    format!(
        r#"
        title = "Formula"
        [grid]
        bounds = [{WEST}, 43.005, 6.095, {NORTH}]
        resolution = {CELL}
        chunk = {CHUNK}
        inner_chunk = 16
        skip = "none"
        [time]
        start = "2023-08-01"
        end = "2023-08-31"
        [source]
        stac = "{stac}"
        collection = "sentinel-2-l2a"
        bands = ["red", "green"]
        mask = {{ asset = "scl" }}
        [composite]
        resampling = "nearest"
        "#
    )
}

/// A folder with an archive and a recipe over its items on disk.
pub(crate) struct Local {
    pub(crate) folder: TempDir,
    pub(crate) archive: Archive,
}

impl Local {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = archive(folder.path());
        let items = archive.directory.join("items.json");
        std::fs::write(
            folder.path().join("recipe.toml"),
            recipe(items.to_str().unwrap()),
        )
        .unwrap();
        Self { folder, archive }
    }

    /// An empty cube by the recipe.
    pub(crate) fn create(&self, name: &str) -> String {
        let store = self.path(name);
        let recipe = self.path("recipe.toml");
        succeed(&mut cubetiler(&["create", &recipe, &store]));
        store
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }
}

/// The archive's STAC API, until it is stopped.
pub(crate) struct Api {
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Api {
    pub(crate) async fn start(archive: Archive) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = stac::root_url(listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(async move {
            let stopped = async {
                let _stopped = stopped.await;
            };
            stac::serve(archive, listener, stopped).await.unwrap();
        });
        Self { url, stop, server }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.server.abort();
        let _aborted = self.server.await;
    }
}

/// A server until it is dropped; by default with one cube, `formula`.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) client: reqwest::Client,
    _stop: oneshot::Sender<()>,
}

impl Server {
    pub(crate) async fn start(store: PathBuf, access: Access, root_path: &str) -> Self {
        let mut config = Config::default();
        config.server.state_dir = store.with_extension("state");
        config.cubes.insert("formula".to_owned(), store);
        config.server.root_path = root_path.to_owned();
        Self::of(&config, access).await
    }

    pub(crate) async fn of(config: &Config, access: Access) -> Self {
        let app = App::new(config, access).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let stopped = async {
                let _dropped = stopped.await;
            };
            app.serve(listener, stopped).await.unwrap();
        });
        Self {
            url,
            client: reqwest::Client::new(),
            _stop: stop,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        let url = format!("{}{path}", self.url);
        self.client.get(url).send().await.unwrap()
    }
}
