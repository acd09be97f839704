//! The cubes that are open, and the committed state that each is at.
//!
//! A reader takes a state and keeps it while it works; [`Entry::publish`]
//! makes later readers take a newer one. This is the one message between the
//! build flow and the tile flow.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};

use crate::{
    compute::Compute,
    external::{Address, ExternalError, Source},
    repo::{Repo, Revision, is_in_bucket},
    storage::{BucketSettings, Storage},
    suggest,
    zarr::{StoredCube, ZarrError},
};

/// No cube of this name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no cube `{name}`{hint}")]
pub struct UnknownCube {
    name: String,
    hint: String,
}

/// Why a cube cannot be added.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A name that cannot stand in a URL.
    #[error(
        "`{0}` is no name for a cube: use letters, digits, `-`, `_` and `.`, and begin with a letter or digit"
    )]
    Name(String),
    /// The name is taken.
    #[error("there are two cubes called `{0}`")]
    Twice(String),
    /// The store is no cube, or cannot be read.
    #[error("cannot open the cube `{name}` at {}", path.display())]
    Open {
        /// Its name.
        name: String,
        /// Where it should be.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Box<ZarrError>,
    },
    /// The store is neither a cube nor anything that tiles can be made of.
    #[error(
        "cannot open `{name}` at {address}: it is no cube of CubeTiler's ({}), and as a data set of somebody else it cannot be opened ({})",
        with_causes(.cube.as_ref()), with_causes(.external.as_ref())
    )]
    Neither {
        /// Its name.
        name: String,
        /// Where it should be.
        address: String,
        /// Why it is no cube.
        cube: Box<ZarrError>,
        /// Why it is no data set.
        external: Box<ExternalError>,
    },
    /// The remote store is nothing that tiles can be made of.
    #[error("cannot open the data set `{name}` at {address}")]
    Remote {
        /// Its name.
        name: String,
        /// Where it should be.
        address: String,
        /// What is wrong.
        #[source]
        source: Box<ExternalError>,
    },
}

/// An error and its causes, in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// An address that cannot be used, without what may be a user and a password.
fn without_secrets(text: &str) -> String {
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://…@{rest}"),
        _ => text.to_owned(),
    }
}

/// The open cubes, by name, and the data sets of others.
#[derive(Debug, Default)]
pub struct Catalog {
    cubes: BTreeMap<String, Arc<Entry>>,
    externals: BTreeMap<String, Arc<ExternalEntry>>,
    check_every: Duration,
    buckets: BucketSettings,
}

/// An open cube.
#[derive(Debug)]
pub struct Entry {
    name: String,
    number: u32,
    repo: Repo,
    current: RwLock<StoredCube>,
    /// How old a state may get before the repository is asked for a newer one,
    /// which another process may have committed. The question is one small read.
    check_every: Duration,
    checked: Mutex<Instant>,
}

/// An open data set that is none of our cubes.
#[derive(Debug)]
pub struct ExternalEntry {
    name: String,
    number: u32,
    source: Source,
}

impl ExternalEntry {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number that no other open cube or data set has, for the keys of caches.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Where it is, and the state that is served.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }
}

impl Catalog {
    /// No cubes yet; those that will be opened are asked for commits of other
    /// processes this often, and are found in buckets by these settings.
    #[must_use]
    pub fn new(check_every: Duration, buckets: impl Into<BucketSettings>) -> Self {
        Self {
            check_every,
            buckets: buckets.into(),
            ..Self::default()
        }
    }

    /// Opens a cube under a name: a path, or an address as `s3://bucket/prefix`.
    ///
    /// # Errors
    /// If the name is unusable or the store is no cube.
    pub async fn open(&mut self, name: &str, path: PathBuf) -> Result<Arc<Entry>, CatalogError> {
        self.check_name(name)?;
        let failed = |source| CatalogError::Open {
            name: name.to_owned(),
            path: path.clone(),
            source: Box::new(source),
        };
        let repo = Repo::open_any(&path, &self.buckets).await;
        let repo = repo.map_err(|e| failed(e.into()))?;
        let current = StoredCube::open(&repo).await.map_err(failed)?;
        let entry = Arc::new(Entry {
            name: name.to_owned(),
            number: self.next_number(),
            repo,
            current: RwLock::new(current),
            check_every: self.check_every,
            checked: Mutex::new(Instant::now()),
        });
        self.cubes.insert(name.to_owned(), Arc::clone(&entry));
        Ok(entry)
    }

