//! The cubes that are open, and the committed state that each is at.
//!
//! A reader takes a state and keeps it while it works; [`Entry::publish`]
//! makes later readers take a newer one. This is the one message between the
//! build flow and the tile flow.

mod entry;
mod error;
mod guests;
mod home;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use self::guests::Guests;
pub use self::{
    entry::{Entry, ExternalEntry},
    error::{CatalogError, CreateError, GuestError, UnknownCube},
};
use crate::{
    compute::Compute,
    external::{Address, ExternalError, Gate, Source},
    repo::{Repo, is_in_bucket},
    storage::{BucketSettings, Location, Storage},
    suggest,
    zarr::StoredCube,
};

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
    open: RwLock<Open>,
    /// How many were ever opened.
    numbered: AtomicU32,
    check_every: Duration,
    buckets: BucketSettings,
    /// The folder that new cubes are made in, if any are.
    home: Option<PathBuf>,
    /// Data sets that requests name, if they may name any.
    guests: Option<Guests>,
}

#[derive(Debug, Default)]
struct Open {
    cubes: BTreeMap<String, Arc<Entry>>,
    /// Where those are, as far as it can be told.
    places: BTreeMap<String, Location>,
    externals: BTreeMap<String, Arc<ExternalEntry>>,
}

impl Open {
    fn has(&self, name: &str) -> bool {
        self.cubes.contains_key(name) || self.externals.contains_key(name)
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
    pub async fn open(&self, name: &str, path: PathBuf) -> Result<Arc<Entry>, CatalogError> {
        self.check_name(name)?;
        let failed = |source| CatalogError::Open {
            name: name.to_owned(),
            path: path.clone(),
            source: Box::new(source),
        };
        let repo = Repo::open_any(&path, &self.buckets).await;
        let repo = repo.map_err(|e| failed(e.into()))?;
        let current = StoredCube::open(&repo).await.map_err(failed)?;
        let number = self.next_number();
        let entry = Entry::new(name, number, repo, current, self.check_every);
        let entry = Arc::new(entry);
        let address = Address::parse(&path.to_string_lossy());
        self.add(name, |open| {
            open.cubes.insert(name.to_owned(), Arc::clone(&entry));
            if let Ok(address) = address {
                open.places.insert(name.to_owned(), address.location);
            }
        })?;
        Ok(entry)
    }

    /// Opens what is at an address under a name: a cube, or else the data set
    /// of somebody else ([`Address::parse`]), which is read with `storage` and
    /// decoded on `compute`.
    ///
    /// # Errors
    /// If the name is unusable, or the store is neither; then for both reasons.
    pub async fn open_any(
        &self,
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
        let entry = Arc::new(ExternalEntry::new(name, self.next_number(), source));
        self.add(name, |open| {
            open.externals.insert(name.to_owned(), entry);
        })
    }

    fn read(&self) -> RwLockReadGuard<'_, Open> {
        self.open.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was opened, unless somebody was faster.
    fn add(&self, name: &str, insert: impl FnOnce(&mut Open)) -> Result<(), CatalogError> {
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if open.has(name) {
            return Err(CatalogError::Twice(name.to_owned()));
        }
        insert(&mut open);
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), CatalogError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain)) {
            return Err(CatalogError::Name(name.to_owned()));
        }
        if self.read().has(name) {
            return Err(CatalogError::Twice(name.to_owned()));
        }
        Ok(())
    }

    fn next_number(&self) -> u32 {
        // A process opens far fewer than 2^32.
        self.numbered.fetch_add(1, Ordering::Relaxed)
    }

    /// Lets requests name data sets by their addresses, as far as a gate lets them.
    #[must_use]
    pub fn welcoming(self, gate: Gate, storage: Storage, compute: Compute) -> Self {
        let guests =
            (!gate.is_closed()).then(|| Guests::new(gate, storage, compute, self.check_every));
        Self { guests, ..self }
    }

    /// Whether there may be data sets of others.
    #[must_use]
    pub fn has_externals(&self) -> bool {
        self.guests.is_some() || !self.read().externals.is_empty()
    }

    /// The data set at an address, `ADDRESS[@REFERENCE]`, and the path of a group in
    /// it, with times that are decoded or as they are stored; the one that the
    /// configuration names if that is the same.
    ///
    /// # Errors
    /// If it may not be named, is a cube of ours, or cannot be opened.
    pub async fn guest(
        &self,
        url: &str,
        group: &str,
        has_raw_times: bool,
    ) -> Result<Arc<ExternalEntry>, GuestError> {
        let guests = self.guests.as_ref().ok_or(ExternalError::Closed)?;
        let address = Address {
            has_raw_times,
            ..guests.admit(url, group)?
        };
        if let Some(entry) = self.served_at(&address)? {
            return Ok(entry);
        }
        guests.get(url, address, || self.next_number()).await
    }

    fn served_at(&self, address: &Address) -> Result<Option<Arc<ExternalEntry>>, GuestError> {
        let open = self.read();
        let mut cubes = open.places.iter();
        if let Some((name, _)) = cubes.find(|(_, place)| address.location.is_below(place)) {
            return Err(GuestError::Own(name.clone()));
        }
        let is_it = |own: &Address| {
            let is_place = (&own.location, &own.reference, &own.group)
                == (&address.location, &address.reference, &address.group);
            is_place && own.has_raw_times == address.has_raw_times
        };
        let found = open.externals.values();
        Ok(found
            .into_iter()
            .find(|entry| is_it(entry.source().address()))
            .map(Arc::clone))
    }

    /// The data set of somebody else that has this name, if there is one.
    #[must_use]
    pub fn external(&self, name: &str) -> Option<Arc<ExternalEntry>> {
        self.read().externals.get(name).map(Arc::clone)
    }

    /// All data sets of others, by name.
    #[must_use]
    pub fn externals(&self) -> Vec<Arc<ExternalEntry>> {
        self.read().externals.values().map(Arc::clone).collect()
    }

    /// The cube of a name.
    ///
    /// # Errors
    /// If there is none; the nearest name is suggested.
    pub fn get(&self, name: &str) -> Result<Arc<Entry>, UnknownCube> {
        let open = self.read();
        let found = open.cubes.get(name).map(Arc::clone);
        found.ok_or_else(|| UnknownCube {
            name: name.to_owned(),
            hint: if open.externals.contains_key(name) {
                "; what has this name is a data set that is only served".to_owned()
            } else {
                let names = open.cubes.keys().chain(open.externals.keys());
                suggest::hint(name, names.map(String::as_str))
            },
        })
    }

    /// All cubes, by name.
    #[must_use]
    pub fn entries(&self) -> Vec<Arc<Entry>> {
        self.read().cubes.values().map(Arc::clone).collect()
    }
}