    /// Opens what is at an address under a name: a cube, or else the data set
    /// of somebody else ([`Address::parse`]), which is read with `storage` and
    /// decoded on `compute`.
    ///
    /// # Errors
    /// If the name is unusable, or the store is neither; then for both reasons.
    pub async fn open_any(
        &mut self,
        name: &str,
        path: &Path,
        storage: &Storage,
        compute: &Compute,
    ) -> Result<(), CatalogError> {
        self.check_name(name)?;
        let text = path.to_string_lossy();
        let address = Address::parse(&text);
        // A cube of ours is served at its newest state and as a whole.
        let may_be_cube = if is_in_bucket(path) {
            let is_whole = |at: &Address| at.reference.is_none() && at.group.is_empty();
            address.as_ref().is_ok_and(is_whole)
        } else {
            !text.contains("://")
        };
        let no_cube = if may_be_cube {
            match self.open(name, path.to_owned()).await {
                Ok(_) => return Ok(()),
                Err(CatalogError::Open { source, .. }) => Some(source),
                Err(error) => return Err(error),
            }
        } else {
            None
        };
        let shown = address
            .as_ref()
            .map_or_else(|_unusable| without_secrets(&text), ToString::to_string);
        let open = async {
            let (storage, compute) = (storage.clone(), compute.clone());
            Source::open(address?, storage, compute, self.check_every).await
        };
        let source = open.await.map_err(|source| match no_cube {
            Some(cube) => CatalogError::Neither {
                name: name.to_owned(),
                address: shown,
                cube,
                external: Box::new(source),
            },
            None => CatalogError::Remote {
                name: name.to_owned(),
                address: shown,
                source: Box::new(source),
            },
        })?;
        let entry = ExternalEntry {
            name: name.to_owned(),
            number: self.next_number(),
            source,
        };
        self.externals.insert(name.to_owned(), Arc::new(entry));
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), CatalogError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)) {
            return Err(CatalogError::Name(name.to_owned()));
        }
        if self.cubes.contains_key(name) || self.externals.contains_key(name) {
            return Err(CatalogError::Twice(name.to_owned()));
        }
        Ok(())
    }

    fn next_number(&self) -> u32 {
        // A process opens far fewer than 2^32.
        u32::try_from(self.cubes.len() + self.externals.len()).unwrap_or(u32::MAX)
    }

    /// The data set of somebody else that has this name, if there is one.
    #[must_use]
    pub fn external(&self, name: &str) -> Option<&Arc<ExternalEntry>> {
        self.externals.get(name)
    }

    /// All data sets of others, by name.
    #[must_use]
    pub fn externals(&self) -> impl ExactSizeIterator<Item = &Arc<ExternalEntry>> {
        self.externals.values()
    }

    /// The cube of a name.
    ///
    /// # Errors
    /// If there is none; the nearest name is suggested.
    pub fn get(&self, name: &str) -> Result<&Arc<Entry>, UnknownCube> {
        self.cubes.get(name).ok_or_else(|| UnknownCube {
            name: name.to_owned(),
            hint: if self.externals.contains_key(name) {
                "; what has this name is a data set that is only served".to_owned()
            } else {
                let names = self.cubes.keys().chain(self.externals.keys());
                suggest::nearest(name, names.map(String::as_str))
                    .map_or_else(String::new, |best| format!("; did you mean `{best}`?"))
            },
        })
    }

    /// All cubes, by name.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.cubes.values()
    }
}

impl Entry {
    /// The cube's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A number that no other open cube has, for the keys of caches.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The repository behind it.
    #[must_use]
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// The state that is served now, without a look at the repository.
    #[must_use]
    pub fn served(&self) -> StoredCube {
        self.current
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The newest state, as far as it is known or can be found out. A check
    /// that fails fails nobody: what is served stays.
    pub async fn current(&self) -> StoredCube {
        if self.is_check_due()
            && let Err(error) = self.refresh().await
        {
            tracing::warn!(cube = self.name, %error, "cannot look for newer commits");
        }
        self.served()
    }

    /// One caller at a time finds that a check is due.
    fn is_check_due(&self) -> bool {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = checked.elapsed() >= self.check_every;
        if due {
            *checked = Instant::now();
        }
        due
    }

    async fn refresh(&self) -> Result<(), ZarrError> {
        let tip = self.repo.tip().await?;
        if tip != *self.served().snapshot.revision() {
            self.publish().await?;
        }
        Ok(())
    }

    /// Serves the newest committed state from now on.
    ///
    /// # Errors
    /// If it cannot be read; what was served stays.
    pub async fn publish(&self) -> Result<Revision, ZarrError> {
        let newest = StoredCube::open(&self.repo).await?;
        let revision = newest.snapshot.revision().clone();
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = newest;
        Ok(revision)
    }
}
